"""Domain values to rows and back.

Always holds:
    - what is read equals what was written; instants are stored as whole microseconds since 1970 UTC;
    - nothing is guessed: a row with an unknown word or a wrong type is a StoreError that names the row;
    - text that one of the databases could not keep (NUL, half a surrogate pair) is refused for all of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, Final, TypeVar

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
from jupyterhub_edu.ports import AuditEntry, StoreError

__all__ = [
    "admission_row",
    "answer_rows",
    "audit_row",
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
    "read_roster",
    "require_stand_in",
    "roster_row",
    "roster_rows",
    "secret_row",
    "still_running",
    "unknown_person",
]

Row = Mapping[str, Any]
_Word = TypeVar("_Word", bound=Enum)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def person_row(person: Person) -> dict[str, Any]:
    """Spell a person."""
    with _writing("person", person.key):
        return {
            "key": _text(person.key),
            "hub_name": _text(person.hub_name),
            "source": _text(person.source),
            "subject": _text(person.subject),
            "login": _text(person.login),
            "name": _text(person.name),
            "site_role": _spell(person.site_role),
            "active": person.active,
            "answered_at": _micros(person.answered_at),
            "linked_to": _maybe(_text, person.linked_to),
            "attributes": json.dumps(dict(person.attributes), sort_keys=True),
        }


def read_person(row: Row) -> Person:
    """Read a person.

    Raises:
        StoreError: the row holds what this version does not know.
    """
    with _reading("edu_people", row, "key"):
        return Person(
            key=row["key"],
            hub_name=row["hub_name"],
            source=row["source"],
            subject=row["subject"],
            login=row["login"],
            name=row["name"],
            site_role=_maybe(_word(SiteRole), row["site_role"]),
            active=row["active"],
            answered_at=_instant(row["answered_at"]),
            linked_to=row["linked_to"],
            attributes=MappingProxyType(_texts(json.loads(row["attributes"]))),
        )


def enrolment_row(enrolment: Enrolment) -> dict[str, Any]:
    """Spell an enrolment."""
    with _writing("enrolment of", enrolment.person):
        return {
            "person": _text(enrolment.person),
            "course": _text(enrolment.course),
            "role": str(enrolment.role),
            "origin": _text(enrolment.origin),
            "starts": _maybe(_micros, enrolment.starts),
            "ends": _maybe(_micros, enrolment.ends),
            "answered_at": _maybe(_micros, enrolment.answered_at),
            "by": _text(enrolment.by),
            "sections": json.dumps(sorted(enrolment.sections)),
            "why": _text(enrolment.why),
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
    with _writing("roster of", course):
        return {"origin": _text(origin), "course": _text(course), "answered_at": _micros(at)}


def read_roster(row: Row) -> tuple[tuple[str, str], datetime]:
    """Read when a roster was complete, by origin and course.

    Raises:
        StoreError: the row holds what this version does not know.
    """
    with _reading("edu_rosters", row, "origin", "course"):
        return (row["origin"], row["course"]), _instant(row["answered_at"])


def listed_row(listed: Listed) -> dict[str, Any]:
    """Spell somebody whom a roster names."""
    with _writing("roster entry", listed.key):
        return {
            "key": _text(listed.key),
            "login": _text(listed.login),
            "name": _text(listed.name),
        }


def read_listed(row: Row) -> Listed:
    """Read somebody whom a roster names."""
    return Listed(row["key"], row["login"], row["name"])


def exclusion_row(exclusion: Exclusion) -> dict[str, Any]:
    """Spell an exclusion."""
    with _writing("exclusion of", exclusion.person):
        return {
            "person": _text(exclusion.person),
            "course": _text(exclusion.course),
            "by": _text(exclusion.by),
            "why": _text(exclusion.why),
            "until": _maybe(_micros, exclusion.until),
        }


def read_exclusion(row: Row) -> Exclusion:
    """Read an exclusion.

    Raises:
        StoreError: the row holds what this version does not know.
    """
    with _reading("edu_exclusions", row, "person", "course"):
        return Exclusion(
            person=row["person"],
            course=row["course"],
            by=row["by"],
            why=row["why"],
            until=_maybe(_instant, row["until"]),
        )


def pending_row(pending: Pending) -> dict[str, Any]:
    """Spell what waits for somebody."""
    with _writing("pending entry", pending.id):
        return {
            "id": _text(pending.id),
            "course": _text(pending.course),
            "typed": _text(pending.typed),
            "role": _spell(pending.role),
            "by": _text(pending.by),
            "at": _micros(pending.at),
            "waits": str(pending.waits),
            "starts": _maybe(_micros, pending.starts),
            "ends": _maybe(_micros, pending.ends),
            "why": _text(pending.why),
        }


def read_pending(row: Row) -> Pending:
    """Read what waits for somebody.

    Raises:
        StoreError: the row holds what this version does not know.
    """
    with _reading("edu_pending", row, "id"):
        return Pending(
            id=row["id"],
            course=row["course"],
            typed=row["typed"],
            role=_maybe(_word(CourseRole), row["role"]),
            by=row["by"],
            at=_instant(row["at"]),
            waits=_word(Waits)(row["waits"]),
            starts=_maybe(_instant, row["starts"]),
            ends=_maybe(_instant, row["ends"]),
            why=row["why"],
        )


def secret_row(name: str, sealed: bytes, whose: str) -> dict[str, Any]:
    """Spell a sealed secret."""
    with _writing("secret", name):
        return {"name": _text(name), "sealed": sealed, "whose": _text(whose)}


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
    with _reading("edu_enrolments", row, "person", "course", "role", "origin"):
        return Enrolment(
            person=row["person"],
            course=row["course"],
            role=_word(CourseRole)(row["role"]),
            origin=row["origin"],
            starts=_maybe(_instant, row["starts"]),
            ends=_maybe(_instant, row["ends"]),
            answered_at=_maybe(_instant, row["answered_at"]),
            by=row["by"],
            sections=_set_of_texts(row["sections"]),
            why=row["why"],
        )


def pin_row(entry: str, person: str) -> dict[str, Any]:
    """Spell a pin."""
    with _writing("pin", entry):
        return {"entry": _text(entry), "person": _text(person)}


def admission_row(admission: Admission) -> dict[str, Any]:
    """Spell an admission; what was granted is one JSON object with units in its names."""
    with _writing("admission", admission.id):
        return {
            "id": _text(admission.id),
            "person": _text(admission.person),
            "hub_name": _text(admission.hub_name),
            "server": _text(admission.server),
            "course": _text(admission.course),
            "role": str(admission.role),
            "granted": _spell_granted(admission.granted),
            "own": admission.own,
            "reserved_at": _micros(admission.reserved_at),
            "ends_at": _maybe(_micros, admission.ends_at),
            "ends_by": _spell(admission.ends_by),
            "stage": str(admission.stage),
            "running_at": _maybe(_micros, admission.running_at),
            "ended_at": _maybe(_micros, admission.ended_at),
            "estimated": admission.estimated,
            "weight": admission.weight,
            "reserved": _maybe(_spell_reserved, admission.reserved),
            "extended": admission.extended,
        }


def read_admission(row: Row) -> Admission:
    """Read an admission.

    Raises:
        StoreError: the row holds what this version does not know.
    """
    with _reading("edu_admissions", row, "id"):
        return Admission(
            id=row["id"],
            person=row["person"],
            hub_name=row["hub_name"],
            server=row["server"],
            course=row["course"],
            role=_word(CourseRole)(row["role"]),
            granted=_read_granted(row["granted"]),
            own=row["own"],
            reserved_at=_instant(row["reserved_at"]),
            ends_at=_maybe(_instant, row["ends_at"]),
            ends_by=_maybe(_word(EndRule), row["ends_by"]),
            stage=_word(Stage)(row["stage"]),
            running_at=_maybe(_instant, row["running_at"]),
            ended_at=_maybe(_instant, row["ended_at"]),
            estimated=row["estimated"],
            weight=_whole(row["weight"]),
            reserved=_maybe(_read_reserved, row["reserved"]),
            extended=_whole(row["extended"]),
        )


def audit_row(entry: AuditEntry) -> dict[str, Any]:
    """Spell an audit entry."""
    with _writing("audit entry by", entry.actor):
        return {
            "at": _micros(entry.at),
            "actor": _text(entry.actor),
            "act": _text(str(entry.act)),
            "course": _text(entry.course),
            "target": _text(entry.target),
            "address": _text(entry.address),
            "details": json.dumps(dict(entry.details)),
        }


def read_audit(row: Row) -> AuditEntry:
    """Read an audit entry.

    Raises:
        StoreError: the row holds what this version does not know.
    """
    with _reading("edu_audit", row, "id"):
        return AuditEntry(
            at=_instant(row["at"]),
            actor=row["actor"],
            act=row["act"],
            course=row["course"],
            target=row["target"],
            address=row["address"],
            details=MappingProxyType(_object(json.loads(row["details"]))),
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
        }
    )


@lru_cache(maxsize=4096)
def _read_granted(text: str) -> Granted:
    found = _object(json.loads(text))
    amounts = Amounts(
        cpu_guarantee=Cpu(_whole(found["cpu_guarantee_millicores"])),
        cpu_limit=Cpu(_whole(found["cpu_limit_millicores"])),
        memory_guarantee=Memory(_whole(found["memory_guarantee_bytes"])),
        memory_limit=Memory(_whole(found["memory_limit_bytes"])),
        devices=_whole(found["devices"]),
    )
    options = MappingProxyType(_texts(found["options"]))
    image = _maybe(_string, found["image"])
    return Granted(_string(found["profile"]), _string(found["flavor"]), amounts, image, options)


def _spell_reserved(reserved: Reserved) -> str:
    """By budget and slot: a period by its first instant in microseconds, a grant by its id."""

    def spell(drawn: Drawn | None) -> dict[str, int] | None:
        if drawn is None:
            return None
        slots = {
            f"grant:{slot}" if isinstance(slot, str) else f"from:{_micros(slot)}": amount
            for slot, amount in drawn.items()
        }
        return dict(sorted(slots.items()))

    return json.dumps({"person": spell(reserved.person), "course": spell(reserved.course)})


def _read_reserved(text: str) -> Reserved:
    found = _object(json.loads(text))

    def read_slot(word: str) -> Slot:
        kind, _, value = word.partition(":")
        if kind not in {"grant", "from"}:
            raise ValueError(f"{word!r} is no slot of a budget")
        return value if kind == "grant" else _instant(int(value))

    def read(drawn: object) -> Drawn | None:
        if drawn is None:
            return None
        return {read_slot(word): _whole(amount) for word, amount in _object(drawn).items()}

    return Reserved(read(found["person"]), read(found["course"]))


# -- single values -------------------------------------------------------------------------------------------------

_From = TypeVar("_From")
_To = TypeVar("_To")


def _maybe(convert: Callable[[_From], _To], value: _From | None) -> _To | None:
    return None if value is None else convert(value)


def _spell(word: Enum | None) -> str | None:
    return None if word is None else str(word)


def _word(kind: type[_Word]) -> Callable[[str], _Word]:
    words = _members(kind)

    def read(text: str) -> _Word:
        if text not in words:
            raise ValueError(f"{text!r} is none of {', '.join(words)}")
        word: _Word = words[text]
        return word

    return read


@cache
def _members(kind: type[Enum]) -> Mapping[str, Any]:
    return {str(member): member for member in kind}


def _text(text: str) -> str:
    if "\0" in text:
        raise ValueError("text with a NUL character cannot be kept")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("text with half a surrogate pair cannot be kept") from None
    return text


def _micros(at: datetime) -> int:
    if at.tzinfo is None:
        raise ValueError(f"an instant without a time zone: {at}")
    return (at - _EPOCH) // _MICROSECOND


def _instant(micros: object) -> datetime:
    return _EPOCH + _whole(micros) * _MICROSECOND


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"{value!r} is not a whole number")


def _string(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"{value!r} is not text")


def _object(value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise ValueError(f"{value!r} is not a JSON object")


def _texts(value: object) -> dict[str, str]:
    return {key: _string(text) for key, text in _object(value).items()}


@lru_cache(maxsize=4096)
def _set_of_texts(text: str) -> frozenset[str]:
    """A set from JSON; equal ones are one object, for most enrolments have the sections of many others."""
    found = json.loads(text)
    if not isinstance(found, list):
        raise ValueError(f"{found!r} is not a JSON list")
    return frozenset(map(_string, found))


@contextmanager
def _writing(what: str, name: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise StoreError(f"The {what} {name!r} was not kept: {error}.") from error


@contextmanager
def _reading(table: str, row: Row, *key: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        name = ", ".join(repr(row[column]) for column in key)
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise StoreError(
            f"The row {name} of the table {table} cannot be read: {why}. It was changed by hand or by "
            "another version of jupyterhub-edu; put back what this version knows."
        ) from error
