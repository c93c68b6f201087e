"""Settings on top of settings, always as fresh copies, so that nothing sticks to what is shared. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["merge", "merge_setting", "thaw"]

_COLLECTED: Final = frozenset({"image_pull_secrets", "volume_mounts", "volumes"})
"""KubeSpawner's lists to which a profile or a course adds; any other list is replaced."""
_NAMED: Final = frozenset({"volume_mounts", "volumes"})
"""Those whose items carry a name: the key under which they stand, if they have none."""


def thaw(value: Any) -> Any:
    """A deep copy of plain dicts and lists."""
    if isinstance(value, Mapping):
        return {key: thaw(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [thaw(below) for below in value]
    return value


def merge(base: Any, more: Any) -> Any:
    """Put one value on top of another: mappings by key and recursively, None takes a key out, the rest replaces."""
    if not (isinstance(base, Mapping) and isinstance(more, Mapping)):
        return thaw(more)
    merged = {key: thaw(value) for key, value in base.items() if more.get(key, value) is not None}
    for key, value in more.items():
        if value is not None:
            merged[key] = merge(base.get(key), value)
    return merged


def merge_setting(name: str, base: Any, more: Any) -> Any:
    """Put a profile's or a course's value of one KubeSpawner setting on top of the one in force.

    Always holds:
        - the home volume of the hub's configuration stays: ``volumes`` and ``volume_mounts`` are added to, whether
          either side is a list or a mapping;
        - neither argument is changed, nor shared with the result.
    """
    if name not in _COLLECTED:
        return merge(base, more)
    base, more = ([value] if isinstance(value, str) else value for value in (base, more))
    if name in _NAMED and isinstance(more, Mapping):
        more = {key: _with_name(key, item) for key, item in more.items()}
    if isinstance(base, Mapping):
        return merge(base, more if isinstance(more, Mapping) else _keyed(more))
    added = [more[key] for key in sorted(more)] if isinstance(more, Mapping) else more
    return [*thaw(base or []), *thaw([item for item in added if item is not None])]


def _with_name(key: str, item: Any) -> Any:
    return {"name": key, **item} if isinstance(item, Mapping) else item


def _keyed(items: Any) -> dict[str, Any]:
    return {f"added-{at}": item for at, item in enumerate(items)}
