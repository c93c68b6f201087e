"""Grants of all courses: in memory for decisions, in the store for good."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from jupyterhub_edu.domain.grants import Cap, Grant, Hours, Lift, Longest, Offer
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.ports import AuditEntry, Clock, Record, Store

from .along import ALONE, Along
from .kept import instant, number, reading, text
from .listeners import call_all
from .roll import Roll

__all__ = ["Grants"]

_KIND: Final = "grant"
_SECOND: Final = timedelta(seconds=1)


class Grants:
    """What staff have given, ended grants too: they count towards the ceiling of hours.

    Always holds:
        - a grant holds from when it is durable, and it and its entry in the audit are kept together or not at all;
        - one that is for a single person is erased with them.

    Attributes:
        on_change: told the course in which something changed.
    """

    def __init__(self, roll: Roll, store: Store, clock: Clock) -> None:
        self._roll, self._store, self._clock = roll, store, clock
        self._of: dict[str, dict[str | None, dict[str, Grant]]] = {}
        self.turn = asyncio.Lock()
        """Held by whoever gives or takes back, from the first look at what was given."""
        self.on_change: list[Callable[[str], None]] = []

    async def load(self) -> None:
        """Read the store.

        Raises:
            StoreError: it, or a record in it, cannot be read.
        """
        for record in await self._store.load_records(_KIND):
            self._put(_read(record))

    def of(self, course: str) -> tuple[Grant, ...]:
        """Every grant of a course, ended ones too, oldest first."""
        found = [one for own in self._of.get(course, {}).values() for one in own.values()]
        return tuple(sorted(found, key=lambda grant: (grant.starts, grant.id)))

    def find(self, course: str, id: str) -> Grant | None:
        """One grant of this course."""
        return next((own[id] for own in self._of.get(course, {}).values() if id in own), None)

    def about(self, keys: Iterable[str]) -> list[Grant]:
        """Every grant that is for one of these keys alone."""
        return [
            grant
            for own in self._of.values()
            for key in keys
            for grant in own.get(key, {}).values()
        ]

    def reaching(self, person: Person, course: str) -> tuple[Grant, ...]:
        """Those of a course that may be for this person and have not ended; sections are not asked."""
        given = self._of.get(course)
        if not given:
            return ()
        now = self._clock()
        keys = (None, *(one.key for one in self._roll.identities(person)))
        return tuple(g for key in keys for g in given.get(key, {}).values() if now < g.ends)

    async def save(self, grant: Grant, entry: AuditEntry, along: Along = ALONE) -> None:
        """Keep a grant, in the place of one with the same id.

        Raises:
            StoreError: it could not be kept; nothing has changed.
        """
        await along.save(self._store, [_record(grant)], (), entry)
        self._put(grant)
        call_all(self.on_change, grant.course, f"grant {grant.id}")

    async def drop(self, grant: Grant, entry: AuditEntry) -> None:
        """Keep it no longer.

        Raises:
            StoreError: it could not be written down; nothing has changed.
        """
        await self._store.save_records((), [(_KIND, grant.id)], entry)
        self._of[grant.course][grant.person].pop(grant.id, None)
        call_all(self.on_change, grant.course, f"grant {grant.id}")

    def forget(self, keys: Iterable[str], hub_name: str, stand_in: str) -> None:
        """Know nothing of somebody any more; ``store.erase`` has made it so for good."""
        for own in self._of.values():
            for key in keys:
                own.pop(key, None)
            for grants in own.values():
                for id, grant in grants.items():
                    if hub_name and grant.by == hub_name:
                        grants[id] = replace(grant, by=stand_in)

    def _put(self, grant: Grant) -> None:
        self._of.setdefault(grant.course, {}).setdefault(grant.person, {})[grant.id] = grant


def _record(grant: Grant) -> Record:
    body = {
        "course": grant.course,
        "what": _spell(grant.what),
        "starts": grant.starts.isoformat(),
        "ends": grant.ends.isoformat(),
        "why": grant.why,
        "section": grant.section,
        "for": "person" if grant.person is not None else "section" if grant.section else "all",
        "approved": grant.approved,
    }
    return Record(_KIND, grant.id, body, whose=grant.person or "", by=grant.by)


def _read(record: Record) -> Grant:
    with reading(record):
        body, section = record.body, record.body["section"]
        approved, whom = body["approved"], body["for"]
        if type(approved) is not bool or whom not in ("person", "section", "all"):
            raise ValueError(f"not for whom, or not whether approved: {whom!r}, {approved!r}")
        if bool(record.whose) != (whom == "person") or bool(section) != (whom == "section"):
            raise ValueError(f"it is for a {whom}, and does not say for which")
        return Grant(
            id=record.id,
            course=text(body["course"]),
            what=_read_lift(body["what"]),
            starts=instant(body["starts"]),
            ends=instant(body["ends"]),
            by=record.by,
            why=text(body["why"]),
            person=record.whose or None,
            section=None if section is None else text(section),
            approved=approved,
        )


def _spell(what: Lift) -> dict[str, str | int | None]:
    match what:
        case Hours(amount):
            return {"hours": amount}
        case Offer(profile):
            return {"offer": profile}
        case Cap(most, flavor):
            return {"most": most, "flavor": flavor}
        case Longest(profile, length):
            return {"longest": profile, "seconds": length // _SECOND}


def _read_lift(what: Mapping[str, Any]) -> Lift:
    if "hours" in what:
        return Hours(number(what["hours"]))
    if "offer" in what:
        return Offer(text(what["offer"]))
    if "longest" in what:
        return Longest(text(what["longest"]), number(what["seconds"]) * _SECOND)
    flavor = what["flavor"]
    return Cap(number(what["most"]), None if flavor is None else text(flavor))
