"""What directories do differently: how they name people, say that an account is out of use, and hold groups."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from .client import DirectoryError
from .connection import BindResult, Entry, Search
from .dn import Dn, parse_dn

__all__ = [
    "Ask",
    "Dialect",
    "NotReadable",
    "Refusal",
    "id_octets",
    "id_text",
    "parse_dns",
    "sid_text",
]

Ask = Callable[[Search], Awaitable[Sequence[Entry]]]
"""Searches as the service account, within the deadline of the login or reading that it serves."""


class NotReadable(DirectoryError):
    """The service account may not read what an answer needs.

    Args:
        what: what it is, and how to allow it.
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"the service account may not read {what}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a bind that the directory refused was refused, as far as it says.

    Attributes:
        final: True when the password was right and the account is out of use: a negative answer about the person.
    """

    why: str
    final: bool = False


class Dialect(Protocol):
    """One kind of directory."""

    @property
    def attributes(self) -> tuple[str, ...]:
        """What it needs of a person's entry beside names and id."""
        ...

    def out_of_use(self, entry: Entry, now: datetime) -> str | None:
        """Why the account does not count any more, as a sentence for the person; None while it does."""
        ...

    def account(self, entry: Entry, login: str) -> str:
        """The name by which the directory itself knows the account; ``login`` where it tells none."""
        ...

    def refusal(self, result: BindResult) -> Refusal:
        """Why a bind was refused."""
        ...

    async def groups(self, entry: Entry, login: str, ask: Ask) -> Iterable[Dn]:
        """All groups of a person below the groups' base.

        Args:
            login: canonical login name.

        Raises:
            DirectoryError: what it found cannot be everything.
        """
        ...


_OBJECT_GUID: Final = "objectguid"
_OBJECT_SID: Final = "objectsid"


def id_text(attribute: str, entry: Entry) -> str | None:
    """The stable id as text, or None if the entry has not exactly one."""
    values = entry.octets(attribute)
    if len(values) != 1:
        return None
    kind = attribute.lower()
    if kind == _OBJECT_GUID:
        return str(UUID(bytes_le=values[0])) if len(values[0]) == 16 else None
    if kind == _OBJECT_SID:
        return sid_text(values[0])
    return entry.text(attribute) or None


def id_octets(attribute: str, subject: str) -> bytes:
    """The stable id as the directory compares it.

    Raises:
        ValueError: no such id can exist.
    """
    return UUID(subject).bytes_le if attribute.lower() == _OBJECT_GUID else subject.encode()


def sid_text(octets: bytes) -> str:
    """Spell a security identifier, as in ``S-1-5-21-...-513``.

    Source:
        MS-DTYP 2.4.2.
    """
    authority = int.from_bytes(octets[2:8], "big")
    parts = [int.from_bytes(octets[at : at + 4], "little") for at in range(8, len(octets), 4)]
    return "-".join(["S", str(octets[0]), str(authority), *map(str, parts)])


def parse_dns(entries: Iterable[Entry]) -> list[Dn]:
    """The names of entries."""
    return [parse_dn(entry.dn) for entry in entries]
