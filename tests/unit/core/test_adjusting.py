"""Adjustments: who may set what, what is in force, and that nothing is lost."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyterhub_edu import campus
from jupyterhub_edu.core import Core
from jupyterhub_edu.core.adjusting import (
    AboveCeiling,
    Adjusting,
    AdjustNotYours,
    CannotAdjust,
    FieldLocked,
    NoSuchField,
    Stale,
)
from jupyterhub_edu.domain.courses import Caps
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.identity import SOURCE_TYPES
from jupyterhub_edu.ports import Record, StoreError, TroubleKind
from jupyterhub_edu.store.memory import MemoryStore
from tests.audited import audited
from tests.fakes.campus import a_core, enrol
from tests.fakes.world import AClock
from tests.unit.campus.conftest import ENVIRON, SMALL

NOW = datetime(2026, 11, 3, 10, 0, tzinfo=UTC)
STUDENT, TEACHER = CourseRole.STUDENT, CourseRole.TEACHER
CEILINGS = """\
ceilings:
  adjust:
    offers: {student: [gpu]}
    caps: {student: {servers: 2, t4: 2}}
    allowance: {person: 20h per week}
"""
FILE = (
    SMALL.replace("count: 4", "count: 6")
    .replace("stale_after: 12h\n", "stale_after: 12h\n" + CEILINGS)
    .replace(
        "    codes: [INF4490]\n",
        "    codes: [INF4490]\n    title: Machine Learning\n    allowance: {person: 10h per week}\n",
    )
)


class World:
    """A campus file, a teacher of ml, one of intro, a student, and an administrator."""

    def __init__(self, folder: Path, text: str = FILE, store: MemoryStore | None = None) -> None:
        self.folder, self.store = folder, store or MemoryStore()
        (folder / "people.csv").write_text("person,name,course,course_role\n", encoding="utf-8")
        (folder / "passwords.txt").write_text("", encoding="utf-8")
        loaded = self.read(text)
        self.core: Core = a_core(
            loaded.campus,
            store=self.store,
            clock=AClock(NOW),
            arrange=campus.arranger(loaded),
        )

    def read(self, text: str) -> campus.Loaded:
        file = self.folder / "campus.yaml"
        file.write_text(text, encoding="utf-8")
        return campus.load(file, SOURCE_TYPES, environ=ENVIRON, now=NOW)

    async def open(self) -> World:
        await self.core.ready()
        for login, courses in (
            ("tea", {"ml": TEACHER}),
            ("asa", {"ml": CourseRole.ASSISTANT}),
            ("ina", {"intro": TEACHER}),
            ("ada", {"ml": STUDENT}),
            ("kari", {}),
        ):
            await enrol(self.core, login, **courses)
        return self

    def by(self, login: str = "tea", course: str = "ml") -> Adjusting:
        person = self.core.roll.by_hub_name(login)
        assert person is not None
        return Adjusting(self.core, person, course, "192.0.2.1")

    async def edit(self, *changes: str, text: str = FILE) -> None:
        """Put another file in force, as the hub does."""
        for old, new in zip(changes[::2], changes[1::2], strict=True):
            assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
            text = text.replace(old, new)
        loaded = self.read(text)
        async with self.core.adjustments.turn:
            weighed = await self.core.adjustments.weigh(arrange=campus.arranger(loaded))
            self.core.adjustments.take(weighed)
            self.core.replace_campus(weighed.arranged.campus, self.core.refresher.sources)

    async def restarted(self, text: str = FILE) -> World:
        other = World(self.folder, text, self.store)
        other.core.clock.now = self.core.clock()  # type: ignore[attr-defined]
        await other.core.ready()
        return other

    @property
    def course(self) -> Any:
        return self.core.campus.courses["ml"]

    def out(self) -> dict[str, list[str]]:
        adjustments = self.core.adjustments
        return {
            one.id: [trouble.words for trouble in troubles]
            for one in adjustments.all()
            if (troubles := adjustments.troubles(one))
        }


@pytest.fixture
async def world(tmp_path) -> World:
    return await World(tmp_path).open()


# -- setting ---------------------------------------------------------------------------------------------------------


async def test_what_a_teacher_sets_is_in_force(world):
    await world.by().set("offers.student", ["gpu", "notebook"])
    await world.by().set("caps.student", {"servers": 2, "t4": 2})
    await world.by().set("title", "Learning Machines")

    assert world.course.offers[STUDENT] == ("gpu", "notebook")
    assert world.course.caps[STUDENT] == Caps(2, {"t4": 2})
    assert world.course.title == "Learning Machines"


async def test_the_files_value_stays_visible_beside_it(world):
    await world.by().set("title", "Learning Machines", why="as it is called now")

    adjustments = world.core.adjustments
    (one,) = adjustments.of("ml")
    assert (one.by, one.at, one.why, one.ends) == ("tea", NOW, "as it is called now", None)
    assert adjustments.file_value("ml", "title") == "Machine Learning"
    assert adjustments.value("ml", "title") == "Learning Machines"
    assert adjustments.written("ml")["title"] == "Machine Learning"
    assert adjustments.file_value("ml", "offers.student") == ["notebook"]


async def test_each_change_stands_in_the_audit_with_what_was_before(world):
    await world.by().set("title", "Learning Machines")
    await world.by().drop("title")

    back, set_ = (await audited(world.store, "ml"))[:2]
    assert (set_.act, set_.actor, set_.address) == ("adjust", "tea", "192.0.2.1")
    assert set_.details == {
        "field": "title",
        "before": '"Machine Learning"',
        "after": '"Learning Machines"',
        "until": None,
        "why": "",
    }
    assert back.act == "drop-adjustment"
    assert back.details["before"] == '"Learning Machines"'
    assert back.details["after"] == '"Machine Learning"'


async def test_dropping_gives_back_the_very_campus_of_the_file(world):
    before = world.core.campus
    await world.by().set("offers.student", [])
    assert world.core.campus != before

    await world.by().drop("offers.student")

    assert world.core.campus is before


async def test_without_a_campus_file_nothing_is_set():
    core = a_core()
    await core.ready()
    teacher = await enrol(core, "tea", ml=TEACHER)

    with pytest.raises(CannotAdjust, match="without a campus file"):
        await Adjusting(core, teacher, "ml").set("title", "X")


# -- who may set what ------------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[str, str, Any, type[Exception]]] = {
    "a student sets nothing": ("ada", "title", "X", AdjustNotYours),
    "an assistant sets nothing": ("asa", "caps.student", {}, AdjustNotYours),
    "a teacher of another course sets nothing": ("ina", "title", "X", AdjustNotYours),
    "a key that the desk does not set": ("kari", "people", {}, NoSuchField),
    "a role that does not exist": ("kari", "offers.pupil", [], NoSuchField),
    "a profile above the ceiling": ("tea", "offers.assistant", ["gpu"], AboveCeiling),
    "a cap above the ceiling": ("tea", "caps.student", {"servers": 3, "t4": 1}, AboveCeiling),
    "a cap left out is no cap": ("tea", "caps.student", {"servers": 2}, AboveCeiling),
    "hours above the ceiling": ("tea", "allowance.person", "21h per week", AboveCeiling),
    "hours of another period": ("tea", "allowance.person", "1h per day", AboveCeiling),
    "hours without limit": ("tea", "allowance.person", None, AboveCeiling),
    "more than the course's own in a window": (
        "tea",
        "windows",
        [{"days": ["Tue"], "from": "10:15", "until": "12:00", "reserve": {"t4": 3}}],
        AboveCeiling,
    ),
    "devices of the course": ("tea", "quota.t4", 3, AboveCeiling),
    "the course's state": ("tea", "state", "open", AboveCeiling),
    "a profile that does not exist": ("kari", "offers.student", ["gpux"], CannotAdjust),
    "what is no list": ("tea", "offers.student", "gpu", CannotAdjust),
    "more than there is": ("kari", "quota.t4", 5, CannotAdjust),
    "a calendar file": ("kari", "windows", [{"ical": "/etc/x", "only": ["gpu"]}], CannotAdjust),
}


@pytest.mark.parametrize(("who", "field", "value", "error"), REFUSED.values(), ids=REFUSED)
async def test_refused_and_nothing_has_changed(world, who, field, value, error):
    before = world.core.campus

    with pytest.raises(error):
        await world.by(who).set(field, value)

    assert world.core.campus is before
    assert world.core.adjustments.all() == ()
    assert not [e for e in await audited(world.store, "ml") if e.act == "adjust"]


ALLOWED: dict[str, tuple[str, str, Any]] = {
    "fewer profiles than the file": ("tea", "offers.teacher", ["notebook"]),
    "nothing at all": ("tea", "offers.student", []),
    "hours up to the ceiling": ("tea", "allowance.person", "20h per week"),
    "fewer hours": ("tea", "allowance.person", "0.5h per week"),
    "a limit where the file has none": ("tea", "allowance.course", "5h per day"),
    "a cap where the file has none": ("tea", "caps.teacher", {"servers": 1}),
    "the course's own in a window": (
        "tea",
        "windows",
        [{"days": ["Tue"], "from": "10:15", "until": "12:00", "reserve": {"t4": 2}}],
    ),
    "an administrator, anything that the loader takes": ("kari", "caps.student", {}),
    "an administrator, the course's devices": ("kari", "quota.t4", {"nominal": 1}),
    "an administrator, its last day": ("kari", "until", "2026-12-01"),
}


@pytest.mark.parametrize(("who", "field", "value"), ALLOWED.values(), ids=ALLOWED)
async def test_allowed_and_in_force(world, who, field, value):
    await world.by(who).set(field, value)

    assert world.core.adjustments.value("ml", field) == value
    assert world.out() == {}


async def test_a_ceiling_is_told(world):
    with pytest.raises(AboveCeiling, match="up to those of the campus file, and 2 servers, 2 t4"):
        await world.by().set("caps.student", {"servers": 3, "t4": 1})
    with pytest.raises(AboveCeiling, match="what is the course's own: 2 t4"):
        await world.by().set(
            "windows", [{"days": ["Tue"], "from": "10:15", "until": "12:00", "reserve": {"t4": 3}}]
        )


async def test_mistakes_are_told_in_the_loaders_words(world):
    with pytest.raises(CannotAdjust) as error:
        await world.by("kari").set("offers.student", ["gpux"])

    assert str(error.value) == 'offers.student[0]: no such profile: "gpux"; did you mean gpu?'


async def test_what_is_equal_and_not_the_same_is_read_anew(world):
    await world.by("kari").set("caps.student", {"servers": 1, "t4": 2})

    with pytest.raises(CannotAdjust, match="servers: must be a whole number"):
        await world.by("kari").set("caps.student", {"servers": True, "t4": 2})


async def test_what_an_administrator_set_a_teacher_may_set_again(world):
    lab = {"days": ["Tue"], "from": "10:15", "until": "12:00", "reserve": {"t4": 2}}
    big = {
        **lab,
        "days": ["Wed"],
        "reserve": {
            "t4": 2,
        },
    }
    await world.by("kari").set("quota.t4", {"nominal": 1})
    await world.by("kari").set("windows", [big], ends=NOW + timedelta(days=7))

    one = await world.by().set("windows", [big, {**lab, "reserve": {"t4": 1}}])

    assert one.ends == NOW + timedelta(days=7)
    assert len(world.course.windows) == 2
    with pytest.raises(AboveCeiling):
        await world.by().set("windows", [big, lab])


async def test_locked_fields_are_the_files_alone(tmp_path):
    text = FILE.replace("course_defaults:\n", "course_defaults:\n  locked: [title]\n").replace(
        "    codes: [INF4490]\n", "    codes: [INF4490]\n    locked: [caps]\n"
    )
    world = await World(tmp_path, text).open()

    for field, value in (("title", "X"), ("caps.student", {"servers": 1, "t4": 1})):
        for who in ("tea", "kari"):
            with pytest.raises(FieldLocked):
                await world.by(who).set(field, value)
    await world.by().set("offers.student", ["gpu"])


# -- two at once -----------------------------------------------------------------------------------------------------


async def test_the_second_editor_is_told(world):
    seen = world.core.adjustments.seen("ml", "title")
    await world.by("kari").set("title", "Learning Machines", seen=seen)

    with pytest.raises(Stale):
        await world.by().set("title", "Machines, learning", seen=seen)
    with pytest.raises(Stale):
        await world.by().drop("title", seen=seen)

    assert world.course.title == "Learning Machines"
    await world.by().set("title", "M", seen=world.core.adjustments.seen("ml", "title"))


async def test_changes_at_the_same_time_are_all_in_force(world):
    await asyncio.gather(
        world.by().set("title", "A"),
        world.by().set("offers.student", ["gpu"]),
        world.edit("name: Fjord\n", "name: Fjord University\n"),
        world.by("kari").set("quota.t4", 1),
        world.by("ina", "intro").set("title", "B"),
    )

    assert world.core.campus.name == "Fjord University"
    assert world.course.title == "A"
    assert world.course.offers[STUDENT] == ("gpu",)
    assert world.course.quota["t4"].nominal == 1
    assert world.core.campus.courses["intro"].title == "B"


async def test_nothing_is_in_force_that_could_not_be_kept(world, monkeypatch):
    async def broken(*args: object, **kwargs: object) -> None:
        raise StoreError("the disk is full")

    before = world.core.campus
    monkeypatch.setattr(world.store, "save_records", broken)

    with pytest.raises(StoreError):
        await world.by().set("title", "X")

    assert world.core.campus is before
    assert world.core.adjustments.all() == ()


# -- the file changes ------------------------------------------------------------------------------------------------


async def test_an_edit_of_the_file_does_not_undo_an_adjustment(world):
    await world.by().set("title", "Learning Machines")

    await world.edit("title: Machine Learning", "title: ML")

    assert world.course.title == "Learning Machines"
    assert world.core.adjustments.file_value("ml", "title") == "ML"


async def test_what_the_file_makes_impossible_is_out_of_force_told_and_comes_back(world, caplog):
    window = {"days": ["Tue"], "from": "10:15", "until": "12:00", "reserve": {"t4": 2}}
    await world.by().set("windows", [window])
    await world.by().set("title", "Learning Machines")

    await world.edit("    quota: {t4: {nominal: 2, borrow: 1}}", "    quota: {t4: {nominal: 1}}")

    assert world.course.windows == ()
    assert world.course.title == "Learning Machines"
    assert list(world.out()) == ["ml/windows"]
    assert "not in force: ml/windows: It is more than a teacher may set alone" in caplog.text

    await world.edit()

    assert len(world.course.windows) == 1
    assert world.out() == {}


async def test_a_ceiling_that_is_lowered_narrows_what_teachers_have_set(world):
    await world.by().set("caps.student", {"servers": 2, "t4": 2})
    await world.by("kari").set("caps.teacher", {"servers": 5, "t4": 4})

    await world.edit("    caps: {student: {servers: 2, t4: 2}}\n", "")

    assert world.course.caps[STUDENT] == Caps(1, {"t4": 1})
    assert world.course.caps[TEACHER] == Caps(5, {"t4": 4})


async def test_a_field_that_is_locked_is_the_files_again(world):
    await world.by().set("title", "Learning Machines")

    await world.edit("    codes: [INF4490]\n", "    codes: [INF4490]\n    locked: [title]\n")

    assert world.course.title == "Machine Learning"
    assert world.out() == {"ml/title": ["The campus file keeps this for itself now."]}


async def test_a_course_that_goes_takes_nothing_along(world):
    await world.by("ina", "intro").set("title", "Intro")
    without = FILE.partition("  intro:\n")[0]

    await world.edit(text=without)
    assert world.out() == {"intro/title": ["There is no such course any more."]}

    await world.edit()
    assert world.core.campus.courses["intro"].title == "Intro"


async def test_it_survives_a_restart(world):
    await world.by().set("caps.student", {"servers": 2, "t4": 2}, ends=NOW + timedelta(days=1))
    await world.by("kari").set("quota.t4", 1)

    again = await world.restarted()

    assert again.core.adjustments.all() == world.core.adjustments.all()
    assert again.core.campus.courses["ml"] == world.course


async def test_a_record_that_cannot_be_read_stops_the_start(world):
    await world.by().set("title", "X")
    (record,) = await world.store.load_records("adjustment")
    await world.store.save_records([Record("adjustment", "ml/titel", record.body, by="tea")])

    with pytest.raises(StoreError, match="'ml/titel'"):
        await world.restarted()


async def test_it_ends_by_itself(world):
    await world.by().set("title", "For today", ends=NOW + timedelta(hours=2))
    await world.by().set("offers.student", ["gpu"], ends=NOW + timedelta(hours=3))

    world.core.clock.pass_(hours=2)
    await world.core.adjustments.tend()

    assert world.course.title == "Machine Learning"
    assert world.course.offers[STUDENT] == ("gpu",)
    assert {one.field for one in world.core.adjustments.of("ml")} == {"title", "offers.student"}


async def test_an_end_lies_ahead(world):
    with pytest.raises(CannotAdjust, match="ends after now"):
        await world.by().set("title", "X", ends=NOW)


# -- reservations of other courses ----------------------------------------------------------------------------------

LAB = {"days": ["Tue"], "from": "10:15", "until": "12:00", "reserve": {"t4": 2}}


async def test_a_clash_is_told_without_the_other_course_and_nothing_is_saved(tmp_path):
    full = (
        FILE.replace("count: 6", "count: 3")
        .replace("    quota: {t4: 2}\n", "")
        .replace(
            "  intro:\n    term: h26\n",
            "  intro:\n    term: h26\n    windows:\n"
            '      - {days: [Tue], from: "11:00", until: "13:00", reserve: {t4: 2}}\n',
        )
        .replace("{t4: {nominal: 2, borrow: 1}}", "{t4: {nominal: 1}}")
    )
    world = await World(tmp_path, full).open()
    before = world.core.campus

    with pytest.raises(CannotAdjust) as told:
        await world.by().set("windows", [LAB])
    with pytest.raises(CannotAdjust) as told_all:
        await world.by("kari").set("windows", [LAB])

    assert "4 t4 would be promised to courses on 2026-11-03 11:00, and there are 3" in str(
        told.value
    )
    assert "intro" not in str(told.value)
    assert "ml 2 + intro 2 = 4" in str(told_all.value)
    assert world.core.campus is before


async def test_a_course_of_the_desks_own_is_not_pushed_out(tmp_path):
    world = await World(tmp_path, FILE.replace("count: 6", "count: 5")).open()
    adjustments = world.core.adjustments
    own = {"term": "h26", "windows": [{**LAB, "reserve": {"t4": 1}}]}
    async with adjustments.turn:
        adjustments.put(await adjustments.weigh(courses={"dl": own}))
    assert "dl" in world.core.campus.courses

    with pytest.raises(CannotAdjust, match="= 6 promised"):
        await world.by("kari").set("quota.t4", 3)
    assert "dl" in world.core.campus.courses


async def test_a_course_of_the_desks_own_gives_way_to_one_of_the_file(world):
    adjustments = world.core.adjustments
    async with adjustments.turn:
        adjustments.put(await adjustments.weigh(courses={"dl": {"title": "Deep"}}))
    await world.by("kari", "dl").set("title", "Deeper")
    assert world.core.campus.courses["dl"].title == "Deeper"
    assert adjustments.written("dl") == {"title": "Deep"}

    await world.edit("  intro:\n", "  dl: {title: Filed}\n  intro:\n")

    assert [one.kind for one in adjustments.out_courses["dl"]] == [TroubleKind.GONE]
    assert adjustments.written("dl") == {"title": "Filed"}
    assert world.core.campus.courses["dl"].title == "Deeper"


async def test_a_mistake_of_a_course_of_the_desks_own_takes_out_its_adjustment_alone(world):
    adjustments = world.core.adjustments
    async with adjustments.turn:
        adjustments.put(await adjustments.weigh(courses={"dl": {"title": "Deep"}}))
    await world.by("kari", "dl").set("offers.student", ["gpu"])

    async with adjustments.turn:
        broken = {"dl": {"title": "Deep"}, "dm": {"offers": {"student": ["gpux"]}}}
        adjustments.put(await adjustments.weigh(courses=broken))

    assert list(adjustments.out_courses) == ["dm"]
    assert world.core.campus.courses["dl"].offers[STUDENT] == ("gpu",)
