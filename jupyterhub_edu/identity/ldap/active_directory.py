"""Active Directory, Windows' or Samba's: the directory itself says which groups count, nested ones too."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from jupyterhub_edu.domain.words import say

from .connection import BindResult, Entry, Search
from .dialect import Ask, NotReadable, Refusal, parse_dns, sid_text
from .dn import Dn, is_below, parse_dn
from .filters import any_of, equals
from .settings import LdapSettings

__all__ = ["ActiveDirectory"]

_DISABLED: Final = 0x2
_NEVER: Final = frozenset({0, 0x7FFF_FFFF_FFFF_FFFF})
_EPOCH: Final = datetime(1601, 1, 1, tzinfo=UTC)
_AT_ONCE: Final = 100
_KNOWN_SECONDS: Final = 300.0
"""How long the name behind a SID is remembered: groups are renamed rarely, and logins are many."""
_MOST_KNOWN: Final = 20_000

_SUB_CODE: Final = re.compile(r"\bdata ([0-9a-f]{3,8})\b", re.IGNORECASE)
_REFUSALS: Final = {
    "525": Refusal("no such person"),
    "52e": Refusal("wrong name or password"),
    "530": Refusal("no log-in at this hour"),
    "531": Refusal("no log-in from the hub's machine"),
    "532": Refusal("the password has expired; it must be changed first"),
    "533": Refusal(say("This account is disabled."), final=True),
    "701": Refusal(say("This account has expired."), final=True),
    "773": Refusal("the password must be changed first"),
    "775": Refusal("the account is locked after too many wrong passwords"),
}
"""Words for the sub-codes inside result 49. Locked is not final: a stranger's wrong passwords bring it about."""


class ActiveDirectory:
    """Nested groups by ``tokenGroups``; direct ones by ``memberOf`` and the primary group."""

    def __init__(self, settings: LdapSettings) -> None:
        self._base = settings.groups or ""
        self._base_dn = parse_dn(self._base)
        self._nested = bool(settings.nested)
        self._names: dict[str, tuple[float, Dn | None]] = {}

    @property
    def attributes(self) -> tuple[str, ...]:
        """Account name and state, and for direct membership where it stands."""
        state = ("sAMAccountName", "userAccountControl", "accountExpires")
        return state if self._nested else (*state, "memberOf", "primaryGroupID", "objectSid")

    def out_of_use(self, entry: Entry, now: datetime) -> str | None:
        """Disabled or expired; an account state that may not be read is a state unknown.

        Raises:
            NotReadable: userAccountControl is not there.
        """
        control = entry.text("userAccountControl")
        if not control.lstrip("-").isdigit():
            raise NotReadable("userAccountControl of people; let it read that")
        if int(control) & _DISABLED:
            return say("This account is disabled.")
        expires = entry.text("accountExpires")
        if expires.isdigit() and int(expires) not in _NEVER and _is_past(int(expires), now):
            return say("This account has expired.")
        return None

    def account(self, entry: Entry, login: str) -> str:
        """The name that "who am I" answers with, whatever people log in with."""
        return entry.text("sAMAccountName") or login

    def refusal(self, result: BindResult) -> Refusal:
        """In the words of the sub-code."""
        found = _SUB_CODE.search(result.message)
        told = _REFUSALS.get(found[1].lower().lstrip("0")) if found else None
        return told or Refusal(f"the directory refused the password (result {result.code})")

    async def groups(self, entry: Entry, login: str, ask: Ask) -> Iterable[Dn]:
        """One read of the person's own entry, and one search for SIDs never met before."""
        if self._nested:
            return await self._named(await self._token_groups(entry, ask), ask)
        direct = [parse_dn(name) for name in entry.texts("memberOf")]
        primary = await self._named([_primary_group(entry)], ask)
        return [*(dn for dn in direct if is_below(dn, self._base_dn)), *primary]

    async def _token_groups(self, entry: Entry, ask: Ask) -> list[str]:
        found = await ask(Search(entry.dn, "(objectClass=*)", ("tokenGroups",), "BASE"))
        sids = [sid_text(octets) for one in found for octets in one.octets("tokenGroups")]
        if not sids:  # everybody has at least a primary group
            raise NotReadable(
                "tokenGroups of people; make it a member of Windows Authorization Access Group"
            )
        return sids

    async def _named(self, sids: Sequence[str], ask: Ask) -> list[Dn]:
        """The groups of these SIDs that lie below the base; each looked up once in a while."""
        now = time.monotonic()
        known = {sid: self._names[sid][1] for sid in sids if self._names.get(sid, (0.0,))[0] > now}
        new = [sid for sid in sids if sid not in known]
        for part in range(0, len(new), _AT_ONCE):
            asked = new[part : part + _AT_ONCE]
            wanted = any_of([equals("objectSid", sid) for sid in asked])
            entries = await ask(Search(self._base, wanted, ("objectSid",)))
            names = dict(zip(map(_sid, entries), parse_dns(entries), strict=True))
            known |= {sid: names.get(sid) for sid in asked}
        if len(self._names) > _MOST_KNOWN:
            self._names.clear()
        for sid in new:
            self._names[sid] = (now + _KNOWN_SECONDS, known[sid])
        return [dn for dn in known.values() if dn is not None]


def _is_past(ticks: int, now: datetime) -> bool:
    """Whether an instant in 100-nanosecond steps since 1601 lies behind."""
    try:
        return _EPOCH + timedelta(microseconds=ticks // 10) <= now
    except OverflowError:
        return False


def _sid(entry: Entry) -> str:
    return sid_text(entry.octets("objectSid")[0])


def _primary_group(entry: Entry) -> str:
    """The primary group's SID: the person's, with the last part replaced."""
    own, rid = entry.octets("objectSid"), entry.text("primaryGroupID")
    if not own or not rid:
        raise NotReadable("objectSid and primaryGroupID of people")
    return f"{sid_text(own[0]).rpartition('-')[0]}-{rid}"
