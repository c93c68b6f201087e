"""What the suite asks of a source and of the world behind it, whichever it is."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar

import pytest
from pydantic import BaseModel, SecretStr

from jupyterhub_edu.core import Core, ForgetfulSafe
from jupyterhub_edu.domain.campus import Campus as CampusFile
from jupyterhub_edu.domain.campus import SourceInfo
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.people import CourseRole, Identity, Person
from jupyterhub_edu.domain.rules import CourseRule, Rule, map_pattern
from jupyterhub_edu.identity import SOURCE_TYPES, Surroundings
from jupyterhub_edu.ports import Answer, Denied, Gone, Launch, Login, Unavailable
from tests.directories.campus import COURSES, Campus, Somebody
from tests.fakes.campus import a_campus, a_core, a_course
from tests.relay import Relay

SOURCE = "src"
PATIENT = {"timeout": "20s"}
"""For what is not about seconds: two busy cores would make slow answers look like missing ones."""
_ATTEMPTS = 10

Ticket = TypeVar("Ticket")
Found = TypeVar("Found")
LoginAnswer = Login | Launch | Answer | Denied
Opened = contextlib.AbstractAsyncContextManager["Subject[Any]"]


@dataclass(frozen=True)
class Kind:
    """One line of the summary.

    Attributes:
        open: makes the subject, with what it needs of pytest's fixtures.
        against: what stands behind the source, and whether that is real.
        forgeries: names of what ``Subject.forge`` knows how to do.
        faults: of tests.relay, those that the line to the server can have.
        finds: whether the source can be asked who bears a login.
        partial: whether the source ever answers in part.
        renames: whether people have an id beside their login name.
        spellings: what somebody may type to log in, from their login name.
    """

    open: Callable[[pytest.FixtureRequest], Opened]
    against: str
    forgeries: Sequence[str] = ()
    faults: Sequence[str] = ()
    finds: bool = False
    partial: bool = False
    renames: bool = True
    spellings: Mapping[str, Callable[[str], str]] = field(default_factory=dict)


class Clock:
    """The time, which can be put forward."""

    ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Subject(abc.ABC, Generic[Ticket]):
    """One source, and how to change the world behind it. What a context manager changes is put back after it.

    Attributes:
        campus: everybody whom the world knows.
        source: answers patiently, from the world as it is.
        when_disabled, when_deleted: what a re-read says of somebody who is; Identity means: with no course.
    """

    when_disabled: ClassVar[type] = Gone
    when_deleted: ClassVar[type] = Gone
    source_type: ClassVar[str]

    def __init__(self, campus: Campus) -> None:
        self.campus = campus
        self.clock, self.safe = Clock(), ForgetfulSafe()
        self.carried: set[str] = set()
        self.settings: list[BaseModel] = []
        self.made: list[Any] = []
        self.source = self.make()

    # -- the source --------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def keys(self) -> dict[str, Any]:
        """The source's keys in the campus file."""

    @property
    def patience(self) -> dict[str, Any]:
        """Keys that make it wait for a busy machine."""
        return PATIENT

    @property
    def rules(self) -> Iterable[tuple[str, CourseRole, str | None]]:
        """Patterns over external groups, the role that they give, and the course unless the pattern tells."""
        return ()

    @property
    def course_fields(self) -> Sequence[str]:
        """Fields of the source's own courses that hold our course's id."""
        return ()

    def make(self, *, patient: bool = True, **changes: Any) -> Any:
        """Another source for the same world, as it comes or one that waits longer."""
        of_kind = SOURCE_TYPES[self.source_type]
        keys = self.keys() | (self.patience if patient else {}) | changes
        settings = of_kind.settings.model_validate(keys)
        source = self.build(settings)
        self.settings.append(settings)
        self.made.append(source)
        return source

    def build(self, settings: Any) -> Any:
        """The source for these settings."""
        return SOURCE_TYPES[self.source_type].make(
            SOURCE, settings, Surroundings(self.clock, self.safe)
        )

    def forget(self) -> None:
        """Let the time pass for which answers are kept, where they are."""

    async def close(self) -> None:
        """Let every source go that was made here."""
        for source in self.made:
            await source.close()

    # -- logging in --------------------------------------------------------------------------------------------

    def ways_in(self, person: Somebody) -> Sequence[str]:
        """The courses that have to be entered one by one; ``""`` for a login that says it all."""
        return ("",)

    @abc.abstractmethod
    async def fetch(self, person: Somebody, way: str = "", typed: str | None = None) -> Ticket:
        """What a person brings: name and password, or what a browser gets from the server.

        Raises:
            NotLetIn: the server itself sends nobody back.
        """

    @abc.abstractmethod
    async def present(self, ticket: Ticket, source: Any = None) -> LoginAnswer:
        """Show it to the source."""

    async def forge(self, how: str, person: Somebody) -> LoginAnswer:
        """Try to get in by one of the kind's forgeries."""
        raise NotImplementedError(how)

    # -- the world ---------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def without(self, person: Somebody, course: str) -> contextlib.AbstractContextManager[None]:
        """A student is out of a course."""

    @abc.abstractmethod
    def with_(self, person: Somebody, course: str) -> contextlib.AbstractContextManager[None]:
        """Somebody is a student of one more course."""

    @abc.abstractmethod
    def disabled(self, person: Somebody) -> contextlib.AbstractContextManager[None]:
        """The account is there and may not be used."""

    @contextlib.contextmanager
    def newcomer(self) -> Iterator[Somebody]:
        """Somebody who may be deleted."""
        yield self.campus.people["nobody-yet"]

    @abc.abstractmethod
    def deleted(self, person: Somebody) -> contextlib.AbstractContextManager[None]:
        """The account is gone."""

    @abc.abstractmethod
    def renamed(self, person: Somebody, new: str) -> contextlib.AbstractContextManager[None]:
        """The account has another login name."""

    def partial(self, person: Somebody) -> contextlib.AbstractContextManager[None]:
        """The server answers, and does not say all."""
        raise NotImplementedError

    def fault(self, kind: str) -> contextlib.AbstractContextManager[None]:
        """The line to the server, or what stands in its place, is broken."""
        raise NotImplementedError

    # -- secrets -----------------------------------------------------------------------------------------------

    def secrets(self) -> set[str]:
        """What must not be told anywhere: secrets of the settings, passwords, codes and tokens, kept or carried."""
        found = {person.password for person in self.campus.people.values()} | self.carried
        for settings in self.settings:
            found |= set(_secrets_in(settings))
        for kept in self.safe._kept.values():
            found |= {value for name, value in kept.items() if "token" in name or "key" in name}
        return {secret for secret in found if secret}


