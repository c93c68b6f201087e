"""Whether the web-service account may look: to one who may not, Moodle says "nobody" as it says to one who may."""

from __future__ import annotations

import time
from typing import Final

from jupyterhub_edu.identity.web import NoAnswer

from .accounts import read_accounts
from .rows import Courses, EnrolledCourse, Member
from .service import Refused, Service

__all__ = ["Sight", "read_courses", "read_members"]

_SEPARATE_GROUPS: Final = 1
_TRUSTED_SECONDS: Final = 60.0
_FIELDS: Final = "id,username,fullname,roles,groups"


async def read_members(
    service: Service, course: int, start: int, number: int, *, only_active: bool = True
) -> list[Member]:
    """One page of a course's participants, by id.

    Raises:
        NoAnswer: as ``Service.call``.
    """
    options = {
        "userfields": _FIELDS,
        "sortby": "id",
        "limitfrom": start,
        "limitnumber": number,
        **({"onlyactive": 1} if only_active else {}),
    }
    return await service.call(
        list[Member],
        "core_enrol_get_enrolled_users",
        courseid=course,
        options=[{"name": name, "value": value} for name, value in options.items()],
    )


class Sight:
    """Looks at the canary: a course with participants, always, and with separate groups.

    Who sees its participants sees those of every course, as long as the account's role is assigned in the system context.
    """

    def __init__(self, service: Service, canary: int) -> None:
        self._service, self._canary = service, canary
        self._until = 0.0

    async def require(self) -> None:
        """Before "nobody" is believed; four calls, at most once a minute.

        Raises:
            NoAnswer: the account cannot look, or has not shown that it can.
        """
        if self._until > time.monotonic():
            return
        begun = time.monotonic()
        if problems := await self.problems():
            raise NoAnswer(problems[0])
        self._until = begun + _TRUSTED_SECONDS

    async def problems(self) -> list[str]:
        """What the account may not see of the canary; each sentence names the capability.

        Raises:
            NoAnswer: nothing can be said.
        """
        try:
            members = await read_members(self._service, self._canary, 0, 10)
        except Refused as error:
            return [await self._explain(error)]
        told = await self._service.call(
            Courses, "core_course_get_courses_by_field", field="id", value=self._canary
        )
        if all(course.groupmode != _SEPARATE_GROUPS for course in told.courses):
            return [
                f"the canary, course {self._canary}, does not show whether the account sees through separate groups; set its "
                "group mode to separate groups, or name a course that has them"
            ]
        if not members:
            return [
                f"the canary, course {self._canary}, seems to have no participants: either it has none, or the account's "
                "role lacks moodle/user:viewdetails or moodle/site:accessallgroups"
            ]
        witness = members[0].id
        if not await read_accounts(self._service, [witness]):
            return [
                "no accounts are to be seen; the account's role needs moodle/user:viewalldetails"
            ]
        courses = await read_courses(self._service, witness)
        if all(course.id != self._canary for course in courses):
            return [
                "nobody's courses are to be seen; the account's role needs moodle/user:viewdetails, "
                "moodle/course:viewparticipants and moodle/course:view in the system context"
            ]
        return []

    async def _explain(self, error: Refused) -> str:
        """Which of several capabilities is missing."""
        if error.code == "invalidrecord":
            return f"there is no course {self._canary}; name another in canary"
        if error.code != "nopermissions":
            return f"the canary, course {self._canary}: {error}"
        try:
            await read_members(self._service, self._canary, 0, 1, only_active=False)
        except NoAnswer:
            return "participants are not to be seen; the account's role needs moodle/course:viewparticipants"
        return "active enrolments cannot be told from others; the account's role needs moodle/course:enrolreview"


async def read_courses(service: Service, person: int) -> list[EnrolledCourse]:
    """The courses in which somebody has an active enrolment.

    Raises:
        NoAnswer: as ``Service.call``.
    """
    return await service.call(
        list[EnrolledCourse], "core_enrol_get_users_courses", userid=person, returnusercount=False
    )
