"""What ended sessions used that their budgets do not pay: in exams, and of the extra hours of grants."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, tzinfo
from types import MappingProxyType
from typing import Any, Final, NamedTuple, cast

from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.allowances import Budget, Drawn, settle, usage
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.schedule import periods_over
from jupyterhub_edu.domain.usage import charge
from jupyterhub_edu.ports import Record, Store, StoreError

from .kept import number, reading, text

__all__ = ["Spared"]

_log = logging.getLogger(__name__)
_KIND: Final = "spared"
_NOTHING: Final[Drawn] = MappingProxyType({})
_Key = tuple[str | None, str]
"""A hub account, or None for all together, and a course."""


class _Part(NamedTuple):
    """What one session used that is not charged; each by day or grant.

    Attributes:
        extra: of extra hours, by the grant's id.
        own: what the person's budget does not pay, by the day on which it would have been charged.
        pooled: the same for the course's budget.
    """

    extra: Mapping[str, int]
    own: Mapping[date, int]
    pooled: Mapping[date, int]


class Spared:
    """What the ledger's sums hold and budgets leave out.

    Always holds:
        - a session in an exam is charged to no budget; one that draws on extra hours is charged to the period's own first,
          as ``settle`` splits it;
        - of a session that has ended each part counts once, however often the hub is killed: that it will draw is kept when
          it is reserved, and what it drew is worked out from its row if nobody kept that;
        - reports of usage do not ask here: they show all of it.
    """

    def __init__(self, campus: Callable[[], Campus], store: Store) -> None:
        self._campus, self._store = campus, store
        self._extra: dict[str, dict[str, int]] = {}
        self._days: dict[_Key, dict[date, int]] = {}
        self._marked: set[str] = set()
        self._due: dict[str, Record] = {}
        self._saving: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Read the store, and work out what nobody kept.

        Raises:
            StoreError: it, or a record in it, cannot be read.
        """
        for record in await self._store.load_records(_KIND):
            with reading(record):
                account, course, part = _read(record)
            if part is not None:
                self._count(account, course, part)
                continue
            admission = await self._store.find_admission(record.id)
            if admission is not None and admission.stage is Stage.ENDED:
                self.end(admission)
            elif admission is not None:
                self._marked.add(record.id)

    # -- questions ---------------------------------------------------------------------------------------------

    def spent(self, hub_name: str) -> Drawn:
        """What an account has used of extra hours, by the grant's id; sessions that run are not in it."""
        return cast(Drawn, self._extra.get(hub_name, _NOTHING))

    def between(
        self, course: str, hub_name: str | None, first: date | None, after: date | None
    ) -> int:
        """What is not charged of the days from ``first`` to before ``after`` (None: all)."""
        days = self._days.get((hub_name, course))
        if not days:
            return 0
        return sum(
            amount
            for day, amount in days.items()
            if (first is None or first <= day) and (after is None or day < after)
        )

    def most(self, open_: Iterable[Admission]) -> Mapping[str, int]:
        """The most that one person has used or reserved of each grant's extra hours, by its id.

        Args:
            open_: admissions that have not ended, of the grants' course at least.
        """
        taken = {
            (name, grant): amount
            for name, extra in self._extra.items()
            for grant, amount in extra.items()
        }
        for one in open_:
            drawn = one.reserved.person if one.reserved is not None else None
            for slot, amount in (drawn or {}).items():
                if isinstance(slot, str):
                    key = one.hub_name, slot
                    taken[key] = taken.get(key, 0) + amount
        found: dict[str, int] = {}
        for (_, grant), amount in taken.items():
            found[grant] = max(found.get(grant, 0), amount)
        return found

    # -- changes -----------------------------------------------------------------------------------------------

    def mark(self, admission: Admission) -> None:
        """Keep that this session will draw on something that is not charged, if it will."""
        if _draws(admission) and admission.id not in self._marked:
            self._marked.add(admission.id)
            self._save(_record(admission, None))

    def end(self, ended: Admission) -> None:
        """Count a session that has ended."""
        if not _draws(ended):
            return
        self._marked.discard(ended.id)
        campus = self._campus()
        part = _part(ended, campus.courses.get(ended.course), campus.zone)
        self._count(ended.hub_name, ended.course, part)
        self._save(_record(ended, part))

    def forget(self, hub_name: str) -> None:
        """Forget an account's own sums; those of the courses stay while the hub runs."""
        self._extra.pop(hub_name, None)
        for key in [key for key in self._days if key[0] == hub_name]:
            del self._days[key]

    async def settle(self) -> None:
        """Wait until what is due is kept, or could not be."""
        while self._saving is not None and not self._saving.done():
            await asyncio.gather(self._saving, return_exceptions=True)

    # -- inside ------------------------------------------------------------------------------------------------

    def _count(self, account: str, course: str, part: _Part) -> None:
        for grant, amount in part.extra.items():
            own = self._extra.setdefault(account, {})
            own[grant] = own.get(grant, 0) + amount
        for key, days in (((account, course), part.own), ((None, course), part.pooled)):
            for day, amount in days.items():
                sums = self._days.setdefault(key, {})
                sums[day] = sums.get(day, 0) + amount

    def _save(self, record: Record) -> None:
        self._due[record.id] = record
        if self._saving is None or self._saving.done():
            self._saving = asyncio.get_running_loop().create_task(self._flush())

    async def _flush(self) -> None:
        """Keep all that is due; what could not be kept is kept with the next, or worked out anew at the next start."""
        while due := dict(self._due):
            try:
                await self._store.save_records(due.values())
            except StoreError:
                _log.exception("what budgets do not pay was not kept; it is tried again")
                return
            for id, record in due.items():
                if self._due.get(id) is record:
                    del self._due[id]


