"""What somebody uses: their sessions with their ends, what is left of their hours, what they have used and been granted."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from jupyterhub_edu.core import Core, current_core
from jupyterhub_edu.core.left import HoursLeft, given, hours_left
from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.allowances import GPU_HOUR, gpu_hours
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.grants import Cap, Grant, Hours, Lift, Longest, Offer
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.usage import By, Usage, UsageQuery, charge, sum_usage, usage_json
from jupyterhub_edu.domain.words import say, say_count

from . import views
from .helps import HelpedRow, helped_json, helped_rows
from .models import session_json
from .views import Moment, SessionRow, instant

__all__ = [
    "LeftRow",
    "RunningRow",
    "Use",
    "ends_note",
    "left_rows",
    "my_sessions",
    "my_use",
    "use_json",
]

_log = logging.getLogger(__name__)
_WEEKS: Final = 8
"""How many weeks of use are shown, this one among them."""
_PAST: Final = 20
"""How many sessions that have ended are shown."""
_DAY: Final = timedelta(days=1)


class RunningRow(NamedTuple):
    """A session of one's own that has not ended.

    Attributes:
        seconds: until it stops; None: nothing stops it by itself.
        warn: seconds before its end from which on it is warned.
        longer: what asking for more time would bring now, in words, or ``""``.
    """

    session: SessionRow
    course: str
    course_title: str
    seconds: int | None
    warn: int
    longer: str

    @property
    def is_warned(self) -> bool:
        """Whether its end is near."""
        return self.seconds is not None and self.seconds <= self.warn


class LeftRow(NamedTuple):
    """What is left of one budget."""

    course: str
    course_title: str
    left: HoursLeft
    renews: Moment | None


class GrantRow(NamedTuple):
    """Something that was granted beyond what the course gives to everybody.

    Attributes:
        starts: when it begins, if it has not yet.
    """

    course: str
    course_title: str
    grant: Grant
    words: str
    starts: Moment | None
    ends: Moment


class WeekRow(NamedTuple):
    """What was used in one week and one course."""

    first: date
    course_title: str
    usage: Usage

    @property
    def hours(self) -> str:
        """Hours of sessions, with or without devices."""
        return gpu_hours(self.usage.running_ms * (GPU_HOUR // 3_600_000))

    @property
    def gpu_hours(self) -> str:
        """GPU hours."""
        return gpu_hours(self.usage.used)


class PastRow(NamedTuple):
    """A session that has ended.

    Attributes:
        why: the rule that ended it, in words, or ``""``: it ended before its time.
    """

    admission: Admission
    course_title: str
    profile_title: str
    since: Moment
    until: Moment
    used: int
    why: str

    @property
    def gpu_hours(self) -> str:
        """What it used."""
        return gpu_hours(self.used)


class Use(NamedTuple):
    """All of it."""

    running: Sequence[RunningRow]
    left: Sequence[LeftRow]
    grants: Sequence[GrantRow]
    weeks: Sequence[WeekRow]
    past: Sequence[PastRow]
    helped: Sequence[HelpedRow]


async def my_use(core: Core, person: Person) -> Use:
    """What one person uses, by the same query as the command ``usage``; past sessions by the store.

    Raises:
        StoreError: what has ended cannot be read.
    """
    ended = [
        one
        for one in await core.store.load_admissions_of(person.hub_name)
        if one.stage is Stage.ENDED and one.running_at is not None
    ]
    weeks = await _weeks(core, person)
    return Use(
        my_sessions(core, person),
        left_rows(core, person),
        _grants(core, person),
        weeks,
        [_past_row(core, one) for one in reversed(ended[-_PAST:])],
        helped_rows(core, person),
    )


def my_sessions(core: Core, person: Person) -> list[RunningRow]:
    """One's own sessions that have not ended, oldest first."""
    held = sorted(core.book.held_by(person.hub_name), key=lambda one: (one.reserved_at, one.id))
    return [_running_row(core, person, one) for one in held]


def ends_note(user: Any) -> list[RunningRow]:
    """For the frame of every page of the hub: the sessions of an account that something stops; none if that is not known."""
    try:
        core = current_core()
        person = core.roll.by_hub_name(user.name) if user is not None else None
        rows = my_sessions(core, person) if person is not None else []
    except Exception:  # no page of the hub may fail for this
        _log.exception("the ends of somebody's sessions are not shown")
        return []
    return [row for row in rows if row.seconds is not None and row.session.state == "running"]


def _running_row(core: Core, person: Person, admission: Admission) -> RunningRow:
    row = views.session_row(core, person, admission, core.stops.is_stopping)
    ends_at, warn_at = admission.ends_at, core.campus.warn_at
    seconds = (ends_at - core.clock()) // timedelta(seconds=1) if ends_at is not None else None
    return RunningRow(
        row,
        admission.course,
        core.campus.title_of(admission.course),
        seconds if seconds is None else max(0, seconds),
        max(warn_at, default=timedelta(0)) // timedelta(seconds=1),
        _longer(core, admission) if row.state == "running" else "",
    )


def _longer(core: Core, admission: Admission) -> str:
    extension = core.extending.may_extend(admission) if core.campus.extend_times else None
    if extension is None or extension.ends_at is None:
        return ""
    return say("Go on until {when}", when=instant(extension.ends_at, core).text)


