"""Who may start what: the rules of the policy page, in its order, as one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple, Self

from .courses import Caps, Course, CourseState
from .people import CourseRole, Enrolment, EnrolmentState
from .pools import Claim, Pool, classify, fits_a_node, is_held_for_others
from .profiles import Granted, Profile, choose
from .reasons import Code, Reason
from .windows import Stretch

__all__ = [
    "Decision",
    "EndRule",
    "Facts",
    "Held",
    "Start",
    "StartRequest",
    "decide_start",
    "role_in",
]


class EndRule(StrEnum):
    """The rule that sets the end of a session.

    Attributes:
        words: the same for people.
    """

    def __new__(cls, value: str, words: str) -> Self:
        """Make a member of ``value, words``."""
        self = str.__new__(cls, value)
        self._value_, self.words = value, words
        return self

    words: str

    LONGEST = "longest-session", "longest session"
    WINDOW = "window-end", "the course's set time ends"
    ENROLMENT = "enrolment-end", "the enrolment ends"
    COURSE = "course-end", "the course ends"


class StartRequest(NamedTuple):
    """One wish to start a server.

    Attributes:
        person: the person's key.
        course: the course's id, as received.
        profile: profile key as received, or None for the role's default profile.
        options: option key to choice key, as received.
    """

    person: str
    course: str
    profile: str | None = None
    options: Mapping[str, str] = MappingProxyType({})


class Held(NamedTuple):
    """What the person holds now, pending starts included.

    Attributes:
        servers, devices: in the requested course; devices of the requested profile's flavor.
        servers_all, devices_all: campus-wide.
    """

    servers: int = 0
    devices: int = 0
    servers_all: int = 0
    devices_all: int = 0


class Facts(NamedTuple):
    """What is known for one request at one instant; never a copy of the campus.

    Attributes:
        course: None if there is no such course.
        enrolments: this person's in this course, from every origin.
        profile: the profile asked for, or None if the catalogue has none of that name.
        pool: the flavor's pool; None where the flavor has no devices.
        stale_after: age beyond which a source's answer starts nothing new on a device.
        source_titles: titles of sources by origin, for the words of ``roster-stale``.
        contact: whom to ask where only staff can change something.
        zone: the campus zone, in which sentences give days and times.
        hours: whether the windows that the course restricts the profile to are open now; None: it restricts it to none.
    """

    course: Course | None
    enrolments: tuple[Enrolment, ...]
    profile: Profile | None
    held: Held
    caps: Caps
    pool: Pool | None
    stale_after: timedelta
    source_titles: Mapping[str, str] = MappingProxyType({})
    contact: str = ""
    zone: tzinfo = UTC
    hours: Stretch | None = None


class Start(NamedTuple):
    """What an allowed start carries.

    Attributes:
        own: True if its devices are the course's own; False for a loan. True where no devices are asked for.
        ends_at: aware UTC instant, or None if nothing ends it.
        ends_by: the rule that sets ``ends_at``.
    """

    granted: Granted
    role: CourseRole
    own: bool
    ends_at: datetime | None
    ends_by: EndRule | None


class Decision(NamedTuple):
    """The outcome: a start, or every reason against it in table order."""

    start: Start | None
    reasons: tuple[Reason, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the start may be made."""
        return self.start is not None

    @property
    def waitable(self) -> bool:
        """Whether every failing reason is one that may be waited for."""
        return bool(self.reasons) and all(reason.waitable for reason in self.reasons)

    @property
    def status(self) -> int:
        """HTTP status of the refusal: that of the most severe reason, which stands first."""
        return self.reasons[0].status if self.reasons else 200

    @property
    def retry_at(self) -> datetime | None:
        """When all reasons may have passed, or None where that is not known."""
        times = [reason.retry_at for reason in self.reasons]
        return None if not times or None in times else max(time for time in times if time)

    @property
    def sentence(self) -> str:
        """All reasons as plain text."""
        return " ".join(reason.sentence for reason in self.reasons)


