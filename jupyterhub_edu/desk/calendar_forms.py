"""The form of a window: what its fields show, and the window that they make, as the campus file would have it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, Final

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.profiles import Flavor, Profile
from jupyterhub_edu.domain.words import say

from .local_times import CannotRead, read_day

__all__ = [
    "DAYS",
    "Fields",
    "blank_fields",
    "devices_of",
    "fields_of",
    "limits_of",
    "profiles_of",
    "read_fields",
    "window_of",
]

Fields = dict[str, str]
"""What stands in the form, by the name of each field; of a box that is ticked ``on``."""
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
"""Days of the week as the campus file calls them."""
_KEYS: Final = ("title", "how", "dates", "from", "until", "except", "lead")
_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{1,5}", re.ASCII)
_BETWEEN: Final = re.compile(r"[\n,;]+")
_RANGE: Final = re.compile(r"\s+(?:to|until|-|–)\s+")
_MOST: Final = 64 * 1024
_MINUTE: Final = timedelta(minutes=1)


def blank_fields(core: Core, course: Course) -> Fields:
    """The form of a window that nobody has written yet."""
    return dict.fromkeys(_names(core, course), "") | {"how": "weekly"}


def fields_of(
    core: Core, course: Course, window: Mapping[str, Any], lead: timedelta | None
) -> Fields:
    """The form of a window.

    Args:
        lead: how long before each beginning its devices are kept, if the window says so.
    """
    found = blank_fields(core, course)
    found |= {
        "title": str(window.get("title") or ""),
        "how": "weekly" if window.get("days") else "dates",
        "dates": "\n".join(map(str, window.get("dates") or ())),
        "from": str(window.get("from") or ""),
        "until": str(window.get("until") or ""),
        "except": "\n".join(_range_text(one) for one in window.get("except") or ()),
        "lead": str(lead // _MINUTE) if lead is not None and window.get("lead_time") else "",
    }
    for name in (
        *(f"day:{day}" for day in window.get("days") or ()),
        *(f"only:{key}" for key in window.get("only") or ()),
    ):
        found[name] = "on"
    for flavor, count in (window.get("reserve") or {}).items():
        found[f"reserve:{flavor}"] = str(count)
    return found


def read_fields(core: Core, course: Course, argument: Callable[[str, str], str]) -> Fields:
    """What was typed.

    Args:
        argument: gives the text of a field, or what is to stand for it.

    Raises:
        CannotRead: a field is longer than anybody types.
    """
    typed = {
        name: argument(name, "").replace("\r\n", "\n").strip() for name in _names(core, course)
    }
    if max(map(len, typed.values())) > _MOST:
        raise CannotRead(say("This is longer than anybody types."))
    return typed


def window_of(typed: Fields) -> dict[str, Any]:
    """The window that the fields make; whether it makes sense is for the loader of the campus file to say.

    Raises:
        CannotRead: a field cannot be read; the text says which.
    """
    found: dict[str, Any] = {"title": " ".join(typed["title"].split())}
    if typed["how"] == "weekly":
        found["days"] = [day for day in DAYS if typed[f"day:{day}"]]
        if not found["days"]:
            raise CannotRead(say("Say on which days of the week."))
    else:
        found["dates"] = [_day(text).isoformat() for text in _lines(typed["dates"])]
        if not found["dates"]:
            raise CannotRead(say("Say on which days."))
    found["from"], found["until"] = (_time(typed[name]) for name in ("from", "until"))
    found["except"] = [_range(text) for text in _lines(typed["except"])]
    return {key: value for key, value in {**found, **limits_of(typed)}.items() if value}


def limits_of(typed: Fields) -> dict[str, Any]:
    """What a window does, whenever it takes place.

    Raises:
        CannotRead: a field cannot be read; the text says which.
    """
    found: dict[str, Any] = {"only": _with_prefix(typed, "only:")}
    reserve = {key: _number(typed[f"reserve:{key}"]) for key in _with_prefix(typed, "reserve:")}
    found["reserve"] = {key: count for key, count in reserve.items() if count}
    if typed["lead"] and found["reserve"]:
        found["lead_time"] = f"{_number(typed['lead'])}m"
    if not found["only"] and not found["reserve"]:
        raise CannotRead(
            say("Say which profiles are for this time alone, or which devices are kept for it.")
        )
    return {key: value for key, value in found.items() if value}


def profiles_of(core: Core, course: Course) -> list[Profile]:
    """The profiles that a window of the course may restrict: those that it offers to anybody."""
    keys = dict.fromkeys(key for offered in course.offers.values() for key in offered)
    return [core.campus.profiles[key] for key in keys if key in core.campus.profiles]


def devices_of(core: Core, course: Course) -> list[tuple[Flavor, int]]:
    """What a window may reserve, with how many are the course's own."""
    flavors = (flavor for flavor in core.campus.flavors.values() if flavor.device is not None)
    return [(flavor, course.quota_for(flavor.key).nominal) for flavor in flavors]


def _names(core: Core, course: Course) -> list[str]:
    return [
        *_KEYS,
        *(f"day:{day}" for day in DAYS),
        *(f"only:{profile.key}" for profile in profiles_of(core, course)),
        *(f"reserve:{flavor.key}" for flavor, _ in devices_of(core, course)),
    ]


def _with_prefix(typed: Fields, prefix: str) -> list[str]:
    return [
        name.removeprefix(prefix)
        for name, value in typed.items()
        if name.startswith(prefix) and value
    ]


def _lines(text: str) -> list[str]:
    return [line for line in map(str.strip, _BETWEEN.split(text)) if line]


def _day(text: str) -> date:
    day = read_day(text)
    if day is None:
        raise CannotRead(say("Write a day as 2026-12-10."))
    return day


def _range(text: str) -> str | dict[str, str]:
    first, *last = _RANGE.split(text, maxsplit=1)
    if not last:
        return _day(first).isoformat()
    return {"from": _day(first).isoformat(), "until": _day(last[0]).isoformat()}


def _range_text(value: Any) -> str:
    return f"{value['from']} to {value['until']}" if isinstance(value, Mapping) else str(value)


def _time(text: str) -> str:
    if text and not _TIME.fullmatch(text):
        raise CannotRead(say("Write a time as 10:15, and not {text}.", text=repr(text[:20])))
    return text or "00:00"


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise CannotRead(say("Write a number, and not {text}.", text=repr(text[:20])))
    return int(text)
