"""Who is meant by what staff type: one person, several, or nobody yet; and how what waits is settled."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.by_hand import ByHand, NobodyKnown, NotYours, Several, TooMany
from jupyterhub_edu.core.finding import Unreadable
from jupyterhub_edu.domain.campus import FilePerson, SourceInfo
from jupyterhub_edu.domain.pending import WORDS, Pending, Waits
from jupyterhub_edu.domain.people import (
    CourseRef,
    CourseRole,
    Enrolment,
    Exclusion,
    Identity,
    LinkRule,
    Listed,
    Member,
    Roster,
)
from jupyterhub_edu.ports import Gone, StoreError
from jupyterhub_edu.store.memory import MemoryStore
from tests.audited import audited
from tests.by_hand import drop_by_hand, put_by_hand
from tests.fakes.campus import NOW, a_campus, a_core, a_course, an_identity, enrol
from tests.fakes.finders import FakeFinder
from tests.fakes.rosters import FakeRosters
from tests.fakes.world import AClock, FakeSource

STUDENT, ASSISTANT, TEACHER = CourseRole.STUDENT, CourseRole.ASSISTANT, CourseRole.TEACHER
LINK = LinkRule("lms", "idnumber", "ad", "employee")


def in_ad(login: str, number: str = "", **kwargs: Any) -> Identity:
    return an_identity(login, attributes={"employee": number} if number else {}, **kwargs)


def in_lms(login: str, number: str = "", **kwargs: Any) -> Identity:
    attributes = {"idnumber": number} if number else {}
    return an_identity(login, source="lms", attributes=attributes, **kwargs)


class World:
    """``ad`` and ``lms`` can be asked, ``lti`` has rosters alone, ``kc`` has neither; ``tea`` teaches ``ml``."""

    def __init__(self, **campus: Any) -> None:
        self.clock = AClock(NOW)
        self.ad, self.lms = FakeFinder("ad", self.clock), FakeFinder("lms", self.clock)
        self.lti, self.kc = FakeRosters("lti", self.clock), FakeSource("kc", self.clock)
        self.store = MemoryStore()
        self.campus = a_campus(
            courses=[a_course("ml"), a_course("db")],
            sources=[SourceInfo(id, "fake", id) for id in ("ad", "lms", "lti", "kc")],
            admins=frozenset({FilePerson("ad", "adm")}),
            **campus,
        )
        self.core = self.a_core()

    def a_core(self) -> Core:
        """One over the same store, as after a restart."""
        sources = {one.id: one for one in (self.ad, self.lms, self.lti, self.kc)}
        return a_core(self.campus, sources=sources, store=self.store, clock=self.clock)

    def by(self, hub_name: str = "tea", course: str = "ml") -> ByHand:
        actor = self.core.roll.by_hub_name(hub_name)
        assert actor is not None
        return ByHand(self.core, actor, course, "::1")

    async def waits(self, who: str, role: CourseRole = STUDENT, **kwargs: Any) -> Pending:
        """Type it; it waits."""
        made = await self.by().enrol(who, role, **kwargs)
        assert isinstance(made, Pending)
        return made

    @property
    def pending(self) -> list[Pending]:
        return self.core.roll.pending.everything()

    def role(self, hub_name: str) -> CourseRole | None:
        person = self.core.roll.by_hub_name(hub_name)
        return self.core.roll.course_role(person, "ml", self.clock()) if person else None

    async def acts(self) -> list[str]:
        return [entry.act for entry in await audited(self.store)]

    async def lists(self, source: str, *logins: str) -> None:
        """A roster of another course names them."""
        members = tuple(Member(f"id-{x}", x, x, frozenset({STUDENT})) for x in logins)
        await self.core.roll.take_roster(source, "db", Roster(CourseRef("db"), members, NOW))


@pytest.fixture
async def world():
    made = World()
    await enrol(made.core, "tea", ml=TEACHER)
    await enrol(made.core, "adm")
    yield made
    await made.core.close()


@pytest.fixture
async def linked():
    """Numbers of ``lms`` and of ``ad`` are one person's."""
    made = World(links=(LINK,))
    await enrol(made.core, "tea", ml=TEACHER)
    yield made
    await made.core.close()