class _Case:
    """One request with what several rules need, worked out once."""

    __slots__ = (
        "active",
        "allowing",
        "claim",
        "devices",
        "facts",
        "granted",
        "now",
        "profile",
        "request",
        "role",
        "wrong",
    )

    def __init__(
        self,
        request: StartRequest,
        facts: Facts,
        course: Course,
        active: list[Enrolment],
        now: datetime,
    ) -> None:
        self.request, self.facts, self.now = request, facts, now
        self.active = active
        self.role = active[0].role if len(active) == 1 else max(e.role for e in active)
        self.profile = facts.profile
        self.allowing = _allowing(active, facts.profile, course)
        self.wrong: list[Reason] = []
        self.granted: Granted | None = None
        self.devices = 0
        self.claim: Claim | None = None
        if self.profile is None or not self.allowing:
            return
        chosen = choose(self.profile, request.options, self.role, course.image)
        if not isinstance(chosen, Granted):
            self.wrong = chosen
            return
        self.granted, self.devices = chosen, chosen.amounts.devices
        if self.devices and facts.pool is not None:
            self.claim = classify(self.devices, facts.pool)


def decide_start(request: StartRequest, facts: Facts, now: datetime) -> Decision:
    """Decide whether one server may start now.

    Always holds:
        - the same arguments give the same decision; nothing is changed;
        - a refusal names every failing rule, in table order;
        - no active enrolment means refused, with the same answer as for a course that does not exist.

    Args:
        request: person, course id (lower-case slug, 1-48 characters) and profile.
        facts: a small record gathered for this request at one instant, never a copy of the campus.
        now: aware UTC instant, used for terms and enrolments.

    Returns:
        A Decision; ``reasons`` is empty exactly when it is allowed.

    Source:
        docs/explanation/policy.md, rules 1-5, 7-9, 13 and 14.
    """
    course = facts.course
    active = [e for e in facts.enrolments if e.state(now) is EnrolmentState.ACTIVE]
    if course is None or not active:
        return Decision(None, (_not_enrolled(request, facts, now),))
    case = _Case(request, facts, course, active, now)
    reasons: list[Reason] = []
    for rule in _RULES:
        if failing := rule(case, course):
            reasons.extend(failing)
    if reasons or case.granted is None:
        return Decision(None, tuple(reasons))
    ends_at, ends_by = _end(case, course)
    return Decision(Start(case.granted, case.role, case.claim is not Claim.LOAN, ends_at, ends_by))


def _allowing(
    enrolments: Iterable[Enrolment], profile: Profile | None, course: Course
) -> list[Enrolment]:
    """Those to whose role the course offers the profile."""
    if profile is None:
        return []
    key, offers = profile.key, course.offers
    return [e for e in enrolments if key in offers.get(e.role, ())]


def role_in(enrolments: Iterable[Enrolment], now: datetime) -> CourseRole | None:
    """The strongest course role among the enrolments that are active now, or None."""
    return max((e.role for e in enrolments if e.state(now) is EnrolmentState.ACTIVE), default=None)


def _not_enrolled(request: StartRequest, facts: Facts, now: datetime) -> Reason:
    """Rule 1. A title is told only to those who have, had or will have an enrolment."""
    if facts.course is None or not facts.enrolments:
        return Reason(Code.NOT_ENROLLED, "", {"course": request.course}, contact=facts.contact)
    starts = min((e.starts for e in facts.enrolments if e.starts and e.starts > now), default=None)
    if starts is not None:
        return Reason(
            Code.NOT_ENROLLED,
            "later",
            {"course": facts.course.title, "starts": _day(starts, facts.zone)},
            starts,
        )
    ended = max(e.ends for e in facts.enrolments if e.ends)
    return Reason(
        Code.NOT_ENROLLED,
        "ended",
        {"course": facts.course.title, "ended": _last_day(ended, facts.zone)},
        contact=facts.contact,
    )


