"""The campus: everything that a decision may rest on, as one immutable snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from .courses import Caps, Course
from .grants import NO_CEILINGS, Ceilings
from .line import STARVE_AFTER
from .outside import SITE, TITLE
from .people import Enrolment, LinkRule, SiteRole
from .profiles import Flavor, Profile
from .promises import Promises
from .reclaim import WARNING
from .rules import CourseRule, Rule
from .schedule import Span

__all__ = ["Campus", "FilePerson", "SourceInfo"]

_NOTHING: Mapping[Any, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What the core knows of a source; its own settings are its adapter's business.

    Attributes:
        adopt: first login takes over the hub account of the same name.
        refresh: how often each active person is read again.
        courses: how it names our courses.
        sync: how often its rosters are read.
        guard: percent of a roster that one sync may take away without an admin.
    """

    id: str
    type: str
    title: str
    adopt: bool = False
    refresh: timedelta = timedelta(minutes=5)
    courses: tuple[CourseRule, ...] = ()
    sync: timedelta = timedelta(minutes=15)
    guard: int = 30


@dataclass(frozen=True, slots=True)
class FilePerson:
    """A person named in the campus file, by ``source`` and login, before it is known who that is."""

    source: str
    login: str


@dataclass(frozen=True)
class Campus:
    """One campus file, checked.

    Attributes:
        language: of the pages, for everybody; ``""``: as each browser asks.
        admins: exact people who are site admins.
        links: which identities of several sources are one person.
        people: enrolments that stand in the file, by who; their ``person`` is ``""`` until the person is known.
        digest: SHA-256 of what was read, in hexadecimal.
        warn_at: how long before its end a session is warned, the longest first.
        extend_by: how much longer a person may let their own session run, each time.
        extend_times: how many times; 0: not at all.
        idle_after: how long a session may hold a device without work; None: as long as it lasts.
        stops_lost: sessions of those who are no longer in the course are stopped.
        ceilings: the most that a teacher may give alone.
        no_course: profiles that may be started outside any course, by site role; the first is the default.
        exams_leave: participants' other servers run on when an exam begins.
        reclaim_warning: how long before its stop a loan that is called back is warned.
        starve_after: how long the first in a line waits before devices of one node are kept for it.
        terms: the dates of each teaching period, by its key.
        teachers_copy: teachers copy a course of theirs into another term by themselves.
        holidays: the first and the last day of each, in ``zone``, by its name; no window begins on them.
    """

    name: str
    zone: ZoneInfo
    contact: str
    stale_after: timedelta
    sources: Mapping[str, SourceInfo]
    rules: tuple[Rule, ...]
    flavors: Mapping[str, Flavor]
    profiles: Mapping[str, Profile]
    courses: Mapping[str, Course]
    caps: Caps = field(default_factory=Caps)
    admins: frozenset[FilePerson] = frozenset()
    people: Mapping[FilePerson, tuple[Enrolment, ...]] = field(default_factory=lambda: _NOTHING)
    digest: str = ""
    links: tuple[LinkRule, ...] = ()
    warn_at: tuple[timedelta, ...] = (timedelta(minutes=10), timedelta(minutes=2))
    extend_by: timedelta = timedelta(hours=1)
    extend_times: int = 0
    idle_after: timedelta | None = None
    stops_lost: bool = False
    ceilings: Ceilings = NO_CEILINGS
    exams_leave: bool = False
    no_course: Mapping[SiteRole, tuple[str, ...]] = field(default_factory=lambda: _NOTHING)
    reclaim_warning: timedelta = WARNING
    starve_after: timedelta = STARVE_AFTER
    terms: Mapping[str, Span] = field(default_factory=lambda: _NOTHING)
    teachers_copy: bool = False
    holidays: Mapping[str, tuple[date, date]] = field(default_factory=lambda: _NOTHING)
    language: str = ""

    @cached_property
    def course_index(self) -> Mapping[str, tuple[Course, ...]]:
        """Courses by case-folded key and code."""
        found: dict[str, tuple[Course, ...]] = {}
        for course in self.courses.values():
            for name in {name.casefold() for name in (course.key, *course.codes)}:
                found[name] = (*found.get(name, ()), course)
        return MappingProxyType(found)

    @cached_property
    def promises(self) -> Mapping[str, Promises]:
        """What its courses have of each flavor with devices."""
        return MappingProxyType(
            {
                key: Promises(self.courses.values(), key)
                for key, flavor in self.flavors.items()
                if flavor.device is not None
            }
        )

    def title_of(self, course: str) -> str:
        """A course's title by its id, outside any too; of one that the file no longer has the id."""
        known = self.courses.get(course)
        if known is not None:
            return known.title
        return TITLE if course == SITE else course

    @cached_property
    def source_titles(self) -> Mapping[str, str]:
        """Titles of the sources by origin."""
        return MappingProxyType({f"source:{s.id}": s.title for s in self.sources.values()})
