"""*Course: people*: who is in a course and why, adding people and keeping them out by hand. Works without scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from jupyterhub.scopes import needs_scope
from tornado import web

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.by_hand import ByHand
from jupyterhub_edu.core.named import Alike
from jupyterhub_edu.core.placing import place, sections_tag
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.pending import WORDS, Pending
from jupyterhub_edu.domain.people import CourseRole, Person, SiteRole
from jupyterhub_edu.domain.schedule import local_instant
from jupyterhub_edu.domain.words import say

from .exam_forms import sections_of
from .frame import Page
from .local_times import CannotRead, read_day
from .people import PEOPLE_REFUSALS, placed
from .people_rows import MemberRow, Wanted, find_row, people_part
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .views import instant
from .wishes import done

__all__ = ["PeoplePage", "PeopleTab", "PersonPage", "TakeBackPage", "people_page_routes"]

_AT_ONCE: Final = 30
_WAITING: Final = "waiting"
_LONGEST: Final = 500
_ROLES: Final = {str(role): role for role in sorted(CourseRole)}
_NOT_TOLD: Final = frozenset({Code.NO_SUCH_COURSE, Code.NO_ACCOUNT, Code.NOT_READY})
"""Refusals that have a page of their own; the others are told above the form, with what was typed."""
_FIELDS: Final = ("who", "role", "starts", "ends", "why")
_A_DAY: Final = timedelta(days=1)


class PeopleTab(Page):
    """Pages about the people of one course, for whoever may add people to it.

    Others are told so, and whoever is outside that there is no such course.
    """

    alike: Sequence[Alike] = ()
    """Among whom of the course whoever asks has to choose."""

    async def staff(self, course_id: str) -> tuple[Core, Person, Course]:
        """Who asks, and about which course."""
        core, viewer, course = await self.course_of(course_id)
        if not core.may(Act.ENROL, viewer, course.id):
            raise DeskError(Code.NOT_YOURS_TO_GIVE)
        return core, viewer, course

    def by_hand(
        self, core: Core, viewer: Person, course: Course, seen: str | None = None
    ) -> ByHand:
        """What they do by hand."""
        return ByHand(core, viewer, course.id, self.from_where, seen)

    def roles_below(self, core: Core, viewer: Person, course: Course) -> list[str]:
        """The roles that somebody may give, a student's first."""
        own, site = core.roles(viewer, course.id)
        found = [
            word
            for word, role in _ROLES.items()
            if site is SiteRole.ADMIN or (own is not None and role < own)
        ]
        return sorted(found, key=lambda word: word != str(CourseRole.STUDENT))

    def fields(self) -> dict[str, str]:
        """What was typed."""
        return {name: self.get_body_argument(name, "").strip() for name in _FIELDS}

    def told(self, error: DeskError | CannotRead) -> str:
        """Why something was not done, for the page from which it was asked."""
        if isinstance(error, CannotRead):
            self.set_status(400)
            return str(error)
        if error.code in _NOT_TOLD:
            raise error
        self.set_status(error.status_code)
        self.alike = error.alike
        return error.jupyterhub_message

    def people_address(self, course: Course, *parts: str, **query: str) -> str:
        """Address of a page about the people of the course."""
        return self.address("courses", course.id, "people", *parts, **query)


