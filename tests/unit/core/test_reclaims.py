"""Reclaims: kept before anybody is warned or stopped, withdrawn, and gone on with after whatever fails or is killed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.reclaims import TERMINATION, Reclaims
from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.courses import Quota
from jupyterhub_edu.domain.decide import EndRule, StartRequest
from jupyterhub_edu.domain.line import Place
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.reasons import Code, Reason
from jupyterhub_edu.domain.reclaim import Look
from jupyterhub_edu.domain.schedule import Span
from jupyterhub_edu.domain.windows import Dated, Window
from jupyterhub_edu.ports import PodSighting, Record, StoreError
from jupyterhub_edu.store.memory import MemoryStore
from tests.audited import audited
from tests.fakes.campus import NOW, a_campus, a_core, a_course, enrol
from tests.fakes.world import AClock, FakeInventory

MINUTE = timedelta(minutes=1)
WARNING = 5 * MINUTE
RECLAIMED = EndRule.RECLAIMED


class World:
    """Two devices of one node, which two people of a course without a quota borrow; the course ml owns ``owned``.

    Attributes:
        places: who stands in the line.
        refusing: people whom another rule refuses.
    """

    def __init__(self) -> None:
        self.store, self.clock = MemoryStore(), AClock(NOW)
        self.inventory = FakeInventory({"t4": [2]}, sees_pods=True)
        self.places: list[Place] = []
        self.refusing: set[str] = set()
        self.courses = [a_course("ml"), a_course("db")]
        self.restart_core()

    def restart_core(self) -> None:
        self.core: Core = a_core(
            a_campus(courses=self.courses),
            clock=self.clock,
            store=self.store,
            inventory=self.inventory,
        )

    async def restart(self) -> None:
        """The hub is killed, and starts again."""
        self.restart_core()
        await self.core.ready()

    @property
    def reclaims(self) -> Reclaims:
        return self.core.reclaims

    def own(self, devices: int, *windows: Window) -> None:
        """The course ml owns so many from now on, and has these windows."""
        ml = a_course("ml", quota={"t4": Quota(devices)}, windows=windows)
        self.courses = [ml, *self.courses[1:]]
        self.core.replace_campus(a_campus(courses=self.courses), self.core.refresher.sources)

    async def borrow(self, login: str) -> str:
        person = await enrol(self.core, login, db=CourseRole.STUDENT)
        request = StartRequest(person.key, "db", "gpu")
        admission = await self.core.book.admit(request, person, "")
        self.inventory.nodes["t4"][0] -= 1
        self.inventory.sight(PodSighting(admission.id, "n1", self.clock()))
        await self.core.book.settle()
        self.clock.pass_(seconds=1)
        return admission.id

    def wait(self, login: str) -> None:
        request = StartRequest(login, "ml", "gpu")
        self.places.append(Place(f"p-{login}", login, "ml", "t4", 1, self.clock(), request))

    def refused(self, place: Place) -> tuple[Reason, ...]:
        return (Reason(Code.COURSE_CLOSED),) if place.person in self.refusing else ()

    async def look(self) -> Look:
        seen = await self.reclaims.look("t4", self.places, self.refused, None)
        await self.reclaims.follow("t4")
        return seen

    async def end(self, id: str) -> None:
        self.inventory.nodes["t4"][0] += 1
        self.inventory.sight(PodSighting(id, "n1", None, gone=True))
        await self.core.book.settle()

    def session(self, id: str) -> Admission:
        found = self.core.book.admission(id)
        assert found is not None
        return found

    def end_of(self, id: str) -> tuple[datetime | None, EndRule | None]:
        return self.session(id).ends_at, self.session(id).ends_by

    async def acts(self) -> list[tuple[str, str, object]]:
        entries = reversed(await audited(self.store))
        return [(one.act, one.target, one.details.get("why")) for one in entries]

    async def bodies(self) -> list[Any]:
        return [record.body["reclaims"] for record in await self.store.load_records("reclaim")]


@pytest.fixture
async def world() -> World:
    world = World()
    await world.core.ready()
    return world


@pytest.fixture
async def lent(world) -> World:
    """Ada asks for what is her course's own; ``old`` and ``new`` have borrowed all there is."""
    world.old, world.new = await world.borrow("old"), await world.borrow("new")
    world.promised = world.end_of(world.new)
    world.own(1)
    world.wait("ada")
    return world


