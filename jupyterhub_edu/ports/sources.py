"""Identity sources and their answers. Unknown is a value: ``Unavailable`` is not "no groups"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar, Literal, Protocol

from jupyterhub_edu.domain.people import CourseRef, Identity, Person, Roster

__all__ = [
    "Answer",
    "CodeGrant",
    "Denied",
    "FinderSource",
    "FormSource",
    "Gone",
    "IdentitySource",
    "Launch",
    "LaunchRequest",
    "LaunchSource",
    "Login",
    "LoginShape",
    "Redirect",
    "RedirectSource",
    "RememberingSource",
    "RosterSource",
    "Safe",
    "Sealer",
    "Tool",
    "Unavailable",
]

LoginShape = Literal["form", "redirect", "launch", "header", "none"]


@dataclass(frozen=True, slots=True)
class Gone:
    """A complete negative answer: the person does not exist, is disabled or locked out, as of ``at``.

    Attributes:
        why: one sentence for staff and the log; for the person where it concerns them ("This account is disabled.").
        subject: the immutable id of whom it is about, where nobody was asked about: somebody logs in by redirect or
            launch and is refused for good.
    """

    at: datetime
    why: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Denied:
    """The login failed (unknown name, wrong password, forged token); says nothing about anybody's enrolments.

    Attributes:
        why: one sentence for the log; the login page never tells an unknown name from a wrong password.
    """

    why: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The source gave no complete answer (silent, refused, garbled, partial). Nothing may be concluded from it.

    Attributes:
        why: one sentence for staff and the log, without secrets.
        about: what is silent: the ``source``; it about this ``person``, because there is nothing to ask it with; or it
            about them because their ``session`` there has ended, so that they must log in again.
    """

    why: str
    about: Literal["source", "person", "session"] = "source"


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


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where a browser is sent to log in, in the words of OAuth 2.0.

    Attributes:
        pkce: whether a code challenge (S256) is sent.
        nonce: whether a nonce is sent, to be found again in the ID token.
        extra: further parameters of the address.
    """

    authorize_url: str
    client_id: str
    scope: Sequence[str]
    pkce: bool = True
    nonce: bool = True
    extra: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class CodeGrant:
    """What a browser brought back, its state already checked; everything in it is hostile text.

    Attributes:
        redirect_uri: the callback's address, as it was sent with the redirect.
        verifier: PKCE's, or ``""`` where none was used.
        nonce: the one that was sent, or ``""``.
        issuer: the parameter ``iss`` of RFC 9207, or ``""``.
    """

    code: str = field(repr=False)
    redirect_uri: str
    verifier: str = field(default="", repr=False)
    nonce: str = ""
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class Login:
    """A login that succeeded.

    Attributes:
        auth_state: what the hub keeps, encrypted, where ``enable_auth_state`` is on; OAuthenticator's keys
            (``access_token``, ``id_token``, ...); never a password.
    """

    identity: Identity
    auth_state: Mapping[str, object] = field(
        default_factory=lambda: MappingProxyType({}), repr=False
    )


class RedirectSource(IdentitySource, Protocol):
    """A source to which the browser goes to log in and from which it comes back with a code."""

    async def redirect(self) -> Redirect | Unavailable:
        """Where to send a browser now."""
        ...

    async def redeem(self, grant: CodeGrant) -> Login | Gone | Denied | Unavailable:
        """Exchange a code for an identity, everything about it verified."""
        ...

    async def logout_url(self, person: Person, back_to: str) -> str | None:
        """Where to send a browser to end the session at the source too; None: that is not wanted, or not possible."""
        ...

    async def logged_out(self, logout_token: str) -> str | None:
        """The key of the person whose session the source has ended (OpenID Connect Back-Channel Logout 1.0).

        Returns:
            None for a token that is not the source's, not fresh, or seen before.
        """
        ...


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """With what a platform sent a browser to us, before anything is proven; all of it hostile text.

    Attributes:
        hint, message_hint: for the platform's eyes; sent back to it as they came.
        target: where the launch wants to go.
        client_id, deployment: ``""`` where the platform left them out.

    Source:
        1EdTech Security Framework 1.0, section 5.1.1.1; LTI Core 1.3, section 4.1.
    """

    issuer: str
    hint: str
    target: str
    client_id: str = ""
    deployment: str = ""
    message_hint: str = ""


@dataclass(frozen=True, slots=True)
class Launch:
    """A launch that has been checked.

    Attributes:
        course: where it comes from; None for a launch from outside any course.
        target: where it wants to go; hostile text until it is known to be an address of the hub.
    """

    login: Login
    course: CourseRef | None
    target: str


@dataclass(frozen=True, slots=True)
class Tool:
    """What a platform needs to know of the hub to launch it.

    Attributes:
        scopes: services that are used.
        custom: parameters that the platform is to fill in.
    """

    name: str
    description: str
    scopes: Sequence[str]
    custom: Mapping[str, str]


class LaunchSource(IdentitySource, Protocol):
    """A source whose platforms send people along from a course page (LTI 1.3)."""

    @property
    def framing(self) -> Sequence[str]:
        """Origins whose pages may show a launch in a frame."""
        ...

    @property
    def tool(self) -> Tool:
        """What platforms need to know of the hub."""
        ...

    def begin(self, request: LaunchRequest) -> Redirect | Denied:
        """Where to send a browser that a platform sent to us; Denied for a platform that is not known."""
        ...

    async def launched(
        self, request: LaunchRequest, id_token: str, nonce: str
    ) -> Launch | Denied | Unavailable:
        """Check what a platform answered, all of it, and read it.

        Args:
            request: the one that ``begin`` was given; its state has been checked.
            nonce: the one that was sent; the caller sees to it that it is used once.
        """
        ...

    async def keyset(self) -> Mapping[str, object]:
        """Our public keys, as a set of keys (RFC 7517)."""
        ...


class RosterSource(Protocol):
    """A source that knows who is in a course before anybody logs in."""

    async def courses(self) -> Sequence[CourseRef] | Unavailable:
        """Every course that it would tell about, complete."""
        ...

    async def roster(self, course: CourseRef) -> Roster | Unavailable:
        """Everybody in one course, complete."""
        ...


class RememberingSource(RosterSource, Protocol):
    """A source that reads only such rosters again as may have changed since; what it answers is complete all the same."""

    def forget_rosters(self) -> None:
        """Read every roster whole the next time."""
        ...


class FinderSource(Protocol):
    """A source that can be asked who somebody is before they ever log in."""

    @property
    def id(self) -> str:
        """The source's id in the campus file."""
        ...

    async def find(self, name: str) -> Sequence[Identity] | Unavailable:
        """Everybody whose login this is, or whose number that nobody sets for themselves; accounts in use alone.

        Returns:
            Who they are; nothing is concluded from them about groups and courses, and whoever asks compares once more.
        """
        ...


class Safe(Protocol):
    """Remembers what a source must not forget and nobody may read (refresh tokens, service addresses), sealed.

    Names begin with ``<source>:`` of the source that asks; values are small.
    """

    async def load(self, name: str) -> Mapping[str, str] | None:
        """What was kept under this name; None if nothing was, or if it cannot be opened any more.

        Raises:
            StoreError: it is not known what was kept.
        """
        ...

    async def save(self, name: str, secret: Mapping[str, str] | None, *, whose: str = "") -> None:
        """Keep it in the place of what was there; None forgets it.

        Args:
            whose: key of the person whom it concerns, where the name is not that key; it is erased with them.

        Raises:
            StoreError: it could not be kept.
        """
        ...


class Sealer(Protocol):
    """Seals what nobody may read, with the hub's key."""

    async def seal(self, secret: Mapping[str, object]) -> bytes:
        """Seal small JSON values.

        Raises:
            StoreError: there is no key.
        """
        ...

    async def open(self, sealed: bytes) -> Mapping[str, object] | None:
        """What was sealed; None if it cannot be opened: another key, no key, damaged."""
        ...
