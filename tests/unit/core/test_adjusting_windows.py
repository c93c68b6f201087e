"""Windows of a course, set and dropped one at a time."""

from __future__ import annotations

import pytest

from jupyterhub_edu.core.adjusting import AboveCeiling, CannotAdjust, NoSuchWindow, Stale
from tests.unit.core.test_adjusting import FILE, LAB, World

FILED = {"title": "Lab", "days": ["Thu"], "from": "10:15", "until": "12:00", "only": ["gpu"]}
TEXT = FILE.replace(
    "    codes: [INF4490]\n",
    "    codes: [INF4490]\n    windows:\n"
    '      - {title: Lab, days: [Thu], from: "10:15", until: "12:00", only: [gpu]}\n',
)


@pytest.fixture
async def world(tmp_path) -> World:
    return await World(tmp_path, TEXT).open()


async def test_a_window_is_added_to_those_of_the_file(world):
    await world.by().set_window(LAB)

    assert list(world.core.adjustments.windows("ml").values()) == [FILED, LAB]
    assert len(world.course.windows) == 2


async def test_one_is_moved_and_one_taken_away(world):
    await world.by().set_window(LAB)
    first, second = world.core.adjustments.windows("ml")

    moved = {**LAB, "days": ["Fri"]}
    await world.by().set_window(moved, instead_of=second)
    await world.by().set_window({**FILED, "days": ["Mon"]}, instead_of=first)

    assert list(world.core.adjustments.windows("ml").values()) == [
        moved,
        {**FILED, "days": ["Mon"]},
    ]
    await world.by().drop_window(next(iter(world.core.adjustments.windows("ml"))))
    assert list(world.core.adjustments.windows("ml").values()) == [{**FILED, "days": ["Mon"]}]
    await world.by().drop("windows")
    assert list(world.core.adjustments.windows("ml").values()) == [FILED]


async def test_what_the_file_restricts_to_windows_a_teacher_does_not_open(world):
    (only,) = world.core.adjustments.windows("ml")

    with pytest.raises(AboveCeiling, match="stays restricted"):
        await world.by().drop_window(only)
    assert "gpu" in world.course.hours

    await world.by("kari").drop_window(only)
    assert "gpu" not in world.course.hours


async def test_an_id_means_the_same_window_for_ever(world):
    (before,) = world.core.adjustments.windows("ml")
    await world.by().set_window(LAB)

    assert next(iter(world.core.adjustments.windows("ml"))) == before
    for act in (world.by().drop_window("0"), world.by().set_window(LAB, instead_of="0")):
        with pytest.raises(NoSuchWindow):
            await act


async def test_the_second_editor_is_told(world):
    seen = world.core.adjustments.seen("ml", "windows")
    await world.by().set_window(LAB, seen=seen)

    with pytest.raises(Stale):
        await world.by().set_window({**LAB, "days": ["Fri"]}, seen=seen)
    with pytest.raises(Stale):
        await world.by().drop_window(next(iter(world.core.adjustments.windows("ml"))), seen=seen)


REFUSED = {
    "more than the course's own": ({**LAB, "reserve": {"t4": 3}}, AboveCeiling),
    "what is no window": ({"days": ["Tuesday"], "only": ["gpu"]}, CannotAdjust),
    "a calendar file": ({"ical": "x.ics", "only": ["gpu"]}, CannotAdjust),
    "what never takes place": ({**LAB, "days": [], "dates": ["2027-01-04"]}, CannotAdjust),
}


@pytest.mark.parametrize(("window", "error"), REFUSED.values(), ids=REFUSED)
async def test_refused_and_nothing_has_changed(world, window, error):
    before = world.core.campus

    with pytest.raises(error):
        await world.by().set_window(window)

    assert world.core.campus is before
