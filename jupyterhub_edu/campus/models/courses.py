"""Courses, their terms, and what every course has."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from ..values import AllowanceText, ClockTime, Count, Day, Duration, Text, Weekday
from .base import Model
from .people import PeopleModel

__all__ = [
    "AllowanceModel",
    "CapsModel",
    "CourseModel",
    "DaysModel",
    "DefaultsModel",
    "OffersModel",
    "QuotaModel",
    "RoleCapsModel",
    "TermModel",
    "WindowModel",
]


class TermModel(Model):
    """A dated teaching period."""

    starts: Day = Field(alias="from")
    """First day."""
    until: Day
    """Last day, inclusive, in the campus's time zone."""


class OffersModel(Model):
    """Profiles by course role; the first of a list is the role's default. A role left out gets nothing."""

    kind: ClassVar[str] = "course role"
    teacher: list[Text] | SkipJsonSchema[None] = None
    """What teachers may start."""
    assistant: list[Text] | SkipJsonSchema[None] = None
    """What assistants may start."""
    student: list[Text] | SkipJsonSchema[None] = None
    """What students may start."""
    observer: list[Text] | SkipJsonSchema[None] = None
    """What observers may start."""


class CapsModel(Model):
    """The most that one person may hold at a time: servers, and devices by flavor."""

    kind: ClassVar[str] = "flavor"
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Count]
    servers: Annotated[int, Field(ge=1, le=1000)] | SkipJsonSchema[None] = None
    """Servers; left out: no cap."""


class RoleCapsModel(Model):
    """Caps of one person by course role; a role left out has no cap of the course."""

    kind: ClassVar[str] = "course role"
    teacher: CapsModel | SkipJsonSchema[None] = None
    """For each teacher."""
    assistant: CapsModel | SkipJsonSchema[None] = None
    """For each assistant."""
    student: CapsModel | SkipJsonSchema[None] = None
    """For each student."""
    observer: CapsModel | SkipJsonSchema[None] = None
    """For each observer."""


class DefaultsModel(Model):
    """What every course has unless it says otherwise; a course replaces only the roles that it names."""

    offers: OffersModel = OffersModel()
    """Profiles by course role."""
    caps: RoleCapsModel = RoleCapsModel()
    """Caps by course role."""
    locked: list[Text] = []
    """Fields that the desk may not change in any course, such as ``windows``, ``offers`` or ``caps.student``; left out:
    none."""


class QuotaModel(Model):
    """What a course may use of one flavor at one moment; a plain number is ``nominal``."""

    nominal: Count = 0
    """Devices of its own while it is open; those that it does not use are lent, and come back when it asks for them."""
    borrow: Count | SkipJsonSchema[None] = None
    """The most devices beyond those; left out: as many as others do not use."""

    @model_validator(mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        return {"nominal": value} if isinstance(value, int) else value


class DaysModel(Model):
    """Some days; one day alone may be written plainly."""

    starts: Day = Field(alias="from")
    """First day."""
    until: Day
    """Last day, inclusive, at most a year later."""

    @model_validator(mode="before")
    @classmethod
    def _day(cls, value: object) -> object:
        return value if isinstance(value, dict) else {"from": value, "until": value}


class WindowModel(Model):
    """A weekly or dated time of a course, in the campus's time zone."""

    title: Text | SkipJsonSchema[None] = None
    """For whoever reads the file."""
    days: list[Weekday] = []
    """Days of the week on which it begins, all through the course's dates."""
    dates: list[Day] = []
    """Days on which it begins, instead of days of the week."""
    ical: Text | SkipJsonSchema[None] = None
    """An iCalendar file with its times, instead of days; the path starts from the campus file's folder."""
    starts: ClockTime = Field(default=dt.time(), alias="from")
    """When it begins; left out: midnight."""
    until: ClockTime = dt.time()
    """When it ends, on the next day if that is not later than ``from``; left out: midnight."""
    only: list[Text] = []
    """Profiles that may be started in such windows alone, and end with them; left out: it restricts none."""
    reserve: dict[Text, Count] = {}
    """Devices by flavor that are the course's while the window is open, if it does not own as many; left out: none."""
    lead_time: Duration | SkipJsonSchema[None] = None
    """How long before each beginning they are kept for it, at least ``reclaim_warning`` and 10m; left out: as long as
    that."""
    excluded: list[DaysModel] = Field(default=[], alias="except")
    """Days on which it does not begin, beside the holidays."""


class AllowanceModel(Model):
    """How many GPU hours (devices times hours times weight) there are in each period: ``10h per week``."""

    person: AllowanceText | SkipJsonSchema[None] = None
    """Each person's own in this course, per ``day``, ``week`` or ``term``; left out: without limit."""
    course: AllowanceText | SkipJsonSchema[None] = None
    """Of all people of the course together; left out: without limit."""


class CourseModel(Model):
    """One teaching unit in one term."""

    title: Text | SkipJsonSchema[None] = None
    """Shown to people; left out: its key."""
    term: Text | SkipJsonSchema[None] = None
    """The term whose dates it has; left out: no dates but its own."""
    starts: Day | SkipJsonSchema[None] = Field(default=None, alias="from")
    """First day, instead of the term's."""
    until: Day | SkipJsonSchema[None] = None
    """Last day, inclusive, instead of the term's."""
    state: Literal["open", "suspended", "archived"] = "open"
    """Whether it takes part: suspended for a while, archived for good."""
    codes: list[Text] = []
    """What ``<course>`` may match beside the key."""
    people: PeopleModel = PeopleModel()
    """Enrolments beside what the sources say."""
    offers: OffersModel = OffersModel()
    """Profiles by course role, instead of those of ``course_defaults``."""
    caps: RoleCapsModel = RoleCapsModel()
    """Caps by course role, instead of those of ``course_defaults``."""
    quota: dict[Text, QuotaModel] = {}
    """By flavor; a flavor left out: nothing of its own, borrowing without limit."""
    allowance: AllowanceModel = AllowanceModel()
    """GPU hours that device sessions draw on; left out: without limit."""
    windows: list[WindowModel] = []
    """Times that restrict profiles or reserve devices; left out: profiles may be started at any time."""
    image: Text | SkipJsonSchema[None] = None
    """Image with its tag, instead of the profiles'."""
    join: list[Literal["ask", "code"]] = []
    """How people may join it by themselves, as students: ``ask`` its teacher, or by a join ``code`` of the teacher's; left out:
    not at all."""
    assistants_help: bool = False
    """Whether assistants, like teachers, may open a student's server for half an hour to help; left out: they may not."""
    locked: list[Text] = []
    """Fields that the desk may not change, beside those of ``course_defaults``: ``title``, ``offers`` or ``offers.student``,
    ``windows`` and so on; left out: none more."""
    kubespawner: dict[str, Any] = {}
    """KubeSpawner settings that the campus file does not govern."""
