"""What the desk shows, worked out from the core as plain rows; every row is asked for by its own object.

Pages and JSON are made from the same rows. All text is plain: whoever shows it escapes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.slices import in_slices
from jupyterhub_edu.domain.acts import Act, decide_act
from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.balance import Share
from jupyterhub_edu.domain.courses import Course, CourseState
from jupyterhub_edu.domain.dates import dated
from jupyterhub_edu.domain.people import (
    FROM_FILE,
    CourseRole,
    Enrolment,
    EnrolmentState,
    Person,
    SiteRole,
)
from jupyterhub_edu.domain.words import say

__all__ = [
    "CourseRow",
    "DeviceRow",
    "Membership",
    "Moment",
    "SessionRow",
    "bare_row",
    "course_row",
    "find_session",
    "instant",
    "may_look_in",
    "membership",
    "my_courses",
    "newest",
    "session_row",
    "sessions",
    "stop_sentence",
]

_SLICE: Final = 25
"""Rows of a list that are made before others get their turn on the event loop."""


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant: ``iso`` in UTC for machines, ``text`` in the campus's time zone for people."""

    iso: str
    text: str


@dataclass(frozen=True, slots=True)
class Membership:
    """Why somebody is in a course.

    Attributes:
        origin: ``source:<id>``, ``file`` or ``manual``.
        words: the same for people: "from Fjord account", "added by ola", "in the campus file".
        later: it has not begun.
    """

    role: str
    origin: str
    words: str
    starts: Moment | None
    ends: Moment | None
    later: bool


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """Devices of one flavor in a course now."""

    flavor: str
    title: str
    used: int
    own: int


