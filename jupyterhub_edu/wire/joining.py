"""Joining a course, and its first day: requests, the join code, starting a class, who has come."""

from __future__ import annotations

from typing import Annotated, NotRequired

from .shapes import Count, Instant, Named, Reason, Rule, Text, TypedDict, one_of, strict

__all__ = [
    "Answer",
    "AnswerWish",
    "AskWish",
    "Asked",
    "CameRow",
    "ClassStart",
    "ClassStartWish",
    "CodeWish",
    "FirstDay",
    "JoinCode",
    "JoinCodeWish",
    "JoinRequest",
    "JoinRequests",
    "Joinable",
    "Joined",
    "Link",
    "LinkWish",
    "Outcome",
]

_Path = Annotated[str, Rule(lambda text: len(text) <= 500, "too long", maxLength=500)]


class Asked(TypedDict):
    """A course that one may ask to join, or has asked; ``again_at`` and ``words`` are of a refusal."""

    course: str
    title: str
    state: Annotated[str, one_of("open", "waits", "refused")]
    asked_at: Instant | None
    again_at: Instant | None
    words: str


class Joinable(TypedDict):
    """The courses that one may ask to join, and whether any course takes join codes."""

    courses: list[Asked]
    takes_codes: bool


@strict
class CodeWish(TypedDict):
    """A join code, as it was read or heard."""

    code: Text


class Joined(TypedDict):
    """The course that one is in now."""

    course: str
    title: str


@strict
class AskWish(TypedDict, total=False):
    """What one says with it."""

    why: Text


class JoinRequest(TypedDict):
    """Somebody who waits to be let in."""

    id: str
    person: Named
    at: Instant
    why: str


class JoinRequests(TypedDict):
    """Who waits to be let in, oldest first."""

    requests: list[JoinRequest]


@strict
class AnswerWish(TypedDict):
    """Yes or no; ``section`` and the dates are of an enrolment, ``words`` of a refusal."""

    approve: bool
    section: NotRequired[Text]
    starts: NotRequired[Instant | None]
    ends: NotRequired[Instant | None]
    words: NotRequired[Text]


class Answer(TypedDict):
    """What came of it: the key of whoever is in the course now, or null."""

    person: str | None


@strict
class JoinCodeWish(TypedDict):
    """Until when the code is good, and how many it lets in."""

    ends: Instant
    most: Count
    section: NotRequired[Text]


class JoinCode(TypedDict):
    """The course's join code; ``good`` is false of one that is over or used up."""

    code: str
    by: str
    at: Instant
    ends: Instant
    most: int
    uses: int
    section: str
    good: bool


@strict
class ClassStartWish(TypedDict, total=False):
    """Left out: the profile that the course offers first, all students, now."""

    profile: Text | None
    section: Text
    at: Instant | None


class Outcome(TypedDict):
    """One student's server; ``settled`` is false while it starts or waits."""

    user: str
    name: str
    words: str
    settled: bool
    reasons: list[Reason]


class ClassStart(TypedDict):
    """The servers of a class; ``why`` says why it was stopped."""

    profile: str | None
    section: str
    by: str
    at: Instant
    stage: str
    why: str
    asked: int
    refused: int
    outcomes: list[Outcome]


class CameRow(TypedDict):
    """Somebody of the course who has never logged in."""

    person: str
    login: str | None
    name: str | None
    role: str
    origin: str


@strict
class LinkWish(TypedDict, total=False):
    """What the course's link shall choose and open."""

    profile: Text
    path: _Path


class Link(TypedDict):
    """The course's link, for people to follow."""

    url: str


class FirstDay(TypedDict):
    """How the course stands before its first class."""

    joining: list[str]
    enrolled: int
    logged_in: int
    requests: int
