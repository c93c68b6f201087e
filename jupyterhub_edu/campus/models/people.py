"""Where people come from, and what they are."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

from pydantic import Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from ..values import CourseRoleWord, Day, Duration, Percent, SiteRoleWord, Text
from .base import Model

__all__ = ["LinkModel", "PeopleModel", "PersonModel", "RuleModel", "SourceModel"]


class SourceModel(Model):
    """What every source has beside the settings of its type."""

    type: Text
    """What kind of source it is."""
    title: Text | SkipJsonSchema[None] = None
    """Shown on the login page and in refusals; left out: the source's own key."""
    adopt: bool = False
    """First login takes over the hub account of the same name. At most one source may."""
    refresh: Duration = dt.timedelta(minutes=5)
    """How often each active person is read again, from 10s to 1d; left out: 5m."""
    courses: list[dict[Text, Text]] = []
    """How the source names our courses, for a source that states courses itself: one entry a way, each with fields of the
    source's course and a pattern (``<course>``, ``<term>``, ``*``) that must match; ``course:`` names a course whose key is
    not in the pattern. Left out: any of the fields is a course's key or code."""
    sync: Duration = dt.timedelta(minutes=15)
    """How often its rosters are read, from 1m to 1d, for a source that has them; left out: 15m."""
    guard: Percent = 30
    """How much of a roster one sync may take away, from 1% to 100%; more, and at least ten people, waits for an admin. Left
    out: 30%."""


class RuleModel(Model):
    """One line: an external group gives a site role, a course role, or both. Rules only add."""

    source: Text
    """The source whose groups it reads."""
    group: Text
    """Pattern over the whole name, any case: ``*`` is any text, ``<course>`` a course's key or code, ``<term>`` a term,
    ``<section>`` a section."""
    site_role: SiteRoleWord | SkipJsonSchema[None] = None
    """Site role that the group gives; admin is never given by a group."""
    course_role: CourseRoleWord | SkipJsonSchema[None] = None
    """Course role that the group gives."""
    course: Text | SkipJsonSchema[None] = None
    """The course's key, for a pattern without ``<course>``."""


class LinkModel(Model):
    """One line: an identity of the source whose attribute equals that of somebody another source knows is the same person."""

    source: Text
    """A source."""
    attribute: Text
    """Attribute of its identities that never changes and that nobody can set for themselves; never an e-mail address."""
    other: Text = Field(alias="is")
    """Another source."""
    other_attribute: Text = Field(alias="of")
    """Attribute of that one's identities."""


class PersonModel(Model):
    """One enrolment that stands in the file; plain text is ``person``."""

    person: Text
    """``source:login``."""
    starts: Day | SkipJsonSchema[None] = Field(default=None, alias="from")
    """First day; left out: from the beginning."""
    until: Day | SkipJsonSchema[None] = None
    """Last day, inclusive; left out: to the end."""

    @model_validator(mode="before")
    @classmethod
    def _text(cls, value: object) -> object:
        return {"person": value} if isinstance(value, str) else value


class PeopleModel(Model):
    """People by course role, beside what the sources say."""

    kind: ClassVar[str] = "course role"
    teacher: list[PersonModel] = []
    """Teachers."""
    assistant: list[PersonModel] = []
    """Assistants."""
    student: list[PersonModel] = []
    """Students."""
    observer: list[PersonModel] = []
    """Observers."""