def _roster_stale(case: _Case, course: Course) -> Sequence[Reason]:
    """Rule 2: a device needs at least one enrolment that is fresh enough."""
    if not case.devices:
        return ()
    oldest = case.now - case.facts.stale_after
    for enrolment in case.allowing:
        if enrolment.answered_at is None or enrolment.answered_at >= oldest:
            return ()
    last = max(case.allowing, key=lambda e: e.answered_at or oldest)
    title = case.facts.source_titles.get(last.origin, last.origin)
    return [
        Reason(
            Code.ROSTER_STALE,
            "",
            {"source": title, "since": _instant(last.answered_at or oldest, case.facts.zone)},
        )
    ]


def _course_closed(case: _Case, course: Course) -> Sequence[Reason]:
    """Rule 3."""
    if course.is_open(case.now):
        return ()
    contact, values = case.facts.contact, {"title": course.title}
    if course.state is not CourseState.OPEN:
        return [Reason(Code.COURSE_CLOSED, str(course.state), values, contact=contact)]
    if course.starts is not None and case.now < course.starts:
        return [
            Reason(
                Code.COURSE_CLOSED,
                "later",
                {**values, "starts": _day(course.starts, case.facts.zone)},
                course.starts,
                contact,
            )
        ]
    ended = _last_day(course.ends or case.now, case.facts.zone)
    return [Reason(Code.COURSE_CLOSED, "ended", {**values, "ended": ended}, contact=contact)]


def _profile_not_offered(case: _Case, course: Course) -> Sequence[Reason]:
    """Rule 4. What the catalogue does not have answers like what is not offered."""
    if case.allowing:
        return ()
    asked = case.request.profile or "A server"
    values = {"profile": asked, "role": case.role, "title": course.title}
    return [Reason(Code.PROFILE_NOT_OFFERED, "", values, contact=case.facts.contact)]


def _option_invalid(case: _Case, course: Course) -> Sequence[Reason]:
    """Rule 5."""
    return case.wrong


def _outside_window(case: _Case, course: Course) -> Sequence[Reason]:
    """Rule 7: a profile that windows restrict starts in one of them alone; where none is left, never."""
    hours, profile = case.facts.hours, case.profile
    if hours is None or hours.is_open or profile is None:
        return ()
    values = {"title": course.title, "profile": profile.title}
    if hours.ends is None:
        return [Reason(Code.OUTSIDE_WINDOW, "none", values)]
    opens = _instant(hours.ends, case.facts.zone)
    return [Reason(Code.OUTSIDE_WINDOW, "", {**values, "opens": opens}, hours.ends)]


def _person_cap(case: _Case, course: Course) -> Sequence[Reason]:
    """Rule 8: the smaller of the course's and the campus's cap binds; of two course roles the wider cap counts."""
    held, campus = case.facts.held, case.facts.caps
    reasons = []
    here = _course_cap(case, course, None)
    for have, cap in ((held.servers, here), (held.servers_all, campus.servers)):
        if cap is not None and have + 1 > cap:
            reasons.append(Reason(Code.PERSON_CAP, "", {"held": have, "cap": cap}))
            break
    if case.devices and case.profile is not None:
        flavor = case.profile.flavor
        here = _course_cap(case, course, flavor.key)
        for have, cap in (
            (held.devices, here),
            (held.devices_all, campus.devices.get(flavor.key)),
        ):
            if cap is not None and have + case.devices > cap:
                values = {"wanted": have + case.devices, "flavor": flavor.title, "cap": cap}
                reasons.append(Reason(Code.PERSON_CAP, "devices", values))
                break
    return reasons


def _course_quota(case: _Case, course: Course) -> Sequence[Reason]:
    """Rule 9; without reclaim every open course's quota is kept for it."""
    pool, profile = case.facts.pool, case.profile
    if case.claim not in (Claim.NEVER, Claim.NOT_NOW) or pool is None or profile is None:
        return ()
    values = {
        "flavor": profile.flavor.title,
        "title": course.title,
        "wanted": case.devices,
        "most": pool.most if pool.most is None else max(pool.most, pool.peak),
    }
    if case.claim is Claim.NEVER:
        return [Reason(Code.COURSE_QUOTA, "never", values, contact=case.facts.contact)]
    return [Reason(Code.COURSE_QUOTA, "", values, pool.frees_at, case.facts.contact)]


