"""Why somebody may start something or not, asked of the hub that runs by administrators of the site."""

from __future__ import annotations

from collections.abc import Sequence

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
from jupyterhub_edu.wire import explain as wire

from .admin import AdminAPI
from .operations import operation
from .rates import EXPENSIVE
from .refusals import Code, DeskError
from .scopes import ADMIN

__all__ = ["ExplainAPI", "explain_now", "explain_routes", "find_asked"]


class ExplainAPI(AdminAPI):
    """``/hub/api/edu/explain``."""

    @operation(
        ADMIN,
        does="The hub's decision about everything that one person might start in one course, and why not the rest.",
        query=wire.ExplainQuery,
        answers={200: wire.Explained},
        refuses={Code.ADMINS_ONLY, Code.CANNOT_EXPLAIN},
        rate=EXPENSIVE,
    )
    async def get(self, *, asked: wire.ExplainQuery) -> None:
        """Nothing is started."""
        core, _ = await self.admin_core()
        typed = Asked(
            asked["course"],
            asked.get("profile"),
            asked.get("at"),
            tuple(asked.get("option", ())),
            tuple(asked.get("if_grant", ())),
            tuple(asked.get("if_quota", ())),
        )
        try:
            person = await find_asked(core, asked["person"])
            question = read_question(core.campus, typed)
        except Unanswerable as error:
            raise DeskError(Code.CANNOT_EXPLAIN, str(error)) from error
        self.show(explain_now(core, person, question).as_json())


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
