"""The waiting line: one's own place."""

from __future__ import annotations

from typing import Annotated, Literal

from .shapes import Instant, Reason, Rule, Text, TypedDict, strict

__all__ = ["Estimate", "LineWish", "Place"]

_Server = Annotated[
    str,
    Rule(
        lambda name: len(name) <= 128 and name.isprintable(),
        "at most 128 characters, without line breaks",
        maxLength=128,
    ),
]


@strict
class LineWish(TypedDict, total=False):
    """What to wait for, as ``user_options`` of a start say it, and the name of the server."""

    course: Text | None
    profile: Text | None
    options: dict[Text, Text] | None
    server: _Server


class Estimate(TypedDict):
    """When it may start, and what that rests on."""

    at: Instant | None
    planned_ends: int
    sentence: str


class Place(TypedDict):
    """How one stands. ``page`` shows the same; ``url`` is where the server is, null while the hub does not start it."""

    id: str
    phase: Literal["waiting", "soon", "starting", "started", "struck"]
    course: str
    profile: str | None
    options: dict[str, str]
    server: str
    flavor: str
    devices: int
    since: Instant
    ahead: int
    estimate: Estimate | None
    reasons: list[Reason]
    page: str
    url: str | None
