"""One session for the person whose it is: when it stops and why."""

from __future__ import annotations

from .shapes import Instant, TypedDict

__all__ = ["End", "Longer", "Phrases", "Said"]


class Longer(TypedDict):
    """What asking for more time would bring now."""

    allowed: bool
    label: str
    sentence: str


class Said(TypedDict):
    """What a member of staff says to the owner: ``by`` whom, in which ``course`` (its title), in text alone."""

    id: str
    text: str
    by: str
    course: str
    at: Instant


class Phrases(TypedDict):
    """What JupyterLab's extension says by itself; in ``stops_in`` stands ``{time}``."""

    stops_in: str
    stopping: str
    read_all: str
    strange: str
    away: str


class End(TypedDict):
    """When it stops and by which rule, and what is said to its owner now, in the language that their browser asks for.

    ``warn_before`` is in seconds, ``extend`` null where nobody extends.
    """

    course: str
    profile: str
    now: Instant
    ends_at: Instant | None
    ends_by: str | None
    sentence: str
    warn_before: list[int]
    extend: Longer | None
    messages: list[Said]
    phrases: Phrases
