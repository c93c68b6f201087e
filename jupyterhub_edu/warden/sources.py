"""Reading people again in the background, so that a negative answer binds while nobody clicks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.ports import Unavailable

__all__ = ["SourceReader"]

_log = logging.getLogger(__name__)
_AT_ONCE: Final = 8
"""Reads under way per source."""
_GIVE_UP: Final = 3
"""Unanswered reads in a row after which a source is left alone for this round."""
_RECENT: Final = timedelta(hours=1)
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class SourceReader:
    """One round: read everybody who is active and whose last answer is older than their source's ``refresh``.

    Active is who has a session, stands in line, or was here within the hour.

    Always holds:
        - a source that does not answer costs a few reads per round, and no other source waits for it;
        - people who got no answer go to the end: one unreadable entry keeps nobody else from being read;
        - a source that says that it cannot tell of somebody until they log in again is not silent: they are asked about
          again after ``refresh``, as if it had answered.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._seen: dict[str, datetime] = {}
        self._asked: dict[str, datetime] = {}
        self._unknown: dict[str, datetime] = {}
        self._reading: set[str] = set()
        core.roll.on_change.append(self._note)

    async def __call__(self) -> None:
        """Read everybody who is due.

        Raises:
            ExceptionGroup: what went wrong with single people, after all others were read.
        """
        due = self._due(self._core.clock())
        failures: list[Exception] = []
        async with asyncio.TaskGroup() as group:
            for people in due.values():
                group.create_task(self._read_source(people, failures))
        if failures:
            raise ExceptionGroup(f"{len(failures)} people could not be read", failures)

    def _note(self, person: Person) -> None:
        """A change that we did not cause ourselves: a login, a page of the hub, a start.

        Each of them comes with an answer about the person; a roster or a member of staff may change people who are far away.
        """
        now = self._core.clock()
        if person.key not in self._reading and now - person.answered_at < _RECENT:
            self._seen[person.key] = now

    def _due(self, now: datetime) -> dict[str, list[Person]]:
        """People by source, the longest unasked first."""
        self._seen = {key: at for key, at in self._seen.items() if now - at < _RECENT}
        keys = {a.person for a in self._core.book.admissions()} | self._seen.keys()
        keys |= self._core.line.people()  # else a turn might find an answer that is too old
        self._asked = {key: at for key, at in self._asked.items() if key in keys}
        self._unknown = {key: at for key, at in self._unknown.items() if key in keys}
        due: dict[str, list[Person]] = {}
        for key in sorted(keys, key=lambda key: (self._asked.get(key, _NEVER), key)):
            person = self._core.roll.person(key)
            source = self._core.campus.sources.get(person.source) if person else None
            if person is None or source is None:
                continue
            if now - max(person.answered_at, self._unknown.get(key, _NEVER)) >= source.refresh:
                due.setdefault(source.id, []).append(person)
        return due

    async def _read_source(self, people: Iterable[Person], failures: list[Exception]) -> None:
        waiting = iter(people)
        silent = _Silence()
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(self._read_some(waiting, silent, failures))

    async def _read_some(
        self, waiting: Iterator[Person], silent: _Silence, failures: list[Exception]
    ) -> None:
        for person in waiting:
            self._asked[person.key] = self._core.clock()
            self._reading.add(person.key)
            try:
                answer = await self._core.refresher.reread(person)
            except Exception as error:
                error.add_note(f"while {person.hub_name} was read")
                failures.append(error)
                continue
            finally:
                self._reading.discard(person.key)
            if isinstance(answer, Unavailable) and answer.about != "source":
                self._unknown[person.key] = self._core.clock()
                continue
            silent.in_a_row = silent.in_a_row + 1 if isinstance(answer, Unavailable) else 0
            if silent.in_a_row >= _GIVE_UP:
                _log.debug("source %s is left alone until the next round", person.source)
                return


class _Silence:
    """Unanswered reads in a row of one source in one round."""

    in_a_row = 0
