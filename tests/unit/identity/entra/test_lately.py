"""Reading only such classes again as have changed: fewer questions, and never another answer than a whole reading gives."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from jupyterhub_edu.domain.people import CourseRef, CourseRole, Member, Roster
from jupyterhub_edu.ports import Unavailable
from tests.fakes.entra import FakeEntra, Reply, Request, SchoolClass

from .conftest import World

COURSES = 4
PERMISSIONS = {"User.Read.All", "EduRoster.Read.All", "GroupMember.Read.All"}


class School(World):
    """Four classes of twenty; everybody is in one or two."""

    def __init__(self, fake: FakeEntra, **changes: Any) -> None:
        fake.app.permissions = set(PERMISSIONS)
        people = [fake.tenant.add_user(f"p{number}") for number in range(40)]
        for number in range(COURSES):
            first = number * 10
            fake.tenant.add_class(
                f"C{number}", teachers=people[first : first + 1], students=people[first:][:20]
            )
        super().__init__(fake, education=True, app_permissions=True, **changes)

    def class_(self, number: int) -> SchoolClass:
        return list(self.fake.tenant.classes.values())[number]

    async def sync(self, source: Any = None) -> dict[str, Roster]:
        """What one sync reads."""
        source = source or self.source
        refs = await source.courses()
        assert not isinstance(refs, Unavailable), refs
        found = {ref.id: await source.roster(ref) for ref in refs}
        assert all(isinstance(roster, Roster) for roster in found.values()), found
        return found

    async def settle(self) -> None:
        """Read all, and count from here."""
        await self.sync()
        self.fake.requests.clear()

    @property
    def read(self) -> list[str]:
        """Names of the classes that were read since the last look, in order."""
        names = {one.id: one.name for one in self.fake.tenant.classes.values()}
        found = [
            names[request.split("/")[-2]]
            for request in self.fake.requests
            if request.endswith("/members")
        ]
        self.fake.requests.clear()
        return found

    async def whole(self) -> dict[str, set[Member]]:
        """What somebody who knows nothing reads."""
        found = await self.sync(self.make(education=True, app_permissions=True))
        self.fake.requests.clear()
        return members(found)


def members(rosters: Mapping[str, Roster]) -> dict[str, set[Member]]:
    return {id: set(roster.members) for id, roster in rosters.items()}


@pytest.fixture
def school(fake: FakeEntra) -> School:
    return School(fake)


async def test_where_nothing_has_changed_three_questions_are_enough(school: School):
    before = await school.sync()
    school.fake.requests.clear()
    school.fake.clock.forward(minutes=15)
    now = school.fake.clock()
    after = await school.sync()

    assert [one.partition(" GET ")[2] for one in school.fake.requests] == [
        "/v1.0/groups/delta",
        "/v1.0/users/delta",
        "/v1.0/education/classes",
    ]
    assert members(after) == members(before)
    assert all(roster.at >= now for roster in after.values())


def join(school: School) -> None:
    school.class_(1).members.add(school.user("p39").id)


def leave(school: School) -> None:
    school.class_(1).members.discard(school.user("p25").id)


def teach(school: School) -> None:
    school.class_(1).teachers.add(school.user("p25").id)


def teach_no_more(school: School) -> None:
    school.class_(1).teachers.clear()


def disable(school: School) -> None:
    school.user("p15").enabled = False


def rename(school: School) -> None:
    school.user("p15").name = "Countess"


def marry(school: School) -> None:
    school.user("p15").upn = "countess@fjord.example"


def delete(school: School) -> None:
    user = school.fake.tenant.users.pop(school.user("p15").id)
    for found in school.fake.tenant.classes.values():
        found.members.discard(user.id)


CHANGES: dict[str, tuple[Callable[[School], None], list[str]]] = {
    "somebody joins": (join, ["C1"]),
    "somebody leaves": (leave, ["C1"]),
    "a student becomes a teacher": (teach, ["C1"]),
    "a teacher becomes a student": (teach_no_more, ["C1"]),
    "an account is disabled": (disable, ["C0", "C1"]),
    "somebody has another name": (rename, ["C0", "C1"]),
    "somebody has another login": (marry, ["C0", "C1"]),
    "an account is deleted": (delete, ["C0", "C1"]),
}


@pytest.mark.parametrize(("change", "read"), CHANGES.values(), ids=CHANGES)
async def test_what_changed_is_read_now_and_once_more_and_nothing_else(school, change, read):
    await school.settle()
    change(school)
    whole = await school.whole()

    assert members(await school.sync()) == whole
    assert school.read == read
    assert members(await school.sync()) == whole
    assert school.read == read
    assert members(await school.sync()) == whole
    assert school.read == []


async def test_an_account_that_is_enabled_again_comes_back(school: School):
    disable(school)
    await school.settle()
    school.user("p15").enabled = True

    assert members(await school.sync()) == await school.whole()


async def test_a_new_class_is_read_and_one_that_is_gone_is_not_told(school: School):
    await school.settle()
    school.fake.tenant.add_class("New", students=[school.user("p1")])
    del school.fake.tenant.classes[school.class_(0).id]
    found = await school.sync()

    assert school.read == ["New"]
    assert members(found) == await school.whole()


async def test_a_server_of_graphs_that_lags_behind_is_asked_again(school: School):
    """It tells of a change and shows the class as it was before."""
    await school.settle()
    id = school.class_(1).id
    asked = Request.of(
        "GET",
        f"{school.fake.graph.origin}/v1.0/education/classes/{id}/members",
        params={"$select": "id,displayName,userPrincipalName,accountEnabled", "$top": "999"},
        headers={"Authorization": f"Bearer {await school.source._app.token()}"},
    )
    old = school.fake.answer("graph", asked)
    leave(school)
    school.fake.meddle = lambda service, request: old if request.path == asked.path else None
    await school.sync()
    school.fake.meddle = lambda service, request: None

    assert members(await school.sync()) == await school.whole()


async def test_whatever_happens_nothing_else_is_told_than_by_a_whole_reading(school: School):
    chance = random.Random(20261121)  # noqa: S311 - the same changes every time
    school.fake.graph.changes.page = 2
    users, classes = list(school.fake.tenant.users.values()), school.fake.tenant.classes
    for step in range(40):
        for _ in range(chance.choice((0, 0, 1, 1, 2, 8))):
            user, found = chance.choice(users), chance.choice(list(classes.values()))
            what = chance.randrange(6)
            if what < 2:
                found.members ^= {user.id}
            elif what == 2:
                found.teachers ^= {user.id}
            elif what == 3:
                user.enabled = not user.enabled
            elif what == 4:
                user.name = f"Name {step}"
            else:
                school.fake.tenant.add_class(f"S{step}-{chance.random()}", students=[user])
        if chance.random() < 0.1:
            school.fake.graph.changes.forget()
        assert members(await school.sync()) == await school.whole()


# --- when all is read ---


ALL = [f"C{number}" for number in range(COURSES)]


def gone(request: Request) -> Reply | None:
    error = {"code": "syncStateNotFound", "message": "gone"}
    return Reply.of(410, {"error": error})


def fails(request: Request) -> Reply | None:
    return Reply(503)


def garbled(request: Request) -> Reply | None:
    return Reply(200, b"<html>")


def without_rows(request: Request) -> Reply | None:
    return Reply.of(200, {"@odata.deltaLink": "https://graph.microsoft.com/v1.0/x"})


def without_end(request: Request) -> Reply | None:
    return Reply.of(200, {"value": []})


def elsewhere(request: Request) -> Reply | None:
    link = "https://graph.evil.example/v1.0/groups/delta?$deltatoken=1"
    return Reply.of(200, {"value": [], "@odata.deltaLink": link})


def in_circles(request: Request) -> Reply | None:
    link = f"{request.origin}{request.path}?$skiptoken=1"
    return Reply.of(200, {"value": [], "@odata.nextLink": link})


def without_id(request: Request) -> Reply | None:
    link = f"{request.origin}{request.path}?$deltatoken=1"
    return Reply.of(200, {"value": [{"@removed": {}}], "@odata.deltaLink": link})


FAULTS = [gone, fails, garbled, without_rows, without_end, elsewhere, in_circles, without_id]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("of", ["groups", "users"])
async def test_where_changes_are_not_told_all_is_read_and_then_less_again(school, fault, of):
    await school.settle()
    school.fake.meddle = lambda service, request: (
        fault(request)
        if request.path == f"/v1.0/{of}/delta" and request.query.get("$deltatoken") != "latest"
        else None
    )
    teach(school)
    assert members(await school.sync()) == await school.whole()
    school.fake.meddle = lambda service, request: None
    school.fake.requests.clear()
    await school.sync()
    assert school.read == []


async def test_once_a_day_all_is_read(school: School):
    await school.settle()
    school.fake.clock.forward(hours=23)
    await school.sync()
    assert school.read == []

    school.fake.clock.forward(hours=1, minutes=1)
    await school.sync()
    assert school.read == ALL
    await school.sync()
    assert school.read == []


async def test_who_asks_by_hand_has_all_read(school: School):
    await school.settle()
    school.source.forget_rosters()
    await school.sync()
    assert school.read == ALL


async def test_without_the_permission_all_is_read_each_time_and_it_is_asked_for_once_a_day(fake):
    school = School(fake)
    fake.app.permissions.discard("GroupMember.Read.All")
    for _ in range(2):
        await school.sync()
        assert school.read == ALL
    await school.sync()
    assert not any("delta" in request for request in fake.requests)

    fake.app.permissions.add("GroupMember.Read.All")
    fake.clock.forward(days=1, minutes=1)
    await school.settle()
    await school.sync()
    assert school.read == []


async def test_a_class_that_was_asked_about_twice_is_read_the_second_time(school: School):
    await school.settle()
    await school.sync()
    leave(school)
    ref = CourseRef(school.class_(1).id)

    assert {one.subject for one in (await school.source.roster(ref)).members} == {
        one.subject for one in (await school.whole())[ref.id]
    }


async def test_a_class_that_could_not_be_read_is_read_the_next_time(school: School):
    await school.settle()
    leave(school)
    id = school.class_(1).id
    school.fake.meddle = lambda service, request: Reply(503) if id in request.path else None
    await school.source.courses()
    assert isinstance(await school.source.roster(CourseRef(id)), Unavailable)
    school.fake.meddle = lambda service, request: None

    assert members(await school.sync()) == await school.whole()


async def test_what_changes_while_all_is_read_is_told_the_next_time(school: School):
    refs = await school.source.courses()
    for ref in refs:
        await school.source.roster(ref)
        teach(school) if ref.id == school.class_(1).id else None

    found = await school.sync()
    roles = {member.name: member.roles for member in found[school.class_(1).id].members}
    assert roles["P25"] == {CourseRole.TEACHER}


async def test_somebody_in_many_classes_is_kept_once(school: School):
    found = await school.sync()
    kept = {id(one) for roster in found.values() for one in roster.members}

    assert len(kept) == len({one for roster in found.values() for one in roster.members})


async def test_half_of_where_to_ask_for_changes_is_nothing(school: School):
    """The second question is cut off by time: what is left must not be asked alone."""
    await school.settle()
    school.source.forget_rosters()

    async def never(*_: Any, **__: Any) -> Any:
        raise TimeoutError

    changes = school.source._graph.changes
    asked: list[str] = []

    async def once(where: str, *more: Any) -> Any:
        asked.append(where)
        return await (changes(where, *more) if len(asked) == 1 else never())

    school.source._graph.changes = once
    assert isinstance(await school.source.courses(), Unavailable)
    school.source._graph.changes = changes
    school.fake.requests.clear()
    await school.sync()
    assert school.read == ALL
    rename(school)
    assert members(await school.sync()) == await school.whole()
