"""Who is in a course, and adding people to it by hand or keeping them out."""

from __future__ import annotations

from typing import Literal, NotRequired

from .shapes import Instant, Paged, Text, TypedDict, strict

__all__ = [
    "Done",
    "Enrolment",
    "Excluded",
    "Member",
    "Members",
    "MembersQuery",
    "Pending",
    "PendingReason",
    "PeopleWish",
]

_Role = Literal["student", "observer", "assistant", "teacher"]


@strict
class PeopleWish(TypedDict):
    """A ``person`` by student number, login, account or key, and their ``role``, or ``exclude`` to keep them out."""

    person: Text
    role: NotRequired[_Role]
    exclude: NotRequired[Literal[True]]
    starts: NotRequired[Instant | None]
    ends: NotRequired[Instant | None]
    why: NotRequired[Text]


class Enrolment(TypedDict):
    """Why somebody is in a course, and who put them there."""

    role: str
    origin: str
    starts: Instant | None
    ends: Instant | None
    by: str
    why: str


class Member(TypedDict):
    """Somebody in a course; what is not known of them is null."""

    person: str
    user: str | None
    login: str | None
    name: str | None
    enrolments: list[Enrolment]


class Excluded(TypedDict):
    """Somebody who is kept out."""

    person: str
    ends: Instant | None
    by: str
    why: str


class PendingReason(TypedDict):
    """Why it waits."""

    code: str
    sentence: str
    who: str


class Pending(TypedDict):
    """What waits until it is known who is meant; ``role`` is null to keep out."""

    id: str
    typed: str
    role: str | None
    exclude: bool
    starts: Instant | None
    ends: Instant | None
    by: str
    at: Instant
    why: str
    reason: PendingReason


class Done(TypedDict):
    """To whom it was done, or what waits."""

    person: str | None
    pending: NotRequired[Pending]


@strict
class MembersQuery(Paged):
    """Which part of the people."""


class Members(TypedDict):
    """Part of the people of a course, by key, with all who are kept out and all that waits."""

    people: list[Member]
    next: str | None
    excluded: list[Excluded]
    pending: list[Pending]
