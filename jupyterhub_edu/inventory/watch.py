"""One list that is kept true by a watch, for ever."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from jupyterhub_edu.ports import Clock

from .api import FAULTS, Api, ApiError, words
from .pieces import Breather, read_list

__all__ = ["Pace", "Sink", "Watch"]

_log = logging.getLogger(__name__)
_EXPIRED: Final = 410
_PATIENCE: Final = 3
"""Failures in a row after which what we hold is no longer trusted, and everything is listed again."""

Raw = dict[str, Any]


class Sink(Protocol):
    """Takes in what a watch sees."""

    def key(self, raw: Raw) -> str:
        """What tells one object from another over its life."""
        ...

    def put(self, raw: Raw, *, deleted: bool) -> None:
        """Take in one object as it is now, or as it last was."""
        ...

    def retain(self, keys: AbstractSet[str]) -> None:
        """Forget all objects but these: a complete list has been read."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how long, in seconds.

    Attributes:
        watch: length of one watch: a quiet cluster gives a proof of life as often.
        grace: silence beyond the length of a watch that means a dead connection.
        first, longest: pause after the first failure; it doubles up to the longest.
        page: objects per page of a list.
    """

    watch: int = 10
    grace: float = 2.0
    first: float = 0.25
    longest: float = 1.0
    page: int = 250


class Watch:
    """Lists, then watches one kind of object.

    Always holds:
        - the sink hears of every object that is there, in pieces that let the event loop run;
        - an event that was cut off or garbled is asked for again, never guessed;
        - it never gives up: whatever fails is tried again within a few seconds, and after an expired version or
          several failures in a row everything is listed anew.

    Attributes:
        proof: instant of the last proof that the view is live: a complete list, an event, a bookmark, or a watch that
            ended when it should; None before the first.
        problem: one sentence on what is wrong now, or None.
        listed: set once a complete list is in.

    Source:
        Kubernetes API concepts, "Efficient detection of changes", "Retrieving large results sets in chunks".
    """

    def __init__(
        self, api: Api, path: str, what: str, sink: Sink, clock: Clock, pace: Pace
    ) -> None:
        """Args: path of the collection, and what it is in words, such as ``nodes``."""
        self._api, self._path, self._what, self._sink = api, path, what, sink
        self._clock, self._pace = clock, pace
        self._version: str | None = None
        self._failures = 0
        self._breather = Breather()
        self.proof: datetime | None = None
        self.problem: str | None = None
        self.listed = asyncio.Event()

    async def run(self) -> None:
        """Keep the view true until cancelled."""
        while True:
            try:
                if self._version is None:
                    await self._list()
                await self._watch(self._version)
                continue
            except FAULTS as error:
                self._fail(error)
            except Exception as error:
                _log.exception("what came from %s could not be taken in", self._what)
                self._version = None
                self._fail(error)
            pause = self._pace.first * 2 ** min(self._failures - 1, 10)
            await asyncio.sleep(min(pause, self._pace.longest))

    async def _list(self) -> None:
        seen: set[str] = set()

        def take(raw: Raw) -> None:
            seen.add(self._sink.key(raw))
            self._sink.put(raw, deleted=False)

        query = {"limit": str(self._pace.page)}
        while True:
            page = await self._api.get(self._path, query)
            metadata = await read_list(page, take, self._breather)
            if not metadata.get("continue"):
                break
            query["continue"] = metadata["continue"]
        self._sink.retain(seen)
        self._version = metadata["resourceVersion"]
        self.proof = self._clock()
        self.listed.set()

    async def _watch(self, version: str | None) -> None:
        """Follow the changes until the watch ends as agreed.

        Raises:
            ApiError: with 410 where the version has expired.
            ValueError: a line is no event.
            ConnectionError: the watch ended too early; what was heard holds.
        """
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(self._pace.watch),
            "resourceVersion": version or "",
        }
        loop = asyncio.get_running_loop()
        began = loop.time()
        silence = self._pace.watch + self._pace.grace
        async with self._api.lines(self._path, query, silence) as lines:
            async for line in lines:
                self._take(json.loads(line))
                await self._breather.breathe()
        if loop.time() - began < self._pace.watch / 2:
            raise ConnectionError("the watch was closed early")
        self._live()

    def _take(self, event: Raw) -> None:
        raw = event["object"]
        match event["type"]:
            case "ADDED" | "MODIFIED":
                self._sink.put(raw, deleted=False)
            case "DELETED":
                self._sink.put(raw, deleted=True)
            case "ERROR":
                raise ApiError(int(raw.get("code", 500)), str(raw.get("message", raw)))
            case "BOOKMARK":
                pass
            case other:
                raise ValueError(f"no such event: {other!r}")
        self._version = raw["metadata"]["resourceVersion"]
        self._live()

    def _live(self) -> None:
        self.proof, self._failures = self._clock(), 0
        if self.problem is not None:
            self.problem = None
            _log.info("watching %s again", self._what)

    def _fail(self, error: Exception) -> None:
        self._failures += 1
        status = error.status if isinstance(error, ApiError) else None
        if status == _EXPIRED or self._failures % _PATIENCE == 0:
            self._version = None
        if status == _EXPIRED:
            return
        problem = f"cannot watch {self._what}: {words(error)}"
        if status == 403:
            problem += "; what the hub must be granted is in deploy/z2jh/rbac.yaml"
        if problem != self.problem:
            self.problem = problem
            _log.warning("%s", problem)
