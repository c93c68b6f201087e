"""People and their enrolments in a database: what an answer, a roster and a change by hand keep, each in one step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Table, and_, bindparam, delete, exists, insert, select

from jupyterhub_edu.domain.pending import Pending
from jupyterhub_edu.domain.people import Enrolment, Exclusion, Listed, Person
from jupyterhub_edu.ports import HandChanges, StoreError

from . import people_rows, record_rows, refusals
from .statements import delete_all, insert_into, upsert, upsert_all
from .tables import AUDIT, ENROLMENTS, EXCLUSIONS, MEMBERS, PENDING, PEOPLE, PINS, RECORDS, ROSTERS
from .values import Row

__all__ = ["keep_answer", "keep_by_hand", "keep_pin", "keep_roster"]

_FORGET: Final = delete(MEMBERS).where(
    MEMBERS.c.key == bindparam("gone"), ~exists().where(MEMBERS.c.key == ENROLMENTS.c.person)
)
"""Forget the name of somebody who is in no course any more."""
_TABLES: Final[Mapping[type, Table]] = {
    Enrolment: ENROLMENTS,
    Exclusion: EXCLUSIONS,
    Pending: PENDING,
}
"""Where that lies which is changed by hand."""
_ASKED_TOGETHER: Final = 200
"""Keys in one question at most."""


def keep_answer(
    connection: Connection,
    person: Person,
    values: Row,
    origin: str,
    told: Sequence[dict[str, Any]],
) -> None:
    """Keep a person and exactly these enrolments of this origin.

    Raises:
        StoreError: the hub account is somebody else's.
    """
    holder = select(PEOPLE.c.key).where(
        PEOPLE.c.hub_name == person.hub_name,
        PEOPLE.c.key != person.key,
        PEOPLE.c.linked_to.is_(None),
    )
    other = None if person.linked_to else connection.execute(holder).scalar()
    if other is not None:
        raise StoreError(refusals.name_taken(person, other))
    of_origin = and_(ENROLMENTS.c.person == person.key, ENROLMENTS.c.origin == origin)
    upsert(connection, PEOPLE, values)
    connection.execute(delete(MEMBERS).where(MEMBERS.c.key == person.key))
    connection.execute(delete(ENROLMENTS).where(of_origin))
    if told:
        connection.execute(insert(ENROLMENTS), told)


def keep_roster(
    connection: Connection,
    roster: Row,
    listed: Iterable[Listed],
    enrolments: Iterable[Enrolment],
) -> None:
    """Keep exactly these enrolments of the roster's origin in its course.

    Raises:
        ValueError: an enrolment of another origin or course.
        StoreError: one that cannot be kept.
    """
    origin, course = roster["origin"], roster["course"]
    told = people_rows.roster_rows(origin, course, enrolments)
    same = and_(ENROLMENTS.c.origin == origin, ENROLMENTS.c.course == course)
    upsert(connection, ROSTERS, roster)
    former = connection.execute(delete(ENROLMENTS).where(same).returning(ENROLMENTS.c.person))
    gone = {row.person for row in former} - {row["person"] for row in told}
    if told:
        connection.execute(insert(ENROLMENTS), told)
    for name in map(people_rows.listed_row, listed):
        if not _is_known(connection, name["key"]):
            upsert(connection, MEMBERS, name)
    for key in gone:
        connection.execute(_FORGET, {"gone": key})


def keep_by_hand(connection: Connection, changes: HandChanges) -> None:
    """Keep what was changed by hand.

    Raises:
        StoreError: a part of it cannot be kept.
    """
    for kind, table in _TABLES.items():
        gone = [people_rows.by_hand_row(one) for one in changes.drop if type(one) is kind]
        new = [people_rows.by_hand_row(one) for one in changes.put if type(one) is kind]
        delete_all(connection, table, gone)
        upsert_all(connection, table, new)
    names = [people_rows.listed_row(one) for one in changes.listed]
    known = _known(connection, [one["key"] for one in names])
    upsert_all(connection, MEMBERS, [one for one in names if one["key"] not in known])
    left = {one.person for one in changes.drop if isinstance(one, Enrolment)}
    if left:
        connection.execute(_FORGET, [{"gone": key} for key in left])
    forgotten = [{"kind": kind, "id": id} for kind, id in changes.forget]
    delete_all(connection, RECORDS, forgotten)
    upsert_all(connection, RECORDS, [*map(record_rows.record_row, changes.records)])
    if changes.entries:
        connection.execute(AUDIT.insert(), [*map(record_rows.audit_row, changes.entries)])


def keep_pin(connection: Connection, pin: Row) -> None:
    """Pin an entry of the campus file; the first pin stays.

    Raises:
        StoreError: nobody has this key.
    """
    if not _is_known(connection, pin["person"]):
        raise StoreError(refusals.unknown_person(pin["person"]))
    connection.execute(insert_into(connection.dialect.name, PINS).on_conflict_do_nothing(), pin)


def _is_known(connection: Connection, key: str) -> bool:
    return bool(_known(connection, [key]))


def _known(connection: Connection, keys: Sequence[str]) -> set[str]:
    """Those of these keys whose people have logged in."""
    found: set[str] = set()
    for first in range(0, len(keys), _ASKED_TOGETHER):
        some = select(PEOPLE.c.key).where(PEOPLE.c.key.in_(keys[first : first + _ASKED_TOGETHER]))
        found.update(connection.execute(some).scalars())
    return found
