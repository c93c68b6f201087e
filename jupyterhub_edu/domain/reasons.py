"""Every refusal in one table: its code, its words, who can change it, and whether waiting helps.

The pages, the REST API, the log, ``jupyterhub-edu explain`` and the reference page all read this table.
Rows stand in the order of the policy page; a later rule of that page gets its row when it gets its code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from .words import Words, join_words, say

__all__ = ["EXTEND_ROWS", "ROWS", "Code", "ExtendCode", "Reason", "Row", "who_can_change"]


class Code(StrEnum):
    """Machine codes of refusals, in table order."""

    NOT_ENROLLED = "not-enrolled"
    ROSTER_STALE = "roster-stale"
    COURSE_CLOSED = "course-closed"
    PROFILE_NOT_OFFERED = "profile-not-offered"
    OPTION_INVALID = "option-invalid"
    EXAM_RUNNING = "exam-running"
    OUTSIDE_WINDOW = "outside-window"
    PERSON_CAP = "person-cap"
    COURSE_QUOTA = "course-quota"
    POOL_RESERVED = "pool-reserved"
    PERSON_ALLOWANCE = "person-allowance"
    COURSE_ALLOWANCE = "course-allowance"
    NO_CAPACITY = "no-capacity"
    INVENTORY_STALE = "inventory-stale"


class ExtendCode(StrEnum):
    """Machine codes of refused extensions, beside those of the rules that an extension asks."""

    TOO_EARLY = "too-early"
    NO_TIMES_LEFT = "no-times-left"
    ABOVE_CEILING = "above-ceiling"
    ENDING = "ending"
    RECLAIMED = "reclaimed"
    OTHERS_WAIT = "others-wait"
    END_FIXED = "end-fixed"


@dataclass(frozen=True, slots=True)
class Row:
    """What holds for every refusal of one code.

    Attributes:
        number: the rule's number on the policy page, or 0.
        sentences: words by variant; ``""`` is the usual one. Braces name values of the Reason.
        who: who can change it; ``{contact}`` stands for the campus's contact.
        retry: when trying again may help, in words.
        waitable: whether one may wait for it.
        status: HTTP status of the refusal.
    """

    number: int
    sentences: Mapping[str, str]
    who: str
    retry: str
    waitable: bool = False
    status: int = 403

    @property
    def way_out(self) -> str:
        """What ``who`` says to do, as a sentence without its full stop; ``""`` where it names somebody."""
        person, _, what = self.who.partition(": ")
        return what[:1].upper() + what[1:] if person in {"you", "nobody"} else ""


def _row(
    number: int,
    usual: str,
    who: str,
    retry: str,
    *,
    waitable: bool = False,
    status: int = 403,
    **variants: str,
) -> Row:
    return Row(number, MappingProxyType({"": usual, **variants}), who, retry, waitable, status)


ROWS: Final[Mapping[Code, Row]] = MappingProxyType(
    {
        Code.NOT_ENROLLED: _row(
            1,
            "You are not enrolled in {course}.",
            "the system that holds the enrolments, or an administrator",
            "the enrolment's start date, if there is one",
            later="Your enrolment in {course} begins on {starts}.",
            ended="Your enrolment in {course} ended on {ended}.",
            nowhere="You are not enrolled in any course here.",
            outside="You may start nothing outside a course.",
        ),
        Code.ROSTER_STALE: _row(
            2,
            "{source} has not confirmed your enrolment since {since}, so nothing new starts on a GPU.",
            "nobody: the source must answer",
            "the next time the source is read",
            status=503,
        ),
        Code.COURSE_CLOSED: _row(
            3,
            "{title} is not open.",
            "an administrator",
            "the course's start",
            later="{title} begins on {starts}.",
            ended="{title} ended on {ended}.",
            archived="{title} is archived.",
            suspended="{title} is suspended.",
        ),
        Code.PROFILE_NOT_OFFERED: _row(
            4,
            "{profile} is not offered to you as {role} in {title}.",
            "an administrator, in the campus file",
            "when the course's offer changes",
        ),
        Code.OPTION_INVALID: _row(
            5,
            "{option} cannot be {value}; choose one of: {choices}.",
            "you: choose again",
            "now",
            status=400,
            unknown="There is no option {option} here.",
            role="{option} {value} is not open to you as {role}.",
            course="Choose a course: {choices}.",
            exam="{option} is fixed to {value} in this exam.",
            unreadable="This choice cannot be read: {what}.",
        ),
        Code.EXAM_RUNNING: _row(
            6,
            "You take part in an exam until {until}; until then only its own server starts.",
            "the teacher who holds the exam",
            "the exam's end",
            shared="A server of an exam is shared with nobody.",
            beside="You already have your server in this exam; there is one for each.",
        ),
        Code.OUTSIDE_WINDOW: _row(
            7,
            "{title} starts {profile} only at set times; the next begins on {opens}.",
            "the course's teacher, by way of an administrator",
            "the start of the next window",
            none="{title} starts {profile} only at set times, and none is left.",
        ),
        Code.PERSON_CAP: _row(
            8,
            "You already hold {held} of the {cap} servers that you may have at a time.",
            "you: stop one of your servers",
            "after one of your servers has stopped",
            status=409,
            devices="With this start you would hold {wanted} {flavor}; you may have {cap} at a time.",
            running="This server of yours runs already, or is just stopping.",
            elsewhere="You stand in line for a server of another course.",
        ),
        Code.COURSE_QUOTA: _row(
            9,
            "All {flavor} that {title} may use now are in use.",
            "the course's teacher, by stopping one, or an administrator",
            "the earliest planned end of a session",
            waitable=True,
            status=409,
            never="{title} may never use {wanted} {flavor} at a time; its most is {most}.",
        ),
        Code.POOL_RESERVED: _row(
            10,
            "The free {flavor} are held for a class or an exam.",
            "an administrator",
            "when the class or the exam is over",
            waitable=True,
            status=409,
            until="The free {flavor} are held for a class or an exam until {until}.",
        ),
        Code.PERSON_ALLOWANCE: _row(
            11,
            "Of your {hours} GPU hours per {period} in {title}, {left} minutes are left for this; a session takes at least {shortest}.",
            "the course's teacher (grant)",
            "the start of the next day or week",
            none="Nothing is left of your {hours} GPU hours per {period} in {title}.",
        ),
        Code.COURSE_ALLOWANCE: _row(
            12,
            "Of the {hours} GPU hours per {period} of {title}, {left} minutes are left for this; a session takes at least {shortest}.",
            "an administrator, or the course's teacher within the ceiling",
            "the start of the next day or week",
            none="Nothing is left of the {hours} GPU hours per {period} of {title}.",
        ),
        Code.NO_CAPACITY: _row(
            13,
            "No machine has {wanted} free {flavor} now.",
            "nobody: it waits for a free device",
            "when a session ends",
            waitable=True,
            status=409,
            quota="The cluster's own quota for this hub is used up.",
            line="The free {flavor} are for others, who stand in line before you.",
        ),
        Code.INVENTORY_STALE: _row(
            14,
            "The cluster has not been heard of since {since}, so nothing new starts on a GPU.",
            "nobody: the cluster must answer",
            "within a minute, as a rule",
            waitable=True,
            status=503,
        ),
    }
)


EXTEND_ROWS: Final[Mapping[ExtendCode, Row]] = MappingProxyType(
    {
        ExtendCode.TOO_EARLY: _row(
            0,
            "A session can be extended from its first warning on.",
            "nobody: it is too early",
            "the first warning",
            status=409,
        ),
        ExtendCode.NO_TIMES_LEFT: _row(
            0,
            "This session has been extended as often as people may themselves ({times}).",
            "the course's teacher",
            "when the course's teacher has extended it",
        ),
        ExtendCode.ABOVE_CEILING: _row(
            0,
            "A teacher may let a session last {minutes} minutes in all.",
            "an administrator",
            "when an administrator has extended it",
            none="On this hub teachers cannot extend sessions.",
        ),
        ExtendCode.ENDING: _row(
            0, "This session is ending.", "you: start again", "after it has ended", status=409
        ),
        ExtendCode.RECLAIMED: _row(
            0,
            "The devices of this session are lent, and they are needed back.",
            "nobody: they belong to others",
            "never for this session",
            status=409,
        ),
        ExtendCode.OTHERS_WAIT: _row(
            0,
            "Others wait in line for the devices of this session.",
            "nobody: it is their turn",
            "when the line is shorter",
            status=409,
        ),
        ExtendCode.END_FIXED: _row(
            0,
            "This session cannot last longer: {why}.",
            "the course's teacher or an administrator",
            "never for this session",
        ),
    }
)


class Reason(NamedTuple):
    """Why one start, or one extension, was refused.

    Attributes:
        code: the machine code.
        variant: which of the row's sentences applies.
        values: what the sentence's braces stand for; plain text, to be escaped where it is shown.
        retry_at: aware UTC instant at which trying again may help, or None if that is not known.
        contact: whom to ask when only staff can change it, or ``""``.
    """

    code: Code | ExtendCode
    variant: str = ""
    values: Mapping[str, object] = MappingProxyType({})
    retry_at: datetime | None = None
    contact: str = ""

    @property
    def row(self) -> Row:
        """The table's row for this code."""
        return _row_of(self.code)

    @property
    def sentence(self) -> str:
        """One sentence for a person, the same on every surface. Plain text: escape it for HTML."""
        return say(self.row.sentences[self.variant], **self.values)

    @property
    def who(self) -> str:
        """Who can change it."""
        return who_can_change(self.code, self.contact)

    @property
    def way_out(self) -> str:
        """What to do, or who can change it, as a sentence without its full stop."""
        way = self.row.way_out
        if way:
            return _with_contact(say(way), self.code, self.contact)
        return say("Who can change it: {who}", who=self.who)

    @property
    def waitable(self) -> bool:
        """Whether one may wait for this; something never possible is not worth waiting for."""
        return self.row.waitable and self.variant != "never"

    @property
    def status(self) -> int:
        """HTTP status: 400 bad option, 403 policy, 409 full, 503 a needed system does not answer."""
        return 403 if self.variant == "never" else self.row.status


def who_can_change(code: Code | ExtendCode, contact: str = "") -> str:
    """Say who can change a refusal of this code, naming the campus's contact where staff must act."""
    return _with_contact(say(_row_of(code).who), code, contact)


def _with_contact(words: Words, code: Code | ExtendCode, contact: str) -> str:
    who = _row_of(code).who
    staff = "administrator" in who or "nobody" in who
    return join_words([words, f" ({contact})"]) if staff and contact else words


def _row_of(code: Code | ExtendCode) -> Row:
    return ROWS[code] if isinstance(code, Code) else EXTEND_ROWS[code]
