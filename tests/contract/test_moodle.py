"""The Moodle source: log-in, roles, courses, refresh, revocation, outage, and what each call costs.

Against the fake; what only reads runs against a live Moodle too, where the environment names one.
"""

import asyncio
import contextlib
import dataclasses
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from jupyterhub_edu.domain.people import CourseClaim, CourseRef, CourseRole, Identity, Person
from jupyterhub_edu.identity.moodle import MoodleSettings, MoodleSource
from jupyterhub_edu.ports import CodeGrant, Denied, Gone, Login, Redirect, Unavailable, utc_now
from tests.fakes.moodle import Course, Enrolment, FakeMoodle, User, live
from tests.fakes.moodle.browser import Browser
from tests.fakes.moodle.site import CAPABILITIES, NO_GROUPS, SEPARATE_GROUPS
from tests.relay import PLAIN_FAULTS, Relay
from tests.said import assert_said, said

CALLBACK = "https://hub.example.edu/hub/moodle/oauth_callback"
S, A, T = CourseRole.STUDENT, CourseRole.ASSISTANT, CourseRole.TEACHER
ADA, BEN, TEA, PRO, SUS, LATE, ZOE = 3, 4, 5, 6, 7, 8, 9
DS, ML, DRAFT, NEW = 2, 3, 4, 5


class World:
    """The fake, and sources over it."""

    def __init__(self, moodle: FakeMoodle) -> None:
        self.moodle, self.site = moodle, moodle.site
        self.site.redirect_uris = [CALLBACK]
        self.sources: list[MoodleSource] = []

    def source(self, **changes: Any) -> MoodleSource:
        keys = {
            "url": self.moodle.url,
            "client_id": self.site.client_id,
            "client_secret": self.site.client_secret,
            "token": self.site.token,
            "canary": DS,
            "timeout": "20s",  # nothing is asserted about seconds
        }
        source = MoodleSource("lms", MoodleSettings.model_validate(keys | changes), utc_now)
        self.sources.append(source)
        return source

    async def code(self, username: str = "ada", password: str = "") -> str:
        """Log in to Moodle as a person does."""
        user = self.site.by_username(username)
        assert user is not None
        return await code_of(
            self.sources[-1], self.moodle.url, username, password or user.password
        )

    @contextlib.contextmanager
    def without(self, capability: str) -> Iterator[None]:
        self.site.capabilities.discard(capability)
        try:
            yield
        finally:
            self.site.capabilities.add(capability)


async def code_of(source: MoodleSource, url: str, username: str, password: str) -> str:
    asked = await source.redirect()
    assert isinstance(asked, Redirect)
    assert asked.authorize_url == f"{url}/local/oauth/login.php"
    query = {
        "client_id": asked.client_id,
        "response_type": "code",
        "scope": " ".join(asked.scope),
        "redirect_uri": CALLBACK,
        "state": "c3RhdGU",
    }
    async with Browser(url) as browser:
        came = parse_qs(urlsplit(await browser.log_in(query, username, password)).query)
    assert came["state"] == ["c3RhdGU"]
    return came["code"][0]


@pytest.fixture
def moodle() -> Iterator[FakeMoodle]:
    with FakeMoodle() as moodle:
        yield moodle


@pytest.fixture
async def world(moodle: FakeMoodle) -> AsyncIterator[World]:
    world = World(moodle)
    yield world
    for source in world.sources:
        await source.close()


@pytest.fixture
def source(world: World) -> MoodleSource:
    return world.source()


def grant(code: str) -> CodeGrant:
    return CodeGrant(code, CALLBACK)


def person(number: int) -> Person:
    subject = str(number)
    return Person(f"lms:{subject}", "p", "lms", subject, "p", "P", None, True, utc_now())


async def read(source: MoodleSource, number: int) -> Identity:
    answer = await source.reread(person(number))
    assert isinstance(answer, Identity), answer
    return answer


async def roles(source: MoodleSource, number: int) -> dict[str, set[CourseRole]]:
    found: dict[str, set[CourseRole]] = {}
    for claim in (await read(source, number)).claims:
        found.setdefault(claim.course.named("shortname") or "", set()).add(claim.role)
    return found


