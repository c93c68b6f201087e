"""What decisions on one person in one course rest on, gathered at one instant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.allowances import Budgets
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.case import Case, asked_for
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.decide import Decision, Facts, Held, StartRequest, decide_start
from jupyterhub_edu.domain.exams import Sitting, share_of
from jupyterhub_edu.domain.grants import Grant
from jupyterhub_edu.domain.people import Enrolment, EnrolmentState
from jupyterhub_edu.domain.pools import Pool
from jupyterhub_edu.domain.profiles import Flavor, Granted, Profile

__all__ = ["Glance", "InTurn"]

InTurn: TypeAlias = Callable[
    [StartRequest, Facts, Decision, datetime], tuple[Decision, frozenset[str]]
]
"""What becomes of a start on devices that the rules allow once those come first who stand in line, and the nodes that its
server must keep off: ``Line.may_start_now``."""
_NOWHERE: Final = frozenset[str]()


class Glance:
    """One person in one course now, for any number of decisions; what concerns a flavor is gathered once.

    Made by ``Book.glance``. Use it before the next await and keep it no longer: it follows no change.

    Attributes:
        enrolments: this person's in this course, from every origin.
        now: aware UTC instant, the same for all decisions.
    """

    __slots__ = (
        *("_budgets", "_budgets_of", "_by_flavor", "_campus", "_course", "_grants", "_mine"),
        *("_in_turn", "_on", "_pool_of", "_sittings", "_stale_after"),
        *("enrolments", "now"),
    )

    def __init__(
        self,
        campus: Campus,
        course: Course | None,
        enrolments: tuple[Enrolment, ...],
        mine: Collection[Admission],
        pool_of: Callable[[Campus, Course, Flavor, datetime], Pool],
        now: datetime,
        stale_after: timedelta,
        budgets: Callable[[], Budgets | None] = lambda: None,
        grants: tuple[Grant, ...] = (),
        sittings: tuple[Sitting, ...] = (),
        in_turn: InTurn | None = None,
    ) -> None:
        self._campus, self._course, self._mine, self._pool_of = campus, course, mine, pool_of
        self._stale_after, self._budgets_of, self._in_turn = stale_after, budgets, in_turn
        self._grants, self._sittings = grants, sittings
        self._on = [sitting for sitting in sittings if sitting.is_on(now)]
        self.enrolments, self.now = enrolments, now
        self._by_flavor: dict[tuple[str, str], tuple[Held, Pool | None]] = {}
        self._budgets: tuple[Budgets | None] | None = None

    def decide(self, request: StartRequest) -> Decision:
        """Decide about one start of this person in this course; it passes nobody who stands in line."""
        return self.decide_in_turn(request)[0]

    def decide_in_turn(self, request: StartRequest) -> tuple[Decision, frozenset[str]]:
        """The same, with the nodes that the server must keep off."""
        facts = self.facts(request.profile)
        decision = decide_start(request, facts, self.now)
        if self._in_turn is None or decision.start is None or facts.pool is None:
            return decision, _NOWHERE
        return self._in_turn(request, facts, decision, self.now)

    def decide_alone(self, request: StartRequest) -> Decision:
        """Decide as though nobody stood in line."""
        return decide_start(request, self.facts(request.profile), self.now)

    def facts(self, key: str | None) -> Facts:
        """The facts of one profile; None is the default of the person's roles."""
        profile = self._profile(key)
        if profile is None:
            return self._facts(None, self._held(None), None)
        return self._facts(profile, *self._of(profile.flavor, self.share(profile.key)))

    def _profile(self, key: str | None) -> Profile | None:
        course = self._course
        if key is None and course is not None:
            key = _default_profile(course, self.enrolments, self.now)
        return self._campus.profiles.get(key) if key is not None else None

    def _facts(self, profile: Profile | None, held: Held, pool: Pool | None) -> Facts:
        campus, course = self._campus, self._course
        hours = course.hours.get(profile.key) if course is not None and profile else None
        return Facts(
            course,
            self.enrolments,
            profile,
            held,
            campus.caps,
            pool,
            self._stale_after,
            campus.source_titles,
            campus.contact,
            campus.zone,
            hours.at(self.now) if hours is not None else None,
            self.budgets if pool is not None else None,
            self._grants,
            campus.ceilings,
            self._sittings,
            campus.exams_leave,
        )

    def granted(self, request: StartRequest) -> Granted | None:
        """What a start of this person in this course would get; None where nothing of the kind is offered to them."""
        # What is held and free is nothing to it, and the dearest to work out.
        facts, now = self._facts(self._profile(request.profile), Held(), None), self.now
        active = [e for e in self.enrolments if e.state(now) is EnrolmentState.ACTIVE]
        if facts.course is None or not active:
            return None
        return Case(request, facts, facts.course, active, now).granted

    def share(self, profile: str) -> str:
        """Whose part of a pool a start of this profile takes: the course's, or that of an exam which goes on."""
        course = self._course.id if self._course is not None else ""
        sitting = asked_for(self._on, course, profile) if self._on else None
        return course if sitting is None else share_of(sitting.exam.id)

    def free(self, profile: Profile) -> tuple[int, int] | None:
        """Devices of its flavor that the course could take now, and of how many; None where it needs none, or that is not known."""
        _, pool = self._of(profile.flavor, self.share(profile.key))
        if pool is None or pool.stale_since is not None:
            return None
        free, all = pool.room, pool.room + pool.used
        if pool.most is None:
            return free, all
        return min(free, max(0, pool.most - pool.used_here)), min(all, pool.most)

    @property
    def budgets(self) -> Budgets | None:
        """The budgets that a device start draws on, or None."""
        if self._budgets is None:
            self._budgets = (self._budgets_of(),)
        return self._budgets[0]

    def _of(self, flavor: Flavor, share: str) -> tuple[Held, Pool | None]:
        found = self._by_flavor.get((flavor.key, share))
        if found is None:
            course, pool = self._course, None
            if course is not None and flavor.device is not None:
                # In the sums of a pool an exam is a course of its own, which owns what is reserved for it.
                asks = course if share == course.id else replace(course, id=share, quota={})
                pool = self._pool_of(self._campus, asks, flavor, self.now)
            found = self._by_flavor[flavor.key, share] = self._held(flavor.key), pool
        return found

    def _held(self, flavor: str | None) -> Held:
        servers = devices = servers_all = devices_all = 0
        course = self._course.id if self._course is not None else None
        for admission in self._mine:
            same = admission.devices if admission.flavor == flavor else 0
            servers_all += 1
            devices_all += same
            if admission.course == course:
                servers += 1
                devices += same
        return Held(servers, devices, servers_all, devices_all)


def _default_profile(course: Course, enrolments: Iterable[Enrolment], now: datetime) -> str | None:
    """The first profile of the strongest role that the person has now and to which the course offers any, or None."""
    roles = {e.role for e in enrolments if e.state(now) is EnrolmentState.ACTIVE}
    offers = (course.offers.get(role, ()) for role in sorted(roles, reverse=True))
    return next((keys[0] for keys in offers if keys), None)
