"""Warning a session before its end, and stopping it when the end has come."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Final

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.decide import EndRule
from jupyterhub_edu.ports import ServersError, StoreError

from .attempts import attempt
from .live import Live
from .metrics import Metrics

__all__ = ["Deadlines"]

_log = logging.getLogger(__name__)
_STOPS_AT_ONCE: Final = 8
_AGAIN: Final = timedelta(seconds=30)
"""Pause after a stop that has failed, or of which the hub has not heard."""


class Deadlines:
    """One look at all sessions that have an end.

    Always holds:
        - a session is warned before it is stopped, unless its end has come sooner than a warning could;
        - only the server of exactly this admission is stopped, by the hub's own stop: nothing is deleted;
        - a stop is written to the audit first, once however often it must be tried; one that fails is tried again, and
          keeps no other from being made;
        - a loan that is called back is stopped only once a look has said that it is needed still.
    """

    def __init__(self, core: Core, metrics: Metrics) -> None:
        self._core, self._metrics = core, metrics
        self._again_at: dict[str, datetime] = {}
        self._audited: set[str] = set()
        core.book.on_end.append(self._forget)

    async def __call__(self) -> None:
        """Warn and stop whom it is time for.

        Raises:
            ServersError: the hub did not say what runs; nothing was stopped.
        """
        now, first = self._core.clock(), max(self._core.campus.warn_at, default=timedelta(0))
        overdue = []
        for admission in self._core.book.admissions():
            if admission.ends_at is None:
                continue
            if admission.ends_at - now <= first and admission.stage is Stage.RUNNING:
                await self._warn(admission)
            if admission.ends_at <= now and self._may_stop(admission, now):
                overdue.append(admission)
        if overdue:
            await self._stop_all(overdue, now)

    def _may_stop(self, admission: Admission, now: datetime) -> bool:
        """Whether a session whose end has come is to be stopped now."""
        if self._again_at.get(admission.id, now) > now:
            return False
        reclaims = self._core.reclaims
        return admission.ends_by is not EndRule.RECLAIMED or reclaims.may_stop(admission.id)

    async def _warn(self, admission: Admission) -> None:
        """The person's pages warn by themselves, from the same end; the record says that it was time."""
        try:
            await self._core.book.warn(admission.id)
        except StoreError as error:
            _log.warning("the warning of session %s was not kept: %s", admission.id, error)

    async def _stop_all(self, overdue: list[Admission], now: datetime) -> None:
        live, turns = Live(await self._core.servers.live()), asyncio.Semaphore(_STOPS_AT_ONCE)

        async def stop(admission: Admission) -> None:
            async with turns:
                known = self._core.book.admission(admission.id)
                if known is not None and known.ends_at == admission.ends_at:
                    await self._stop(known)

        async with asyncio.TaskGroup() as group:
            for admission in overdue:
                self._again_at[admission.id] = now + _AGAIN
                if live.runs(admission):
                    group.create_task(stop(admission))

    async def _stop(self, admission: Admission) -> None:
        rule, told = str(admission.ends_by), self._core.reclaims.is_told(admission.id)
        audited = told or admission.id in self._audited
        ended_by = f"{admission.ends_at:%Y-%m-%d %H:%M} UTC ({rule})"
        failure = await attempt(
            self._core.servers.stop(admission.hub_name, admission.server)
            if audited
            else self._core.stop("", admission, why=rule),
            f"stop session {admission.id} of {admission.hub_name}, whose end was {ended_by}",
            _log,
            self._metrics.stops,
            rule,
        )
        if isinstance(failure, ServersError):
            self._audited.add(admission.id)

    def _forget(self, ended: Admission) -> None:
        self._again_at.pop(ended.id, None)
        self._audited.discard(ended.id)
