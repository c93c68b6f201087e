"""The start page: what somebody may start, how much is free now, and in words why not the rest.

A view is worked out from the core, then rendered; the template escapes everything. Without JavaScript.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from markupsafe import Markup

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.cards import Card, card_of
from jupyterhub_edu.core.choices import Wish
from jupyterhub_edu.core.glance import Glance
from jupyterhub_edu.core.left import hours_left
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.dates import dated
from jupyterhub_edu.domain.decide import Decision, EndRule
from jupyterhub_edu.domain.outside import SITE
from jupyterhub_edu.domain.people import CourseRole, Person
from jupyterhub_edu.domain.profiles import Granted, Profile, choose
from jupyterhub_edu.domain.reasons import Reason
from jupyterhub_edu.domain.words import say, say_count

from .selects import ENVIRONMENT, Selects

__all__ = ["FRESH_ENOUGH", "View", "as_student", "empty", "render", "view"]

FRESH_ENOUGH: Final = timedelta(minutes=1)
"""Age up to which what a source said is shown without asking again; a start asks again in any case."""
_ALL_OPEN: Final = 3
"""With more courses than this only the chosen one is unfolded."""

_NOT_SOON: Final = frozenset({"archived", "suspended", "ended", "never", "none"})
"""Variants of reasons for which the table's usual time to try again does not hold."""

_STAFF: Final = frozenset({str(CourseRole.TEACHER), str(CourseRole.ASSISTANT)})
_NEWCOMER: Final = Person(
    key=":a student",  # no source has an empty id
    hub_name="",
    source="",
    subject="a student",
    login="",
    name="",
    site_role=None,
    active=True,
    answered_at=datetime.min.replace(tzinfo=UTC),
)
"""Nobody."""
_template = ENVIRONMENT.get_template("start.html")
_cards_alone = ENVIRONMENT.get_template("cards.html")
_selects = Selects()


class ReasonView(NamedTuple):
    """Why not, the way out (who can change it, or what to do), and when to try again."""

    sentence: str
    way_out: str
    when: str


class ProfileView(NamedTuple):
    """One card.

    Attributes:
        selects: the options; empty for a card that can neither be chosen nor waited for.
        reasons: empty exactly when it can be chosen.
        wait: how long the line is, for a card that can be waited for.
        whose: whether it would have its course's own devices or spare ones; empty where courses own none of them.
    """

    id: str
    value: str
    title: str
    description: str
    facts: tuple[str, ...]
    image: str
    free: str
    whose: str
    checked: bool
    selects: Markup
    reasons: tuple[ReasonView, ...]
    wait: str = ""


class HoursView(NamedTuple):
    """What is left of GPU hours: in words, in whole percent, and the day of new ones or ``""``."""

    words: str
    percent: int
    renews: str = ""


class CourseView(NamedTuple):
    """One course with its cards.

    Attributes:
        role: the person's, or ``""`` outside any course.
        hours: what is left of GPU hours there; nothing of what is without limit.
    """

    title: str
    role: str
    unfolded: bool
    profiles: tuple[ProfileView, ...]
    hours: tuple[HoursView, ...] = ()


class View(NamedTuple):
    """The whole page.

    Attributes:
        notice: what a person must know first, or ``""``.
        startable: whether anything can be started.
        enforces_limits: whether the system holds servers to CPU and memory.
        line: how the person stands in the line already, or ``""``; ``line_page`` is its address.
        courses_page: address of the page of one's courses, or ``""``.
    """

    campus: str
    contact: str
    notice: str
    courses: tuple[CourseView, ...]
    startable: bool
    enforces_limits: bool = True
    line: str = ""
    line_page: str = ""
    courses_page: str = ""

    @property
    def teaches(self) -> bool:
        """Whether there is a class to look after."""
        return any(course.role in _STAFF for course in self.courses)


def render(page: View) -> str:
    """The page as HTML for the hub's spawn form; never empty, or the hub would start something by itself."""
    return _template.render(page=page)


def empty(campus: Campus | None = None, courses_page: str = "") -> View:
    """The page for an account that is in no course."""
    name, contact = (campus.name, campus.contact) if campus else ("", "")
    return View(name, contact, "", (), False, courses_page=courses_page)


