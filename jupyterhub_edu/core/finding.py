"""Who is meant by what a member of staff typed: one person, or a reason to wait. Never a guess."""

from __future__ import annotations

import asyncio
import logging
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, cast

from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.pending import Waits
from jupyterhub_edu.domain.people import Identity, Listed, Person, person_key
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import FinderSource, IdentitySource, Unavailable

from .roll import Roll
from .slices import in_slices

__all__ = ["Finder", "Found", "Typed", "Unreadable", "fold", "names_in", "names_of", "read_typed"]

_log = logging.getLogger(__name__)
_LONGEST: Final = 255
_PATIENCE_SECONDS: Final = 3.0
"""How long a source may take to say who bears a number; whoever typed it waits for that."""


class Unreadable(ValueError):
    """Not a number, a login or ``source:login``."""


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed, as it is compared.

    Attributes:
        text: NFC, without blanks around it.
        source: the source that it names, or None.
        spelt: the rest, or all of it.
    """

    text: str
    source: str | None
    spelt: str

    @property
    def name(self) -> str:
        """What is compared."""
        return fold(self.spelt)

    def is_in(self, identity: Identity) -> bool:
        """Whether a source's answer about somebody has it as login or number, whatever the source thought alike."""
        names = {identity.login, *identity.attributes.values()}
        return self.source in (None, identity.source) and self.name in set(map(fold, names))


@dataclass(frozen=True, slots=True)
class Found:
    """The one person who is meant.

    Attributes:
        listed: their names, if they have never logged in and no roster has named them.
    """

    key: str
    listed: Listed | None = None


def read_typed(text: str, sources: Collection[str]) -> Typed:
    """Read what somebody typed.

    Args:
        sources: ids of the campus's sources; a prefix that is none of them is part of the name.
    """
    text = unicodedata.normalize("NFC", text).strip()
    source, _, rest = text.partition(":")
    if source not in sources:
        return Typed(text, None, text)
    return Typed(person_key(source, rest.strip()), source, rest.strip())


