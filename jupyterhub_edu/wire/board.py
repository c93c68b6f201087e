"""A course as it is now: who is on, its devices, its part of the line, what is said and stopped; and acts on all of it."""

from __future__ import annotations

from typing import Annotated, NotRequired

from .shapes import Count, Instant, Minutes, Text, TypedDict, one_of, strict

__all__ = [
    "Board",
    "Devices",
    "InLine",
    "Message",
    "MessageWish",
    "News",
    "OnNow",
    "StartWish",
    "Started",
    "Sweep",
    "SweepWish",
]


class OnNow(TypedDict):
    """One session of a course; ``until_why`` is the rule that ends it.

    ``active`` is when the hub last heard of use, at first when the session began.
    ``use`` of devices is what was last seen (``seen``) of it, ``idle_since`` from when on; empty where nothing is known,
    and of sessions without devices.
    """

    session: str
    user: str
    name: str
    server: str
    sections: list[str]
    profile: str
    flavor: str
    devices: int
    share: str
    state: Annotated[str, one_of("starting", "running", "stopping", "ended")]
    since: Instant
    until: Instant | None
    until_why: str
    active: Instant
    use: Annotated[str, one_of("", "working", "idle", "unopened", "silent")]
    idle_since: Instant | None
    seen: Instant | None


class Devices(TypedDict):
    """The devices of one flavor, as far as they concern the course; null: not known now.

    ``own`` are the course's, ``reserved`` of them held by a window, ``used`` by its sessions, ``borrowed`` of those beyond
    its own; ``lent`` are its own that others use, ``free`` those that nobody uses.
    """

    flavor: str
    title: str
    own: int
    reserved: int
    used: int
    borrowed: int
    lent: int | None
    free: int | None


class InLine(TypedDict):
    """Somebody of the course who waits: ``place`` counts from 1 in the whole line of the flavor, null: it waits no more."""

    user: str
    name: str
    profile: str
    flavor: str
    devices: int
    phase: Annotated[str, one_of("waiting", "soon", "starting")]
    place: int | None
    since: Instant
    expected: Instant | None


class Message(TypedDict):
    """What was said to people of the course; ``to`` is a person's account, a section, or empty."""

    id: str
    whom: Annotated[str, one_of("person", "section", "on", "all")]
    to: str
    text: str
    by: str
    at: Instant
    ends: Instant


class Sweep(TypedDict):
    """Stops of several sessions, one after another: how many are meant, done and failed."""

    id: str
    whom: Annotated[str, one_of("all", "section")]
    section: str
    by: str
    at: Instant
    meant: int
    stopped: int
    failed: int
    over: bool


class Board(TypedDict):
    """A course now; ``waiting`` counts all, ``line`` has the first hundred."""

    at: Instant
    sessions: list[OnNow]
    devices: list[Devices]
    line: list[InLine]
    waiting: int
    messages: list[Message]
    stops: list[Sweep]


class News(TypedDict):
    """An event of the stream: what has changed, and nothing of the rest.

    With ``all`` these are all sessions there are; else those in ``sessions`` are new or other than they were, and those in
    ``gone`` (by ``session``) have ended.
    """

    at: Instant
    all: bool
    sessions: list[OnNow]
    gone: list[str]
    devices: NotRequired[list[Devices]]
    line: NotRequired[list[InLine]]
    waiting: NotRequired[int]
    messages: NotRequired[list[Message]]
    stops: NotRequired[list[Sweep]]


@strict
class SweepWish(TypedDict, total=False):
    """Whose sessions to stop: those of a ``section``, or ``all``."""

    section: Text
    all: bool


@strict
class StartWish(TypedDict, total=False):
    """What to start for a person; a profile left out is the first that they are offered."""

    person: Text
    profile: Text
    options: dict[str, str]


class Started(TypedDict):
    """How somebody stands for whom a server is started; ``ahead`` come before them."""

    user: str
    phase: Annotated[str, one_of("waiting", "soon", "starting", "started", "struck")]
    ahead: Count


@strict
class MessageWish(TypedDict, total=False):
    """What to say to a ``person``, a ``section``, whoever is ``on``, or ``all``; for an hour where nothing else is said."""

    text: Text
    person: Text
    section: Text
    on: bool
    all: bool
    minutes: Minutes
