"""What teachers ask of administrators: the things above a ceiling, each kept with the answer to it.

A request is the body that the act takes, so approving one carries out the ordinary act with the administrator's right.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.ports import AuditEntry, Record, Store

from .along import Along
from .kept import instant, number, reading, text
from .listeners import call_all

__all__ = ["ACTS", "Answer", "Kind", "Request", "Requests", "State", "names_in", "with_names"]

_ASKED: Final = "request"
_ANSWERED: Final = "request-answer"
_NAMED: Final = "request-person"


class Kind(StrEnum):
    """What is asked for."""

    ADJUST = "adjust"
    GRANT = "grant"
    WINDOW = "window"
    EXAM = "exam"


ACTS: Final[Mapping[Kind, Act]] = MappingProxyType(
    {
        Kind.ADJUST: Act.ADJUST,
        Kind.GRANT: Act.GRANT,
        Kind.WINDOW: Act.WINDOW,
        Kind.EXAM: Act.EXAM,
    }
)
"""The act that a request is about: whoever may do it above the ceiling may answer."""


class State(StrEnum):
    """How a request stands."""

    OPEN = "open"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request.

    Attributes:
        by: hub account.
        at: aware UTC.
        words: to whoever asked, or ``""``; hostile text.
    """

    state: State
    by: str
    at: datetime
    words: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        id: 32 hexadecimal digits.
        wish: the body of the act as the API takes it, people in it by their keys; hostile text.
        by: hub account of whoever asks.
        at: aware UTC.
        why: their words, or ``""``; hostile text.
        answer: None while there is none.
    """

    id: str
    course: str
    kind: Kind
    wish: Mapping[str, Any]
    by: str
    at: datetime
    why: str = ""
    answer: Answer | None = None

    @property
    def state(self) -> State:
        """How it stands."""
        return self.answer.state if self.answer is not None else State.OPEN

    @property
    def waits(self) -> bool:
        """Whether it can be answered."""
        return self.answer is None


class Requests:
    """The requests of all courses: in memory to be shown, in the store for good.

    Always holds:
        - a request or an answer and its entry in the audit are kept together or not at all, an approval also with what it
          does;
        - who is erased takes along every request that names them.

    Attributes:
        turn: held by whoever asks or answers, from the first look.
        on_change: told the course in which something changed.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Request] = {}
        self.turn = asyncio.Lock()
        self.on_change: list[Callable[[str], None]] = []

    async def load(self) -> None:
        """Read the store.

        Raises:
            StoreError: it, or a record in it, cannot be read.
        """
        people: dict[str, dict[str, str]] = {}
        for record in await self._store.load_records(_NAMED):
            with reading(record):
                named = people.setdefault(text(record.body["request"]), {})
                named[text(record.body["as"])] = record.whose
        answers = {
            record.id: _read_answer(record) for record in await self._store.load_records(_ANSWERED)
        }
        orphans: list[tuple[str, str]] = []
        for record in await self._store.load_records(_ASKED):
            request = _read(record, people.get(record.id, {}), answers.get(record.id))
            if request is not None:
                self._known[request.id] = request
            else:
                orphans += _places(record.id, number(record.body["people"]))
        if orphans:
            await self._store.save_records((), orphans)

    def of(self, course: str) -> list[Request]:
        """Every request of a course, the newest first."""
        return _newest(one for one in self._known.values() if one.course == course)

    def everything(self) -> list[Request]:
        """Every request, the newest first."""
        return _newest(self._known.values())

    def waiting(self) -> list[Request]:
        """Those that can be answered, of all courses, the oldest first."""
        return _newest(one for one in self._known.values() if one.waits)[::-1]

    def find(self, id: str) -> Request | None:
        """One request."""
        return self._known.get(id)

    async def add(
        self, request: Request, entry: AuditEntry, instead: Collection[Request] = ()
    ) -> None:
        """Keep a new request.

        Args:
            instead: answered ones that are kept no longer.

        Raises:
            StoreError: it could not be kept; nothing has changed.
        """
        named = [(one, len(names_in(one.kind, one.wish))) for one in instead]
        drop = [place for one, people in named for place in _places(one.id, people)]
        await self._store.save_records(_records(request), drop, entry)
        for one in instead:
            self._known.pop(one.id, None)
        self._put(request)

    async def answer(self, request: Request, answer: Answer, entry: AuditEntry) -> Request:
        """Keep the answer to a request.

        Raises:
            StoreError: it could not be kept; nothing has changed.
        """
        await self._store.save_records([_answer_record(request, answer)], entry=entry)
        answered = replace(request, answer=answer)
        self._put(answered)
        return answered

    def answering(self, request: Request, answer: Answer, entry: AuditEntry) -> Along:
        """The answer to a request, to be kept with what it does."""
        answered = replace(request, answer=answer)
        record = _answer_record(request, answer)
        return Along([record], [entry], lambda: self._put(answered))

    def forget(self, keys: Collection[str], hub_name: str, stand_in: str) -> None:
        """Know nothing of somebody any more; ``store.erase`` has made it so for good."""
        for id, request in list(self._known.items()):
            if names_in(request.kind, request.wish) & set(keys):
                del self._known[id]
                continue
            if hub_name and request.by == hub_name:
                request = replace(request, by=stand_in)
            if hub_name and request.answer is not None and request.answer.by == hub_name:
                request = replace(request, answer=replace(request.answer, by=stand_in))
            self._known[id] = request

    def _put(self, request: Request) -> None:
        self._known[request.id] = request
        call_all(self.on_change, request.course, f"request {request.id}")


