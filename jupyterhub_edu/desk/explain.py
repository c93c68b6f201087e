"""Why somebody may start something or not, asked of the hub that runs: by teachers in their course, and by administrators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jupyterhub_edu.campus.questions import Asked, Unanswerable, read_question
from jupyterhub_edu.core import Core
from jupyterhub_edu.core.explain import explain, kept_out
from jupyterhub_edu.core.explained import Capacity, Explained, Heard, Knowledge, Question
from jupyterhub_edu.core.finding import Unreadable
from jupyterhub_edu.core.named import NotNamed, find_members
from jupyterhub_edu.core.set_at_desk import with_authors
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.pending import WORDS, Waits
from jupyterhub_edu.domain.people import Listed, Person
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.wire import explain as wire

from . import views
from .admins import is_admin
from .api import API
from .operations import operation
from .rates import EXPENSIVE
from .refusals import Code, DeskError
from .scopes import READ

__all__ = ["ExplainAPI", "explain_for", "explain_now", "explain_routes", "find_asked"]


class ExplainAPI(API):
    """``/hub/api/edu/explain``."""

    @operation(
        READ,
        does="The hub's decision about everything that one person might start in one course, and why not the rest.",
        query=wire.ExplainQuery,
        answers={200: wire.Explained},
        refuses={
            Code.NO_SUCH_COURSE,
            Code.NOT_YOURS_TO_EXPLAIN,
            Code.NOT_IN_COURSE,
            Code.CANNOT_EXPLAIN,
        },
        act=Act.EXPLAIN,
        rate=EXPENSIVE,
    )
    async def get(self, *, asked: wire.ExplainQuery) -> None:
        """Nothing is started."""
        core, viewer = await self.who_asks()
        typed = Asked(
            asked["course"],
            asked.get("profile"),
            asked.get("at"),
            tuple(asked.get("option", ())),
            tuple(asked.get("if_grant", ())),
            tuple(asked.get("if_quota", ())),
        )
        explained = await explain_for(core, viewer, asked["person"], typed)
        self.show(explained.as_json())


async def explain_for(core: Core, viewer: Person, who: str, asked: Asked) -> Explained:
    """What this person may be told about a start of somebody.

    Always holds:
        - a teacher asks about people of their own course, named by its id, and learns of no other course or person;
        - an administrator asks about anybody, anywhere.

    Raises:
        DeskError: they may not ask, or the question cannot be answered.
    """
    try:
        if is_admin(core, viewer, Act.EXPLAIN):
            person = await find_asked(core, who)
            return explain_now(core, person, read_question(core.campus, asked))
        person = await _of_course(core, viewer, who, asked.course)
        explained = explain_now(core, person, read_question(core.campus, asked))
    except Unanswerable as error:
        raise DeskError(Code.CANNOT_EXPLAIN, _printable(error)) from error
    standing = core.line.standing(person.hub_name)
    here = standing is not None and standing.place.course == asked.course
    return explained if here else replace(explained, standing="")


async def _of_course(core: Core, viewer: Person, who: str, course: str) -> Person:
    """Somebody of a course, for one of its teachers.

    Raises:
        DeskError: there is no such course for them, or nobody of this name in it.
    """
    if course not in core.campus.courses or not views.may_look_in(core, viewer, course):
        raise DeskError(Code.NO_SUCH_COURSE)
    if not core.may(Act.EXPLAIN, viewer, course):
        raise DeskError(Code.NOT_YOURS_TO_EXPLAIN)
    try:
        key = (await find_members(core.roll, course, [who]))[who]
    except NotNamed as error:
        more = str(error) if error.alike else ""
        raise DeskError(Code.NOT_IN_COURSE, more, alike=error.alike) from error
    return core.roll.person(key) or _not_come(core, key, core.roll.rosters.listed(key))


def _printable(error: Unanswerable) -> str:
    return "".join(one for one in str(error) if one.isprintable())


def explain_now(core: Core, person: Person, question: Question) -> Explained:
    """Answer by what the hub that runs knows at this instant."""
    course, now = question.course.id, core.clock()
    told = core.roll.enrolments_in(person, course)
    knowledge = Knowledge(
        from_store=True,
        known_as="account" if person.hub_name else "listed",
        heard_at=person.answered_at if person.hub_name else None,
        kept_out=kept_out(core.roll, person, course, question.at or now),
        live=True,
    )
    explained = explain(
        core.campus,
        question,
        person,
        core.book,
        core.ledger.used,
        now=now,
        capacity=Capacity.LIVE,
        knowledge=knowledge,
        told=[Heard(e, e.answered_at) for e in told],
        queue=core.line,
    )
    return with_authors(explained, core.adjustments)


async def find_asked(core: Core, text: str) -> Person:
    """Whom is meant: somebody with an account, or whom a roster names.

    Raises:
        Unanswerable: nobody, or nobody yet.
    """
    try:
        found = await core.finder.find(core.finder.parse(text))
    except Unreadable as error:
        raise Unanswerable(say("write a hub account, or SOURCE:LOGIN")) from error
    if isinstance(found, Waits):
        raise Unanswerable(f"{text}: {WORDS[found].sentence}")
    listed = core.roll.rosters.listed(found.key) or found.listed
    return core.roll.person(found.key) or _not_come(core, found.key, listed)


def _not_come(core: Core, key: str, listed: Listed | None) -> Person:
    source, _, subject = key.partition(":")
    login, name = (listed.login, listed.name) if listed is not None else (subject, subject)
    return Person(key, "", source, subject, login, name, None, True, core.clock())


def explain_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return ((r"/api/edu/explain", ExplainAPI),)
