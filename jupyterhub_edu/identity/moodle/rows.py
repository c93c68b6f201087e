"""What is read of Moodle's replies; anything else in them is left alone. All text is hostile."""

from __future__ import annotations

import functools
import html
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from jupyterhub_edu.identity.web import NoAnswer

__all__ = [
    "CategoryRow",
    "CourseRow",
    "Courses",
    "EnrolledCourse",
    "Member",
    "Site",
    "UserRow",
    "parse",
]

_T = TypeVar("_T")

Formatted = Annotated[str, AfterValidator(html.unescape)]
"""Text that went through Moodle's ``format_string``, which makes ``&amp;`` of an ampersand."""


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class _Named(_Row):
    name: Formatted


class _Role(_Row):
    shortname: str


class _Contact(_Row):
    id: int


class Site(_Row):
    """``core_webservice_get_site_info``."""

    siteurl: str
    functions: list[_Named]
    userissiteadmin: bool = False


class UserRow(_Row):
    """``core_user_get_users_by_field``; ``suspended`` is the account, not an enrolment."""

    id: int
    username: str = Field(min_length=1)
    fullname: str
    suspended: bool
    idnumber: str = ""


class EnrolledCourse(_Row):
    """``core_enrol_get_users_courses``: a course in which one person has an active enrolment; no word of roles."""

    id: int
    shortname: Formatted
    idnumber: str
    visible: bool
    category: int


class Member(_Row):
    """``core_enrol_get_enrolled_users`` and ``core_user_get_course_user_profiles``: one person in one course."""

    id: int
    username: str = Field(min_length=1)
    fullname: str
    roles: list[_Role]
    groups: list[_Named] = []


class CourseRow(_Row):
    """``core_course_get_courses_by_field``.

    Attributes:
        idnumber: None if it is not told, which is usual.
        visible: None if the account may not enter the course.
        groupmode: 1 for separate groups; None as above.
    """

    id: int
    shortname: Formatted
    categoryid: int
    idnumber: str | None = None
    visible: bool | None = None
    groupmode: int | None = None
    contacts: list[_Contact] = []


class Courses(_Row):
    """The whole reply of ``core_course_get_courses_by_field``."""

    courses: list[CourseRow]


class CategoryRow(_Row):
    """``core_course_get_categories``; hidden courses count, whoever asks."""

    id: int
    name: Formatted
    coursecount: int


def parse(kind: type[_T], data: Any, function: str) -> _T:
    """Read a reply as what it should be.

    Raises:
        NoAnswer: it is something else; the text names the first place, and nothing of the content.
    """
    try:
        read: _T = _adapter(kind).validate_python(data)  # type: ignore[arg-type]  # a type is hashable
        return read
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
        hint = _HINTS.get(place, "")
        raise NoAnswer(f"{function}: {place or 'the reply'} is not as expected{hint}") from None


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


_HINTS = {
    "username": "; the account's role needs moodle/user:viewalldetails",
    "suspended": "; the account's role needs moodle/user:viewalldetails",
}
