"""What staff of somebody's courses say to them, for the hub's pages and for JupyterLab. All text is plain."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from jupyterhub_edu.core import Core, current_core
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.wire import session as wire

from .board import MessageRow, message_row
from .helps import HelpRow, help_rows
from .views import Moment

__all__ = ["SaidRow", "said_json", "said_note", "said_to"]

_log = logging.getLogger(__name__)


class SaidRow(NamedTuple):
    """One message, as the person sees it to whom it is said.

    Attributes:
        by: who says it, by name.
        course: in which course, by title.
    """

    id: str
    text: str
    by: str
    course: str
    at: Moment


def said_to(core: Core, person: Person) -> list[SaidRow]:
    """What is said to somebody now, newest first."""
    rows = [message_row(core, one) for one in core.messages.to(person)]
    helps = help_rows(core, core.helps.of_owner(person.hub_name))
    return [
        *(SaidRow(row.help.id, _let_in(row), row.by, row.course, row.at) for row in helps),
        *(_said(core, row) for row in rows),
    ]


def _let_in(row: HelpRow) -> str:
    """Somebody learns at once who may open their server."""
    return say(
        "I may open your server until {when} to help you. You can end that under My courses.",
        when=row.until.text,
    )


def _said(core: Core, row: MessageRow) -> SaidRow:
    return SaidRow(
        row.message.id,
        row.message.text,
        row.by,
        core.campus.title_of(row.message.course),
        row.at,
    )


def said_note(user: Any) -> list[SaidRow]:
    """For the frame of every page of the hub: what is said to an account; nothing if that is not known."""
    try:
        core = current_core()
        person = core.roll.by_hub_name(user.name) if user is not None else None
        return said_to(core, person) if person is not None else []
    except Exception:  # no page of the hub may fail for this
        _log.exception("what is said to somebody is not shown")
        return []


def said_json(core: Core, person: Person | None) -> list[wire.Said]:
    """The same for programs."""
    rows = said_to(core, person) if person is not None else []
    return [
        {"id": row.id, "text": row.text, "by": row.by, "course": row.course, "at": row.at.iso}
        for row in rows
    ]
