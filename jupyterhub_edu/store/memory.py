"""A store that forgets, for ``jupyterhub-edu explain``, tests and trying things out.

It keeps every promise of the port but one: nothing survives the process. It passes the contract suite of the real stores.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.pending import Pending
from jupyterhub_edu.domain.people import CourseRole, Enrolment, Exclusion, Listed, Person
from jupyterhub_edu.domain.usage import Usage, UsageQuery, charge, sum_usage
from jupyterhub_edu.ports import AuditEntry, AuditQuery, Filed, HandChanges, Record, StoreError

from . import admission_rows, people_rows, record_rows, refusals

__all__ = ["MemoryStore"]

_Key = TypeVar("_Key")
_Signed = TypeVar("_Signed", Enrolment, Exclusion, Pending, Record)
_log = logging.getLogger(__name__)


class MemoryStore:
    """Implements ``ports.Store`` without a database.

    Always holds:
        - what the real stores refuse is refused here too (text with NUL, naive instants, a taken hub account, an
          unknown person), with a StoreError and nothing changed;
        - ``open`` says in the log that this store forgets.
    """

    def __init__(self) -> None:
        self._people: dict[str, Person] = {}
        self._enrolments: dict[tuple[str, str, CourseRole, str], Enrolment] = {}
        self._listed: dict[str, Listed] = {}
        self._rosters: dict[tuple[str, str], datetime] = {}
        self._exclusions: dict[tuple[str, str], Exclusion] = {}
        self._pending: dict[str, Pending] = {}
        self._records: dict[tuple[str, str], Record] = {}
        self._secrets: dict[str, tuple[bytes, str]] = {}
        self._pins: dict[str, str] = {}
        self._admissions: dict[str, Admission] = {}
        self._audit: list[AuditEntry] = []
        self._zone: ZoneInfo | None = None

    async def open(self) -> None:
        """Say that this store forgets."""
        _log.warning("the store is in memory: nothing in it survives this process")

    async def close(self) -> None:
        """Nothing to give back."""

    async def load_people(self) -> Sequence[Person]:
        """Everybody ever linked."""
        return sorted(self._people.values(), key=lambda person: person.key)

    async def load_enrolments(self) -> Sequence[Enrolment]:
        """Every enrolment that was kept."""
        return list(self._enrolments.values())

    async def save_answer(
        self, person: Person, origin: str, enrolments: Iterable[Enrolment]
    ) -> None:
        """Keep the person and exactly these enrolments of this origin."""
        told = list(enrolments)
        people_rows.person_row(person)
        people_rows.answer_rows(person, origin, told)
        for other in self._people.values():
            own = other.linked_to is None and person.linked_to is None
            if own and other.hub_name == person.hub_name and other.key != person.key:
                raise StoreError(refusals.name_taken(person, other.key))
        self._people[person.key] = person
        self._listed.pop(person.key, None)
        self._enrolments = {
            key: e
            for key, e in self._enrolments.items()
            if (e.person, e.origin) != (person.key, origin)
        } | {_key(e): e for e in told}

    async def load_listed(self) -> Sequence[Listed]:
        """Everybody whom a roster names and who has never logged in."""
        return sorted(self._listed.values(), key=lambda listed: listed.key)

    async def load_rosters(self) -> Mapping[tuple[str, str], datetime]:
        """When each roster was last complete."""
        return dict(self._rosters)

    async def touch_roster(self, origin: str, course: str, at: datetime) -> None:
        """Keep that a roster was complete."""
        people_rows.roster_row(origin, course, at)
        self._rosters[origin, course] = at

    async def save_roster(
        self,
        origin: str,
        course: str,
        at: datetime,
        listed: Iterable[Listed],
        enrolments: Iterable[Enrolment],
    ) -> None:
        """Keep exactly these enrolments of this origin in this course."""
        told, names = list(enrolments), list(listed)
        people_rows.roster_rows(origin, course, told)
        for entry in names:
            people_rows.listed_row(entry)
        people_rows.roster_row(origin, course, at)
        self._rosters[origin, course] = at
        former = [e for e in self._enrolments.values() if (e.origin, e.course) == (origin, course)]
        for enrolment in former:
            del self._enrolments[_key(enrolment)]
        self._enrolments |= {_key(e): e for e in told}
        self._listed |= {entry.key: entry for entry in names if entry.key not in self._people}
        self._forget({enrolment.person for enrolment in former})

    async def load_exclusions(self) -> Sequence[Exclusion]:
        """Everybody kept out of a course."""
        return [self._exclusions[key] for key in sorted(self._exclusions)]

    async def load_pending(self) -> Sequence[Pending]:
        """What was typed and says nobody yet, oldest first."""
        return sorted(self._pending.values(), key=lambda pending: (pending.at, pending.id))

    async def save_pending(self, pending: Pending) -> None:
        """Insert or replace by id."""
        people_rows.pending_row(pending)
        self._pending[pending.id] = pending

    async def remove_pending(self, id: str) -> None:
        """Remove one, if it is there."""
        self._pending.pop(id, None)

    async def load_records(self, kind: str) -> Sequence[Record]:
        """All records of a kind, by id."""
        return [record for key, record in sorted(self._records.items()) if key[0] == kind]

    async def load_records_of(self, keys: Collection[str]) -> Sequence[Record]:
        """All records about one of these people."""
        return [record for _, record in sorted(self._records.items()) if record.whose in keys]

    async def save_records(
        self,
        put: Iterable[Record] = (),
        drop: Iterable[tuple[str, str]] = (),
        entry: AuditEntry | None = None,
        before: Sequence[AuditEntry] = (),
    ) -> None:
        """Insert or replace some, remove others, write the entries down."""
        kept = [record_rows.read_record(record_rows.record_row(record)) for record in put]
        entries = [*before, entry] if entry is not None else [*before]
        for one in entries:
            record_rows.audit_row(one)
        self._audit += entries
        for key in drop:
            self._records.pop(key, None)
        self._records.update({(record.kind, record.id): record for record in kept})

    async def save_by_hand(self, changes: HandChanges) -> None:
        """Keep what was changed by hand."""
        # Spelt first, so that what cannot be kept changes nothing.
        for one in (*changes.put, *changes.drop):
            people_rows.by_hand_row(one)
        for names in changes.listed:
            people_rows.listed_row(names)
        kept = [
            record_rows.read_record(record_rows.record_row(record)) for record in changes.records
        ]
        for entry in changes.entries:
            record_rows.audit_row(entry)
        for one in changes.drop:
            self._drop(one)
        for one in changes.put:
            self._put(one)
        self._listed |= {one.key: one for one in changes.listed if one.key not in self._people}
        self._forget({one.person for one in changes.drop if isinstance(one, Enrolment)})
        for key in changes.forget:
            self._records.pop(key, None)
        self._records.update({(record.kind, record.id): record for record in kept})
        self._audit += changes.entries

    def _put(self, one: Enrolment | Exclusion | Pending) -> None:
        match one:
            case Enrolment():
                self._enrolments[_key(one)] = one
            case Exclusion():
                self._exclusions[one.person, one.course] = one
            case Pending():
                self._pending[one.id] = one

    def _drop(self, one: Enrolment | Exclusion | Pending) -> None:
        match one:
            case Enrolment():
                self._enrolments.pop(_key(one), None)
            case Exclusion():
                self._exclusions.pop((one.person, one.course), None)
            case Pending():
                self._pending.pop(one.id, None)

    async def load_secret(self, name: str) -> bytes | None:
        """What was kept under this name, sealed."""
        return self._secrets.get(name, (None, ""))[0]

    async def save_secret(self, name: str, sealed: bytes | None, whose: str = "") -> None:
        """Keep sealed bytes; None forgets them."""
        if sealed is None:
            self._secrets.pop(name, None)
        else:
            record_rows.secret_row(name, sealed, whose)
            self._secrets[name] = sealed, whose

    async def load_pins(self) -> Mapping[str, str]:
        """Entries of the campus file to people's keys."""
        return dict(self._pins)

    async def pin(self, entry: str, person: str) -> None:
        """Pin an entry; the first pin stays."""
        people_rows.pin_row(entry, person)
        self._require_person(person)
        self._pins.setdefault(entry, person)

    async def save_admission(self, admission: Admission, entry: AuditEntry | None = None) -> None:
        """Insert or replace by id, unless it has ended. Write the entry down with it."""
        admission_rows.admission_row(admission)
        if entry is not None:
            await self.append_audit(entry)
        known = self._admissions.get(admission.id)
        if known is None or known.stage is not Stage.ENDED:
            self._admissions[admission.id] = admission

    async def load_open_admissions(self) -> Sequence[Admission]:
        """Admissions not ended, oldest first."""
        open_ = (a for a in self._admissions.values() if a.stage is not Stage.ENDED)
        return sorted(open_, key=lambda a: (a.reserved_at, a.id))

    async def find_admission(self, id: str) -> Admission | None:
        """One admission, ended ones too."""
        return self._admissions.get(id)

    async def keep_days(self, zone: ZoneInfo, *, anew: bool = False) -> bool:
        """Remember the zone: here days are made at each question."""
        former, self._zone = self._zone, zone
        return anew or former != zone

    async def load_usage(self, query: UsageQuery) -> Sequence[Usage]:
        """What ended sessions used."""
        zone = self._zone
        if zone is None:
            return []
        days = (usage for one in self._admissions.values() for usage in charge(one, zone))
        return sum_usage(filter(query.takes, days), query.by)

    async def append_audit(self, entry: AuditEntry) -> None:
        """Append one entry."""
        record_rows.audit_row(entry)
        self._audit.append(entry)

    async def find_audit(
        self, query: AuditQuery, *, before: int | None = None, limit: int = 200
    ) -> Sequence[Filed]:
        """The newest entries that are meant, newest first."""
        numbered = reversed([Filed(at, entry) for at, entry in enumerate(self._audit, 1)])
        found = [one for one in numbered if before is None or one.number < before]
        return [one for one in found if query.takes(one.entry)][: max(limit, 0)]

    async def load_admissions_of(self, hub_name: str) -> Sequence[Admission]:
        """All admissions of an account, oldest first."""
        own = (a for a in self._admissions.values() if a.hub_name == hub_name)
        return sorted(own, key=lambda a: (a.reserved_at, a.id))

    async def load_audit_of(self, hub_name: str) -> Sequence[AuditEntry]:
        """All entries by an account or about it, oldest first."""
        return [e for e in self._audit if hub_name in {e.actor, e.target}]

    async def erase(
        self,
        keys: Collection[str],
        hub_name: str,
        stand_in: str,
        pending: Collection[str] = (),
    ) -> None:
        """Remove all that is kept of a person; what must stay has the stand-in for them."""
        refusals.require_stand_in(stand_in)
        own = await self.load_admissions_of(hub_name)
        if hub_name and any(a.stage is not Stage.ENDED for a in own):
            raise StoreError(refusals.still_running(hub_name))
        for key in keys:
            self._people.pop(key, None)
            self._listed.pop(key, None)
        self._secrets = {
            name: kept for name, kept in self._secrets.items() if not {name, kept[1]} & set(keys)
        }
        self._pins = {entry: key for entry, key in self._pins.items() if key not in keys}
        self._enrolments = {k: e for k, e in self._enrolments.items() if e.person not in keys}
        self._exclusions = {k: e for k, e in self._exclusions.items() if e.person not in keys}
        self._pending = {id: p for id, p in self._pending.items() if id not in pending}
        self._records = {k: r for k, r in self._records.items() if r.whose not in keys}
        for at, entry in enumerate(self._audit):
            if entry.target in keys:
                self._audit[at] = replace(entry, target=stand_in)
        if hub_name:
            self._without_name(hub_name, stand_in)

    def _without_name(self, hub_name: str, stand_in: str) -> None:
        for id, admission in self._admissions.items():
            if admission.hub_name == hub_name:
                self._admissions[id] = replace(
                    admission, person=stand_in, hub_name=stand_in, server=""
                )
        for at, entry in enumerate(self._audit):
            if entry.actor == hub_name:
                entry = replace(entry, actor=stand_in, address=stand_in)
            if entry.target == hub_name:
                entry = replace(entry, target=stand_in)
            self._audit[at] = entry
        _sign_anew(self._enrolments, hub_name, stand_in)
        _sign_anew(self._exclusions, hub_name, stand_in)
        _sign_anew(self._pending, hub_name, stand_in)
        _sign_anew(self._records, hub_name, stand_in)

    def _forget(self, keys: Collection[str]) -> None:
        """Forget the names of those who are in no course any more."""
        left = {enrolment.person for enrolment in self._enrolments.values()}
        for key in keys:
            if key not in left:
                self._listed.pop(key, None)

    def _require_person(self, key: str) -> None:
        if key not in self._people:
            raise StoreError(refusals.unknown_person(key))


def _sign_anew(kept: dict[_Key, _Signed], hub_name: str, stand_in: str) -> None:
    """Put the stand-in for the name of whoever wrote these."""
    for key, one in kept.items():
        if one.by == hub_name:
            kept[key] = replace(one, by=stand_in)


def _key(enrolment: Enrolment) -> tuple[str, str, CourseRole, str]:
    return enrolment.person, enrolment.course, enrolment.role, enrolment.origin
