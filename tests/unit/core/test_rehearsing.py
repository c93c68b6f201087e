"""A dry run of an exam says what would happen to whom and when, and changes nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from jupyterhub_edu.core.rehearsing import Recalled, Rehearsal, rehearse
from jupyterhub_edu.domain.decide import EndRule
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.reasons import Code
from tests.fakes.campus import NOW, enrol

from .test_exams import BEGINS, HOUR, MINUTE, WISH, World

STUDENT = CourseRole.STUDENT


async def rehearsed(world: World, **wish: Any) -> Rehearsal:
    return await rehearse(world.core, await world.by().draft(WISH._replace(**wish)))


async def test_a_rehearsal_says_what_would_happen_to_whom_and_changes_nothing():
    world = await World().open()
    mine = await world.start(profile="notebook")
    found = await rehearsed(world, extra={"bob": HOUR})
    ada, bob = sorted(found.people, key=lambda one: one.key)
    assert (ada.key, ada.ends, ada.stops, ada.reasons) == ("ad:id-ada", BEGINS + HOUR, (mine,), ())
    assert (bob.ends, bob.stops) == (BEGINS + 2 * HOUR, ())
    assert (found.devices, found.unseated, found.stopped, found.refused) == (2, 0, 1, 0)
    assert (found.stops_at, found.held_from) == (BEGINS, BEGINS - 15 * MINUTE)
    assert world.core.exams.of("ml") == []
    assert world.end(mine) == (NOW + 4 * HOUR, EndRule.LONGEST)


async def test_it_says_beforehand_how_many_will_not_start():
    world = await World().open()
    world.core.inventory.nodes = {"t4": [1]}  # type: ignore[attr-defined]
    found = await rehearsed(world)
    assert found.unseated == 1
    await world.prepare()
    found = await rehearsed(world)
    assert found.unseated == 2  # the other exam holds the one there is


async def test_it_says_why_somebody_could_not_start_by_the_rules_at_that_instant():
    world = await World().open()
    await enrol(world.core, "obi", ml=CourseRole.OBSERVER)
    found = await rehearsed(world, participants=["ada", "obi"])
    codes = {one.key: [reason.code for reason in one.reasons] for one in found.people}
    assert codes == {"ad:id-ada": [], "ad:id-obi": [Code.PROFILE_NOT_OFFERED]}
    assert found.refused == 1


async def test_it_says_when_other_servers_stop_where_it_begins_sooner_than_a_warning():
    world = await World().open()
    found = await rehearsed(world, starts=NOW + MINUTE)
    assert found.stops_at == NOW + 2 * MINUTE


async def lend(world: World, login: str, course: str) -> None:
    """Two free devices, of which one is lent: to somebody who takes no part in the exam."""
    world.core.inventory.nodes = {"t4": [2]}  # type: ignore[attr-defined]
    await enrol(world.core, login, **{course: CourseRole.ASSISTANT})
    await world.start(login, course=course)


RECALLED_AT = BEGINS - 6 * MINUTE


async def test_it_says_in_sums_what_is_called_back_from_others():
    world = await World().open()
    await lend(world, "dob", "db")
    assert (await rehearsed(world)).recalled == Recalled(0, 1, RECALLED_AT)
    assert (await rehearsed(world, participants=["ada"])).recalled is None  # one is free


async def test_it_says_apart_what_its_own_course_gives_back():
    world = await World().open()
    await lend(world, "may", "ml")
    assert (await rehearsed(world)).recalled == Recalled(1, 0, RECALLED_AT)


async def test_what_is_over_by_then_is_not_called_back():
    world = await World().open()
    await lend(world, "dob", "db")  # four hours at most
    later = NOW + timedelta(hours=5)
    assert (await rehearsed(world, starts=later, ends=later + HOUR)).recalled is None


async def test_what_another_exam_takes_is_not_told_twice():
    world = await World().open()
    await lend(world, "dob", "db")
    await world.prepare()
    found = await rehearsed(world, participants=["ada"])
    assert (found.recalled, found.unseated) == (None, 1)  # the loan goes to the other exam


async def test_while_the_cluster_is_not_heard_nothing_is_said_of_devices():
    world = await World().open()
    await lend(world, "dob", "db")
    world.core.inventory.alive_at = NOW - timedelta(minutes=5)  # type: ignore[attr-defined]
    found = await rehearsed(world)
    assert (found.devices, found.unseated, found.recalled) == (2, None, None)
