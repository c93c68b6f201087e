"""Bringing book, pods, hub and store together again after whatever was missed: a crash, a lost event, a failed write."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.ports import LiveServer, ServersError, StoreError

from .metrics import Metrics

__all__ = ["GRACE", "Reconciler"]

_log = logging.getLogger(__name__)
GRACE: Final = timedelta(seconds=90)
"""How long a disagreement must last before it is believed: longer than any step between hub, book and cluster."""
_STOPS_AT_ONCE: Final = 8


class Reconciler:
    """One round of repairs, each logged and counted.

    Always holds:
        - nothing is concluded from a hub that does not answer, nor about pods from an inventory that is stale;
        - an admission ends by this only after it was without a server and without a pod for GRACE;
        - a pod is removed only if it is ours, its account is known, and no server of that account claims it, for GRACE
          and at a second look;
        - a repair that fails is tried again in the next round, and keeps no other repair from being made;
        - what is in memory here may be lost at any time: graces begin anew, and every repair may be repeated.

    Nothing here looks at enrolments: whoever lost theirs starts nothing new, and a session goes on until its end.
    """

    def __init__(self, core: Core, metrics: Metrics) -> None:
        self._core, self._metrics = core, metrics
        self._vanished = _Doubts()
        self._stray = _Doubts()
        self._seen: dict[str, datetime] = {}
        self._ended: dict[str, Admission] = {}
        self._audited: set[str] = set()
        core.book.on_end.append(self._note_end)

    async def __call__(self) -> None:
        """Make one round.

        Raises:
            ServersError: the hub did not say what runs.
            ExceptionGroup: what went wrong with whole kinds of repairs.
        """
        hub = _Hub(await self._core.servers.live())
        failures: list[Exception] = []
        for repair in (
            self._end_vanished,
            self._remove_strays,
            self._mend_rows,
            self._stop_overstayed,
        ):
            try:
                await repair(hub)
            except Exception as error:
                failures.append(error)
        if failures:
            raise ExceptionGroup("some repairs could not be made", failures)

    # -- admissions without a server ---------------------------------------------------------------------------

    async def _end_vanished(self, hub: _Hub) -> None:
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

    async def _remove_strays(self, hub: _Hub) -> None:
        """Remove pods that a start or a stop left behind."""
        now = self._core.clock()
        if not self._core.inventory.sees_pods or self._is_blind(now):
            self._stray.forget_all()
            return
        lasting = self._stray.lasting(self._strays(hub), now)
        if not lasting:
            return
        # Pages of a list move while it is read, and what follows cannot be undone.
        again = set(self._strays(_Hub(await self._core.servers.live())))
        for id in lasting:
            if id in again:
                self._stray.forget(id)
                await self._repair(
                    "stray",
                    f"the pod of admission {id} belongs to no server: removed",
                    self._core.inventory.remove(id),
                )

    def _strays(self, hub: _Hub) -> list[str]:
        return [
            id
            for id, pod in self._core.inventory.pods().items()
            if pod.hub_name and not hub.claims(id, pod.hub_name, pod.server)
        ]

    # -- rows --------------------------------------------------------------------------------------------------

    async def _mend_rows(self, _: _Hub) -> None:
        """Keep again what could not be kept when it happened. A pod that has no row gets none."""
        before = set(self._ended)
        rows = await self._core.store.load_open_admissions()
        for id in before - {row.id for row in rows}:
            self._ended.pop(id, None)
        for row in rows:
            right = self._core.book.admission(row.id) or self._ended.get(row.id) or _given_up(row)
            if (right.stage, right.running_at) != (row.stage, row.running_at):
                await self._repair(
                    "row",
                    f"the row of admission {row.id} said {row.stage}: now {right.stage}",
                    self._core.store.save_admission(right),
                )

    def _note_end(self, ended: Admission) -> None:
        self._ended[ended.id] = ended
        self._audited.discard(ended.id)

    # -- sessions past their end -------------------------------------------------------------------------------

    async def _stop_overstayed(self, hub: _Hub) -> None:
        """Stop what is past its end; the hub's own stop, never a removal of data."""
        now, turns = self._core.clock(), asyncio.Semaphore(_STOPS_AT_ONCE)

        async def stop(admission: Admission) -> None:
            async with turns:
                if self._core.book.admission(admission.id) is not None:
                    await self._repair(
                        "overstay",
                        f"session {admission.id} of {admission.hub_name} was to end at "
                        f"{admission.ends_at:%Y-%m-%d %H:%M} UTC ({admission.ends_by}): stopped",
                        self._stop(admission),
                    )

        async with asyncio.TaskGroup() as group:
            for admission in self._core.book.admissions():
                if admission.ends_at and admission.ends_at <= now and hub.runs(admission):
                    group.create_task(stop(admission))

    async def _stop(self, admission: Admission) -> None:
        """Stop in the system's name; the audit has it once, however often it must be tried."""
        if admission.id in self._audited:
            await self._core.servers.stop(admission.hub_name, admission.server)
            return
        try:
            await self._core.stop("", admission)
        except ServersError:
            self._audited.add(admission.id)
            raise

    # -- all of them -------------------------------------------------------------------------------------------

    def _is_blind(self, now: datetime) -> bool:
        """Whether the inventory has not been heard of for too long to say that a pod is not there."""
        return self._core.book.stale_since(now) is not None

    async def _repair(self, name: str, sentence: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (ServersError, StoreError) as error:
            _log.warning("reconcile: not done, again in the next round: %s: %s", sentence, error)
            self._metrics.repairs.labels(name, "failed").inc()
        except Exception:
            _log.exception("reconcile: not done, again in the next round: %s", sentence)
            self._metrics.repairs.labels(name, "failed").inc()
        else:
            _log.warning("reconcile: %s", sentence)
            self._metrics.repairs.labels(name, "done").inc()


class _Hub:
    """What the hub says is running or pending, at one look."""

    def __init__(self, live: Iterable[LiveServer]) -> None:
        self._servers: Mapping[tuple[str, str], LiveServer] = {
            (server.hub_name, server.server): server for server in live
        }
        self._admissions = {server.admission for server in self._servers.values()}

    def has(self, admission: Admission) -> bool:
        """Whether this admission may have a server."""
        return self.claims(admission.id, admission.hub_name, admission.server)

    def claims(self, admission: str, hub_name: str, server: str) -> bool:
        """The same by name; a server under way, or one that does not say whose it is, claims what bears its name."""
        found = self._servers.get((hub_name, server))
        unsure = found is not None and (found.pending is not None or found.admission is None)
        return unsure or admission in self._admissions

    def runs(self, admission: Admission) -> bool:
        """Whether exactly this admission's server is up, and nothing is under way with it."""
        found = self._servers.get((admission.hub_name, admission.server))
        return (
            found is not None and found.pending is None and found.admission in {None, admission.id}
        )


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


def _given_up(row: Admission) -> Admission:
    """A reservation whose start was given up while it was being written: the book has let it go."""
    return replace(
        row, stage=Stage.ENDED, ended_at=row.running_at or row.reserved_at, estimated=True
    )
