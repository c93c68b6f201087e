"""Domain values to rows and back.

Always holds:
    - what is read equals what was written;
    - nothing is guessed: a row with an unknown word or a wrong type is a StoreError that names the row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.allowances import Drawn, Reserved, Slot
from jupyterhub_edu.domain.decide import EndRule
from jupyterhub_edu.domain.pending import Pending, Waits
from jupyterhub_edu.domain.people import (
    CourseRole,
    Enrolment,
    Exclusion,
    Listed,
    Person,
    SiteRole,
)
from jupyterhub_edu.domain.profiles import Amounts, Granted
from jupyterhub_edu.domain.quantities import Cpu, Memory
from jupyterhub_edu.ports import AuditEntry, Record

from .values import (
    an_object,
    instant,
    maybe,
    micros,
    reading,
    set_of_texts,
    spell,
    string,
    text,
    texts,
    whole,
    word,
    writing,
)

__all__ = [
    "admission_row",
    "answer_rows",
    "audit_row",
    "by_hand_row",
    "enrolment_row",
    "exclusion_row",
    "listed_row",
    "name_taken",
    "pending_row",
    "person_row",
    "pin_row",
    "read_admission",
    "read_audit",
    "read_enrolment",
    "read_exclusion",
    "read_listed",
    "read_pending",
    "read_person",
    "read_record",
    "read_roster",
    "record_row",
    "require_stand_in",
    "roster_row",
    "roster_rows",
    "secret_row",
    "still_running",
    "unknown_person",
]

Row = Mapping[str, Any]


def person_row(person: Person) -> dict[str, Any]:
    """Spell a person."""
    with writing("person", person.key):
        return {
            "key": text(person.key),
            "hub_name": text(person.hub_name),
            "source": text(person.source),
            "subject": text(person.subject),
            "login": text(person.login),
            "name": text(person.name),
            "site_role": spell(person.site_role),
            "active": person.active,
            "answered_at": micros(person.answered_at),
            "linked_to": maybe(text, person.linked_to),
            "attributes": json.dumps(dict(person.attributes), sort_keys=True),
        }


def read_person(row: Row) -> Person:
    """Read a person.

    Raises:
        StoreError: the row holds what this version does not know.
    """
    with reading("edu_people", row, "key"):
        return Person(
            key=row["key"],
            hub_name=row["hub_name"],
            source=row["source"],
            subject=row["subject"],
            login=row["login"],
            name=row["name"],
            site_role=maybe(word(SiteRole), row["site_role"]),
            active=row["active"],
            answered_at=instant(row["answered_at"]),
            linked_to=row["linked_to"],
            attributes=MappingProxyType(texts(json.loads(row["attributes"]))),
        )


def enrolment_row(enrolment: Enrolment) -> dict[str, Any]:
    """Spell an enrolment."""
    with writing("enrolment of", enrolment.person):
        return {
            "person": text(enrolment.person),
            "course": text(enrolment.course),
            "role": str(enrolment.role),
            "origin": text(enrolment.origin),
            "starts": maybe(micros, enrolment.starts),
            "ends": maybe(micros, enrolment.ends),
            "answered_at": maybe(micros, enrolment.answered_at),
            "by": text(enrolment.by),
            "sections": json.dumps(sorted(enrolment.sections)),
            "why": text(enrolment.why),
        }


def answer_rows(
    person: Person, origin: str, enrolments: Iterable[Enrolment]
) -> list[dict[str, Any]]:
    """Spell the enrolments of an answer; of two for the same course and role the last counts.

    Raises:
        ValueError: an enrolment of somebody else or of another origin.
        StoreError: one that cannot be kept.
    """
    told: dict[tuple[str, CourseRole], dict[str, Any]] = {}
    for enrolment in enrolments:
        if (enrolment.person, enrolment.origin) != (person.key, origin):
            raise ValueError(f"not an enrolment of {person.key} from {origin}: {enrolment}")
        told[enrolment.course, enrolment.role] = enrolment_row(enrolment)
    return list(told.values())


def roster_rows(origin: str, course: str, enrolments: Iterable[Enrolment]) -> list[dict[str, Any]]:
    """Spell the enrolments of a roster; of two for the same person and role the last counts.

    Raises:
        ValueError: an enrolment of another origin or course.
        StoreError: one that cannot be kept.
    """
    told: dict[tuple[str, CourseRole], dict[str, Any]] = {}
    for enrolment in enrolments:
        if (enrolment.origin, enrolment.course) != (origin, course):
            raise ValueError(f"not an enrolment in {course} from {origin}: {enrolment}")
        told[enrolment.person, enrolment.role] = enrolment_row(enrolment)
    return list(told.values())


def roster_row(origin: str, course: str, at: datetime) -> dict[str, Any]:
    """Spell when a roster was complete."""
    with writing("roster of", course):
        return {"origin": text(origin), "course": text(course), "answered_at": micros(at)}


def read_roster(row: Row) -> tuple[tuple[str, str], datetime]:
    """Read when a roster was complete, by origin and course.

    Raises:
        StoreError: the row holds what this version does not know.
    """
    with reading("edu_rosters", row, "origin", "course"):
        return (row["origin"], row["course"]), instant(row["answered_at"])


def listed_row(listed: Listed) -> dict[str, Any]:
    """Spell somebody whom a roster names."""
    with writing("roster entry", listed.key):
        return {
            "key": text(listed.key),
            "login": text(listed.login),
            "name": text(listed.name),
        }


def read_listed(row: Row) -> Listed:
    """Read somebody whom a roster names."""
    return Listed(row["key"], row["login"], row["name"])


def exclusion_row(exclusion: Exclusion) -> dict[str, Any]:
    """Spell an exclusion."""
    with writing("exclusion of", exclusion.person):
        return {
            "person": text(exclusion.person),
            "course": text(exclusion.course),
            "by": text(exclusion.by),
            "why": text(exclusion.why),
            "until": maybe(micros, exclusion.until),
        }


def read_exclusion(row: Row) -> Exclusion:
    """Read an exclusion.

    Raises:
        StoreError: the row holds what this version does not know.
    """
    with reading("edu_exclusions", row, "person", "course"):
        return Exclusion(
            person=row["person"],
            course=row["course"],
            by=row["by"],
            why=row["why"],
            until=maybe(instant, row["until"]),
        )


def pending_row(pending: Pending) -> dict[str, Any]:
    """Spell what waits for somebody."""
    with writing("pending entry", pending.id):
        return {
            "id": text(pending.id),
            "course": text(pending.course),
            "typed": text(pending.typed),
            "role": spell(pending.role),
            "by": text(pending.by),
            "at": micros(pending.at),
            "waits": str(pending.waits),
            "starts": maybe(micros, pending.starts),
            "ends": maybe(micros, pending.ends),
            "why": text(pending.why),
        }


def read_pending(row: Row) -> Pending:
    """Read what waits for somebody.

    Raises:
        StoreError: the row holds what this version does not know.
    """
    with reading("edu_pending", row, "id"):
        return Pending(
            id=row["id"],
            course=row["course"],
            typed=row["typed"],
            role=maybe(word(CourseRole), row["role"]),
            by=row["by"],
            at=instant(row["at"]),
            waits=word(Waits)(row["waits"]),
            starts=maybe(instant, row["starts"]),
            ends=maybe(instant, row["ends"]),
            why=row["why"],
        )


def by_hand_row(one: Enrolment | Exclusion | Pending) -> dict[str, Any]:
    """Spell what was changed by hand."""
    match one:
        case Enrolment():
            return enrolment_row(one)
        case Exclusion():
            return exclusion_row(one)
        case Pending():
            return pending_row(one)


def record_row(record: Record) -> dict[str, Any]:
    """Spell a record."""
    with writing(record.kind, record.id):
        try:
            body = json.dumps(dict(record.body), sort_keys=True, allow_nan=False)
        except TypeError as error:
            raise ValueError(str(error)) from None
        return {
            "kind": text(record.kind),
            "id": text(record.id),
            "body": text(body),
            "whose": text(record.whose),
            "by": text(record.by),
        }


def read_record(row: Row) -> Record:
    """Read a record; what its body means is its owner's business.

    Raises:
        StoreError: the body is no JSON object.
    """
    with reading("edu_records", row, "kind", "id"):
        body = MappingProxyType(an_object(json.loads(row["body"])))
        return Record(row["kind"], row["id"], body, row["whose"], row["by"])


def secret_row(name: str, sealed: bytes, whose: str) -> dict[str, Any]:
    """Spell a sealed secret."""
    with writing("secret", name):
        return {"name": text(name), "sealed": sealed, "whose": text(whose)}


def name_taken(person: Person, holder: str) -> str:
    """Say why a person cannot be linked to a hub account."""
    return (
        f"The hub account {person.hub_name!r} is linked to {holder!r} and cannot be linked to "
        f"{person.key!r} too."
    )


def require_stand_in(stand_in: str) -> None:
    """Make sure that an erased person's stand-in reads as one: the audit takes no other.

    Raises:
        ValueError: it does not begin with ``erased-``.
    """
    if not stand_in.startswith("erased-"):
        raise ValueError(f"not the stand-in of an erased person: {stand_in}")


def still_running(hub_name: str) -> str:
    """Say why somebody cannot be erased now."""
    return f"{hub_name} has a server that has not ended. Stop it first."


def unknown_person(key: str) -> str:
    """Say why nothing can be kept about somebody."""
    return f"Nobody with the key {key!r} has logged in yet."


def read_enrolment(row: Row) -> Enrolment:
    """Read an enrolment.

    Raises:
        StoreError: the row holds what this version does not know.
    """
    with reading("edu_enrolments", row, "person", "course", "role", "origin"):
        return Enrolment(
            person=row["person"],
            course=row["course"],
            role=word(CourseRole)(row["role"]),
            origin=row["origin"],
            starts=maybe(instant, row["starts"]),
            ends=maybe(instant, row["ends"]),
            answered_at=maybe(instant, row["answered_at"]),
            by=row["by"],
            sections=set_of_texts(row["sections"]),
            why=row["why"],
        )


def pin_row(entry: str, person: str) -> dict[str, Any]:
    """Spell a pin."""
    with writing("pin", entry):
        return {"entry": text(entry), "person": text(person)}


def admission_row(admission: Admission) -> dict[str, Any]:
    """Spell an admission; what was granted is one JSON object with units in its names."""
    with writing("admission", admission.id):
        return {
            "id": text(admission.id),
            "person": text(admission.person),
            "hub_name": text(admission.hub_name),
            "server": text(admission.server),
            "course": text(admission.course),
            "role": str(admission.role),
            "granted": _spell_granted(admission.granted),
            "own": admission.own,
            "reserved_at": micros(admission.reserved_at),
            "ends_at": maybe(micros, admission.ends_at),
            "ends_by": spell(admission.ends_by),
            "stage": str(admission.stage),
            "running_at": maybe(micros, admission.running_at),
            "ended_at": maybe(micros, admission.ended_at),
            "estimated": admission.estimated,
            "weight": admission.weight,
            "reserved": maybe(_spell_reserved, admission.reserved),
            "extended": admission.extended,
        }


def read_admission(row: Row) -> Admission:
    """Read an admission.

    Raises:
        StoreError: the row holds what this version does not know.
    """
    with reading("edu_admissions", row, "id"):
        return Admission(
            id=row["id"],
            person=row["person"],
            hub_name=row["hub_name"],
            server=row["server"],
            course=row["course"],
            role=word(CourseRole)(row["role"]),
            granted=_read_granted(row["granted"]),
            own=row["own"],
            reserved_at=instant(row["reserved_at"]),
            ends_at=maybe(instant, row["ends_at"]),
            ends_by=maybe(word(EndRule), row["ends_by"]),
            stage=word(Stage)(row["stage"]),
            running_at=maybe(instant, row["running_at"]),
            ended_at=maybe(instant, row["ended_at"]),
            estimated=row["estimated"],
            weight=whole(row["weight"]),
            reserved=maybe(_read_reserved, row["reserved"]),
            extended=whole(row["extended"]),
        )


def audit_row(entry: AuditEntry) -> dict[str, Any]:
    """Spell an audit entry."""
    with writing("audit entry by", entry.actor):
        return {
            "at": micros(entry.at),
            "actor": text(entry.actor),
            "act": text(str(entry.act)),
            "course": text(entry.course),
            "target": text(entry.target),
            "address": text(entry.address),
            "details": json.dumps(dict(entry.details)),
        }


def read_audit(row: Row) -> AuditEntry:
    """Read an audit entry.

    Raises:
        StoreError: the row holds what this version does not know.
    """
    with reading("edu_audit", row, "id"):
        return AuditEntry(
            at=instant(row["at"]),
            actor=row["actor"],
            act=row["act"],
            course=row["course"],
            target=row["target"],
            address=row["address"],
            details=MappingProxyType(an_object(json.loads(row["details"]))),
        )


# -- what was granted ----------------------------------------------------------------------------------------------


def _spell_granted(granted: Granted) -> str:
    amounts = granted.amounts
    return json.dumps(
        {
            "profile": granted.profile,
            "flavor": granted.flavor,
            "image": granted.image,
            "options": dict(granted.options),
            "cpu_guarantee_millicores": amounts.cpu_guarantee.millicores,
            "cpu_limit_millicores": amounts.cpu_limit.millicores,
            "memory_guarantee_bytes": amounts.memory_guarantee.bytes,
            "memory_limit_bytes": amounts.memory_limit.bytes,
            "devices": amounts.devices,
            "exam": granted.exam,
        }
    )


@lru_cache(maxsize=4096)
def _read_granted(text: str) -> Granted:
    found = an_object(json.loads(text))
    amounts = Amounts(
        cpu_guarantee=Cpu(whole(found["cpu_guarantee_millicores"])),
        cpu_limit=Cpu(whole(found["cpu_limit_millicores"])),
        memory_guarantee=Memory(whole(found["memory_guarantee_bytes"])),
        memory_limit=Memory(whole(found["memory_limit_bytes"])),
        devices=whole(found["devices"]),
    )
    options = MappingProxyType(texts(found["options"]))
    image, exam = maybe(string, found["image"]), maybe(string, found.get("exam"))
    profile, flavor = string(found["profile"]), string(found["flavor"])
    return Granted(profile, flavor, amounts, image, options, exam)


def _spell_reserved(reserved: Reserved) -> str:
    """By budget and slot: a period by its first instant in microseconds, a grant by its id."""

    def spell_drawn(drawn: Drawn | None) -> dict[str, int] | None:
        if drawn is None:
            return None
        slots = {
            f"grant:{slot}" if isinstance(slot, str) else f"from:{micros(slot)}": amount
            for slot, amount in drawn.items()
        }
        return dict(sorted(slots.items()))

    return json.dumps(
        {"person": spell_drawn(reserved.person), "course": spell_drawn(reserved.course)}
    )


def _read_reserved(text: str) -> Reserved:
    found = an_object(json.loads(text))

    def read_slot(word: str) -> Slot:
        kind, _, value = word.partition(":")
        if kind not in {"grant", "from"}:
            raise ValueError(f"{word!r} is no slot of a budget")
        return value if kind == "grant" else instant(int(value))

    def read(drawn: object) -> Drawn | None:
        if drawn is None:
            return None
        return {read_slot(word): whole(amount) for word, amount in an_object(drawn).items()}

    return Reserved(read(found["person"]), read(found["course"]))
