"""Courses, and who is on in them."""

from __future__ import annotations

from typing import Annotated

from .shapes import Instant, TypedDict, one_of, strict

__all__ = ["Course", "Device", "ExtendWish", "Membership", "Session"]


class Membership(TypedDict):
    """Why somebody is in a course: ``origin`` is ``source:…``, ``file`` or ``manual``."""

    role: str
    origin: str
    starts: Instant | None
    ends: Instant | None


class Device(TypedDict):
    """Devices of one flavor in a course now, and how many are its own."""

    flavor: str
    used: int
    own: int


class Course(TypedDict):
    """One course as one person sees it; ``sessions`` are those that they may see."""

    id: str
    title: str
    role: str | None
    state: Annotated[str, one_of("open", "later", "ended", "suspended", "archived")]
    starts: Instant | None
    ends: Instant | None
    enrolments: list[Membership]
    sees_everybody: bool
    sessions: int
    devices: list[Device]


class Session(TypedDict):
    """One session; ``share`` is ``own``, ``spare``, or empty without devices, ``server`` empty for the default one."""

    session: str
    user: str
    name: str
    server: str
    profile: str
    flavor: str
    devices: int
    share: str
    state: Annotated[str, one_of("starting", "running", "stopping", "ended")]
    since: Instant
    until: Instant | None
    may_stop: bool


@strict
class ExtendWish(TypedDict):
    """Until when a session shall go on."""

    until: Instant
