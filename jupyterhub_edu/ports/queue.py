"""The waiting line as pages and the API see it, so that a cluster's own queue can take the place of ours."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from enum import StrEnum
from typing import NamedTuple, Protocol, Self

from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.line import Estimate, Place
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.reasons import Reason
from jupyterhub_edu.domain.words import say, say_count

__all__ = ["Phase", "Queue", "Standing"]


class Phase(StrEnum):
    """Where somebody's wait is.

    Attributes:
        words: the same for people.
    """

    def __new__(cls, value: str, words: str) -> Self:
        """Make a member of ``value, words``."""
        self = str.__new__(cls, value)
        self._value_, self.words = value, words
        return self

    words: str

    WAITING = "waiting", say("In line")
    STARTING = "starting", say("Your turn has come")
    """The hub starts the server."""
    SOON = "soon", say("Starting soon")
    """The turn has come; the hub starts as many servers as it may at a time, and is asked again by itself."""
    STARTED = "started", say("Your server has started")
    STRUCK = "struck", say("You are out of the line")
    """Out of the line, or not started; the reasons say why."""

    @property
    def goes_on(self) -> bool:
        """Whether a server is still to come of it."""
        return self not in {Phase.STARTED, Phase.STRUCK}


class Standing(NamedTuple):
    """How somebody stands in the line.

    Attributes:
        server: name of the server that is to start; ``""`` is the default one.
        ahead: places that come before it.
        estimate: when it may start; None once it no longer waits.
        reasons: why it waits now, or why it was struck.
    """

    place: Place
    server: str
    phase: Phase
    ahead: int
    estimate: Estimate | None
    reasons: tuple[Reason, ...]

    @property
    def words(self) -> str:
        """How they stand, in a few words."""
        if self.phase is not Phase.WAITING:
            return self.phase.words
        if not self.ahead:
            return say("You are next")
        return say_count(self.ahead, "1 person is before you", "{n} people are before you")

    @property
    def note(self) -> str:
        """The same where it stands among other things; empty for those of whom no server is still to come."""
        if not self.phase.goes_on:
            return ""
        if self.phase is not Phase.WAITING:
            return self.words
        if not self.ahead:
            return say("In line: you are next")
        return say_count(
            self.ahead, "In line: 1 person is before you", "In line: {n} people are before you"
        )


class Queue(Protocol):
    """One line for each flavor, at most one place for each account."""

    async def join(self, request: StartRequest, person: Person, server: str = "") -> Standing:
        """Take a place; asking for something else is a new arrival, asking for the same again changes nothing.

        Raises:
            Refused: something refuses that cannot be waited for.
            StoreError: the place could not be kept; nothing has changed.
        """
        ...

    async def leave(self, hub_name: str) -> bool:
        """Give the place up; whether there was one that could be given up."""
        ...

    def standing(self, hub_name: str) -> Standing | None:
        """How somebody stands; for a while also after they were started or struck, so that every tab learns of it."""
        ...

    def length(self, flavor: str, course: str | None = None) -> int:
        """Places that wait for a flavor, of one course or all."""
        ...

    def follow(self, hub_name: str) -> AsyncGenerator[Standing | None, None]:
        """How somebody stands now, then at each change, at most about once a second. Close it when nobody looks any more."""
        ...
