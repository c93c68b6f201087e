"""Identity sources and their answers. Unknown is a value: ``Unavailable`` is not "no groups"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, Protocol

from jupyterhub_edu.domain.people import Identity, Person

__all__ = ["Answer", "Denied", "FormSource", "Gone", "IdentitySource", "LoginShape", "Unavailable"]

LoginShape = Literal["form", "redirect", "launch", "header", "none"]


@dataclass(frozen=True, slots=True)
class Gone:
    """A complete negative answer: the person does not exist, is disabled or locked out, as of ``at``.

    Attributes:
        why: one sentence for staff and the log; for the person where it concerns them ("This account is disabled.").
    """

    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Denied:
    """The login failed (unknown name, wrong password); says nothing about anybody's enrolments.

    Attributes:
        why: one sentence for the log; the login page never tells an unknown name from a wrong password.
    """

    why: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The source gave no complete answer (silent, refused, garbled, partial). Nothing may be concluded from it.

    Attributes:
        why: one sentence for staff and the log, without secrets.
    """

    why: str


Answer = Identity | Gone | Unavailable


class IdentitySource(Protocol):
    """One place where identities come from. Every method answers within its deadline and never raises for a fault."""

    shape: ClassVar[LoginShape]

    @property
    def id(self) -> str:
        """The source's id in the campus file."""
        ...

    async def reread(self, person: Person) -> Answer:
        """Read one known person again by the immutable id; ``Gone`` only after a complete negative answer."""
        ...

    async def check(self) -> list[str]:
        """Ask whether the source works as configured; problems as sentences, empty when all is well."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...


class FormSource(IdentitySource, Protocol):
    """A source that checks a login name and a password."""

    async def authenticate(self, login: str, password: str) -> Answer | Denied:
        """Check a login; the identity's ``login`` is the source's canonical spelling, not what was typed."""
        ...