async def roster(source: MoodleSource, number: int) -> dict[str, frozenset[CourseRole]]:
    told = await source.roster(CourseRef(str(number)))
    assert not isinstance(told, Unavailable), told
    return {member.login: member.roles for member in told.members}


# --- log-in ---


async def test_a_login_says_who_it_is_and_leaves_courses_open(world, source):
    answer = await source.redeem(grant(await world.code()))

    assert isinstance(answer, Login), answer
    identity = answer.identity
    assert (identity.key, identity.login, identity.name) == ("lms:3", "ada", "Ada Berg")
    assert (identity.groups, identity.claims, identity.covers) == (None, frozenset(), frozenset())
    assert answer.auth_state == {}


async def test_neither_pkce_nor_a_nonce_is_asked_of_a_plugin_that_ignores_them(source):
    asked = await source.redirect()
    assert (asked.pkce, asked.nonce) == (False, False)


@pytest.mark.parametrize("trouble", ["slow", "down", "no token"])
async def test_web_services_that_are_down_or_slow_cost_a_login_nothing(world, source, trouble):
    """P11: no call is made, so there is none to wait for."""
    code = await world.code()
    if trouble == "slow":
        world.moodle.slow = 3600
    if trouble == "down":
        world.site.webservices = False
    if trouble == "no token":
        world.site.token = "another"

    assert isinstance(await source.redeem(grant(code)), Login)
    assert world.moodle.calls == []


NUMBERS = {
    "a number that nobody can change": (
        "ada",
        {"idnumber_is_locked": True},
        {"idnumber": "SIS-3"},
    ),
    "a number that people may write themselves": ("ada", {}, {}),
    "no number": ("zoe.mller", {"idnumber_is_locked": True}, {}),
}


@pytest.mark.parametrize("row", NUMBERS.values(), ids=NUMBERS)
async def test_only_a_number_that_is_locked_can_link(world, row):
    username, keys, attributes = row
    source = world.source(**keys)
    login = await source.redeem(grant(await world.code(username)))
    assert login.identity.attributes == attributes
    again = await read(source, int(login.identity.subject))
    assert again.attributes == attributes
    assert again.name == login.identity.name


async def test_a_code_is_good_once(world, source):
    code = await world.code()
    assert isinstance(await source.redeem(grant(code)), Login)
    assert isinstance(await source.redeem(grant(code)), Denied)


@pytest.mark.parametrize("code", ["", "0" * 40, "x" * 10_000, "é\x00", "a&client_id=b"])
async def test_a_code_that_moodle_did_not_give_is_denied(source, code):
    assert isinstance(await source.redeem(grant(code)), Denied)


async def test_a_code_of_half_a_minute_ago_is_denied(world, source):
    code = await world.code()
    later = world.site.clock() + 31
    world.site.clock = lambda: later
    assert isinstance(await source.redeem(grant(code)), Denied)


PLUGIN_TROUBLE: dict[str, tuple[Callable[[World], object], str]] = {
    "another secret": (lambda w: setattr(w.site, "client_secret", "new"), "client_secret"),
    "another client": (lambda w: setattr(w.site, "client_id", "new"), "client_id"),
    "no plugin": (lambda w: setattr(w.moodle, "plugin", False), "install the plugin"),
    "maintenance": (lambda w: setattr(w.moodle, "maintenance", True), "503"),
}


@pytest.mark.parametrize("row", PLUGIN_TROUBLE.values(), ids=PLUGIN_TROUBLE)
async def test_a_plugin_that_does_not_work_is_unknown_and_named(world, source, row):
    break_it, words = row
    code = await world.code()
    break_it(world)
    answer = await source.redeem(grant(code))
    assert isinstance(answer, Unavailable)
    assert words in answer.why


async def test_another_callback_than_the_registered_one_is_named(world, source):
    await world.code()  # logged in and agreed, so that the address arrives at the next
    async with Browser(world.moodle.url) as browser:
        query = {"client_id": "jupyterhub", "response_type": "code", "redirect_uri": CALLBACK}
        await browser.log_in(query, "ada", "ada's password")
        target = await browser.log_in(query, "ada", "ada's password")
    code = parse_qs(urlsplit(target).query)["code"][0]
    answer = await source.redeem(CodeGrant(code, "https://elsewhere.example/callback"))
    assert isinstance(answer, Unavailable)
    assert "callback" in answer.why