def view(
    core: Core,
    person: Person,
    wish: Wish,
    *,
    enforces_limits: bool = True,
    line_page: str = "",
    courses_page: str = "",
) -> View:
    """Work the page out; changes nothing.

    Args:
        wish: what to choose beforehand if it is still allowed: what was asked for last, or a course alone.
        line_page: address of the page of the waiting line.
        courses_page: address of the page of one's courses.
    """
    campus = core.campus
    standing = core.line.standing(person.hub_name)
    offers = list(_offers(core, person))
    chosen = _chosen(offers, wish)
    return View(
        campus=campus.name,
        contact=campus.contact,
        notice=core.refresher.notice(person),
        courses=tuple(
            _course(core, offer, chosen, wish, unfolded=len(offers) <= _ALL_OPEN)
            for offer in offers
        ),
        startable=chosen is not None,
        enforces_limits=enforces_limits,
        line=standing.note if standing is not None else "",
        line_page=line_page,
        courses_page=courses_page,
    )


def as_student(core: Core, course: Course) -> Markup:
    """The cards of one course as a student who has just come would see them now, without their style; changes nothing.

    Nobody is asked about: it is a made-up student, whom the ordinary rules decide on. Exams have none such.
    """
    glance = core.book.glance_as(_NEWCOMER, course, CourseRole.STUDENT)
    keys = course.offers.get(CourseRole.STUDENT, ())
    cards = [card_of(glance, _NEWCOMER, course.id, core.campus.profiles[key]) for key in keys]
    hours = _hours(core, _NEWCOMER, glance)
    offer = _Offer(course, CourseRole.STUDENT, cards, hours)
    chosen = _chosen([offer], Wish())
    shown = _course(core, offer, chosen, Wish(), unfolded=True)
    campus = core.campus
    page = View(campus.name, campus.contact, "", (shown,), chosen is not None)
    return Markup(_cards_alone.render(page=page))  # noqa: S704 - the template escapes everything


def _offers(core: Core, person: Person) -> Iterator[_Offer]:
    """The person's courses in the campus file's order, then what they may start outside any."""
    for id, role in core.roll.courses(person, core.clock()).items():
        yield _offer(core, person, core.campus.courses[id], role)
    if (outside := core.roll.course(person, SITE)) is not None:
        (role,) = outside.offers
        yield _offer(core, person, outside, role)


def _offer(core: Core, person: Person, course: Course, role: CourseRole) -> _Offer:
    glance = core.book.glance(person.key, course.id)
    return _Offer(
        course, role, core.cards(person, course.id, glance), _hours(core, person, glance)
    )


def _course(
    core: Core,
    offer: _Offer,
    chosen: tuple[str, str] | None,
    wish: Wish,
    *,
    unfolded: bool,
) -> CourseView:
    course, role, cards, hours = offer
    drawing = _Drawing(core, course, role, chosen, wish)
    return CourseView(
        title=course.title,
        role="" if course.id == SITE else say(str(role)),
        unfolded=unfolded or course.id in {wish.course, chosen[0] if chosen else None},
        profiles=tuple(drawing.card(at, card) for at, card in enumerate(cards, 1)),
        hours=hours,
    )


def _hours(core: Core, person: Person, glance: Glance) -> tuple[HoursView, ...]:
    """What is left of the person's own hours, and of what the course has for all."""
    zone = core.campus.zone
    return tuple(
        HoursView(
            left.words,
            left.percent,
            dated(left.renews_at.astimezone(zone), "{weekday_name} {day} {month_name}")
            if left.renews_at
            else "",
        )
        for left in hours_left(glance, person.key)
    )


class _Offer(NamedTuple):
    """A course with all that one glance gave of it."""

    course: Course
    role: CourseRole
    cards: list[Card]
    hours: tuple[HoursView, ...]


def _chosen(offers: Iterable[_Offer], wish: Wish) -> tuple[str, str] | None:
    """Course and profile to choose beforehand: the wish if it is allowed, else the first that is, in its course if any."""
    allowed = [
        (course.id, card.profile.key)
        for course, _, cards, _ in offers
        for card in cards
        if card.decision.allowed
    ]
    exact = [one for one in allowed if one == (wish.course, wish.profile)]
    near = [one for one in allowed if one[0] == wish.course]
    return next(iter((*exact, *near, *allowed)), None)


