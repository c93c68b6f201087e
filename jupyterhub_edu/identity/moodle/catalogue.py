"""The courses of a Moodle, as far as they exist for the hub."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Final

from jupyterhub_edu.domain.people import CourseRef
from jupyterhub_edu.identity.web import NoAnswer

from .rows import CourseRow, Courses, EnrolledCourse
from .service import Service
from .sight import Sight, read_courses, read_members

__all__ = ["Catalogue", "make_ref"]

_DAY_SECONDS: Final = 24 * 3600.0


def make_ref(id: int, shortname: str, idnumber: str, category: int) -> CourseRef:
    """A course as rules see it; the same from whichever reply it was learnt."""
    names = {"shortname": shortname, "idnumber": idnumber, "category": str(category)}
    return CourseRef(str(id), tuple(names.items()))


class Catalogue:
    """Lists courses, and remembers what a roster needs to know of each.

    Moodle tells a course's idnumber in lists only to who may change the course, which the hub should not; but it tells
    the idnumbers of a person's courses. So each is learnt from somebody in the course, once a day.
    """

    def __init__(self, service: Service, sight: Sight, categories: Sequence[int] | None) -> None:
        self._service, self._sight = service, sight
        self._categories = tuple(dict.fromkeys(categories)) if categories else None
        self._rows: dict[int, CourseRow] = {}
        self._idnumbers: dict[int, tuple[float, str]] = {}

    def holds(self, category: int) -> bool:
        """Whether courses of this category exist for the hub; the front page stands in none."""
        return category > 0 if self._categories is None else category in self._categories

    async def read(self) -> list[CourseRow]:
        """Every course, hidden ones too; one call, or one for each category.

        Raises:
            NoAnswer: as ``Service.call``.
        """
        asked = [("category", str(id)) for id in self._categories or ()] or [("", "")]
        rows: dict[int, CourseRow] = {}
        for field, value in asked:
            told = await self._service.call(
                Courses, "core_course_get_courses_by_field", field=field, value=value
            )
            rows |= {row.id: row for row in told.courses if self.holds(row.categoryid)}
        self._rows = rows
        return list(rows.values())

    async def refs(self) -> list[CourseRef]:
        """Every course with all its names.

        Raises:
            NoAnswer: as ``Service.call``.
        """
        rows = await self.read()
        await self._learn(rows)
        return [
            make_ref(row.id, row.shortname, self._idnumber(row), row.categoryid) for row in rows
        ]

    async def row(self, id: int) -> CourseRow:
        """One course, as it was last read.

        Raises:
            NoAnswer: there is none, or as ``Service.call``.
        """
        if id not in self._rows:
            told = await self._service.call(
                Courses, "core_course_get_courses_by_field", field="id", value=id
            )
            self._rows |= {row.id: row for row in told.courses if self.holds(row.categoryid)}
        if id not in self._rows:
            raise NoAnswer(f"there is no course {id}, or the account may not see it")
        return self._rows[id]

    def note(self, courses: Iterable[EnrolledCourse]) -> None:
        """Learn idnumbers by the way."""
        now = time.monotonic()
        self._idnumbers |= {course.id: (now, course.idnumber) for course in courses}

    async def _learn(self, rows: Sequence[CourseRow]) -> None:
        """Ask somebody in each course whose idnumber is not known; a teacher tells those of several.

        Raises:
            NoAnswer: one cannot be learnt, and without it the course might be taken for none of ours.
        """
        oldest = time.monotonic() - _DAY_SECONDS
        known = {id for id, (at, _) in self._idnumbers.items() if at > oldest}
        for row in rows:
            if row.idnumber is not None or row.id in known:
                continue
            if row.contacts:
                known |= await self._ask(row.contacts[0].id)
            if row.id not in known:
                known |= await self._ask_member(row.id)

    async def _ask_member(self, course: int) -> set[int]:
        """Where nobody is in a course to tell its idnumber, it matters to nobody."""
        members = await read_members(self._service, course, 0, 1)
        if not members:
            await self._sight.require()
            return {course}
        told = await self._ask(members[0].id)
        if course not in told:
            raise NoAnswer(f"the idnumber of course {course} is not told")
        return told

    async def _ask(self, person: int) -> set[int]:
        courses = await read_courses(self._service, person)
        self.note(courses)
        return {course.id for course in courses}

    def _idnumber(self, row: CourseRow) -> str:
        if row.idnumber is not None:
            return row.idnumber
        return self._idnumbers.get(row.id, (0.0, ""))[1]
