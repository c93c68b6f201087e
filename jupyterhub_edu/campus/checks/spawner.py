"""``kubespawner:``, which may set what the campus file does not govern, and nothing else."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..mistakes import Path, did_you_mean, show
from .context import Checker

__all__ = ["GOVERNED", "check_kubespawner"]

_FLAVOR: Final = "flavors: (nodes:, tolerate:)"
_NOBODY: Final = ""
GOVERNED: Final[Mapping[str, str]] = {
    "cpu_guarantee": "cpu: {guarantee: …}",
    "cpu_limit": "cpu: {limit: …}",
    "mem_guarantee": "memory: {guarantee: …}",
    "mem_limit": "memory: {limit: …}",
    "extra_resource_guarantees": "devices:",
    "extra_resource_limits": "devices:",
    "image": "image:",
    "image_spec": "image:",
    "node_selector": _FLAVOR,
    "tolerations": _FLAVOR,
    "node_affinity_required": _FLAVOR,
    "node_affinity_preferred": _FLAVOR,
    "profile_list": "profiles:",
    "options_form": "profiles: and their options:",
    "options_from_form": "profiles: and their options:",
    "group_overrides": "offers: by course role",
    "kubespawner_override": "the keys of the profile itself",
    # These would widen what a server may do; they belong to the hub's own configuration.
    "allow_privilege_escalation": _NOBODY,
    "automount_service_account_token": _NOBODY,
    "cmd": _NOBODY,
    "container_security_context": _NOBODY,
    "enable_user_namespaces": _NOBODY,
    "extra_container_config": _NOBODY,
    "extra_containers": _NOBODY,
    "extra_pod_config": _NOBODY,
    "fs_gid": _NOBODY,
    "gid": _NOBODY,
    "init_containers": _NOBODY,
    "namespace": _NOBODY,
    "oauth_client_allowed_scopes": _NOBODY,
    "oauth_roles": _NOBODY,
    "pod_name_template": _NOBODY,
    "pod_security_context": _NOBODY,
    "privileged": _NOBODY,
    "scheduler_name": _NOBODY,
    "server_token_scopes": _NOBODY,
    "service_account": _NOBODY,
    "supplemental_gids": _NOBODY,
    "uid": _NOBODY,
}
"""KubeSpawner settings that are refused, with the campus key to use instead, if there is one."""

_CODE: Final = ("_hook", "_hooks")
_FIELDS: Final = frozenset(
    {
        "escaped_servername",
        "escaped_user_server",
        "escaped_username",
        "hubnamespace",
        "namespace",
        "pod_name",
        "pvc_name",
        "safe_servername",
        "safe_user_server",
        "safe_username",
        "servername",
        "unescaped_servername",
        "unescaped_username",
        "user_server",
        "userid",
        "username",
    }
)
"""What KubeSpawner fills into braces, as of 7.1."""


def check_kubespawner(c: Checker, path: Path, settings: Mapping[str, Any]) -> None:
    """Look at the settings of one profile or course."""
    for name, value in settings.items():
        place = (*path, name)
        if name in GOVERNED:
            use = GOVERNED[name]
            fix = f"use {use}" if use else "set it in the hub's configuration, for everybody"
            c.wrong(place, "not to be set here", fix)
        elif name.endswith(_CODE):
            c.wrong(place, "a hook is code", "set it in the hub's configuration")
        elif c.traits is not None and name not in c.traits:
            c.wrong(place, "KubeSpawner has no such setting", did_you_mean(name, c.traits))
        else:
            for below, text in _texts(value, place):
                _braces(c, below, text)


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, below in value.items():
            yield from _texts(below, (*path, key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _texts(item, (*path, at))


def _braces(c: Checker, path: Path, text: str) -> None:
    """KubeSpawner formats every text with ``str.format``."""
    doubled = text.replace("{", "{{").replace("}", "}}")
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError:
        c.wrong(path, "a brace that KubeSpawner cannot read", f"write {show(doubled)}")
        return
    for _, name, spec, conversion in parts:
        if name is not None and (name not in _FIELDS or spec or conversion):
            fix = did_you_mean(name, _FIELDS) or f"write {show(doubled)} if the braces are meant"
            c.wrong(path, f"KubeSpawner knows no {show('{' + name + '}')}", fix)