# -- one person is meant -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["1001", " 1001 ", "ad:1001", "ad:ola", "OLA", "ola"])
async def test_a_source_says_who_is_meant_before_they_ever_come(world, typed):
    world.ad.people = [in_ad("ola", "1001"), in_ad("kim", "1002")]

    made = await world.by().enrol(typed, STUDENT, why="late")

    assert isinstance(made, Enrolment)
    assert (made.person, made.by, made.why) == ("ad:id-ola", "tea", "late")
    # The course's list can call them by name until they come.
    assert await world.store.load_listed() == [Listed("ad:id-ola", "ola", "Ola")]
    await world.core.sign_in(in_ad("ola", "1001"), "ola")
    assert world.role("ola") is STUDENT
    assert await world.store.load_listed() == []


async def test_two_names_of_one_person_are_one_enrolment(linked):
    linked.ad.people, linked.lms.people = [in_ad("ola", "1001")], [in_lms("o.n", "1001")]
    await linked.core.sign_in(in_lms("o.n", "1001"), "o.n")
    await linked.core.sign_in(in_ad("ola", "1001"), "ola")

    for typed in ("1001", "ola", "lms:o.n", "ad:id-ola", "o.n"):
        await linked.by().enrol(typed, STUDENT, why=typed)

    by_hand = [e for e in await linked.store.load_enrolments() if e.by == "tea"]
    assert [(e.person, e.why) for e in by_hand] == [("lms:id-o.n", "o.n")]


async def test_an_enrolment_under_another_identity_gives_way(linked):
    await linked.lists("lms", "o.n")
    await linked.by().enrol("lms:o.n", STUDENT, why="first")
    await linked.core.sign_in(in_ad("ola", "1001"), "ola")
    await linked.core.sign_in(in_lms("o.n", "1001"), "x")

    await linked.by().enrol("ad:ola", STUDENT, why="second")

    by_hand = [e for e in await linked.store.load_enrolments() if e.by == "tea"]
    assert [(e.person, e.why) for e in by_hand] == [("ad:id-ola", "second")]


async def test_somebody_known_is_excluded_by_number(world):
    world.ad.people = [in_ad("stu", "1003")]
    await enrol(world.core, "stu", ml=STUDENT)
    made = await world.by().exclude("1003", why="cheated")
    assert isinstance(made, Exclusion)
    assert world.role("stu") is None
    # Only the directory remembers the number.
    await world.by().take_back("1003")
    assert world.core.roll.exclusions.in_course("ml") == []


async def test_a_login_at_a_named_source_waits_for_nobody(world):
    await world.lists("ad", "bob")
    world.ad.down = True
    made = await world.by().enrol("ad:bob", STUDENT)
    assert isinstance(made, Enrolment)
    assert world.ad.looked_for == []


async def test_who_took_over_a_login_is_meant_and_not_who_is_gone(world):
    old = await enrol(world.core, "ola")
    await world.core.roll.lose(old, Gone(NOW, "left"))
    world.ad.people = [in_ad("ola", subject="new")]
    made = await world.by().enrol("ola", STUDENT)
    assert isinstance(made, Enrolment)
    assert made.person == "ad:new"


# -- several, or none ----------------------------------------------------------------------------------------------


SEVERAL = {
    "one number at two sources": ("1001", [in_ad("ola", "1001")], [in_lms("kim", "1001")]),
    "one login at two sources": ("ola", [in_ad("ola")], [in_lms("ola")]),
    "one's login is another's number": ("1001", [in_ad("1001")], [in_lms("kim", "1001")]),
    "the same at a named source": ("ad:1001", [in_ad("1001"), in_ad("kim", "1001")], []),
}


@pytest.mark.parametrize(("typed", "ad", "lms"), SEVERAL.values(), ids=SEVERAL)
async def test_of_several_people_none_is_chosen(world, typed, ad, lms):
    world.ad.people, world.lms.people = ad, lms
    for act in (world.by().enrol(typed, STUDENT), world.by().exclude(typed)):
        with pytest.raises(Several):
            await act
    assert (world.pending, await world.acts()) == ([], [])


