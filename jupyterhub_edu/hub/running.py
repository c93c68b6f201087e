"""What the running hub and this package tell each other: routes, checks of the final configuration, the application."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from .last_activity import update_last_activity

__all__ = [
    "Attached",
    "Check",
    "Route",
    "add_check",
    "add_routes",
    "attach",
    "attached",
    "is_ours",
    "routes",
    "run_checks",
]

Route: TypeAlias = tuple[str, Any]
"""A pattern below the hub's base address and its handler class, as ``Authenticator.get_handlers`` gives them; or a list of
rules in its place, after which the other routes follow."""
Check: TypeAlias = Callable[[Any], Iterable[str]]
"""Looks at the JupyterHub application and gives a sentence for each hole, naming the fix."""

_routes: list[Route] = []
_checks: list[Check] = []


@dataclass(frozen=True, slots=True)
class Attached:
    """The running hub."""

    app: Any

    @property
    def api_url(self) -> str:
        """Address of the hub's REST API as reached from its own process, without a trailing slash."""
        server = self.app.hub
        host = server.ip if server.ip not in {"", "0.0.0.0", "::"} else "127.0.0.1"  # noqa: S104 - compared, not bound
        if ":" in host:
            host = f"[{host}]"
        return f"{server.proto}://{host}:{server.port}{server.base_url}api"


_attached: Attached | None = None


def attach(app: Any) -> Attached:
    """Keep the JupyterHub application, before it starts. Repeating it does nothing.

    Our log lines go where the hub's go, and the hub notes its servers' last activity as we do.
    """
    global _attached
    ours = logging.getLogger("jupyterhub_edu")
    ours.parent = app.log
    ours.setLevel(app.log.level)
    app.update_last_activity = partial(update_last_activity, app)
    _attached = Attached(app)
    return _attached


def attached() -> Attached:
    """The running hub.

    Raises:
        RuntimeError: no hub runs in this process.
    """
    if _attached is None:
        raise RuntimeError("no hub runs in this process")
    return _attached


def add_routes(more: Iterable[Route]) -> None:
    """Add routes; they stand before the hub's own, so that a subclass of a hub handler wins."""
    _routes.extend(route for route in more if route not in _routes)


def routes() -> list[Route]:
    """All routes that were added."""
    return list(_routes)


def add_check(check: Check) -> None:
    """Add a check of the final configuration."""
    if check not in _checks:
        _checks.append(check)


def run_checks(app: Any) -> list[str]:
    """Every hole in the final configuration, as sentences."""
    return [sentence for check in _checks for sentence in check(app)]


def is_ours(authenticator: object) -> bool:
    """Whether people are logged in by EduAuthenticator: without it no enrolment is known and nothing may start."""
    return getattr(authenticator, "jupyterhub_edu", False) is True
