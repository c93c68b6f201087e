"""A new campus file while people wait: what each of them asked for is worked out anew, a few in each step of the loop."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from .book import Book
from .turns import Turns
from .waiters import Waiter

__all__ = ["Rereading"]

_log = logging.getLogger(__name__)
_SLICE: Final = 5
"""Places of one step. One that is struck takes about 0.2 ms of the processor, and the first question about a new file some 5."""


class Rereading:
    """Reads places anew.

    Always holds:
        - nobody's turn comes before every place has been read: until then the turns are paused;
        - whoever needs the places before that has the rest read at once, by ``finish``;
        - a place that cannot be read stays as it was, and holds up no other.
    """

    def __init__(self, book: Book, turns: Turns) -> None:
        self._book, self._turns = book, turns
        self._unread: list[Waiter] = []
        self._soon: asyncio.Handle | None = None

    def begin(self) -> None:
        """The campus file has changed; what a former change left unread is read by this file alone."""
        self._unread = [w for line in self._turns.lines.values() for w in line.values()]
        self._turns.paused = True
        self._go_on()

    def finish(self) -> None:
        """Read what is left, at once."""
        if self._unread:
            self._read(len(self._unread))

    def close(self) -> None:
        """Read no more."""
        if self._soon is not None:
            self._soon.cancel()

    def _go_on(self) -> None:
        if not self._unread:
            self._turns.paused = False
            self._turns.poke()
        elif self._soon is None:
            self._soon = asyncio.get_running_loop().call_soon(self._read_some)

    def _read_some(self) -> None:
        self._soon = None
        if self._unread:
            self._read(_SLICE)

    def _read(self, most: int) -> None:
        now, self._unread = self._unread[:most], self._unread[most:]
        for waiter in now:
            try:
                self._read_one(waiter)
            except Exception:
                _log.exception("the place of %s could not be read anew", waiter.hub_name)
        self._go_on()

    def _read_one(self, waiter: Waiter) -> None:
        """It waits for other devices now, is struck because there is nothing of the kind any more, or stays."""
        turns, place = self._turns, waiter.place
        if turns.lines.get(place.flavor, {}).get(place.id) is not waiter:
            return  # it has left the line meanwhile
        granted = self._book.glance(place.person, place.request.course).granted(place.request)
        if granted is None:
            turns.strike(waiter, turns.against(place))
            return
        wanted = place._replace(flavor=granted.flavor, devices=granted.amounts.devices)
        if wanted != place:
            turns.step_out(waiter)
            waiter.place = wanted
            turns.stand(waiter)
