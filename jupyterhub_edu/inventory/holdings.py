"""What pods hold, kept as they change: pure sums, no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from jupyterhub_edu.ports import PodSighting

from .facts import PodFact

__all__ = ["Holdings"]

_Counts = dict[str, dict[str, int]]


class Holdings:
    """Devices held by pods that are bound to a node, and the pods of ours.

    Always holds:
        - after any sequence of changes, everything is as if only the pods that are left had been put in;
        - every change of a pod of ours gives its sighting once; a pod that went is sighted as gone once.

    Attributes:
        held: extended resource name to node to the devices held there; no zeros.
        home: the part of it held in our namespace, by the flavor in the pod's labels; ``""`` for foreign pods.
    """

    def __init__(self) -> None:
        self.held: _Counts = {}
        self.home: dict[str, _Counts] = {}
        self._facts: dict[str, PodFact] = {}
        self._of_admission: dict[str, set[str]] = {}
        self._sightings: dict[str, PodSighting] = {}
        self.sightings: Mapping[str, PodSighting] = MappingProxyType(self._sightings)

    def __iter__(self) -> Iterator[str]:
        return iter(self._facts)

    def put(self, uid: str, fact: PodFact | None) -> list[PodSighting]:
        """Take in what one pod is now; None: nothing is to be kept of it any more.

        Returns:
            What the core has not been told yet. Two only if somebody put another admission's label on a pod.
        """
        before = self._facts.get(uid)
        if before == fact:
            return []
        if before is not None:
            self._count(before, -1)
        if fact is None:
            del self._facts[uid]
        else:
            self._facts[uid] = fact
            self._count(fact, 1)
        return self._resight(uid, before, fact)

    def _count(self, fact: PodFact, sign: int) -> None:
        if fact.node is None:
            return
        for device, count in fact.devices:
            _add(self.held, device, fact.node, sign * count)
            if fact.flavor is not None:
                of_flavor = self.home.setdefault(fact.flavor, {})
                _add(of_flavor, device, fact.node, sign * count)
                if not of_flavor:
                    del self.home[fact.flavor]

    def _resight(
        self, uid: str, before: PodFact | None, after: PodFact | None
    ) -> list[PodSighting]:
        old = before.sighting.admission if before and before.sighting else None
        new = after.sighting.admission if after and after.sighting else None
        if old is not None and old != new:
            self._of_admission[old].discard(uid)
        if new is not None:
            self._of_admission.setdefault(new, set()).add(uid)
        admissions = dict.fromkeys(a for a in (old, new) if a is not None)
        return [s for a in admissions if (s := self._tell(a)) is not None]

    def _tell(self, admission: str) -> PodSighting | None:
        """Bring one admission's sighting up to date, and say what is new in it."""
        told, now = self._sightings.get(admission), self._now(admission)
        if now is None:
            del self._sightings[admission], self._of_admission[admission]
            return None if told is None or told.gone else replace(told, gone=True)
        self._sightings[admission] = now
        return None if now == told or (told is not None and told.gone and now.gone) else now

    def _now(self, admission: str) -> PodSighting | None:
        """The sighting of the one pod that stands for the admission: a live one, a bound one, the first by uid."""
        seen = [
            ((s.gone, s.node is None, uid), s)
            for uid in self._of_admission[admission]
            if (s := self._facts[uid].sighting) is not None
        ]
        return min(seen, key=lambda one: one[0])[1] if seen else None


def _add(counts: _Counts, device: str, node: str, change: int) -> None:
    nodes = counts.setdefault(device, {})
    total = nodes.get(node, 0) + change
    if total:
        nodes[node] = total
    else:
        nodes.pop(node, None)
        if not nodes:
            del counts[device]
