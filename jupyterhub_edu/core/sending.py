"""Sending messages in one course and taking them back, by whoever may; nothing is said that is not in the audit."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import AuditEntry

from .messages import Message, Whom
from .named import find_members, member_sections

if TYPE_CHECKING:
    from .app import Core

__all__ = [
    "LONGEST_TEXT",
    "USUALLY",
    "CannotSend",
    "NoSuchMessage",
    "Sending",
    "SendingNotYours",
    "SentTooMany",
]

LONGEST_TEXT: Final = 500
"""Characters."""
USUALLY: Final = timedelta(hours=1)
"""How long a message is shown where nothing else is said."""
_LONGEST: Final = timedelta(days=7)
_MOST_AN_HOUR: Final = 20
"""Messages of one person, in all courses."""
_MOST: Final = 20
"""Messages of one course that are not over; more are read by nobody."""


class SendingNotYours(Exception):
    """Who asks sends nothing in this course."""


class NoSuchMessage(Exception):
    """The course has none with this id that is not over."""


class CannotSend(Exception):
    """It means nothing here; the text says why, for whoever asked."""


class SentTooMany(Exception):
    """One person has sent too much within the hour, or too much is shown in the course."""


class Sending:
    """What one member of staff says in one course.

    Always holds:
        - it is text alone, in one line, and it ends by itself;
        - nobody outside the course is named, and nobody learns who is outside it;
        - twenty messages an hour of one person, and twenty that are shown in a course.

    Args:
        address: network address of the actor, for the audit.
    """

    def __init__(self, core: Core, actor: Person, course: str, address: str = "") -> None:
        self._core, self._actor, self._course, self._address = core, actor, course, address

    def require_may_send(self) -> None:
        """Make sure that the actor sends messages here.

        Raises:
            SendingNotYours: they do not.
        """
        if not self._core.may(Act.MESSAGE, self._actor, self._course):
            raise SendingNotYours

    async def send(
        self, whom: Whom, text: str, *, to: str = "", lasts: timedelta = USUALLY
    ) -> Message:
        """Say something.

        Args:
            to: a name of the person, or the section.
            lasts: how long it is shown, up to a week.

        Raises:
            SendingNotYours, CannotSend, SentTooMany: see the classes.
            NotNamed: nobody in the course is called so, or several are.
            StoreError: it could not be kept; nothing was said.
        """
        self.require_may_send()
        core, line = self._core, " ".join(text.split())
        if not line or len(line) > LONGEST_TEXT or not line.isprintable():
            raise CannotSend(
                say(
                    "A message is text of 1 to {longest_text} characters.",
                    longest_text=LONGEST_TEXT,
                )
            )
        if not timedelta(minutes=1) <= lasts <= _LONGEST:
            raise CannotSend(say("A message is shown for a minute to a week."))
        if bool(to) != (whom in (Whom.PERSON, Whom.SECTION)):
            raise CannotSend(say("A message is for a person, a section, who is on, or all."))
        found = await self._found(whom, to)
        async with core.messages.turn:
            if (
                len(core.messages.sent_by(self._actor.hub_name)) >= _MOST_AN_HOUR
                or len(core.messages.of(self._course)) >= _MOST
            ):
                raise SentTooMany
            now = core.clock()
            on = core.book.admissions(self._course) if whom is Whom.ON else ()
            message = Message(
                id=uuid.uuid4().hex,
                course=self._course,
                whom=whom,
                text=line,
                by=self._actor.hub_name,
                at=now,
                ends=now + lasts,
                to=found,
                sessions=frozenset(one.id for one in on),
            )
            await core.messages.save(message, self._entry(str(Act.MESSAGE), message))
        return message

    async def take_back(self, id: str) -> None:
        """Show a message no longer.

        Raises:
            SendingNotYours, NoSuchMessage: see the classes.
            StoreError: it could not be written down; nothing has changed.
        """
        self.require_may_send()
        async with self._core.messages.turn:
            message = self._core.messages.find(self._course, id)
            if message is None:
                raise NoSuchMessage(id)
            await self._core.messages.end(message, self._entry("take-back-message", message))

    async def _found(self, whom: Whom, to: str) -> str:
        """The key of the person, or the section."""
        roll = self._core.roll
        if whom is Whom.PERSON:
            return (await find_members(roll, self._course, [to]))[to]
        if whom is Whom.SECTION:
            sections = await member_sections(roll, self._course)
            if not any(to in own for own in sections.values()):
                raise CannotSend(say("Nobody of the course is in this section."))
        return to

    def _entry(self, act: str, message: Message) -> AuditEntry:
        details: dict[str, str | int | None] = {
            "message": message.id,
            "whom": str(message.whom),
            "text": message.text,
            "until": message.ends.isoformat(),
        }
        if message.whom is Whom.SECTION:
            details["section"] = message.to
        if message.whom is Whom.ON:
            details["sessions"] = len(message.sessions)
        person = self._core.roll.person(message.to) if message.whom is Whom.PERSON else None
        return AuditEntry(
            self._core.clock(),
            self._actor.hub_name,
            act,
            course=self._course,
            target=person.hub_name if person else "",
            address=self._address,
            details=details,
        )
