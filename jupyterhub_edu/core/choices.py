"""What somebody asked for, out of whatever arrived: form fields, query arguments, a JSON body, remembered options.

Everything here is pure. What arrives is hostile: any JSON value, any text; the outcome is a Wish or one Reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeGuard

from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.reasons import Code, Reason
from jupyterhub_edu.domain.words import say

__all__ = [
    "CHOICE",
    "OPTION",
    "WAIT",
    "Unreadable",
    "Wish",
    "keep",
    "map_wish",
    "option_field",
    "parse_fields",
    "parse_wish",
]

CHOICE: Final = "choice"
"""The start page's radio group; its value is ``course/profile``."""
WAIT: Final = "wait"
"""The name of its buttons to wait for a profile, with the same values: it counts before the choice."""
OPTION: Final = "option:"
"""Prefix of the start page's selects: ``option:course/profile/option``."""

_LONGEST: Final = 128
_MOST_OPTIONS: Final = 50
_KEYS: Final = frozenset({"course", "profile", "options"})
_KEPT: Final = "edu"
_NO_OPTIONS: Final[Mapping[str, str]] = MappingProxyType({})


class Unreadable(Exception):
    """What arrived is no wish; ``reason`` says why (``option-invalid``)."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.reason = Reason(Code.OPTION_INVALID, "unreadable", {"what": what})


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asked for; every text is printable and at most 128 characters long.

    Attributes:
        course: course id, or None where it was left out.
        profile: profile key, or None for the role's default profile.
        options: option key to choice key.
    """

    course: str | None = None
    profile: str | None = None
    options: Mapping[str, str] = field(default_factory=lambda: _NO_OPTIONS)


def option_field(course: str, profile: str, option: str) -> str:
    """The name of a select on the start page."""
    return f"{OPTION}{course}/{profile}/{option}"


def keep(options: object) -> object:
    """What the hub shall remember of ``user_options`` until the next start: the same under one key of ours.

    A hub that is switched off again offers what is remembered to its own spawner, and KubeSpawner starts nothing for a
    ``profile`` that it does not know.
    """
    return {_KEPT: options} if options and not _is_kept(options) else options


def unkept(options: object) -> object:
    """``user_options`` as they came, of what ``keep`` made of them."""
    return options[_KEPT] if _is_kept(options) else options


def parse_wish(value: object) -> Wish:
    """Read ``user_options`` as they came by REST, as ``keep`` left them or out of ``parse_fields``.

    Always holds:
        - None and an empty object wish for nothing in particular;
        - a key or a type that is not ours is refused, never ignored.

    Args:
        value: any JSON value.

    Raises:
        Unreadable: it is not ``{"course": text, "profile": text, "options": {text: text}}``, each key optional.
    """
    value = unkept(value)
    if value is None:
        return Wish()
    if not isinstance(value, Mapping):
        raise Unreadable(say("it must be an object with course, profile and options"))
    _known(value, _KEYS)
    options = value.get("options")
    if options is not None and not isinstance(options, Mapping):
        raise Unreadable(say("options must be an object of texts"))
    return Wish(
        _text("course", value.get("course")),
        _text("profile", value.get("profile")),
        _options(options or {}),
    )


def parse_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Turn form fields or query arguments into ``user_options``.

    Two spellings: the start page's (``choice=ml/gpu`` or ``wait=ml/gpu``, and ``option:ml/gpu/devices=two``; selects of
    the cards that were not chosen are left aside), and one for links (``course=ml&profile=gpu&devices=two``).

    Args:
        fields: a list of texts by name, as Tornado gives them; files are lists of something else.

    Raises:
        Unreadable: an unknown field, one given twice, a file, or text that is none.
    """
    values = {name: _single(name, value) for name, value in fields.items() if name != "_xsrf"}
    if WAIT in values:
        values[CHOICE] = values.pop(WAIT)
    if CHOICE not in values:
        wish: dict[str, str] = {
            name: values.pop(name) for name in ("course", "profile") if name in values
        }
        return _as_options(wish, values)
    chosen = values.pop(CHOICE)
    course, slash, profile = chosen.partition("/")
    if not (course and slash and profile):
        raise Unreadable(say("{choice} must be course/profile", choice=CHOICE))
    _known((name for name in values if not name.startswith(OPTION)), ())
    prefix = option_field(course, profile, "")
    mine = {
        name.removeprefix(prefix): value
        for name, value in values.items()
        if name.startswith(prefix)
    }
    return _as_options({"course": course, "profile": profile}, mine)


def map_wish(
    wish: Wish, person: str, courses: Mapping[str, str], contact: str = ""
) -> StartRequest | Reason:
    """Make the request to decide on; a course left out is the only one that is possible, and nothing is guessed.

    Args:
        person: the person's key.
        courses: titles by course id, of the courses that the person may mean.
        contact: whom to ask.
    """
    course = wish.course
    if course is None:
        if not courses:
            return Reason(Code.NOT_ENROLLED, "nowhere", contact=contact)
        if len(courses) > 1:
            titles = ", ".join(f"{title} ({id})" for id, title in courses.items())
            return Reason(Code.OPTION_INVALID, "course", {"choices": titles})
        (course,) = courses
    return StartRequest(person, course, wish.profile, wish.options)


def _as_options(wish: Mapping[str, Any], options: Mapping[str, str]) -> dict[str, Any]:
    found = {**wish, **({"options": dict(options)} if options else {})}
    parse_wish(found)
    return found


def _is_kept(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, Mapping) and value.keys() == {_KEPT}


def _known(keys: Iterable[object], known: Iterable[object]) -> None:
    unknown = [key for key in keys if key not in known]
    if unknown:
        raise Unreadable(say("{shown} is not known here", shown=_shown(unknown[0])))


def _single(name: str, value: object) -> str:
    if not isinstance(value, list) or len(value) != 1:
        raise Unreadable(say("{shown} must be given once", shown=_shown(name)))
    text = _text(_shown(name), value[0])
    return text or ""


def _options(options: Mapping[Any, Any]) -> Mapping[str, str]:
    if len(options) > _MOST_OPTIONS:
        raise Unreadable(say("there are too many options"))
    found: dict[str, str] = {}
    for key, value in options.items():
        name = _text(say("an option's name"), key)
        choice = _text(say("the option {shown}", shown=_shown(key)), value)
        if name is None or choice is None:
            raise Unreadable(say("an option must be a text"))
        found[name] = choice
    return MappingProxyType(found) if found else _NO_OPTIONS


def _text(what: str, value: object) -> str | None:
    """A text as it is, None for None, and for the empty text too: a form field that was left alone."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Unreadable(say("{what} must be a text", what=what))
    if len(value) > _LONGEST or not value.isprintable():
        raise Unreadable(
            say(
                "{what} must be at most {longest} printable characters",
                what=what,
                longest=_LONGEST,
            )
        )
    return value


def _shown(value: object) -> str:
    """Hostile text as it may stand in a sentence and in a log line."""
    text = value if isinstance(value, str) else type(value).__name__
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:40])