async def test_a_hub_account_that_somebody_has_named_like_a_number_does_not_get_what_is_the_numbers(
    world,
):
    await world.core.sign_in(an_identity("1001", source="kc"), "1001")
    world.ad.people = [in_ad("ola", "1001")]
    with pytest.raises(Several):
        await world.by().enrol("1001", ASSISTANT)


WAITS = {
    "nobody has this number": ("1001", Waits.NOBODY),
    "nobody has this login": ("ola", Waits.NOBODY),
    "an e-mail address": ("ola@uni.example", Waits.ADDRESS),
    "a login at a source that cannot be asked": ("kc:ola", Waits.NOT_COME),
    "a login at a source that says no": ("ad:ola", Waits.NOBODY),
    "a source that there is not": ("sis:ola", Waits.NOBODY),
    "hostile text": ("<script>alert('x')</script>{{7*7}}*)(uid=*", Waits.NOBODY),
}


@pytest.mark.parametrize(("typed", "why"), WAITS.values(), ids=WAITS)
async def test_it_waits_and_says_why(world, typed, why):
    pending = await world.waits(typed)
    assert (pending.waits, pending.typed) == (why, typed)
    assert WORDS[why].sentence
    assert await world.store.load_pending() == [pending]
    (entry,) = await audited(world.store)
    # What was typed is not in the audit, from which nothing can be taken.
    assert (entry.act, entry.target) == ("wait", "")
    assert entry.details == {"pending": pending.id, "role": "student", "why": ""}


@pytest.mark.parametrize("how", ["down", "raises", "slow"])
async def test_while_a_source_is_silent_nobody_is_found(world, how, monkeypatch):
    world.ad.people = [in_ad("ola", "1001")]
    if how == "down":
        world.lms.down = True
    elif how == "raises":
        world.lms.raises = RuntimeError("boom")
    else:
        monkeypatch.setattr("jupyterhub_edu.core.finding._PATIENCE_SECONDS", 0.01)
        monkeypatch.setattr(world.lms, "find", lambda name: asyncio.Event().wait())
    assert (await world.waits("1001")).waits is Waits.SILENT


UNREADABLE = [
    "",
    "  ",
    ":",
    "ad:",
    "ad: -",
    "a\nb",
    "a\0b",
    "\u202eola",
    "\u200b",
    "x" * 256,
    "\ud800a",
]


@pytest.mark.parametrize("typed", UNREADABLE)
async def test_nobody_is_called(world, typed):
    with pytest.raises(Unreadable):
        await world.by().enrol(typed, STUDENT)
    with pytest.raises(NobodyKnown):
        await world.by().take_back(typed)


async def test_what_a_source_thinks_alike_is_compared_once_more(world):
    world.ad.people = [in_ad("ola", "1001")]
    ours = world.ad.find

    async def lenient(name: str) -> Any:
        return await ours(name.replace("*", ""))

    world.ad.find = lenient
    assert (await world.waits("10*01")).waits is Waits.NOBODY


# -- what waits is settled -----------------------------------------------------------------------------------------


async def test_a_sync_settles_it_with_dates_author_and_reason(world):
    ends = NOW + timedelta(days=30)
    pending = await world.waits("lti:ola", ASSISTANT, starts=NOW, ends=ends, why="helps")
    world.clock.pass_(minutes=15)
    world.lti.put("db", "ola")

    await world.core.syncer.run("lti")

    assert world.pending == [] == await world.store.load_pending()
    (kept,) = [e for e in await world.store.load_enrolments() if e.by == "tea"]
    assert kept == Enrolment(
        "lti:id-ola", "ml", ASSISTANT, "manual", NOW, ends, by="tea", why="helps"
    )
    settled, waited = await audited(world.store)
    assert (settled.act, settled.actor, settled.target) == ("settle", "tea", "lti:id-ola")
    assert (
        settled.details
        == waited.details
        == {
            "pending": pending.id,
            "role": "assistant",
            "why": "helps",
        }
    )


async def test_a_dry_run_settles_nothing(world):
    await world.waits("lti:ola")
    world.lti.put("db", "ola")
    await world.core.syncer.run("lti", dry=True)
    await world.core.settler.close()
    assert len(world.pending) == 1