def names_in(kind: Kind, wish: Mapping[str, Any]) -> set[str]:
    """Whom a wish names: whatever stands where the act takes a name of somebody."""
    found: list[Any] = []
    if kind is Kind.GRANT:
        found = [wish.get("person")]
    elif kind is Kind.EXAM:
        found = [*(wish.get("participants") or ()), *(wish.get("extra") or ())]
    return {name for name in found if isinstance(name, str)}


def with_names(kind: Kind, wish: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The same wish, with each of these names in the place of the one that it stands for."""
    changed = dict(wish)
    if kind is Kind.GRANT and wish.get("person") is not None:
        changed["person"] = names[wish["person"]]
    if kind is Kind.EXAM:
        if wish.get("participants") is not None:
            changed["participants"] = [names[name] for name in wish["participants"]]
        if wish.get("extra") is not None:
            changed["extra"] = {names[name]: time for name, time in wish["extra"].items()}
    return changed


# -- records -------------------------------------------------------------------------------------------------------


def _newest(requests: Iterable[Request]) -> list[Request]:
    return sorted(requests, key=lambda one: (one.at, one.id), reverse=True)


def _records(request: Request) -> list[Record]:
    """The request without anybody's key, and beside it whom it names, one record each."""
    keys = sorted(names_in(request.kind, request.wish))
    called = {key: f"{at}" for at, key in enumerate(keys)}
    body = {
        "course": request.course,
        "kind": str(request.kind),
        "wish": with_names(request.kind, request.wish, called),
        "at": request.at.isoformat(),
        "why": request.why,
        "people": len(keys),
    }
    named = [
        Record(_NAMED, f"{request.id}-{name}", {"request": request.id, "as": name}, whose=key)
        for key, name in called.items()
    ]
    return [Record(_ASKED, request.id, body, by=request.by), *named]


def _places(id: str, people: int) -> list[tuple[str, str]]:
    """Of the records of a request that names so many."""
    named = [(_NAMED, f"{id}-{name}") for name in range(people)]
    return [(_ASKED, id), (_ANSWERED, id), *named]


def _read(record: Record, named: Mapping[str, str], answer: Answer | None) -> Request | None:
    """A request; None where somebody whom it named has been erased."""
    with reading(record):
        body, kind = record.body, Kind(record.body["kind"])
        if number(body["people"]) != len(named):
            return None
        return Request(
            id=record.id,
            course=text(body["course"]),
            kind=kind,
            wish=with_names(kind, dict(body["wish"]), named),
            by=record.by,
            at=instant(body["at"]),
            why=text(body["why"]),
            answer=answer,
        )


def _answer_record(request: Request, answer: Answer) -> Record:
    body = {"state": str(answer.state), "at": answer.at.isoformat(), "words": answer.words}
    return Record(_ANSWERED, request.id, body, by=answer.by)


def _read_answer(record: Record) -> Answer:
    with reading(record):
        body = record.body
        return Answer(State(body["state"]), record.by, instant(body["at"]), text(body["words"]))
