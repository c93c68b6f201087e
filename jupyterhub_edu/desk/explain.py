"""Why somebody may start something or not, asked of the hub that runs by administrators of the site."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from jupyterhub.scopes import needs_scope
from tornado import web

from jupyterhub_edu.campus.questions import Asked, Unanswerable, read_question
from jupyterhub_edu.core import Core
from jupyterhub_edu.core.explain import (
    Capacity,
    Explained,
    Heard,
    Knowledge,
    Question,
    explain,
    kept_out,
)
from jupyterhub_edu.core.finding import Unreadable
from jupyterhub_edu.domain.pending import WORDS, Waits
from jupyterhub_edu.domain.people import Listed, Person

from .admin import AdminAPI
from .refusals import Code, DeskError
from .scopes import READ

__all__ = ["ExplainAPI", "explain_now", "explain_routes", "find_asked"]

_ARGUMENTS: Final = frozenset(
    {"person", "course", "profile", "at", "option", "if_grant", "if_quota"}
)


class ExplainAPI(AdminAPI):
    """``/hub/api/edu/explain``."""

    @needs_scope(READ)
    async def get(self) -> None:
        """The hub's decision about everything that one person might start in one course; nothing is started."""
        core, _ = await self.admin_core()
        if not self.request.arguments.keys() <= _ARGUMENTS:
            raise DeskError(Code.UNREADABLE)
        asked = Asked(
            self.get_argument("course"),
            self.get_argument("profile", None),
            self.get_argument("at", None),
            tuple(self.get_arguments("option")),
            tuple(self.get_arguments("if_grant")),
            tuple(self.get_arguments("if_quota")),
        )
        try:
            person = await find_asked(core, self.get_argument("person"))
            question = read_question(core.campus, asked)
        except Unanswerable as error:
            raise web.HTTPError(400, "%s", error) from error
        self.write(json.dumps(explain_now(core, person, question).as_json()))


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
    return explain(
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


async def find_asked(core: Core, text: str) -> Person:
    """Whom is meant: somebody with an account, or whom a roster names.

    Raises:
        Unanswerable: nobody, or nobody yet.
    """
    try:
        found = await core.finder.find(core.finder.parse(text))
    except Unreadable as error:
        raise Unanswerable("write a hub account, or SOURCE:LOGIN") from error
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
