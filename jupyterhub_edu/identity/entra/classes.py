"""Education classes: who teaches and who takes them, of one person or of a whole class."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from jupyterhub_edu.core.slices import in_slices
from jupyterhub_edu.domain.people import CourseClaim, CourseRef, CourseRole, Member

from .graph import Bearer, Graph, text
from .people import map_login, subject_of
from .settings import EntraSettings, parse_guid

__all__ = ["COURSE_FIELDS", "Listing", "all_classes", "classes_of", "members_of"]

COURSE_FIELDS: Final = ("id", "code", "external_id")
"""What rules may go by. Not the name: whoever owns a class may rename it, and would so become teacher of another course."""

_CLASS: Final = {"$select": "id,displayName,classCode,externalId", "$top": "999"}
_MEMBER: Final = {"$select": "id,displayName,userPrincipalName,accountEnabled", "$top": "999"}
_NAMES: Final = {"code": "classCode", "external_id": "externalId", "name": "displayName"}
_LONGEST: Final = 256


@dataclass(frozen=True, slots=True)
class Listing:
    """Who is in one class.

    Attributes:
        members: everybody whose account is in use.
        ids: object ids of everybody, in lower case.
    """

    members: tuple[Member, ...]
    ids: frozenset[str]


async def classes_of(
    graph: Graph, object_id: str, bearer: Bearer, patience: float
) -> frozenset[CourseClaim]:
    """The classes of a person: teacher where the class is theirs, else student.

    A class is one group that holds teachers and students alike, so being in it does not say which.

    Raises:
        NoAnswer, NotThere

    Source:
        educationclass.md; educationuser-list-taughtclasses.md.
    """
    taken, taught = await asyncio.gather(
        *(
            graph.list_of(f"/education/users/{object_id}/{which}", _CLASS, bearer, patience)
            for which in ("classes", "taughtClasses")
        )
    )
    teaches = {text(row, "id") for row in taught}
    rows = {text(row, "id"): row for row in (*taken, *taught)}
    return frozenset(
        CourseClaim(_course(row), CourseRole.TEACHER if id in teaches else CourseRole.STUDENT)
        for id, row in rows.items()
    )


async def all_classes(graph: Graph, bearer: Bearer, patience: float) -> list[CourseRef]:
    """Every class of the tenant.

    Raises:
        NoAnswer, NotThere
    """
    rows = await graph.list_of("/education/classes", _CLASS, bearer, patience, aside=True)
    return [_course(row) for row in rows]


async def members_of(
    graph: Graph, settings: EntraSettings, course: str, bearer: Bearer, patience: float
) -> Listing:
    """Everybody in one class.

    Raises:
        NoAnswer, NotThere
    """
    everybody, teachers = await asyncio.gather(
        *(
            graph.list_of(
                f"/education/classes/{quote(course, safe='')}/{which}",
                _MEMBER,
                bearer,
                patience,
                aside=True,
            )
            for which in ("members", "teachers")
        )
    )
    teaches = {text(row, "id") for row in teachers}
    members: dict[str, Member | None] = {}
    async for row in in_slices((*everybody, *teachers)):
        id = text(row, "id")
        in_use = parse_guid(id) and row.get("accountEnabled") is not False
        role = CourseRole.TEACHER if id in teaches else CourseRole.STUDENT
        members[id] = _member(row, settings, role) if in_use else None
    in_use_now = tuple(member for member in members.values() if member is not None)
    return Listing(in_use_now, frozenset(map(str.lower, members)))


def _course(row: Mapping[str, Any]) -> CourseRef:
    names = ((ours, row.get(theirs)) for ours, theirs in _NAMES.items())
    told = ((ours, value[:_LONGEST]) for ours, value in names if isinstance(value, str) and value)
    return CourseRef(text(row, "id"), tuple(told))


def _member(row: Mapping[str, Any], settings: EntraSettings, role: CourseRole) -> Member:
    object_id, upn = text(row, "id").lower(), text(row, "userPrincipalName")
    name = row.get("displayName")
    by_id = settings.login_claim == "oid"
    return Member(
        subject_of(settings.tenant, object_id),
        object_id if by_id else map_login(upn, settings.login_domain, guest=False),
        name[:_LONGEST] if isinstance(name, str) and name else upn,
        frozenset({role}),
    )
