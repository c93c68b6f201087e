"""Education classes: of a person at login, and as rosters before anybody logs in."""

from __future__ import annotations

from typing import Any

import pytest

from jupyterhub_edu.domain.people import CourseClaim, CourseRef, CourseRole, Identity
from jupyterhub_edu.identity.entra import EntraRosterSource
from jupyterhub_edu.ports import Unavailable
from tests.fakes.entra import FakeEntra, Reply
from tests.fakes.people import as_person

from .conftest import World

BOTH = pytest.mark.parametrize("as_app", [False, True], ids=["delegated", "app"])


def school(fake: FakeEntra, *, as_app: bool = True, **changes: Any) -> World:
    """Ola teaches ML and takes Intro; ann takes ML."""
    fake.app.delegated.add("EduRoster.ReadBasic")
    fake.app.permissions = {"User.Read.All", "EduRoster.Read.All"}
    ann, ola = fake.person("ann"), fake.person("ola")
    fake.tenant.add_class(
        "ML", code="INF4490", external_id="sis-7", teachers=[ola], students=[ann]
    )
    fake.tenant.add_class("Intro", students=[ola])
    return World(fake, education=True, app_permissions=as_app, **changes)


def claims(identity: Identity) -> dict[str, CourseRole]:
    return {claim.course.named("name") or "": claim.role for claim in identity.claims}


@BOTH
async def test_a_teacher_is_a_member_too_and_is_the_teacher(fake: FakeEntra, as_app: bool):
    world = school(fake, as_app=as_app)

    ola, ann = await world.login("ola"), await world.login("ann")
    assert claims(ola) == {"ML": CourseRole.TEACHER, "Intro": CourseRole.STUDENT}
    assert claims(ann) == {"ML": CourseRole.STUDENT}
    assert ola.covers is None


async def test_a_class_has_all_its_names(fake: FakeEntra):
    world = school(fake)
    ml = next(one for one in fake.tenant.classes.values() if one.name == "ML")

    assert (await world.login("ann")).claims == {
        CourseClaim(
            CourseRef(ml.id, (("code", "INF4490"), ("external_id", "sis-7"), ("name", "ML"))),
            CourseRole.STUDENT,
        )
    }


@BOTH
async def test_a_reread_hears_of_changes(fake: FakeEntra, as_app: bool):
    world = school(fake, as_app=as_app)
    known = await world.login("ola")
    for one in fake.tenant.classes.values():
        one.teachers.clear()
        one.members.discard(fake.person("ola").id) if one.name == "Intro" else None

    answer = await world.reread(known)
    assert isinstance(answer, Identity)
    assert claims(answer) == {"ML": CourseRole.STUDENT}


@pytest.mark.parametrize("part", ["classes", "taughtClasses"])
@BOTH
async def test_half_an_answer_says_nothing_of_courses(fake: FakeEntra, as_app: bool, part: str):
    """Without the second half a teacher would look like a student."""
    world = school(fake, as_app=as_app)
    fake.meddle = lambda service, request: (
        Reply(503) if request.path.endswith(f"/{part}") else None
    )

    identity = await world.login("ola")
    assert identity.claims == frozenset()
    assert identity.covers == frozenset()
    assert identity.groups is not None


@BOTH
async def test_without_the_permission_nothing_is_said_of_courses(fake: FakeEntra, as_app: bool):
    world = school(fake, as_app=as_app)
    if as_app:
        fake.app.permissions.discard("EduRoster.Read.All")
    else:
        fake.meddle = lambda service, request: (
            Reply.of(403, {"error": {"code": "Forbidden"}})
            if "/education/" in request.path
            else None
        )

    assert (await world.login("ola")).covers == frozenset()


async def test_where_it_is_not_wanted_nobody_asks(fake: FakeEntra):
    school(fake)
    world = World(fake)

    assert (await world.login("ola")).claims == frozenset()
    assert fake.count("graph") == 0
    assert not isinstance(world.source, EntraRosterSource)


# --- rosters ---