async def test_moodle_ends_no_session_for_us_and_tells_of_none(source):
    assert await source.logout_url(person(ADA), "https://hub.example.edu") is None
    assert await source.logged_out("token") is None


# --- roles and courses ---

ROLES = {
    "a student": (ADA, {"DS101": {S}, "ML201": {S}}),
    "an assistant, whom Moodle calls teacher, and in another course both": (
        TEA,
        {"DS101": {A}, "ML201": {A, S}},
    ),
    "a teacher, in a hidden course too": (PRO, {"DS101": {T}, "DRAFT9": {T}}),
    "a student for whom a course is hidden": (BEN, {"DS101": {S}}),
    "somebody enrolled without a role": (ZOE, {}),
    "somebody whose enrolment is suspended": (LATE, {}),
}


@pytest.mark.parametrize("row", ROLES.values(), ids=ROLES)
async def test_roles_are_those_of_each_course(source, row):
    number, expected = row
    assert await roles(source, number) == expected


@pytest.mark.parametrize("release", ["4.3", "5.1"])
async def test_a_reread_is_complete(world, source, release):
    world.site.release = release
    identity = await read(source, ADA)
    names = (("shortname", "DS101"), ("idnumber", "2026-DS101"), ("category", "1"))
    assert identity.claims >= {CourseClaim(CourseRef("2", names), S, frozenset({"Lab A"}))}
    assert (identity.covers, identity.groups) == (None, frozenset())


async def test_a_custom_role_counts_where_it_is_named(world):
    world.site.custom_roles = {"tutor": "Tutor"}
    world.site.enrolments[DS, ADA].roles = ["tutor", "student", "unheard-of"]
    world.site.custom_roles["unheard-of"] = "Whatever"
    source = world.source(roles={"tutor": "observer"})
    assert await roles(source, ADA) == {"DS101": {CourseRole.OBSERVER}}


async def test_a_new_username_is_the_same_person(world, source):
    world.site.users[ADA].username = "ada.lovelace"
    identity = await read(source, ADA)
    assert (identity.key, identity.login) == ("lms:3", "ada.lovelace")


async def test_courses_of_other_categories_do_not_exist(world):
    world.site.courses[ML].category = 2
    source = world.source(categories=[2])
    assert await roles(source, ADA) == {"ML201": {S}}
    assert {ref.id for ref in await source.courses()} == {"3", "5"}


async def test_names_come_without_the_marks_of_html(world, source):
    world.site.courses[ML].shortname = "R&D <1>"
    world.site.courses[ML].groups = {9: "A & B"}
    world.site.enrolments[ML, ADA].groups = {9}
    claims = {claim.course.named("shortname"): claim for claim in (await read(source, ADA)).claims}
    assert claims["R&D <1>"].sections == {"A & B"}


async def test_a_course_is_the_same_from_every_reply(source):
    listed = {ref.id: ref for ref in await source.courses()}
    for number in (ADA, TEA, PRO):
        for claim in (await read(source, number)).claims:
            assert listed[claim.course.id] == claim.course


async def test_hidden_courses_are_listed_and_the_front_page_is_not(source):
    refs = await source.courses()
    assert {ref.named("shortname") for ref in refs} == {"DS101", "ML201", "DRAFT9", "NEW1"}


async def test_an_idnumber_is_learnt_from_somebody_in_the_course(world, source):
    del world.site.enrolments[DRAFT, PRO]  # no teacher is left to tell it
    world.site.enrolments[DRAFT, BEN] = Enrolment()
    numbers = {ref.named("shortname"): ref.named("idnumber") for ref in await source.courses()}
    assert numbers == {
        "DS101": "2026-DS101",
        "ML201": "2026-ML201",
        "DRAFT9": "2026-DRAFT9",
        "NEW1": "",  # nobody is in it
    }


# --- who is meant ---

