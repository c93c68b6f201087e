"""A roster in files: who is in which course, and who may log in with which password. For visitors, demos, small schools."""

from __future__ import annotations

import asyncio
import base64
import logging
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final, Generic, TypeVar

import argon2
from argon2.low_level import ARGON2_VERSION
from pydantic import BaseModel, ConfigDict, Field

from jupyterhub_edu.core.patience import Patience
from jupyterhub_edu.domain.people import (
    CourseRef,
    Identity,
    Member,
    Person,
    Roster,
)
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import Answer, Clock, Denied, Gone, Unavailable
from jupyterhub_edu.ports.sources import LoginShape

from .paths import CampusPath
from .roster_files import RosterMistakes, RosterPerson, parse_passwords, parse_people

__all__ = ["RosterFileSource", "RosterSettings", "hash_password"]

_Content = TypeVar("_Content")
_log = logging.getLogger(__name__)

_LONGEST_PASSWORD: Final = 4096
_PATIENCE_SECONDS: Final = 3.0
_VERIFY_SECONDS: Final = 10.0
_hasher: Final = argon2.PasswordHasher()


def _nobodys_hash() -> str:
    """What an unknown name is checked against, so that it takes as long as a known one: a hash of no password at all.

    Written, not worked out: that would take every start of a hub a quarter of a second.
    """
    salt, digest = (
        base64.b64encode(bytes(length)).decode().rstrip("=")
        for length in (_hasher.salt_len, _hasher.hash_len)
    )
    costs = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${digest}"


_NOBODYS_HASH: Final = _nobodys_hash()


