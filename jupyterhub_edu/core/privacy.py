"""Everything that is kept of one person: to be handed to them, or to be erased."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.pending import Pending
from jupyterhub_edu.domain.people import Enrolment, Exclusion, Listed, Person
from jupyterhub_edu.domain.usage import By, Usage, UsageQuery, usage_json
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import AuditEntry, Clock, Record, Store

from .finding import fold, names_of
from .roll import Roll

__all__ = ["CannotErase", "Dossier", "erase", "find_dossier"]


_BY_ALL: Final = frozenset(By)


class CannotErase(Exception):
    """Somebody cannot be erased now; the text says what to do first."""


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything that is kept of one person.

    Attributes:
        hub_name: the account, or ``""`` for somebody who has never logged in.
        keys: of all identities, logged in or not.
        identities: one for each source that has vouched for them.
        listed: as whom a roster names them, if they have never logged in.
        enrolments: as each origin told them, those of the campus file too.
        pending: what was typed by a login, number or account of theirs and waits.
        named: entries of the campus file, present or former, that are they.
        usage: of their sessions that have ended, by day, course, flavor and profile.
        records: what the fair share keeps about them alone: grants, a place in a line.
        with_secret: keys of identities of which something sealed is kept, such as a refresh token.
    """

    hub_name: str
    keys: Sequence[str]
    identities: Sequence[Person]
    listed: Sequence[Listed]
    enrolments: Sequence[Enrolment]
    exclusions: Sequence[Exclusion]
    pending: Sequence[Pending]
    named: Sequence[str]
    records: Sequence[Record]
    with_secret: Sequence[str]
    sessions: Sequence[Admission]
    usage: Sequence[Usage]
    audit: Sequence[AuditEntry]

    def as_json(self) -> dict[str, Any]:
        """For the person; instants are ISO 8601 in UTC, secrets are said and not shown."""
        return {
            "account": self.hub_name or None,
            "identities": [_identity(one) for one in self.identities],
            "in_rosters_as": [
                {"key": one.key, "login": one.login, "name": one.name} for one in self.listed
            ],
            "enrolments": [_enrolment(one) for one in self.enrolments],
            "exclusions": [
                {"course": e.course, "by": e.by, "why": e.why, "until": _iso(e.until)}
                for e in self.exclusions
            ],
            "pending": [_pending(one) for one in self.pending],
            "entries_of_the_campus_file": list(self.named),
            "records": [
                {"kind": one.kind, "id": one.id, "by": one.by, **one.body} for one in self.records
            ],
            "sealed_secrets_of": list(self.with_secret),
            "sessions": [_session(one) for one in self.sessions],
            "usage": [usage_json(one) for one in self.usage],
            "audit": [_entry(one) for one in self.audit],
        }


async def find_dossier(roll: Roll, store: Store, who: str) -> Dossier | None:
    """Everything about somebody, by the name of their hub account or by a key; None if nothing is kept of them.

    Of whom nothing is known but what waits for them, by what was typed.
    """
    person = roll.by_hub_name(who) or roll.person(who)
    identities = roll.identities(person) if person else ()
    keys = [one.key for one in identities] or [who]
    hub_name = person.hub_name if person else ""
    names = {fold(who)}.union(*(names_of(roll, key) for key in keys))
    found = Dossier(
        hub_name=hub_name,
        keys=keys,
        identities=identities,
        listed=[entry for key in keys if (entry := roll.rosters.listed(key))],
        enrolments=roll.told_of(keys),
        exclusions=roll.exclusions.of(keys),
        pending=[one for one in roll.pending.everything() if fold(one.typed) in names],
        named=roll.entries.of(keys),
        records=await store.load_records_of(keys),
        with_secret=[key for key in keys if await store.load_secret(key) is not None],
        sessions=await store.load_admissions_of(hub_name) if hub_name else (),
        usage=await store.load_usage(UsageQuery(_BY_ALL, person=hub_name)) if hub_name else (),
        audit=await store.load_audit_of(hub_name) if hub_name else (),
    )
    about = found.identities, found.listed, found.enrolments, found.exclusions, found.pending
    return found if any(about) or found.with_secret or found.records else None


async def erase(
    roll: Roll, store: Store, dossier: Dossier, clock: Clock, actor: str = "", address: str = ""
) -> str:
    """Erase a person: rows about them alone go; sessions, usage and the audit keep a stand-in for their name.

    Always holds:
        - nobody is erased whom the campus file names: the entry would be pinned to the next person of that login;
        - it is written to the audit before it is done, with the stand-in alone.

    Returns:
        The stand-in.

    Raises:
        CannotErase: the campus file still names them.
        StoreError: among others when a session of theirs has not ended; nothing has been erased.
    """
    if named := roll.entries.present(dossier.keys):
        raise CannotErase(
            say("The campus file names {names}: take that out first.", names=", ".join(named))
        )
    stand_in = f"erased-{uuid.uuid4().hex[:12]}"
    entry = AuditEntry(clock(), actor, "erase", target=stand_in, address=address)
    await store.append_audit(entry)
    pending = [one.id for one in dossier.pending]
    await store.erase(dossier.keys, dossier.hub_name, stand_in, pending)
    roll.forget(dossier.keys, dossier.hub_name, stand_in, pending)
    return stand_in


def _identity(person: Person) -> Mapping[str, object]:
    return {
        "key": person.key,
        "source": person.source,
        "login": person.login,
        "name": person.name,
        "site_role": str(person.site_role) if person.site_role else None,
        "active": person.active,
        "answered_at": _iso(person.answered_at),
        "linked_to": person.linked_to,
        "attributes": dict(person.attributes),
    }


def _enrolment(enrolment: Enrolment) -> Mapping[str, object]:
    return {
        "person": enrolment.person,
        "course": enrolment.course,
        "role": str(enrolment.role),
        "sections": sorted(enrolment.sections),
        "origin": enrolment.origin,
        "starts": _iso(enrolment.starts),
        "ends": _iso(enrolment.ends),
        "answered_at": _iso(enrolment.answered_at),
        "by": enrolment.by,
        "why": enrolment.why,
    }


def _pending(pending: Pending) -> Mapping[str, object]:
    return {
        "course": pending.course,
        "typed": pending.typed,
        "role": str(pending.role) if pending.role else None,
        "excluded": pending.role is None,
        "starts": _iso(pending.starts),
        "ends": _iso(pending.ends),
        "by": pending.by,
        "at": _iso(pending.at),
        "why": pending.why,
        "waits": str(pending.waits),
    }


def _session(admission: Admission) -> Mapping[str, object]:
    return {
        "session": admission.id,
        "course": admission.course,
        "server": admission.server,
        "role": str(admission.role),
        "profile": admission.granted.profile,
        "flavor": admission.flavor,
        "devices": admission.devices,
        "reserved_at": _iso(admission.reserved_at),
        "running_at": _iso(admission.running_at),
        "ended_at": _iso(admission.ended_at),
        "stage": str(admission.stage),
    }


def _entry(entry: AuditEntry) -> Mapping[str, object]:
    return {
        "at": _iso(entry.at),
        "actor": entry.actor,
        "act": str(entry.act),
        "course": entry.course,
        "target": entry.target,
        "address": entry.address,
        "details": dict(entry.details),
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
