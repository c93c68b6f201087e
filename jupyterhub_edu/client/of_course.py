"""What is asked about one course."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote

from jupyterhub_edu.wire.board import Sweep, SweepWish
from jupyterhub_edu.wire.course_sync import CourseSync
from jupyterhub_edu.wire.courses import Course, Session
from jupyterhub_edu.wire.exams import Exam, ExamWish, OnlyRehearsal, Protocol, RehearsedExam
from jupyterhub_edu.wire.grants import Ceilings, Grant, GrantWish
from jupyterhub_edu.wire.imports import Applied, Import, ImportWish, Undone
from jupyterhub_edu.wire.limits import Windows, WindowWish
from jupyterhub_edu.wire.people import (
    Done,
    Member,
    MembersQuery,
    PeopleWish,
    PersonSections,
    PersonWish,
    SectionsWish,
)

from .calling import Caller

__all__ = ["CourseClient", "pages"]


def pages(
    caller: Caller, path: str, query: Mapping[str, Any] | None = None, key: str = "items"
) -> Iterator[Any]:
    """The rows of a list, a page at a time as they are asked for."""
    asked = dict(query or {})
    while True:
        page = caller.call("GET", path, query=asked)
        yield from page[key]
        if page["next"] is None:
            return
        asked["cursor"] = page["next"]


class CourseClient:
    """One course of the hub. ``seen`` of an act is the client's ``tag`` of the answer that showed what is changed."""

    def __init__(self, caller: Caller, id: str) -> None:
        self.id, self._caller = id, caller

    def call(
        self, method: str, *parts: str, body: Mapping[str, Any] | None = None, **how: Any
    ) -> Any:
        """Call an address below the course's; parts are quoted."""
        path = "/".join(["courses", *(quote(part, safe="") for part in (self.id, *parts))])
        return self._caller.call(method, path, body, **how)

    def _pages(self, what: str, query: Mapping[str, Any] | None = None) -> Iterator[Any]:
        return pages(self._caller, f"courses/{quote(self.id, safe='')}/{what}", query, what)

    def about(self) -> Course:
        """The course as whoever asks sees it."""
        return cast(Course, self.call("GET"))

    # -- who is on ---------------------------------------------------------------------------------------------------

    def servers(self) -> Iterator[Session]:
        """Who is on, oldest first, as far as one may see it."""
        return pages(self._caller, f"courses/{quote(self.id, safe='')}/servers")

    def stop(self, user: str, server: str = "") -> None:
        """Stop one server; it may go on for a moment after this has returned."""
        self.call("DELETE", "servers", user, *filter(None, [server]))

    def stop_many(self, section: str | None = None) -> Sweep:
        """Stop the sessions of a section, or all of the course, one after another."""
        whose: SweepWish = {"all": True} if section is None else {"section": section}
        return cast(Sweep, self.call("POST", "stops", body=whose))

    def extend(self, user: str, until: datetime, server: str = "") -> Session:
        """Let somebody's session go on; ``until`` has a zone."""
        parts = ["servers", user, *filter(None, [server])]
        return cast(Session, self.call("PATCH", *parts, body={"until": until.isoformat()}))

    # -- people ------------------------------------------------------------------------------------------------------

    def people(self, query: MembersQuery | None = None) -> Iterator[Member]:
        """Who is in the course."""
        return self._pages("people", query)

    def put(self, wish: PeopleWish) -> Done:
        """Enrol somebody with a role, or exclude them."""
        return cast(Done, self.call("POST", "people", body=wish))

    def take_back(self, person: str) -> None:
        """Take back what was done by hand for somebody, or the id of what waits."""
        self.call("DELETE", "people", person)

    def change_person(self, person: str, wish: PersonWish, *, seen: str | None = None) -> Member:
        """Put a role, or an exclusion, in the place of what stands of somebody by hand; by their key."""
        return cast(Member, self.call("PUT", "people", person, body=wish, seen=seen))

    def put_into(
        self, person: str, sections: Sequence[str], *, seen: str | None = None
    ) -> PersonSections:
        """Put somebody into these sections by hand, and no others; by their key. Those of enrolments stay."""
        wish: SectionsWish = {"sections": [*sections]}
        told = self.call("PUT", "people", person, "sections", body=wish, seen=seen)
        return cast(PersonSections, told)

    def sections_of(self, person: str) -> PersonSections:
        """The sections of somebody, by their key."""
        return cast(PersonSections, self.call("GET", "people", person, "sections"))

    def hand_in(self, wish: ImportWish) -> Import:
        """Hand in a list of people: what it would do, or how far the look for everybody is; nothing is changed."""
        return cast(Import, self.call("POST", "imports", body=wish))

    def look_at(self, id: str) -> Import:
        """The same of a list that was handed in before."""
        return cast(Import, self.call("GET", "imports", id))

    def apply(self, id: str, *, seen: str) -> Applied:
        """Do exactly what a list was shown to do."""
        return cast(Applied, self.call("POST", "imports", id, seen=seen))

    def undo(self, id: str) -> Undone:
        """Undo what a list has done, where nothing else was done since."""
        return cast(Undone, self.call("DELETE", "imports", id))

    def sync(self) -> CourseSync:
        """Read the rosters of the course now, and say what changed."""
        return cast(CourseSync, self.call("POST", "sync"))

    # -- grants ------------------------------------------------------------------------------------------------------

    def grants(self) -> Iterator[Grant]:
        """Every grant by its start, ended ones too."""
        return self._pages("grants")

    def ceilings(self) -> Ceilings:
        """What teachers give alone."""
        return cast(Ceilings, self.call("GET", "grants", query={"limit": 1})["ceilings"])

    def give(self, wish: GrantWish) -> Grant:
        """Give one thing."""
        return cast(Grant, self.call("POST", "grants", body=wish))

    def take_back_grant(self, id: str) -> Grant | None:
        """Take it back; what is left because it has been used."""
        return cast(Grant | None, self.call("DELETE", "grants", id))

    # -- exams -------------------------------------------------------------------------------------------------------

    def exams(self) -> Iterator[Exam]:
        """Every exam by its start."""
        return self._pages("exams")

    def exam(self, id: str) -> RehearsedExam:
        """One exam, and what would happen to whom."""
        return cast(RehearsedExam, self.call("GET", "exams", id))

    def rehearse(self, wish: ExamWish) -> OnlyRehearsal:
        """What would happen to whom, were an exam held like this."""
        return cast(OnlyRehearsal, self.call("POST", "exams", body={**wish, "dry_run": True}))

    def prepare(self, wish: ExamWish) -> RehearsedExam:
        """Prepare an exam."""
        return cast(RehearsedExam, self.call("POST", "exams", body=wish))

    def change_exam(self, id: str, wish: ExamWish, *, seen: str | None = None) -> Exam:
        """Change it; once it has begun its end, extra time and more participants alone."""
        return cast(Exam, self.call("PATCH", "exams", id, body=wish, seen=seen))

    def begin(self, id: str) -> Exam:
        """Begin an exam now."""
        return cast(Exam, self.call("POST", "exams", id, "begin", body={}))

    def end(self, id: str) -> Exam:
        """End it for everybody once they have been warned."""
        return cast(Exam, self.call("POST", "exams", id, "end", body={}))

    def call_off(self, id: str, *, seen: str | None = None) -> None:
        """Call it off before it begins."""
        self.call("DELETE", "exams", id, seen=seen)

    def protocol(self, id: str) -> Protocol:
        """Who started when from where, and who has not."""
        return cast(Protocol, self.call("GET", "exams", id, "protocol"))

    # -- windows -----------------------------------------------------------------------------------------------------

    def windows(self) -> Windows:
        """The windows in force."""
        return cast(Windows, self.call("GET", "windows"))

    def set_window(self, wish: WindowWish, *, seen: str | None = None) -> Windows:
        """Add a window, or put it in the place of another."""
        return cast(Windows, self.call("POST", "windows", body=wish, seen=seen))

    def drop_window(self, id: str, *, seen: str | None = None) -> Windows:
        """Take a window away."""
        return cast(Windows, self.call("DELETE", "windows", id, seen=seen))
