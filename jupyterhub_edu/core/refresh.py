"""Reading people again: bounded in time, one read per person at a time, never concluding anything from an error."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.people import Identity, Person
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import (
    Answer,
    Clock,
    Gone,
    IdentitySource,
    Login,
    StoreError,
    Unavailable,
)

from .patience import Patience
from .roll import Roll

__all__ = ["Refresher", "SourceHealth"]

_log = logging.getLogger(__name__)
_JUST_NOW: Final = timedelta(seconds=5)
_NOT_AGAIN_WITHIN: Final = timedelta(seconds=1)
"""Time after a read without an answer in which a page does not ask about the same person again."""


@dataclass(slots=True)
class SourceHealth:
    """How one source has been answering.

    Attributes:
        answered_at: last complete answer about anybody, or None since the hub started.
        failing_since: first failure since that answer, or None while it answers.
        why: the last failure's sentence.
    """

    answered_at: datetime | None = None
    failing_since: datetime | None = None
    why: str = ""


class Refresher:
    """Asks sources about people and hands the answers to the roll."""

    def __init__(
        self,
        sources: Mapping[str, IdentitySource],
        campus: Callable[[], Campus],
        roll: Roll,
        clock: Clock,
    ) -> None:
        self.sources = dict(sources)
        self._campus, self._roll, self._clock = campus, roll, clock
        self._under_way: dict[str, asyncio.Task[Answer]] = {}
        self._health: dict[str, SourceHealth] = {}
        self._distrusted: set[str] = set()
        self._ended: set[str] = set()
        self._unanswered: dict[str, datetime] = {}

    def health(self, source: str) -> SourceHealth:
        """How this source has been answering."""
        return self._health.setdefault(source, SourceHealth())

    def notice(self, person: Person) -> str:
        """One sentence for a person whose source does not answer now, or ``""``. Plain text."""
        health = self.health(person.source)
        if health.failing_since is None:
            return ""
        campus = self._campus()
        source = campus.sources.get(person.source)
        title = source.title if source else person.source
        silent = health.failing_since.astimezone(campus.zone)
        known = person.answered_at.astimezone(campus.zone)
        return say(
            "{title} has not answered since {silent}; your courses are as of {known}.",
            title=title,
            silent=f"{silent:%H:%M}",
            known=f"{known:%Y-%m-%d %H:%M}",
        )

    def heard(self, source: str, answer: object) -> None:
        """Note whether a source answered; called for logins too."""
        if isinstance(answer, Login):
            self._ended.discard(answer.identity.key)
        health = self.health(source)
        if isinstance(answer, Unavailable) and answer.about == "source":
            if health.failing_since is None:
                _log.warning("source %s does not answer: %s", source, answer.why)
            health.failing_since = health.failing_since or self._clock()
            health.why = answer.why
        else:
            if health.failing_since is not None:
                _log.info("source %s answers again", source)
            health.answered_at, health.failing_since, health.why = self._clock(), None, ""

    def must_log_in(self, person: Person) -> bool:
        """Whether the source has ended the person's session, and they have not logged in since."""
        return person.key in self._ended

    def distrust(self) -> None:
        """Read everybody again before their next start, however fresh: the rules have changed."""
        self._distrusted = {person.key for person in self._roll.people()}

    async def reread(self, person: Person) -> Answer:
        """Read one person again and take the answer in; calls at the same time share one read."""
        return await asyncio.shield(self.begin(person))

    def begin(self, person: Person) -> asyncio.Task[Answer]:
        """The read of one person that is under way, begun now if none is."""
        task = self._under_way.get(person.key)
        if task is None:
            task = asyncio.create_task(self._reread(person))
            self._under_way[person.key] = task
            task.add_done_callback(lambda _: self._under_way.pop(person.key, None))
        return task

    async def freshen(
        self, person: Person, within: float = 0.7, younger_than: timedelta = _JUST_NOW
    ) -> Person:
        """Read a person's identities again whose last answer is older than this; join reads that are under way.

        Waits at most ``within`` seconds for all of them. When the time is up the reads go on by themselves and the last
        known answers stand, as they do for a moment after a read without an answer: a source that fails at once is not
        asked by each of a page's requests.

        Returns:
            The person as now known; another identity of the same account if this one's source says that it is gone.
        """
        known = self._roll.person(person.key) or person
        due = [one for one in self._roll.identities(known) if self._is_due(one, younger_than)]
        if due:
            try:
                async with Patience(within):
                    await asyncio.gather(*map(self.reread, due))
            except TimeoutError:
                _log.info(
                    "source %s takes its time about %s; the last answer stands",
                    ", ".join(one.source for one in due),
                    known.hub_name,
                )
        now = self._roll.person(person.key) or person
        return now if now.active else self._roll.by_hub_name(now.hub_name) or now

    def _is_due(self, person: Person, younger_than: timedelta) -> bool:
        now, failed = self._clock(), self._unanswered.get(person.key)
        if failed is not None and failed <= now < failed + _NOT_AGAIN_WITHIN:
            return False
        old = now - person.answered_at >= younger_than
        return old or person.key in self._distrusted or person.key in self._under_way

    async def close(self) -> None:
        """Stop reads that are under way and let the sources go."""
        for task in list(self._under_way.values()):
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        for source in self.sources.values():
            await source.close()

    def _note_silence(self, person: Person, answer: Answer) -> None:
        now = self._clock()
        self._unanswered = {
            key: at for key, at in self._unanswered.items() if at <= now < at + _NOT_AGAIN_WITHIN
        }
        if isinstance(answer, Unavailable):
            self._unanswered[person.key] = now

    async def _reread(self, person: Person) -> Answer:
        source = self.sources.get(person.source)
        if source is None:
            return Unavailable(f"the campus file has no source {person.source}")
        try:
            answer = await source.reread(person)
        except Exception as error:
            _log.exception("source %s failed", person.source)
            answer = Unavailable(f"{type(error).__name__}: {error}")
        if self.sources.get(person.source) is not source:
            return Unavailable(f"{person.source} was set up anew meanwhile")
        self.heard(person.source, answer)
        self._note_silence(person, answer)
        try:
            if isinstance(answer, Unavailable) and answer.about == "session":
                self._ended.add(person.key)
            if isinstance(answer, Identity) and answer.key == person.key:
                self._ended.discard(person.key)
                await self._roll.learn(answer, person.hub_name)
                self._distrusted.discard(person.key)
            elif isinstance(answer, Identity):
                answer = Unavailable(f"{person.source} answered about somebody else")
            elif isinstance(answer, Gone):
                await self._roll.lose(person, answer)
                self._distrusted.discard(person.key)
        except StoreError:
            _log.exception("the answer about %s holds, but could not be kept", person.hub_name)
        return answer
