"""One request and what is known for it: what the rules read, worked out once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, Self

from .allowances import Budgets, Drawn, Reserved
from .courses import Caps, Course
from .exams import Exam, Sitting
from .grants import NO_CEILINGS, Ceilings, Grant, Lift, Offer, extras, lift, reaching
from .people import CourseRole, Enrolment
from .pools import Claim, Pool, classify
from .profiles import Granted, Profile, choose
from .reasons import Code, Reason
from .windows import Stretch
from .words import join_words, say

__all__ = [
    "Carried",
    "Case",
    "Decision",
    "EndRule",
    "Facts",
    "Foresight",
    "Held",
    "Start",
    "StartRequest",
    "asked_for",
    "offered_by_role",
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

    LONGEST = "longest-session", say("longest session")
    WINDOW = "window-end", say("the course's set time ends")
    EXAM_START = "exam-start", say("an exam begins")
    ENROLMENT = "enrolment-end", say("the enrolment ends")
    COURSE = "course-end", say("the course ends")
    GRANT = "grant-end", say("the grant ends")
    ALLOWANCE = "allowance", say("the GPU hours are used up")
    EXAM = "exam-end", say("the exam ends")
    EXTENSION = "extension", say("the extension ends")
    LOST = "enrolment-lost", say("no longer enrolled in the course")
    IDLE = "idle", say("its GPU has been idle")
    UNUSED = "not-connected", say("nobody has opened it")
    RECLAIMED = "reclaimed", say("its spare GPU is called back")

    @property
    def is_sooner(self) -> bool:
        """Whether it ends a session sooner than its start was promised; such an end may be taken back."""
        return self in _SOONER


_SOONER = frozenset({EndRule.LOST, EndRule.IDLE, EndRule.UNUSED, EndRule.RECLAIMED})


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
        budgets: the budgets that a device draws on; None: there are none.
        grants: the course's that may be for this person; what is not, or no longer, does nothing.
        ceilings: the most that a grant lifts that no administrator approved.
        exams: the person's parts in exams of all courses, those to come included.
        leaves: the campus lets servers run on when an exam of their person begins.
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
    budgets: Budgets | None = None
    grants: tuple[Grant, ...] = ()
    ceilings: Ceilings = NO_CEILINGS
    exams: tuple[Sitting, ...] = ()
    leaves: bool = False


class Start(NamedTuple):
    """What an allowed start carries.

    Attributes:
        own: True if its devices are the course's own; False for a loan. True where no devices are asked for.
        ends_at: aware UTC instant, or None if nothing ends it.
        ends_by: the rule that sets ``ends_at``.
        reserved: what it reserves of budgets; None where nothing is asked of any.
        exam: the id of the exam that it is a server of, or None.
    """

    granted: Granted
    role: CourseRole
    own: bool
    ends_at: datetime | None
    ends_by: EndRule | None
    reserved: Reserved | None = None
    exam: str | None = None


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
        return join_words((reason.sentence for reason in self.reasons), " ")


Carried = tuple[datetime, Drawn]
"""How far a budget carries a session, and what that takes of it."""


class Foresight(NamedTuple):
    """What is known of a start that draws on budgets, before they are asked.

    Attributes:
        at, by: its planned end, and the rule that sets it.
        person, course: how far each budget carries it, to that end or the shortest session of use if that is longer.
    """

    at: datetime
    by: EndRule
    person: Carried | None
    course: Carried | None


class Case:
    """One request with what several rules need, worked out once.

    Attributes:
        active: enrolments that hold now, at least one.
        role: the strongest of their roles.
        sittings: exams that the person takes part in now.
        exam: that of them whose server is asked for, or None.
        lifts: grants that hold now, and what of each lies within the ceilings.
        offers: grants, also to come, that offer the profile.
        allowing: enrolments that allow the profile now.
        granted: None if the profile is not offered, or an option is wrong.
        rate: usage of each millisecond.
        budgets: those that are asked, at least one; None: none is.
        foresight: kept by ``ends.foresee``.
    """

    __slots__ = (
        *("active", "allowing", "budgets", "claim", "devices", "exam", "facts", "foresight"),
        *("granted", "lifts", "now", "offers", "profile", "rate", "request", "role", "sittings"),
        "wrong",
    )

    def __init__(
        self,
        request: StartRequest,
        facts: Facts,
        course: Course,
        active: list[Enrolment],
        now: datetime,
        granted: Granted | None = None,
        weight: int | None = None,
    ) -> None:
        """Work it out.

        Args:
            granted: what a session that runs already has; None: what the request's options choose.
            weight: the flavor's when that session was reserved; None: as it is now.
        """
        self.request, self.facts, self.now = request, facts, now
        self.active = active
        self.role = active[0].role if len(active) == 1 else max(e.role for e in active)
        self.profile = profile = facts.profile
        self.sittings: Sequence[Sitting] = ()
        self.exam: Sitting | None = None
        self.lifts: Sequence[tuple[Grant, Lift]] = ()
        self.offers: Sequence[Grant] = ()
        self.wrong: Sequence[Reason] = ()
        self.granted: Granted | None = None
        self.devices = self.rate = 0
        self.claim: Claim | None = None
        self.budgets: Budgets | None = None
        self.foresight: Foresight | None = None
        self.allowing = offered_by_role(active, profile, course)
        if facts.exams:
            self.sittings = [sitting for sitting in facts.exams if sitting.is_on(now)]
            key = profile.key if profile is not None else None
            self.exam = asked_for(self.sittings, request.course, key)
        if facts.grants:
            self._take_grants(course)
        if profile is None or not self.allowing:
            return
        chosen = granted or self._choose(profile, course)
        if not isinstance(chosen, Granted):
            self.wrong = chosen
            return
        self.granted = chosen
        if chosen.amounts.devices:
            self.devices = chosen.amounts.devices
            self._count_devices(profile.flavor.weight if weight is None else weight)

    def _take_grants(self, course: Course) -> None:
        """Whoever is granted the profile has it by any of their enrolments."""
        facts, profile = self.facts, self.profile
        reached = reaching(facts.grants, course.id, self.request.person, self.active, self.now)
        found = [(grant, what) for grant in reached if (what := lift(grant, facts.ceilings))]
        self.lifts = [(grant, what) for grant, what in found if grant.holds(self.now)]
        if profile is not None:
            offer = Offer(profile.key)
            self.offers = [grant for grant, what in found if what == offer]
            if any(grant.holds(self.now) for grant in self.offers):
                self.allowing = self.active

    def _choose(self, profile: Profile, course: Course) -> Granted | list[Reason]:
        options = self.request.options
        if self.exam is None:
            return choose(profile, options, self.role, course.image)
        return _choose_in_exam(self.exam.exam, profile, options, self.role)

    def _count_devices(self, weight: int) -> None:
        facts = self.facts
        self.rate = self.devices * weight
        if facts.pool is not None:
            self.claim = classify(self.devices, facts.pool)
        if self.rate and facts.budgets is not None and not self.sittings:
            self.budgets = self._asked_of(facts.budgets)

    def _asked_of(self, budgets: Budgets) -> Budgets | None:
        if budgets.person is None:
            return budgets if budgets.course is not None else None
        if not self.lifts:
            return budgets
        return budgets._replace(person=budgets.person._replace(extras=extras(self.lifts)))


def offered_by_role(
    enrolments: Iterable[Enrolment], profile: Profile | None, course: Course
) -> list[Enrolment]:
    """Those to whose role the course offers the profile."""
    if profile is None:
        return []
    key, offers = profile.key, course.offers
    return [e for e in enrolments if key in offers.get(e.role, ())]


def asked_for(sittings: Iterable[Sitting], course: str, profile: str | None) -> Sitting | None:
    """The exam whose profile and course are asked for; of several the one that ends last, ties by id.

    Args:
        sittings: in exams that go on.
    """
    asked = (s for s in sittings if s.exam.course == course and s.exam.profile == profile)
    return max(asked, key=lambda s: (s.ends, s.exam.id), default=None)


def _choose_in_exam(
    exam: Exam, profile: Profile, options: Mapping[str, str], role: CourseRole
) -> Granted | list[Reason]:
    """What every participant gets; an option may be sent, but only as it is fixed."""
    fixed = {option.key: option.default for option in profile.options.values()} | dict(
        exam.options
    )
    wrong = [
        Reason(
            Code.OPTION_INVALID,
            "exam",
            {"option": profile.options[key].title, "value": fixed[key]},
        )
        for key, value in options.items()
        if key in profile.options and value != fixed[key]
    ]
    chosen = choose(profile, {**options, **fixed}, role)
    if isinstance(chosen, Granted):
        return wrong or chosen._replace(image=exam.image, exam=exam.id)
    return wrong + chosen