class PeoplePage(PeopleTab):
    """``/hub/edu/courses/<course>/people``."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """Who is in it, as searched for; or what waits."""
        core, viewer, course = await self.staff(course_id)
        await self._show(core, viewer, course)

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str) -> None:
        """Add somebody, or keep them out."""
        core, viewer, course = await self.staff(course_id)
        typed = {**self.fields(), "do": self.get_body_argument("do", "")}
        try:
            found = await done(self._act(core, viewer, course, typed), PEOPLE_REFUSALS)
        except (CannotRead, DeskError) as error:
            await self._show(core, viewer, course, typed, self.told(error))
            return
        about = {"waits": found.id} if isinstance(found, Pending) else {"about": found.person}
        self.redirect(self.people_address(course, **about), status=303)

    async def _act(
        self, core: Core, viewer: Person, course: Course, typed: Mapping[str, str]
    ) -> Any:
        staff, zone = self.by_hand(core, viewer, course), core.campus.zone
        why, ends = short(typed["why"]), last_day(typed["ends"], zone)
        if typed["do"] == "exclude":
            return await staff.exclude(short(typed["who"]), until=ends, why=why)
        starts = first_day(typed["starts"], zone)
        role = role_of(typed["role"])
        return await staff.enrol(short(typed["who"]), role, starts=starts, ends=ends, why=why)

    async def _show(
        self,
        core: Core,
        viewer: Person,
        course: Course,
        typed: Mapping[str, str] | None = None,
        wrong: str = "",
    ) -> None:
        wanted = Wanted(
            **{
                name: self.get_query_argument(name, "")[:_LONGEST].strip()
                for name in ("q", "role", "section", "origin", "show")
            }
        )
        asked = {"limit": _AT_ONCE, "cursor": self.get_query_argument("cursor", "")}
        if not asked["cursor"]:
            del asked["cursor"]
        waiting = core.roll.pending.in_course(course.id)
        part = None
        if wanted.show != _WAITING:
            part = await people_part(core, viewer, course.id, wanted, asked)  # type: ignore[arg-type]
        query = {name: text for name, text in asdict(wanted).items() if text}
        more = part.next if part is not None else None
        await self.show_tab(
            "people",
            "people.html",
            course,
            part=part,
            waiting=[pending_row(core, one) for one in waiting] if part is None else [],
            waiting_count=len(waiting),
            out_count=len(core.roll.exclusions.in_course(course.id)),
            wanted=wanted,
            is_filtered=bool(query.keys() - {"show"}),
            is_first="cursor" not in asked,
            here=self.people_address(course, **query),
            more=self.people_address(course, **query, cursor=more) if more else "",
            origins=origins(core),
            roles=list(_ROLES),
            may_give=self.roles_below(core, viewer, course),
            typed=typed or {**dict.fromkeys(_FIELDS, ""), "do": ""},
            wrong=wrong,
            alike=self.alike,
            **await self._news(core, viewer, course),
        )

    async def _news(self, core: Core, viewer: Person, course: Course) -> dict[str, Any]:
        """What was just done, as it stands now: the banner tells what is, not what an address claims."""
        key, waits = self.get_query_argument("about", ""), self.get_query_argument("waits", "")
        pending = core.roll.pending.by_id(course.id, waits) if waits else None
        keys = core.roll.keys_of(key) if key else ()
        return {
            "about": await find_row(core, viewer, course.id, _first(core, keys)) if keys else None,
            "waits": pending_row(core, pending) if pending else None,
            "undone": core.imports.find_undone(course.id, self.get_query_argument("undone", "")),
            "applied": [one for one in core.imports.of(course.id) if one.steps],
            "instant": lambda at: instant(at, core),
        }


class PersonPage(PeopleTab):
    """``/hub/edu/courses/<course>/people/<key>``: one person, and what can be done about them."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str, key: str) -> None:
        """Why they are in the course, and the forms."""
        core, viewer, course = await self.staff(course_id)
        await self._show(core, viewer, course, await self._row(core, viewer, course, key))

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str, key: str) -> None:
        """``do``: change, exclude, sections, or take back; who has seen something older is shown what is there now."""
        core, viewer, course = await self.staff(course_id)
        row = await self._row(core, viewer, course, key)
        typed, do = self.fields(), self.get_body_argument("do", "")
        staff = self.by_hand(core, viewer, course, self.get_body_argument("seen", ""))
        try:
            if do == "sections":
                await placed(self._place(core, viewer, course, row))
            else:
                await done(self._act(core, staff, row, do, typed), PEOPLE_REFUSALS)
        except (CannotRead, DeskError) as error:
            is_late = isinstance(error, DeskError) and error.code is Code.STALE
            wrong = self.told(error)
            row = await self._row(core, viewer, course, key)
            if do == "sections":
                await self._show(core, viewer, course, row, wrong=wrong)
            else:
                await self._show(core, viewer, course, row, typed, wrong, is_late=is_late)
            return
        self.redirect(self.people_address(course, about=row.key), status=303)

    async def _act(
        self, core: Core, staff: ByHand, row: MemberRow, do: str, typed: Mapping[str, str]
    ) -> None:
        zone, why = core.campus.zone, short(typed["why"])
        if do == "take-back":
            await staff.take_back(row.key)
            return
        mine = next(iter(row.hand.exclusions if do == "exclude" else row.hand.enrolments), None)
        former = getattr(mine, "until", None) or getattr(mine, "ends", None)
        ends = kept(former, last_day(typed["ends"], zone), zone, last=True)
        if do == "exclude":
            await staff.change(row.key, None, ends=ends, why=why)
            return
        first = getattr(mine, "starts", None)
        starts = kept(first, first_day(typed["starts"], zone), zone)
        role = role_of(typed["role"])
        if starts is not None and ends is not None and ends <= starts:
            raise CannotRead(say("It ends before it begins."))
        await staff.change(row.key, role, starts=starts, ends=ends, why=why)

    async def _place(self, core: Core, viewer: Person, course: Course, row: MemberRow) -> None:
        await place(
            core,
            viewer,
            course.id,
            row.key,
            self.get_body_argument("sections", "").split(","),
            seen=self.get_body_argument("seen", ""),
            address=self.from_where,
        )

    async def _row(self, core: Core, viewer: Person, course: Course, key: str) -> MemberRow:
        row = await find_row(core, viewer, course.id, key)
        if row is None:
            raise DeskError(Code.NOT_IN_COURSE)
        return row

    async def _show(
        self,
        core: Core,
        viewer: Person,
        course: Course,
        row: MemberRow,
        typed: Mapping[str, str] | None = None,
        wrong: str = "",
        *,
        is_late: bool = False,
    ) -> None:
        zone = core.campus.zone
        mine = next(iter(row.hand.enrolments), None)
        out = next(iter(row.hand.exclusions), None)
        shown = {
            "role": str(mine.role) if mine else row.role,
            "starts": day_text(mine.starts, zone) if mine else "",
            "ends": day_text(mine.ends, zone, last=True) if mine else "",
            "why": mine.why if mine else "",
        }
        await self.show_tab(
            "people",
            "person.html",
            course,
            row=row,
            may_give=self.roles_below(core, viewer, course),
            fields={**shown, **(typed or {})},
            now=shown if is_late else None,
            out_ends=day_text(out.until, zone, last=True) if out else "",
            out_why=out.why if out else "",
            seen=row.hand.tag,
            placed=self.get_body_argument("sections", ", ".join(row.placed)),
            placed_seen=sections_tag(core, course.id, row.key),
            sections=await sections_of(core, course),
            wrong=wrong,
            zone=str(zone),
        )


