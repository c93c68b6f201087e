"""Grants: who may give what, what they change in decisions, what is used of them, and that they survive."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from jupyterhub_edu.core import Core, Refused
from jupyterhub_edu.core.giving import (
    AboveCeiling,
    CannotGive,
    Giving,
    GivingNotYours,
    NoSuchGrant,
    Whom,
)
from jupyterhub_edu.core.named import NotNamed
from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.allowances import GPU_HOUR, parse_allowance
from jupyterhub_edu.domain.campus import FilePerson
from jupyterhub_edu.domain.courses import Allowances, Caps
from jupyterhub_edu.domain.decide import EndRule, StartRequest
from jupyterhub_edu.domain.grants import Cap, Ceilings, Grant, Hours, Lift, Longest, Offer
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.reasons import Code
from jupyterhub_edu.domain.schedule import Period
from jupyterhub_edu.ports import Record, StoreError
from jupyterhub_edu.store.memory import MemoryStore
from tests.audited import audited
from tests.fakes.campus import NOW, T4, a_campus, a_core, a_course, a_profile, enrol

HOUR = timedelta(hours=1)
LATER = NOW + timedelta(days=7)
CEILINGS = Ceilings(
    hours=10 * GPU_HOUR,
    longest=8 * HOUR,
    profiles=frozenset({"big"}),
    servers=2,
    devices=MappingProxyType({"t4": 2}),
)
STUDENT, TEACHER = CourseRole.STUDENT, CourseRole.TEACHER


def campus(**kwargs: Any) -> Any:
    course = a_course(
        allowances=Allowances(parse_allowance("2h per week"), None),
        caps={STUDENT: Caps(1, {"t4": 1})},
        ends=NOW + timedelta(days=90),
    )
    profiles = [a_profile(), a_profile("gpu", flavor=T4), a_profile("big", flavor=T4)]
    admins = frozenset({FilePerson("ad", "root")})
    settings = {"ceilings": CEILINGS, "courses": [course, a_course("db")], "admins": admins}
    return a_campus(profiles=profiles, **{**settings, **kwargs})


class World:
    """A teacher, two students, an assistant, an administrator, and a teacher of another course."""

    def __init__(self, store: MemoryStore | None = None, **kwargs: Any) -> None:
        self.store = store or MemoryStore()
        self.core: Core = a_core(campus(**kwargs), store=self.store)

    async def open(self) -> World:
        await self.core.ready()
        await enrol(self.core, "tea", ml=TEACHER)
        await enrol(self.core, "asa", ml=CourseRole.ASSISTANT)
        await enrol(self.core, "ada", ml=STUDENT)
        await enrol(self.core, "bob", ml=STUDENT)
        await enrol(self.core, "dba", db=TEACHER)
        await enrol(self.core, "root")
        return self

    async def give(
        self, what: Lift, who: str | Whom | None = "ada", by: str = "tea", **dates: Any
    ) -> Grant:
        actor = self.core.roll.by_hub_name(by)
        assert actor is not None
        whom = who if isinstance(who, Whom) else Whom(who)
        return await Giving(self.core, actor, "ml", "192.0.2.1").give(
            what, whom, **{"ends": LATER, **dates}
        )

    async def take_back(self, grant: Grant, by: str = "tea") -> Grant | None:
        actor = self.core.roll.by_hub_name(by)
        assert actor is not None
        return await Giving(self.core, actor, "ml").take_back(grant.id)

    def codes(self, login: str = "ada", profile: str = "gpu") -> list[Code]:
        person = self.core.roll.by_hub_name(login)
        assert person is not None
        decision = self.core.book.decide(StartRequest(person.key, "ml", profile))
        return [reason.code for reason in decision.reasons]  # type: ignore[misc]

    async def start(self, login: str = "ada", profile: str = "gpu", server: str = "") -> Admission:
        person = self.core.roll.by_hub_name(login)
        assert person is not None
        request = StartRequest(person.key, "ml", profile)
        admission = await self.core.book.admit(request, person, server)
        await self.core.book.run(admission.id)
        return admission

    async def use(self, hours: float, login: str = "ada") -> None:
        """Let somebody work for so long."""
        admission = await self.start(login)
        self.core.clock.pass_(hours=hours)  # type: ignore[attr-defined]
        await self.core.book.end(admission.id)
        await self.core.spared.settle()

    async def restarted(self) -> World:
        """The same after the hub was killed; the clock goes on."""
        other = World(self.store)
        other.core.clock.now = self.core.clock()  # type: ignore[attr-defined]
        await other.core.ready()
        return other


# -- who may give ----------------------------------------------------------------------------------------------------

WITHIN: dict[str, Lift] = {
    "hours": Hours(10 * GPU_HOUR),
    "a profile": Offer("big"),
    "servers": Cap(2),
    "devices": Cap(2, "t4"),
    "a longer session": Longest("gpu", 8 * HOUR),
}
ABOVE: dict[str, Lift] = {
    "hours": Hours(10 * GPU_HOUR + 1),
    "a profile": Offer("gpu"),
    "servers": Cap(3),
    "devices": Cap(3, "t4"),
    "a longer session": Longest("gpu", 8 * HOUR + timedelta(seconds=1)),
}


@pytest.mark.parametrize("what", WITHIN.values(), ids=WITHIN)
async def test_a_teacher_gives_up_to_the_ceiling_and_it_is_written_down(what: Lift):
    world = await World().open()
    grant = await world.give(what, why="was ill")
    assert world.core.grants.of("ml") == (grant,)
    assert not grant.approved
    entry = (await audited(world.store, "ml"))[0]
    assert (entry.actor, entry.act, entry.target, entry.address) == (
        "tea",
        "grant",
        "ada",
        "192.0.2.1",
    )
    assert entry.details["why"] == "was ill"


@pytest.mark.parametrize("what", ABOVE.values(), ids=ABOVE)
async def test_above_the_ceiling_a_teacher_gives_nothing_and_an_administrator_may(what: Lift):
    world = await World().open()
    with pytest.raises(AboveCeiling):
        await world.give(what)
    assert world.core.grants.of("ml") == ()
    assert "grant" not in [entry.act for entry in await audited(world.store, "ml")]
    assert (await world.give(what, by="root")).approved


async def test_the_ceiling_of_hours_counts_all_that_one_student_was_given():
    world = await World().open()
    await world.give(Hours(6 * GPU_HOUR))
    with pytest.raises(AboveCeiling, match="of which 6 are given"):
        await world.give(Hours(5 * GPU_HOUR))
    await world.give(Hours(5 * GPU_HOUR), "bob")
    with pytest.raises(AboveCeiling):
        await world.give(Hours(5 * GPU_HOUR), None)  # one of all has been given six
    await world.give(Hours(4 * GPU_HOUR), None)


async def test_what_an_administrator_gave_counts_towards_no_ceiling():
    world = await World().open()
    await world.give(Hours(50 * GPU_HOUR), by="root")
    assert not (await world.give(Hours(10 * GPU_HOUR))).approved


@pytest.mark.parametrize("who", ["asa", "ada", "dba"])
async def test_nobody_else_gives_or_takes_back(who: str):
    world = await World().open()
    grant = await world.give(Hours(GPU_HOUR))
    with pytest.raises(GivingNotYours):
        await world.give(Hours(GPU_HOUR), by=who)
    with pytest.raises(GivingNotYours):
        await world.take_back(grant, by=who)
    assert world.core.grants.of("ml") == (grant,)


async def test_a_teacher_does_not_take_back_what_an_administrator_gave():
    world = await World().open()
    grant = await world.give(Hours(50 * GPU_HOUR), by="root")
    with pytest.raises(GivingNotYours):
        await world.take_back(grant)
    assert await world.take_back(grant, by="root") is None


SENSELESS: dict[str, tuple[Lift, dict[str, Any]]] = {
    "a profile that does not exist": (Offer("x"), {}),
    "a longer session of one": (Longest("x", HOUR), {}),
    "a flavor that does not exist": (Cap(1, "x"), {}),
    "a flavor without devices": (Cap(1, "cpu"), {}),
    "no hours": (Hours(0), {}),
    "no servers": (Cap(0), {}),
    "an end before now": (Hours(1), {"ends": NOW}),
    "an end before its beginning": (Hours(1), {"starts": LATER, "ends": LATER}),
}


@pytest.mark.parametrize(("what", "dates"), SENSELESS.values(), ids=SENSELESS)
async def test_what_means_nothing_is_not_given(what: Lift, dates: dict[str, Any]):
    world = await World().open()
    with pytest.raises(CannotGive):
        await world.give(what, **dates)


async def test_nobody_outside_the_course_is_found():
    world = await World().open()
    for who in ("dba", "nobody", "ad:id-dba"):
        with pytest.raises(NotNamed):
            await world.give(Hours(1), who)
    with pytest.raises(CannotGive):
        await world.give(Hours(1), Whom(section="A"))


async def test_a_grant_without_an_end_ends_with_the_course():
    world = await World().open()
    assert (await world.give(Hours(1), ends=None)).ends == NOW + timedelta(days=90)


async def test_a_grant_that_cannot_be_kept_is_not_given():
    world = await World().open()

    async def broken(*_: Any, **__: Any) -> None:
        raise StoreError("full")

    world.store.save_records = broken  # type: ignore[method-assign]
    with pytest.raises(StoreError):
        await world.give(Hours(1))
    assert world.core.grants.of("ml") == ()


# -- what it changes -------------------------------------------------------------------------------------------------


async def test_a_profile_is_offered_to_whom_it_is_granted_and_to_nobody_else():
    world = await World().open()
    assert world.codes(profile="big") == [Code.PROFILE_NOT_OFFERED]
    grant = await world.give(Offer("big"))
    assert world.codes(profile="big") == []
    assert world.codes("bob", "big") == [Code.PROFILE_NOT_OFFERED]
    await world.take_back(grant)
    assert world.codes(profile="big") == [Code.PROFILE_NOT_OFFERED]


async def test_a_cap_is_lifted_until_the_grant_ends():
    world = await World().open()
    await world.start(profile="notebook")
    assert world.codes(profile="notebook") == [Code.PERSON_CAP]
    await world.give(Cap(2), ends=NOW + HOUR)
    assert world.codes(profile="notebook") == []
    world.core.clock.pass_(hours=1)  # type: ignore[attr-defined]
    assert world.codes(profile="notebook") == [Code.PERSON_CAP]


async def test_a_lower_ceiling_narrows_what_was_given():
    world = await World().open()
    await world.give(Offer("big"))
    world.core.replace_campus(campus(ceilings=Ceilings()), {})
    assert world.codes(profile="big") == [Code.PROFILE_NOT_OFFERED]


async def test_a_longer_session_lasts_longer():
    world = await World().open()
    await world.give(Hours(10 * GPU_HOUR))
    await world.give(Longest("gpu", 6 * HOUR))
    assert (await world.start()).ends_at == NOW + 6 * HOUR


async def test_taking_back_moves_no_session_that_runs():
    world = await World().open()
    grant = await world.give(Longest("notebook", 6 * HOUR))
    admission = await world.start(profile="notebook")
    await world.take_back(grant)
    kept = world.core.book.admission(admission.id)
    assert kept is not None
    assert (kept.ends_at, kept.ends_by) == (NOW + 6 * HOUR, EndRule.LONGEST)


# -- extra hours -----------------------------------------------------------------------------------------------------


async def test_extra_hours_are_used_after_the_week_s_own_and_exactly():
    world = await World().open()
    grant = await world.give(Hours(3 * GPU_HOUR))
    await world.use(3)  # two of the week's own, one of the grant's
    assert world.core.spared.spent("ada") == {grant.id: GPU_HOUR}
    assert world.core.ledger.used("ml", Period.WEEK, NOW, "ada") == 2 * GPU_HOUR
    assert (
        world.core.ledger.used("ml", Period.WEEK, NOW) == 3 * GPU_HOUR
    )  # the course pays all of it
    admission = await world.start()
    assert (admission.ends_at, admission.ends_by) == (NOW + 5 * HOUR, EndRule.ALLOWANCE)


@pytest.mark.parametrize("when", ["after the end", "before the end", "before the end was told"])
async def test_what_was_used_survives_the_hub(when: str):
    world = await World().open()
    grant = await world.give(Hours(3 * GPU_HOUR))
    admission = await world.start()
    await world.core.spared.settle()
    world.core.clock.pass_(hours=3)  # type: ignore[attr-defined]
    if when == "after the end":
        await world.core.book.end(admission.id)
        await world.core.spared.settle()
    elif when == "before the end was told":
        (row,) = await world.store.load_open_admissions()
        await world.store.save_admission(replace(row, stage=Stage.ENDED, ended_at=NOW + 3 * HOUR))
    again = await world.restarted()
    if when == "before the end":
        await again.core.book.end(admission.id, NOW + 3 * HOUR)
    assert again.core.spared.spent("ada") == {grant.id: GPU_HOUR}
    assert again.core.ledger.used("ml", Period.WEEK, NOW, "ada") == 2 * GPU_HOUR
    await again.core.spared.settle()
    once_more = await again.restarted()
    assert once_more.core.spared.spent("ada") == {grant.id: GPU_HOUR}


async def test_a_session_over_the_end_of_a_week_uses_each_week_s_own_first():
    allowance = Allowances(parse_allowance("1h per week"))
    world = World(courses=[a_course(allowances=allowance)])
    world.core.clock.now = datetime(2026, 11, 8, 21, tzinfo=UTC)  # type: ignore[attr-defined]
    await world.open()
    grant = await world.give(Hours(3 * GPU_HOUR), ends=LATER)
    await world.use(4)  # Sunday 22:00 to Monday 02:00 in Oslo
    for core in (world.core, (await world.restarted()).core):
        assert core.spared.spent("ada") == {grant.id: 2 * GPU_HOUR}
        for at in (NOW, LATER):
            assert core.ledger.used("ml", Period.WEEK, at, "ada") == GPU_HOUR
            assert core.ledger.used("ml", Period.WEEK, at) == 2 * GPU_HOUR


async def test_extra_hours_that_a_session_has_reserved_are_given_to_no_other():
    world = await World(
        courses=[a_course(allowances=Allowances(parse_allowance("1h per week")))]
    ).open()
    await world.give(Hours(GPU_HOUR))
    first = await world.start()
    assert first.ends_at == NOW + 2 * HOUR
    assert world.codes() == [Code.PERSON_ALLOWANCE]
    await world.core.book.end(first.id)
    assert world.codes() == []


async def test_what_has_been_used_stays_given_when_it_is_taken_back():
    world = await World().open()
    grant = await world.give(Hours(10 * GPU_HOUR))
    await world.use(3)
    left = await world.take_back(grant)
    assert left is not None
    assert (left.what, left.ends) == (Hours(GPU_HOUR), NOW + 3 * HOUR)
    with pytest.raises(AboveCeiling):
        await world.give(Hours(10 * GPU_HOUR))
    await world.give(Hours(9 * GPU_HOUR))


async def test_what_has_not_been_used_is_gone_when_it_is_taken_back():
    world = await World().open()
    assert await world.take_back(await world.give(Hours(10 * GPU_HOUR))) is None
    await world.give(Hours(10 * GPU_HOUR))


async def test_nothing_is_taken_back_that_another_course_has():
    world = await World().open()
    grant = await world.give(Hours(1))
    teacher = await enrol(world.core, "two", ml=TEACHER, db=TEACHER)
    with pytest.raises(NoSuchGrant):
        await Giving(world.core, teacher, "db").take_back(grant.id)


# -- for good --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", WITHIN.values(), ids=WITHIN)
async def test_every_kind_survives_the_hub(what: Lift):
    world = await World().open()
    grants = {await world.give(what), await world.give(what, None, by="root")}
    assert set((await world.restarted()).core.grants.of("ml")) == grants


BROKEN: dict[str, Any] = {
    "something is missing": {},
    "an unknown thing": {"what": {"x": 1}},
    "a negative amount": {"what": {"hours": -1}},
    "an amount that is none": {"what": {"hours": "1"}},
    "an instant without a zone": {"ends": "2026-11-10T10:00:00"},
    "approved by a word": {"approved": "yes"},
    "a person who is not named": {"for": "person"},
    "a section that is not named": {"for": "section"},
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_a_record_that_cannot_be_read_stops_the_hub_with_its_name(broken: dict[str, Any]):
    world = await World().open()
    await world.give(Hours(1), None)
    (record,) = await world.store.load_records("grant")
    body = {**record.body, **broken} if broken else {}
    await world.store.save_records([Record("grant", "g7", body)])
    with pytest.raises(StoreError, match="'g7' of the kind 'grant'"):
        await World(world.store).core.ready()


async def test_a_grant_to_somebody_who_is_erased_is_forgotten_and_its_author_has_a_stand_in():
    world = await World().open()
    await world.give(Hours(1))
    await world.give(Hours(1), "bob")
    world.core.grants.forget(["ad:id-ada"], "ada", "erased-1")
    world.core.grants.forget(["ad:id-tea"], "tea", "erased-2")
    assert [(g.person, g.by) for g in world.core.grants.of("ml")] == [("ad:id-bob", "erased-2")]


async def test_a_start_that_a_rule_refuses_is_refused_whatever_is_granted_to_others():
    world = await World().open()
    await world.give(Offer("big"), "bob")
    with pytest.raises(Refused):
        await world.start(profile="big")