def _draws(admission: Admission) -> bool:
    """Whether a session draws on anything that is not charged."""
    drawn = admission.reserved.person if admission.reserved is not None else None
    return admission.exam is not None or any(isinstance(slot, str) for slot in drawn or ())


def _part(ended: Admission, course: Course | None, zone: tzinfo) -> _Part:
    if ended.exam is not None:
        days = {u.day: u.used for u in charge(ended, zone) if u.day is not None and u.used}
        return _Part({}, days, days)
    drawn = ended.reserved.person if ended.reserved is not None else None
    allowance = course.allowances.person if course is not None else None
    began, at = ended.running_at, ended.ended_at
    if not drawn or allowance is None or course is None or began is None or at is None:
        return _Part({}, {}, {})
    budget, rate = Budget(allowance, zone, course.term_span), ended.devices * ended.weight
    used = settle(budget, drawn, rate, began, at)
    extra = {slot: amount for slot, amount in used.items() if isinstance(slot, str)}
    own: dict[date, int] = {}
    for span in periods_over(allowance.period, began, at, zone, course.term_span):
        needs = usage(rate, max(began, span.starts), min(at, span.ends))
        if rest := needs - used.get(span.starts, 0):
            own[span.starts.astimezone(zone).date()] = rest
    return _Part(extra, own, {})


def _record(admission: Admission, part: _Part | None) -> Record:
    body: dict[str, Any] = {"account": admission.hub_name, "course": admission.course}
    if part is not None:
        body["extra"] = dict(part.extra)
        body["own"], body["pooled"] = _spell(part.own), _spell(part.pooled)
    return Record(_KIND, admission.id, body, whose=admission.person)


def _spell(days: Mapping[date, int]) -> dict[str, int]:
    return {day.isoformat(): amount for day, amount in days.items()}


def _read(record: Record) -> tuple[str, str, _Part | None]:
    body = record.body
    account, course = text(body["account"]), text(body["course"])
    if "extra" not in body:
        return account, course, None
    extra = {text(grant): number(amount) for grant, amount in body["extra"].items()}
    return account, course, _Part(extra, dict(_days(body["own"])), dict(_days(body["pooled"])))


def _days(days: Mapping[str, Any]) -> Iterator[tuple[date, int]]:
    for day, amount in days.items():
        yield date.fromisoformat(day), number(amount)
