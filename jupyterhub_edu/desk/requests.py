"""Requests above a ceiling: read like the act itself, shown in words, and carried out by it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.adjusting import (
    Adjusting,
    AdjustNotYours,
    CannotAdjust,
    FieldLocked,
    NoSuchField,
    NoSuchWindow,
    Stale,
)
from jupyterhub_edu.core.along import Along
from jupyterhub_edu.core.exam_wishes import CannotExamine
from jupyterhub_edu.core.examining import Examining, ExaminingNotYours
from jupyterhub_edu.core.giving import CannotGive, Giving, GivingNotYours, Whom, words
from jupyterhub_edu.core.named import NotNamed
from jupyterhub_edu.core.requesting import (
    AlreadyAnswered,
    CannotRequest,
    Carry,
    NoSuchRequest,
    RequestNotYours,
)
from jupyterhub_edu.core.requests import Kind, Request, names_in
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import StoreError
from jupyterhub_edu.wire import requests as wire
from jupyterhub_edu.wire.exams import ExamWish
from jupyterhub_edu.wire.grants import GrantWish
from jupyterhub_edu.wire.limits import LimitWish, WindowWish

from .exams import read_wish
from .grants import names_json, read_lift
from .reading import read_body
from .refusals import Code, DeskError
from .views import Moment
from .views import instant as moment
from .wishes import instant

__all__ = ["REFUSALS", "RequestRow", "carry", "read_request", "request_json", "row_of"]

REFUSALS: Final[Mapping[type[Exception], Code]] = {
    RequestNotYours: Code.NOT_YOUR_REQUESTS,
    NoSuchRequest: Code.NO_SUCH_REQUEST,
    AlreadyAnswered: Code.ALREADY_ANSWERED,
    CannotRequest: Code.CANNOT_REQUEST,
    NotNamed: Code.NOT_IN_COURSE,
    GivingNotYours: Code.NO_SUCH_COURSE,
    ExaminingNotYours: Code.NO_SUCH_COURSE,
    AdjustNotYours: Code.NO_SUCH_COURSE,
    CannotGive: Code.CANNOT_GIVE,
    CannotExamine: Code.CANNOT_EXAMINE,
    CannotAdjust: Code.CANNOT_REQUEST,
    FieldLocked: Code.CANNOT_REQUEST,
    NoSuchField: Code.CANNOT_REQUEST,
    NoSuchWindow: Code.CANNOT_REQUEST,
    Stale: Code.STALE,
    StoreError: Code.NOT_WRITTEN,
}
"""Of asking and answering, those of the acts among them.

For whoever answers nothing is above a ceiling, and theirs to do is all but what is asked for a course that is gone.
"""
_LONGEST: Final = 300
_ALL_WINDOWS: Final = "windows"
"""A list of which the course's staff change parts: approved as it was asked for, it would drop what came since."""


