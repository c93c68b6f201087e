"""KubeSpawner's ``profile_list`` in the campus file's words: a start for moving in, to be read before it is used. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import yaml

from jupyterhub_edu.domain.quantities import parse_memory

from .merging import thaw

__all__ = ["convert_profile_list"]

_GUARANTEE_AND_LIMIT: Final = {
    "cpu_guarantee": ("cpu", "guarantee"),
    "cpu_limit": ("cpu", "limit"),
    "mem_guarantee": ("memory", "guarantee"),
    "mem_limit": ("memory", "limit"),
}
_PLACED: Final = (
    "extra_resource_limits",
    "extra_resource_guarantees",
    "node_selector",
    "tolerations",
)


def convert_profile_list(profile_list: Any) -> str:
    """Write ``flavors:`` and ``profiles:`` for what a ``profile_list`` offers.

    Always holds:
        - amounts keep their meaning: JupyterHub's ``1G`` is 2^30 bytes and becomes ``1Gi``;
        - whatever cannot be taken over is named in a comment at the top.

    Args:
        profile_list: a list, or a mapping that is sorted by key; a function must be called first.

    Returns:
        YAML, to be put into the campus file; ``jupyterhub-edu check`` tells what is still missing.
    """
    if isinstance(profile_list, Mapping):
        profile_list = [profile_list[key] for key in sorted(profile_list)]
    conversion = _Conversion()
    for profile in profile_list:
        conversion.add(profile)
    notes = "".join(f"# {note}\n" for note in conversion.notes)
    found = {"flavors": conversion.flavors, "profiles": conversion.profiles}
    return notes + yaml.safe_dump(found, sort_keys=False, allow_unicode=True)


class _Conversion:
    def __init__(self) -> None:
        self.flavors: dict[str, dict[str, Any]] = {}
        self.profiles: dict[str, dict[str, Any]] = {}
        self.notes: list[str] = []

    def add(self, profile: Mapping[str, Any]) -> None:
        title = str(profile["display_name"])
        key = str(profile.get("slug") or _slug(title))
        overrides = dict(profile.get("kubespawner_override") or {})
        flavor, devices = self._flavor(overrides)
        found: dict[str, Any] = {
            "title": title,
            "description": profile.get("description", ""),
            "flavor": flavor,
            "devices": devices,
            **_amounts(overrides),
            "image": overrides.pop("image", None),
            "options": dict(self._options(key, profile.get("profile_options") or {})),
            "kubespawner": dict(self._rest(key, overrides)),
        }
        for name in ("cpu", "memory"):
            if "limit" not in found.get(name, {}):
                self.notes.append(f"{key}: there is no {name} limit; a profile must have one")
        self.profiles[key] = {name: value for name, value in found.items() if value}

    def _flavor(self, overrides: dict[str, Any]) -> tuple[str, int]:
        """The flavor that means this device and placement; made when it is new."""
        limits, guarantees, nodes, tolerations = (overrides.pop(n, None) or {} for n in _PLACED)
        device, devices = _device({**guarantees, **limits})
        flavor = {
            "device": device,
            "nodes": thaw(nodes),
            "tolerate": sorted({t["key"] for t in _items(tolerations) if t.get("key")}),
        }
        flavor = {name: value for name, value in flavor.items() if value}
        for key, known in self.flavors.items():
            if known == flavor:
                return key, devices
        stem = _slug(device.rpartition("/")[2]) if device else "cpu"
        key = stem if stem not in self.flavors else f"{stem}-{len(self.flavors) + 1}"
        self.flavors[key] = flavor
        return key, devices

    def _options(
        self, profile: str, options: Mapping[str, Any]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for key, option in options.items():
            if (option.get("unlisted_choice") or {}).get("enabled"):
                self.notes.append(f"{profile}, {key}: free text is not taken over; list choices")
            choices = option.get("choices") or {}
            if choices:
                default = next((k for k, c in choices.items() if c.get("default")), None)
                yield (
                    key,
                    {
                        "title": option.get("display_name", key),
                        "default": default or next(iter(choices)),
                        "choices": {k: self._choice(profile, key, c) for k, c in choices.items()},
                    },
                )

    def _choice(self, profile: str, option: str, choice: Mapping[str, Any]) -> dict[str, Any]:
        overrides = dict(choice.get("kubespawner_override") or {})
        _, devices = _device(overrides.pop("extra_resource_limits", None) or {})
        found = {
            "title": choice.get("display_name"),
            "devices": devices,
            **_amounts(overrides),
            "image": overrides.pop("image", None),
        }
        for name in overrides:
            self.notes.append(f"{profile}, {option}: a choice cannot set {name}; make a profile")
        return {name: value for name, value in found.items() if value}

    def _rest(self, profile: str, overrides: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for name, value in overrides.items():
            if callable(value):
                self.notes.append(f"{profile}: {name} is a function, which a file cannot hold")
            else:
                yield name, thaw(value)


def _amounts(overrides: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, (what, side) in _GUARANTEE_AND_LIMIT.items():
        value = overrides.pop(name, None)
        if value is not None:
            found.setdefault(what, {})[side] = _memory(value) if what == "memory" else value
    return found


def _memory(value: str | int) -> str | int:
    amount = parse_memory(value, kubernetes=False).bytes
    for power, unit in ((3, "Gi"), (2, "Mi"), (1, "Ki")):
        if amount % 1024**power == 0:
            return f"{amount // 1024**power}{unit}"
    return amount


def _device(amounts: Mapping[str, Any]) -> tuple[str, int]:
    """The extended resource among the amounts, and how many; ``""`` and 0 where there is none."""
    return next(((name, int(count)) for name, count in amounts.items() if "/" in name), ("", 0))


def _items(value: Any) -> Iterable[Mapping[str, Any]]:
    return value.values() if isinstance(value, Mapping) else value


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "profile"