class NotLetIn(Exception):
    """The server showed its form again, or an error, and sent nobody back."""


class School:
    """A core whose only source is a subject's: what people are and may, as the hub would have it."""

    def __init__(self, subject: Subject[Any], source: Any = None) -> None:
        self.subject, self.source = subject, source or subject.source
        self.core: Core = a_core(
            _campus_file(subject), sources={SOURCE: self.source}, clock=subject.clock
        )

    async def arrive(self, person: Somebody) -> tuple[Identity, Person]:
        """Log somebody in by every way, and read them once."""
        first, *more = self.subject.ways_in(person)
        identity, known = await self.enter(person, first)
        for way in more:
            identity, known = await self.enter(person, way)
        assert isinstance(await self.read(known), Identity)
        return identity, known

    async def enter(self, person: Somebody, way: str = "") -> tuple[Identity, Person]:
        """Log somebody in by one way."""
        identity = await self.identity(person, way)
        return identity, await self.core.sign_in(identity, identity.login)

    async def identity(self, person: Somebody, way: str) -> Identity:
        """What a login says; on a busy machine a source with a short deadline may need a few attempts."""

        async def log_in() -> Answer | Denied:
            ticket = await self.subject.fetch(person, way)
            answer = await self.subject.present(ticket, self.source)
            self.subject.carried |= set(_secrets_of(ticket, answer))
            return said(answer)

        found = await _patiently(log_in)
        assert isinstance(found, Identity), found
        return found

    async def read(self, person: Person) -> Answer:
        """Read somebody again and take the answer in."""
        self.subject.forget()
        return await _patiently(lambda: self.core.refresher.reread(person))

    def roles(self, person: Person) -> dict[str, str]:
        """Course roles now, by course."""
        found = self.core.roll.courses(person, self.subject.clock())
        return {course: str(role) for course, role in found.items()}


