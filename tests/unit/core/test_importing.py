"""Lists of people that staff hand in: what they would do, doing exactly that, and undoing it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.by_hand import ByHand, NotYours, TooMany
from jupyterhub_edu.core.import_diff import Diff
from jupyterhub_edu.core.importing import Importing, ListChanged, NoSuchList
from jupyterhub_edu.core.imports import PeopleList
from jupyterhub_edu.core.people_file import Sheet, read_people
from jupyterhub_edu.domain.campus import FilePerson, SourceInfo
from jupyterhub_edu.domain.pending import Waits
from jupyterhub_edu.domain.people import CourseRef, CourseRole, Exclusion, Member, Person, Roster
from jupyterhub_edu.ports import AuditEntry, StoreError
from tests.audited import audited
from tests.by_hand import put_by_hand
from tests.fakes.campus import NOW, a_campus, a_core, a_course, an_enrolment, an_identity, enrol
from tests.fakes.finders import FakeFinder
from tests.fakes.world import AClock, FakeSource

STUDENT, ASSISTANT, TEACHER = CourseRole.STUDENT, CourseRole.ASSISTANT, CourseRole.TEACHER
OSLO = ZoneInfo("Europe/Oslo")


class World:
    """Course ``ml``: a teacher, an assistant and two students by hand, Rose by the roster of ``lms``, and Zoe in nothing."""

    async def fill(self) -> World:
        self.clock = AClock(NOW)
        self.lms = FakeFinder("lms", self.clock)
        self.core: Core = a_core(
            a_campus(
                courses=[a_course("ml"), a_course("db")],
                sources=[SourceInfo("ad", "fake", "Directory"), SourceInfo("lms", "fake", "LMS")],
                admins=frozenset({FilePerson("ad", "adm")}),
            ),
            sources={"ad": FakeSource("ad", self.clock), "lms": self.lms},
            clock=self.clock,
        )
        for login, role in {
            "tea": TEACHER,
            "asa": ASSISTANT,
            "stu": STUDENT,
            "sue": STUDENT,
        }.items():
            await enrol(self.core, login, ml=role)
        for login in ("adm", "zoe", "twin"):
            await enrol(self.core, login)
        rose = Member("id-rose", "rose", "Rose", frozenset({STUDENT}), frozenset({"A"}))
        await self.core.roll.take_roster("lms", "ml", Roster(CourseRef("ml"), (rose,), NOW))
        self.lms.people += [
            an_identity("new", source="lms", attributes={"idnumber": "1001"}),
            an_identity("twin", source="lms"),
        ]
        return self

    def who(self, login: str) -> Person:
        person = self.core.roll.by_hub_name(login)
        assert person is not None
        return person

    def lists(self, actor: str = "tea", course: str = "ml") -> Importing:
        return Importing(self.core, self.who(actor), course, "::1")

    async def look(self, text: str, actor: str = "tea", *, remove: bool = False) -> PeopleList:
        sheet = read_people(text.encode(), STUDENT, OSLO)
        assert isinstance(sheet, Sheet), sheet
        listing = await self.lists(actor).begin(sheet, remove=remove)
        assert listing.task is not None
        await listing.task
        assert listing.is_ready
        return listing

    async def diff(self, text: str, actor: str = "tea", *, remove: bool = False) -> Diff:
        return await self.lists(actor).compare(await self.look(text, actor, remove=remove))

    async def apply(self, text: str, actor: str = "tea", *, remove: bool = False) -> str:
        listing = await self.look(text, actor, remove=remove)
        diff = await self.lists(actor).compare(listing)
        return (await self.lists(actor).apply(listing, diff.tag)).id

    def role(self, login: str) -> CourseRole | None:
        return self.core.roll.course_role(self.who(login), "ml", self.clock())

    async def audit(self) -> Sequence[AuditEntry]:
        return list(reversed(await audited(self.core.store)))

    async def again(self) -> Core:
        """The same after a restart."""
        core = a_core(self.core.campus, sources={}, store=self.core.store, clock=self.clock)
        await core.ready()
        return core


@pytest.fixture
async def world() -> World:
    return await World().fill()


def kinds(diff: Diff) -> dict[str, str]:
    return {row.typed or row.login: str(row.kind) for row in diff.rows}


async def test_each_line_says_what_it_comes_to(world: World) -> None:
    world.lms.people.append(an_identity("boss", source="lms"))
    boss = Exclusion("lms:id-boss", "ml", "adm", "banned")
    await put_by_hand(world.core.roll, boss)
    untouchable = an_enrolment("ad:id-adm", role=TEACHER)  # by a teacher
    await put_by_hand(world.core.roll, untouchable)
    diff = await world.diff(
        "person,role,exclude,ends\n"
        "1001,,,\nzoe,assistant,,2026-12-31\nstu,,,\nsue,assistant,,\nrose,,,\nasa,,yes,\n"
        "twin,,,\nnobody,,,\nx@y.example,,,\nboss,,,\nadm,,yes,\nlms:new,,,\ntea,teacher,,\n"
    )
    assert kinds(diff) == {
        "1001": "added",
        "zoe": "added",
        "stu": "unchanged",
        "sue": "changed",
        "rose": "unchanged",
        "asa": "excluded",
        "twin": "several",
        "nobody": "not-found",
        "x@y.example": "not-found",
        "boss": "kept-out",
        "adm": "not-yours",
        "lms:new": "twice",
        "tea": "not-yours",
    }
    waits = {row.typed: row.waits for row in diff.rows if row.waits}
    assert waits == {"nobody": Waits.NOBODY, "x@y.example": Waits.ADDRESS}
    assert [row.line for row in diff.rows] == list(range(2, 15))
    # Looking has changed nothing but the audit.
    assert world.role("zoe") is None
    assert [entry.act for entry in await world.audit()] == ["read-list"]


async def test_what_is_applied_is_the_diff_with_an_entry_for_each_person(world: World) -> None:
    id = await world.apply(
        "person,role,exclude,ends,why\n1001,,,,\nzoe,assistant,,2026-12-31,helps\nasa,,yes,,left\nnina,,,,\n"
    )
    assert (world.role("zoe"), world.role("asa")) == (ASSISTANT, None)
    (zoe,) = world.core.roll.enrolments_in(world.who("zoe"), "ml")
    assert (zoe.by, zoe.why, zoe.ends) == ("tea", "helps", datetime(2026, 12, 31, 23, tzinfo=UTC))
    listed = world.core.roll.rosters.listed("lms:id-new")
    assert listed is not None
    assert listed.name == "New"
    (waits,) = world.core.roll.pending.in_course("ml")
    assert (waits.typed, waits.by) == ("nina", "tea")

    entries = (await world.audit())[1:]
    assert [(one.act, one.target, one.details.get("line")) for one in entries] == [
        ("enrol", "lms:id-new", 2),
        ("enrol", "zoe", 3),
        ("exclude", "asa", 4),
        ("wait", "", 5),
    ]
    assert {one.details["import"] for one in entries} == {id}
    assert {(one.actor, one.course, one.address) for one in entries} == {("tea", "ml", "::1")}
    assert (entries[2].details["before"], entries[2].details["after"]) == (
        "assistant",
        "assistant; kept out",
    )

    core = await world.again()
    assert core.roll.course_role(world.who("zoe"), "ml", NOW) is ASSISTANT
    assert [one.typed for one in core.roll.pending.in_course("ml")] == ["nina"]
    assert [one.id for one in core.imports.of("ml")] == [id]


async def test_what_a_list_has_no_column_for_stays(world: World) -> None:
    until = NOW + timedelta(days=9)
    staff = ByHand(world.core, world.who("tea"), "ml")
    await staff.enrol("stu", STUDENT, ends=until, why="guest")
    assert kinds(await world.diff("person,role\nstu,student\n")) == {"stu": "unchanged"}
    await world.apply("person,role\nstu,assistant\n")
    (stu,) = world.core.roll.enrolments_in(world.who("stu"), "ml")
    assert (stu.role, stu.ends, stu.why) == (ASSISTANT, until, "guest")
    assert kinds(await world.diff("person,role,ends\nstu,assistant,\n")) == {"stu": "changed"}


async def test_who_is_in_no_line_is_taken_back_only_if_that_is_wanted_and_sure(
    world: World,
) -> None:
    assert kinds(await world.diff("person\nstu\n")) == {"stu": "unchanged"}
    diff = await world.diff("person\nstu\n", remove=True)
    # Rose is in by her source, and the teacher is above nobody like them.
    assert kinds(diff) == {"stu": "unchanged", "asa": "removed", "sue": "removed"}
    assert [row.line for row in diff.rows] == [2, None, None]
    unsure = await world.diff("person\nstu\ntwin\n", remove=True)
    assert (unsure.spares, kinds(unsure)) == (True, {"stu": "unchanged", "twin": "several"})

    await world.apply("person\nstu\n", remove=True)
    assert (world.role("stu"), world.role("sue"), world.role("asa")) == (STUDENT, None, None)


async def test_nothing_is_applied_that_was_not_shown(world: World) -> None:
    listing = await world.look("person,role\nzoe,\nsue,assistant\n")
    lists = world.lists()
    shown = await lists.compare(listing)
    await ByHand(world.core, world.who("tea"), "ml").take_back("sue")
    with pytest.raises(ListChanged) as changed:
        await lists.apply(listing, shown.tag)
    assert world.role("zoe") is None
    assert kinds(changed.value.diff) == {"zoe": "added", "sue": "added"}
    await lists.apply(listing, changed.value.diff.tag)
    assert (world.role("zoe"), world.role("sue")) == (STUDENT, ASSISTANT)
    with pytest.raises(NoSuchList):
        await lists.apply(listing, changed.value.diff.tag)


async def test_of_two_who_apply_the_same_at_once_one_does(world: World) -> None:
    listing = await world.look("person\nzoe\n")
    lists = world.lists()
    tag = (await lists.compare(listing)).tag
    done = await asyncio.gather(
        lists.apply(listing, tag), lists.apply(listing, tag), return_exceptions=True
    )
    assert [type(one).__name__ for one in done] == ["Applied", "NoSuchList"]


async def test_what_cannot_be_kept_is_not_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = await world.look("person\nzoe\n")
    lists = world.lists()
    tag = (await lists.compare(listing)).tag

    async def fail(*_: Any) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(world.core.store, "save_by_hand", fail)
    with pytest.raises(StoreError):
        await lists.apply(listing, tag)
    assert world.role("zoe") is None
    monkeypatch.undo()
    await lists.apply(listing, tag)
    assert world.role("zoe") is STUDENT


async def test_a_list_is_undone_where_nothing_else_was_done_since(world: World) -> None:
    id = await world.apply(
        "person,role,exclude\nzoe,,\nsue,assistant,\nasa,,yes\nnina,,\n1001,,\n", remove=False
    )
    await ByHand(world.core, world.who("tea"), "ml").exclude("sue")
    core = await world.again()  # also after a restart
    undone = await Importing(core, world.who("tea"), "ml").undo(id)
    assert (undone.undone, undone.left) == (4, 1)

    def role(login: str) -> CourseRole | None:
        return core.roll.course_role(world.who(login), "ml", NOW)

    assert (role("zoe"), role("asa"), role("sue")) == (None, ASSISTANT, None)
    assert core.roll.pending.in_course("ml") == []
    assert core.roll.rosters.listed("lms:id-new") is None
    assert core.imports.of("ml") == []
    assert list(await core.store.load_records("import")) == []
    entries = [one for one in await world.audit() if one.act == "undo-import"]
    assert [one.details["import"] for one in entries] == [id] * 4
    with pytest.raises(NoSuchList):
        await Importing(core, world.who("tea"), "ml").undo(id)


async def test_after_a_day_it_stays(world: World) -> None:
    id = await world.apply("person\nzoe\n")
    world.clock.pass_(days=1)
    with pytest.raises(NoSuchList):
        await world.lists().undo(id)
    assert len(await world.core.store.load_records("import")) == 1
    await world.core.settler.retry()
    assert list(await world.core.store.load_records("import")) == []
    assert world.role("zoe") is STUDENT


async def test_somebody_else_s_list_and_another_course_s_are_none(world: World) -> None:
    listing = await world.look("person\nzoe\n")
    with pytest.raises(NoSuchList):
        world.lists("adm").find(listing.id)
    with pytest.raises(NoSuchList):
        world.lists("adm", "db").find(listing.id)
    with pytest.raises(NotYours):
        world.lists("asa").find(listing.id)
    id = await world.apply("person\nzoe\n")
    with pytest.raises(NoSuchList):
        await world.lists("adm", "db").undo(id)
    with pytest.raises(NotYours):
        await world.lists("asa").undo(id)
    sheet = read_people(b"person\nzoe\n", STUDENT, OSLO)
    assert isinstance(sheet, Sheet)
    with pytest.raises(NotYours):
        await world.lists("asa").begin(sheet, remove=False)


async def test_a_teacher_undoes_nothing_above_themselves(world: World) -> None:
    id = await world.apply("person,role\nzoe,teacher\n", "adm")
    with pytest.raises(NotYours):
        await world.lists("tea").undo(id)
    assert world.role("zoe") is TEACHER


async def test_a_new_list_takes_the_place_of_ones_former_and_old_ones_are_forgotten(
    world: World,
) -> None:
    first = await world.look("person\nzoe\n")
    second = await world.look("person\nstu\n")
    with pytest.raises(NoSuchList):
        world.lists().find(first.id)
    world.clock.pass_(minutes=31)
    with pytest.raises(NoSuchList):
        world.lists().find(second.id)


async def test_nobody_goes_through_a_campus_by_lists(world: World) -> None:
    def sheet(first: int) -> Sheet:
        text = "person\n" + "".join(f"p{n}\n" for n in range(first, first + 4000))
        found = read_people(text.encode(), STUDENT, OSLO)
        assert isinstance(found, Sheet)
        return found

    lists = world.lists()
    await lists.begin(sheet(0), remove=False)
    await lists.begin(sheet(0), remove=False)  # the same once more, mended
    with pytest.raises(TooMany):
        await lists.begin(sheet(4000), remove=False)
    await world.lists("adm").begin(sheet(4000), remove=False)
    world.clock.pass_(days=1)
    await lists.begin(sheet(4000), remove=False)
    await world.core.imports.close()


async def test_no_more_waits_than_may(world: World) -> None:
    text = "person\n" + "".join(f"p{n}\n" for n in range(501))
    with pytest.raises(TooMany):
        await world.apply(text)
    assert world.core.roll.pending.in_course("ml") == []


async def test_while_a_source_is_silent_lines_wait_for_it(world: World) -> None:
    world.lms.down = True
    diff = await world.diff("person\nzoe\nstu\n", remove=True)
    assert {row.waits for row in diff.rows} == {Waits.SILENT}
    assert diff.spares
    world.lms.raises = RuntimeError("no")
    assert kinds(await world.diff("person\nzoe\n")) == {"zoe": "not-found"}


async def test_what_breaks_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(world.core.finder, "decide", fail)
    sheet = read_people(b"person\nzoe\n", STUDENT, OSLO)
    assert isinstance(sheet, Sheet)
    listing = await world.lists().begin(sheet, remove=False)
    assert listing.task is not None
    await listing.task
    assert (listing.is_ready, listing.failed[:20]) == (False, "Something went wrong")


async def test_who_is_erased_is_in_no_list_any_more(world: World) -> None:
    id = await world.apply("person\nzoe\nsue\n1001\n")
    zoe = world.who("zoe")
    listing = await world.look("person\nzoe\n")
    await world.core.store.erase([zoe.key], "zoe", "erased-0123456789ab")
    world.core.roll.forget([zoe.key], "zoe", "erased-0123456789ab")
    world.core.imports.forget([zoe.key], "zoe", "erased-0123456789ab")
    with pytest.raises(NoSuchList):
        world.lists().find(listing.id)
    undone = await world.lists().undo(id)
    assert (undone.undone, undone.left) == (1, 0)


async def test_identities_that_are_one_person_have_one_enrolment_after_a_list(
    world: World,
) -> None:
    # Somebody typed under two names of theirs stands in one line alone.
    diff = await world.diff("person\nzoe\nad:zoe\nad:id-zoe\n")
    assert kinds(diff) == {"zoe": "added", "ad:zoe": "twice", "ad:id-zoe": "twice"}


async def test_nobody_waits_for_a_role_that_the_actor_does_not_give(world: World) -> None:
    diff = await world.diff("person,role\nnobody,teacher\nno-one,assistant\n")
    assert kinds(diff) == {"nobody": "not-yours", "no-one": "not-found"}

    await world.apply("person,role\nnobody,teacher\nno-one,assistant\n")
    (waits,) = world.core.roll.pending.in_course("ml")
    assert (waits.typed, waits.role) == ("no-one", ASSISTANT)
    diff = await world.diff("person,role\nnobody,teacher\n", "adm")
    assert kinds(diff) == {"nobody": "not-found"}


async def test_a_teacher_undoes_no_list_that_keeps_another_teacher_out(world: World) -> None:
    boss = Member("id-boss", "boss", "Boss", frozenset({TEACHER}))
    await world.core.roll.take_roster("lms", "ml", Roster(CourseRef("ml"), (boss,), NOW))
    id = await world.apply("person,exclude\nlms:boss,yes\n", "adm")

    with pytest.raises(NotYours):
        await world.lists("tea").undo(id)

    assert world.core.roll.exclusions.of(["lms:id-boss"])
    assert (await world.lists("adm").undo(id)).undone == 1
