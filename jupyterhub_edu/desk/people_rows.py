"""Who is in a course, for pages and JSON: searched, filtered and a page at a time. All text is plain, and hostile.

Everybody stands once, however many identities and origins they have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.finding import fold
from jupyterhub_edu.core.hands import Hand, hand_of
from jupyterhub_edu.core.named import member_keys
from jupyterhub_edu.core.slices import in_slices, slices
from jupyterhub_edu.domain.decide import role_in
from jupyterhub_edu.domain.people import (
    MANUAL,
    CourseRole,
    Enrolment,
    EnrolmentState,
    Person,
    SiteRole,
)
from jupyterhub_edu.wire.shapes import Paged

from .paging import page_of
from .views import Membership, Moment, instant, membership

__all__ = [
    "NEVER",
    "OUT",
    "MemberRow",
    "Part",
    "Wanted",
    "Why",
    "find_row",
    "member_row",
    "people_part",
]

NEVER: Final = "never"
OUT: Final = "out"
_SLICE: Final = 20
"""Rows that are made before others get their turn on the event loop."""
_ROLES: Final = {str(role): role for role in CourseRole}
_RANK: Final = {role: rank for rank, role in enumerate(CourseRole, 1)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which people; an empty text restricts nothing.

    Attributes:
        q: part of a name, a login, an account or a number.
        role: of an enrolment that has not ended.
        show: ``never`` for those who have never logged in, ``out`` for those who are kept out.
    """

    q: str = ""
    role: str = ""
    section: str = ""
    origin: str = ""
    show: str = ""


@dataclass(frozen=True, slots=True)
class Why:
    """One enrolment: why somebody is in the course.

    Attributes:
        told: the enrolment itself.
        asked: when its source last answered about them, or None where no source is asked.
        by_hand: it can be changed and taken back here.
        over: it has ended.
    """

    of: Membership
    told: Enrolment
    asked: Moment | None
    by_hand: bool
    over: bool


@dataclass(frozen=True, slots=True)
class Out:
    """They are kept out."""

    by: str
    why: str
    until: Moment | None
    over: bool


@dataclass(frozen=True, slots=True)
class MemberRow:
    """Somebody in a course, or kept out of it.

    Attributes:
        key: by which acts find them.
        user: hub account, or ``""``: they have never logged in.
        name: ``""`` of whom none is known, or none may be shown.
        role: theirs now, or ``""``.
        placed: those of the sections in which somebody has put them by hand.
        asked: the oldest answer that their enrolments rest on.
        gone: their source has said that they are.
        hand: what stands by hand.
        may_change: whoever looks may change that, or add to it.
        may_exclude: they may keep them out.
    """

    key: str
    user: str
    login: str
    name: str
    role: str
    whys: Sequence[Why]
    sections: Sequence[str]
    placed: Sequence[str]
    asked: Moment | None
    out: Out | None
    gone: bool
    hand: Hand
    may_change: bool
    may_exclude: bool


@dataclass(frozen=True, slots=True)
class Part:
    """Part of a course's people.

    Attributes:
        total: how many are wanted, on all pages.
        next: cursor of the next page, or None.
    """

    rows: Sequence[MemberRow]
    total: int
    next: str | None


async def people_part(
    core: Core, viewer: Person, course: str, wanted: Wanted, asked: Paged
) -> Part:
    """Those who are wanted, by name."""
    if wanted.show == OUT:
        members = await _kept_out(core, course)
    else:
        members = await member_keys(core.roll, course)
    tests, sorting = _tests(core, course, wanted), _sorting(core, course, wanted)
    found: list[tuple[str, str]] = []
    async for some in slices(list(members.items())):
        left = some
        for is_wanted in tests:
            left = [one for one in left if is_wanted(one[1])]
        found += [(sorting(key, keys), key) for key, keys in left]
    part, more = page_of(found, asked, lambda row: row)
    level, rows = _level(core, viewer, course), list[MemberRow]()
    for at, (_, key) in enumerate(part):
        if at % _SLICE == 0:
            await asyncio.sleep(0)
        rows.append(member_row(core, level, course, key, members[key]))
    await asyncio.sleep(0)  # whoever shows them takes a while too
    return Part(rows, len(found), more)


async def find_row(core: Core, viewer: Person, course: str, key: str) -> MemberRow | None:
    """One person by the key that their row has; None if nobody in the course, or kept out of it, has it."""
    keys = (await member_keys(core.roll, course)).get(key)
    keys = keys or (await _kept_out(core, course)).get(key)
    if keys is None:
        return None
    return member_row(core, _level(core, viewer, course), course, key, keys)