ARRIVES = {
    "by the login at the source that was named": ("kc:ola", an_identity("ola", source="kc")),
    "by number": ("1001", an_identity("x", source="kc", attributes={"n": "1001"})),
    "by number at the source that was named": (
        "kc:1001",
        an_identity("x", source="kc", attributes={"n": "1001"}),
    ),
    "by key": ("kc:id-ola", an_identity("ola", source="kc")),
}


@pytest.mark.parametrize(("typed", "identity"), ARRIVES.values(), ids=ARRIVES)
async def test_the_first_log_in_settles_it_also_after_a_restart(world, typed, identity):
    await world.waits(typed, why="late")
    await world.core.settler.close()
    world.core = world.a_core()

    await world.core.sign_in(identity, "ola")

    assert world.role("ola") is STUDENT
    assert world.pending == []


async def test_an_exclusion_that_waited_holds_when_the_log_in_is_over(world):
    await world.by().exclude("kc:ola", why="banned", until=NOW + timedelta(days=1))
    world.lms.put("ml", "ola")
    ola = await world.core.sign_in(an_identity("ola", source="kc"), "ola")
    (kept,) = world.core.roll.exclusions.of([ola.key])
    assert (kept.by, kept.why, kept.until) == ("tea", "banned", NOW + timedelta(days=1))


NOT_THEIRS = {
    "a login that they chose at a source that nobody named": (
        "1001",
        an_identity("1001", source="kc"),
    ),
    "an account of that name": ("ola", an_identity("ola", source="kc")),
    "the login at another source": ("ad:ola", an_identity("ola", source="kc")),
    "an address as login": ("ola@uni.example", an_identity("ola@uni.example", source="kc")),
}


@pytest.mark.parametrize(("typed", "identity"), NOT_THEIRS.values(), ids=NOT_THEIRS)
async def test_what_waits_is_not_settled_by(world, typed, identity):
    await world.waits(typed)
    await world.core.sign_in(identity, "ola")
    await world.core.settler.retry()
    assert (world.role("ola"), len(world.pending)) == (None, 1)


async def test_a_login_waits_for_a_source_that_vouches_for_it(world):
    world.ad.down = True
    await world.waits("ola")
    world.ad.down = False
    world.ad.people = [in_ad("ola")]
    await world.core.sign_in(in_ad("ola"), "ola")
    assert world.role("ola") is STUDENT


async def test_two_linked_identities_of_one_who_has_not_come_are_settled_when_they_do(linked):
    linked.ad.people, linked.lms.people = [in_ad("ola", "1001")], [in_lms("o.n", "1001")]
    assert (await linked.waits("1001")).waits is Waits.NOT_COME
    await linked.core.settler.retry()
    await linked.core.sign_in(in_lms("o.n", "1001"), "ola")
    assert (linked.role("ola"), linked.pending) == (STUDENT, [])


async def test_why_it_waits_is_told_anew(world):
    pending = await world.waits("1001")
    world.ad.people, world.lms.people = [in_ad("ola", "1001")], [in_lms("kim", "1001")]
    await world.core.settler.retry()
    assert world.pending == [replace(pending, waits=Waits.SEVERAL)]
    world.lms.people = []
    world.ad.down = True
    await world.core.settler.retry()
    assert await world.store.load_pending() == [replace(pending, waits=Waits.SILENT)]


async def test_a_silent_source_is_asked_once_in_a_round(world):
    for number in range(3):
        await world.waits(f"100{number}")
    world.ad.down = True
    world.ad.looked_for.clear()
    await world.core.settler.retry()
    assert len(world.ad.looked_for) == 1
    assert {one.waits for one in world.pending} == {Waits.SILENT}


async def test_what_was_typed_twice_waits_once_and_ends_as_one_enrolment(world):
    first = await world.waits("1001", why="first")
    again = await world.waits("1001", why="again")
    assert (again.id, world.pending) == (first.id, [again])
    world.clock.pass_(minutes=1)
    await world.waits("kc:ola", why="by login")

    await world.core.sign_in(an_identity("ola", source="kc", attributes={"n": "1001"}), "ola")

    assert world.pending == []
    kept = [e for e in await world.store.load_enrolments() if e.course == "ml" and e.by]
    assert [(e.person, e.why) for e in kept] == [("kc:id-ola", "again")]
    assert (await world.acts())[:2] == ["settle", "settle"]


