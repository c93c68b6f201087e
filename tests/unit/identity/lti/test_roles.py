"""Role words of every spelling; sub-roles before principal ones, the course's before the institution's."""

import pytest

from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.identity.lti.roles import map_roles, outer_roles

TEACHER, ASSISTANT, STUDENT, OBSERVER = (
    CourseRole.TEACHER,
    CourseRole.ASSISTANT,
    CourseRole.STUDENT,
    CourseRole.OBSERVER,
)
V2 = "http://purl.imsglobal.org/vocab/lis/v2/"
INSTRUCTOR, LEARNER = f"{V2}membership#Instructor", f"{V2}membership#Learner"
TA = f"{V2}membership/Instructor#TeachingAssistant"

ROWS: dict[str, tuple[list[object], set[CourseRole]]] = {
    "nothing": ([], set()),
    "an instructor": ([INSTRUCTOR], {TEACHER}),
    "a learner": ([LEARNER], {STUDENT}),
    "an assistant by best practice, which names the principal role too": (
        [INSTRUCTOR, TA],
        {ASSISTANT},
    ),
    "the sub-role alone": ([TA], {ASSISTANT}),
    "an assistant of a section": (
        [INSTRUCTOR, f"{V2}membership/Instructor#TeachingAssistantSection"],
        {ASSISTANT},
    ),
    "a grader": ([INSTRUCTOR, f"{V2}membership/Instructor#Grader"], {ASSISTANT}),
    "a lecturer is an instructor": ([f"{V2}membership/Instructor#Lecturer"], {TEACHER}),
    "a learner whom a sub-role calls Instructor": (
        [f"{V2}membership/Learner#Instructor"],
        {STUDENT},
    ),
    "a learner whom a sub-role calls assistant": (
        [f"{V2}membership/Learner#TeachingAssistant"],
        {STUDENT},
    ),
    "any case": (
        [f"{V2}membership/instructor#teachingassistant", INSTRUCTOR.lower()],
        {ASSISTANT},
    ),
    "learner and instructor": ([LEARNER, INSTRUCTOR], {STUDENT, TEACHER}),
    "a mentor": ([f"{V2}membership#Mentor"], {OBSERVER}),
    "a member": ([f"{V2}membership#Member"], {OBSERVER}),
    "short names of rosters": (["Learner"], {STUDENT}),
    "a short name": (["Instructor"], {TEACHER}),
    "old URNs": (["urn:lti:role:ims/lis/Instructor"], {TEACHER}),
    "an old URN with a sub-role": (["urn:lti:role:ims/lis/Instructor/Grader"], {ASSISTANT}),
    "the old role of its own": (["urn:lti:role:ims/lis/TeachingAssistant"], {ASSISTANT}),
    "an instructor of the institution says nothing of the course": (
        [f"{V2}institution/person#Instructor"],
        set(),
    ),
    "an administrator of the system": ([f"{V2}system/person#Administrator"], set()),
    "an old role of the institution": (["urn:lti:instrole:ims/lis/Instructor"], set()),
    "a designer": ([f"{V2}membership#ContentDeveloper"], set()),
    "a manager": ([f"{V2}membership#Manager"], set()),
    "a spelling that no specification has": ([f"{INSTRUCTOR}#TeachingAssistant"], set()),
    "another vocabulary": (["https://evil.example/lis/v2/membership#Instructor"], set()),
    "text around it": ([f" {INSTRUCTOR}", f"{INSTRUCTOR} ", f"x{INSTRUCTOR}"], set()),
    "a line after it": ([f"{INSTRUCTOR}\n"], set()),
    "letters that look like others": ([f"{V2}membership#Ιnstructor"], set()),
    "no text": ([None, 1, ["Instructor"], {"role": "Instructor"}], set()),
}


@pytest.mark.parametrize(("roles", "given"), ROWS.values(), ids=ROWS)
def test_a_list_of_roles_gives(roles: list[object], given: set[CourseRole]) -> None:
    assert map_roles(roles) == given


@pytest.mark.parametrize("last", [TA, f"{V2}membership/Instructor#Grader"])
def test_the_order_does_not_matter(last: str) -> None:
    assert map_roles([INSTRUCTOR, last]) == map_roles([last, INSTRUCTOR])


def test_roles_without_end_cost_nothing() -> None:
    assert map_roles(["x"] * 10_000 + [INSTRUCTOR]) == set()


def test_roles_outside_the_course_are_external_groups() -> None:
    found = outer_roles(
        [
            f"{V2}institution/person#Faculty",
            f"{V2}system/person#Administrator",
            "http://purl.imsglobal.org/vocab/lti/system/person#TestUser",
            "urn:lti:instrole:ims/lis/Staff",
            "urn:lti:sysrole:ims/lis/SysAdmin",
            INSTRUCTOR,
            "Learner",
            "nonsense/x",
        ]
    )
    assert found == {
        "institution/Faculty",
        "system/Administrator",
        "system/TestUser",
        "institution/Staff",
        "system/SysAdmin",
    }
