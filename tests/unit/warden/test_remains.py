"""What a hub still holds of sessions that have ended: counts of objects, of people who come again and again."""

from __future__ import annotations

import gc
from collections import Counter
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Final

from prometheus_client import CollectorRegistry

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole, Person
from jupyterhub_edu.ports import Activity
from jupyterhub_edu.warden import Timer, default_timers
from tests.eventually import eventually
from tests.fakes.campus import NOW, a_core, an_identity, enrol
from tests.fakes.world import AClock, FakeHub

_NOT_WALKED: Final = (type, ModuleType, BuiltinFunctionType, CodeType)
_STUDENT: Final = CourseRole.STUDENT


class _Watch:
    """Every server is in use."""

    def __init__(self, clock: AClock) -> None:
        self._clock = clock

    async def activity(self, admission: str, hub_name: str, server: str) -> Activity | None:
        return Activity(self._clock(), True, f"hub/{hub_name}")


class _Meters:
    """Nothing is measured."""

    async def worked(self) -> None:
        return None


def held(*roots: object, but: object) -> Counter[str]:
    """Objects that can be reached from these, by type; nothing behind ``but``, classes, modules and globals."""
    found: Counter[str] = Counter()
    seen, left = {id(but)}, list(roots)
    while left:
        one = left.pop()
        if id(one) in seen or isinstance(one, _NOT_WALKED):
            continue
        seen.add(id(one))
        found[type(one).__qualname__] += 1
        if isinstance(one, FunctionType):
            left += one.__closure__ or ()
        else:
            left += gc.get_referents(one)
    return found


class World:
    """A campus of two devices, of which three people want one each, with everything that looks after it."""

    def __init__(self) -> None:
        self.clock, self.hub = AClock(NOW), FakeHub()
        self.core: Core = a_core(clock=self.clock, hub=self.hub)
        self.timers: list[Timer] = [
            timer
            for timer in default_timers(
                self.core, _Watch(self.clock), _Meters(), registry=CollectorRegistry()
            )
            if timer.name not in {"pending", "joins"}
        ]

    async def look_after(self) -> None:
        for timer in self.timers:
            await timer.act()

    async def session(self, person: Person, *, in_line: bool) -> None:
        """Somebody logs in, starts or lets the line start, works, and stops."""
        await self.core.sign_in(an_identity(person.login, at=self.clock()), person.hub_name)
        assert self.core.cards(person, "ml")
        request = StartRequest(person.key, "ml", "gpu")
        if in_line:
            await self.core.line.join(request, person)
            await eventually(lambda: bool(self.hub.started))
            self.hub.started.clear()
        admission = await self.core.book.admit(request, person, "")
        await self.core.book.run(admission.id)
        # A new session is asked nothing at first.
        self.clock.pass_(minutes=2)
        await self.look_after()
        assert self.core.looks.of(admission.id) is not None
        await self.core.book.end(admission.id)
        await self.look_after()


async def test_after_ten_times_as_many_sessions_no_more_is_held() -> None:
    world = World()
    await world.core.ready()
    people = [await enrol(world.core, login, ml=_STUDENT) for login in ("ada", "bob", "eve")]

    async def come(times: int) -> Counter[str]:
        for _ in range(times):
            for person in people:
                await world.session(person, in_line=person is people[0])
        # For a while somebody who has been in the line is told so.
        world.clock.pass_(hours=1)
        await world.look_after()
        await world.core.book.settle()
        return held(world.core, world.timers, but=world.core.store)

    before, after = await come(10), await come(100)
    more = after - before
    assert sum(more.values()) < 20, more
    await world.core.close()
