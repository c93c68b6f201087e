"""Bringing book, pods, hub and store together again after whatever was missed: a crash, a lost event, a failed write."""

from __future__ import annotations

import logging
from collections.abc import Collection, Coroutine, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.admissions import Admission, Stage

from .attempts import attempt
from .live import Live
from .metrics import Metrics

__all__ = ["GRACE", "Reconciler"]

_log = logging.getLogger(__name__)
GRACE: Final = timedelta(seconds=90)
"""How long a disagreement must last before it is believed: longer than any step between hub, book and cluster."""


class Reconciler:
    """One round of repairs, each logged and counted.

    Always holds:
        - nothing is concluded from a hub that does not answer, nor about pods from an inventory that is stale;
        - an admission ends by this only after it was without a server and without a pod for GRACE;
        - a pod is removed only if it is ours, its account is known, and no server of that account claims it, for GRACE
          and at a second look;
        - a repair that fails is tried again in the next round, and keeps no other repair from being made;
        - what is in memory here may be lost at any time: graces begin anew, and every repair may be repeated.

    Nothing here looks at enrolments, nor at when a session is to end: that is ``Deadlines``.
    """

    def __init__(self, core: Core, metrics: Metrics) -> None:
        self._core, self._metrics = core, metrics
        self._vanished = _Doubts()
        self._stray = _Doubts()
        self._seen: dict[str, datetime] = {}
        self._ended: dict[str, Admission] = {}
        core.book.on_end.append(self._note_end)

    async def __call__(self) -> None:
        """Make one round.

        Raises:
            ServersError: the hub did not say what runs.
            ExceptionGroup: what went wrong with whole kinds of repairs.
        """
        hub = Live(await self._core.servers.live())
        failures: list[Exception] = []
        for repair in (
            self._end_vanished,
            self._remove_strays,
            self._mend_rows,
        ):
            try:
                await repair(hub)
            except Exception as error:
                failures.append(error)
        if failures:
            raise ExceptionGroup("some repairs could not be made", failures)

    # -- admissions without a server ---------------------------------------------------------------------------

    async def _end_vanished(self, hub: Live) -> None:
        """End what neither the hub nor the cluster has. Pods in sight end by themselves when they are seen gone."""
        now, inventory = self._core.clock(), self._core.inventory
        if self._is_blind(now):
            self._vanished.forget_all()
            return
        pods = inventory.pods() if inventory.sees_pods else {}
        book = {a.id: a for a in self._core.book.admissions()}
        lost = [a.id for a in book.values() if a.id not in pods and not hub.has(a)]
        self._seen = {id: now if id not in lost else self._seen.get(id, now) for id in book}
        for id in self._vanished.lasting(lost, now):
            admission = book[id]
            await self._repair(
                "vanished",
                f"admission {id} of {admission.hub_name} has neither server nor pod: ended",
                self._core.book.end(id, self._seen[id], estimated=True),
            )

    # -- pods without a server ---------------------------------------------------------------------------------

    async def _remove_strays(self, hub: Live) -> None:
        """Remove pods that a start or a stop left behind."""
        now = self._core.clock()
        if not self._core.inventory.sees_pods or self._is_blind(now):
            self._stray.forget_all()
            return
        lasting = self._stray.lasting(self._strays(hub), now)
        if not lasting:
            return
        # Pages of a list move while it is read, and what follows cannot be undone.
        again = set(self._strays(Live(await self._core.servers.live())))
        for id in lasting:
            if id in again:
                self._stray.forget(id)
                await self._repair(
                    "stray",
                    f"the pod of admission {id} belongs to no server: removed",
                    self._core.inventory.remove(id),
                )

    def _strays(self, hub: Live) -> list[str]:
        return [
            id
            for id, pod in self._core.inventory.pods().items()
            if pod.hub_name and not hub.claims(id, pod.hub_name, pod.server)
        ]

    # -- rows --------------------------------------------------------------------------------------------------

    async def _mend_rows(self, _: Live) -> None:
        """Keep again what could not be kept when it happened. A pod that has no row gets none."""
        before = set(self._ended)
        rows = await self._core.store.load_open_admissions()
        for id in before - {row.id for row in rows}:
            self._ended.pop(id, None)
        for row in rows:
            right = self._core.book.admission(row.id) or self._ended.get(row.id) or _given_up(row)
            if _changing(right) != _changing(row):
                await self._repair(
                    "row",
                    f"the row of admission {row.id} said {row.stage}: now {right.stage}",
                    self._core.store.save_admission(right),
                )

    def _note_end(self, ended: Admission) -> None:
        self._ended[ended.id] = ended

    # -- all of them -------------------------------------------------------------------------------------------

    def _is_blind(self, now: datetime) -> bool:
        """Whether the inventory has not been heard of for too long to say that a pod is not there."""
        return self._core.book.stale_since(now) is not None

    async def _repair(self, name: str, sentence: str, work: Coroutine[Any, Any, None]) -> None:
        counted = self._metrics.repairs
        await attempt(work, f"reconcile: {sentence}", _log, counted, name, done=logging.WARNING)


class _Doubts:
    """Since when something has looked wrong, without a break."""

    def __init__(self) -> None:
        self._since: dict[str, datetime] = {}

    def lasting(self, wrong: Collection[str], now: datetime) -> Sequence[str]:
        """Those of ``wrong`` that have been wrong for GRACE; what is wrong no longer is forgotten."""
        self._since = {id: self._since.get(id, now) for id in wrong}
        return [id for id, since in self._since.items() if now - since >= GRACE]

    def forget(self, id: str) -> None:
        """Begin the grace anew."""
        self._since.pop(id, None)

    def forget_all(self) -> None:
        """Begin every grace anew: for a while nothing could be seen."""
        self._since.clear()


def _changing(admission: Admission) -> tuple[object, ...]:
    """What of an admission changes while it lasts."""
    return admission.stage, admission.running_at, admission.ends_at, admission.ends_by


def _given_up(row: Admission) -> Admission:
    """A reservation whose start was given up while it was being written: the book has let it go."""
    return replace(
        row, stage=Stage.ENDED, ended_at=row.running_at or row.reserved_at, estimated=True
    )
