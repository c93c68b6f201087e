"""What pages and API share of acts on a whole course: whose sessions are meant, and refusals in the desk's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.named import NotNamed
from jupyterhub_edu.core.sending import CannotSend, NoSuchMessage, SendingNotYours, SentTooMany
from jupyterhub_edu.core.starting_for import StartingNotYours
from jupyterhub_edu.core.sweeps import Sweep
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.ports import StoreError

from .board import sections_of
from .refusals import Code, DeskError
from .views import newest

__all__ = ["SENDING", "STARTING", "require_sweep", "sessions_meant"]

SENDING: Final[Mapping[type[Exception], Code]] = {
    SendingNotYours: Code.NOT_YOUR_MESSAGES,
    NoSuchMessage: Code.NO_SUCH_MESSAGE,
    CannotSend: Code.CANNOT_SEND,
    SentTooMany: Code.SENT_TOO_MANY,
    NotNamed: Code.NOT_IN_COURSE,
    StoreError: Code.NOT_WRITTEN,
}
STARTING: Final[Mapping[type[Exception], Code]] = {
    StartingNotYours: Code.NOT_YOURS_TO_START,
    NotNamed: Code.NOT_IN_COURSE,
    StoreError: Code.NOT_WRITTEN,
}


def sessions_meant(core: Core, actor: Person, course: str, section: str) -> list[Admission]:
    """The sessions of a course, or of one of its sections, that somebody may stop now; oldest first.

    Args:
        section: ``""``: all.
    """
    stops_all = core.may(Act.STOP, actor, course)
    return [
        one
        for one in core.book.admissions(course)
        if (stops_all or core.may(Act.STOP, actor, course, about=one.person))
        and not core.stops.is_stopping(one.id)
        and newest(core, one.hub_name, one.server) is one
        and (not section or section in sections_of(core, one))
    ]


async def require_sweep(
    core: Core,
    actor: Person,
    course: str,
    section: str,
    address: str,
    asked: frozenset[str] | None = None,
) -> Sweep:
    """Begin to stop the sessions of a course, or of one of its sections.

    Args:
        section: ``""``: all.
        asked: only sessions with these ids; None: all that are meant.

    Raises:
        DeskError: nobody is meant, or it could not be written down.
    """
    meant = [
        one
        for one in sessions_meant(core, actor, course, section)
        if asked is None or one.id in asked
    ]
    if not meant:
        raise DeskError(Code.NOBODY_TO_STOP)
    try:
        return await core.sweeps.begin(actor, course, section, meant, address)
    except StoreError as error:
        raise DeskError(Code.NOT_WRITTEN) from error