def member_row(core: Core, level: int, course: str, key: str, keys: Sequence[str]) -> MemberRow:
    """One person.

    Args:
        level: see ``_level``.
        keys: of all their identities.
    """
    roll, now = core.roll, core.clock()
    person = roll.person(key)
    told = [one for one in roll.told_of(keys) if one.course == course]
    hand = hand_of(roll, course, keys)
    known = person or roll.rosters.listed(key)
    if not told:
        known = None  # of whom only an exclusion tells, nobody learns more here
    whys = [
        _why(core, one, now)
        for one in sorted(told, key=lambda e: (e.role, e.origin), reverse=True)
    ]
    answers = [one.answered_at for one in told if one.answered_at is not None]
    counts = roll.enrolments_in(person, course) if person else roll.exclusions.without(told, keys)
    role = role_in(counts, now)
    return MemberRow(
        key=key,
        user=person.hub_name if person and told else "",
        login=known.login if known else "",
        name=known.name if known else "",
        role=str(role) if role is not None else "",
        whys=whys,
        sections=sorted(roll.sections_of(keys, course)),
        placed=sorted(roll.placed.of(keys, course)),
        asked=instant(min(answers), core) if answers else None,
        out=_out(core, hand, now),
        gone=person is not None and not any(one.active for one in roll.identities(person)),
        hand=hand,
        may_change=all(_RANK[one] < level for one in hand.roles),
        may_exclude=all(_RANK[one.role] < level for one in told),
    )


def _level(core: Core, viewer: Person, course: str) -> int:
    """Below which rank somebody changes people: as ``by_hand`` decides it, for a whole page."""
    role, site = core.roles(viewer, course)
    if site is SiteRole.ADMIN:
        return len(_RANK) + 1
    return _RANK[role] if role is not None else 0


# What follows is asked of everybody in a course for each page: each first looks up what does not depend on the person.


def _tests(core: Core, course: str, wanted: Wanted) -> list[Callable[[Sequence[str]], bool]]:
    """Whether somebody with these keys is wanted: all must say so; what is not restricted is not asked."""
    tests, person = list[Callable[[Sequence[str]], bool]](), core.roll.person
    if wanted.show == NEVER:
        tests.append(lambda keys: not any(map(person, keys)))
    if wanted.role or wanted.section or wanted.origin:
        tests.append(_standing(core, course, wanted))
    if wanted.q:
        tests.append(_named(core, course, wanted))
    return tests


def _standing(core: Core, course: str, wanted: Wanted) -> Callable[[Sequence[str]], bool]:
    """Whether an enrolment that has not ended has the role, the section and the origin that are wanted."""
    told_of, placed, now = core.roll.told_of, core.roll.placed.of, core.clock()
    role, section, origin = _ROLES.get(wanted.role), wanted.section, wanted.origin

    def is_wanted(keys: Sequence[str]) -> bool:
        for one in told_of(keys):
            if (
                one.course == course
                and (one.role is role or not wanted.role)
                and (not origin or one.origin == origin)
                and (not section or section in one.sections or section in placed(keys, course))
                and one.state(now) is not EnrolmentState.ENDED
            ):
                return True
        return False

    return is_wanted


def _named(core: Core, course: str, wanted: Wanted) -> Callable[[Sequence[str]], bool]:
    """Whether what is looked for is in any name of somebody's; of whom only an exclusion tells, in their key alone."""
    known_by, q = core.roll.known, fold(wanted.q)
    all_in = wanted.show != OUT

    def is_wanted(keys: Sequence[str]) -> bool:
        for key in keys:
            called, known = key, known_by(key)
            # Whoever is kept out need not be in the course, nor need each identity of an account.
            if known is not None and ((all_in and len(keys) == 1) or _is_in(core, course, key)):
                called = f"{known.name}\n{known.login}\n{key}"
                if isinstance(known, Person):
                    called = "\n".join((called, known.hub_name, *known.attributes.values()))
            if q in fold(called):
                return True
        return False

    return is_wanted


def _sorting(core: Core, course: str, wanted: Wanted) -> Callable[[str, Sequence[str]], str]:
    """By what somebody's row stands where it does; no more than the row shows, as a cursor tells it."""
    known_by, all_in = core.roll.known, wanted.show != OUT

    def sorting(key: str, keys: Sequence[str]) -> str:
        known = known_by(key)
        if known is None or not (all_in or any(_is_in(core, course, one) for one in keys)):
            return key.casefold()
        return (known.name or known.login).casefold()

    return sorting


def _is_in(core: Core, course: str, key: str) -> bool:
    return any(one.course == course for one in core.roll.told_of([key]))


async def _kept_out(core: Core, course: str) -> dict[str, tuple[str, ...]]:
    """Who is kept out, once for each account, with the keys of all their identities."""
    roll, found = core.roll, dict[str, tuple[str, ...]]()
    async for exclusion in in_slices(roll.exclusions.in_course(course)):
        person = roll.person(exclusion.person)
        account = roll.by_hub_name(person.hub_name) if person else None
        found[account.key if account else exclusion.person] = roll.keys_of(exclusion.person)
    return found


def _why(core: Core, enrolment: Enrolment, now: datetime) -> Why:
    answered = enrolment.answered_at
    return Why(
        of=membership(core, enrolment, now),
        told=enrolment,
        asked=instant(answered, core) if answered is not None else None,
        by_hand=enrolment.origin == MANUAL,
        over=enrolment.state(now) is EnrolmentState.ENDED,
    )


def _out(core: Core, hand: Hand, now: datetime) -> Out | None:
    if not hand.exclusions:
        return None
    one = hand.exclusions[0]
    until = instant(one.until, core) if one.until is not None else None
    return Out(one.by, one.why, until, one.until is not None and one.until <= now)
