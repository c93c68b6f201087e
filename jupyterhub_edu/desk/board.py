"""A course as it is now, as plain rows: who is on, its devices, its part of the line, messages and stops under way.

The page, its stream and the API are made from the same rows. All text is plain: whoever shows it escapes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.looks import Seen
from jupyterhub_edu.core.messages import Message, Whom
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.balance import Share
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import Phase, Standing

from . import views
from .views import Moment, SessionRow, instant

__all__ = [
    "Active",
    "BoardRow",
    "DevicesRow",
    "LineRow",
    "MessageRow",
    "board_row",
    "devices_rows",
    "line_rows",
    "message_rows",
    "sections_of",
]

Active = Mapping[tuple[str, str], datetime]
"""When the hub last heard of use, by account and server."""
_AT_WORK: Final = timedelta(minutes=10)
"""What was at work so short before a look is called at work."""
_NO_SHARE: Final = Share()
MOST_IN_LINE: Final = 100
"""Places that are shown; of the others their number."""


class BoardRow(NamedTuple):
    """One session.

    Attributes:
        session: what everybody sees of it alike.
        sections: its person's in this course.
        active: when the hub last heard of use; at first when the session began.
        use: of its devices: ``working``, ``idle``, ``unopened``, ``silent`` (its server does not answer) or ``""``.
        idle_since: of ``idle``.
        seen: when that was looked at.
        order: rows stand in the order of these.
    """

    session: SessionRow
    sections: tuple[str, ...]
    active: Moment
    use: str
    idle_since: Moment | None
    seen: Moment | None
    order: tuple[datetime, str]


class DevicesRow(NamedTuple):
    """The devices of one flavor, as far as they concern one course; None: not known now.

    Attributes:
        own: the course's; ``reserved`` of them are held by a window.
        used: by the course's sessions; ``borrowed`` of them are not its own.
        lent: of its own, those that others use.
        free: those that nobody uses.
    """

    flavor: str
    title: str
    own: int
    reserved: int
    used: int
    borrowed: int
    lent: int | None
    free: int | None


class LineRow(NamedTuple):
    """Somebody of the course who waits.

    Attributes:
        words: how they stand.
        place: in the flavor's whole line, from 1; None: their turn has come.
    """

    user: str
    name: str
    profile: str
    profile_title: str
    flavor: str
    flavor_title: str
    devices: int
    phase: str
    words: str
    place: int | None
    since: Moment
    expected: Moment | None


class MessageRow(NamedTuple):
    """What was said, to whom in words, and by whom."""

    message: Message
    to: str
    words: str
    by: str
    at: Moment
    ends: Moment


def board_row(
    core: Core,
    admission: Admission,
    active: datetime | None,
    borrowed: Callable[[str], frozenset[str]] | None = None,
) -> BoardRow:
    """One session, for whoever may see everybody; the others of the arguments are those of ``views.bare_row``.

    Args:
        active: when the hub last heard of use, as far as that has been read. Before the session began it was another one's,
            of a server with the same name.
    """
    began = admission.running_at or admission.reserved_at
    person = core.roll.person(admission.person)
    seen = core.looks.of(admission.id)
    use, idle_since = _use(core, seen)
    return BoardRow(
        session=views.bare_row(core, admission, core.stops.is_stopping, borrowed),
        sections=sections_of(core, admission) if person is not None else (),
        active=instant(max(active or began, began), core),
        use=use,
        idle_since=idle_since,
        seen=instant(seen.at, core) if seen is not None else None,
        order=(admission.reserved_at, admission.id),
    )


def sections_of(core: Core, admission: Admission) -> tuple[str, ...]:
    """The sections of a session's person in its course."""
    person = core.roll.person(admission.person)
    if person is None:
        return ()
    enrolments = core.roll.enrolments_in(person, admission.course)
    return tuple(sorted(frozenset[str]().union(*(e.sections for e in enrolments))))


