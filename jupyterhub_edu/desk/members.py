"""Who is in a course, who is kept out of it, and what waits for its person; JSON alone. All names are hostile text."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.rosters import in_slices
from jupyterhub_edu.domain.pending import WORDS, Pending
from jupyterhub_edu.domain.people import Enrolment, Exclusion, Person
from jupyterhub_edu.wire import people as wire
from jupyterhub_edu.wire.shapes import Paged

from .paging import page_of

__all__ = ["members_json", "pending_json"]


async def members_json(core: Core, course: str, asked: Paged) -> wire.Members:
    """Part of the people of a course, by key; all who are kept out, by key alone, and all that waits."""
    roll = core.roll
    keys = roll.keys_in(course)
    excluded = {one.person: one for one in roll.exclusions.in_course(course)}
    part, more = page_of(keys, asked, lambda key: (key,))
    people = [_member_json(core, course, key) async for key in in_slices(part)]
    return {
        "people": people,
        "next": more,
        "excluded": [_exclusion_json(excluded[key]) for key in sorted(excluded)],
        "pending": [pending_json(one) for one in roll.pending.in_course(course)],
    }


def pending_json(pending: Pending) -> wire.Pending:
    """What waits, and why."""
    words = WORDS[pending.waits]
    return {
        "id": pending.id,
        "typed": pending.typed,
        "role": str(pending.role) if pending.role else None,
        "exclude": pending.role is None,
        "starts": _iso(pending.starts),
        "ends": _iso(pending.ends),
        "by": pending.by,
        "at": pending.at.isoformat(),
        "why": pending.why,
        "reason": {"code": str(pending.waits), "sentence": words.sentence, "who": words.who},
    }


def _member_json(core: Core, course: str, key: str) -> wire.Member:
    known = core.roll.person(key) or core.roll.rosters.listed(key)
    enrolments = [one for one in core.roll.told_of([key]) if one.course == course]
    return {
        "person": key,
        "user": known.hub_name if isinstance(known, Person) else None,
        "login": known.login if known else None,
        "name": known.name if known else None,
        "enrolments": _enrolments_json(enrolments),
    }


def _enrolments_json(enrolments: Iterable[Enrolment]) -> list[wire.Enrolment]:
    return [
        {
            "role": str(one.role),
            "origin": one.origin,
            "starts": _iso(one.starts),
            "ends": _iso(one.ends),
            "by": one.by,
            "why": one.why,
        }
        for one in sorted(enrolments, key=lambda one: (one.role, one.origin))
    ]


def _exclusion_json(exclusion: Exclusion) -> wire.Excluded:
    return {
        "person": exclusion.person,
        "ends": _iso(exclusion.until),
        "by": exclusion.by,
        "why": exclusion.why,
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
