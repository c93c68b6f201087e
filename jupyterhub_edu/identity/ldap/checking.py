"""Whether people and groups can be read as logins read them, in words that name the fix."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from .client import DirectoryError
from .connection import Entry, Search
from .dialect import Ask, Dialect, id_text
from .filters import all_of, any_of, equals, present
from .settings import LdapSettings

__all__ = ["check_directory", "group_filter"]

_ANY: Final = "(objectClass=*)"


async def check_directory(
    settings: LdapSettings, dialect: Dialect, ask: Ask, now: datetime
) -> list[str]:
    """Look at somebody and at groups, as the service account.

    Args:
        ask: searches at servers to which there is a connection.

    Returns:
        Problems as sentences that begin with the key to look at.
    """
    problems = [problem async for problem in _people(settings, ask)]
    problems += [problem async for problem in _groups(settings, ask)]
    return problems or [p async for p in _as_at_a_login(settings, dialect, ask, now)]


def group_filter(settings: LdapSettings) -> str:
    """What any group passes whose members are to be seen."""
    if settings.kind == "active-directory":
        return equals("objectClass", "group")
    return any_of(map(present, settings.group_attributes))


async def _people(settings: LdapSettings, ask: Ask) -> AsyncIterator[str]:
    needed = {
        settings.username_attribute: "username_attribute",
        settings.user_attribute: "user_attribute",
        settings.name_attribute: "name_attribute",
        settings.id_attribute: "id_attribute",
    }
    try:
        if problem := await _nobody(settings, ask):
            yield problem
            return
        for attribute, key in needed.items():
            if not await _some(settings, ask, attribute):
                yield f"{key}: of nobody below {settings.people} is {attribute} to be seen; {_NAME_OR_SHOW}"
        for attribute in settings.attributes:
            if not await _some(settings, ask, attribute):
                yield f"attributes: of nobody is {attribute} to be seen, so that no link can compare it; {_NAME_OR_SHOW}"
    except DirectoryError as error:
        yield f"people: {error}"


_NAME_OR_SHOW: Final = "name another, or let the service account read it"


async def _nobody(settings: LdapSettings, ask: Ask) -> str:
    """Why there is nobody at all; ``""`` if there is somebody."""
    if await ask(Search(settings.people, settings.person_filter, limit=1)):
        return ""
    if len(await ask(Search(settings.people, _ANY, limit=2))) < 2:  # the entry itself is one
        return f"people: nothing is to be seen below {settings.people}; let the service account read it, or name another entry"
    return (
        f"people: of the entries below {settings.people} none fits person_filter {settings.person_filter}; is schema "
        f"{settings.kind} right?"
    )


async def _some(
    settings: LdapSettings, ask: Ask, attribute: str, wanted: tuple[str, ...] = ("1.1",)
) -> list[Entry]:
    """Somebody of whom this attribute is to be seen."""
    which = all_of([settings.person_filter, present(attribute)])
    return list(await ask(Search(settings.people, which, wanted, limit=1)))[:1]


async def _as_at_a_login(
    settings: LdapSettings, dialect: Dialect, ask: Ask, now: datetime
) -> AsyncIterator[str]:
    """Read of somebody what a login reads: an account's state, and groups."""
    wanted = (settings.id_attribute, settings.user_attribute, *dialect.attributes)
    try:
        for entry in await _some(settings, ask, settings.user_attribute, wanted):
            if id_text(settings.id_attribute, entry) is None:
                yield f"id_attribute: somebody has not exactly one {settings.id_attribute}; name another"
            dialect.out_of_use(entry, now)
            if settings.groups is not None:
                await dialect.groups(entry, entry.text(settings.user_attribute), ask)
    except (DirectoryError, ValueError) as error:
        yield f"people: {error}"


async def _groups(settings: LdapSettings, ask: Ask) -> AsyncIterator[str]:
    base = settings.groups
    if base is None:
        return
    try:
        if not await ask(Search(base, group_filter(settings), limit=1)):
            if settings.kind == "active-directory":
                yield f"groups: no group is to be seen below {base}; name another entry, or let the service account read it"
            else:
                names = ", ".join(settings.group_attributes)
                yield f"group_attributes: of nothing below {base} is {names} to be seen; {_NAME_OR_SHOW}"
            return
        for name in settings.allowed_groups or ():
            if not await _is_there(name, ask):
                yield f"allowed_groups: {name} is not to be seen, so that nobody is let in by it; compare the whole name"
    except DirectoryError as error:
        yield f"groups: {error}"


async def _is_there(name: str, ask: Ask) -> bool:
    try:
        return bool(await ask(Search(name, _ANY, scope="BASE")))
    except DirectoryError:
        return False