MEANT = {
    "a username": ("ada", True, ["ada"]),
    "a username in capitals": ("ADA", False, ["ada"]),
    "a number that nobody can change": ("SIS-3", True, ["ada"]),
    "a number that people may write themselves": ("SIS-3", False, []),
    "one's username that is another's number": ("ben", True, ["ada", "ben"]),
    "somebody suspended": ("SIS-7", True, []),
    "an address": ("ada@example.edu", True, []),
}


@pytest.mark.parametrize("row", MEANT.values(), ids=MEANT)
async def test_who_is_meant_by(world, row):
    typed, locked, usernames = row
    if len(usernames) > 1:
        world.site.users[ADA].idnumber = "ben"
    found = await world.source(idnumber_is_locked=locked).find(typed)
    assert sorted(one.login for one in found) == usernames
    assert all((one.groups, one.covers) == (None, frozenset()) for one in found)


async def test_nobody_is_not_believed_of_who_may_not_look(world):
    source = world.source()
    with world.without("moodle/user:viewalldetails"):
        assert isinstance(await source.find("ada"), Unavailable)


# --- rosters ---


async def test_a_roster_has_everybody_who_counts_and_nobody_suspended(source):
    assert await roster(source, DS) == {
        "ada": {S},
        "ben": {S},
        "tea": {A},
        "pro": {T},
    }
    assert await roster(source, ML) == {"ada": {S}, "tea": {S, A}}


async def test_a_hidden_course_has_its_staff(source):
    assert await roster(source, DRAFT) == {"pro": {T}}


async def test_sections_are_moodles_groups(source):
    told = await source.roster(CourseRef(str(DS)))
    sections = {member.login: member.sections for member in told.members}
    assert sections == {"ada": {"Lab A"}, "ben": {"Lab B"}, "tea": {"Lab A"}, "pro": frozenset()}


async def test_roster_and_reread_say_the_same(world, source):
    for course in world.site.courses.values():
        told = await source.roster(CourseRef(str(course.id)))
        assert not isinstance(told, Unavailable)
        for member in told.members:
            claims = (await read(source, int(member.subject))).claims
            said = {claim.role for claim in claims if claim.course.id == str(course.id)}
            assert said == member.roles


async def test_an_empty_course_is_empty(source):
    assert await roster(source, NEW) == {}


async def test_nobody_is_not_believed_while_the_canary_has_no_separate_groups(world):
    blind = world.source(canary=ML)
    for answer in (await blind.roster(CourseRef(str(NEW))), await blind.reread(person(77))):
        assert isinstance(answer, Unavailable)
        assert "separate groups" in answer.why
    assert await roster(blind, ML) == {"ada": {S}, "tea": {S, A}}  # somebody is


async def test_an_idnumber_that_cannot_be_learnt_leaves_the_courses_unknown(world, source):
    world.site.courses[ML].groupmode = SEPARATE_GROUPS
    with world.without("moodle/site:accessallgroups"):
        assert isinstance(await source.courses(), Unavailable)
    with world.without("moodle/course:view"):
        assert isinstance(await source.courses(), Unavailable)
    assert len(await source.courses()) == 4


@pytest.mark.parametrize("id", ["77", "x", "", "-1", "²", "9" * 40])
async def test_a_course_that_is_not_there_is_unknown(source, id):
    assert isinstance(await source.roster(CourseRef(id)), Unavailable)


def fill(world: World, course: int, people: range) -> None:
    for number in people:
        world.site.users[number] = User(number, f"u{number}", "U", str(number))
        world.site.enrolments[course, number] = Enrolment()


async def test_a_large_course_is_read_page_by_page(world, source):
    fill(world, ML, range(100, 2600))
    assert len(await roster(source, ML)) == 2502
    calls = world.moodle.calls
    assert calls.count("core_enrol_get_enrolled_users") == 3
    assert calls.count("core_user_get_users_by_field") == 6


@pytest.mark.parametrize("people", [997, 998, 996 + 1000, 997 + 1000])
async def test_a_course_that_ends_at_the_end_of_a_page_is_whole(world, source, people):
    fill(world, ML, range(100, 100 + people))
    assert len(await roster(source, ML)) == people + 2


