"""People and what they are in courses, to rows and back.

Always holds:
    - what is read equals what was written;
    - nothing is guessed: a row with an unknown word or a wrong type is a StoreError that names the row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from types import MappingProxyType
from typing import Any

from jupyterhub_edu.domain.pending import Pending, Waits
from jupyterhub_edu.domain.people import (
    MANUAL,
    CourseRole,
    Enrolment,
    Exclusion,
    Listed,
    Person,
    SiteRole,
)

from .values import (
    Row,
    instant,
    maybe,
    micros,
    reading,
    set_of_texts,
    spell,
    text,
    texts,
    word,
    writing,
)

__all__ = [
    "answer_rows",
    "by_hand_row",
    "enrolment_row",
    "exclusion_row",
    "listed_row",
    "pending_row",
    "person_row",
    "pin_row",
    "read_enrolment",
    "read_exclusion",
    "read_listed",
    "read_pending",
    "read_person",
    "read_roster",
    "roster_row",
    "roster_rows",
]


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
    """Spell what was changed by hand.

    Raises:
        ValueError: an enrolment of another origin.
    """
    match one:
        case Enrolment():
            if one.origin != MANUAL:
                raise ValueError(f"not a manual enrolment: {one.origin}")
            return enrolment_row(one)
        case Exclusion():
            return exclusion_row(one)
        case Pending():
            return pending_row(one)


def pin_row(entry: str, person: str) -> dict[str, Any]:
    """Spell a pin."""
    with writing("pin", entry):
        return {"entry": text(entry), "person": text(person)}
