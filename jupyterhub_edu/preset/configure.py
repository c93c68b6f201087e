"""The one line in the hub's configuration."""

from __future__ import annotations

import logging
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import jupyterhub
from traitlets.config.loader import LazyConfigValue

from jupyterhub_edu import authenticator, campus, desk
from jupyterhub_edu.core import provide
from jupyterhub_edu.hub import METRICS_ROUTES, add_check, add_routes
from jupyterhub_edu.inventory import Kind
from jupyterhub_edu.spawner import TEMPLATES as START_TEMPLATES
from jupyterhub_edu.spawner import as_student, sharing_routes, spawn_routes

from .checks import final_holes
from .locate import NoCampus, locate
from .moving import Refusals, source_types
from .wire import Wiring

__all__ = ["SERVICE", "setup"]

_log = logging.getLogger("jupyterhub_edu")
SERVICE: Final = "jupyterhub-edu"
"""Name of our service and of its hub role; it stops servers for those who may."""
_SPAWNERS: Final = {"kubernetes": "EduSpawner", "local": "EduLocalSpawner"}
_SERVICE_SCOPES: Final = ["list:users", "read:users:activity", "servers", "admin:server_state"]


def setup(
    c: Any,
    campus_file: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    spawner: str = "kubernetes",
    store: str | None = None,
    inventory: Kind | None = None,
) -> None:
    """Switch jupyterhub-edu on.

    Always holds:
        - lists that stand in the configuration already are appended to, never replaced;
        - a mistake in the campus file ends the hub with every mistake named.

    Args:
        c: the configuration object of ``jupyterhub_config.py``.
        campus_file: the campus file or folder, or the document itself; None: see ``locate``.
        spawner: ``kubernetes`` or ``local``.
        store: database URL; None: the campus file's, else a file beside the hub's database.
        inventory: ``cluster``, ``namespace``, ``counted`` or ``auto``; None: the campus file's, else ``auto``.

    Raises:
        SystemExit: no campus file, or one with mistakes.
    """
    if spawner not in _SPAWNERS:
        sys.exit(
            f"jupyterhub-edu: spawner={spawner!r} is not known; use one of {', '.join(_SPAWNERS)}"
        )
    try:
        place = locate(campus_file, source_types(c))
    except Refusals as refusals:
        sys.exit(
            f"jupyterhub-edu: options of the former authenticator that cannot stay:\n{refusals}"
        )
    except NoCampus as missing:
        sys.exit(f"jupyterhub-edu: {missing}")
    try:
        loaded = place.load()
    except campus.CampusError as error:
        sys.exit(f"jupyterhub-edu: mistakes in {place.words}:\n{error}")
    token = secrets.token_hex(32)
    _set_hub(c, token, _SPAWNERS[spawner])
    wiring = Wiring(
        place.load, loaded, token, store=store, inventory=inventory or _usual_inventory(spawner)
    )
    provide(wiring.make_core)
    add_check(lambda app: final_holes(app, SERVICE, wiring))
    add_routes([*desk.size_routes(), *spawn_routes(), *sharing_routes(), *desk.desk_routes()])
    add_routes([*authenticator.LAUNCH_ROUTES, *METRICS_ROUTES])
    _log.info(
        "%s: %d courses from %s",
        SERVICE,
        len(loaded.campus.courses),
        ", ".join(map(str, loaded.files)),
    )


def _usual_inventory(spawner: str) -> Kind | None:
    return "counted" if spawner == "local" else None


def _set_hub(c: Any, token: str, spawner_class: str) -> None:
    """Everything that is set in the hub's configuration, in one place."""
    c.JupyterHub.authenticator_class = "jupyterhub_edu.authenticator.EduAuthenticator"
    c.JupyterHub.spawner_class = f"jupyterhub_edu.spawner.{spawner_class}"
    _append(c.JupyterHub, "services", {"name": SERVICE, "api_token": token})
    _append(
        c.JupyterHub,
        "load_roles",
        {
            "name": SERVICE,
            "description": "Starts and stops servers after the desk's own check",
            "scopes": _SERVICE_SCOPES,
            "services": [SERVICE],
        },
    )
    for folder in (desk.TEMPLATES, authenticator.TEMPLATES, START_TEMPLATES):
        _append(c.JupyterHub, "template_paths", str(Path(folder)))
    # The hub calls whatever can be called, with the account.
    variables = {**desk.TEMPLATE_VARS, "edu_as_student": lambda _: as_student}
    _merge(c.JupyterHub, "template_vars", variables)
    _merge(c.JupyterHub, "custom_scopes", desk.CUSTOM_SCOPES)
    _add_user_scopes(c.JupyterHub, sorted(desk.CUSTOM_SCOPES))
    _keep_no_connection(c.JupyterHubHTTPClient)


def _append(section: Any, name: str, value: Any) -> None:
    """Add to a list trait: behind what was set before, in front of the hub's default (its own templates)."""
    if name in section and not isinstance(section[name], LazyConfigValue):
        section[name] = [*section[name], value]
    else:
        getattr(section, name).prepend([value])


def _merge(section: Any, name: str, more: Mapping[str, Any]) -> None:
    if name in section and not isinstance(section[name], LazyConfigValue):
        section[name] = {**section[name], **more}
    else:
        setattr(section, name, dict(more))


def _keep_no_connection(section: Any) -> None:
    """Each request of the hub to its proxy on a connection of its own, as until 5.5, unless the administrator says otherwise.

    The proxy closes what was silent for five seconds. A hub that is late by more, as where hundreds come at once, learns that by
    a request that fails, and a server that runs is stopped again.
    """
    options = section.get("connector_options", {})
    if isinstance(options, LazyConfigValue):
        options = options.get_value({})
    if not options.keys() & {"force_close", "keepalive_timeout"}:
        section.connector_options = {**options, "force_close": True}


def _add_user_scopes(section: Any, scopes: list[str]) -> None:
    """People need the custom scopes themselves before they can put them into a token."""
    if jupyterhub.version_info[0] >= 6:
        has = section["extra_user_scopes"] if "extra_user_scopes" in section else set()  # noqa: SIM401 - a Config makes what is asked for
        section.extra_user_scopes = {
            *(has if not isinstance(has, LazyConfigValue) else ()),
            *scopes,
        }
        return
    roles = (
        list(section["load_roles"])
        if not isinstance(section["load_roles"], LazyConfigValue)
        else None
    )
    mine = {"name": "user", "scopes": ["self", *scopes]}
    if roles is None:
        section.load_roles.append(mine)
        return
    for role in roles:
        if role.get("name") == "user":
            role["scopes"] = [*role.get("scopes", []), *scopes]
            break
    else:
        roles.append(mine)
    section.load_roles = roles