async def test_what_is_found_when_typed_again_waits_no_longer(world):
    await world.waits("1001")
    world.ad.people = [in_ad("ola", "1001")]
    await world.by().enrol("1001", STUDENT)
    assert world.pending == [] == await world.store.load_pending()


async def test_an_exclusion_made_meanwhile_stands(world):
    await world.by().exclude("1001", why="typed")
    await world.core.sign_in(in_ad("ola"), "ola")
    await world.by().exclude("ad:ola", why="by name")
    world.ad.people = [in_ad("ola", "1001")]
    await world.core.settler.retry()
    assert [one.why for one in world.core.roll.exclusions.in_course("ml")] == ["by name"]
    assert world.pending == []


# -- who may -------------------------------------------------------------------------------------------------------


async def test_who_may_no_longer_do_it_settles_nothing(world):
    await world.waits("1001")
    await world.by("adm").exclude("ad:tea", why="left")
    world.ad.people = [in_ad("ola", "1001")]
    await world.core.settler.retry()
    (pending,) = world.pending
    assert pending.waits is Waits.NOT_YOURS
    assert "settle" not in await world.acts()


async def test_who_was_erased_settles_nothing(world):
    pending = await world.waits("1001")
    world.core.roll.pending.rename_author("tea", "erased-1")
    world.ad.people = [in_ad("ola", "1001")]
    await world.core.settler.retry()
    assert world.pending == [replace(pending, by="erased-1", waits=Waits.NOT_YOURS)]


async def test_what_waits_keeps_no_teacher_out(world):
    await world.by().exclude("1001")
    world.ad.people = [in_ad("prof", "1001")]
    await enrol(world.core, "prof", ml=TEACHER)
    await world.core.settler.retry()
    assert (world.role("prof"), world.pending[0].waits) == (TEACHER, Waits.NOT_YOURS)
    with pytest.raises(NotYours):
        await world.by().exclude("1001")


async def test_a_role_lost_while_a_source_was_asked_is_lost(world, monkeypatch):
    tea = world.core.roll.by_hub_name("tea")

    async def find(name: str) -> Any:
        await put_by_hand(world.core.roll, Exclusion(tea.key, "ml", "adm"))
        return [in_ad("ola", "1001")] if name == "1001" else []

    monkeypatch.setattr(world.ad, "find", find)
    for typed in ("1001", "1002"):
        with pytest.raises(NotYours):
            await world.by().enrol(typed, STUDENT)
        await drop_by_hand(world.core.roll, Exclusion(tea.key, "ml", ""))
    assert (world.pending, await world.acts()) == ([], [])


# -- taken back, dropped, bounded ----------------------------------------------------------------------------------


async def test_one_name_is_one_however_it_is_spelt(world):
    await world.waits("kc:zoë")
    again = await world.waits("kc:ZOE\u0308", why="again")
    assert world.pending == [again]
    await world.by().take_back("kc:zoe\u0308")
    assert world.pending == []


@pytest.mark.parametrize("by_id", [True, False])
async def test_what_waits_is_taken_back(world, by_id):
    pending = await world.waits("SIS-1001")
    await world.by().take_back(pending.id if by_id else "sis-1001")
    assert world.pending == [] == await world.store.load_pending()
    (entry, _) = await audited(world.store)
    assert (entry.act, entry.details) == ("take-back", {"pending": pending.id})
    world.ad.people = [in_ad("ola", "SIS-1001")]
    await world.core.sign_in(in_ad("ola", "SIS-1001"), "ola")
    assert world.role("ola") is None


async def test_nobody_takes_back_what_waits_for_a_role_as_high_as_theirs_or_in_another_course(
    world,
):
    await world.by("adm").enrol("1001", TEACHER)
    with pytest.raises(NotYours):
        await world.by().take_back("1001")
    await world.by("adm", "db").enrol("1002", STUDENT)
    with pytest.raises(NobodyKnown):
        await world.by().take_back("1002")
    assert len(world.pending) == 2


async def test_of_two_of_one_login_nobody_is_taken_back(world):
    for source in ("ad", "lti"):
        await world.lists(source, "bob")
        await world.by().enrol(f"{source}:bob", STUDENT)
    with pytest.raises(Several):
        await world.by().take_back("bob")
    await world.by().take_back("lti:bob")
    await world.by().take_back("bob")


