"""Requests to join and join codes of all courses: in memory for every look, in the store for good."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from jupyterhub_edu.domain.joining import JoinCode, JoinRequest
from jupyterhub_edu.ports import AuditEntry, Record, Store

from .kept import instant, number, reading, text

__all__ = ["Joins"]

_REQUEST, _CODE = "join", "joincode"


class Joins:
    """Who asks to join what, and the one code of each course that has one.

    Always holds:
        - what is changed and its entry in the audit are kept together or not at all;
        - a request is erased with whoever asks.

    Attributes:
        turn: held by whoever asks, answers or comes in, from the first look.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._requests: dict[str, JoinRequest] = {}
        self._of: dict[str, dict[str, JoinRequest]] = {}
        self._codes: dict[str, JoinCode] = {}
        self.turn = asyncio.Lock()

    async def load(self) -> None:
        """Read the store.

        Raises:
            StoreError: it, or a record in it, cannot be read.
        """
        for record in await self._store.load_records(_REQUEST):
            self._put(_read_request(record))
        for record in await self._store.load_records(_CODE):
            self._codes[record.id] = _read_code(record)

    # -- requests ----------------------------------------------------------------------------------------------

    def requests(self) -> list[JoinRequest]:
        """All of them, oldest first; refused ones too."""
        return sorted(self._requests.values(), key=lambda one: (one.at, one.id))

    def in_course(self, course: str) -> list[JoinRequest]:
        """Those to join one course."""
        found = (one for one in self._requests.values() if one.course == course)
        return sorted(found, key=lambda one: (one.at, one.id))

    def of(self, keys: Collection[str]) -> list[JoinRequest]:
        """Those of one person, by the keys of all their identities."""
        return [one for key in keys for one in self._of.get(key, {}).values()]

    def find(self, course: str, id: str) -> JoinRequest | None:
        """One request to join this course."""
        found = self._requests.get(id)
        return found if found is not None and found.course == course else None

    async def save(self, request: JoinRequest, entry: AuditEntry) -> None:
        """Keep a request, in the place of one with the same id.

        Raises:
            StoreError: it could not be kept; nothing has changed.
        """
        await self._store.save_records([_request_record(request)], entry=entry)
        self._put(request)

    async def drop(self, requests: Iterable[JoinRequest], entry: AuditEntry | None = None) -> None:
        """Keep requests no longer.

        Raises:
            StoreError: as for ``save``.
        """
        dropped = list(requests)
        if dropped:
            await self._store.save_records((), self.over(dropped), entry)
        for one in dropped:
            self._take_out(one)

    # -- codes -------------------------------------------------------------------------------------------------

    def codes(self) -> list[JoinCode]:
        """All of them, also those that have ended."""
        return list(self._codes.values())

    def code(self, course: str) -> JoinCode | None:
        """The code of one course."""
        return self._codes.get(course)

    async def save_code(self, code: JoinCode, entry: AuditEntry) -> None:
        """Let this be the code of its course.

        Raises:
            StoreError: as for ``save``.
        """
        await self._store.save_records([_code_record(code)], entry=entry)
        self._codes[code.course] = code

    async def drop_code(self, code: JoinCode, entry: AuditEntry) -> None:
        """Let a course have no code.

        Raises:
            StoreError: as for ``save``.
        """
        await self._store.save_records((), [(_CODE, code.course)], entry)
        self._codes.pop(code.course, None)

    # -- who is let in -----------------------------------------------------------------------------------------

    @staticmethod
    def record_of(used: JoinCode) -> Record:
        """What is kept of a code in the step in which it lets somebody in."""
        return _code_record(used)

    @staticmethod
    def over(requests: Iterable[JoinRequest]) -> list[tuple[str, str]]:
        """Which records go in that step: kind and id."""
        return [(_REQUEST, one.id) for one in requests]

    def note_in(self, requests: Iterable[JoinRequest], used: JoinCode | None = None) -> None:
        """They are in; the store has it so."""
        for one in requests:
            self._take_out(one)
        if used is not None:
            self._codes[used.course] = used

    # -- all of them -------------------------------------------------------------------------------------------

    def forget(self, keys: Collection[str], hub_name: str, stand_in: str) -> None:
        """Know nothing of somebody any more; ``store.erase`` has made it so for good."""
        left = [one for one in self._requests.values() if one.person not in keys]
        self._requests, self._of = {}, {}
        for one in left:
            self._put(replace(one, by=stand_in) if hub_name and one.by == hub_name else one)
        for course, code in self._codes.items():
            if hub_name and code.by == hub_name:
                self._codes[course] = replace(code, by=stand_in)

    def _take_out(self, request: JoinRequest) -> None:
        self._requests.pop(request.id, None)
        self._of.get(request.person, {}).pop(request.id, None)

    def _put(self, request: JoinRequest) -> None:
        self._requests[request.id] = request
        self._of.setdefault(request.person, {})[request.id] = request


def _request_record(request: JoinRequest) -> Record:
    refused = request.refused_at
    body = {
        "course": request.course,
        "at": request.at.isoformat(),
        "why": request.why,
        "refused_at": refused.isoformat() if refused is not None else None,
        "words": request.words,
    }
    return Record(_REQUEST, request.id, body, whose=request.person, by=request.by)


def _read_request(record: Record) -> JoinRequest:
    with reading(record):
        body, refused = record.body, record.body["refused_at"]
        if not record.whose:
            raise ValueError("it does not say who asks")
        return JoinRequest(
            id=record.id,
            course=text(body["course"]),
            person=record.whose,
            at=instant(body["at"]),
            why=text(body["why"]),
            refused_at=None if refused is None else instant(refused),
            by=record.by,
            words=text(body["words"]),
        )


def _code_record(code: JoinCode) -> Record:
    body: dict[str, Any] = {
        "code": code.code,
        "at": code.at.isoformat(),
        "ends": code.ends.isoformat(),
        "most": code.most,
        "uses": code.uses,
        "section": code.section,
    }
    return Record(_CODE, code.course, body, by=code.by)


def _read_code(record: Record) -> JoinCode:
    with reading(record):
        body = record.body
        return JoinCode(
            course=record.id,
            code=text(body["code"]),
            by=record.by,
            at=instant(body["at"]),
            ends=instant(body["ends"]),
            most=number(body["most"]),
            uses=number(body["uses"]),
            section=text(body["section"]),
        )
