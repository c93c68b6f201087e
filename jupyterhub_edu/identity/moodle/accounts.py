"""Which accounts are suspended: Moodle's lists of participants do not say so, and its list of accounts does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Final

from jupyterhub_edu.identity.web import NoAnswer

from .rows import UserRow
from .service import Service

__all__ = ["Accounts", "find_accounts", "read_accounts"]

_BATCH: Final = 500
_FRESH_SECONDS: Final = 600.0


async def read_accounts(service: Service, ids: Iterable[int]) -> dict[int, UserRow]:
    """Look accounts up by id; who is deleted, or may not be seen, is not among them.

    Raises:
        NoAnswer: as ``Service.call``.
    """
    rows = await service.call(
        list[UserRow], "core_user_get_users_by_field", field="id", values=sorted(ids)
    )
    return {row.id: row for row in rows}


async def find_accounts(service: Service, field: str, value: str) -> list[UserRow]:
    """Look accounts up by ``username`` or ``idnumber``; who is deleted, or may not be seen, is not among them.

    Raises:
        NoAnswer: as ``Service.call``.
    """
    return await service.call(
        list[UserRow], "core_user_get_users_by_field", field=field, values=[value]
    )


class Accounts:
    """Tells for many rosters who is suspended, in few calls: 500 people in each, and nobody twice within ten minutes."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._known: dict[int, tuple[float, bool]] = {}
        self._wanted: set[int] = set()
        self._asked: set[int] = set()
        self._turn = asyncio.Lock()

    async def renew(self) -> None:
        """Begin a round of rosters: whoever the round before asked about is read again, and the rest forgotten.

        Raises:
            NoAnswer: as ``Service.call``.
        """
        async with self._turn:
            again, self._asked = self._asked, set()
            self._known = {}
            try:
                await self._read(again)
            except NoAnswer:
                self._asked |= again
                raise

    async def suspended(self, ids: Iterable[int]) -> set[int]:
        """Who of these is suspended.

        Rosters that wait for the same turn share its calls.

        Raises:
            NoAnswer: somebody is not to be seen, or as ``Service.call``.
        """
        ids = set(ids)
        self._asked |= ids
        self._wanted |= self._missing(ids)
        async with self._turn:
            if self._missing(ids):
                wanted, self._wanted = self._wanted | self._missing(ids), set()
                await self._read(wanted)
            if lost := self._missing(ids):
                raise NoAnswer(
                    f"{len(lost)} participants are not to be seen as accounts; the account's role needs moodle/user:viewalldetails"
                )
            return {id for id in ids if self._known[id][1]}

    def _missing(self, ids: Iterable[int]) -> set[int]:
        oldest = time.monotonic() - _FRESH_SECONDS
        return {id for id in ids if id not in self._known or self._known[id][0] < oldest}

    async def _read(self, ids: Iterable[int]) -> None:
        ordered = sorted(ids)
        for at in range(0, len(ordered), _BATCH):
            now = time.monotonic()
            rows = await read_accounts(self._service, ordered[at : at + _BATCH])
            self._known |= {id: (now, row.suspended) for id, row in rows.items()}