# -- warned, withdrawn, stopped ---------------------------------------------------------------------------------------


async def test_an_own_request_calls_the_newest_loan_back_and_its_end_says_so(lent):
    seen = await lent.look()
    assert seen.warn == (lent.new,)
    assert lent.end_of(lent.new) == (lent.clock() + WARNING, RECLAIMED)
    assert lent.end_of(lent.old)[1] is EndRule.LONGEST
    assert lent.reclaims.calls_back(lent.new)
    assert not lent.reclaims.calls_back(lent.old)
    assert await lent.acts() == [("warn", "new", "reclaimed")]


async def test_the_campus_says_how_long_the_warning_is(lent):
    campus = replace(lent.core.campus, reclaim_warning=8 * MINUTE)
    lent.core.replace_campus(campus, lent.core.refresher.sources)
    await lent.look()
    assert lent.end_of(lent.new) == (lent.clock() + 8 * MINUTE, RECLAIMED)
    lent.clock.now += WARNING
    assert (await lent.look()).stop == ()
    lent.clock.now += 3 * MINUTE
    assert (await lent.look()).stop == (lent.new,)


async def test_the_next_looks_change_nothing(lent):
    await lent.look()
    end, acts = lent.end_of(lent.new), await lent.acts()
    lent.clock.pass_(minutes=2)
    assert await lent.look() == Look(lent.reclaims.current("t4"))
    assert (lent.end_of(lent.new), await lent.acts()) == (end, acts)


async def test_a_warning_that_is_not_needed_any_more_is_withdrawn(lent):
    await lent.look()
    lent.clock.pass_(minutes=2)
    lent.places.clear()
    seen = await lent.look()
    assert seen.withdraw == (lent.new,)
    assert lent.end_of(lent.new) == lent.promised
    assert not lent.reclaims.calls_back(lent.new)
    assert (await lent.bodies(), await lent.store.load_records("sooner")) == ([], [])
    assert await lent.acts() == [("warn", "new", "reclaimed"), ("withdraw", "new", "reclaimed")]


async def test_who_is_warned_again_has_the_whole_warning(lent):
    await lent.look()
    lent.clock.pass_(minutes=4)
    ada = lent.places.pop()
    await lent.look()
    lent.places.append(ada)
    await lent.look()
    assert lent.end_of(lent.new) == (lent.clock() + WARNING, RECLAIMED)


async def test_it_is_stopped_when_the_warning_has_run_out_and_written_down_once(lent):
    await lent.look()
    lent.clock.now = lent.session(lent.new).ends_at - timedelta(seconds=1)
    await lent.look()
    assert not lent.reclaims.may_stop(lent.new)
    lent.clock.pass_(seconds=1)
    assert not lent.reclaims.may_stop(lent.new)
    for _ in range(3):
        await lent.look()
        assert lent.reclaims.may_stop(lent.new)
        assert lent.reclaims.is_told(lent.new)
    assert await lent.acts() == [("warn", "new", "reclaimed"), ("stop", "new", "reclaimed")]


async def test_a_loan_whose_stop_has_begun_is_not_taken_back(lent):
    await lent.look()
    lent.clock.now += WARNING
    await lent.look()
    lent.places.clear()
    await lent.look()
    assert lent.reclaims.may_stop(lent.new)


async def test_what_is_free_for_the_asker_is_kept_until_it_starts(lent):
    await lent.look()
    await lent.end(lent.new)
    await lent.look()
    (reclaim,) = lent.reclaims.current("t4")
    assert (reclaim.asker, reclaim.node, reclaim.loans) == ("p-ada", "n1", ())
    assert await lent.bodies() == [[{"asker": "p-ada", "node": "n1", "loans": []}]]
    lent.places.clear()
    await lent.look()
    assert (lent.reclaims.current("t4"), await lent.bodies()) == ((), [])


