"""The hub's own templates with ours before them, drawn without a hub."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader
from jupyterhub._data import DATA_FILES_PATH

from jupyterhub_edu import authenticator, desk, spawner

__all__ = ["render"]

_HUB = str(Path(DATA_FILES_PATH) / "templates")
_OURS = [str(folder.TEMPLATES) for folder in (desk, authenticator, spawner)]
_ENVIRONMENT = Environment(
    autoescape=True,
    loader=ChoiceLoader(
        [PrefixLoader({"templates": FileSystemLoader(_HUB)}), FileSystemLoader([*_OURS, _HUB])]
    ),
)


def render(handler: Any, name: str, sync: bool = False, **what: Any) -> Any:
    """In the place of the hub's ``render_template``: for somebody who is logged in."""
    common = {
        "base_url": "/hub/",
        "static_url": lambda path, **_: path,
        "user": SimpleNamespace(name="stu", json_escaped_name="stu", spawner=None),
        "parsed_scopes": {"custom:edu:read": True},
        "no_spawner_check": True,
        "logout_url": "/hub/logout",
    }
    html = _ENVIRONMENT.get_template(name).render(**{**common, **what})
    return html if sync else _later(html)


async def _later(html: str) -> str:
    return html
