"""Where the hub is, for browsers."""

from __future__ import annotations

from typing import Any

from jupyterhub.utils import get_browser_protocol, url_path_join

__all__ = ["public_address"]


def public_address(handler: Any, path: str) -> str:
    """An address of the hub as browsers see it: by ``JupyterHub.public_url``, else by the request.

    Args:
        path: below the hub's base address.
    """
    public = handler.settings.get("public_url")
    host = public.netloc if public else handler.request.host
    scheme = public.scheme if public else get_browser_protocol(handler.request)
    return f"{scheme}://{host}{url_path_join(handler.hub.base_url, path)}"
