"""Of what others used, only what the table of acts allows is told."""

from datetime import date

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.desk.refusals import DeskError
from jupyterhub_edu.desk.usage import restrict
from jupyterhub_edu.domain.campus import FilePerson
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.usage import By, UsageQuery
from tests.fakes.campus import a_campus, a_core, a_course, enrol

DAY = date(2026, 11, 3)
BY = frozenset({By.PERSON})


@pytest.fixture
async def core() -> Core:
    """A teacher, an assistant and a student of ``ml``, none of them in ``db``; and an admin."""
    campus = a_campus(
        courses=[a_course(), a_course("db")], admins=frozenset({FilePerson("ad", "root")})
    )
    made = a_core(campus)
    await made.ready()
    await enrol(made, "tea", ml=CourseRole.TEACHER)
    await enrol(made, "asa", ml=CourseRole.ASSISTANT)
    await enrol(made, "stu", ml=CourseRole.STUDENT)
    await enrol(made, "root")
    return made


# Who asks, of which person and course; of whom in which course they are told, or how it is refused.
ROWS = {
    "a student of nothing in particular: of themselves": ("stu", None, None, ("stu", None)),
    "a student of themselves": ("stu", "stu", None, ("stu", None)),
    "a student of their course: of themselves": ("stu", None, "ml", ("stu", "ml")),
    "a student of themselves in a former course": ("stu", "stu", "db", ("stu", "db")),
    "a student of a classmate": ("stu", "asa", "ml", "no-such-person"),
    "a student of somebody": ("stu", "asa", None, "no-such-person"),
    "a student of another course": ("stu", None, "db", "no-such-course"),
    "a student of a classmate in another course": ("stu", "asa", "db", "no-such-course"),
    "an assistant of their course: of themselves": ("asa", None, "ml", ("asa", "ml")),
    "a teacher of nothing in particular: of themselves": ("tea", None, None, ("tea", None)),
    "a teacher of their course": ("tea", None, "ml", (None, "ml")),
    "a teacher of a student in it": ("tea", "stu", "ml", ("stu", "ml")),
    "a teacher of a student anywhere": ("tea", "stu", None, "no-such-person"),
    "a teacher of another course": ("tea", None, "db", "no-such-course"),
    "a teacher of a course that does not exist": ("tea", None, "x", "no-such-course"),
    "an admin of everything": ("root", None, None, (None, None)),
    "an admin of a course that was": ("root", None, "old", (None, "old")),
    "an admin of somebody": ("root", "stu", None, ("stu", None)),
}


@pytest.mark.parametrize(("asks", "person", "course", "expected"), ROWS.values(), ids=ROWS)
async def test_what_is_told(core, asks, person, course, expected):
    viewer = core.roll.by_hub_name(asks)
    question = UsageQuery(BY, DAY, None, person, course)

    if isinstance(expected, str):
        with pytest.raises(DeskError) as refusal:
            restrict(core, viewer, question)
        assert refusal.value.code == expected
    else:
        told = restrict(core, viewer, question)
        assert (told.person, told.course) == expected
        assert (told.by, told.first, told.last) == (BY, DAY, None)
