"""Those who stand in the line, and what of them survives a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.line import Place
from jupyterhub_edu.domain.reasons import Reason
from jupyterhub_edu.ports import AuditEntry, Phase, Record, Store, StoreError

from .kept import instant, number, reading, text, texts

__all__ = ["Waiter", "Waiters"]

_log = logging.getLogger(__name__)
_KIND: Final = "place"


@dataclass(slots=True, eq=False)
class Waiter:
    """One account's place: until its server is under way, and a while longer so that every tab learns of it.

    Attributes:
        server: name of the server that is to start.
        admission: id of what its turn has reserved, or ``""`` while it waits.
        tries: starts that have failed.
        reasons: why it was struck.
        durable: it has been kept; before that no turn comes.
        former: what is reserved was so by a hub process before this one.
        spared: its start has come to nothing for reasons that have nothing to do with it, so that it is no try.
        again_at: no turn comes before this instant, after a start that failed.
        told_until: once it is over, until when that is told.
    """

    place: Place
    hub_name: str
    server: str = ""
    phase: Phase = Phase.WAITING
    admission: str = ""
    tries: int = 0
    reasons: tuple[Reason, ...] = ()
    durable: bool = False
    former: bool = False
    spared: bool = False
    again_at: datetime | None = None
    told_until: datetime | None = None

    @property
    def over(self) -> bool:
        """Whether it stands in the line no more."""
        return self.phase in (Phase.STARTED, Phase.STRUCK)

    def waits(self, now: datetime) -> bool:
        """Whether its turn may come now."""
        ready = self.again_at is None or self.again_at <= now
        return self.phase is Phase.WAITING and self.durable and ready

    def asks(self, request: StartRequest, server: str) -> bool:
        """Whether it is a place for exactly this, and stands."""
        return not self.over and self.server == server and self.place.request[1:] == request[1:]


class Waiters:
    """The places as records of the store.

    Always holds:
        - what is written is the place as it is by then, so that of two writes the later holds what is newer;
        - a place that is over is dropped sooner or later, whatever the store says at first.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = asyncio.Lock()
        self._over: set[str] = set()

    async def load(self) -> Sequence[Waiter]:
        """Everybody who stood in a line when the hub went.

        Raises:
            StoreError: a record cannot be read.
        """
        return [_read(record) for record in await self._store.load_records(_KIND)]

    async def keep(
        self, waiter: Waiter, instead_of: str = "", entry: AuditEntry | None = None
    ) -> None:
        """Return once the place is durable as it is now; one that is over is not kept.

        Args:
            instead_of: id of the place that it takes the place of, or ``""``.
            entry: what the audit is to say of it.

        Raises:
            StoreError: it could not be kept.
        """
        async with self._turn:
            if not waiter.over:
                former = [(_KIND, instead_of)] if instead_of else ()
                await self._store.save_records([_record(waiter)], former, entry)
                waiter.durable = True

    async def drop(self, *ids: str) -> None:
        """Forget places that are over, and those that could not be forgotten before."""
        self._over.update(ids)
        async with self._turn:
            over = frozenset(self._over)
            if not over:
                return
            try:
                await self._store.save_records((), [(_KIND, id) for id in over])
            except StoreError:
                _log.exception("%d places are over, and dropped another time", len(over))
            else:
                self._over -= over


def _record(waiter: Waiter) -> Record:
    place = waiter.place
    body = {
        "account": waiter.hub_name,
        "server": waiter.server,
        "course": place.request.course,
        "profile": place.request.profile,
        "options": dict(place.request.options),
        "share": place.course,
        "flavor": place.flavor,
        "devices": place.devices,
        "arrived_at": place.arrived_at.isoformat(),
        "admission": waiter.admission,
        "tries": waiter.tries,
    }
    return Record(_KIND, place.id, body, whose=place.person)


def _read(record: Record) -> Waiter:
    body = record.body
    with reading(record):
        asked = text(body["course"]), text(body["profile"]), texts(body["options"])
        place = Place(
            record.id,
            record.whose,
            text(body["share"]),
            text(body["flavor"]),
            number(body["devices"]),
            instant(body["arrived_at"]),
            StartRequest(record.whose, *asked),
        )
        return Waiter(
            place,
            text(body["account"]),
            text(body["server"]),
            admission=text(body["admission"]),
            tries=number(body["tries"]),
            durable=True,
        )