def _pool_reserved(case: _Case, course: Course) -> Sequence[Reason]:
    """Rule 10; it never says for whom."""
    pool, profile = case.facts.pool, case.profile
    if not case.devices or pool is None or profile is None:
        return ()
    if not is_held_for_others(case.devices, pool):
        return ()
    contact, values = case.facts.contact, {"flavor": profile.flavor.title}
    if pool.reserved_until is None:
        return [Reason(Code.POOL_RESERVED, "", values, contact=contact)]
    until = _instant(pool.reserved_until, case.facts.zone)
    told = {**values, "until": until}
    return [Reason(Code.POOL_RESERVED, "until", told, pool.reserved_until, contact)]


def _no_capacity(case: _Case, course: Course) -> Sequence[Reason]:
    """Rule 13; nothing is known of capacity while the inventory is stale."""
    pool, profile = case.facts.pool, case.profile
    if not case.devices or pool is None or profile is None or pool.stale_since is not None:
        return ()
    if fits_a_node(case.devices, pool):
        return ()
    values = {"wanted": case.devices, "flavor": profile.flavor.title}
    return [Reason(Code.NO_CAPACITY, "", values, pool.frees_at)]


def _inventory_stale(case: _Case, course: Course) -> Sequence[Reason]:
    """Rule 14."""
    pool = case.facts.pool
    if not case.devices or pool is None or pool.stale_since is None:
        return ()
    return [
        Reason(
            Code.INVENTORY_STALE,
            "",
            {"since": _instant(pool.stale_since, case.facts.zone)},
            contact=case.facts.contact,
        )
    ]


_RULES: Final[tuple[Callable[[_Case, Course], Sequence[Reason]], ...]] = (
    _roster_stale,
    _course_closed,
    _profile_not_offered,
    _option_invalid,
    _outside_window,
    _person_cap,
    _course_quota,
    _pool_reserved,
    _no_capacity,
    _inventory_stale,
)
_NO_CAPS: Final = Caps()


def _course_cap(case: _Case, course: Course, flavor: str | None) -> int | None:
    """The widest cap of the person's roles in the course: on servers, or on devices of a flavor; None: no cap."""
    widest = 0
    for enrolment in case.active:
        caps = course.caps.get(enrolment.role, _NO_CAPS)
        cap = caps.servers if flavor is None else caps.devices.get(flavor)
        if cap is None:
            return None
        if cap > widest:
            widest = cap
    return widest


def _end(case: _Case, course: Course) -> tuple[datetime | None, EndRule | None]:
    """The earliest end, and the rule that sets it; on a tie the first rule."""
    longest = case.profile.longest if case.profile else None
    ends_at, ends_by = (case.now + longest, EndRule.LONGEST) if longest else (None, None)
    hours = case.facts.hours
    if hours is not None and hours.ends is not None and (ends_at is None or hours.ends < ends_at):
        ends_at, ends_by = hours.ends, EndRule.WINDOW
    until = _enrolled_until(case, course)
    if until is not None and (ends_at is None or until < ends_at):
        ends_at, ends_by = until, EndRule.ENROLMENT
    if course.ends is not None and (ends_at is None or course.ends < ends_at):
        ends_at, ends_by = course.ends, EndRule.COURSE
    return ends_at, ends_by


def _enrolled_until(case: _Case, course: Course) -> datetime | None:
    """The end of the unbroken stretch of enrolments, from now on, that allow the profile."""
    for enrolment in case.allowing:
        if enrolment.ends is None:
            return None
    until = case.now
    allowing = _allowing(case.facts.enrolments, case.profile, course)
    for enrolment in sorted(allowing, key=lambda e: (e.starts is not None, e.starts or case.now)):
        if enrolment.starts is not None and enrolment.starts > until:
            break
        if enrolment.ends is None:
            return None
        until = max(until, enrolment.ends)
    return until


def _day(instant: datetime, zone: tzinfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d}"


def _last_day(end: datetime, zone: tzinfo) -> str:
    """The last day before an end, which is the first instant that no longer belongs."""
    return _day(end - timedelta.resolution, zone)


def _instant(instant: datetime, zone: tzinfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"