async def _patiently(ask: Callable[[], Awaitable[Found]]) -> Found:
    answer = await ask()
    for _ in range(_ATTEMPTS):
        if not isinstance(answer, Unavailable):
            break
        answer = await ask()
    return answer


def said(answer: LoginAnswer) -> Answer | Denied:
    """Whatever the shape of the login, what it says."""
    if isinstance(answer, Launch):
        answer = answer.login
    return answer.identity if isinstance(answer, Login) else answer


@contextlib.contextmanager
def faults_of(relays: Iterable[Relay], kind: str) -> Iterator[None]:
    """One fault on several lines."""
    with contextlib.ExitStack() as all_of_them:
        for relay in relays:
            all_of_them.enter_context(relay.fault(kind))
        yield


@contextlib.contextmanager
def changed(where: Any, name: str, value: object) -> Iterator[None]:
    """An attribute has another value."""
    before = getattr(where, name)
    setattr(where, name, value)
    try:
        yield
    finally:
        setattr(where, name, before)


@contextlib.contextmanager
def entry(table: dict[Any, Any], key: object, value: object = None) -> Iterator[None]:
    """An entry of a table is another one, or missing for None."""
    before = dict(table)
    table.pop(key, None)
    if value is not None:
        table[key] = value
    try:
        yield
    finally:
        table.clear()
        table.update(before)


@contextlib.asynccontextmanager
async def closing(subject: Subject[Any], *relays: Relay) -> AsyncIterator[Subject[Any]]:
    """The subject, and at the end everything let go."""
    try:
        yield subject
    finally:
        await subject.close()
        for relay in relays:
            relay.close()


def _campus_file(subject: Subject[Any]) -> CampusFile:
    courses = [a_course(course) for course in COURSES]
    ways = tuple(
        CourseRule(((field, map_pattern("<course>", courses, ())),))
        for field in subject.course_fields
    )
    info = SourceInfo(SOURCE, subject.source_type, "The source", courses=ways)
    rules = tuple(_rule(courses, *rule) for rule in subject.rules)
    return a_campus(courses=courses, sources=[info], rules=rules)


def _rule(courses: Sequence[Course], group: str, role: CourseRole, course: str | None) -> Rule:
    pattern = map_pattern(group, courses, ())
    return Rule(SOURCE, group, pattern, course_role=role, course=course)


def _secrets_of(ticket: object, answer: LoginAnswer) -> Iterator[str]:
    """Codes and tokens with which somebody logged in."""
    for name in ("code", "verifier", "id_token"):
        yield getattr(ticket, name, "")
    if isinstance(answer, Login):
        tokens = (value for name, value in answer.auth_state.items() if "token" in name)
        yield from map(str, tokens)


def _secrets_in(settings: BaseModel) -> Iterator[str]:
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif isinstance(value, BaseModel):
            yield from _secrets_in(value)


__all__ = [
    "PATIENT",
    "SOURCE",
    "Kind",
    "LoginAnswer",
    "NotLetIn",
    "School",
    "Subject",
    "changed",
    "closing",
    "entry",
    "faults_of",
    "said",
]
