"""Ends of sessions that have come sooner than was promised, and the promised ones, for when they are taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.decide import EndRule
from jupyterhub_edu.domain.ends import End
from jupyterhub_edu.ports import AuditEntry, Clock, Record, Store

from .book import Book
from .kept import instant, reading
from .noting import entry_about

__all__ = ["Sooner"]

_KIND: Final = "sooner"
_RULES: Final = {str(rule): rule for rule in EndRule}


class _Moved(NamedTuple):
    """What was promised (None: no end), and who wants it to end when."""

    promised: End | None
    wanted: Mapping[EndRule, datetime]

    def end(self) -> End | None:
        """The earliest; what was promised on a tie, then by the rule's word."""
        ends = [End(at, by) for by, at in sorted(self.wanted.items())]
        if self.promised is not None:
            ends.insert(0, self.promised)
        return min(ends, key=lambda end: end.at, default=None)


class Sooner:
    """Moves ends and takes them back; several rules may want the same session to end.

    Always holds:
        - a session ends at the earliest of what was promised and what is wanted now, and never later for having been moved;
        - each rule moves an end once, and takes back only what it moved itself;
        - what is not kept is not moved; a hub that is killed on the way starts with the former end or the moved one, and
          with the promised one to go back to;
        - each is in the audit, as ``warn`` and ``withdraw``, in the system's name.

    Warning and stopping is not done here: ``Deadlines`` does that for every end.
    """

    def __init__(self, book: Book, store: Store, clock: Clock) -> None:
        self._book, self._store, self._clock = book, store, clock
        self._moved: dict[str, _Moved] = {}
        self._over: set[str] = set()
        self._turn = asyncio.Lock()
        book.on_end.append(self._forget)

    async def load(self) -> None:
        """Read the store, once the book has been rebuilt. A record whose session ends as promised is dropped.

        Raises:
            StoreError: a record cannot be read.
        """
        for record in await self._store.load_records(_KIND):
            admission = self._book.admission(record.id)
            moved = _read(record)
            if admission is not None and admission.ends_by in moved.wanted:
                self._moved[record.id] = moved
            else:
                self._over.add(record.id)
        await self.tidy()

    def promised(self, admission: Admission) -> End | None:
        """When it would end had nothing been moved; None: never by itself."""
        return self._known(admission).promised

    def wanted(self, id: str, by: EndRule) -> datetime | None:
        """When this rule wants the session to end, or None."""
        moved = self._moved.get(id)
        return moved.wanted.get(by) if moved is not None else None

    async def move(self, id: str, by: EndRule, at: datetime) -> bool:
        """Let a session end at an instant at the latest; a rule that has moved it already changes nothing.

        Returns:
            Whether the session is there, and its end known.

        Raises:
            StoreError: it could not be kept; try again.
        """
        async with self._turn:
            admission = self._book.admission(id)
            if admission is None:
                return False
            moved, entry = self._known(admission), None
            if by not in moved.wanted:
                moved = moved._replace(wanted={**moved.wanted, by: at})
                entry = self._entry("warn", admission, by, at)
            if moved != self._moved.get(id):
                await self._store.save_records([_record(admission, moved)], entry=entry)
                self._moved[id] = moved
            return await self._follow(id)

    async def take_back(self, id: str, by: EndRule) -> bool:
        """Let a session go on as if this rule had never moved its end.

        Returns:
            Whether it had.

        Raises:
            StoreError: it could not be kept; try again.
        """
        async with self._turn:
            admission = self._book.admission(id)
            former = self._known(admission) if admission is not None else None
            if admission is None or former is None or by not in former.wanted:
                return False
            left = {rule: at for rule, at in former.wanted.items() if rule is not by}
            self._moved[id] = former._replace(wanted=left)
            try:
                # First the end: were the record gone first, nobody would know what was promised.
                await self._follow(id)
                entry = self._entry("withdraw", admission, by, None)
                if left:
                    await self._store.save_records(
                        [_record(admission, self._moved[id])], (), entry
                    )
                else:
                    await self._store.save_records((), [(_KIND, id)], entry)
                    self._moved.pop(id, None)
            except BaseException:
                self._moved[id] = former
                raise
            return True

    async def tidy(self) -> None:
        """Forget sessions that are over; cheap where there are none.

        Raises:
            StoreError: another time, then.
        """
        if self._over:
            over = frozenset(self._over)
            await self._store.save_records((), [(_KIND, id) for id in over])
            self._over -= over

    # -- inside ------------------------------------------------------------------------------------------------

    def _known(self, admission: Admission) -> _Moved:
        """What was promised and what is wanted now; an end in force that nobody moved is the promised one, extended or not."""
        moved, now = self._moved.get(admission.id), _end_of(admission)
        if moved is None:
            return _Moved(now, {})
        return (
            moved if now is not None and now.by in moved.wanted else moved._replace(promised=now)
        )

    async def _follow(self, id: str) -> bool:
        """Put the end in force that holds now."""
        admission, end = self._book.admission(id), self._moved[id].end()
        if admission is None or _end_of(admission) == end:
            return admission is not None
        return await self._book.set_end(id, *(end or (None, None)))

    def _forget(self, ended: Admission) -> None:
        if self._moved.pop(ended.id, None) is not None:
            self._over.add(ended.id)

    def _entry(
        self, act: str, admission: Admission, by: EndRule, at: datetime | None
    ) -> AuditEntry:
        ends = {} if at is None else {"ends_at": at.isoformat()}
        return entry_about(admission, self._clock(), "", act, why=str(by), **ends)


def _end_of(admission: Admission) -> End | None:
    if admission.ends_at is None or admission.ends_by is None:
        return None
    return End(admission.ends_at, admission.ends_by)


def _record(admission: Admission, moved: _Moved) -> Record:
    promised = moved.promised
    body = {
        "promised": [promised.at.isoformat(), str(promised.by)] if promised else None,
        "wanted": {str(by): at.isoformat() for by, at in moved.wanted.items()},
    }
    return Record(_KIND, admission.id, body, whose=admission.person)


def _read(record: Record) -> _Moved:
    with reading(record):
        promised, wanted = record.body["promised"], record.body["wanted"]
        return _Moved(
            None if promised is None else End(instant(promised[0]), _RULES[promised[1]]),
            {_RULES[by]: instant(at) for by, at in wanted.items()},
        )