async def test_a_course_that_changes_between_two_pages_is_read_again(world, source):
    fill(world, ML, range(100, 1700))
    enrolled = world.site.members
    looks = 0

    def members(course: int) -> Any:
        nonlocal looks
        looks += 1
        if looks == 2:
            del world.site.enrolments[ML, 100]
        return enrolled(course)

    world.site.members = members
    found = await roster(source, ML)
    assert len(found) == 1601
    assert {f"u{number}" for number in range(101, 1700)} <= found.keys()


async def test_a_course_that_never_stands_still_is_unknown(world, source):
    fill(world, ML, range(100, 1700))
    enrolled, gone = world.site.members, iter(range(100, 1700))

    def members(course: int) -> Any:
        del world.site.enrolments[ML, next(gone)]
        return enrolled(course)

    world.site.members = members
    assert isinstance(await source.roster(CourseRef(str(ML))), Unavailable)


# --- refresh and revocation ---


async def test_out_of_the_course_takes_effect_at_once_and_back_as_well(world, source):
    enrolment = world.site.enrolments.pop((DS, ADA))
    assert await roles(source, ADA) == {"ML201": {S}}
    world.site.enrolments[DS, ADA] = enrolment
    assert await roles(source, ADA) == {"DS101": {S}, "ML201": {S}}


@pytest.mark.parametrize("what", ["suspended", "deleted"])
async def test_no_is_gone(world, source, what):
    setattr(world.site.users[ADA], what, True)
    assert isinstance(await source.reread(person(ADA)), Gone)
    assert "ada" not in await roster(world.source(), DS)


async def test_a_suspension_reaches_the_next_round_of_rosters(world, source):
    await source.courses()
    assert "ada" in await roster(source, DS)
    world.site.users[ADA].suspended = True
    await source.courses()
    assert "ada" not in await roster(source, DS)


@pytest.mark.parametrize("subject", ["", "x", "3 ", "-3", "3.0", "³"])
async def test_what_is_no_number_of_moodles_is_unknown(source, subject):
    strange = dataclasses.replace(person(ADA), subject=subject)
    assert isinstance(await source.reread(strange), Unavailable)


# --- unknown is not empty ---


@pytest.mark.parametrize("capability", sorted(CAPABILITIES - {"moodle/course:viewhiddencourses"}))
@pytest.mark.parametrize("number", [ADA, TEA, PRO, ZOE, LATE, 77])
async def test_a_capability_that_is_lost_takes_nothing_from_anybody(
    world, source, number, capability
):
    before = await source.reread(person(number))
    blind = world.source()
    with world.without(capability):
        after = await blind.reread(person(number))
    same = not isinstance(before, Gone) or isinstance(after, Gone)
    assert isinstance(after, Unavailable) or same
    if isinstance(after, Identity):
        assert after.claims == before.claims


@pytest.mark.parametrize("capability", sorted(CAPABILITIES - {"moodle/course:viewhiddencourses"}))
@pytest.mark.parametrize("course", [DS, ML, DRAFT, NEW])
async def test_a_capability_that_is_lost_empties_no_roster(world, source, course, capability):
    before = await roster(source, course)
    with world.without(capability):
        after = await world.source().roster(CourseRef(str(course)))
    if not isinstance(after, Unavailable):
        assert {member.login: member.roles for member in after.members} == before


TROUBLE: dict[str, Callable[[World], object]] = {
    "maintenance": lambda w: setattr(w.moodle, "maintenance", True),
    "web services off": lambda w: setattr(w.site, "webservices", False),
    "another token": lambda w: setattr(w.site, "token", "new"),
    "a service without functions": lambda w: setattr(w.site, "functions", set()),
}


@pytest.mark.parametrize("break_it", TROUBLE.values(), ids=TROUBLE)
async def test_trouble_is_unknown_everywhere(world, source, break_it):
    break_it(world)
    assert isinstance(await source.reread(person(ADA)), Unavailable)
    assert isinstance(await source.courses(), Unavailable)
    assert isinstance(await source.roster(CourseRef(str(DS))), Unavailable)
    assert await source.check() != []


@pytest.fixture
def relay(moodle: FakeMoodle) -> Iterator[Relay]:
    relay = Relay("127.0.0.1", moodle.port)
    yield relay
    relay.close()


