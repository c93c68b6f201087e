"""Limits in forms: a key of the campus file as the fields of a form, what was typed as a key, and either in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.profiles import Flavor
from jupyterhub_edu.domain.words import join_words, say, say_count

from .local_times import CannotRead, read_day

__all__ = ["Typed", "device_flavors", "fields_of_value", "read_value", "words_of"]

Typed = Mapping[str, Any]
"""What stands in the fields of a form: text by name, for boxes a list of those that are ticked."""
_NUMBER: Final = re.compile(r"[0-9]{1,6}", re.ASCII)
_HOURS: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?", re.ASCII)
_PERIODS: Final = ("day", "week", "term")
_STATES: Final = ("open", "suspended", "archived")
_JOINS: Final = {
    "ask": say("by asking a teacher"),
    "code": say("by a join code"),
}


class _Sort(NamedTuple):
    """One sort of key.

    Attributes:
        fields: of a value as the campus file has it, or None.
        read: what was typed, as the campus file would have it.
        words: of a value.
    """

    fields: Callable[[Core, Any], dict[str, Any]]
    read: Callable[[Core, Typed], Any]
    words: Callable[[Core, Any], str]


def fields_of_value(core: Core, field: str, value: Any) -> dict[str, Any]:
    """What stands in the form of a field that has this value."""
    return _sort(field).fields(core, value)


def read_value(core: Core, field: str, typed: Typed) -> Any:
    """What was typed, as the campus file would have it.

    Raises:
        CannotRead: it is no such thing; the text says why, for whoever typed it.
    """
    return _sort(field).read(core, typed)


def words_of(core: Core, field: str, value: Any) -> str:
    """A value as the campus file has it, in words; plain, hostile text."""
    try:
        return _sort(field).words(core, value)
    except (AttributeError, KeyError, TypeError, ValueError):
        return str(value)  # the loader has a better word for what is wrong with it


def device_flavors(core: Core) -> list[Flavor]:
    """The flavors with devices."""
    return [flavor for flavor in core.campus.flavors.values() if flavor.device is not None]


def _sort(field: str) -> _Sort:
    return _SORTS[field] if field in _SORTS else _SORTS[field.partition(".")[0]]


# -- profiles --------------------------------------------------------------------------------------------------------


def _offer_fields(core: Core, value: Any) -> dict[str, Any]:
    keys = list(value or ())
    return {"profiles": keys, "first": keys[0] if keys else ""}


def _read_offers(core: Core, typed: Typed) -> Any:
    ticked, first = set(typed["profiles"]), typed["first"]
    keys = [key for key in core.campus.profiles if key in ticked]
    if ticked - set(keys):
        raise CannotRead(say("There is no such profile any more."))
    return sorted(keys, key=lambda key: key != first)


def _offer_words(core: Core, value: Any) -> str:
    profiles = core.campus.profiles
    titles = (profiles[key].title if key in profiles else str(key) for key in value or ())
    return ", ".join(titles) or say("nothing")


# -- numbers ---------------------------------------------------------------------------------------------------------


def _cap_fields(core: Core, value: Any) -> dict[str, Any]:
    caps = dict(value or {})
    found = {"servers": _text(caps.get("servers"))}
    return found | {f"devices:{f.key}": _text(caps.get(f.key)) for f in device_flavors(core)}


def _read_caps(core: Core, typed: Typed) -> Any:
    names = {"servers": "servers"} | {f"devices:{f.key}": f.key for f in device_flavors(core)}
    read = {key: _number(typed[name]) for name, key in names.items()}
    return {key: most for key, most in read.items() if most is not None}


def _cap_words(core: Core, value: Any) -> str:
    caps = dict(value or {})
    parts: list[str] = []
    if "servers" in caps:
        parts.append(say_count(caps.pop("servers"), "{n} server", "{n} servers"))
    flavors = core.campus.flavors
    parts += [f"{n} × {flavors[key].title if key in flavors else key}" for key, n in caps.items()]
    return join_words(parts, ", ") or say("as many as there are")


def _quota_fields(core: Core, value: Any) -> dict[str, Any]:
    quota = value if isinstance(value, Mapping) else {"nominal": value}
    return {"nominal": _text(quota.get("nominal")), "borrow": _text(quota.get("borrow"))}


def _read_quota(core: Core, typed: Typed) -> Any:
    read = {name: _number(typed[name]) for name in ("nominal", "borrow")}
    return {name: number for name, number in read.items() if number is not None} or None


def _quota_words(core: Core, value: Any) -> str:
    fields = _quota_fields(core, value)
    own, borrow = fields["nominal"] or 0, fields["borrow"]
    if not borrow:
        return say("{own} of its own", own=own)
    if borrow == "0":
        return say("{own} of its own, no spare ones", own=own)
    return say("{own} of its own, and at most {borrow} spare ones", own=own, borrow=borrow)


def _allowance_fields(core: Core, value: Any) -> dict[str, Any]:
    hours, _, period = str(value or "").partition("h per ")
    return {"hours": hours, "period": period or "week"}


def _read_allowance(core: Core, typed: Typed) -> Any:
    hours, period = typed["hours"].replace(",", "."), typed["period"]
    if not hours:
        return None
    if not _HOURS.fullmatch(hours) or period not in _PERIODS:
        raise CannotRead(say("Write hours as 10 or 2.5, and choose day, week or term."))
    return f"{hours}h per {period}"


def _allowance_words(core: Core, value: Any) -> str:
    hours, _, period = str(value or "").partition("h per ")
    if not hours:
        return say("without limit")
    return say("{amount} GPU hours per {period}", amount=hours, period=say(period))


def _number(text: str) -> int | None:
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise CannotRead(say("Write a whole number, or leave the field empty."))
    return int(text)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


# -- words -----------------------------------------------------------------------------------------------------------


def _text_fields(core: Core, value: Any) -> dict[str, Any]:
    return {"text": _text(value)}


def _read_text(core: Core, typed: Typed) -> Any:
    return typed["text"] or None


def _text_words(core: Core, value: Any) -> str:
    return _text(value) or say("nothing")


def _read_date(core: Core, typed: Typed) -> Any:
    day = read_day(typed["text"])
    return day.isoformat() if day is not None else None


def _read_state(core: Core, typed: Typed) -> Any:
    if typed["text"] not in _STATES:
        raise CannotRead(say("Choose one of the states."))
    return typed["text"]


def _date_words(core: Core, value: Any) -> str:
    return _text(value) or say("none of its own")


def _state_words(core: Core, value: Any) -> str:
    return _text(value) or say("open")


def _image_words(core: Core, value: Any) -> str:
    return _text(value) or say("those of the profiles")


def _join_fields(core: Core, value: Any) -> dict[str, Any]:
    return {"ways": list(value or ())}


def _read_join(core: Core, typed: Typed) -> Any:
    return [way for way in _JOINS if way in typed["ways"]]


def _join_words(core: Core, value: Any) -> str:
    ways = (_JOINS.get(way, str(way)) for way in value or ())
    return join_words(ways, ", ") or say("not by themselves")


def _switch_fields(core: Core, value: Any) -> dict[str, Any]:
    return {"on": "yes" if value else ""}


def _read_switch(core: Core, typed: Typed) -> Any:
    return typed["on"] == "yes"


def _switch_words(core: Core, value: Any) -> str:
    return say("yes") if value else say("no")


def _no_fields(core: Core, value: Any) -> dict[str, Any]:
    return {}


def _read_nothing(core: Core, typed: Typed) -> Any:
    raise CannotRead(say("Windows are changed on the page of the calendar."))


def _window_words(core: Core, value: Any) -> str:
    return say_count(len(value), "{n} window", "{n} windows") if value else say("none")


_SORTS: Final[Mapping[str, _Sort]] = {
    "offers": _Sort(_offer_fields, _read_offers, _offer_words),
    "caps": _Sort(_cap_fields, _read_caps, _cap_words),
    "allowance": _Sort(_allowance_fields, _read_allowance, _allowance_words),
    "quota": _Sort(_quota_fields, _read_quota, _quota_words),
    "title": _Sort(_text_fields, _read_text, _text_words),
    "image": _Sort(_text_fields, _read_text, _image_words),
    "from": _Sort(_text_fields, _read_date, _date_words),
    "until": _Sort(_text_fields, _read_date, _date_words),
    "state": _Sort(_text_fields, _read_state, _state_words),
    "join": _Sort(_join_fields, _read_join, _join_words),
    "assistants_help": _Sort(_switch_fields, _read_switch, _switch_words),
    "windows": _Sort(_no_fields, _read_nothing, _window_words),
}