def _use(core: Core, seen: Seen | None) -> tuple[str, Moment | None]:
    if seen is None:
        return "", None
    look, at = seen
    if not look.answered:
        return "silent", None
    if not look.opened:
        return "unopened", None
    if look.device or at - look.worked_at < _AT_WORK:
        return "working", None
    if look.measured and look.device is None:
        return "", None
    return "idle", instant(look.worked_at, core)


def devices_rows(core: Core, course: str) -> list[DevicesRow]:
    """The flavors with devices of which the course owns or uses any, or offers any profile."""
    campus, taught = core.campus, core.campus.courses[course]
    offered = {campus.profiles[key].flavor.key for keys in taught.offers.values() for key in keys}
    rows = []
    for flavor in campus.flavors.values():
        if flavor.device is None:
            continue
        state = core.book.state(flavor.key)
        share, used = state.shares.get(course, _NO_SHARE), state.used.get(course, 0)
        if used or share.nominal or flavor.key in offered:
            free = max(0, state.room) if state.fresh else None
            mine, others = _borrowed(core, flavor.key, course)
            idle = max(0, share.nominal - used)
            rows.append(
                DevicesRow(
                    flavor.key,
                    flavor.title,
                    share.nominal,
                    share.reserved,
                    used,
                    mine,
                    # Devices have no names: what is idle and cannot be had is with those who have borrowed.
                    None if free is None else min(others, max(0, idle - free)),
                    free,
                )
            )
    return rows


def _borrowed(core: Core, flavor: str, course: str) -> tuple[int, int]:
    """Devices that the course has borrowed, and that others have."""
    mine = others = 0
    for id in core.book.borrowed(flavor):
        if (admission := core.book.admission(id)) is not None:
            if admission.share == course:
                mine += admission.devices
            else:
                others += admission.devices
    return mine, others


def line_rows(core: Core, course: str) -> tuple[list[LineRow], int]:
    """The first of those of the course who wait, and how many wait in all."""
    found = core.line.of_course(course)
    rows = [_line_row(core, user, standing) for user, standing in found[:MOST_IN_LINE]]
    return rows, len(found)


def _line_row(core: Core, user: str, standing: Standing) -> LineRow:
    place, estimate = standing.place, standing.estimate
    person = core.roll.person(place.person)
    profile = core.campus.profiles.get(place.request.profile or "")
    flavor = core.campus.flavors.get(place.flavor)
    waits = standing.phase is Phase.WAITING
    at = estimate.at if waits and estimate is not None else None
    return LineRow(
        user=user,
        name=person.name if person else "",
        profile=place.request.profile or "",
        profile_title=profile.title if profile else place.request.profile or "",
        flavor=place.flavor,
        flavor_title=flavor.title if flavor else place.flavor,
        devices=place.devices,
        phase=str(standing.phase),
        words=standing.phase.words,
        place=standing.ahead + 1 if waits else None,
        since=instant(place.arrived_at, core),
        expected=instant(max(at, core.clock()), core) if at is not None else None,
    )


def message_rows(core: Core, course: str) -> list[MessageRow]:
    """What has been said in a course and holds, newest first."""
    return [message_row(core, one) for one in core.messages.of(course)]


def message_row(core: Core, one: Message) -> MessageRow:
    """One message."""
    person = core.roll.person(one.to) if one.whom is Whom.PERSON else None
    to = person.hub_name if person is not None else one.to
    return MessageRow(
        message=one,
        to=to,
        words=_whom_words(one.whom, _named(person.name, to) if person is not None else to),
        by=core.roll.name_of(one.by),
        at=instant(one.at, core),
        ends=instant(one.ends, core),
    )


def _named(name: str, user: str) -> str:
    """A name may be several people's: the account says whose it is."""
    return f"{name} ({user})" if name and name != user else user


def _whom_words(whom: Whom, to: str) -> str:
    match whom:
        case Whom.PERSON:
            return to
        case Whom.SECTION:
            return say("section {section}", section=to)
        case Whom.ON:
            return say("those who were on")
        case Whom.ALL:
            return say("everybody in the course")
