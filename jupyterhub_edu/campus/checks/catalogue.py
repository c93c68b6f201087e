"""Flavors, profiles and their options: amounts, images, words for the spawner."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Final

from ..mistakes import Path, show
from ..models.catalogue import (
    ChoiceModel,
    CpuModel,
    FlavorModel,
    MemoryModel,
    OptionModel,
    ProfileModel,
)
from .context import Checker
from .spawner import check_kubespawner

__all__ = ["check_flavors", "check_image", "check_profiles"]

_KEY: Final = re.compile(r"[a-z0-9](?:[a-z0-9_.-]{0,61}[a-z0-9])?", re.ASCII)
_LABEL: Final = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?", re.ASCII)
_DOMAIN: Final = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
_DEVICE: Final = re.compile(
    _DOMAIN + r"/[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", re.ASCII
)
_LABEL_KEY: Final = re.compile(
    rf"(?:{_DOMAIN}/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{{0,61}}[A-Za-z0-9])?", re.ASCII
)
_IMAGE: Final = re.compile(
    r"(?P<name>[a-z0-9.-]+(?::[0-9]+(?=/))?(?:/[a-z0-9._-]+)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?P<digest>@sha256:[0-9a-f]{64})?",
    re.ASCII,
)
_SHORTEST: Final = dt.timedelta(minutes=5)
_LONGEST: Final = dt.timedelta(days=14)


def check_flavors(c: Checker) -> None:
    """Look at each flavor, then at flavors that are the same devices."""
    seen: dict[str, FlavorModel] = {}
    for key, flavor in c.model.flavors.items():
        path: Path = ("flavors", key)
        _key(c, path, key)
        if key == "servers":
            c.wrong(path, "a flavor cannot be called servers", "in caps: that word counts servers")
        _placing(c, path, flavor)
        if flavor.device is None:
            for what in ("count", "grows_to", "per_node"):
                if getattr(flavor, what) is not None:
                    c.wrong((*path, what), "counts devices, and there is no device:", "add it")
            continue
        _growth(c, path, flavor)
        for other, before in seen.items():
            if before.device == flavor.device and _may_share_nodes(before, flavor):
                c.wrong(
                    path,
                    f"the same device as flavors.{other}, on nodes that may be the same",
                    "its devices would be counted twice; tell them apart by a label that both name in nodes:",
                )
                break
        seen[key] = flavor


def _growth(c: Checker, path: Path, flavor: FlavorModel) -> None:
    grows_to, per_node, count = flavor.grows_to, flavor.per_node, flavor.count
    if grows_to is None:
        if per_node is not None:
            c.lacks((*path, "per_node"), "of nodes that nobody adds", "add grows_to:")
        return
    if per_node is None:
        c.lacks(
            (*path, "grows_to"), "how many devices a new node has is not said", "add per_node:"
        )
    elif grows_to < per_node:
        c.wrong((*path, "grows_to"), f"less than one node, which has {per_node}", "raise it")
    if count is not None and count < grows_to:
        fix = "lower it, or leave count: out"
        c.wrong((*path, "grows_to"), f"above count ({count}), the most to use", fix)


def _may_share_nodes(one: FlavorModel, other: FlavorModel) -> bool:
    """Whether a node could fit both: no label that both name has two values."""
    return all(one.nodes[label] == other.nodes[label] for label in one.nodes.keys() & other.nodes)


def _key(c: Checker, path: Path, key: str) -> None:
    if not _KEY.fullmatch(key):
        c.wrong(
            path, "not a key", "use at most 63 of a-z, 0-9, -, _ and .; put the rest into title:"
        )


def _placing(c: Checker, path: Path, flavor: FlavorModel) -> None:
    if flavor.device is not None and (
        not _DEVICE.fullmatch(flavor.device) or "kubernetes.io/" in flavor.device
    ):
        c.wrong(
            (*path, "device"),
            f"not a device: {show(flavor.device)}",
            "write an extended resource such as nvidia.com/gpu",
        )
    for label, value in flavor.nodes.items():
        if not _LABEL_KEY.fullmatch(label) or not _LABEL.fullmatch(value):
            c.wrong(
                (*path, "nodes", label), "not a node label", "write name: value as on the node"
            )
    for at, taint in enumerate(flavor.tolerate):
        if not _LABEL_KEY.fullmatch(taint):
            c.wrong((*path, "tolerate", at), f"not a taint's key: {show(taint)}", "name one key")


def check_profiles(c: Checker) -> None:
    """Look at each profile with its options."""
    for key, profile in c.model.profiles.items():
        path: Path = ("profiles", key)
        _key(c, path, key)
        c.known((*path, "flavor"), "flavor", profile.flavor, "flavors")
        _limits(c, path, profile)
        _devices(c, path, profile)
        if profile.image is not None:
            check_image(c, (*path, "image"), profile.image)
        if profile.longest is not None and not _SHORTEST <= profile.longest <= _LONGEST:
            c.wrong((*path, "longest"), "not a length for a session", "write 5m to 14d")
        for name, option in profile.options.items():
            _option(c, (*path, "options", name), option, profile)
        _one_option_for_each(c, (*path, "options"), profile)
        check_kubespawner(c, (*path, "kubespawner"), profile.kubespawner)


def _limits(c: Checker, path: Path, profile: ProfileModel) -> None:
    for what, amount in (("cpu", profile.cpu), ("memory", profile.memory)):
        if amount.limit is None:
            c.lacks(
                (*path, what),
                "no limit: one server could take a whole node",
                f"add {what}: {{limit: {'2' if what == 'cpu' else '2Gi'}}}",
            )
        _ordered(c, (*path, what), amount.guarantee, amount.limit)


def _ordered(c: Checker, path: Path, guarantee: object, limit: object) -> None:
    if guarantee is None or limit is None:
        return
    if guarantee > limit:  # type: ignore[operator]  # both Cpu or both Memory
        message = f"the guarantee of {guarantee} is above the limit of {limit}"
        c.wrong(path, message, "write a lower one")


def _devices(c: Checker, path: Path, profile: ProfileModel) -> None:
    flavor = c.flavor(profile.flavor)
    if flavor is None:
        return
    asked = [((*path, "devices"), profile.devices), *_asked(path, profile)]
    if flavor.device is None:
        for place, devices in asked:
            if devices:
                c.wrong(
                    place,
                    f"asks for devices, and flavors.{profile.flavor} has none",
                    "add device: to the flavor, or choose another flavor",
                )
    elif not any(devices for _, devices in asked):
        c.lacks(
            path,
            f"asks for no device of flavors.{profile.flavor}",
            "add devices: 1, or choose a flavor without device",
        )


def _asked(path: Path, profile: ProfileModel) -> Iterator[tuple[Path, int]]:
    for name, option in profile.options.items():
        for key, choice in option.choices.items():
            if choice.devices is not None:
                yield (*path, "options", name, "choices", key, "devices"), choice.devices


def _option(c: Checker, path: Path, option: OptionModel, profile: ProfileModel) -> None:
    _key(c, path, path[-1] if isinstance(path[-1], str) else "")
    written = c.written["profiles"][path[1]]["options"][path[3]]["choices"]
    c.known((*path, "default"), "choice", option.default, written)
    for key, choice in option.choices.items():
        place = (*path, "choices", key)
        _key(c, place, key)
        if choice.image is not None:
            check_image(c, (*place, "image"), choice.image)
        for what, mine, usual in _amounts(choice, profile):
            if mine is not None:
                guarantee = mine.guarantee or usual.guarantee or usual.limit
                _ordered(c, (*place, what), guarantee, mine.limit or usual.limit)


def _amounts(
    choice: ChoiceModel, profile: ProfileModel
) -> Iterator[tuple[str, CpuModel | MemoryModel | None, CpuModel | MemoryModel]]:
    yield "cpu", choice.cpu, profile.cpu
    yield "memory", choice.memory, profile.memory


def _one_option_for_each(c: Checker, path: Path, profile: ProfileModel) -> None:
    """What two options set would depend on their order."""
    seen: dict[str, str] = {}
    for name, option in profile.options.items():
        for what in ("devices", "cpu", "memory", "image"):
            if any(getattr(choice, what) is not None for choice in option.choices.values()):
                other = seen.setdefault(what, name)
                if other != name:
                    c.wrong((*path, name), f"sets {what}, and so does {other}", "let one set it")


def check_image(c: Checker, path: Path, image: str) -> None:
    """An image that means the same today and tomorrow."""
    match = _IMAGE.fullmatch(image)
    if match is None:
        c.wrong(path, f"not an image: {show(image)}", "write registry/name:tag")
    elif match["tag"] is None and match["digest"] is None:
        c.wrong(path, "an image without tag is another one every day", "add :tag or @sha256:…")
    elif match["tag"] == "latest" and match["digest"] is None:
        c.warn(path, "latest is another image every day", "name a release or a date")