class TakeBackPage(PeopleTab):
    """``POST /hub/edu/courses/<course>/people/take-back``: what waits, by its id."""

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str) -> None:
        """One that has come meanwhile stays: there is nothing left that waits."""
        core, viewer, course = await self.staff(course_id)
        waiting = core.roll.pending.by_id(course.id, self.get_body_argument("waits", ""))
        if waiting is not None:
            staff = self.by_hand(core, viewer, course)
            await done(staff.take_back(waiting.id), PEOPLE_REFUSALS)
        self.redirect(self.people_address(course, show=_WAITING), status=303)


def pending_row(core: Core, pending: Pending) -> dict[str, Any]:
    """What waits, for people."""
    words = WORDS[pending.waits]
    return {
        "id": pending.id,
        "typed": pending.typed,
        "role": str(pending.role) if pending.role else "",
        "by": pending.by,
        "at": instant(pending.at, core),
        "ends": instant(pending.ends, core) if pending.ends else None,
        "why": pending.why,
        "sentence": words.sentence,
        "who": words.who,
    }


def origins(core: Core) -> list[tuple[str, str]]:
    """Where enrolments come from, and what that is called."""
    return [*core.campus.source_titles.items(), ("manual", ""), ("file", "")]


def short(text: str) -> str:
    """Text of a length that somebody types.

    Raises:
        CannotRead: it is longer, or has signs that cannot be seen.
    """
    if len(text) > _LONGEST or not text.isprintable():
        raise CannotRead(say("Write less than 500 letters, on one line."))
    return text


def role_of(word: str) -> CourseRole:
    """A course role by its word.

    Raises:
        CannotRead: it is none.
    """
    if word not in _ROLES:
        raise CannotRead(say("Say as what."))
    return _ROLES[word]


def first_day(text: str, zone: ZoneInfo) -> datetime | None:
    """The first instant of the day in a field; None for an empty one.

    Raises:
        CannotRead: it is no day.
    """
    day = read_day(text)
    return None if day is None else local_instant(day, time(), zone)


def last_day(text: str, zone: ZoneInfo) -> datetime | None:
    """The first instant after the day in a field; None for an empty one.

    Raises:
        CannotRead: it is no day.
    """
    day = read_day(text)
    return None if day is None else local_instant(day + _A_DAY, time(), zone)


def day_text(at: datetime | None, zone: ZoneInfo, *, last: bool = False) -> str:
    """An instant as the value of a field for its day; an end is the first instant after the last day."""
    if at is None:
        return ""
    there: date = (at - timedelta.resolution if last else at).astimezone(zone).date()
    return there.isoformat()


def kept(
    former: datetime | None, typed: datetime | None, zone: ZoneInfo, *, last: bool = False
) -> datetime | None:
    """What was typed; where the field still shows the day of an instant that is no midnight, that instant."""
    same = day_text(former, zone, last=last) == day_text(typed, zone, last=last)
    return former if same else typed


def _first(core: Core, keys: Sequence[str]) -> str:
    """The key by which somebody's row is found."""
    person = core.roll.person(keys[0])
    account = core.roll.by_hub_name(person.hub_name) if person else None
    return account.key if account else keys[0]


def people_page_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address; the key of a person has a colon in it."""
    return (
        (r"/edu/courses/([^/]+)/people", PeoplePage),
        (r"/edu/courses/([^/]+)/people/take-back", TakeBackPage),
        (r"/edu/courses/([^/]+)/people/([^/]+(?::|%3[aA])[^/]+)", PersonPage),
    )