DROPPED = {
    "half a year has passed": ({}, 180),
    "its time is over": ({"ends": NOW + timedelta(days=2)}, 2),
}


@pytest.mark.parametrize(("dates", "days"), DROPPED.values(), ids=DROPPED)
async def test_it_is_dropped_when(world, dates, days):
    pending = await world.waits("1001", **dates)
    world.clock.pass_(days=days - 1)
    await world.core.settler.retry()
    assert world.pending == [pending]
    world.clock.pass_(days=1)
    await world.core.settler.retry()
    assert world.pending == [] == await world.store.load_pending()
    (entry, _) = await audited(world.store)
    assert (entry.actor, entry.act, entry.details) == ("", "lapse", {"pending": pending.id})


async def test_nobody_goes_through_a_campus_by_typing(world):
    for number in range(300):
        await world.waits(f"n{number}")
    with pytest.raises(TooMany):
        await world.by().enrol("n300", STUDENT)
    with pytest.raises(TooMany):
        await world.by().take_back("n301")
    for number in range(300, 500):
        await world.by("adm").enrol(f"n{number}", STUDENT)

    world.clock.pass_(hours=1)
    with pytest.raises(TooMany):
        await world.by().enrol("n500", STUDENT)
    # What waits already may be typed again.
    assert (await world.waits("n1", why="again")).why == "again"


# -- a store that fails --------------------------------------------------------------------------------------------


async def broken(*_: Any) -> None:
    raise StoreError("the disk is full")


@pytest.mark.parametrize("excludes", [False, True], ids=["enrolled", "excluded"])
async def test_what_cannot_be_kept_goes_on_waiting(world, monkeypatch, excludes):
    act = world.by().exclude("1001") if excludes else world.by().enrol("1001", STUDENT)
    pending = await act
    world.ad.people = [in_ad("ola", "1001")]
    with monkeypatch.context() as patch:
        patch.setattr(world.store, "save_by_hand", broken)
        await world.core.settler.retry()
        assert world.pending == [pending]

    await world.core.settler.retry()

    assert world.pending == []
    kept = world.store.load_exclusions if excludes else world.store.load_enrolments
    assert [one.person for one in await kept() if one.by] == ["ad:id-ola"]


async def test_what_is_done_and_that_it_waits_no_longer_are_kept_in_one_step(world, monkeypatch):
    await world.waits("1001")
    await world.waits("1002")
    monkeypatch.setattr(world.store, "remove_pending", broken)
    world.ad.people = [in_ad("ola", "1001")]
    await world.by().enrol("1001", STUDENT)
    world.ad.people = [in_ad("ola", "1001"), in_ad("kim", "1002")]
    await world.core.settler.retry()
    assert world.pending == [] == await world.store.load_pending()
    assert (await world.acts())[:2] == ["settle", "enrol"]


async def test_a_reason_that_cannot_be_kept_is_told_all_the_same(world, monkeypatch):
    await world.waits("1001")
    world.ad.down = True
    monkeypatch.setattr(world.store, "save_pending", broken)
    await world.core.settler.retry()
    assert [one.waits for one in world.pending] == [Waits.SILENT]


async def test_what_cannot_be_dropped_stays(world, monkeypatch):
    pending = await world.waits("1001")
    world.clock.pass_(days=200)
    monkeypatch.setattr(world.store, "append_audit", broken)
    await world.core.settler.retry()
    assert world.pending == [pending]


async def test_a_log_in_does_not_wait_for_a_source(world, monkeypatch):
    monkeypatch.setattr("jupyterhub_edu.core.settling._PATIENCE_SECONDS", 0.01)
    await world.waits("1001")
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def find(_: str) -> list[Identity]:
        asked.set()
        await go_on.wait()
        return []

    monkeypatch.setattr(world.lms, "find", find)
    await world.core.sign_in(in_ad("ola", "1001"), "ola")
    await asked.wait()
    assert world.role("ola") is None
    settled = asyncio.Event()
    world.core.roll.on_change.append(lambda _: settled.set())
    go_on.set()
    async with asyncio.timeout(120):
        await settled.wait()
    assert world.role("ola") is STUDENT
