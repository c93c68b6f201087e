"""The LDAP source: logins and re-reads, each in two round trips however many courses there are."""

from __future__ import annotations

import asyncio
import time
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Final

from jupyterhub_edu.core.patience import Patience
from jupyterhub_edu.domain.people import Identity, Person
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import Answer, Clock, Denied, Gone, Unavailable
from jupyterhub_edu.ports.sources import LoginShape

from .active_directory import ActiveDirectory
from .checking import check_directory, group_filter
from .client import Directory, DirectoryError
from .connection import BindResult, Entry, Search
from .dialect import Ask, Dialect, NotReadable, id_octets, id_text
from .dn import Dn, dn_key, format_dn, parse_dn, rdn_value
from .filters import all_of, any_of, equals, present
from .openldap import OpenLdap
from .settings import LdapSettings

__all__ = ["LdapSource"]

_LONGEST_LOGIN: Final = 256
_LONGEST_PASSWORD: Final = 4096
_REFUSED: Final = frozenset({19, 32, 48, 49, 50, 53})
"""Results of a bind that mean no; any other failure means that the directory cannot now."""
_SEEN_SECONDS: Final = 60.0


class LdapSource:
    """People and groups of one directory.

    Always holds:
        - an empty, blank or NUL password reaches no server;
        - the login name of an Identity is the directory's own spelling;
        - Gone and "no groups" are told only after a complete answer of a service account that demonstrably sees other
          people, or other groups, at the same place.

    Round trips, one after another: two per login and two per re-read, for the person's bind and the search for groups
    go out together. A group that was not met for a minute or more costs one further: its name on Active Directory, the
    groups that it lies in where OpenLDAP's nested groups are followed (there, one for each level).
    """

    shape: ClassVar[LoginShape] = "form"

    def __init__(self, id: str, settings: LdapSettings, clock: Clock) -> None:
        self._id, self._settings, self._clock = id, settings, clock
        self._directory = Directory(settings)
        self._dialect: Dialect = (
            ActiveDirectory(settings)
            if settings.kind == "active-directory"
            else OpenLdap(settings)
        )
        self._allowed = {dn_key(parse_dn(name)) for name in settings.allowed_groups or ()}
        self._attributes = tuple(
            dict.fromkeys(
                (
                    settings.id_attribute,
                    settings.username_attribute,
                    settings.user_attribute,
                    settings.name_attribute,
                    *settings.attributes,
                    *self._dialect.attributes,
                )
            )
        )
        self._seen: dict[str, float] = {}

    @property
    def id(self) -> str:
        """The source's id in the campus file."""
        return self._id

    async def authenticate(self, login: str, password: str) -> Answer | Denied:
        """Check a login; Gone when the password is right and the account is out of use."""
        login = unicodedata.normalize("NFC", login).strip()
        if problem := _unusable(login, password):
            return Denied(problem)
        try:
            async with self._directory.patience() as patience:
                return await self._authenticate(login, password, patience)
        except DirectoryError as error:
            return Unavailable(str(error))
        except ValueError as error:
            return Unavailable(f"the directory's answer makes no sense: {error}")

    async def reread(self, person: Person) -> Answer:
        """Read one person by the immutable id, as the service account."""
        try:
            async with self._directory.patience() as patience:
                return await self._reread(person.subject, patience)
        except DirectoryError as error:
            return Unavailable(str(error))
        except ValueError as error:
            return Unavailable(f"the directory's answer makes no sense: {error}")

    async def find(self, name: str) -> Sequence[Identity] | Unavailable:
        """Everybody whose login, or one of whose ``attributes``, this is."""
        try:
            async with self._directory.patience() as patience:
                return await self._find(name, self._ask(patience))
        except DirectoryError as error:
            return Unavailable(str(error))
        except ValueError as error:
            return Unavailable(f"the directory's answer makes no sense: {error}")

    async def check(self) -> list[str]:
        """Connect to each server, and read people and groups as logins do."""
        problems = await self._directory.connect_each()
        if len(problems) == len(self._settings.servers):
            return problems
        problems += await check_directory(
            self._settings, self._dialect, self._ask_each(), self._clock()
        )
        return problems

    async def close(self) -> None:
        """Let go of connections and threads."""
        await self._directory.close()

    async def _authenticate(
        self, login: str, password: str, patience: Patience
    ) -> Answer | Denied:
        settings, ask = self._settings, self._ask(patience)
        found = await ask(self._person(equals(settings.user_attribute, login)))
        if len(found) != 1:
            return Denied(f"{len(found) or 'no'} entries for this name; exactly one is needed")
        entry = found[0]
        name = self._login_of(entry)
        if name is None:
            return Denied(f"the entry has not one {settings.username_attribute} to go by")
        bound, groups = await asyncio.gather(
            self._directory.bind_as(
                entry.dn, self._dialect.account(entry, name), password, patience
            ),
            self._groups(entry, name, ask),
            return_exceptions=True,
        )
        if isinstance(bound, BaseException):
            raise bound
        if bound.code != 0:
            return self._refused(bound)
        if isinstance(groups, BaseException):
            raise groups
        return self._answer(entry, name, groups)

    async def _reread(self, subject: str, patience: Patience) -> Answer:
        settings, ask = self._settings, self._ask(patience)
        octets = id_octets(settings.id_attribute, subject)
        found = await ask(self._person(equals(settings.id_attribute, octets)))
        if len(found) > 1:
            return Unavailable(f"{len(found)} entries have the {settings.id_attribute} {subject}")
        if not found:
            await self._require_sight(*self._people_base(), ask)
            return Gone(self._clock(), say("This account is no longer in the directory."))
        name = self._login_of(found[0])
        if name is None:
            return Unavailable(f"the entry has not one {settings.username_attribute} to go by")
        return self._answer(found[0], name, await self._groups(found[0], name, ask))

    async def _find(self, name: str, ask: Ask) -> list[Identity]:
        fields = (self._settings.username_attribute, *self._settings.attributes)
        entries = await ask(self._person(any_of(equals(field, name) for field in fields)))
        if not entries:
            await self._require_sight(*self._people_base(), ask)
        now = self._clock()
        return [
            self._identity(entry, login, None, now)
            for entry in entries
            if (login := self._login_of(entry)) and not self._dialect.out_of_use(entry, now)
        ]

    def _answer(self, entry: Entry, login: str, groups: list[Dn]) -> Answer:
        now = self._clock()
        if why := self._dialect.out_of_use(entry, now):
            return Gone(now, why)
        if self._allowed and self._allowed.isdisjoint(map(dn_key, groups)):
            return Gone(now, say("This account is in none of the groups that may use the hub."))
        shown = rdn_value if self._settings.group_name == "cn" else format_dn
        return self._identity(entry, login, frozenset(map(shown, groups)), now)

    def _identity(
        self, entry: Entry, login: str, groups: frozenset[str] | None, now: datetime
    ) -> Identity:
        subject = id_text(self._settings.id_attribute, entry)
        if subject is None:
            raise NotReadable(f"{self._settings.id_attribute} of people; set id_attribute")
        return Identity(
            source=self._id,
            subject=subject,
            login=login,
            name=entry.text(self._settings.name_attribute) or login,
            at=now,
            groups=groups,
            attributes={
                name: values[0]
                for name in self._settings.attributes
                if len(values := entry.texts(name)) == 1
            },
        )

    def _refused(self, result: BindResult) -> Gone | Denied | Unavailable:
        if result.code not in _REFUSED:
            return Unavailable(
                f"the directory could not check the password (result {result.code})"
            )
        refusal = self._dialect.refusal(result)
        return Gone(self._clock(), refusal.why) if refusal.final else Denied(refusal.why)

    async def _groups(self, entry: Entry, login: str, ask: Ask) -> list[Dn]:
        if self._settings.groups is None:
            return []
        groups = list(await self._dialect.groups(entry, login, ask))
        if not groups:
            await self._require_sight(*self._group_base(), ask)
        return groups

    def _person(self, which: str) -> Search:
        settings = self._settings
        return Search(settings.people, all_of([settings.person_filter, which]), self._attributes)

    def _login_of(self, entry: Entry) -> str | None:
        """The one value of the name attribute; of several, the one by which the entry is named."""
        attribute = self._settings.username_attribute
        values = entry.texts(attribute)
        if len(values) > 1:
            named = {value for kind, value in parse_dn(entry.dn)[0] if kind == attribute.upper()}
            values = tuple(
                value for value in values if unicodedata.normalize("NFC", value) in named
            )
        return values[0] if len(values) == 1 and values[0].strip() else None

    def _ask(self, patience: Patience) -> Ask:
        async def ask(search: Search) -> list[Entry]:
            return await self._directory.search(search, patience)

        return ask

    def _ask_each(self) -> Ask:
        """Searches that have each the whole time of a login."""

        async def ask(search: Search) -> list[Entry]:
            async with self._directory.patience() as patience:
                return await self._directory.search(search, patience)

        return ask

    def _people_base(self) -> tuple[str, str]:
        """Where people are, and a filter that anybody passes whose id is to be seen."""
        settings = self._settings
        anybody = all_of([settings.person_filter, present(settings.id_attribute)])
        return settings.people, anybody

    def _group_base(self) -> tuple[str, str]:
        """Where groups are, and a filter that any of them passes."""
        return self._settings.groups or "", group_filter(self._settings)

    async def _require_sight(self, base: str, filter: str, ask: Ask) -> None:
        """Before "nothing" is believed: does the service account see anything there?

        A server says the same about what is not there and about what it does not show.
        """
        if self._seen.get(base, 0.0) > time.monotonic():
            return
        if not await self._sees(base, filter, ask):
            raise NotReadable(f"anything below {base}; allow it there")
        self._seen[base] = time.monotonic() + _SEEN_SECONDS

    async def _sees(self, base: str, filter: str, ask: Ask) -> bool:
        return bool(await ask(Search(base, filter, limit=1)))


def _unusable(login: str, password: str) -> str | None:
    """Why a login is refused before anybody is asked."""
    if not login or len(login) > _LONGEST_LOGIN or not login.isprintable():
        return "not a login name"
    if not password.strip("\x00").strip() or "\x00" in password:
        return "an empty password, or one with a NUL"
    if len(password) > _LONGEST_PASSWORD:
        return "a password without end"
    return None
