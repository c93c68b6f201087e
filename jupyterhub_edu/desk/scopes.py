"""The scopes that limit a token on top of its owner's rights. They give no rights of their own."""

from __future__ import annotations

from typing import Any, Final

from jupyterhub.scopes import define_custom_scopes

__all__ = ["ACCESS", "ADMIN", "CUSTOM_SCOPES", "MANAGE", "READ"]

READ: Final = "custom:edu:read"
MANAGE: Final = "custom:edu:manage"
ADMIN: Final = "custom:edu:admin"
ACCESS: Final = "access:servers"
"""The hub's own, of whoever reaches a server."""
CUSTOM_SCOPES: Final[dict[str, dict[str, Any]]] = {
    READ: {
        "description": "See your courses, your place in the line and, where you may, who is on in them"
    },
    MANAGE: {
        "description": "Stop servers, give grants and hold exams in your courses, where you may, and take or give up "
        "your place in the line",
        "subscopes": [READ],
    },
    ADMIN: {
        "description": "If you are an administrator of the site: see and change what administrators may there",
        "subscopes": [MANAGE],
    },
}
"""For ``JupyterHub.custom_scopes``; everybody gets them with the hub role ``user``."""

# The hub checks a scope's name when a handler is decorated, long before it reads its own configuration.
define_custom_scopes(CUSTOM_SCOPES)