class Finder:
    """Looks for people in what is known, and at every source that can be asked.

    Always holds:
        - one answer for one person, however many identities and link rules lead to them;
        - while a source that must be asked is silent, nobody is found: it might know another;
        - what waits is not given to whoever first takes a login at a source that nobody named: a login counts there
          only as a roster or a source that was asked has it;
        - an e-mail address finds nobody, unless it is a login.
    """

    def __init__(
        self,
        sources: Callable[[], Mapping[str, IdentitySource]],
        campus: Callable[[], Campus],
        roll: Roll,
    ) -> None:
        self._sources, self._campus, self._roll = sources, campus, roll

    def read(self, text: str) -> Typed:
        """Read what was typed before."""
        return read_typed(text, self._campus().sources)

    def parse(self, text: str) -> Typed:
        """Read what somebody types now.

        Raises:
            Unreadable: nothing in it, too long, or signs that cannot be seen.
        """
        typed = self.read(text)
        is_name = len(typed.text) <= _LONGEST and any(map(str.isalnum, typed.spelt))
        if not (is_name and typed.text.isprintable()):
            raise Unreadable
        return typed

    async def known(
        self, wanted: Iterable[Typed], *, waiting: bool
    ) -> Mapping[Typed, Mapping[str, bool]]:
        """Keys of those whom the hub knows by these, and whether by their login; one look for all.

        Args:
            waiting: for what waits; see the class.
        """
        found: dict[Typed, dict[str, bool]] = {typed: {} for typed in wanted}
        by_name: dict[str, list[Typed]] = {}
        for typed in found:
            by_name.setdefault(typed.name, []).append(typed)
            found[typed] |= dict.fromkeys(self._exactly(typed, waiting=waiting), False)
        people: list[Person | Listed] = [*self._roll.people()]
        people += self._roll.rosters.everybody_listed()
        async for one in in_slices(people):
            for name, is_login in _names(one):
                for typed in by_name.get(name, ()):
                    source = one.key.partition(":")[0]
                    vouched = isinstance(one, Listed) or not is_login or not waiting
                    if typed.source == source or (typed.source is None and vouched):
                        found[typed][one.key] = is_login or found[typed].get(one.key, False)
        return found

    async def find(self, typed: Typed) -> Found | Waits:
        """Who is meant by what is typed now."""
        known = await self.known([typed], waiting=False)
        return await self.decide(typed, known[typed], set())

    async def decide(
        self,
        typed: Typed,
        known: Mapping[str, bool],
        silent: set[str],
        arrived: Identity | None = None,
    ) -> Found | Waits:
        """Ask whom one must ask, and say who it is.

        Args:
            known: from ``known``.
            silent: ids of sources that are not asked, for they did not answer before; grows.
            arrived: somebody who logs in at this moment, with all that their source says of them.
        """
        people: dict[str, Identity | None] = {key: None for key in known if self._is_known(key)}
        is_silent = False
        # A login is one person's at its source: then nobody need be asked.
        if not (typed.source and any(known.values())):
            answers = await self._ask(typed, silent)
            is_silent = any(answer is None for answer in answers)
            heard = [one for answer in answers for one in answer or () if typed.is_in(one)]
            people |= {one.key: one for one in heard}
        if arrived is not None and (arrived.key in people or _proves(arrived, typed)):
            people[arrived.key] = arrived
        whose = self._accounts(people)
        if len(whose) > 1:
            return self._several(people)
        if is_silent:
            return Waits.SILENT
        return self._found(people, whose.pop()) if whose else self._nobody(typed)

    # -- inside ------------------------------------------------------------------------------------------------

    def _exactly(self, typed: Typed, *, waiting: bool) -> Iterator[str]:
        """Whom a key or the name of a hub account means."""
        if self._is_known(typed.text):
            yield typed.text
        if not waiting and (person := self._roll.by_hub_name(typed.text)):
            yield person.key

    def _is_known(self, key: str) -> bool:
        return self._roll.known(key) is not None

    async def _ask(self, typed: Typed, silent: set[str]) -> list[Sequence[Identity] | None]:
        asked = {
            id: source
            for id, source in self._sources().items()
            if typed.source in (None, id) and hasattr(source, "find")
        }
        answers = await asyncio.gather(
            *(
                self._ask_one(cast(FinderSource, source), typed.spelt, silent)
                for source in asked.values()
            )
        )
        return list(answers)

    async def _ask_one(
        self, source: FinderSource, name: str, silent: set[str]
    ) -> Sequence[Identity] | None:
        if source.id in silent:
            return None
        answer: Sequence[Identity] | Unavailable
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                answer = await source.find(name)
        except TimeoutError:
            answer = Unavailable(say("it takes too long"))
        except Exception as error:
            _log.exception("source %s failed", source.id)
            answer = Unavailable(f"{type(error).__name__}: {error}")
        if isinstance(answer, Unavailable):
            _log.warning("source %s does not say who is meant: %s", source.id, answer.why)
            silent.add(source.id)
            return None
        return answer

    def _accounts(self, people: Mapping[str, Identity | None]) -> set[str]:
        """Keys of those accounts that are meant, of which one is enough; without those who are gone, if others are left."""
        whose: dict[str, bool] = {}
        for key, identity in people.items():
            person = self._roll.person(key)
            if person is None and identity is not None:
                person = self._roll.find_linked(identity)
            account = self._roll.by_hub_name(person.hub_name) if person else None
            whose[account.key if account else key] = account is None or account.active
        return {key for key, here in whose.items() if here} or set(whose)

    def _several(self, people: Mapping[str, Identity | None]) -> Waits:
        """Several people, or one whom link rules will make of several identities once they come."""
        identities = [one for one in people.values() if one is not None]
        has_come = any(self._roll.person(key) for key in people)
        if has_come or len(identities) < len(people):
            return Waits.SEVERAL
        linked = all(self._are_linked(one, other) for one, other in combinations(identities, 2))
        return Waits.NOT_COME if linked else Waits.SEVERAL

    def _are_linked(self, one: Identity, other: Identity) -> bool:
        return any(
            (one.source, other.source) == (here, there)
            and one.attributes.get(mine, "") == other.attributes.get(theirs) != ""
            for rule in self._campus().links
            for here, mine, there, theirs in rule.sides()
        )

    def _found(self, people: Mapping[str, Identity | None], key: str) -> Found:
        identity = people.get(key)
        if self._is_known(key) or identity is None:
            return Found(key)
        return Found(key, Listed(key, identity.login, identity.name))

    def _nobody(self, typed: Typed) -> Waits:
        if typed.source is not None and not hasattr(self._sources().get(typed.source), "find"):
            return Waits.NOT_COME
        return Waits.ADDRESS if typed.source is None and "@" in typed.name else Waits.NOBODY


def _proves(arrived: Identity, typed: Typed) -> bool:
    """Whether somebody's own log-in shows that it is they: by number, or by login where their source was named."""
    if typed.source is None:
        return typed.name in set(map(fold, arrived.attributes.values()))
    return typed.is_in(arrived)


def _names(one: Person | Listed) -> Iterator[tuple[str, bool]]:
    """What somebody is called at their source, and whether that is their login."""
    yield fold(one.login), True
    if isinstance(one, Person):
        for value in one.attributes.values():
            yield fold(value), False


def fold(text: str) -> str:
    """As names are compared: composed, without blanks around it, in one case."""
    return unicodedata.normalize("NFC", text).strip().casefold()


def names_of(roll: Roll, key: str) -> set[str]:
    """All that means somebody, bare and with their source: key, account, login and numbers; casefolded."""
    found = {fold(key)}
    known = roll.known(key)
    if known is None:
        return found
    if isinstance(known, Person):
        found.add(fold(known.hub_name))
    return found | _with_source(key.partition(":")[0], [name for name, _ in _names(known)])


def names_in(identity: Identity) -> set[str]:
    """The same of an answer about somebody, without an account."""
    names = [identity.login, *identity.attributes.values()]
    return _with_source(identity.source, names) | {fold(identity.key)}


def _with_source(source: str, names: Iterable[str]) -> set[str]:
    return {fold(text) for name in names for text in (name, person_key(source, name))}
