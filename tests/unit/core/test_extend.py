"""A session that goes on: its end moves in book and store at once, budgets pay for it, and it is written down."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from jupyterhub_edu.core import Core, Refused
from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.allowances import GPU_HOUR, parse_allowance
from jupyterhub_edu.domain.campus import FilePerson
from jupyterhub_edu.domain.courses import Allowances
from jupyterhub_edu.domain.decide import EndRule, StartRequest
from jupyterhub_edu.domain.grants import NO_CEILINGS, Ceilings
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.reasons import Code, ExtendCode
from jupyterhub_edu.ports import Store, StoreError
from tests.audited import audited
from tests.fakes.campus import T4, a_campus, a_core, a_course, a_profile, enrol

HOUR = timedelta(hours=1)
NEAR = timedelta(minutes=5)


class World:
    """A course whose people may extend twice by an hour; sessions last four hours."""

    def __init__(
        self, person: str = "", course: str = "", store: Store | None = None, **campus: Any
    ) -> None:
        given = [parse_allowance(text) if text else None for text in (person, course)]
        courses = [a_course("ml", allowances=Allowances(*given)), a_course("db")]
        settings: dict[str, Any] = {"extend_times": 2, "extend_by": HOUR, **campus}
        profiles = [a_profile(), a_profile("gpu", flavor=T4)]
        kept = {"store": store} if store is not None else {}
        self.core: Core = a_core(a_campus(courses=courses, profiles=profiles, **settings), **kept)

    async def start(self, login: str = "ada", profile: str = "gpu") -> Admission:
        await self.core.ready()
        known = self.core.roll.by_hub_name(login)
        person = known or await enrol(self.core, login, ml=CourseRole.STUDENT)
        request = StartRequest(person.key, "ml", profile)
        admission = await self.core.book.admit(request, person, "")
        await self.core.book.run(admission.id)
        return self.now(admission)

    def now(self, admission: Admission) -> Admission:
        known = self.core.book.admission(admission.id)
        assert known is not None
        return known

    def go_to(self, admission: Admission, before_end: timedelta = NEAR) -> None:
        ends_at = self.now(admission).ends_at
        assert ends_at is not None
        self.core.clock.now = ends_at - before_end  # type: ignore[attr-defined]

    async def extend(self, admission: Admission) -> list[str]:
        """Codes of the reasons against it; none if it was extended."""
        extension = await self.core.extending.extend("ada", admission, "192.0.2.1")
        assert extension is not None
        return [str(reason.code) for reason in extension.reasons]

    async def kept(self) -> list[Admission]:
        return list(await self.core.store.load_open_admissions())


# -- the end moves -------------------------------------------------------------------------------------------------


async def test_a_session_goes_on_as_often_as_it_may_and_each_time_is_written_down():
    world = World()
    admission = await world.start()
    first = admission.ends_at
    assert first is not None
    for times in (1, 2):
        world.go_to(admission)
        await world.core.book.warn(admission.id)
        assert await world.extend(admission) == []
        longer = world.now(admission)
        assert longer.ends_at == first + times * HOUR
        assert (longer.stage, longer.ends_by, longer.extended) == (
            Stage.RUNNING,
            EndRule.EXTENSION,
            times,
        )
        assert await world.kept() == [longer]
    world.go_to(admission)
    assert await world.extend(admission) == [ExtendCode.NO_TIMES_LEFT]
    entries = await audited(world.core.store)
    assert [(e.actor, e.act, e.target, e.address) for e in entries] == [
        ("ada", "extend", "ada", "192.0.2.1")
    ] * 2
    assert entries[-1].details["after"] == entries[0].details["before"]


async def test_before_the_first_warning_it_is_too_early_and_where_nobody_may_it_is_refused():
    world = World()
    admission = await world.start()
    assert await world.extend(admission) == [ExtendCode.TOO_EARLY]
    never = World(extend_times=0)
    admission = await never.start()
    never.go_to(admission)
    assert await never.extend(admission) == [ExtendCode.NO_TIMES_LEFT]


async def test_who_holds_all_that_a_course_or_a_person_may_have_can_still_extend():
    world = World()
    full = [await world.start("ada"), await world.start("bob")]
    with pytest.raises(Refused):
        await world.start("cem")
    world.go_to(full[0])
    assert await world.extend(full[0]) == []


async def test_what_has_ended_or_does_not_run_yet_is_not_extended():
    world = World()
    admission = await world.start()
    await world.core.book.end(admission.id)
    assert await world.core.extending.extend("ada", admission) is None
    person = world.core.roll.by_hub_name("ada")
    assert person is not None
    pending = await world.core.book.admit(StartRequest(person.key, "ml", "gpu"), person, "")
    assert await world.core.extending.extend("ada", pending) is None


async def test_what_cannot_be_kept_has_not_happened(monkeypatch: pytest.MonkeyPatch):
    world = World(person="10h per week")
    admission = await world.start()
    world.go_to(admission)
    before = world.now(admission)

    async def fail(*_: object) -> None:
        raise StoreError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(world.core.store, "save_admission", fail)
        with pytest.raises(StoreError):
            await world.extend(admission)
    assert world.now(admission) == before
    assert await audited(world.core.store) == []
    assert await world.extend(admission) == []


async def test_two_who_ask_at_once_extend_it_once_each_and_reserve_twice():
    world = World(person="10h per week")
    admission = await world.start()
    world.go_to(admission, timedelta(minutes=9))
    answers = await asyncio.gather(world.extend(admission), world.extend(admission))
    assert sorted(answers) == [[], [ExtendCode.TOO_EARLY]]
    assert world.now(admission).extended == 1


# -- for somebody else ---------------------------------------------------------------------------------------------


CEILING = Ceilings(longest=6 * HOUR)
OWN_END = 4 * HOUR  # after the start


@pytest.mark.parametrize(
    ("ceilings", "admin", "hours", "codes"),
    [
        pytest.param(CEILING, False, 6, [], id="a teacher up to the ceiling"),
        pytest.param(CEILING, False, 7, [ExtendCode.ABOVE_CEILING], id="not above it"),
        pytest.param(NO_CEILINGS, False, 5, [ExtendCode.ABOVE_CEILING], id="without one nothing"),
        pytest.param(CEILING, True, 20, [], id="an administrator as long as they like"),
        pytest.param(CEILING, True, 3, [ExtendCode.END_FIXED], id="never sooner than it was"),
    ],
)
async def test_staff_extend_for_somebody(
    ceilings: Ceilings, admin: bool, hours: int, codes: list[str]
):
    admins = frozenset({FilePerson("ad", "tea")}) if admin else frozenset[FilePerson]()
    world = World(ceilings=ceilings, admins=admins)
    admission = await world.start()
    tea = await enrol(world.core, "tea", ml=CourseRole.TEACHER)
    until = admission.reserved_at + hours * HOUR
    extension = await world.core.extending.extend_for(tea, admission, until, "192.0.2.7")
    assert extension is not None
    assert [reason.code for reason in extension.reasons] == codes
    ended_at = admission.reserved_at + (OWN_END if codes else hours * HOUR)
    longer = world.now(admission)
    assert (longer.ends_at, longer.extended) == (ended_at, 0)
    written = [(e.actor, e.target) for e in await audited(world.core.store)]
    assert written == ([] if codes else [("tea", "ada")])


# -- budgets -------------------------------------------------------------------------------------------------------


def reserved(admission: Admission) -> int:
    assert admission.reserved is not None
    assert admission.reserved.person is not None
    return sum(admission.reserved.person.values())


async def test_a_start_reserves_its_length_and_an_extension_what_it_adds():
    world = World(person="10h per week", course="400h per week")
    admission = await world.start()
    assert reserved(admission) == 4 * GPU_HOUR
    world.go_to(admission)
    assert await world.extend(admission) == []
    assert reserved(world.now(admission)) == 5 * GPU_HOUR


async def test_a_budget_ends_a_session_and_then_has_nothing_left_to_extend_it():
    world = World(person="3h per week")
    admission = await world.start()
    assert admission.ends_by is EndRule.ALLOWANCE
    assert admission.ends_at == admission.reserved_at + 3 * HOUR
    world.go_to(admission)
    assert await world.extend(admission) == [Code.PERSON_ALLOWANCE]
    with pytest.raises(Refused) as refused:
        await world.start()
    assert Code.PERSON_ALLOWANCE in {reason.code for reason in refused.value.decision.reasons}


async def test_what_was_not_used_comes_back_and_what_was_used_stays_used():
    world = World(person="5h per week")
    admission = await world.start()
    world.core.clock.pass_(hours=1)  # type: ignore[attr-defined]
    await world.core.book.end(admission.id)
    again = await world.start()
    assert again.ends_at == again.reserved_at + 4 * HOUR
    assert again.ends_by is EndRule.LONGEST
    await world.core.book.end(again.id, again.ends_at)
    world.core.clock.now = again.ends_at  # type: ignore[attr-defined]
    with pytest.raises(Refused):
        await world.start()


async def test_two_starts_never_see_the_same_minutes_of_a_courses_budget():
    world = World(course="6h per week")
    lengths = []
    for login in ("ada", "bob"):
        admission = await world.start(login)
        assert admission.ends_at is not None
        lengths.append(admission.ends_at - admission.reserved_at)
    assert lengths == [4 * HOUR, 2 * HOUR]


async def test_a_plain_cpu_server_asks_for_no_budget():
    world = World(person="0h per week")
    admission = await world.start(profile="notebook")
    assert admission.reserved is None


async def test_budgets_are_the_same_after_a_restart():
    world = World(person="9h per week", course="6h per week")
    await world.start("ada")
    again = World(person="9h per week", course="6h per week", store=world.core.store)
    await again.core.ready()
    assert again.core.book.admissions() == world.core.book.admissions()
    bob = await again.start("bob")
    assert bob.ends_at == bob.reserved_at + 2 * HOUR
