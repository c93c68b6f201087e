"""The page *Explain*: what somebody would get, and why not the rest, now, another time, or supposing something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from jupyterhub.scopes import needs_scope
from tornado import web

from jupyterhub_edu.campus.questions import Asked
from jupyterhub_edu.core import Core
from jupyterhub_edu.core.explained import Answer, Explained
from jupyterhub_edu.core.rules_told import RuleTold
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.outside import SITE, TITLE
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.words import join_words, say

from .admins import CAMPUS_PAGES, is_admin
from .explain import explain_for
from .frame import Page
from .rates import EXPENSIVE
from .refusals import Code, DeskError
from .scopes import READ
from .views import Moment, instant

__all__ = ["CourseExplainPage", "ExplainPage", "explain_page_routes"]

_LONGEST: Final = 500
_CAPACITY: Final = {
    "live": say("with the sessions and the devices of this moment"),
    "then": say("with every device idle; who is on then, what is free and who waits is not known"),
}


@dataclass(frozen=True, slots=True)
class _Typed:
    """The form, to be shown again as it was typed."""

    person: str = ""
    course: str = ""
    profile: str = ""
    at: str = ""
    option: str = ""
    if_grant: str = ""
    if_quota: str = ""

    @property
    def asked(self) -> Asked:
        """The question; fields that take several have one a line."""
        return Asked(
            self.course,
            self.profile or None,
            self.at or None,
            tuple(self.option.split()),
            tuple(self.if_grant.split()),
            tuple(self.if_quota.split()),
        )


@dataclass(frozen=True, slots=True)
class _Reason:
    sentence: str
    code: str
    way_out: str
    again: Moment | None


@dataclass(frozen=True, slots=True)
class _Row:
    """One profile.

    Attributes:
        gives: what a start would get, in words; none for a refusal.
        line: how many wait for its flavor, or None.
    """

    key: str
    title: str
    allowed: bool
    gives: Sequence[str]
    until: Moment | None
    until_why: str
    reasons: Sequence[_Reason]
    rules: Sequence[RuleTold]
    line: int | None


@dataclass(frozen=True, slots=True)
class _Story:
    name: str
    login: str
    course_title: str
    at: Moment
    capacity: str
    standing: str
    supposed: Sequence[str]
    kept_out_by: str
    rows: Sequence[_Row]


class _Asking(Page):
    """The form and the answer to it; all of it stands in the address."""

    def typed(self, **chosen: str) -> _Typed:
        """What stands in the address."""
        names = _Typed.__slots__
        found = {name: self.get_query_argument(name, "")[:_LONGEST].strip() for name in names}
        return _Typed(**{**found, **chosen})

    async def answered(self, core: Core, viewer: Person, typed: _Typed) -> dict[str, Any]:
        """What the template needs of the question and of the answer, or of why there is none."""
        story, refused = None, ""
        if typed.person and typed.course:
            try:
                EXPENSIVE.require(viewer.hub_name)
                story = _story(core, await explain_for(core, viewer, typed.person, typed.asked))
            except DeskError as error:
                self.set_status(error.status_code)
                refused = error.jupyterhub_message
        return {
            "typed": typed,
            "profiles": [(one.key, one.title) for one in core.campus.profiles.values()],
            "story": story,
            "refused": refused,
        }


class ExplainPage(_Asking):
    """``/hub/edu/explain``: about anybody, in any course."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self) -> None:
        """For administrators; teachers are led to their course."""
        core, viewer = await self.who_asks()
        typed = self.typed()
        if not is_admin(core, viewer, Act.EXPLAIN):
            self._lead_on(core, viewer, typed)
            return
        await self.show(
            "explain.html",
            **await self.answered(core, viewer, typed),
            courses=_courses(core),
            done="",
            zone=str(core.campus.zone),
            pages=CAMPUS_PAGES,
            page=next(one for one in CAMPUS_PAGES if one.key == "explain"),
            campus_name=core.campus.name,
            waiting=len(core.requests.waiting()),
        )

    def _lead_on(self, core: Core, viewer: Person, typed: _Typed) -> None:
        mine = core.roll.courses(viewer, core.clock())
        taught = next((id for id in mine if core.may(Act.EXPLAIN, viewer, id)), None)
        if taught is None:
            raise DeskError(Code.NOT_YOURS_TO_EXPLAIN)
        query = {name: text for name, text in asdict(typed).items() if text and name != "course"}
        course = typed.course or taught
        self.redirect(self.address("courses", course, "explain", **query), status=303)


class CourseExplainPage(_Asking):
    """``/hub/edu/courses/<course>/explain``: about the people of one course."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """For the course's teachers."""
        core, viewer, course = await self.course_of(course_id)
        if not core.may(Act.EXPLAIN, viewer, course.id):
            raise DeskError(Code.NOT_YOURS_TO_EXPLAIN)
        asked = await self.answered(core, viewer, self.typed(course=course.id))
        await self.show_tab("explain", "course_explain.html", course, **asked, courses=())


def _courses(core: Core) -> list[tuple[str, str]]:
    """About which an administrator may ask: by id, with titles."""
    outside = [(SITE, TITLE)] if core.campus.no_course else []
    return [(one.id, one.title) for one in core.campus.courses.values()] + outside


def _story(core: Core, explained: Explained) -> _Story:
    question, person, kept_out = explained.question, explained.person, explained.knowledge.kept_out
    return _Story(
        name=person.name,
        login=f"{person.source}:{person.login}",
        course_title=question.course.title,
        at=instant(explained.at, core),
        capacity=_CAPACITY.get(str(explained.capacity), ""),
        standing=explained.standing,
        supposed=question.as_typed,
        kept_out_by=kept_out.by if kept_out is not None else "",
        rows=[_row(core, told) for told in explained.answers],
    )


def _row(core: Core, answer: Answer) -> _Row:
    start = answer.decision.start
    return _Row(
        key=answer.profile.key,
        title=answer.profile.title,
        allowed=answer.decision.allowed,
        gives=_gives(answer),
        until=instant(start.ends_at, core) if start and start.ends_at else None,
        until_why=start.ends_by.words if start and start.ends_by else "",
        reasons=[
            _Reason(
                reason.sentence,
                str(reason.code),
                reason.way_out,
                instant(reason.retry_at, core) if reason.retry_at else None,
            )
            for reason in answer.decision.reasons
        ],
        rules=answer.rules,
        line=answer.line,
    )


def _gives(answer: Answer) -> list[str]:
    start = answer.decision.start
    if start is None:
        return []
    granted = start.granted
    found = [
        str(granted.amounts.cpu_limit),
        say("{amount} of memory", amount=granted.amounts.memory_limit),
    ]
    if granted.amounts.devices:
        ground = say("the course's own") if start.own else say("spare, on loan")
        found.append(
            join_words(
                [f"{granted.amounts.devices} × {answer.profile.flavor.title} (", ground, ")"]
            )
        )
    return [*found, *([granted.image] if granted.image else [])]


def explain_page_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/edu/explain", ExplainPage),
        (r"/edu/courses/([^/]+)/explain", CourseExplainPage),
    )
