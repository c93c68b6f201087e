"""OpenLDAP and its kin (389-ds, FreeIPA): groups list their members; nesting is followed from group to group."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from jupyterhub_edu.domain.words import say

from .client import DirectoryError
from .connection import BindResult, Entry, Search
from .dialect import Ask, Refusal
from .dn import Dn, dn_key, parse_dn
from .filters import any_of, equals
from .settings import LdapSettings

__all__ = ["OpenLdap"]

_LOCKED_FOR_GOOD: Final = "000001010000Z"
"""Value of pwdAccountLockedTime that no waiting ends; any other is the end of too many wrong passwords, which a stranger
can bring about, and so no reason to take a course away."""
_DEEPEST: Final = 10
"""Groups in groups in groups: deeper is taken for a mistake rather than cut short."""
_AT_ONCE: Final = 50
_KNOWN_SECONDS: Final = 60.0
"""How long it is remembered which groups a group lies in; who is in a group is always asked anew."""
_MOST_KNOWN: Final = 20_000

_Groups = dict[Dn, str]
"""Groups as the directory spells them, by what the spellings have in common."""


class OpenLdap:
    """Schemas posixGroup, groupOfNames, groupOfUniqueNames, rfc2307bis."""

    attributes = ("uid", "pwdAccountLockedTime")

    def __init__(self, settings: LdapSettings) -> None:
        self._base = settings.groups or ""
        self._nested = bool(settings.nested)
        self._by_login = [
            name for name in settings.group_attributes if name.lower() == "memberuid"
        ]
        self._by_name = [name for name in settings.group_attributes if name.lower() != "memberuid"]
        self._above: dict[Dn, tuple[float, _Groups]] = {}

    def out_of_use(self, entry: Entry, now: datetime) -> str | None:
        """Locked by an administrator (password policy overlay)."""
        locked = entry.text("pwdAccountLockedTime") == _LOCKED_FOR_GOOD
        return say("This account is locked.") if locked else None

    def account(self, entry: Entry, login: str) -> str:
        """The one uid, whatever people log in with; memberUid holds it."""
        names = entry.texts("uid")
        return names[0] if len(names) == 1 else login

    def refusal(self, result: BindResult) -> Refusal:
        """OpenLDAP says no more than that it refused."""
        return Refusal(f"the directory refused the password (result {result.code})")

    async def groups(self, entry: Entry, login: str, ask: Ask) -> Iterable[Dn]:
        """One search for direct membership of every style, then level by level what those groups lie in."""
        account = self.account(entry, login)
        by_login = [equals(name, account) for name in self._by_login]
        found = await self._matching([*self._listing(entry.dn), *by_login], ask)
        new = found if self._nested and self._by_name else {}
        for _ in range(_DEEPEST):
            if not new:
                return [parse_dn(name) for name in found.values()]
            above = await self._lying_above(new, ask)
            new = {key: name for key, name in above.items() if key not in found}
            found = found | new
        raise DirectoryError(
            f"groups below {self._base} lie more than {_DEEPEST} deep in each other"
        )

    async def _lying_above(self, groups: _Groups, ask: Ask) -> _Groups:
        """The groups that list one of these as a member; most lie in none, and one search for all tells so."""
        now = time.monotonic()
        if len(self._above) > _MOST_KNOWN:
            self._above.clear()
        unknown = [key for key in groups if self._above.get(key, (0.0,))[0] <= now]
        if unknown:
            listing = [filter for key in unknown for filter in self._listing(groups[key])]
            above = [await self._matching(listing, ask)] * len(unknown)
            if above[0] and len(unknown) > 1:
                each = (self._matching(self._listing(groups[key]), ask) for key in unknown)
                above = await asyncio.gather(*each)
            for key, names in zip(unknown, above, strict=True):
                self._above[key] = (now + _KNOWN_SECONDS, names)
        return {k: name for key in groups for k, name in self._above[key][1].items()}

    async def _matching(self, filters: list[str], ask: Ask) -> _Groups:
        found: _Groups = {}
        for part in range(0, len(filters), _AT_ONCE):
            entries = await ask(Search(self._base, any_of(filters[part : part + _AT_ONCE])))
            found |= {dn_key(parse_dn(entry.dn)): entry.dn for entry in entries}
        return found

    def _listing(self, member: str) -> list[str]:
        return [equals(name, member) for name in self._by_name]
