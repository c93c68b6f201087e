"""What somebody would get, and why not the rest; for teachers in their course, and for administrators."""

from __future__ import annotations

from typing import Literal, NotRequired

from .shapes import Instant, Reason, Text, TypedDict, strict

__all__ = [
    "Choice",
    "Decided",
    "ExplainQuery",
    "Explained",
    "Heard",
    "KeptOut",
    "Knowledge",
    "Pool",
    "ProfileAnswer",
    "Rule",
]


@strict
class _Needed(TypedDict):
    person: Text
    course: Text


@strict
class ExplainQuery(_Needed, total=False):
    """Who, where, and what to suppose, as on the command line; ``at`` is in the campus's time."""

    profile: Text
    at: Text
    option: list[Text]
    if_grant: list[Text]
    if_quota: list[Text]


class Heard(TypedDict):
    """An enrolment, who says so, and when."""

    course_role: str
    origin: str
    by: str
    state: str
    heard_at: Instant | None


class KeptOut(TypedDict):
    """An exclusion by hand."""

    by: str
    why: str


class Knowledge(TypedDict):
    """What the answer rests on."""

    live: bool
    from_store: bool
    why_not: str
    known_as: str
    source: str
    active: bool
    heard_at: Instant | None
    kept_out: KeptOut | None


class Decided(TypedDict):
    """The decision: what would be granted, or the reasons against it."""

    allowed: bool
    status: NotRequired[int]
    reasons: NotRequired[list[Reason]]
    own: NotRequired[bool]
    devices: NotRequired[int]
    cpu: NotRequired[str]
    cpu_limit: NotRequired[float]
    memory: NotRequired[str]
    memory_limit_bytes: NotRequired[int]
    image: NotRequired[str]
    ends_at: NotRequired[Instant | None]
    ends_by: NotRequired[str | None]
    ends_why: NotRequired[str]
    exam: NotRequired[str | None]


class Choice(Decided):
    """The decision about one choice of an option, taken alone."""

    title: str
    default: bool


class Pool(TypedDict):
    """Devices of the profile's flavor: of the course and of all others, null where they are not known.

    ``most`` is the most that the course may hold now; null: no such limit.
    """

    own: int
    most: int | None
    used: int
    spare: int
    reserved: int
    used_by_others: int
    kept_for_others: int
    free: int | None
    free_by_node: list[int] | None
    on_their_way: int | None


class Rule(TypedDict):
    """One rule of the policy page: what it asks, what it said, and what that was decided on, in words."""

    number: int
    code: str
    asks: str
    result: Literal["passes", "refuses", "not asked"]
    facts: str


class ProfileAnswer(Decided):
    """The decision about one profile and each choice of its options; ``line`` is how many wait."""

    profile: str
    title: str
    flavor: str
    flavor_title: str
    pool: Pool | None
    line: int | None
    rules: list[Rule]
    options: dict[str, dict[str, Choice]]


class Explained(TypedDict):
    """The hub's decision about everything that one person might start in one course."""

    campus: str
    time_zone: str
    course: str
    course_title: str
    person: str
    name: str
    source: str
    login: str
    now: Instant
    at: Instant
    capacity: str
    supposed: list[str]
    course_role: str | None
    enrolments: list[Heard]
    knowledge: Knowledge
    standing: str
    profiles: list[ProfileAnswer]