@dataclass(frozen=True, slots=True)
class CourseRow:
    """One course as one person sees it.

    Attributes:
        role: the person's course role now, or None.
        state: ``open``, ``later``, ``ended``, ``suspended`` or ``archived``.
        sees_all: may see everybody who is on; else only their own sessions.
        on: sessions that the person may see.
        devices: what the course uses, for those who see everybody.
    """

    id: str
    title: str
    role: str | None
    memberships: Sequence[Membership]
    state: str
    starts: Moment | None
    ends: Moment | None
    may_look: bool
    sees_all: bool
    may_start: bool
    on: int
    devices: Sequence[DeviceRow]


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session as one person sees it.

    Attributes:
        user, server: hub account and server name (``""`` is the default server).
        name: the person's own name, or ``""``.
        state: ``starting``, ``running``, ``stopping`` or ``ended``.
        share: now: ``own`` (the course's own devices), ``spare``, or ``""`` where it holds none.
        until_why: the rule that sets ``until``, in words.
        mine: it is the viewer's own.
    """

    admission: str
    user: str
    name: str
    server: str
    profile: str
    profile_title: str
    flavor: str
    flavor_title: str
    devices: int
    share: str
    state: str
    since: Moment
    until: Moment | None
    until_why: str
    mine: bool
    may_stop: bool


class _Rights:
    """What somebody may do in one course now: ``Core.may`` for many rows, its roles worked out once.

    Attributes:
        role: theirs in the course.
    """

    def __init__(self, core: Core, viewer: Person, course: str) -> None:
        there = course in core.campus.courses
        self.role, self._site = core.roles(viewer, course) if there else (None, None)
        self._own = {one.key for one in core.roll.identities(viewer)}

    def may(self, act: Act, about: str | None = None) -> bool:
        return decide_act(act, self.role, self._site, about_self=about in self._own)

    def visible(self, admissions: Iterable[Admission]) -> list[Admission]:
        """Those of a course's sessions that they may see."""
        sees_all = self.may(Act.SEE)
        return [one for one in admissions if sees_all or self.may(Act.SEE, one.person)]


def may_look_in(core: Core, viewer: Person, course: str) -> bool:
    """Whether somebody takes part in a course; otherwise it does not exist for them."""
    return core.may(Act.SEE, viewer, course, about=viewer.key)


async def my_courses(core: Core, viewer: Person) -> list[CourseRow]:
    """The courses of one person, those that begin later too; site admins see all. In the campus file's order."""
    now = core.clock()
    mine = {
        e.course for e in core.roll.enrolments(viewer) if e.state(now) is not EnrolmentState.ENDED
    }
    sees_all = core.roll.site_role(viewer) is SiteRole.ADMIN
    on: dict[str, list[Admission]] = {}
    for admission in core.book.admissions():
        on.setdefault(admission.course, []).append(admission)
    shown = [one for one in core.campus.courses.values() if sees_all or one.id in mine]
    return [
        course_row(core, viewer, course, on.get(course.id, ()))
        async for course in in_slices(shown, _SLICE)
    ]


def course_row(
    core: Core, viewer: Person, course: Course, on: Iterable[Admission] | None = None
) -> CourseRow:
    """One course as this person sees it. Ask ``may_look_in`` before telling anybody.

    Args:
        on: its sessions, where the caller has those of all courses at hand.
    """
    now, zone = core.clock(), core.campus.zone
    rights = _Rights(core, viewer, course.id)
    sees_all = rights.may(Act.SEE)
    return CourseRow(
        id=course.id,
        title=course.title,
        role=str(rights.role) if rights.role is not None else None,
        memberships=[
            membership(core, enrolment, now)
            for enrolment in core.roll.enrolments_in(viewer, course.id)
            if enrolment.state(now) is not EnrolmentState.ENDED
        ],
        state=_state(course, now),
        starts=_first_day(course.starts, zone),
        ends=_last_day(course.ends, zone),
        may_look=rights.may(Act.SEE, viewer.key),
        sees_all=sees_all,
        may_start=_may_start(course, rights.role, now),
        on=len(rights.visible(core.book.admissions(course.id) if on is None else on)),
        devices=_devices(core, course, now) if sees_all else [],
    )


async def sessions(
    core: Core, viewer: Person, course: str, is_stopping: Callable[[str], bool]
) -> list[SessionRow]:
    """Who is on in a course, as far as this person may see it; oldest first."""
    rights = _Rights(core, viewer, course)
    return [
        _session_row(core, viewer, admission, is_stopping, rights)
        async for admission in in_slices(rights.visible(core.book.admissions(course)), _SLICE)
    ]


def find_session(
    core: Core, viewer: Person, course: str, hub_name: str, server: str
) -> Admission | None:
    """The session that bears this server now, if it is this course's and the person may see it.

    A former session of the same server may still be ending; it is never the one that is meant.
    """
    found = newest(core, hub_name, server)
    if found is None or found.course != course:
        return None
    return found if core.may(Act.SEE, viewer, course, about=found.person) else None


def session_row(
    core: Core, viewer: Person, admission: Admission, is_stopping: Callable[[str], bool]
) -> SessionRow:
    """One session as this person sees it. Ask ``find_session`` before telling anybody."""
    rights = _Rights(core, viewer, admission.course)
    return _session_row(core, viewer, admission, is_stopping, rights)


def _session_row(
    core: Core,
    viewer: Person,
    admission: Admission,
    is_stopping: Callable[[str], bool],
    rights: _Rights,
) -> SessionRow:
    row = bare_row(core, admission, is_stopping)
    may = rights.may(Act.STOP, admission.person) and row.may_stop
    return replace(row, mine=admission.hub_name == viewer.hub_name, may_stop=may)


def bare_row(
    core: Core,
    admission: Admission,
    is_stopping: Callable[[str], bool],
    borrowed: Callable[[str], frozenset[str]] | None = None,
) -> SessionRow:
    """One session as it is for everybody: nobody's own, and ``may_stop`` says whether it can be stopped at all.

    Args:
        borrowed: what ``Book.borrowed`` says, where the caller has asked already.
    """
    campus = core.campus
    person = core.roll.person(admission.person)
    profile = campus.profiles.get(admission.granted.profile)
    flavor = campus.flavors.get(admission.flavor)
    last = newest(core, admission.hub_name, admission.server)
    is_former = last is not None and last.id != admission.id
    stopping = is_former or is_stopping(admission.id)
    return SessionRow(
        admission=admission.id,
        user=admission.hub_name,
        name=person.name if person else "",
        server=admission.server,
        profile=admission.granted.profile,
        profile_title=profile.title if profile else admission.granted.profile,
        flavor=admission.flavor,
        flavor_title=flavor.title if flavor else admission.flavor,
        devices=admission.devices,
        share=_share(admission, borrowed or core.book.borrowed),
        state=_session_state(admission, stopping=stopping),
        since=instant(admission.running_at or admission.reserved_at, core),
        until=instant(admission.ends_at, core) if admission.ends_at else None,
        until_why=admission.ends_by.words if admission.ends_by else "",
        mine=False,
        may_stop=not stopping and last is not None,
    )


def stop_sentence(core: Core, admission: Admission) -> str:
    """When a session stops, and why, for the person whose session it is."""
    if admission.ends_at is None or admission.ends_by is None:
        return say("Nothing stops this server by itself.")
    at, why = instant(admission.ends_at, core).text, admission.ends_by.words
    return say("This server stops at {at} ({why}). Save your work before.", at=at, why=why)


def newest(core: Core, hub_name: str, server: str) -> Admission | None:
    """The session that the server's name stands for; a former one may still be ending beside it."""
    return max(
        core.book.of_server(hub_name, server), key=lambda a: (a.reserved_at, a.id), default=None
    )


def _session_state(admission: Admission, *, stopping: bool) -> str:
    if admission.stage is Stage.ENDED:
        return "ended"
    if stopping:
        return "stopping"
    return "starting" if admission.stage is Stage.RESERVED else "running"


def _state(course: Course, now: datetime) -> str:
    if course.state is not CourseState.OPEN:
        return str(course.state)
    if course.starts is not None and now < course.starts:
        return "later"
    return "open" if course.is_open(now) else "ended"


def _may_start(course: Course, role: CourseRole | None, now: datetime) -> bool:
    """Whether the start page has something for this role; the start page itself decides."""
    return role is not None and bool(course.offers.get(role)) and course.is_open(now)


def membership(core: Core, enrolment: Enrolment, now: datetime) -> Membership:
    """Why somebody is in a course, by one of their enrolments there."""
    zone = core.campus.zone
    return Membership(
        role=str(enrolment.role),
        origin=enrolment.origin,
        words=_origin_words(core, enrolment),
        starts=_first_day(enrolment.starts, zone),
        ends=_last_day(enrolment.ends, zone),
        later=enrolment.state(now) is EnrolmentState.LATER,
    )


def _origin_words(core: Core, enrolment: Enrolment) -> str:
    if enrolment.origin == FROM_FILE:
        return say("in the campus file")
    title = core.campus.source_titles.get(enrolment.origin)
    if title is not None:
        return say("from {title}", title=title)
    if enrolment.origin.startswith("source:"):
        return say("from {title}", title=enrolment.origin.removeprefix("source:"))
    return say("added by {by}", by=enrolment.by) if enrolment.by else say("added by hand")


def _share(admission: Admission, borrowed: Callable[[str], frozenset[str]]) -> str:
    """As it is now, which a start, an end or a window of the course may change."""
    if not admission.devices:
        return ""
    return "spare" if admission.id in borrowed(admission.flavor) else "own"


def _devices(core: Core, course: Course, now: datetime) -> list[DeviceRow]:
    rows = [
        DeviceRow(
            flavor.key,
            flavor.title,
            core.book.used(flavor.key, course.id),
            core.book.shares.of(flavor.key, now).get(course.id, Share()).nominal,
        )
        for flavor in core.campus.flavors.values()
        if flavor.device
    ]
    return [row for row in rows if row.used or row.own]


def instant(at: datetime, core: Core) -> Moment:
    """The time of day; with the date where it is not today."""
    there, today = at.astimezone(core.campus.zone), core.clock().astimezone(core.campus.zone)
    if there.date() == today.date():
        return Moment(at.isoformat(), f"{there:%H:%M}")
    return Moment(at.isoformat(), dated(there, "{weekday} {day} {month} {time}"))


def _first_day(starts: datetime | None, zone: ZoneInfo) -> Moment | None:
    return None if starts is None else Moment(starts.isoformat(), _day(starts.astimezone(zone)))


def _last_day(ends: datetime | None, zone: ZoneInfo) -> Moment | None:
    """An end is the first instant after; people call the day before it the last one."""
    if ends is None:
        return None
    return Moment(ends.isoformat(), _day((ends - timedelta.resolution).astimezone(zone)))


def _day(at: datetime) -> str:
    return dated(at, "{day} {month} {year}")