async def test_a_session_that_ends_sooner_anyway_keeps_its_own_end(lent):
    soon = lent.session(lent.new).ends_at - 3 * MINUTE
    lent.clock.now = soon
    own = lent.end_of(lent.new)
    lent.places = [lent.places[0]._replace(arrived_at=soon)]
    await lent.look()
    assert lent.end_of(lent.new) == own
    lent.clock.pass_(minutes=5)
    await lent.look()
    assert lent.reclaims.may_stop(lent.new)
    assert not lent.reclaims.is_told(lent.new), "whoever stops it at its own end says so"
    assert await lent.acts() == []


async def test_whom_another_rule_refuses_calls_nothing_back(lent):
    lent.refusing.add("ada")
    assert await lent.look() == Look(())


async def test_with_a_cluster_that_is_not_heard_nothing_changes(lent):
    await lent.look()
    lent.inventory.alive_at = lent.clock()
    lent.clock.now += WARNING
    lent.places.clear()
    seen = await lent.look()
    assert (seen.stop, seen.withdraw) == ((), ())
    assert lent.reclaims.calls_back(lent.new)


async def test_which_sessions_are_spare_is_worked_out_at_each_change(lent):
    assert lent.core.book.borrowed("t4") == {lent.old, lent.new}
    lent.courses[1] = a_course("db", quota={"t4": Quota(1)})
    lent.own(1)
    assert lent.core.book.borrowed("t4") == {lent.new}
    await lent.end(lent.old)
    assert lent.core.book.borrowed("t4") == frozenset()


# -- extending ------------------------------------------------------------------------------------------------------------


def reasons(world: World, id: str) -> set[str]:
    extension = world.core.extending.may_extend(world.session(id))
    return {str(reason.code) for reason in extension.reasons} if extension is not None else set()


async def test_a_loan_that_is_called_back_is_not_extended(lent):
    await lent.core.book.run(lent.new)
    assert "reclaimed" not in reasons(lent, lent.new)
    await lent.look()
    assert "reclaimed" in reasons(lent, lent.new)
    lent.places.clear()
    await lent.look()
    assert "reclaimed" not in reasons(lent, lent.new)


async def test_what_somebody_in_line_could_use_is_not_extended(world):
    first, second = await world.borrow("old"), await world.borrow("new")
    bob = await enrol(world.core, "bob", db=CourseRole.STUDENT)
    for id in (first, second):
        await world.core.book.run(id)
    assert "others-wait" not in reasons(world, first)
    await world.core.line.join(StartRequest(bob.key, "db", "gpu"), bob)
    assert "others-wait" in reasons(world, first)
    assert "others-wait" in reasons(world, second)
    await world.core.line.leave("bob")
    assert "others-wait" not in reasons(world, first)


# -- reservations -------------------------------------------------------------------------------------------------------


def a_class(opens: datetime, devices: int) -> Window:
    span = Span(opens, opens + 60 * MINUTE)
    return Window("", Dated((span,)), reserve={"t4": devices}, lead_time=15 * MINUTE)


async def test_loans_in_the_way_of_a_class_are_warned_one_grace_before_it_opens(world):
    world.old, world.new = await world.borrow("old"), await world.borrow("new")
    opens = NOW + 30 * MINUTE
    world.own(0, a_class(opens, 1))
    world.clock.now = opens - WARNING - TERMINATION - timedelta(seconds=1)
    assert (await world.look()).warn == ()
    world.clock.pass_(seconds=1)
    assert (await world.look()).warn == (world.new,)
    assert world.end_of(world.new) == (opens - TERMINATION, RECLAIMED)
    world.clock.now = opens - TERMINATION
    assert (await world.look()).stop == (world.new,)