@pytest.mark.parametrize("fault", PLAIN_FAULTS)
async def test_a_broken_line_is_unknown_and_heals(world, relay, fault):
    source = world.source(url=f"http://127.0.0.1:{relay.port}", timeout="500ms")
    patient = world.source(url=f"http://127.0.0.1:{relay.port}")
    world.source()
    code = await world.code()
    with relay.fault(fault):
        assert isinstance(await source.redeem(grant(code)), Unavailable)
        assert isinstance(await source.reread(person(ADA)), Unavailable)
        assert isinstance(await source.courses(), Unavailable)
        assert isinstance(await source.roster(CourseRef(str(DS))), Unavailable)
        assert await source.check() != []

    assert isinstance(await patient.redeem(grant(await world.code())), Login)
    assert await roles(patient, ADA) == {"DS101": {S}, "ML201": {S}}


async def test_a_slow_moodle_is_left_at_the_deadline(world):
    world.moodle.slow = 3600
    source = world.source(timeout="200ms")
    answers = await asyncio.gather(*(source.reread(person(ADA)) for _ in range(20)))
    assert all(isinstance(answer, Unavailable) for answer in answers)


async def test_a_closed_source_is_unavailable_and_does_not_raise(source):
    await source.close()
    assert isinstance(await source.redeem(grant("0" * 40)), Unavailable)
    assert isinstance(await source.reread(person(ADA)), Unavailable)
    assert isinstance(await source.courses(), Unavailable)
    assert isinstance(await source.roster(CourseRef(str(DS))), Unavailable)


# --- what it costs ---


def a_faculty(world: World, courses: int, people: int) -> list[int]:
    """So many courses, a teacher for every three, and ten students in each."""
    numbers = list(range(100, 100 + courses))
    for number in range(10_000, 10_000 + people):
        world.site.users[number] = User(number, f"u{number}", "U", str(number))
    for at, number in enumerate(numbers):
        world.site.courses[number] = Course(number, f"C{number}", "C", f"2026-C{number}")
        teacher = 20_000 + at // 3
        world.site.users.setdefault(teacher, User(teacher, f"t{teacher}", "T", "T"))
        world.site.enrolments[number, teacher] = Enrolment(["editingteacher"])
        for student in range(10):
            chosen = 10_000 + (at * 17 + student) % people
            world.site.enrolments[number, chosen] = Enrolment()
    return numbers


