"""A person taken out of a database: what is about them alone goes, and what must stay has a stand-in for them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from sqlalchemy import Connection, Update, delete, select, update

from jupyterhub_edu.domain.admissions import Stage
from jupyterhub_edu.ports import StoreError

from . import refusals
from .tables import (
    ADMISSIONS,
    AUDIT,
    ENROLMENTS,
    EXCLUSIONS,
    MEMBERS,
    PENDING,
    PEOPLE,
    PINS,
    RECORDS,
    SECRETS,
    USAGE,
)

__all__ = ["erase"]

_OF_A_KEY: Final = (
    PINS.c.person,
    ENROLMENTS.c.person,
    MEMBERS.c.key,
    EXCLUSIONS.c.person,
    SECRETS.c.name,
    SECRETS.c.whose,
    RECORDS.c.whose,
    PEOPLE.c.key,
)
"""Rows that are about one person alone, pins before the people that they refer to."""


def erase(
    connection: Connection,
    keys: Collection[str],
    hub_name: str,
    stand_in: str,
    pending: Collection[str],
) -> None:
    """Remove all that is kept of a person.

    Args:
        keys: theirs, in every source.
        hub_name: their account; empty: they have none.
        stand_in: stands for them in what must stay.
        pending: ids of what waits for them.

    Raises:
        StoreError: they have a server that has not ended.
    """
    if hub_name and _is_running(connection, hub_name):
        raise StoreError(refusals.still_running(hub_name))
    for column in _OF_A_KEY:
        connection.execute(delete(column.table).where(column.in_(list(keys))))
    connection.execute(delete(PENDING).where(PENDING.c.id.in_(list(pending))))
    of_a_key = update(AUDIT).where(AUDIT.c.target.in_(list(keys)))
    connection.execute(of_a_key.values(target=stand_in))
    if hub_name:
        for statement in _without_name(hub_name, stand_in):
            connection.execute(statement)


def _is_running(connection: Connection, hub_name: str) -> bool:
    own = ADMISSIONS.c.hub_name == hub_name, ADMISSIONS.c.stage != Stage.ENDED.value
    return connection.execute(select(ADMISSIONS.c.id).where(*own)).first() is not None


def _without_name(hub_name: str, stand_in: str) -> Iterator[Update]:
    """Statements that put the stand-in for an account's name wherever a row must stay."""
    own = ADMISSIONS.c.hub_name == hub_name
    yield update(ADMISSIONS).where(own).values(person=stand_in, hub_name=stand_in, server="")
    yield update(USAGE).where(USAGE.c.person == hub_name).values(person=stand_in)
    yield update(AUDIT).where(AUDIT.c.actor == hub_name).values(actor=stand_in, address=stand_in)
    yield update(AUDIT).where(AUDIT.c.target == hub_name).values(target=stand_in)
    for table in (ENROLMENTS, EXCLUSIONS, PENDING, RECORDS):
        yield update(table).where(table.c.by == hub_name).values(by=stand_in)