async def test_what_a_class_holds_is_lent_to_nobody_until_it_ends(world):
    opens = NOW + 10 * MINUTE
    world.own(0, a_class(opens, 1))
    await world.borrow("old")
    bob = await enrol(world.core, "bob", db=CourseRole.STUDENT, ml=CourseRole.STUDENT)
    (reason,) = world.core.book.decide(StartRequest(bob.key, "db", "gpu")).reasons
    assert (reason.code, reason.retry_at) == (Code.POOL_RESERVED, opens + 60 * MINUTE)
    world.clock.now = opens
    mine = world.core.book.decide(StartRequest(bob.key, "ml", "gpu")).start
    assert mine is not None
    assert mine.own


async def test_a_class_that_is_called_off_takes_the_warning_back(world):
    world.new = await world.borrow("new")
    await world.borrow("old")
    opens = NOW + 6 * MINUTE
    world.own(0, a_class(opens, 2))
    assert len((await world.look()).warn) == 2
    world.own(0)
    assert len((await world.look()).withdraw) == 2
    assert world.end_of(world.new)[1] is EndRule.LONGEST


# -- failures and restarts ----------------------------------------------------------------------------------------------


async def fail(*_: object, **__: object) -> None:
    raise StoreError("disk full")


@pytest.mark.parametrize("step", ["save_records", "save_admission"])
async def test_a_warning_that_is_not_kept_is_given_later(lent, monkeypatch, step):
    whole = getattr(lent.store, step)
    monkeypatch.setattr(lent.store, step, fail)
    with pytest.raises(StoreError):
        await lent.look()
    assert lent.end_of(lent.new) == lent.promised
    assert lent.reclaims.calls_back(lent.new) is (step == "save_admission")
    monkeypatch.setattr(lent.store, step, whole)
    await lent.look()
    assert lent.end_of(lent.new)[1] is RECLAIMED


@pytest.mark.parametrize("step", ["save_records", "save_admission"])
async def test_a_warning_that_could_not_be_withdrawn_is_withdrawn_later(lent, monkeypatch, step):
    await lent.look()
    lent.places.clear()
    whole = getattr(lent.store, step)
    monkeypatch.setattr(lent.store, step, fail)
    with pytest.raises(StoreError):
        await lent.look()
    monkeypatch.setattr(lent.store, step, whole)
    await lent.look()
    assert lent.end_of(lent.new) == lent.promised
    assert (await lent.bodies(), await lent.store.load_records("sooner")) == ([], [])


async def test_a_stop_that_is_not_kept_is_not_begun(lent, monkeypatch):
    await lent.look()
    lent.clock.now += WARNING
    whole = lent.store.save_records
    monkeypatch.setattr(lent.store, "save_records", fail)
    with pytest.raises(StoreError):
        await lent.look()
    assert not lent.reclaims.may_stop(lent.new)
    monkeypatch.setattr(lent.store, "save_records", whole)
    lent.places.clear()
    await lent.look()
    assert lent.end_of(lent.new) == lent.promised


