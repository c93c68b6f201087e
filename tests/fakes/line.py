"""A waiting line that stands as a test tells it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from jupyterhub_edu.core import Refused
from jupyterhub_edu.domain.decide import Decision, StartRequest
from jupyterhub_edu.domain.line import Place
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.reasons import Code, Reason
from jupyterhub_edu.ports import Phase, Standing

from .campus import NOW

__all__ = ["FakeLine", "a_place", "a_standing"]


def a_place(hub_name: str = "ada", **kwargs: Any) -> Place:
    defaults: dict[str, Any] = {
        "id": f"place-of-{hub_name}",
        "person": f"ad:id-{hub_name}",
        "course": "ml",
        "flavor": "t4",
        "devices": 1,
        "arrived_at": NOW,
        "request": StartRequest(f"ad:id-{hub_name}", "ml", "gpu"),
    }
    return Place(**{**defaults, **kwargs})


def a_standing(phase: Phase = Phase.WAITING, **kwargs: Any) -> Standing:
    """Waits for a device, two people before it, nothing known of when."""
    waits = (Reason(Code.NO_CAPACITY, "", {"wanted": 1, "flavor": "NVIDIA T4"}),)
    defaults: dict[str, Any] = {
        "place": a_place(),
        "server": "",
        "ahead": 2,
        "estimate": None,
        "reasons": waits if phase is Phase.WAITING else (),
    }
    return Standing(**{**defaults, "phase": phase, **kwargs})


class FakeLine:
    """Implements ``ports.Queue``: whoever joins stands in it, whatever it is told reaches all who follow."""

    def __init__(self) -> None:
        self.places: dict[str, Standing] = {}
        self.refuses: tuple[Reason, ...] = ()
        self.broken: Exception | None = None
        self.following = 0
        self._changed = asyncio.Condition()

    async def tell(self, hub_name: str, standing: Standing | None) -> None:
        """Let somebody stand like this from now on."""
        if standing is None:
            self.places.pop(hub_name, None)
        else:
            self.places[hub_name] = standing
        async with self._changed:
            self._changed.notify_all()

    async def join(self, request: StartRequest, person: Person, server: str = "") -> Standing:
        if self.broken is not None:
            raise self.broken
        if self.refuses:
            raise Refused(Decision(None, self.refuses))
        place = a_place(person.hub_name, request=request, course=request.course)
        await self.tell(person.hub_name, a_standing(place=place, server=server))
        return self.places[person.hub_name]

    async def leave(self, hub_name: str) -> bool:
        if self.broken is not None:
            raise self.broken
        stood = hub_name in self.places
        await self.tell(hub_name, None)
        return stood

    def standing(self, hub_name: str) -> Standing | None:
        return self.places.get(hub_name)

    def length(self, flavor: str, course: str | None = None) -> int:
        return sum(1 for one in self.places.values() if one.place.flavor == flavor)

    async def follow(self, hub_name: str) -> AsyncGenerator[Standing | None, None]:
        self.following += 1
        try:
            told: Any = object()
            while True:
                if told != (now := self.standing(hub_name)):
                    told = now
                    yield now
                    continue
                async with self._changed:
                    await self._changed.wait()
        finally:
            self.following -= 1