class _Sort(NamedTuple):
    """What belongs to one kind of request.

    Attributes:
        shape: of the act's body.
        check: raises a DeskError for a body of the right shape that says nothing that could be done.
        say: what it asks for, in a few words.
        do: does it, as whoever answers, and keeps in the same step what goes along.
    """

    shape: Any
    check: Callable[[Any], object]
    say: Callable[[Core, Any], str]
    do: Callable[[Core, Person, Request, str, Along], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One request as a page shows it; all of it is plain, hostile text."""

    id: str
    course: str
    course_title: str
    kind: str
    what: str
    facts: Sequence[tuple[str, str]]
    by: str
    at: Moment
    why: str
    state: str
    waits: bool
    answered_by: str
    answered_at: Moment | None
    words: str


def read_request(kind: Kind, wish: Mapping[str, Any]) -> dict[str, Any]:
    """A wish that the act itself would read.

    Raises:
        DeskError: it would not.
    """
    sort = _SORTS[kind]
    read: dict[str, Any] = read_body(json.dumps(dict(wish)).encode(), sort.shape)
    sort.check(read)
    return read


def carry(core: Core, admin: Person, address: str) -> Carry:
    """What does an approved request: the ordinary act, with the right of whoever approves."""

    async def do(request: Request, along: Along) -> None:
        read_request(request.kind, request.wish)
        await _SORTS[request.kind].do(core, admin, request, address, along)

    return do


def row_of(core: Core, request: Request) -> RequestRow:
    """A request for a page."""
    answer = request.answer
    return RequestRow(
        id=request.id,
        course=request.course,
        course_title=core.campus.title_of(request.course),
        kind=str(request.kind),
        what=_what(core, request),
        facts=list(_facts(core, request)),
        by=request.by,
        at=moment(request.at, core),
        why=request.why,
        state=str(request.state),
        waits=request.waits,
        answered_by=answer.by if answer is not None else "",
        answered_at=moment(answer.at, core) if answer is not None else None,
        words=answer.words if answer is not None else "",
    )


def request_json(core: Core, request: Request) -> wire.Request:
    """A request for programs."""
    told: wire.Request = {
        "id": request.id,
        "course": request.course,
        "kind": request.kind.value,
        "what": _what(core, request),
        "wish": dict(request.wish),
        "by": request.by,
        "at": request.at.isoformat(),
        "why": request.why,
        "state": request.state.value,
    }
    if (answer := request.answer) is not None:
        told["answered_by"], told["words"] = answer.by, answer.words
        told["answered_at"] = answer.at.isoformat()
    return told


def _what(core: Core, request: Request) -> str:
    try:
        return _SORTS[request.kind].say(core, request.wish)
    except DeskError:  # written by a version that read it otherwise
        return str(request.kind)


def _facts(core: Core, request: Request) -> Iterator[tuple[str, str]]:
    """Everything that is asked for, key by key; people by their names."""
    named = {key: _name(core, key) for key in names_in(request.kind, request.wish)}
    for key, value in request.wish.items():
        text = value if isinstance(value, str) else json.dumps(_renamed(value, named))
        text = named.get(text, text)
        yield key, text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _renamed(value: Any, named: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [named.get(one, one) if isinstance(one, str) else one for one in value]
    if isinstance(value, dict):
        return {named.get(key, key): one for key, one in value.items()}
    return value


def _name(core: Core, key: str) -> str:
    found = names_json(core, key)
    name, user = found["name"], found["user"]
    return f"{name} ({user})" if name and user else name or key


# -- the kinds -----------------------------------------------------------------------------------------------------


def _say_grant(core: Core, wish: GrantWish) -> str:
    person, section = wish.get("person"), wish.get("section")
    whom = (
        _name(core, person)
        if person
        else say("section {section}", section=section)
        if section
        else say("everybody")
    )
    return say("{words}, for {whom}", words=words(read_lift(wish)), whom=whom)


async def _give(core: Core, admin: Person, request: Request, address: str, along: Along) -> None:
    wish: Any = request.wish
    await Giving(core, admin, request.course, address).give(
        read_lift(wish),
        Whom(wish.get("person"), wish.get("section")),
        starts=instant(wish.get("starts")),
        ends=instant(wish.get("ends")),
        why=wish.get("why", ""),
        along=along,
    )


def _say_exam(core: Core, wish: ExamWish) -> str:
    starts, ends = instant(wish.get("starts")), instant(wish.get("ends"))
    if starts is None or ends is None:
        return say("an exam")
    return say(
        "an exam from {starts} until {ends}",
        starts=moment(starts, core).text,
        ends=moment(ends, core).text,
    )


async def _hold(core: Core, admin: Person, request: Request, address: str, along: Along) -> None:
    wish: Any = request.wish
    await Examining(core, admin, request.course, address).prepare(read_wish(wish), along)


def _say_limit(core: Core, wish: LimitWish) -> str:
    return f"{wish['field']}: {json.dumps(wish['value'], ensure_ascii=False)}"


async def _adjust(core: Core, admin: Person, request: Request, address: str, along: Along) -> None:
    wish, adjusting = request.wish, Adjusting(core, admin, request.course, address)
    ends, why = instant(wish.get("ends")), wish.get("why", "")
    field, seen = wish["field"], None
    if field == _ALL_WINDOWS:
        one = core.adjustments.find(request.course, field)
        if one is not None and one.at > request.at:
            raise Stale(field)
        seen = core.adjustments.seen(request.course, field)
    await adjusting.set(field, wish["value"], ends=ends, why=why, seen=seen, along=along)


def _say_window(core: Core, wish: WindowWish) -> str:
    window = wish["window"]
    days = window.get("days") or window.get("dates") or []
    on = ", ".join(map(str, days)) if isinstance(days, list) else str(days)
    times = say(
        "{starts} to {ends}", starts=window.get("from", "00:00"), ends=window.get("until", "00:00")
    )
    reserve = window.get("reserve")
    held = (
        say(
            ", reserving {devices}",
            devices=", ".join(f"{most} × {flavor}" for flavor, most in reserve.items()),
        )
        if isinstance(reserve, dict) and reserve
        else ""
    )
    return say("a window on {on}, {times}{held}", on=on, times=times, held=held)


async def _open(core: Core, admin: Person, request: Request, address: str, along: Along) -> None:
    wish, adjusting = request.wish, Adjusting(core, admin, request.course, address)
    instead, why = wish.get("instead_of"), wish.get("why", "")
    await adjusting.set_window(wish["window"], instead_of=instead, why=why, along=along)


def _anything(wish: Any) -> None:
    """Its shape says it all."""


_SORTS: Final[Mapping[Kind, _Sort]] = {
    Kind.ADJUST: _Sort(LimitWish, _anything, _say_limit, _adjust),
    Kind.GRANT: _Sort(GrantWish, read_lift, _say_grant, _give),
    Kind.WINDOW: _Sort(WindowWish, _anything, _say_window, _open),
    Kind.EXAM: _Sort(ExamWish, read_wish, _say_exam, _hold),
}