@pytest.mark.parametrize("ask_on", [True, False])
async def test_of_two_stops_each_is_written_down_once_though_the_second_fails_first(
    lent, monkeypatch, ask_on
):
    lent.own(2)
    lent.wait("eve")
    await lent.look()
    lent.clock.now += WARNING
    whole, calls = lent.store.save_records, []

    async def fail_the_second(*args: Any, **kwargs: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise StoreError("disk full")
        await whole(*args, **kwargs)

    monkeypatch.setattr(lent.store, "save_records", fail_the_second)
    with pytest.raises(StoreError):
        await lent.look()
    (begun,) = [id for id in (lent.old, lent.new) if lent.reclaims.may_stop(id)]
    if not ask_on:
        lent.places.clear()
        await lent.restart()
    for _ in range(2):
        await lent.look()
    assert lent.reclaims.may_stop(begun), "what has begun is not taken back"
    stopped = {id for id in (lent.old, lent.new) if lent.reclaims.may_stop(id)}
    assert stopped == ({lent.old, lent.new} if ask_on else {begun})
    stops = [target for act, target, _ in await lent.acts() if act == "stop"]
    assert sorted(stops) == sorted(lent.session(id).hub_name for id in stopped)


@pytest.mark.parametrize("killed_after", range(6))
async def test_a_hub_that_is_killed_at_any_step_goes_on_where_it_was(
    lent, monkeypatch, killed_after
):
    """The store takes so many steps, then the hub dies; the next one finds what was kept."""
    steps = 0

    def dying(whole: Any) -> Any:
        async def step(*args: Any, **kwargs: Any) -> None:
            nonlocal steps
            if steps == killed_after:
                raise StoreError("killed")
            steps += 1
            await whole(*args, **kwargs)

        return step

    names = ("save_records", "save_admission")
    whole = {name: getattr(lent.store, name) for name in names}
    for name in names:
        monkeypatch.setattr(lent.store, name, dying(whole[name]))
    try:
        await lent.look()
        lent.clock.now += WARNING
        await lent.look()
    except StoreError:
        pass
    for name in names:
        monkeypatch.setattr(lent.store, name, whole[name])
    warned_at = {x.id: x.warned_at for r in lent.reclaims.current("t4") for x in r.loans}
    await lent.restart()
    kept = {x.id: x.warned_at for r in lent.reclaims.current("t4") for x in r.loans}
    assert kept in (warned_at, {})
    assert killed_after == 0 or kept == {lent.new: warned_at[lent.new]}
    await lent.look()
    assert lent.end_of(lent.new)[1] is RECLAIMED
    lent.clock.now = max(lent.clock(), lent.session(lent.new).ends_at)
    await lent.look()
    assert lent.reclaims.may_stop(lent.new)
    assert [act for act, _, _ in await lent.acts()].count("stop") == 1


async def test_after_a_restart_whoever_is_warned_is_not_stopped_unless_still_needed(lent):
    await lent.look()
    await lent.restart()
    lent.clock.pass_(minutes=20)
    assert not lent.reclaims.may_stop(lent.new)
    lent.places.clear()
    await lent.look()
    assert lent.end_of(lent.new) == lent.promised


async def test_after_a_restart_a_stop_goes_on_and_is_not_written_down_again(lent):
    await lent.look()
    lent.clock.now += WARNING
    await lent.look()
    acts = await lent.acts()
    await lent.restart()
    assert (lent.reclaims.may_stop(lent.new), lent.reclaims.is_told(lent.new)) == (True, True)
    await lent.look()
    assert await lent.acts() == acts


async def test_a_warned_session_is_warned_by_the_stage_of_its_record_too(lent):
    await lent.core.book.run(lent.new)
    await lent.core.book.warn(lent.new)
    await lent.look()
    assert lent.session(lent.new).stage is Stage.RUNNING, "the warning is due anew"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reclaims": [{"asker": "p", "node": 1, "loans": []}]},
        {"reclaims": [{"asker": "p", "node": "n1", "loans": [{"id": "a"}]}]},
        {
            "reclaims": [
                {
                    "asker": "p",
                    "node": "n1",
                    "loans": [
                        {"id": "a", "warned_at": "2026-11-03", "stopping": True, "told": True}
                    ],
                }
            ]
        },
    ],
)
async def test_a_record_that_cannot_be_read_stops_the_start_with_its_name(world, body):
    await world.store.save_records([Record("reclaim", "t4", body)])
    world.restart_core()
    with pytest.raises(StoreError, match="'t4' of the kind 'reclaim' cannot be read"):
        await world.core.ready()


async def test_a_look_at_a_long_line_lets_others_pass_and_stays_true_to_when_it_began(
    world: World,
) -> None:
    world.own(2)
    first = await world.borrow("gus")
    second = await world.borrow("hana")
    for number in range(60):
        world.wait(f"s{number}")
    passed: list[str] = []

    async def end_meanwhile() -> None:
        passed.append("another")
        await world.end(second)

    meanwhile = asyncio.create_task(end_meanwhile())
    seen = await world.look()
    assert passed == ["another"]
    await meanwhile
    assert set(seen.warn) == {first, second}
    again = await world.look()
    assert {loan.id for reclaim in again.reclaims for loan in reclaim.loans} == {first}
