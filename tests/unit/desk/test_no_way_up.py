"""No way up: whatever a teacher and somebody whom they help do by the API, nobody gets a right that the table does not give.

All calls that change something, four after another: from each state of rights that is reached every call is tried, and a state
that is reached twice is searched once. What changes no right stays, so that later calls meet it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import pytest

from jupyterhub_edu.desk.calls import Call
from jupyterhub_edu.desk.rates import Rate
from jupyterhub_edu.domain.acts import TABLE, Act
from jupyterhub_edu.domain.people import CourseRole

from .api_world import CALLS, ApiWorld
from .bodies import bodies

TEACHER, CLIMBER = "tea", "nils"
OWN, OTHER = "ml", "db"
DEPTH: Final = 4
WHOM: Final = frozenset({"person", "user"})

Rights = Mapping[tuple[str, str], frozenset[Act]]


class Step(NamedTuple):
    """One call by one of the two."""

    who: str
    call: Call
    body: Any


def steps() -> Iterator[Step]:
    """Every call that changes something, about the one who climbs."""
    for call in CALLS:
        if call.method != "get":
            for body in bodies(call.operation.takes):
                if isinstance(body, dict):
                    body = {**body, **dict.fromkeys(WHOM & body.keys(), CLIMBER)}
                yield from (Step(who, call, body) for who in (TEACHER, CLIMBER))


class Search:
    """Two people in a world that is put back whenever somebody's rights are others."""

    def __init__(self, world: ApiWorld) -> None:
        self.world, self.calls = world, 0
        self.first = self.rights()
        self.seen = {frozenset(self.first.items())}

    def rights(self) -> Rights:
        """What everybody may in every course, at most."""
        core = self.world.core
        people = [self.world.person(one) for one in (TEACHER, CLIMBER, "asa", "ola", "stu", "ben")]
        most: dict[str, Any] = {"within_ceiling": True, "allowed": True}
        return {
            (one.login, course): frozenset(
                act for act in Act if core.may(act, one, course, about=one.key, **most)
            )
            for one in people
            for course in (OWN, OTHER)
        }

    async def take(self, step: Step) -> None:
        """Make the call."""
        names = {**self.world.own, "course": OWN, **dict.fromkeys(WHOM, CLIMBER)}
        words = {name: known[0] for name, known in step.call.parameters.items() if known}
        given = {**dict.fromkeys(step.call.parameters, "x"), **names, **words}
        path = self.world.path_of(step.call, given)
        reply = await self.world.call(step.call.method, path, step.who, step.body)
        self.calls += 1
        assert reply.status < 500 or reply.status == 503, (step, reply.body)

    async def again(self, path: tuple[Step, ...]) -> Rights:
        """The world after these calls."""
        await self.world.renew()
        for step in path:
            await self.take(step)
        return self.rights()

    async def beyond(self, path: tuple[Step, ...]) -> list[tuple[Step, ...]]:
        """Paths by one call longer that lead to rights not seen before."""
        here, found = await self.again(path), []
        for step in steps():
            await self.take(step)
            now = self.rights()
            if now == here:
                continue
            self.look(now, (*path, step))
            if frozenset(now.items()) not in self.seen:
                self.seen.add(frozenset(now.items()))
                found.append((*path, step))
            await self.again(path)
        return found

    def look(self, now: Rights, path: tuple[Step, ...]) -> None:
        """Whether the table gives all this."""
        told = [(one.who, one.call.id, one.body) for one in path]
        for (login, course), may in now.items():
            before = self.first[login, course]
            if (login, course) == (CLIMBER, OWN):
                helped = any(one.who == TEACHER for one in path)
                assert may <= (_of(CourseRole.ASSISTANT) if helped else before), told
            else:
                assert may <= before, (login, course, told)


def _of(role: CourseRole) -> frozenset[Act]:
    return frozenset(act for act, row in TABLE.items() if role in row)


@pytest.mark.timeout(1800)
async def test_nobody_climbs(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rate, "require", lambda *_: None)
    async with ApiWorld(tmp_path / "campus") as world, asyncio.timeout(None):
        search = Search(world)
        paths: list[tuple[Step, ...]] = [()]
        for _ in range(DEPTH):
            paths = [longer for path in paths for longer in await search.beyond(path)]
        roles = {may for (login, _), may in _all(search.seen) if login == CLIMBER}
    print(f"{search.calls} calls, {len(search.seen)} states of rights, none beyond the table")
    # The search is one: it has found what a teacher may give.
    assert roles >= {_of(role) for role in (CourseRole.STUDENT, CourseRole.ASSISTANT)}


def _all(seen: set[frozenset[Any]]) -> Iterator[Any]:
    for state in seen:
        yield from state
