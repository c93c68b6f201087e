"""*Course: limits*: what the course offers and allows, what was granted, and changing both. Works without scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from jupyterhub.scopes import needs_scope
from tornado import web

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.adjusting import AboveCeiling, Adjusting, AdjustNotYours, Stale
from jupyterhub_edu.core.giving import AboveCeiling as GrantAboveCeiling
from jupyterhub_edu.core.giving import Giving, Whom
from jupyterhub_edu.core.named import Alike
from jupyterhub_edu.core.slices import in_slices
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.wire.grants import GrantWish

from .exam_forms import sections_of
from .frame import Page
from .grants import GRANT_REFUSALS, read_lift
from .limits import LIMIT_REFUSALS, fields_of
from .limits_forms import Typed, device_flavors, fields_of_value, read_value
from .limits_views import LimitRow, grant_row, groups_of, limit_row, title_of
from .local_times import CannotRead, read_local
from .paging import numbered_page
from .rates import Rate
from .reading import read_body
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .wishes import done, instant, text

__all__ = ["LimitsPage", "limit_page_routes"]

_LISTS: Final = frozenset({"profiles", "ways"})
"""Fields that are several boxes."""
_CHANGES: Final = Rate(60, timedelta(minutes=1))
"""Changes of limits: each reads the campus anew."""
_AT_ONCE: Final = 200
"""Grants on the page; the API has all of them."""


class _Above(Exception):
    """It is above a ceiling: what an administrator may be asked for, as a wish."""

    def __init__(self, kind: str, wish: Mapping[str, Any], words: str) -> None:
        self.kind, self.wish, self.words = kind, json.dumps(wish), words


class LimitsPage(Page):
    """``/hub/edu/courses/<course>/limits``."""

    alike: Sequence[Alike] = ()
    """Among whom of the course whoever asks has to choose."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """Every limit, with what the campus file says and who has set it."""
        core, _, course, adjusting = await self._course(course_id)
        done_with = self.get_query_argument("set", "")
        told = done_with if done_with in (*fields_of(core), "grant", "take-back") else ""
        await self._show(core, course, adjusting, told=told)

    @web.authenticated
    @needs_scope(MANAGE)
    async def post(self, course_id: str) -> None:
        """``do``: set or back (one ``field``), give or take-back (a grant)."""
        core, viewer, course, adjusting = await self._course(course_id)
        _CHANGES.require(self.current_user.name)
        match self.get_body_argument("do", ""):
            case "set" | "back" as act:
                await self._adjust(core, course, adjusting, act)
            case "give" | "take-back" as act:
                await self._grant(core, viewer, course, adjusting, act)
            case _:
                raise DeskError(Code.UNREADABLE)

    # -- limits ------------------------------------------------------------------------------------------------

    async def _adjust(self, core: Core, course: Course, adjusting: Adjusting, act: str) -> None:
        field = self.get_body_argument("field", "")
        if field not in fields_of(core):
            raise DeskError(Code.NO_SUCH_LIMIT)
        seen = self.get_body_argument("seen", "")
        row = limit_row(core, adjusting, course.id, field)
        try:
            if act == "back":
                await done(adjusting.drop(field, seen), _SHOWN)
            else:
                row = self._typed(core, field, row)
                await self._set(core, adjusting, field, row, seen)
        except Stale:
            self.set_status(409)
            fresh = limit_row(core, adjusting, course.id, field)
            late = replace(fresh, typed=row.typed, until=row.until, why=row.why, is_late=True)
            await self._show(core, course, adjusting, late)
        except (CannotRead, DeskError, _Above) as error:
            wrong = replace(row, wrong=self._words(error))
            above = error if isinstance(error, _Above) else None
            await self._show(core, course, adjusting, wrong, above=above)
        else:
            self._back(course, field)

    async def _set(
        self, core: Core, adjusting: Adjusting, field: str, row: LimitRow, seen: str
    ) -> None:
        value = read_value(core, field, row.typed)
        ends = read_local(row.until, core.campus.zone)
        why = text(row.why)
        try:
            await done(adjusting.set(field, value, ends=ends, why=why, seen=seen), _SHOWN)
        except AboveCeiling as error:
            wish = {"field": field, "value": value, "why": why}
            if ends is not None:
                wish["ends"] = ends.isoformat()
            raise _Above("adjust", wish, str(error)) from error

    def _typed(self, core: Core, field: str, row: LimitRow) -> LimitRow:
        """The row with what stands in its form."""
        names = fields_of_value(core, field, None)
        typed: Typed = {
            name: self.get_body_arguments(name)
            if name in _LISTS
            else self.get_body_argument(name, "").strip()
            for name in names
        }
        until, why = self.get_body_argument("until", ""), self.get_body_argument("why", "").strip()
        return replace(row, typed=typed, until=until, why=why)

    # -- grants ------------------------------------------------------------------------------------------------

    async def _grant(
        self, core: Core, viewer: Person, course: Course, adjusting: Adjusting, act: str
    ) -> None:
        giving = Giving(core, viewer, course.id, self.from_where)
        typed = {name: self.get_body_argument(name, "").strip() for name in _GRANT_FIELDS}
        try:
            if act == "take-back":
                await done(giving.take_back(self.get_body_argument("grant", "")), GRANT_REFUSALS)
            else:
                await self._give(core, giving, typed)
        except (CannotRead, DeskError, _Above) as error:
            above = error if isinstance(error, _Above) else None
            wrong = self._words(error)
            await self._show(core, course, adjusting, above=above, wrong=wrong, typed=typed)
            return
        self._back(course, "grant" if act == "give" else "take-back")

    async def _give(self, core: Core, giving: Giving, typed: Mapping[str, str]) -> None:
        wish = read_body(json.dumps(_wish(core, typed)).encode(), GrantWish)
        what = read_lift(wish)
        whom = Whom(wish.get("person"), wish.get("section"))
        ends, why = instant(wish.get("ends")), wish.get("why", "")
        refusals = {
            kind: code for kind, code in GRANT_REFUSALS.items() if kind is not GrantAboveCeiling
        }
        try:
            await done(giving.give(what, whom, ends=ends, why=why), refusals)
        except GrantAboveCeiling as error:
            raise _Above("grant", wish, str(error)) from error

    # -- both --------------------------------------------------------------------------------------------------

    async def _course(self, course_id: str) -> tuple[Core, Person, Course, Adjusting]:
        core, viewer, course = await self.course_of(course_id)
        adjusting = Adjusting(core, viewer, course.id, self.from_where)
        try:
            adjusting.require_may_adjust()
        except AdjustNotYours as error:
            raise DeskError(Code.NOT_YOUR_LIMITS) from error
        return core, viewer, course, adjusting

    def _words(self, error: Exception) -> str:
        """What is wrong with what was typed, for the page; an outage is no page's to tell."""
        if isinstance(error, DeskError):
            self.set_status(error.status_code)
            self.alike = error.alike
            return error.jupyterhub_message
        self.set_status(403 if isinstance(error, _Above) else 400)
        return error.words if isinstance(error, _Above) else str(error)

    def _back(self, course: Course, what: str) -> None:
        self.redirect(self.address("courses", course.id, "limits", set=what), status=303)

    async def _show(
        self,
        core: Core,
        course: Course,
        adjusting: Adjusting,
        changed: LimitRow | None = None,
        *,
        above: _Above | None = None,
        wrong: str = "",
        typed: Mapping[str, str] | None = None,
        told: str = "",
    ) -> None:
        """The page.

        Args:
            changed: the one field that was typed into, as it was.
            above: what an administrator may be asked for.
            wrong, typed: of a grant.
            told: what has just been done.
        """
        taken = core.spared.most(core.book.admissions(course.id))
        grants = [
            grant_row(core, one, taken) async for one in in_slices(core.grants.of(course.id))
        ]
        now = [one for one in grants if one.state != "over"]
        over = [one for one in reversed(grants) if one.state == "over"]
        page = numbered_page(self.get_query_argument("page", ""), _AT_ONCE, now, over)
        course = core.campus.courses.get(course.id, course)
        viewer = self.require_person(core)
        await self.show_tab(
            "limits",
            "limits.html",
            course,
            groups=groups_of(core, adjusting, course.id, changed),
            above=above,
            may_ask=core.may(Act.REQUEST, viewer, course.id),
            told=told,
            told_title=title_of(core, told) if told in fields_of(core) else "",
            wrong=wrong,
            alike=self.alike,
            typed={**dict.fromkeys(_GRANT_FIELDS, ""), "what": "hours", **(typed or {})},
            grants=now[page.rows],
            over=over[page.rows],
            page=page.number,
            more=page.more,
            profiles=list(core.campus.profiles.values()),
            flavors=device_flavors(core),
            sections=await sections_of(core, course),
            zone=str(core.campus.zone),
        )


