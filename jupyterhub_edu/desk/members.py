"""Who is in a course, who is kept out of it, and what waits for its person; JSON alone. All names are hostile text."""

from __future__ import annotations

from datetime import datetime

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.pending import WORDS, Pending
from jupyterhub_edu.domain.people import Exclusion, Person
from jupyterhub_edu.wire import people as wire

from .people_rows import MemberRow, Wanted, Why, people_part

__all__ = ["member_json", "members_json", "pending_json"]


async def members_json(
    core: Core, viewer: Person, course: str, asked: wire.MembersQuery
) -> wire.Members:
    """Part of the people of a course who are wanted, by name; all who are kept out, by key alone, and all that waits."""
    roll = core.roll
    wanted = Wanted(
        asked.get("q", ""),
        asked.get("role", ""),
        asked.get("section", ""),
        asked.get("origin", ""),
        asked.get("show", ""),
    )
    part = await people_part(core, viewer, course, wanted, asked)
    excluded = {one.person: one for one in roll.exclusions.in_course(course)}
    return {
        "people": [member_json(row) for row in part.rows],
        "next": part.next,
        "total": part.total,
        "excluded": [_exclusion_json(excluded[key]) for key in sorted(excluded)],
        "pending": [pending_json(one) for one in roll.pending.in_course(course)],
    }


def member_json(row: MemberRow) -> wire.Member:
    """Somebody in a course, or kept out of it; what is not known of them is null."""
    return {
        "person": row.key,
        "user": row.user or None,
        "login": row.login or None,
        "name": row.name or None,
        "role": row.role or None,
        "sections": list(row.sections),
        "enrolments": [_enrolment_json(one) for one in row.whys],
        "excluded": [_exclusion_json(one) for one in row.hand.exclusions],
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


def _enrolment_json(one: Why) -> wire.Enrolment:
    return {
        "role": str(one.told.role),
        "origin": one.told.origin,
        "starts": _iso(one.told.starts),
        "ends": _iso(one.told.ends),
        "answered_at": _iso(one.told.answered_at),
        "by": one.told.by,
        "why": one.told.why,
        "sections": sorted(one.told.sections),
    }


def _exclusion_json(exclusion: Exclusion) -> wire.Excluded:
    return {
        "person": exclusion.person,
        "ends": _iso(exclusion.until),
        "by": exclusion.by,
        "why": exclusion.why,
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
