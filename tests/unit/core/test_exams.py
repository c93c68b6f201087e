"""Exams: who may hold one, what it does to those who take part and to others, and that it survives."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from jupyterhub_edu.core import Core, Refused
from jupyterhub_edu.core.along import Along
from jupyterhub_edu.core.exam_records import Prepared, tag_of
from jupyterhub_edu.core.exam_wishes import CannotExamine, ExamWish
from jupyterhub_edu.core.examining import (
    ExamChanged,
    Examining,
    ExaminingNotYours,
    ExamTooLong,
    NoSuchExam,
)
from jupyterhub_edu.core.named import NotNamed
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.allowances import GPU_HOUR, parse_allowance
from jupyterhub_edu.domain.balance import Share
from jupyterhub_edu.domain.campus import FilePerson
from jupyterhub_edu.domain.courses import Allowances, Caps
from jupyterhub_edu.domain.decide import EndRule, StartRequest
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.reasons import Code
from jupyterhub_edu.domain.schedule import Period
from jupyterhub_edu.domain.usage import By, UsageQuery
from jupyterhub_edu.ports import Record, StoreError
from jupyterhub_edu.store.memory import MemoryStore
from tests.audited import audited
from tests.by_hand import put_by_hand
from tests.fakes.campus import (
    NOW,
    T4,
    a_campus,
    a_choice,
    a_core,
    a_course,
    a_profile,
    an_enrolment,
    an_option,
    enrol,
)

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
STUDENT, TEACHER = CourseRole.STUDENT, CourseRole.TEACHER
BEGINS = NOW + 2 * HOUR
IMAGE = "registry.example/exam:1"
WISH = ExamWish(BEGINS, BEGINS + HOUR, "gpu", IMAGE)


class World:
    """A teacher, an assistant and two students of ``ml``, a teacher of ``db``, an administrator; four devices."""

    def __init__(self, store: MemoryStore | None = None, **kwargs: Any) -> None:
        self.store = store or MemoryStore()
        course = a_course(
            allowances=Allowances(parse_allowance("5h per week"), parse_allowance("9h per week")),
            caps={STUDENT: Caps(1, {"t4": 1})},
            ends=NOW + timedelta(days=90),
        )
        size = an_option(
            "size", a_choice("small"), a_choice("big", course_roles=frozenset({TEACHER}))
        )
        gpu = a_profile("gpu", flavor=T4, options=[size])
        secret = a_profile("secret", flavor=T4)
        settings: dict[str, Any] = {
            "courses": [course, a_course("db")],
            "profiles": [a_profile(), gpu, secret],
            "admins": frozenset({FilePerson("ad", "root")}),
        }
        self.core: Core = a_core(a_campus(**{**settings, **kwargs}), store=self.store)

    async def open(self) -> World:
        await self.core.ready()
        await enrol(self.core, "tea", ml=TEACHER)
        await enrol(self.core, "asa", ml=CourseRole.ASSISTANT)
        await enrol(self.core, "ada", ml=STUDENT, db=STUDENT)
        await enrol(self.core, "bob", ml=STUDENT)
        await enrol(self.core, "dba", db=TEACHER)
        await enrol(self.core, "root")
        return self

    def by(self, login: str = "tea", course: str = "ml") -> Examining:
        actor = self.core.roll.by_hub_name(login)
        assert actor is not None
        return Examining(self.core, actor, course, "192.0.2.1")

    async def prepare(self, wish: ExamWish = WISH, **kwargs: Any) -> str:
        return (await self.by().prepare(wish._replace(**kwargs))).exam.id

    def codes(self, login: str = "ada", profile: str = "gpu", course: str = "ml") -> list[str]:
        person = self.core.roll.by_hub_name(login)
        assert person is not None
        decision = self.core.book.decide(StartRequest(person.key, course, profile))
        return [str(reason.code) for reason in decision.reasons]

    async def start(
        self, login: str = "ada", profile: str = "gpu", course: str = "ml", server: str = ""
    ) -> Admission:
        person = self.core.roll.by_hub_name(login)
        assert person is not None
        request = StartRequest(person.key, course, profile)
        admission = await self.core.book.admit(request, person, server)
        await self.core.book.run(admission.id)
        return self.now(admission)

    def now(self, admission: Admission) -> Admission:
        known = self.core.book.admission(admission.id)
        assert known is not None
        return known

    def end(self, admission: Admission) -> tuple[datetime | None, EndRule | None]:
        known = self.now(admission)
        return known.ends_at, known.ends_by

    def pass_(self, **amount: float) -> None:
        self.core.clock.pass_(**amount)  # type: ignore[attr-defined]

    async def look(self) -> None:
        await self.core.exams.look(self.core.sooner)

    async def restarted(self) -> World:
        other = World(self.store)
        other.core.clock.now = self.core.clock()  # type: ignore[attr-defined]
        await other.core.ready()
        return other


# -- who may hold one ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["asa", "ada", "dba"])
async def test_nobody_but_the_course_s_teacher_holds_exams(who: str):
    world = await World().open()
    id = await world.prepare()
    other = world.by(who)
    for attempt in (
        other.prepare(WISH),
        other.change(id, ExamWish(ends=BEGINS + 2 * HOUR)),
        other.begin(id),
        other.end(id),
        other.call_off(id),
        other.protocol(id),
    ):
        with pytest.raises(ExaminingNotYours):
            await attempt
    assert [one.exam.id for one in world.core.exams.of("ml")] == [id]


async def test_a_teacher_of_two_courses_reaches_an_exam_through_its_own_alone():
    world = await World().open()
    id = await world.prepare()
    await enrol(world.core, "two", ml=TEACHER, db=TEACHER)
    with pytest.raises(NoSuchExam):
        await world.by("two", "db").call_off(id)


async def test_a_teacher_stays_within_six_hours_with_extra_time_and_an_administrator_does_not():
    world = await World().open()
    long = WISH._replace(ends=BEGINS + 6 * HOUR)
    await world.by().prepare(long)
    with pytest.raises(ExamTooLong):
        await world.by().prepare(long._replace(extra={"ada": MINUTE}))
    await world.by("root").prepare(long._replace(extra={"ada": MINUTE}))


async def test_whoever_presses_twice_prepares_one_exam():
    world = await World().open()
    first, second = await asyncio.gather(world.prepare(), world.prepare())
    assert second == first
    assert [known.exam.id for known in world.core.exams.of("ml")] == [first]
    assert [entry.act for entry in await audited(world.store, "ml")] == ["prepare-exam"]
    others = {
        await world.prepare(title="Another"),
        (await world.by("root").prepare(WISH)).exam.id,
        (await world.by("root").prepare(WISH, Along())).exam.id,  # asked for by somebody
    }
    assert len(others | {first}) == 4


async def test_who_has_seen_an_older_exam_changes_nothing():
    world = await World().open()
    id = await world.prepare()
    seen = tag_of(world.by().find(id))
    await world.by().change(id, ExamWish(ends=BEGINS + 2 * HOUR), seen)
    for late in (
        world.by().change(id, ExamWish(ends=BEGINS + 3 * HOUR), seen),
        world.by().begin(id, seen),
        world.by().end(id, seen),
        world.by().call_off(id, seen),
    ):
        with pytest.raises(ExamChanged) as changed:
            await late
        assert changed.value.now.exam.ends == BEGINS + 2 * HOUR
    await world.by().begin(id, tag_of(world.by().find(id)))


async def test_an_exam_of_a_section_is_for_those_who_are_in_it_when_it_is_prepared():
    world = await World().open()
    ada = world.core.roll.by_hub_name("ada")
    assert ada is not None
    in_b = an_enrolment(ada.key, "ml", role=STUDENT, sections=frozenset({"B"}))
    await put_by_hand(world.core.roll, in_b)
    id = await world.prepare(section="B", title="  Midterm,\tB ")
    exam = world.by().find(id).exam
    assert (exam.participants, exam.title) == (frozenset({ada.key}), "Midterm, B")
    for wrong in ({"section": "C"}, {"section": "B", "everybody": True}, {"title": "x" * 201}):
        with pytest.raises(CannotExamine):
            await world.prepare(**wrong)
    await world.by().change(id, ExamWish(everybody=True))
    assert world.by().find(id).exam.participants is None


async def test_what_is_done_is_in_the_audit_with_it():
    world = await World().open()
    id = await world.prepare(extra={"ada": HOUR / 2})
    await world.by().change(id, ExamWish(ends=BEGINS + 2 * HOUR))
    await world.by().begin(id)
    await world.by().end(id)
    other = await world.prepare()
    await world.by().call_off(other)
    entries = [e for e in reversed(await audited(world.store, "ml")) if e.actor == "tea"]
    acts = "prepare-exam change-exam begin-exam end-exam prepare-exam call-off-exam"
    assert [e.act for e in entries] == acts.split()
    assert {e.address for e in entries} == {"192.0.2.1"}
    assert entries[0].details["with_extra_time"] == 1
    assert entries[1].details["until_was"] == (BEGINS + HOUR).isoformat()
    assert "profile_was" not in entries[1].details


SENSELESS: dict[str, dict[str, Any]] = {
    "one that would have begun": {"starts": NOW - MINUTE},
    "an end before its start": {"ends": BEGINS},
    "without a profile": {"profile": None},
    "a profile that does not exist": {"profile": "x"},
    "a profile that students are not offered": {"profile": "secret"},
    "an option that does not exist": {"options": {"colour": "red"}},
    "a choice that students may not take": {"options": {"size": "big"}},
    "an image that is another one every day": {"image": "registry.example/exam"},
    "an image that is none": {"image": "registry.example/exam:1 --privileged"},
    "after the course": {
        "starts": NOW + timedelta(days=90),
        "ends": NOW + timedelta(days=90, hours=1),
    },
}


@pytest.mark.parametrize("wrong", SENSELESS.values(), ids=SENSELESS)
async def test_what_means_nothing_is_not_prepared(wrong: dict[str, Any]):
    world = await World().open()
    with pytest.raises(CannotExamine):
        await world.prepare(**wrong)
    assert world.core.exams.of("ml") == []


async def test_participants_are_people_of_the_course():
    world = await World().open()
    for wrong in ({"participants": ["ada", "dba"]}, {"extra": {"nobody": HOUR}}):
        with pytest.raises(NotNamed):
            await world.prepare(**wrong)


async def test_an_exam_that_cannot_be_kept_is_not_prepared():
    world = await World().open()

    async def broken(*_: Any, **__: Any) -> None:
        raise StoreError("full")

    world.store.save_records = broken  # type: ignore[method-assign]
    with pytest.raises(StoreError):
        await world.prepare()
    assert world.core.exams.of("ml") == []


async def test_the_profile_s_own_image_is_fixed_where_none_is_named():
    world = await World().open()
    (known,) = [(await world.by().prepare(WISH._replace(image=None))).exam]
    assert known.image == "registry.example/gpu:1"


# -- those who take part ---------------------------------------------------------------------------------------------


async def test_a_server_that_runs_ends_when_the_exam_begins_and_others_run_on():
    world = await World().open()
    mine, bobs = await world.start(profile="notebook"), await world.start("bob", "notebook")
    teachers = await world.start("tea", "notebook")
    await world.prepare(participants=["ada"])
    assert world.end(mine) == (BEGINS, EndRule.EXAM_START)
    assert world.end(bobs) == (NOW + 4 * HOUR, EndRule.LONGEST)
    assert world.end(teachers) == (NOW + 4 * HOUR, EndRule.LONGEST)


async def test_one_of_another_course_ends_too():
    world = await World().open()
    mine = await world.start(course="db", profile="notebook")
    await world.prepare()
    assert world.end(mine) == (BEGINS, EndRule.EXAM_START)


async def test_a_server_started_before_it_is_told_when_it_ends():
    world = await World().open()
    await world.prepare()
    admission = await world.start(profile="notebook")
    assert world.end(admission) == (BEGINS, EndRule.EXAM_START)


async def test_servers_run_on_where_the_campus_lets_them():
    world = await World(exams_leave=True).open()
    mine = await world.start(profile="notebook")
    await world.prepare()
    assert world.end(mine) == (NOW + 4 * HOUR, EndRule.LONGEST)


async def test_an_exam_that_is_called_off_gives_back_what_it_took():
    world = await World().open()
    mine = await world.start(profile="notebook")
    await world.by().call_off(await world.prepare())
    assert world.end(mine) == (NOW + 4 * HOUR, EndRule.LONGEST)


async def test_an_exam_that_is_moved_moves_the_end():
    world = await World().open()
    mine = await world.start(profile="notebook")
    id = await world.prepare()
    await world.by().change(id, ExamWish(starts=BEGINS + HOUR, ends=BEGINS + 2 * HOUR))
    assert world.end(mine) == (BEGINS + HOUR, EndRule.EXAM_START)
    await world.by().change(id, ExamWish(starts=BEGINS - HOUR))
    assert world.end(mine) == (BEGINS - HOUR, EndRule.EXAM_START)


async def test_an_exam_that_begins_at_once_leaves_time_for_a_warning_and_no_more():
    world = await World().open()
    mine = await world.start(profile="notebook")
    world.pass_(minutes=1)
    await world.by().begin(await world.prepare())
    assert world.end(mine) == (NOW + 3 * MINUTE, EndRule.EXAM_START)
    world.pass_(minutes=1)
    await world.look()
    assert world.end(mine) == (NOW + 3 * MINUTE, EndRule.EXAM_START)


async def test_whoever_comes_into_the_course_later_takes_part():
    world = await World().open()
    late = await enrol(world.core, "late", db=STUDENT)
    mine = await world.start("late", "notebook", "db")
    await world.prepare()
    assert world.end(mine) == (NOW + 4 * HOUR, EndRule.LONGEST)
    await enrol(world.core, "late", db=STUDENT, ml=STUDENT)
    await world.look()
    assert world.end(mine) == (BEGINS, EndRule.EXAM_START)
    assert late.hub_name == "late"


async def test_during_the_exam_only_its_server_starts_once_and_ends_with_it():
    world = await World().open()
    id = await world.prepare()
    world.pass_(hours=2, minutes=10)
    assert world.codes(profile="notebook") == [Code.EXAM_RUNNING]
    assert Code.EXAM_RUNNING in world.codes(profile="gpu", course="db")
    assert world.codes("asa", "notebook") == []
    admission = await world.start()
    assert admission.exam == id
    assert admission.granted.image == IMAGE
    assert world.end(admission) == (BEGINS + HOUR, EndRule.EXAM)
    assert world.codes() == [Code.EXAM_RUNNING]
    world.pass_(minutes=50)
    await world.core.book.end(admission.id)
    assert world.codes(profile="notebook") == []


async def test_an_option_that_is_not_as_fixed_is_refused():
    world = await World().open()
    await world.prepare()
    world.pass_(hours=2)
    ada = world.core.roll.by_hub_name("ada")
    assert ada is not None
    decision = world.core.book.decide(StartRequest(ada.key, "ml", "gpu", {"size": "big"}))
    assert Code.OPTION_INVALID in [reason.code for reason in decision.reasons]


async def test_extra_time_moves_one_person_s_end_alone_also_while_it_goes_on():
    world = await World().open()
    id = await world.prepare()
    world.pass_(hours=2)
    mine, bobs = await world.start(), await world.start("bob")
    await world.by().change(id, ExamWish(extra={"ada": HOUR / 2}))
    assert world.end(mine) == (BEGINS + 1.5 * HOUR, EndRule.EXAM)
    assert world.end(bobs) == (BEGINS + HOUR, EndRule.EXAM)
    world.pass_(hours=1)
    await world.core.book.end(bobs.id)
    assert world.codes("bob", "notebook") == []
    assert Code.EXAM_RUNNING in world.codes("ada", "notebook")


async def test_an_exam_that_is_ended_ends_for_all_after_a_warning():
    world = await World().open()
    id = await world.prepare(extra={"ada": HOUR})
    world.pass_(hours=2)
    mine = await world.start()
    await world.by().end(id)
    assert world.end(mine) == (BEGINS + 2 * MINUTE, EndRule.EXAM)
    world.pass_(minutes=2)
    await world.look()
    assert world.end(mine) == (BEGINS + 2 * MINUTE, EndRule.EXAM)
    assert world.codes("bob", "notebook") == []


async def test_once_it_has_begun_nothing_is_taken_away():
    world = await World().open()
    id = await world.prepare(participants=["ada"], extra={"ada": HOUR})
    world.pass_(hours=2, minutes=30)
    wrong = (
        ExamWish(starts=BEGINS + HOUR),
        ExamWish(profile="notebook"),
        ExamWish(image="registry.example/other:1"),
        ExamWish(options={}),
        ExamWish(participants=["bob"]),
        ExamWish(ends=BEGINS + 31 * MINUTE),
        ExamWish(extra={"ada": timedelta(0)}, ends=BEGINS + 31 * MINUTE),
    )
    for wish in wrong:
        with pytest.raises(CannotExamine):
            await world.by().change(id, wish)
    with pytest.raises(CannotExamine):
        await world.by().call_off(id)
    await world.by().change(id, ExamWish(participants=["ada", "bob"]))
    world.pass_(hours=2)
    with pytest.raises(CannotExamine, match="over"):
        await world.by().change(id, ExamWish(extra={"ada": 5 * HOUR}))


# -- devices and hours -----------------------------------------------------------------------------------------------


async def test_it_holds_a_device_for_everybody_who_has_not_finished_and_is_a_course_of_its_own():
    world = await World().open()
    id = await world.prepare(extra={"ada": HOUR})
    shares, lead = world.core.exams.with_exams, timedelta(minutes=15)

    def held(at: datetime) -> dict[str, Share]:
        return dict(shares({}, "t4", at))

    two, one = (Share(n, 0, n, n, exam=True) for n in (2, 1))
    assert held(BEGINS - lead - MINUTE) == {}
    assert held(BEGINS - lead) == {f"exam:{id}": two}
    assert held(BEGINS + HOUR) == {f"exam:{id}": one}
    assert held(BEGINS + 2 * HOUR) == {}
    assert dict(shares({}, "cpu", BEGINS)) == {}
    nobodys: dict[str, Share] = {}
    assert shares(nobodys, "t4", BEGINS) is shares(nobodys, "t4", BEGINS + MINUTE)


async def test_its_servers_are_charged_to_no_budget_and_reports_show_them():
    world = await World().open()
    await world.prepare()
    world.pass_(hours=2)
    admission = await world.start()
    assert admission.reserved is None
    world.pass_(hours=1)
    await world.core.book.end(admission.id)
    await world.core.spared.settle()
    for core in (world.core, (await world.restarted()).core):
        assert core.ledger.used("ml", Period.WEEK, NOW, "ada") == 0
        assert core.ledger.used("ml", Period.WEEK, NOW) == 0
        (row,) = await core.store.load_usage(UsageQuery(frozenset({By.PERSON})))
        assert (row.person, row.used) == ("ada", GPU_HOUR)


async def test_whoever_has_no_hours_left_sits_all_the_same():
    course = a_course(allowances=Allowances(parse_allowance("0h per week"), None))
    world = await World(courses=[course, a_course("db")]).open()
    await world.prepare()
    assert world.codes() == [Code.PERSON_ALLOWANCE]
    world.pass_(hours=2)
    assert world.codes() == []


# -- beforehand and afterwards ---------------------------------------------------------------------------------------


async def test_the_protocol_says_who_started_when_and_from_where():
    world = await World().open()
    id = await world.prepare()
    world.pass_(hours=2, minutes=3)
    admission = await world.start()
    await world.core.note_exam_start(admission, "198.51.100.7")
    (sat,) = await world.by().protocol(id)
    assert (sat.hub_name, sat.at, sat.address) == ("ada", BEGINS + 3 * MINUTE, "198.51.100.7")
    assert sat.admission == admission


# -- for good --------------------------------------------------------------------------------------------------------

KINDS: dict[str, dict[str, Any]] = {
    "for all students": {},
    "for a list": {"participants": ["ada", "bob"]},
    "for nobody": {"participants": []},
    "with extra time": {"extra": {"ada": HOUR / 4}},
    "for a list with extra time": {
        "participants": ["bob"],
        "extra": {"ada": HOUR / 4, "bob": HOUR},
    },
    "with options": {"options": {"size": "small"}},
}


@pytest.mark.parametrize("wish", KINDS.values(), ids=KINDS)
async def test_it_survives_the_hub_as_it_is(wish: dict[str, Any]):
    world = await World().open()
    id = await world.prepare(**wish)
    world.pass_(hours=2, minutes=1)
    await world.by().end(id)
    before = world.core.exams.find(id)
    assert isinstance(before, Prepared)
    again = await world.restarted()
    assert again.core.exams.find(id) == before


async def test_a_server_of_it_is_one_after_the_hub_was_killed():
    world = await World().open()
    await world.prepare()
    world.pass_(hours=2)
    admission = await world.start()
    again = await world.restarted()
    assert again.core.book.admission(admission.id) == world.now(admission)
    assert again.codes() == [Code.EXAM_RUNNING]


async def test_who_is_taken_off_the_list_is_off_it_for_good():
    world = await World().open()
    id = await world.prepare(participants=["ada", "bob"], extra={"ada": HOUR})
    await world.by().change(id, ExamWish(participants=["bob"], extra={"ada": timedelta(0)}))
    exam = (await world.restarted()).core.exams.of("ml")[0].exam
    assert (exam.participants, dict(exam.extra)) == (frozenset({"ad:id-bob"}), {})


async def test_a_list_of_one_who_is_erased_is_a_list_of_nobody():
    world = await World().open()
    id = await world.prepare(participants=["ada"], extra={"ada": HOUR})
    assert {r.whose for r in await world.store.load_records("sitter")} == {"ad:id-ada"}
    await world.store.erase(["ad:id-ada"], "ada", "erased-1")
    world.core.exams.forget(["ad:id-ada"], "ada", "erased-1")
    for core in (world.core, (await world.restarted()).core):
        known = core.exams.find(id)
        assert known is not None
        assert (known.exam.participants, dict(known.exam.extra)) == (frozenset(), {})


@pytest.mark.parametrize("kind", ["exam", "sitter"])
async def test_a_record_that_cannot_be_read_stops_the_hub_with_its_name(kind: str):
    world = await World().open()
    id = await world.prepare(participants=["ada"])
    body = {"exam": id, "listed": "yes", "extra_seconds": 0} if kind == "sitter" else {}
    await world.store.save_records([Record(kind, "e7", body, whose="ad:id-bob")])
    with pytest.raises(StoreError, match=f"'e7' of the kind '{kind}'"):
        await World(world.store).core.ready()


async def test_others_wait_until_a_change_is_kept():
    world = await World().open()
    id = await world.prepare()
    world.pass_(hours=2)
    with pytest.raises(Refused):
        await world.start(profile="notebook")
    await world.by().end(id)
    world.pass_(minutes=2)
    await world.start(profile="notebook")


async def test_devices_of_an_exam_are_kept_from_everybody_else():
    world = await World().open()
    dan = await enrol(world.core, "dan", db=STUDENT)
    await world.prepare()
    assert world.codes("dan", course="db") == []
    world.pass_(hours=1, minutes=45)
    assert world.codes("dan", course="db") == [Code.POOL_RESERVED]
    world.pass_(minutes=15)
    await world.start()
    await world.start("bob")
    assert Code.POOL_RESERVED not in world.codes("dan", course="db")  # none is free any more
    assert Code.NO_CAPACITY in world.codes("dan", course="db")
    assert dan.hub_name == "dan"


async def test_its_servers_count_for_the_exam_and_not_for_the_course():
    world = await World().open()
    id = await world.prepare()
    world.pass_(hours=2)
    admission = await world.start()
    assert (admission.share, admission.own) == (f"exam:{id}", True)
    state = world.core.book.state("t4")
    assert dict(state.used) == {f"exam:{id}": 1}
    assert state.shares[f"exam:{id}"].exam


async def test_who_takes_part_is_counted_anew_shortly_before_it_holds_anything():
    world = await World().open()
    id = await world.prepare()
    await enrol(world.core, "late", ml=STUDENT)
    held = world.core.exams.with_exams
    await world.look()
    assert held({}, "t4", BEGINS)[f"exam:{id}"].reserved == 2
    world.pass_(hours=1, minutes=40)
    await world.look()
    assert held({}, "t4", BEGINS)[f"exam:{id}"].reserved == 3
    await world.by().change(id, ExamWish(participants=["ada"]))
    assert held({}, "t4", BEGINS)[f"exam:{id}"].reserved == 1


async def test_an_exam_that_is_kept_is_prepared_though_an_end_cannot_be_moved_yet(monkeypatch):
    world = await World().open()
    mine = await world.start(profile="notebook")

    async def broken(*_: Any, **__: Any) -> None:
        raise StoreError("full")

    with monkeypatch.context() as now:
        now.setattr(world.store, "save_admission", broken)
        id = await world.prepare()
    assert [one.exam.id for one in world.core.exams.of("ml")] == [id]
    assert world.end(mine) == (NOW + 4 * HOUR, EndRule.LONGEST)
    await world.look()
    assert world.end(mine) == (BEGINS, EndRule.EXAM_START)
