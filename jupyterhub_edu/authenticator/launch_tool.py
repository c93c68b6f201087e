"""What the administrators of a learning platform need to register the hub: a page to read, JSON to paste, our keys.

Public by nature: whoever registers a tool has no account here, and platforms fetch the keys themselves.
"""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import urlsplit

from jupyterhub_edu.domain.words import say
from jupyterhub_edu.hub import Route
from jupyterhub_edu.ports import Tool, Unavailable

from .arrivals import LoginRefused, ask
from .launch import LaunchPage, launch_path

__all__ = ["TOOL_ROUTES"]


class ToolPage(LaunchPage):
    """``config``: what to fill in where."""

    async def get(self, id: str) -> None:
        """The page."""
        source = self.launch_source(id)
        html = self.render_template(
            "launch_tool.html",
            sync=True,
            tool=source.tool,
            title=self.title(id),
            addresses=self.addresses(id),
            contact=self.core.campus.contact,
        )
        self.finish(html)

    def addresses(self, id: str) -> dict[str, str]:
        """The addresses of this source's steps."""
        return {
            step: self.address(id, step) for step in ("login", "launch", "jwks", "config.json")
        }


class ToolJson(ToolPage):
    """``config.json``: the same as Canvas reads it.

    Source:
        Canvas LMS, "Configuring LTI Advantage Tools" (JSON configuration).
    """

    async def get(self, id: str) -> None:
        """The JSON."""
        tool = self.launch_source(id).tool
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(_canvas(tool, self.addresses(id)), indent=2))


class ToolKeys(LaunchPage):
    """``jwks``: our public keys."""

    async def get(self, id: str) -> None:
        """The set of keys."""
        source = self.launch_source(id)
        keys = await ask(id, source.keyset())
        if isinstance(keys, Unavailable):
            raise LoginRefused(
                503, say("The hub's key is not ready; please try again in a minute.")
            )
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "public, max-age=300")
        self.finish(json.dumps(keys))


def _canvas(tool: Tool, addresses: dict[str, str]) -> dict[str, Any]:
    placement = {
        "placement": "course_navigation",
        "message_type": "LtiResourceLinkRequest",
        "target_link_uri": addresses["launch"],
        "text": tool.name,
        "windowTarget": "_blank",
    }
    return {
        "title": tool.name,
        "description": tool.description,
        "oidc_initiation_url": addresses["login"],
        "target_link_uri": addresses["launch"],
        "redirect_uris": [addresses["launch"]],
        "public_jwk_url": addresses["jwks"],
        "scopes": list(tool.scopes),
        "custom_fields": dict(tool.custom),
        "extensions": [
            {
                "platform": "canvas.instructure.com",
                "domain": urlsplit(addresses["launch"]).netloc,
                "privacy_level": "public",
                "settings": {"text": tool.name, "placements": [placement]},
            }
        ],
    }


TOOL_ROUTES: Final[list[Route]] = [
    (f"/{launch_path('([^/]+)', 'config')}", ToolPage),
    (f"/{launch_path('([^/]+)', 'config.json')}".replace(".json", r"\.json"), ToolJson),
    (f"/{launch_path('([^/]+)', 'jwks')}", ToolKeys),
]
