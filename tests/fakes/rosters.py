"""A source that has rosters, in memory; a fake. It answers what a test has put into it, and counts what it was asked.

source = FakeRosters("lms", clock)
source.put("ml", "ada", "bob:teacher")
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from jupyterhub_edu.domain.people import CourseRef, CourseRole, Member, Roster
from jupyterhub_edu.ports import Clock, Unavailable

from .world import FakeSource

__all__ = ["FakeRosters", "a_member"]


def a_member(text: str) -> Member:
    """``login``, or ``login:role``; its subject is ``id-<login>``."""
    login, _, role = text.partition(":")
    roles = frozenset({CourseRole[(role or "student").upper()]})
    return Member(f"id-{login}", login, login.capitalize(), roles)


class FakeRosters(FakeSource):
    """A source whose courses are called as they were put; ``silent`` names those that it does not answer about."""

    def __init__(self, id: str, clock: Clock) -> None:
        super().__init__(id, clock)
        self.members: dict[str, list[Member]] = {}
        self.silent: set[str] = set()
        self.calls: list[str] = []
        self.opened = asyncio.Event()
        self.opened.set()

    def put(self, course: str, *members: str) -> None:
        """Who is in a course, in the place of who was."""
        self.members[course] = [a_member(text) for text in members]

    async def courses(self) -> Sequence[CourseRef] | Unavailable:
        self.calls.append("courses")
        await self.opened.wait()
        return Unavailable("it is down") if self.down else [*map(CourseRef, self.members)]

    async def roster(self, course: CourseRef) -> Roster | Unavailable:
        self.calls.append(course.id)
        await asyncio.sleep(0)
        if self.down or course.id in self.silent:
            return Unavailable(f"no answer about {course.id}")
        return Roster(course, tuple(self.members.get(course.id, ())), self._clock())
