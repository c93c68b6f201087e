"""Helping somebody in their own server."""

from __future__ import annotations

from typing import NotRequired

from .shapes import Instant, Text, TypedDict, strict

__all__ = ["Help", "HelpWish", "Helped"]


class Help(TypedDict):
    """Somebody of a course's staff who is let in to somebody's server until ``until``, or until one of them ends it.

    ``url`` is where whoever helps finds the server; for others it is empty. ``shared`` says that the owner had let them in
    before, and will go on to.
    """

    id: str
    course: str
    user: str
    server: str
    helper: str
    at: Instant
    until: Instant
    shared: bool
    url: str


class Helped(TypedDict):
    """Somebody of a course's staff who could open one's server, kept for thirty days.

    ``ended_by`` is ``owner``, ``helper`` or ``admin``, or what ended it by itself: ``time``, ``stopped``, ``left`` (who
    helped is no longer staff), ``exam`` or ``domains``.
    """

    course: str
    server: str
    helper: str
    at: Instant
    ended: Instant
    ended_by: str


@strict
class HelpWish(TypedDict):
    """In whose server, by hub account; ``server`` left out: the default one."""

    user: Text
    server: NotRequired[Text]
