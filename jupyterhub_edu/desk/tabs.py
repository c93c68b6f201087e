"""The tabs of a course: which pages it has, and who is shown which. A page adds its line here when it works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.words import mark

__all__ = ["TABS", "Tab", "tabs_for"]


@dataclass(frozen=True, slots=True)
class Tab:
    """A page of a course.

    Attributes:
        key: last part of its address; the page of the course itself has none there, whatever its key.
        words: what it is called, marked for translation.
        act: whoever may do this in the course is shown the tab, be it only up to the ceiling.
        about_self: also those who may do it only about themselves.
    """

    key: str
    words: str
    act: Act
    about_self: bool = False

    def path(self, course_id: str) -> tuple[str, ...]:
        """Parts of its address below the desk's."""
        return ("courses", course_id) if self is TABS[0] else ("courses", course_id, self.key)


TABS: Final = (
    Tab("now", mark("Now"), Act.SEE, about_self=True),
    Tab("first-day", mark("First day"), Act.ENROL),
    Tab("people", mark("People"), Act.ENROL),
    Tab("limits", mark("Limits"), Act.ADJUST),
    Tab("calendar", mark("Calendar"), Act.WINDOW),
    Tab("exams", mark("Exams"), Act.EXAM),
    Tab("requests", mark("Requests"), Act.REQUEST),
    Tab("usage", mark("Usage"), Act.USAGE),
    Tab("log", mark("Log"), Act.LOG),
    Tab("explain", mark("Explain"), Act.EXPLAIN),
    Tab("copy", mark("Copy"), Act.COPY),
)
"""Every tab in the order in which they stand; the first is the page of the course itself."""


def tabs_for(core: Core, viewer: Person, course_id: str) -> list[Tab]:
    """The tabs that somebody is shown in a course. Each page asks anew what one may do there."""
    return [
        tab
        for tab in TABS
        if core.may(
            tab.act,
            viewer,
            course_id,
            about=viewer.key if tab.about_self else None,
            within_ceiling=True,
            allowed=tab.act is Act.COPY and core.campus.teachers_copy,
        )
    ]