def left_rows(core: Core, person: Person) -> list[LeftRow]:
    """What is left of one's hours in each of one's courses; where nothing starts there are none to use."""
    now = core.clock()
    return [
        LeftRow(
            id,
            core.campus.title_of(id),
            left,
            instant(left.renews_at, core) if left.renews_at else None,
        )
        for id in core.roll.courses(person, now)
        if core.campus.courses[id].is_open(now)
        for left in hours_left(core.book.glance(person.key, id), person.key)
    ]


def _grants(core: Core, person: Person) -> list[GrantRow]:
    now = core.clock()
    return [
        GrantRow(
            id,
            core.campus.title_of(id),
            one.grant,
            _grant_words(core.campus, one.what),
            instant(one.grant.starts, core) if now < one.grant.starts else None,
            instant(one.grant.ends, core),
        )
        for id in core.roll.courses(person, now)
        for one in given(core.book.glance(person.key, id), person.key)
    ]


def _grant_words(campus: Campus, what: Lift) -> str:
    match what:
        case Hours(amount):
            return say("{amount} GPU hours more", amount=gpu_hours(amount))
        case Offer(profile):
            return _profile_title(campus, profile)
        case Cap(most, None):
            return say_count(most, "up to {n} server at a time", "up to {n} servers at a time")
        case Cap(most, flavor):
            known = campus.flavors.get(flavor or "")
            return say(
                "up to {most} {flavor} at a time",
                most=most,
                flavor=known.title if known else flavor,
            )
        case Longest(profile, length):
            hours = f"{length / timedelta(hours=1):g}"
            return say(
                "{profile}: sessions of up to {hours} hours",
                profile=_profile_title(campus, profile),
                hours=hours,
            )


def _profile_title(campus: Campus, profile: str) -> str:
    known = campus.profiles.get(profile)
    return known.title if known else profile


async def _weeks(core: Core, person: Person) -> list[WeekRow]:
    """The last weeks, the newest first; in each by course."""
    today = core.clock().astimezone(core.campus.zone).date()
    first = _monday(today) - (_WEEKS - 1) * 7 * _DAY
    query = UsageQuery(frozenset({By.COURSE, By.DAY}), first=first, person=person.hub_name)
    days = [
        usage._replace(day=_monday(usage.day)) if usage.day else usage
        for usage in await core.store.load_usage(query)
    ]
    weeks = sum_usage(days, query.by)
    return sorted(
        (WeekRow(u.day, core.campus.title_of(u.course or ""), u) for u in weeks if u.day),
        key=lambda row: (-row.first.toordinal(), row.course_title),
    )


def _monday(day: date) -> date:
    return day - day.weekday() * _DAY


def _past_row(core: Core, one: Admission) -> PastRow:
    ended = one.ended_at or core.clock()
    in_time = one.ends_at is not None and ended >= one.ends_at
    return PastRow(
        one,
        core.campus.title_of(one.course),
        _profile_title(core.campus, one.granted.profile),
        instant(one.running_at or one.reserved_at, core),
        instant(ended, core),
        sum(usage.used for usage in charge(one, core.campus.zone)),
        one.ends_by.words if in_time and one.ends_by else "",
    )


# -- for programs --------------------------------------------------------------------------------------------------


def use_json(core: Core, use: Use) -> dict[str, Any]:
    """All of it for programs; instants in UTC, amounts exact."""
    return {
        "now": core.clock().isoformat(),
        "time_zone": core.campus.zone.key,
        "sessions": [_running_json(row) for row in use.running],
        "left": [_left_json(row) for row in use.left],
        "grants": [_grant_json(row) for row in use.grants],
        "weeks": list(_weeks_json(use.weeks)),
        "past": [_past_json(row) for row in use.past],
        "helped": [helped_json(row) for row in use.helped],
    }


def _running_json(row: RunningRow) -> dict[str, Any]:
    return {
        **session_json(row.session),
        "until_why": row.session.until_why,
        "seconds_left": row.seconds,
        "warned": row.is_warned,
        "may_extend": bool(row.longer),
    }


def _left_json(row: LeftRow) -> dict[str, Any]:
    left = row.left
    return {
        "course": row.course,
        "whose": left.whose,
        "period": str(left.period),
        "amount": left.amount,
        "left": left.left,
        "granted": left.granted,
        "gpu_hours_left": float(gpu_hours(left.left + left.granted)),
        "renews_at": left.renews_at.isoformat() if left.renews_at else None,
    }


def _grant_json(row: GrantRow) -> dict[str, Any]:
    grant = row.grant
    return {
        "course": row.course,
        "what": row.words,
        "starts": _iso(grant.starts),
        "ends": _iso(grant.ends),
        "by": grant.by,
        "why": grant.why,
    }


def _weeks_json(rows: Iterable[WeekRow]) -> Iterable[dict[str, Any]]:
    for row in rows:
        told = usage_json(row.usage)
        del told["day"]
        yield {"week": row.first.isoformat(), **told}


def _past_json(row: PastRow) -> dict[str, Any]:
    one = row.admission
    return {
        "session": one.id,
        "course": one.course,
        "profile": one.granted.profile,
        "flavor": one.flavor,
        "devices": one.devices,
        "since": _iso(one.running_at),
        "until": _iso(one.ended_at),
        "estimated": one.estimated,
        "ends_by": str(one.ends_by) if row.why and one.ends_by else None,
        "used": row.used,
        "gpu_hours": float(gpu_hours(row.used)),
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
