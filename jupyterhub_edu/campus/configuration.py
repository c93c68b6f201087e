"""The campus file value by value, each with its place; what could be a secret is left out of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic_core import to_jsonable_python

from jupyterhub_edu.ports import Setting

from .loading import Loaded
from .mistakes import Path, show_path
from .models.site import FileModel
from .sources import sounds_secret

__all__ = ["settings_of"]

_NOT_SHOWN: Final = "(not shown)"
_IN_URL: Final = re.compile(r"(?<=//)[^/@\s]*:[^/@\s]*(?=@)")
"""A name with a password in an address."""
_IN_QUERY: Final = re.compile(
    r"([?&][^=&\s]*(?:token|key|secret|password)[^=&\s]*=)[^&\s]*", re.IGNORECASE
)
_ISO: Final = re.compile(r'"PT?([0-9]+)([DHMS])"')
_LONGEST: Final = 500


def settings_of(loaded: Loaded) -> list[Setting]:
    """Every value of the file in its order, then what it leaves out with the default that holds.

    Always holds:
        - a secret that is named by ``{env: NAME}`` or ``{file: PATH}`` is shown by that name alone;
        - where state is kept is not in it, nor are the variables of servers' environments.
    """
    found = [_setting(loaded, path, value) for path, value in _leaves(loaded.written, ())]
    order = {file.name: at for at, file in enumerate(loaded.files)}
    found.sort(key=lambda one: (order.get(one.file, 0), one.line or 0))
    return found + list(_left_out(loaded.written))


def _setting(loaded: Loaded, path: Path, value: Any) -> Setting:
    near = path
    while near and near not in loaded.places:
        near = near[:-1]
    place = loaded.places.get(near)
    text = json.dumps(value, default=str, ensure_ascii=False)
    return Setting(
        show_path(path),
        _shown(path, text),
        place.file if place is not None else "",
        place.line if place is not None else None,
    )


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Mapping) and value and not _is_reference(value):
        for key, below in value.items():
            yield from _leaves(below, (*path, key))
    elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        for at, below in enumerate(value):
            yield from _leaves(below, (*path, at))
    else:
        yield path, value


def _left_out(written: Mapping[str, Any]) -> Iterator[Setting]:
    for name, field in FileModel.model_fields.items():
        key = field.alias or name
        if key not in written and key != "store" and not field.is_required():
            default = field.get_default(call_default_factory=True)
            plain = to_jsonable_python(default, by_alias=True, exclude_none=True)
            text = _ISO.sub(_length, json.dumps(plain))
            yield Setting(key, text, "", None)


def _length(found: re.Match[str]) -> str:
    """A length of time as the file writes it."""
    return f'"{found[1]}{found[2].lower()}"'


def _shown(path: Path, text: str) -> str:
    words = [part for part in path if isinstance(part, str)]
    if "kubespawner" in words and "environment" in words:
        return _NOT_SHOWN
    if words and sounds_secret(words[-1]) and not text.startswith(('{"env"', '{"file"')):
        return _NOT_SHOWN
    text = _IN_QUERY.sub(r"\1***", _IN_URL.sub("***", text))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _is_reference(value: Mapping[str, Any]) -> bool:
    return set(value) in ({"env"}, {"file"}) and all(isinstance(v, str) for v in value.values())