class _Drawing:
    """Draws the cards of one course."""

    def __init__(
        self,
        core: Core,
        course: Course,
        role: CourseRole,
        chosen: tuple[str, str] | None,
        wish: Wish,
    ) -> None:
        self._core, self._course, self._role = core, course, role
        self._chosen, self._wish = chosen, wish
        self._owned: dict[str, bool] = {}

    def card(self, at: int, card: Card) -> ProfileView:
        profile, decision, options = card.profile, card.decision, card.options
        id = f"edu_{self._course.id}_{at}"  # a course's id has no underscore
        checked = self._chosen == (self._course.id, profile.key)
        if checked and (self._wish.course, self._wish.profile) == self._chosen:
            options = {**self._wish.options, **options}
        granted = decision.start.granted if decision.start else self._as_offered(profile)
        may_have = decision.allowed or decision.waitable
        return ProfileView(
            id=id,
            value=f"{self._course.id}/{profile.key}",
            title=profile.title,
            description=profile.description,
            facts=tuple(self._facts(profile, granted, decision)),
            image=(granted.image if granted else None) or "",
            free=self._free(card),
            whose=self._whose(profile, decision),
            checked=checked,
            selects=self._selects_of(profile, id, options) if may_have else Markup(),
            reasons=tuple(self._reason(reason) for reason in decision.reasons),
            wait=self._wait(profile) if decision.waitable else "",
        )

    def _selects_of(self, profile: Profile, card: str, wished: Mapping[str, str]) -> Markup:
        campus = self._core.campus
        return _selects.draw(campus, card, self._course.id, profile, self._role, wished)

    def _whose(self, profile: Profile, decision: Decision) -> str:
        start = decision.start
        if start is None or not start.granted.amounts.devices or not self._is_owned(profile):
            return ""
        return say("your course's GPUs") if start.own else say("spare GPUs")

    def _is_owned(self, profile: Profile) -> bool:
        """Whether some course has devices of this kind of its own; where all share there are no spare ones."""
        key, core = profile.flavor.key, self._core
        if key not in self._owned:
            parts = core.book.shares.of(key, core.clock())
            self._owned[key] = any(share.nominal for share in parts.values())
        return self._owned[key]

    def _as_offered(self, profile: Profile) -> Granted | None:
        """What a refused card shows: the profile with its defaults."""
        chosen = choose(profile, {}, self._role, self._course.image)
        return chosen if isinstance(chosen, Granted) else None

    def _facts(
        self, profile: Profile, granted: Granted | None, decision: Decision
    ) -> Iterator[str]:
        amounts = granted.amounts if granted else profile.amounts
        yield str(amounts.cpu_limit)
        yield say("{amount} memory", amount=amounts.memory_limit)
        if amounts.devices:
            yield f"{amounts.devices} × {profile.flavor.title}"
        if profile.longest is not None:
            yield say("up to {length}", length=_duration(profile.longest))
        start = decision.start
        if start and start.ends_at and start.ends_by is not EndRule.LONGEST:
            yield say("until {when}", when=_local(start.ends_at, self._core.campus.zone))

    def _free(self, card: Card) -> str:
        if card.free is None:
            return ""
        free, of = card.free
        return say("{free} of {all} free", free=free, all=of)

    def _wait(self, profile: Profile) -> str:
        """How long the line is."""
        waiting = self._core.line.length(profile.flavor.key)
        if not waiting:
            return say("Nobody waits for {what} yet.", what=profile.flavor.title)
        return say_count(
            waiting,
            "{n} person waits for {what} now.",
            "{n} people wait for {what} now.",
            what=profile.flavor.title,
        )

    def _reason(self, reason: Reason) -> ReasonView:
        when: str = say("" if reason.variant in _NOT_SOON else reason.row.retry)
        if reason.retry_at is not None:
            when = _local(reason.retry_at, self._core.campus.zone)
        return ReasonView(reason.sentence, reason.way_out, when)


def _duration(length: timedelta) -> str:
    """A length of time in words: ``90 minutes``, ``4 hours``, ``2 h 30 min``, ``2 days``."""
    minutes = round(length.total_seconds() / 60)
    hours = minutes // 60
    if minutes and minutes % 1440 == 0:
        return say_count(minutes // 1440, "{n} day", "{n} days")
    if minutes and minutes % 60 == 0:
        return say_count(hours, "{n} hour", "{n} hours")
    if minutes < 120:
        return say_count(minutes, "{n} minute", "{n} minutes")
    return f"{hours} h {minutes % 60} min"


def _local(instant: datetime, zone: ZoneInfo) -> str:
    return dated(instant.astimezone(zone), "{weekday} {day} {month} {year}, {time}")