async def test_every_class_is_known_before_anybody_logs_in(fake: FakeEntra):
    world = school(fake)
    for number in range(250):
        fake.tenant.add_class(f"C{number}")
    fake.graph.page = 100

    refs = await world.source.courses()
    assert {ref.id for ref in refs} == set(fake.tenant.classes)
    assert {"ML", "Intro", "C249"} <= {ref.named("name") for ref in refs}


async def test_a_roster_names_everybody_as_their_login_will(fake: FakeEntra):
    world = school(fake, login_domain="fjord.example")
    ml = next(one for one in fake.tenant.classes.values() if one.name == "ML")
    ml.members.add(fake.person("gjest").id)
    roster = await world.source.roster(CourseRef(ml.id))

    told = {member.subject: (member.login, member.name, member.roles) for member in roster.members}
    logins = [await world.login(fake.person(who).id) for who in ("ann", "ola", "gjest")]
    assert {login.subject for login in logins} == set(told)
    for login in logins:
        roles = {claim.role for claim in login.claims if claim.course.id == ml.id}
        assert told[login.subject] == (login.login, login.name, roles)


async def test_a_teacher_who_is_not_a_member_is_on_the_roster(fake: FakeEntra):
    world = school(fake)
    ml = next(one for one in fake.tenant.classes.values() if one.name == "ML")
    ml.members.discard(fake.person("ola").id)

    roster = await world.source.roster(CourseRef(ml.id))
    assert {tuple(member.roles) for member in roster.members} == {
        (CourseRole.TEACHER,),
        (CourseRole.STUDENT,),
    }


async def test_accounts_out_of_use_are_not_on_the_roster(fake: FakeEntra):
    world = school(fake)
    ml = next(one for one in fake.tenant.classes.values() if one.name == "ML")
    fake.disable(fake.person("ann"))

    roster = await world.source.roster(CourseRef(ml.id))
    assert [member.name for member in roster.members] == ["Ola Nordmann"]


@pytest.mark.parametrize("service", ["graph", "authority"])
async def test_a_roster_is_complete_or_there_is_none(fake: FakeEntra, service: str):
    world = school(fake)
    refs = await world.source.courses()
    fake.authority.forget_access_tokens()
    fake.silent.add(service)

    assert isinstance(await world.source.courses(), Unavailable)
    assert isinstance(await world.source.roster(refs[0]), Unavailable)


@pytest.mark.parametrize("which", ["members", "teachers"])
async def test_half_a_roster_is_none(fake: FakeEntra, which: str):
    world = school(fake)
    refs = await world.source.courses()
    fake.meddle = lambda service, request: (
        Reply.of(403, {"error": {}}) if request.path.endswith(f"/{which}") else None
    )

    assert isinstance(await world.source.roster(refs[0]), Unavailable)


async def test_a_class_that_is_gone_has_no_roster(fake: FakeEntra):
    world = school(fake)
    answer = await world.source.roster(CourseRef("11111111-1111-1111-1111-111111111111"))

    assert isinstance(answer, Unavailable)
    assert "does not know" in answer.why


# --- the app's own token ---


async def test_the_apps_token_is_made_once_and_again_when_it_is_void(fake: FakeEntra):
    world = school(fake)

    def made() -> int:
        return sum(request.startswith("authority POST") for request in fake.requests)

    for _ in range(5):
        assert not isinstance(await world.source.courses(), Unavailable)
    assert made() == 1
    fake.authority.forget_access_tokens()
    assert not isinstance(await world.source.courses(), Unavailable)
    assert made() == 2
    fake.clock.forward(minutes=80)
    assert not isinstance(await world.source.courses(), Unavailable)
    assert made() == 3


async def test_somebody_on_a_roster_is_found_again_at_the_first_login(fake: FakeEntra):
    world = school(fake)
    ml = next(one for one in fake.tenant.classes.values() if one.name == "ML")
    roster = await world.source.roster(CourseRef(ml.id))
    person = as_person(await world.login("ann"))

    assert person.subject in {member.subject for member in roster.members}
