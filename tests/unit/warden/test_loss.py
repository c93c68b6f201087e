"""Who is no longer in the course: warned, then stopped, where the campus wants that; and never for want of an answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.decide import EndRule, StartRequest
from jupyterhub_edu.domain.outside import SITE
from jupyterhub_edu.domain.people import Exclusion, Person, SiteRole
from jupyterhub_edu.domain.rules import Rule, map_pattern
from jupyterhub_edu.ports import Gone, Unavailable
from jupyterhub_edu.warden.deadlines import Deadlines
from jupyterhub_edu.warden.loss import Losses
from jupyterhub_edu.warden.metrics import metrics_in
from tests.audited import audited
from tests.by_hand import drop_by_hand, put_by_hand
from tests.fakes.campus import an_enrolment, an_identity, enrol

from .test_reconcile import STUDENT
from .test_reconcile import World as Reconciled

FIRST = timedelta(minutes=10)


class World(Reconciled):
    """A hub whose campus stops the sessions of those who leave."""

    def __init__(self, *, stops: bool = True) -> None:
        super().__init__()
        self.core.replace_campus(
            replace(self.core.campus, stops_lost=stops), self.core.refresher.sources
        )

    def restart_warden(self) -> None:
        self.registry = CollectorRegistry()
        self.losses, self.deadlines = (
            Losses(self.core),
            Deadlines(self.core, metrics_in(self.registry)),
        )

    async def look(self) -> None:
        await self.losses()
        await self.deadlines()

    def now(self, admission: Admission) -> Admission:
        found = self.core.book.admission(admission.id)
        assert found is not None
        return found

    async def leave(self, login: str = "ada") -> None:
        """Taken out of the course, and an answer of the source that says no word of it."""
        person = await enrol(self.core, login)
        await drop_by_hand(self.core.roll, an_enrolment(person.key, "ml"))

    async def come_back(self, login: str = "ada") -> None:
        await enrol(self.core, login, ml=STUDENT)


@pytest.fixture
async def world() -> World:
    world = World()
    await world.core.ready()
    return world


async def test_whoever_leaves_the_course_is_warned_and_then_stopped(world):
    session = await world.runs()
    await world.leave()
    await world.look()
    left = world.now(session)
    assert (left.ends_at, left.ends_by) == (world.clock() + FIRST, EndRule.LOST)
    assert left.stage is Stage.WARNED
    assert world.hub.stopped == []
    world.clock.now += FIRST
    await world.look()
    assert world.hub.stopped == [("ada", "")]
    acts = [(one.act, one.details["why"]) for one in await audited(world.store)]
    assert acts == [("stop", "enrolment-lost"), ("warn", "enrolment-lost")]


async def test_whoever_comes_back_before_the_stop_goes_on(world):
    session = await world.runs()
    await world.leave()
    await world.look()
    world.clock.pass_(minutes=5)
    await world.come_back()
    await world.look()
    back = world.now(session)
    assert (back.ends_at, back.ends_by, back.stage) == (
        session.ends_at,
        session.ends_by,
        Stage.RUNNING,
    )


async def test_where_the_campus_lets_them_finish_nothing_is_moved():
    world = World(stops=False)
    await world.core.ready()
    session = await world.runs()
    await world.leave()
    await world.look()
    assert world.now(session) == session


async def test_a_campus_that_changes_its_mind_takes_the_warning_back(world):
    session = await world.runs()
    await world.leave()
    await world.look()
    campus = replace(world.core.campus, stops_lost=False)
    world.core.replace_campus(campus, world.core.refresher.sources)
    await world.look()
    assert world.now(session).ends_by is session.ends_by


async def test_a_source_that_does_not_answer_takes_nothing_away(world):
    session = await world.runs()
    person = world.core.roll.person(session.person)
    source = world.core.refresher.sources[person.source]
    source.answers[person.subject] = Unavailable("it is down")
    await world.core.refresher.reread(person)
    world.clock.pass_(hours=1)
    await world.look()
    assert world.now(session).ends_by is session.ends_by


async def test_nothing_follows_from_an_answer_that_has_become_stale(world):
    """The hub was dead from a moment after the answer until long after it."""
    session = await world.runs()
    await world.leave()
    world.clock.now += world.core.campus.stale_after
    await world.losses()
    assert world.now(session).ends_by is session.ends_by
    await world.leave()
    await world.losses()
    assert world.core.sooner.wanted(session.id, EndRule.LOST) is not None


async def test_who_is_kept_out_by_hand_is_stopped_however_old_the_answer(world):
    session = await world.runs()
    world.clock.now += world.core.campus.stale_after
    await put_by_hand(world.core.roll, Exclusion(session.person, "ml", by="tea"))
    await world.losses()
    assert world.core.sooner.wanted(session.id, EndRule.LOST) is not None


async def test_an_exclusion_that_is_over_ends_nothing(world):
    session = await world.runs()
    over = Exclusion(session.person, "ml", by="tea", until=world.clock())
    await put_by_hand(world.core.roll, over)
    await world.losses()
    assert world.now(session).ends_by is session.ends_by


async def test_a_course_that_the_file_no_longer_has_ends_nobodys_session(world):
    session = await world.runs()
    others = {key: c for key, c in world.core.campus.courses.items() if key != "ml"}
    campus = replace(world.core.campus, courses=others)
    world.core.replace_campus(campus, world.core.refresher.sources)
    await world.leave()
    await world.look()
    assert world.now(session).ends_by is session.ends_by


async def test_a_server_of_an_exam_goes_on(world):
    session = await world.runs()
    exam = session.granted._replace(exam="mid")
    world.core.book._open.change(replace(session, granted=exam))
    await world.leave()
    await world.losses()
    assert world.now(session).ends_by is session.ends_by


async def test_a_leftover_of_which_nothing_is_known_is_left_alone(world):
    session = await world.runs()
    stray = replace(session, id="b" * 32)
    world.sight(stray)
    await world.leave()
    await world.look()
    assert world.now(stray).ends_by is None


async def test_somebody_who_is_gone_for_good_is_not_waited_for(world):
    """Their account is closed at once: the roll has said so, and revocation has heard it."""
    session = await world.runs()
    person = world.core.roll.person(session.person)
    await world.core.roll.lose(person, Gone(world.clock(), "left"))
    await world.core.revocation.settle()
    assert world.hub.stopped == [("ada", "")]


async def test_outside_any_course_the_site_role_is_what_is_lost(world):
    rule = Rule("ad", "staff", map_pattern("staff", (), ()), site_role=SiteRole.TEACHER)
    offers = {SiteRole.TEACHER: ("notebook",)}
    campus = replace(world.core.campus, rules=(rule,), no_course=offers)
    world.core.replace_campus(campus, world.core.refresher.sources)

    async def come(*groups: str) -> Person:
        identity = replace(an_identity("ada", at=world.clock()), groups=frozenset(groups))
        return await world.core.sign_in(identity, "ada")

    person = await come("staff")
    session = await world.core.book.admit(StartRequest(person.key, SITE, "notebook"), person, "")
    world.serve(session)
    world.sight(session)
    await world.core.book.run(session.id)
    await world.look()
    assert world.now(session).ends_by is session.ends_by
    await come()
    await world.look()
    assert world.now(session).ends_by is EndRule.LOST
