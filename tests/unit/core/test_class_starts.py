"""Starting a whole class before it begins: for whom, by which rules, and what a restart leaves of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.class_starts import ClassStart, Outcome, Stage
from jupyterhub_edu.core.starting_class import CannotStart, StartingClass
from jupyterhub_edu.core.starting_for import StartingFor, StartingNotYours
from jupyterhub_edu.domain.courses import Caps
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import StoreError
from tests.audited import audited
from tests.by_hand import drop_by_hand, put_by_hand
from tests.fakes.campus import NOW, a_campus, a_core, a_course, an_enrolment, enrol
from tests.fakes.world import AClock, FakeHub

STUDENT, ASSISTANT, TEACHER = CourseRole.STUDENT, CourseRole.ASSISTANT, CourseRole.TEACHER


@pytest.fixture
async def hub() -> FakeHub:
    return FakeHub()


@pytest.fixture
async def core(hub: FakeHub):
    """Students ada and bob (in section g2) of ``ml``, its teacher and assistant, and eve who only stands in a roster."""
    campus = a_campus(courses=[a_course("ml"), a_course("db")])
    core = a_core(campus, clock=AClock(NOW), hub=hub)
    await enrol(core, "tea", ml=TEACHER)
    await enrol(core, "asa", ml=ASSISTANT)
    await enrol(core, "ada", ml=STUDENT)
    bob = await enrol(core, "bob", db=STUDENT)
    await put_by_hand(core.roll, an_enrolment(bob.key, "ml", sections=frozenset({"g2"})))
    await put_by_hand(core.roll, an_enrolment("ad:id-eve", "ml"))
    yield core
    await core.close()


def staff(core: Core, name: str = "tea") -> StartingClass:
    person = core.roll.by_hub_name(name)
    assert person is not None
    return StartingClass(core, person, "ml", "::1")


async def settled(core: Core) -> ClassStart:
    """The class start of ``ml`` when nothing is under way any more."""
    while core.class_starts._tasks:
        await asyncio.gather(*core.class_starts._tasks.values(), return_exceptions=True)
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    found = core.class_starts.of("ml")
    assert found is not None
    return found


async def outcomes(core: Core) -> dict[str, Outcome]:
    start = core.class_starts.of("ml")
    assert start is not None
    return {one.hub_name: one for one in await core.class_starts.outcomes(start)}


async def test_every_student_with_an_account_is_started_and_nobody_else(core, hub):
    await staff(core).plan("notebook")
    done = await settled(core)
    assert (done.stage, done.asked, done.refused, done.why) == (Stage.DONE, 2, 0, "")
    assert sorted(name for name, _, _ in hub.started) == ["ada", "bob"]
    assert {options["profile"] for _, _, options in hub.started} == {"notebook"}
    assert {name: one.words for name, one in (await outcomes(core)).items()} == {
        "ada": "Starting",
        "bob": "Starting",
    }
    assert [(e.actor, e.act, e.target) for e in await audited(core.store)] == [
        ("tea", "start-for", "bob"),
        ("tea", "start-for", "ada"),
        ("tea", "start-class", ""),
    ]


async def test_a_section_alone_may_be_started(core, hub):
    await staff(core).plan(section="g2")
    await settled(core)
    assert [name for name, _, _ in hub.started] == ["bob"]


async def test_who_has_a_server_or_waits_is_left_alone(core, hub):
    ada, bob = (core.roll.by_hub_name(name) for name in ("ada", "bob"))
    admission = await core.book.admit(StartRequest(ada.key, "ml", "notebook"), ada, "")
    await core.book.run(admission.id)
    core.inventory.nodes["t4"] = [0]
    await core.line.join(StartRequest(bob.key, "db", "gpu"), bob)
    await staff(core).plan("notebook")
    done = await settled(core)
    assert (done.asked, hub.started) == (0, [])
    told = await outcomes(core)
    assert (told["ada"].words, told["bob"].words) == ("On", "Next in line")


async def test_the_ordinary_rules_decide_and_each_refusal_has_its_reason(core, hub):
    ml = a_course("ml", caps={STUDENT: Caps(servers=0)})
    core.replace_campus(replace(core.campus, courses={"ml": ml}), core.refresher.sources)
    await staff(core).plan()
    done = await settled(core)
    assert (done.stage, done.asked, done.refused, hub.started) == (Stage.DONE, 0, 2, [])
    told = await outcomes(core)
    assert told["ada"].words == "Not started"
    assert [str(reason.code) for reason in told["ada"].reasons] == ["person-cap"]


async def test_devices_that_are_not_free_are_waited_for(core, hub):
    core.inventory.nodes["t4"] = [1]
    await staff(core).plan("gpu")
    done = await settled(core)
    assert (done.asked, len(hub.started)) == (2, 1)
    words = sorted(one.words for one in (await outcomes(core)).values())
    assert words == ["Next in line", "Starting"]


async def test_one_that_is_planned_begins_at_its_time(core, hub):
    at = NOW + timedelta(minutes=30)
    await staff(core).plan("notebook", at=at)
    await core.class_starts.tend()
    assert (await settled(core)).stage is Stage.PLANNED
    assert (await outcomes(core))["ada"].words == "Not asked for yet"
    core.clock.pass_(minutes=30)
    await core.class_starts.tend()
    assert (await settled(core)).stage is Stage.DONE
    assert len(hub.started) == 2


async def test_it_is_done_by_the_right_that_its_author_then_has(core, hub):
    await staff(core).plan("notebook", at=NOW + timedelta(minutes=5))
    tea = core.roll.by_hub_name("tea")
    await drop_by_hand(core.roll, core.roll.enrolments_in(tea, "ml")[0])
    core.clock.pass_(minutes=5)
    await core.class_starts.tend()
    done = await settled(core)
    assert (done.stage, hub.started) == (Stage.STOPPED, [])
    assert "may not start servers for others" in done.why


async def test_one_that_is_called_off_does_not_begin(core, hub):
    await staff(core).plan(at=NOW + timedelta(minutes=5))
    await staff(core).call_off()
    await staff(core).call_off()
    core.clock.pass_(minutes=5)
    await core.class_starts.tend()
    done = await settled(core)
    assert (done.stage, done.why, hub.started) == (Stage.STOPPED, "called off", [])
    assert (await outcomes(core))["ada"].words == "Not on"
    acts = [entry.act for entry in await audited(core.store)]
    assert acts == ["call-off-class-start", "start-class"]
    await staff(core).plan(at=NOW + timedelta(minutes=9))


async def test_a_new_hub_goes_on_with_what_the_old_one_began(core, hub):
    await staff(core).plan("notebook")
    core.class_starts._tasks["ml"].cancel()
    left = await settled(core)
    assert left.stage is Stage.UNDER_WAY

    new = a_core(core.campus, store=core.store, clock=core.clock, hub=FakeHub())
    await new.ready()
    await new.class_starts.tend()
    done = await settled(new)
    assert (done.stage, done.by) == (Stage.DONE, "tea")
    assert sorted(await outcomes(new)) == ["ada", "bob"]
    await new.close()


async def test_one_whose_time_nobody_kept_says_so(core, hub):
    await staff(core).plan(at=NOW + timedelta(minutes=5))
    core.clock.pass_(hours=1)
    await core.class_starts.tend()
    done = await settled(core)
    assert (done.stage, hub.started) == (Stage.STOPPED, [])
    assert done.why == "the hub did not run at the time"


async def test_one_that_cannot_be_written_down_stops(core, hub, monkeypatch):
    async def fail(*_: object, **__: object) -> None:
        raise StoreError("down")

    monkeypatch.setattr(core.line, "join", fail)
    await staff(core).plan()
    done = await settled(core)
    assert (done.stage, done.why) == (Stage.STOPPED, "the hub could not write its records")


CANNOT = {
    "a profile that students do not get": {"profile": "huge"},
    "a time that is past": {"at": NOW - timedelta(minutes=1)},
    "a time that is far ahead": {"at": NOW + timedelta(days=15)},
}


@pytest.mark.parametrize("what", CANNOT.values(), ids=CANNOT)
async def test_cannot_be_planned(core, what):
    with pytest.raises(CannotStart):
        await staff(core).plan(**what)
    assert core.class_starts.of("ml") is None


async def test_a_course_has_one_at_a_time(core):
    await staff(core).plan(at=NOW + timedelta(minutes=5))
    with pytest.raises(CannotStart):
        await staff(core).plan()


@pytest.mark.parametrize("name", ["asa", "ada"])
async def test_only_teachers_start_a_class(core, name):
    with pytest.raises(StartingNotYours):
        staff(core, name)


async def test_who_planned_it_may_be_erased(core):
    await staff(core).plan(at=NOW + timedelta(minutes=5))
    core.class_starts.forget({"ad:id-tea"}, "tea", "erased-1")
    assert core.class_starts.of("ml").by == "erased-1"


@pytest.fixture
def writing(core: Core, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """A store that lets others go on while it writes; set when it has begun to."""
    save, begun = core.store.save_records, asyncio.Event()

    async def slowly(*what, **more):
        begun.set()
        await asyncio.sleep(0.01)
        return await save(*what, **more)

    monkeypatch.setattr(core.store, "save_records", slowly)
    return begun


async def test_one_that_is_called_off_while_it_is_about_to_begin_does_not(core, hub, writing):
    core.clock.now = soon = NOW + timedelta(minutes=5)
    await staff(core).plan("notebook", at=soon)
    writing.clear()
    off = asyncio.create_task(staff(core).call_off())
    await writing.wait()
    await core.class_starts.tend()
    await off
    assert (await settled(core)).stage is Stage.STOPPED
    assert hub.started == []


async def test_of_two_who_plan_at_once_one_does(core, writing):
    soon = NOW + timedelta(minutes=5)
    plans = (staff(core).plan("notebook", at=soon), staff(core).plan("notebook"))
    done = await asyncio.gather(*plans, return_exceptions=True)
    assert [type(one) for one in done].count(CannotStart) == 1


async def test_one_that_is_planned_in_the_place_of_another_under_way_is_done_as_it_was_planned(
    core, hub, monkeypatch
):
    go_on, begun, start = asyncio.Event(), asyncio.Event(), StartingFor.start_person

    async def start_slowly(*what):
        begun.set()
        await go_on.wait()
        return await start(*what)

    monkeypatch.setattr(StartingFor, "start_person", start_slowly)
    core.inventory.nodes["t4"] = [2]
    await staff(core).plan("notebook")
    await begun.wait()
    await staff(core).call_off()
    core.clock.pass_(minutes=1)
    planned = await staff(core).plan("gpu", at=core.clock() + timedelta(minutes=5))
    go_on.set()
    assert await settled(core) == planned
    assert [options["profile"] for _, _, options in hub.started] == ["notebook"]

    core.clock.pass_(minutes=5)
    await core.class_starts.tend()
    assert (await settled(core)).stage is Stage.DONE
    assert sorted(options["profile"] for _, _, options in hub.started) == ["gpu", "notebook"]