class RosterSettings(BaseModel):
    """People and passwords in two files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    people: CampusPath = Field(
        description="CSV file, UTF-8, with the header person,name,course,course_role."
    )
    passwords: CampusPath = Field(
        description="File with one person:hash a line, argon2 hashes only."
    )


def hash_password(password: str) -> str:
    """Make a line's hash for the passwords' file; takes some tenths of a second on purpose."""
    return _hasher.hash(password)


class RosterFileSource:
    """People and passwords from two files, read again when they change.

    Always holds:
        - reading and checking passwords happen off the event loop;
        - a file that cannot be used leaves the one before in force for logins, with the age that it has, and is
          Unavailable for a re-read; only a file that can be read says that somebody is gone;
        - an unknown name takes as long as a wrong password.
    """

    shape: ClassVar[LoginShape] = "form"

    def __init__(self, id: str, settings: RosterSettings, clock: Clock) -> None:
        self._id, self._clock = id, clock
        self._people = _Watched(settings.people, parse_people)
        self._passwords = _Watched(settings.passwords, parse_passwords)
        self._good_at: datetime | None = None
        self._by_course: tuple[dict[str, RosterPerson], dict[CourseRef, list[Member]]] = ({}, {})
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="roster-files")
        self._checker = ThreadPoolExecutor(2, thread_name_prefix="roster-argon2")

    @property
    def id(self) -> str:
        """The source's id in the campus file."""
        return self._id

    async def authenticate(self, login: str, password: str) -> Answer | Denied:
        """Check a login; names are compared exactly, composed or not."""
        person = unicodedata.normalize("NFC", login).strip()
        if not password.strip("\x00").strip() or len(password) > _LONGEST_PASSWORD:
            return Denied("an empty password, or one without end")
        problem = await self._read()
        if self._good_at is None:
            return Unavailable(problem)
        known = (self._people.content or {}).get(person)
        hashed = (self._passwords.content or {}).get(person)
        right = await self._verify(hashed, password)
        if right is None:
            return Unavailable("too many logins at one time")
        if known is not None and right:
            return self._identity(person, known, self._good_at)
        return Unavailable(problem) if problem else Denied("wrong name or password")

    async def reread(self, person: Person) -> Answer:
        """Look a person up in the people's file as it is now."""
        if (problem := await self._read()) or self._good_at is None:
            return Unavailable(problem)
        known = (self._people.content or {}).get(person.subject)
        if known is None:
            return Gone(self._good_at, say("This account is no longer in the roster."))
        return self._identity(person.subject, known, self._good_at)

    async def find(self, name: str) -> Sequence[Identity] | Unavailable:
        """Everybody of this name in the people's file as it is now, in any case."""
        if (problem := await self._read()) or self._good_at is None:
            return Unavailable(problem)
        name = unicodedata.normalize("NFC", name).casefold()
        people = (self._people.content or {}).items()
        return [
            self._identity(person, known, self._good_at)
            for person, known in people
            if person.casefold() == name
        ]

    async def courses(self) -> Sequence[CourseRef] | Unavailable:
        """Every course of the people's file."""
        if (problem := await self._read()) or self._good_at is None:
            return Unavailable(problem)
        return sorted(self._rosters(), key=lambda course: course.id)

    async def roster(self, course: CourseRef) -> Roster | Unavailable:
        """Everybody in one course of the people's file as it is now."""
        if (problem := await self._read()) or self._good_at is None:
            return Unavailable(problem)
        return Roster(course, tuple(self._rosters().get(course, ())), self._good_at)

    async def check(self) -> list[str]:
        """Read both files; passwords of nobody are a mistake too."""
        if problem := await self._read():
            return [problem]
        people = self._people.content or {}
        return [
            f"{self._passwords.path}: {person} does not stand in {self._people.path}; add {person} there, or take "
            "the line out"
            for person in self._passwords.content or {}
            if person not in people
        ]

    async def close(self) -> None:
        """Let go of the threads."""
        self._reader.shutdown(wait=False)
        self._checker.shutdown(wait=False)

    def _rosters(self) -> dict[CourseRef, list[Member]]:
        """The people's file by course, worked out once for each reading of it."""
        people = self._people.content or {}
        if self._by_course[0] is not people:
            found: dict[CourseRef, list[Member]] = {}
            for person, known in people.items():
                for claim in known.claims:
                    roles = frozenset({claim.role})
                    member = Member(person, person, known.name, roles)
                    found.setdefault(claim.course, []).append(member)
            self._by_course = (people, found)
        return self._by_course[1]

    def _identity(self, person: str, known: RosterPerson, at: datetime) -> Identity:
        return Identity(
            source=self._id,
            subject=person,
            login=person,
            name=known.name,
            at=at,
            claims=known.claims,
        )

    async def _read(self) -> str:
        """Bring both files up to date; what is wrong with them, or ``""``."""
        loop = asyncio.get_running_loop()
        try:
            async with Patience(_PATIENCE_SECONDS):
                problem = await loop.run_in_executor(self._reader, self._refresh)
        except TimeoutError:
            return f"{self._people.path} or {self._passwords.path} cannot be read in time"
        except RuntimeError:
            return "the source is closed"
        if not problem:
            self._good_at = self._clock()
        return problem

    def _refresh(self) -> str:
        problems = [self._people.refresh(), self._passwords.refresh()]
        return " ".join(filter(None, problems))

    async def _verify(self, hashed: str | None, password: str) -> bool | None:
        """Whether a hash is the password's; None when the queue was too long."""
        loop = asyncio.get_running_loop()
        try:
            async with Patience(_VERIFY_SECONDS):
                return await loop.run_in_executor(self._checker, _is_right, hashed, password)
        except (TimeoutError, RuntimeError):
            return None


class _Watched(Generic[_Content]):
    """One file's content, parsed again when the file has changed. Used by one thread."""

    def __init__(self, path: Path, parse: Callable[[Path, bytes], _Content]) -> None:
        self.path = path
        self.content: _Content | None = None
        self._parse, self._stamp, self._problem = parse, (0, 0, 0), ""

    def refresh(self) -> str:
        """Read the file if it is not the one read last; what is wrong with it, or ``""``."""
        try:
            found = self.path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp != self._stamp:
                octets = self.path.read_bytes()
                self._stamp = stamp
                self.content = self._parse(self.path, octets)
                self._problem = ""
        except (OSError, RosterMistakes) as error:
            problem = str(error)
            if isinstance(error, OSError):
                self._stamp = (0, 0, 0)  # it may be back unchanged
                problem = (
                    f"{self.path} cannot be read: {error.strerror}; compare its name and rights"
                )
            if self._problem != problem:
                _log.warning("roster: %s", problem)
            self._problem = problem
        return self._problem


def _is_right(hashed: str | None, password: str) -> bool:
    try:
        _hasher.verify(hashed or _NOBODYS_HASH, password)
    except argon2.exceptions.Argon2Error:
        return False
    return hashed is not None
