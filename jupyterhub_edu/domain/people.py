"""People, their roles, and where each enrolment comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Final, Self

__all__ = [
    "FROM_FILE",
    "MANUAL",
    "CourseClaim",
    "CourseRef",
    "CourseRole",
    "Enrolment",
    "Exclusion",
    "Identity",
    "LinkRule",
    "Listed",
    "Member",
    "Person",
    "Roster",
    "SiteRole",
    "person_key",
    "source_origin",
]

FROM_FILE: Final = "file"
"""Origin of an enrolment that stands in the campus file."""
MANUAL: Final = "manual"
"""Origin of an enrolment that a member of staff added by hand."""


class _Ordered(Enum):
    """An ordered role whose text is the word of the campus file; never equal to a role of the other kind."""

    def __str__(self) -> str:
        return self.name.lower()

    __hash__ = object.__hash__  # members are single, and their hash is asked for at every decision

    def __lt__(self, other: Self) -> bool:
        return self._rank(self) < self._rank(other)

    def __le__(self, other: Self) -> bool:
        return self._rank(self) <= self._rank(other)

    def __gt__(self, other: Self) -> bool:
        return self._rank(self) > self._rank(other)

    def __ge__(self, other: Self) -> bool:
        return self._rank(self) >= self._rank(other)

    def _rank(self, role: object) -> int:
        if type(role) is not type(self):
            raise TypeError(f"{role!r} and {self!r} are roles of different kinds")
        rank: int = role._value_
        return rank


class CourseRole(_Ordered):
    """What a person is in one course; a larger value is the stronger role."""

    OBSERVER = 1
    STUDENT = 2
    ASSISTANT = 3
    TEACHER = 4


class SiteRole(_Ordered):
    """What a person is at the site as a whole; gives no course role by itself."""

    GUEST = 1
    STUDENT = 2
    TEACHER = 3
    MANAGER = 4
    ADMIN = 5


def person_key(source: str, subject: str) -> str:
    """The key of a person: the source's id and the immutable id that the source gave, as ``source:subject``."""
    return f"{source}:{subject}"


def source_origin(source: str) -> str:
    """The origin of enrolments that this source stated, as ``source:<id>``."""
    return f"source:{source}"


@dataclass(frozen=True, slots=True)
class CourseRef:
    """A course as one source names it.

    Attributes:
        id: the source's immutable id for it, or the only name that it has.
        names: what else it is called there, as pairs of field and value (``("shortname", "INF4490")``); hostile text.
    """

    id: str
    names: tuple[tuple[str, str], ...] = ()

    def named(self, field: str) -> str | None:
        """The value of one field; ``id`` is a field too."""
        return self.id if field == "id" else dict(self.names).get(field)


@dataclass(frozen=True, slots=True)
class CourseClaim:
    """A course role that a source states itself (a roster file, an LMS), rather than by an external group.

    Attributes:
        sections: subgroups of the course that the person is in, as the source names them.
    """

    course: CourseRef
    role: CourseRole
    sections: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Identity:
    """What one source said about one person at one instant. What it did not say is None, never empty.

    Attributes:
        source: the source's id in the campus file.
        subject: the source's immutable id for the person (entryUUID, objectGUID, ...).
        login: the canonical login name as the source spells it; a label, never a key.
        name: display name; hostile text.
        at: aware UTC instant of the answer.
        groups: external groups, all of them, as the source names them; None if it did not say (a claim too large for
            the token, an LMS that logs in without telling courses).
        claims: course roles that the source states itself.
        covers: the courses for which ``claims`` is complete; None: for every course of the source.
        attributes: verified, immutable attributes that link rules compare (an employee number); never an e-mail address.
    """

    source: str
    subject: str
    login: str
    name: str
    at: datetime
    groups: frozenset[str] | None = frozenset()
    claims: frozenset[CourseClaim] = frozenset()
    covers: frozenset[CourseRef] | None = None
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def key(self) -> str:
        """The person's key."""
        return person_key(self.source, self.subject)


@dataclass(frozen=True, slots=True)
class LinkRule:
    """Identities of two sources are one person where these attributes of theirs are equal."""

    source: str
    attribute: str
    other: str
    other_attribute: str

    def sides(self) -> tuple[tuple[str, str, str, str], tuple[str, str, str, str]]:
        """Both ways to read it: a source and its attribute, then the other's."""
        here, there = (self.source, self.attribute), (self.other, self.other_attribute)
        return (*here, *there), (*there, *here)


@dataclass(frozen=True, slots=True)
class Member:
    """One person in the roster of one course, who may never have logged in.

    Attributes:
        subject: the source's immutable id for the person.
        login: canonical login name at the source; a label.
        name: display name; hostile text.
        roles: at least one.
    """

    subject: str
    login: str
    name: str
    roles: frozenset[CourseRole]
    sections: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Roster:
    """Everybody in one course as one source has it: complete, at one instant.

    Attributes:
        kept: the source keeps these very objects for its next answer, so that the same members are told by identity.
    """

    course: CourseRef
    members: tuple[Member, ...]
    at: datetime
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """Somebody whom a roster names and who has never logged in: enough to show them, and to know them when they come.

    Attributes:
        key: ``source:subject``, as it will be when they log in.
        login: canonical login name at the source; a label.
        name: display name; hostile text.
    """

    key: str
    login: str
    name: str


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One person kept out of one course by hand, whatever any origin says.

    Attributes:
        by: who did it.
        why: the reason given, or ``""``.
        until: first instant (aware UTC) at which it no longer holds, or None for no end.
    """

    person: str
    course: str
    by: str
    why: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """A person linked to a hub account.

    Attributes:
        key: ``source:subject``; never changes.
        hub_name: the JupyterHub account; set at first login and kept when the login name changes.
        login: canonical login name at the source, as last heard.
        active: False after a complete negative answer (disabled, gone).
        answered_at: aware UTC instant of the source's last complete answer about this person, positive or negative.
        linked_to: key of the person whose hub account this one shares by a link rule; None: the account is their own.
        attributes: of the identity's, those that link rules compare.
    """

    key: str
    hub_name: str
    source: str
    subject: str
    login: str
    name: str
    site_role: SiteRole | None
    active: bool
    answered_at: datetime
    linked_to: str | None = None
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class EnrolmentState(StrEnum):
    """Where an instant lies relative to an enrolment's dates."""

    LATER = "later"
    ACTIVE = "active"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One person's role in one course, from one origin.

    Attributes:
        course: the course's id.
        origin: ``source:<id>``, ``file`` or ``manual``.
        starts: first instant (aware UTC), or None for no beginning.
        ends: first instant after the enrolment (aware UTC), or None for no end.
        answered_at: last complete answer of the source about this person; None where no source is asked.
        by: who added it by hand, or ``""``.
        sections: subgroups of the course, as the source names them.
        why: the reason given by whoever added it by hand, or ``""``.
    """

    person: str
    course: str
    role: CourseRole
    origin: str
    starts: datetime | None = None
    ends: datetime | None = None
    answered_at: datetime | None = None
    by: str = ""
    sections: frozenset[str] = frozenset()
    why: str = ""

    def state(self, now: datetime) -> EnrolmentState:
        """Where ``now`` lies."""
        if self.starts is not None and now < self.starts:
            return EnrolmentState.LATER
        if self.ends is not None and now >= self.ends:
            return EnrolmentState.ENDED
        return EnrolmentState.ACTIVE
