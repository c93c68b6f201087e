"""Who is in a course, and adding people to it by hand or keeping them out."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from .shapes import Instant, Paged, Rule, Text, TypedDict, strict

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
    "PersonSections",
    "PersonWish",
    "SectionsWish",
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


@strict
class PersonWish(TypedDict):
    """A ``role``, or ``exclude`` to keep them out, in the place of what stands by hand."""

    role: NotRequired[_Role]
    exclude: NotRequired[Literal[True]]
    starts: NotRequired[Instant | None]
    ends: NotRequired[Instant | None]
    why: NotRequired[Text]


_Sections = Annotated[list[Text], Rule(lambda all_: len(all_) <= 100, "too many", maxItems=100)]


@strict
class SectionsWish(TypedDict):
    """The sections in which somebody is to be by hand: these and no others."""

    sections: _Sections


class PersonSections(TypedDict):
    """The sections of one person: those by hand, with who set them last, and those of enrolments: a source's, a join code's."""

    by_hand: list[str]
    by: str | None
    of_enrolments: list[str]


class Enrolment(TypedDict):
    """Why somebody is in a course, and who put them there."""

    role: str
    origin: str
    starts: Instant | None
    ends: Instant | None
    answered_at: Instant | None
    by: str
    why: str
    sections: list[str]


class Excluded(TypedDict):
    """Somebody who is kept out."""

    person: str
    ends: Instant | None
    by: str
    why: str


class Member(TypedDict):
    """Somebody in a course, or kept out of it; what is not known of them is null.

    ``role`` is theirs now, ``sections`` are all of theirs; ``answered_at`` is when a source last answered about them.
    """

    person: str
    user: str | None
    login: str | None
    name: str | None
    role: str | None
    sections: list[str]
    enrolments: list[Enrolment]
    excluded: list[Excluded]


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
    """Which people: part of a name, login, account or number, a role, a section, an origin; and which part of them.

    ``show``: those who have ``never`` logged in, or who are kept ``out``.
    """

    q: NotRequired[Text]
    role: NotRequired[_Role]
    section: NotRequired[Text]
    origin: NotRequired[Text]
    show: NotRequired[Literal["never", "out"]]


class Members(TypedDict):
    """Part of the people of a course, by name, with all who are kept out and all that waits."""

    people: list[Member]
    next: str | None
    total: int
    excluded: list[Excluded]
    pending: list[Pending]
