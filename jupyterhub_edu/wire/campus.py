"""The campus as it stands now: devices by node and course, and the lines for them; for administrators of the site."""

from __future__ import annotations

from .shapes import Instant, TypedDict

__all__ = ["Campus", "Flavor", "Holder", "Node", "Share"]


class Holder(TypedDict):
    """A session that holds devices; ``spare`` if they are on loan. ``user`` is its account."""

    session: str
    user: str
    course: str
    devices: int
    spare: bool
    since: Instant
    ends_at: Instant | None


class Node(TypedDict):
    """A node with what is free on it; null for sessions that no node shows yet."""

    name: str | None
    free: int | None
    sessions: list[Holder]


class Share(TypedDict):
    """What one course, or one exam of it, has of a pool; ``may_borrow`` null: as many as others do not use."""

    course: str
    exam: bool
    owns: int
    reserved: int
    used: int
    borrowed: int
    may_borrow: int | None
    waiting: int


class Flavor(TypedDict):
    """One flavor with devices: ``free`` and the nodes' are null while the cluster is not heard.

    ``longest_wait_seconds`` is null where nobody waits.
    """

    flavor: str
    title: str
    free: int | None
    used: int
    heard: bool
    waiting: int
    longest_wait_seconds: int | None
    shares: list[Share]
    nodes: list[Node]


class Campus(TypedDict):
    """All pools and lines, and how many courses and people there are."""

    name: str
    time_zone: str
    courses: int
    people: int
    servers: int
    requests: int
    flavors: list[Flavor]
