"""The rows of a board: devices that are own, borrowed, lent and free, use of devices, and who waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.desk.board import DevicesRow, board_row, devices_rows, line_rows
from jupyterhub_edu.desk.views import instant
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.courses import Quota
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.idle import Look
from jupyterhub_edu.domain.people import CourseRole
from tests.by_hand import put_by_hand
from tests.fakes.campus import NOW, T4, a_campus, a_core, a_course, a_profile, an_enrolment, enrol
from tests.fakes.world import AClock, FakeInventory

STUDENT = CourseRole.STUDENT


class World:
    """Two courses that own two devices each, of four that there are."""

    async def fill(self) -> World:
        self.clock, self.inventory = AClock(NOW), FakeInventory({"t4": [4]})
        gpu = {STUDENT: ("gpu",)}
        self.core: Core = a_core(
            a_campus(
                courses=[
                    a_course("ml", offers=gpu, quota={"t4": Quota(2, 2)}),
                    a_course("db", offers=gpu, quota={"t4": Quota(2, 2)}),
                    a_course("art", offers={STUDENT: ("notebook",)}),
                ],
                profiles=[a_profile("gpu", flavor=replace(T4, count=4)), a_profile("notebook")],
            ),
            clock=self.clock,
            inventory=self.inventory,
        )
        await self.core.ready()
        for number in range(5):
            await enrol(self.core, f"m{number}", ml=STUDENT)
            await enrol(self.core, f"d{number}", db=STUDENT)
        return self

    async def start(self, login: str, course: str) -> Admission:
        person = self.core.roll.by_hub_name(login)
        assert person is not None
        admission = await self.core.book.admit(StartRequest(person.key, course, "gpu"), person, "")
        await self.core.book.run(admission.id)
        self.clock.pass_(seconds=1)
        return self.core.book.admission(admission.id) or admission


@pytest.fixture
async def world():
    world = await World().fill()
    yield world
    await world.core.close()


def row(own, reserved, used, borrowed, lent, free):
    return [DevicesRow("t4", "NVIDIA T4", own, reserved, used, borrowed, lent, free)]


async def test_devices_are_own_and_free_while_nobody_uses_any(world):
    assert devices_rows(world.core, "ml") == row(2, 0, 0, 0, 0, 4)


async def test_what_others_have_borrowed_is_lent_by_whoever_cannot_have_it(world):
    for number in range(3):
        await world.start(f"d{number}", "db")
    assert devices_rows(world.core, "db") == row(2, 0, 3, 1, 0, 1)
    assert devices_rows(world.core, "ml") == row(2, 0, 0, 0, 1, 1)
    await world.start("m0", "ml")
    assert devices_rows(world.core, "ml") == row(2, 0, 1, 0, 1, 0)


async def test_what_is_not_known_is_not_called_nothing(world):
    world.inventory.alive_at = NOW - timedelta(minutes=5)
    assert devices_rows(world.core, "ml") == row(2, 0, 0, 0, None, None)


async def test_a_course_without_devices_has_no_rows(world):
    assert devices_rows(world.core, "art") == []


USES = {
    "not looked at": (None, ""),
    "at work just now": ({"worked_at": NOW}, "working"),
    "idle for an hour": ({"worked_at": NOW - timedelta(hours=1)}, "idle"),
    "its device works": ({"worked_at": NOW - timedelta(hours=1), "device": True}, "working"),
    "its device is measured, and silent": (
        {"worked_at": NOW - timedelta(hours=1), "measured": True},
        "",
    ),
    "never opened": ({"worked_at": NOW, "opened": False}, "unopened"),
    "it does not answer": ({"worked_at": NOW, "answered": False}, "silent"),
}


@pytest.mark.parametrize(("look", "use"), USES.values(), ids=USES)
async def test_the_use_of_devices_is_what_was_seen_of_it(world, look, use):
    admission = await world.start("m0", "ml")
    if look is not None:
        world.core.looks.note(admission.id, Look(running_at=NOW, **look), NOW)
    shown = board_row(world.core, admission, NOW)
    assert shown.use == use
    assert (shown.idle_since is not None) is (use == "idle")
    await world.core.book.end(admission.id)
    assert world.core.looks.of(admission.id) is None


async def test_sections_are_those_of_this_course(world):
    ada = await enrol(world.core, "ada", db=STUDENT)
    sections = frozenset({"red", "blue"})
    await put_by_hand(world.core.roll, an_enrolment(ada.key, "ml", sections=sections))
    shown = board_row(world.core, await world.start("ada", "ml"), None)
    assert shown.sections == ("blue", "red")


HEARD: dict[str, tuple[timedelta | None, timedelta]] = {
    "nothing yet: it has begun": (None, timedelta()),
    "of an earlier server": (timedelta(hours=-1), timedelta()),
    "of this one": (timedelta(minutes=5), timedelta(minutes=5)),
}


@pytest.mark.parametrize(("heard", "active"), HEARD.values(), ids=HEARD)
async def test_a_session_is_active_from_its_begin(world, heard, active):
    admission = await world.start("m0", "ml")
    shown = board_row(world.core, admission, None if heard is None else NOW + heard)
    assert shown.active == instant(NOW + active, world.core)


async def test_a_session_that_is_starting_is_active_since_it_was_asked_for(world):
    admission = replace(await world.start("m0", "ml"), running_at=None)
    assert board_row(world.core, admission, None).active == instant(NOW, world.core)


async def test_who_waits_is_shown_with_their_place_in_the_whole_line(world):
    for number in range(4):
        await world.start(f"d{number}", "db")
    for login, course in (("d4", "db"), ("m0", "ml"), ("m1", "ml")):
        person = world.core.roll.by_hub_name(login)
        await world.core.line.join(StartRequest(person.key, course, "gpu"), person)
        world.clock.pass_(seconds=1)
    rows, waiting = line_rows(world.core, "ml")
    assert waiting == 2
    assert [one.user for one in rows] == ["m0", "m1"]
    places = {one.place for one in rows + line_rows(world.core, "db")[0]}
    assert places == {1, 2, 3}
    assert line_rows(world.core, "art") == ([], 0)
