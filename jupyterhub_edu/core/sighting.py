"""What pods tell the book, and how the book is filled again from rows and pods after a start of the hub."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.profiles import Amounts, Granted
from jupyterhub_edu.domain.quantities import Cpu, Memory
from jupyterhub_edu.ports import Clock, Inventory, PodSighting, Store

from .open import Open
from .roll import Roll

__all__ = ["Sightings"]

_log = logging.getLogger(__name__)
_SLICE: Final = 100
"""Rows that are taken up before others get their turn on the event loop."""


class Sightings:
    """Takes pods into what is open.

    Always holds:
        - where rows and pods differ, pods win: an admission ends when its pod is seen gone, at the pod's own time;
        - a pod of ours that nobody knows counts as used until it is gone;
        - before ``rebuild`` nothing is taken in: a pod whose row has not been read yet would look like a leftover.
    """

    def __init__(
        self,
        campus: Callable[[], Campus],
        roll: Roll,
        store: Store,
        inventory: Inventory,
        clock: Clock,
        open_: Open,
    ) -> None:
        self._campus, self._roll, self._store = campus, roll, store
        self._inventory, self._clock, self._open = inventory, clock, open_
        self._rebuilt = False

    def sight(self, sighting: PodSighting) -> None:
        """Take in what the inventory saw of one of our pods; in the same step as the inventory's own change."""
        if not self._rebuilt:
            return
        admission = self._open.admission(sighting.admission)
        if admission is None:
            if not sighting.gone:
                self._adopt(sighting)
            return
        if sighting.gone:
            if sighting.running_at is not None and admission.stage is Stage.RESERVED:
                self._open.run(admission, sighting.running_at)
            ended = self._open.end(admission.id, sighting.ended_at)
            if ended is not None:
                self._open.save_later(ended)
            return
        self._see(admission, sighting)
        if sighting.running_at is not None and admission.stage is Stage.RESERVED:
            self._open.save_later(self._open.run(admission, sighting.running_at))

    async def rebuild(self) -> None:
        """Fill the book after a start of the hub: the store's rows and the live pods; where they differ pods win.

        Call once, after the inventory's first complete list. A reservation without a pod is released, and ends when a
        hub was last surely at work: nobody pays for a night in which there was none. A pod of ours without a row counts
        as used until it is gone.

        Raises:
            StoreError: the store cannot be read, or an end could not be kept.
        """
        rows = await self._store.load_open_admissions()
        at_work = self._last_at_work(rows)
        for at, row in enumerate(rows):
            if at % _SLICE == 0:
                await asyncio.sleep(0)
            self._open.add(row)
        # No await from here to the last sighting: a pod that goes meanwhile is either in this view or sighted after it.
        pods = self._inventory.pods()
        lost = [row for row in rows if self._inventory.sees_pods and row.id not in pods]
        self._rebuilt = True
        for sighting in list(pods.values()):
            self.sight(sighting)
        for row in lost:
            at_last = max(at_work, row.running_at or row.reserved_at)
            if (ended := self._open.end(row.id, at_last, estimated=True)) is not None:
                await self._store.save_admission(ended)

    def _last_at_work(self, rows: Iterable[Admission]) -> datetime:
        """The last instant before now at which a hub has kept anything that tells its time."""
        told = [row.running_at or row.reserved_at for row in rows]
        told += [person.answered_at for person in self._roll.people()]
        now = self._clock()
        return max((at for at in told if at <= now), default=now)

    def _adopt(self, sighting: PodSighting) -> None:
        """Count a pod of ours that the book does not know: a leftover, until it is gone.

        It gets no row and no listener hears of its end: what it was granted, to whom and when, is not known.
        """
        person = self._roll.by_hub_name(sighting.hub_name)
        flavor = sighting.labels.get("jupyterhub-edu/flavor", "")
        known = self._campus().flavors.get(flavor)
        devices = sighting.devices.get(known.device, 0) if known and known.device else 0
        nothing = Amounts(Cpu(0), Cpu(0), Memory(0), Memory(0), devices)
        now = self._clock()
        admission = Admission(
            id=sighting.admission,
            person=person.key if person else "",
            hub_name=sighting.hub_name,
            server=sighting.server,
            course=sighting.labels.get("jupyterhub-edu/course", ""),
            role=CourseRole.OBSERVER,
            granted=Granted(
                sighting.labels.get("jupyterhub-edu/profile", ""), flavor, nothing, None, {}
            ),
            own=True,
            reserved_at=now,
            ends_at=None,
            ends_by=None,
            stage=Stage.RUNNING,
            running_at=sighting.running_at or now,
        )
        self._open.adopt(admission)
        self._see(admission, sighting)
        _log.warning("counting a pod that the book did not know: admission %s", sighting.admission)

    def _see(self, admission: Admission, sighting: PodSighting) -> None:
        """It is on a node now, if it is: as the stock names it, which may not tell nodes apart."""
        if sighting.node is not None:
            node = sighting.node if self._inventory.kind == "cluster" else ""
            self._open.tally(admission.flavor).see(admission, node)