@pytest.mark.slow
async def test_three_hundred_courses_cost_a_call_each_and_a_few_for_all(world, source):
    """P11: a round of 300 rosters, after the first in which everybody is new."""
    a_faculty(world, 300, 2000)

    async def a_round() -> list[str]:
        world.moodle.calls.clear()
        refs = await source.courses()
        assert not isinstance(refs, Unavailable)
        told = await asyncio.gather(*(source.roster(ref) for ref in refs))
        assert not any(isinstance(answer, Unavailable) for answer in told)
        return list(world.moodle.calls)

    first, second = await a_round(), await a_round()
    assert (
        second.count("core_enrol_get_enrolled_users") == len(world.site.courses) + 1
    )  # the canary
    shared = [name for name in second if name != "core_enrol_get_enrolled_users"]
    people = 2000 + 100 + 7
    assert len(shared) <= 1 + -(-people // 500) + 3
    assert len(first) <= 2 * len(world.site.courses)


async def test_rosters_that_are_read_at_one_time_share_their_look_at_people(world, source):
    a_faculty(world, 60, 1000)
    refs = await source.courses()
    world.moodle.calls.clear()
    await asyncio.gather(*(source.roster(ref) for ref in refs))
    assert world.moodle.calls.count("core_user_get_users_by_field") < len(refs)


async def test_a_reread_costs_two_calls_and_one_a_course(world, source):
    await read(source, ADA)
    assert len(world.moodle.calls) == 2 + 2


async def test_nobody_is_believed_after_one_look_a_minute(world, source):
    for number in (77, 78, LATE, LATE):
        await source.reread(person(number))
    assert world.moodle.calls.count("core_enrol_get_enrolled_users") == 1


# --- the self-test ---


async def test_a_source_that_works_has_nothing_to_say(source):
    assert await source.check() == []


def unmapped(world: World) -> None:
    world.site.custom_roles = {"hoerer": "Hörer"}
    for (course, _), enrolment in world.site.enrolments.items():
        if course == DS:
            enrolment.roles = ["hoerer"]


def offer_less(world: World) -> None:
    world.site.functions = {"core_webservice_get_site_info", "core_user_get_users_by_field"}


def nobody_in_the_canary(world: World) -> None:
    world.site.enrolments = {key: e for key, e in world.site.enrolments.items() if key[0] != DS}


def lose(capability: str) -> Callable[[World], object]:
    return lambda world: world.site.capabilities.discard(capability)


MISTAKES: dict[str, Callable[[World], object]] = {
    "the secret of the client is wrong": lambda w: setattr(w.site, "client_secret", "new"),
    "the plugin is not installed": lambda w: setattr(w.moodle, "plugin", False),
    "the token is wrong": lambda w: setattr(w.site, "token", "new"),
    "the account may not use REST": lose("webservice/rest:use"),
    "web services are switched off": lambda w: setattr(w.site, "webservices", False),
    "Moodle is in maintenance mode": lambda w: setattr(w.moodle, "maintenance", True),
    "the service lacks functions": offer_less,
    "Moodle calls itself otherwise": lambda w: setattr(
        w.site, "wwwroot", "https://lms.example.edu"
    ),
    "the token is an administrator's": lambda w: setattr(w.site, "owner_is_admin", True),
    "there is no such course as the canary": lambda w: w.site.courses.pop(DS),
    "nobody is enrolled in the canary": nobody_in_the_canary,
    "the roles have other names": unmapped,
    "the canary has no separate groups": lambda w: setattr(
        w.site.courses[DS], "groupmode", NO_GROUPS
    ),
    **{
        f"the account lacks {capability}": lose(capability)
        for capability in sorted(CAPABILITIES - {"webservice/rest:use"})
    },
}
SETTINGS: dict[str, dict[str, Any]] = {
    "a category is not there": {"categories": [1, 77]},
    "nothing listens at `url`": {"url": "https://127.0.0.1:1"},
}
SAID = said("Moodle")


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_mistake_is_told_with_its_fix(world, source, mistake):
    MISTAKES[mistake](world)
    problems = await source.check()

    assert_said(SAID[mistake], problems)
    capability = mistake.partition(" lacks moodle/")[2]
    assert any(capability in problem for problem in problems)


@pytest.mark.parametrize("mistake", SETTINGS)
async def test_a_mistake_in_the_campus_file_is_told_with_its_fix(world, mistake):
    assert_said(SAID[mistake], await world.source(**SETTINGS[mistake]).check())


def test_the_page_has_these_rows_and_no_others():
    assert set(SAID) == {*MISTAKES, *SETTINGS}


async def test_a_category_that_is_not_there_is_named(world):
    problems = await world.source(categories=[1, 77]).check()
    assert len(problems) == 1
    assert "category 77" in problems[0]


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_no_secret_is_told_anywhere(world, source, caplog, mistake):
    caplog.set_level(logging.DEBUG)
    secrets = [world.site.token, world.site.client_secret]
    code = await world.code()
    MISTAKES[mistake](world)
    said = [
        *await source.check(),
        str(await source.redeem(grant(code))),
        str(await source.reread(person(ADA))),
        str(await source.courses()),
        str(await source.roster(CourseRef(str(DS)))),
        repr(vars(source)),
        caplog.text,
    ]
    for secret in (*secrets, code):
        assert not any(secret in text for text in said)


# --- a live one ---


@pytest.mark.skipif("MOODLE_URL" not in os.environ, reason="MOODLE_URL names no live Moodle")
async def test_a_live_moodle_lets_somebody_in_and_knows_the_roster():
    keys = live.settings()
    assert keys is not None
    source = MoodleSource("lms", MoodleSettings.model_validate(keys), utc_now)
    try:
        assert await source.check() == []
        name, password = live.person()
        login = await source.redeem(grant(await code_of(source, keys["url"], name, password)))
        assert isinstance(login, Login)
        members = await roster(source, int(keys["canary"]))
        assert name in members
        identity = await read(source, int(login.identity.subject))
        said = {c.role for c in identity.claims if c.course.id == keys["canary"]}
        assert said == members[name]
    finally:
        await source.close()
