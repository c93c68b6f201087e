"""Arguments as PHP reads them from a form, and as Moodle then checks them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

INT, TEXT, BOOL = "int", "text", "bool"
Spec = Any
"""``INT``, ``TEXT``, ``BOOL``; a list of one; or a mapping of names, which may be left out where they end in ``?``."""

_KEY = re.compile(r"\[([^\[\]]*)\]")


class BadParameter(Exception):
    """What Moodle calls invalidparameter."""


def parse_form(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Nest names such as ``options[0][name]``; the last of two equal ones counts; ``[]`` appends."""
    tree: dict[str, Any] = {}
    for name, value in pairs:
        head, bracket, _ = name.partition("[")
        keys = [head, *_KEY.findall(name[len(head) :])] if bracket else [head]
        place = tree
        for key in keys[:-1]:
            inner = place.setdefault(_key(key, place), {})
            if not isinstance(inner, dict):
                break
            place = inner
        else:
            place[_key(keys[-1], place)] = value
    return tree


def _key(key: str, place: Mapping[str, Any]) -> str:
    if key:
        return key
    numbers = [int(known) for known in place if known.isdecimal()]
    return str(max(numbers, default=-1) + 1)


def check(spec: Spec, value: Any) -> Any:
    """Turn what was sent into what a function gets.

    Raises:
        BadParameter: a name too many or too few, or a value of the wrong type.
    """
    if isinstance(spec, dict):
        return _check_names(spec, value)
    if isinstance(spec, list):
        if not isinstance(value, dict):
            raise BadParameter("only arrays accepted")
        return [check(spec[0], item) for item in value.values()]
    if not isinstance(value, str):
        raise BadParameter("scalar type expected, array or object received")
    if spec == INT:
        if not re.fullmatch(r"-?\d+", value):
            raise BadParameter(f"the value is {value}")
        return int(value)
    if spec == BOOL:
        if value not in {"0", "1", "", "true", "false"}:
            raise BadParameter(f"the value is {value}")
        return value in {"1", "true"}
    return value


def _check_names(spec: dict[str, Spec], value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadParameter("only arrays accepted")
    known = {name.rstrip("?"): name for name in spec}
    for name in value:
        if name not in known:
            raise BadParameter(f"unexpected keys ({name}) detected in parameter array")
    for name, written in known.items():
        if name not in value and not written.endswith("?"):
            raise BadParameter(f"missing required key in single structure: {name}")
    return {name: check(spec[known[name]], given) for name, given in value.items()}
