"""Releasing devices that nobody uses: sessions that are idle, and those that nobody has ever opened."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.decide import EndRule
from jupyterhub_edu.domain.idle import CONNECT_WITHIN, Look, judge
from jupyterhub_edu.ports import Activity, Devices, Watching

__all__ = ["Idle"]

_log = logging.getLogger(__name__)
_AT_ONCE: Final = 16
_SETTLES: Final = timedelta(minutes=2)
"""How long a new session is not asked: where a class begins, the hub has better to do."""
_SELDOM: Final = timedelta(minutes=5)
"""The longest pause between two questions to one server."""
_RULES: Final = (EndRule.UNUSED, EndRule.IDLE)


@dataclass(slots=True)
class _Watched:
    """What is remembered of one session between two looks."""

    worked_at: datetime
    asked_at: datetime | None = None
    opened: bool = False


class Idle:
    """One look at the sessions that hold devices, but for exams'.

    Always holds:
        - a session ends by this only after an answer that says so, and goes on as soon as one says otherwise, or none comes;
        - whoever is idle is warned as long as before any other end; whoever never came is not;
        - nothing is asked of servers without devices.
    """

    def __init__(self, core: Core, watching: Watching, devices: Devices) -> None:
        self._core, self._watching, self._devices = core, watching, devices
        self._watched: dict[str, _Watched] = {}

    async def __call__(self) -> None:
        """Look at all who are due, the longest unasked first.

        Raises:
            ExceptionGroup: what went wrong with single sessions, after all others were looked at.
        """
        now = self._core.clock()
        held = [
            one
            for one in self._core.book.admissions()
            if one.devices and one.is_running and one.exam is None
        ]
        self._watched = {one.id: self._remembered(one, now) for one in held}
        due = sorted((one for one in held if self._is_due(one, now)), key=self._asked_at)
        if not due:
            return
        worked, turns = await self._devices.worked(), asyncio.Semaphore(_AT_ONCE)
        failures: list[Exception] = []

        async def look(admission: Admission) -> None:
            async with turns:
                try:
                    await self._look_at(admission, worked)
                except Exception as error:
                    error.add_note(f"while session {admission.id} was looked at")
                    failures.append(error)

        async with asyncio.TaskGroup() as group:
            for admission in due:
                group.create_task(look(admission))
        if failures:
            raise ExceptionGroup(f"{len(failures)} sessions could not be looked at", failures)

    def _remembered(self, admission: Admission, now: datetime) -> _Watched:
        known = self._watched.get(admission.id)
        if known is not None:
            return known
        # A session that was warned before the hub began is idle still, unless its server tells of work since.
        warned = self._core.sooner.wanted(admission.id, EndRule.IDLE) is not None
        return _Watched(admission.running_at or now if warned else now)

    def _asked_at(self, admission: Admission) -> tuple[bool, datetime, str]:
        asked = self._watched[admission.id].asked_at
        return asked is not None, asked or admission.reserved_at, admission.id

    def _is_due(self, admission: Admission, now: datetime) -> bool:
        known = self._watched[admission.id]
        asked, running_at = known.asked_at, admission.running_at or now
        if any(self._core.sooner.wanted(admission.id, by) for by in _RULES):
            return True
        if asked is None:
            return now - running_at >= _SETTLES
        if not known.opened and now - running_at < 2 * CONNECT_WITHIN:
            return True
        idle_after = self._core.campus.idle_after
        if idle_after is not None and now - known.worked_at >= idle_after:
            return True
        return now - asked >= min(_SELDOM, (idle_after or _SELDOM) / 6)

    async def _look_at(self, admission: Admission, worked: Mapping[str, bool] | None) -> None:
        told = await self._watching.activity(admission.id, admission.hub_name, admission.server)
        if self._core.book.admission(admission.id) is None:
            return  # it has ended meanwhile, and what is kept of it has been forgotten
        now, known = self._core.clock(), self._watched[admission.id]
        known.asked_at = now
        look = self._look(admission, told, worked, now)
        known.worked_at, known.opened = look.worked_at, look.answered and look.opened
        self._core.looks.note(admission.id, look, now)
        self._core.counts.look(admission, look, now)
        verdict = judge(look, now, self._core.campus.idle_after)
        for by in _RULES:
            if by is verdict:
                await self._core.sooner.move(admission.id, by, now + self._warning(by))
            elif await self._core.sooner.take_back(admission.id, by):
                _log.info("session %s of %s is in use again", admission.id, admission.hub_name)

    def _look(
        self,
        admission: Admission,
        told: Activity | None,
        worked: Mapping[str, bool] | None,
        now: datetime,
    ) -> Look:
        """What is known now. Time of which nothing is known is no idle time."""
        running_at = admission.running_at or now
        device = worked.get(told.pod) if told is not None and worked is not None else None
        if told is None or device:
            return Look(
                running_at,
                now,
                answered=told is not None,
                measured=worked is not None,
                device=device,
            )
        worked_at = max(self._watched[admission.id].worked_at, told.worked_at or running_at)
        return Look(running_at, worked_at, True, told.opened, worked is not None, device)

    def _warning(self, by: EndRule) -> timedelta:
        if by is EndRule.UNUSED:
            return timedelta(0)
        return max(self._core.campus.warn_at, default=timedelta(0))
