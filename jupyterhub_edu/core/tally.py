"""Sums over the admissions of one flavor, kept as they change, so that a decision costs the same at 5,000 servers."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from datetime import datetime

from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.campus import Campus

__all__ = ["Tally"]


class Tally:
    """Devices of one flavor in use: in all, by course, and not yet seen on a node.

    Always holds:
        - ``used == sum(by_course.values())`` and ``0 <= unseen <= used``;
        - adding and removing the same admission leaves everything as it was.
    """

    def __init__(self, flavor: str) -> None:
        self.flavor = flavor
        self.used = 0
        self.unseen = 0
        self.by_course: dict[str, int] = {}
        self._seen: set[str] = set()
        self._ends: list[tuple[datetime, str]] = []
        self._open: dict[str, datetime | None] = {}
        self._campus: Campus | None = None
        self._epoch = -1
        self._boundaries: tuple[datetime, ...] = ()
        self._nominal: dict[str, int] = {}
        self._claimed = 0

    def add(self, admission: Admission) -> None:
        """Count an admission; it is not seen on a node yet."""
        self._change(admission.course, admission.devices)
        self.unseen += admission.devices
        self.plan(admission)

    def plan(self, admission: Admission) -> None:
        """Its planned end is this from now on."""
        self._open[admission.id] = admission.ends_at
        if admission.ends_at is not None:
            heapq.heappush(self._ends, (admission.ends_at, admission.id))

    def see(self, admission: Admission) -> None:
        """The inventory shows it on a node now, so its devices are no longer among that node's free ones."""
        if admission.id not in self._seen:
            self._seen.add(admission.id)
            self.unseen -= admission.devices

    def remove(self, admission: Admission) -> None:
        """Count it no longer."""
        self._open.pop(admission.id, None)
        self._change(admission.course, -admission.devices)
        if admission.id in self._seen:
            self._seen.discard(admission.id)
        else:
            self.unseen -= admission.devices

    def frees_at(self) -> datetime | None:
        """The earliest planned end, or None."""
        while self._ends and self._open.get(self._ends[0][1]) != self._ends[0][0]:
            heapq.heappop(self._ends)
        return self._ends[0][0] if self._ends else None

    def nominal(self, campus: Campus, course: str, now: datetime) -> int:
        """The course's own devices now."""
        self._bring_to(campus, now)
        return self._nominal.get(course, 0)

    def claimed(self, campus: Campus, now: datetime) -> int:
        """The sum over courses of the larger of use and own devices."""
        self._bring_to(campus, now)
        return self._claimed

    def _change(self, course: str, devices: int) -> None:
        before = self.by_course.get(course, 0)
        own = self._nominal.get(course, 0)
        self._claimed += max(before + devices, own) - max(before, own)
        self.used += devices
        if before + devices:
            self.by_course[course] = before + devices
        else:
            self.by_course.pop(course, None)

    def _bring_to(self, campus: Campus, now: datetime) -> None:
        """Work the owned devices out anew when the campus changed or some course began or ended."""
        if campus is not self._campus:
            self._campus, self._boundaries, self._epoch = campus, campus.boundaries(), -1
        epoch = bisect_right(self._boundaries, now)
        if epoch != self._epoch:
            self._epoch = epoch
            self._nominal = dict(campus.nominal(self.flavor, now))
            courses = {*self._nominal, *self.by_course}
            self._claimed = sum(
                max(self.by_course.get(c, 0), self._nominal.get(c, 0)) for c in courses
            )
