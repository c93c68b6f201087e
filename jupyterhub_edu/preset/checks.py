"""The hub's final configuration: what must hold after everybody has had their say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jupyterhub_edu import desk
from jupyterhub_edu.spawner import AdmissionMixin

from .wire import Wiring

__all__ = ["final_holes"]


def final_holes(app: Any, service: str, wiring: Wiring) -> Iterator[str]:
    """Every hole in the hub's final configuration, each with its fix."""
    if not issubclass(app.spawner_class, AdmissionMixin):
        yield (
            f"JupyterHub.spawner_class is {app.spawner_class.__name__}, which starts whatever is asked for; "
            "remove that line or move jupyterhub_edu.setup(c) behind it"
        )
    if not any(role.get("name") == service for role in app.load_roles):
        yield (
            f"the hub role {service} is missing from JupyterHub.load_roles: a later line replaced the list; "
            "append to it instead, or move jupyterhub_edu.setup(c) behind it"
        )
    if not any(one.get("name") == service for one in app.services):
        yield (
            f"the service {service} is missing from JupyterHub.services: a later line replaced the list; "
            "append to it instead, or move jupyterhub_edu.setup(c) behind it"
        )
    if not set(desk.CUSTOM_SCOPES) <= set(app.custom_scopes):
        yield (
            "the scopes custom:edu:... are missing from JupyterHub.custom_scopes: a later line replaced them; "
            "add to the dictionary instead, or move jupyterhub_edu.setup(c) behind it"
        )
    if str(desk.TEMPLATES) not in app.template_paths:
        yield (
            "our templates are missing from JupyterHub.template_paths: a later line replaced the list; "
            "append to it instead, or move jupyterhub_edu.setup(c) behind it"
        )
    if _has_profile_list(app):
        yield (
            "KubeSpawner.profile_list is set, which would be a second catalogue beside the campus file; "
            "move its entries to `profiles:` (see the how-to page on moving in) and remove it"
        )
    yield from wiring.key_holes()
    yield from wiring.store_holes(app)


def _has_profile_list(app: Any) -> bool:
    sections = [
        app.config[cls.__name__] for cls in app.spawner_class.mro() if cls.__name__ in app.config
    ]
    return any("profile_list" in section and section["profile_list"] for section in sections)