_SHOWN: Final = {
    kind: code for kind, code in LIMIT_REFUSALS.items() if kind not in (AboveCeiling, Stale)
}
"""Refusals that the page tells beside the field; it has more to say of the other two."""
_GRANT_FIELDS: Final = (
    *("what", "hours", "offer", "servers", "devices", "flavor", "minutes", "profile"),
    *("who", "person", "section", "until", "reason"),
)


def _wish(core: Core, typed: Mapping[str, str]) -> dict[str, Any]:
    """What was typed, as the API takes it."""
    match typed["what"]:
        case "hours":
            wish: dict[str, Any] = {"hours": _number(typed["hours"])}
        case "offer":
            wish = {"offer": typed["offer"]}
        case "servers":
            wish = {"servers": int(_number(typed["servers"]))}
        case "devices":
            wish = {"devices": int(_number(typed["devices"])), "flavor": typed["flavor"]}
        case "longest":
            wish = {"longest": int(_number(typed["minutes"])), "profile": typed["profile"]}
        case _:
            raise CannotRead(say("Say what to give."))
    if typed["who"] == "person":
        wish["person"] = typed["person"]
    elif typed["who"] == "section":
        wish["section"] = typed["section"]
    elif typed["who"] != "all":
        raise CannotRead(say("Say for whom it is."))
    ends = read_local(typed["until"], core.campus.zone)
    if ends is not None:
        wish["ends"] = ends.isoformat()
    return {**wish, "why": typed["reason"]}


def _number(typed: str) -> float:
    try:
        number = float(typed.replace(",", "."))
    except ValueError:
        number = -1
    if not 0 <= number <= 1_000_000:
        raise CannotRead(say("Write a number."))
    return number


def limit_page_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return ((r"/edu/courses/([^/]+)/limits", LimitsPage),)
