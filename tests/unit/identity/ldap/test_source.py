"""What the source concludes, and what it never sends."""

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from jupyterhub_edu.core.patience import Patience
from jupyterhub_edu.domain.people import Identity, Person
from jupyterhub_edu.identity.ldap import LdapSettings, LdapSource
from jupyterhub_edu.identity.ldap.client import DirectoryError
from jupyterhub_edu.identity.ldap.connection import BindResult, Entry
from jupyterhub_edu.ports import Denied, Gone, Unavailable, utc_now
from tests.unit.identity.ldap.fakes import SETTINGS, FakeDirectory, entry

PEOPLE = {"person_filter": "(objectClass=person)"}


class World(FakeDirectory):
    """A directory that also takes binds: the password is "sesame"."""

    def __init__(self, *entries: Entry) -> None:
        super().__init__(list(entries))
        self.binds: list[tuple[str, str]] = []
        self.result: BindResult | None = None
        self.failing = False

    async def search(self, search, patience):
        if self.failing:
            raise DirectoryError("silent")
        which = search.filter.removeprefix("(&(objectClass=person)")
        found = await self.ask(replace(search, filter=which))
        return [one for one in found if search.base.lower() in one.dn.lower()][
            : search.limit or None
        ]

    async def bind_as(self, dn, login, password, patience):
        self.binds.append((dn, password))
        return self.result or BindResult(0 if password == "sesame" else 49, "")

    @asynccontextmanager
    async def patience(self):
        async with Patience(60) as patience:
            yield patience


def person(login: str = "ann", id: str = "id-ann", **more: Any) -> Entry:
    return entry(
        f"uid={login},ou=People,dc=x", **{"uid": login, "entryUUID": id, "cn": "Ann"} | more
    )


def group(name: str, *members: str) -> Entry:
    return entry(f"cn={name},ou=Groups,dc=x", member=list(members))


def make(*entries: Entry, **changes: Any) -> tuple[LdapSource, World]:
    source = LdapSource("ad", LdapSettings.model_validate(SETTINGS | PEOPLE | changes), utc_now)
    world = World(*entries)
    source._directory = world  # type: ignore[assignment]
    return source, world


def known(subject: str = "id-ann") -> Person:
    return Person(f"ad:{subject}", "ann", "ad", subject, "ann", "Ann", None, True, utc_now())


async def test_a_login_is_a_search_a_bind_and_a_search():
    source, world = make(person(), *(group(f"c{n}", person().dn) for n in range(500)))
    answer = await source.authenticate("ann", "sesame")

    assert isinstance(answer, Identity)
    assert (answer.key, len(answer.groups or ())) == ("ad:id-ann", 500)
    assert len(world.searches) == 2
    assert world.binds == [(person().dn, "sesame")]


@pytest.mark.parametrize(
    "password", ["", " ", "\t\r\n", "\x00", "\x00\x00 ", "\u2003", "ses\x00ame", "x" * 5000]
)
async def test_such_a_password_reaches_nobody(password):
    source, world = make(person())

    assert isinstance(await source.authenticate("ann", password), Denied)
    assert not world.searches
    assert not world.binds


@pytest.mark.parametrize("login", ["", " ", "\x00", "ann\x00", "a\nnn", "a\u202eb", "x" * 300])
async def test_such_a_name_reaches_nobody(login):
    source, world = make(person())

    assert isinstance(await source.authenticate(login, "sesame"), Denied)
    assert not world.searches
    assert not world.binds


@pytest.mark.parametrize("entries", [(), (person(), person("ann", "id-2"))])
async def test_none_or_two_entries_let_nobody_in(entries):
    source, world = make(*entries)

    assert isinstance(await source.authenticate("ann", "sesame"), Denied)
    assert world.binds == []


async def test_the_name_is_the_directorys():
    source, _ = make(
        person("Ann", mail="ann@x"),
        group("c", person().dn),
        user_attribute="mail",
        username_attribute="uid",
    )
    answer = await source.authenticate("ann@x", "sesame")

    assert isinstance(answer, Identity)
    assert answer.login == "Ann"


async def test_of_two_login_names_the_one_that_names_the_entry():
    source, _ = make(person("ann", uid=["annika", "ann"]), group("c", person().dn))
    answer = await source.authenticate("annika", "sesame")

    assert isinstance(answer, Identity)
    assert answer.login == "ann"


async def test_an_entry_without_one_login_name_lets_nobody_in():
    twice = entry("cn=Ann,ou=People,dc=x", uid=["annika", "ann"], entryUUID="id-ann")
    source, _ = make(twice)

    assert isinstance(await source.authenticate("ann", "sesame"), Denied)
    assert isinstance(await source.reread(known()), Unavailable)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (49, Denied),
        (48, Denied),
        (53, Denied),
        (19, Denied),
        (8, Unavailable),
        (80, Unavailable),
        (1, Unavailable),
    ],
)
async def test_a_bind_that_fails_means_no_or_cannot_now(code, kind):
    source, world = make(person(), group("c", person().dn))
    world.result = BindResult(code, "")

    assert isinstance(await source.authenticate("ann", "sesame"), kind)


async def test_nobody_found_is_gone_only_where_others_are_seen():
    source, _ = make(person("ben", "id-ben"))
    assert isinstance(await source.reread(known()), Gone)

    hidden, _ = make()
    assert isinstance(await hidden.reread(known()), Unavailable)


async def test_nobody_is_gone_where_ids_are_not_seen():
    """A filter over an attribute that may not be read finds nobody."""
    source, _ = make(entry("uid=ben,ou=People,dc=x", uid="ben"))

    assert isinstance(await source.reread(known()), Unavailable)


async def test_in_no_group_is_believed_only_where_groups_are_seen():
    source, _ = make(person(), group("c", "uid=ben,ou=People,dc=x"))
    answer = await source.reread(known())
    assert isinstance(answer, Identity)
    assert answer.groups == frozenset()

    hidden, _ = make(person())
    assert isinstance(await hidden.reread(known()), Unavailable)
    assert isinstance(await hidden.authenticate("ann", "sesame"), Unavailable)


async def test_two_entries_of_one_id_are_unknown():
    source, _ = make(person(), person("ben"))

    assert isinstance(await source.reread(known()), Unavailable)


async def test_an_id_that_cannot_be_is_unknown():
    source, _ = make(person(), id_attribute="objectGUID")

    assert isinstance(await source.reread(known("no-guid")), Unavailable)


async def test_a_wrong_password_is_a_no_even_if_groups_do_not_answer():
    source, _ = make(person())  # no group is visible

    assert isinstance(await source.authenticate("ann", "wrong"), Denied)


async def test_an_account_out_of_use_is_gone_for_who_has_the_password_alone():
    locked = person(pwdAccountLockedTime="000001010000Z")
    source, _ = make(locked, group("c", locked.dn))

    assert isinstance(await source.authenticate("ann", "wrong"), Denied)
    assert isinstance(await source.authenticate("ann", "sesame"), Gone)
    assert isinstance(await source.reread(known()), Gone)


async def test_a_silent_directory_is_unknown():
    source, world = make(person())
    world.failing = True

    assert isinstance(await source.authenticate("ann", "sesame"), Unavailable)
    assert isinstance(await source.reread(known()), Unavailable)


async def test_without_groups_none_are_asked_for():
    source, world = make(person(), groups=None)
    answer = await source.reread(known())

    assert isinstance(answer, Identity)
    assert len(world.searches) == 1


async def test_attributes_that_are_asked_for_come_along_where_they_have_one_value():
    source, _ = make(
        person(employeeNumber="17", employeeType=["a", "b"], description="not asked for"),
        group("ml", "uid=ann,ou=People,dc=x"),
        attributes=["employeeNumber", "employeeType", "departmentNumber"],
    )
    answer = await source.authenticate("ann", "sesame")
    assert isinstance(answer, Identity)
    assert answer.attributes == {"employeeNumber": "17"}


MEANT = {
    "a login": ("ann", ["ann"]),
    "a number": ("17", ["ann"]),
    "one's login that is another's number": ("bob", ["ann", "bob"]),
    "an attribute that is not asked for": ("Ann", []),
    "somebody out of use": ("old", []),
    "an entry without one login": ("18", []),
}


@pytest.mark.parametrize(("typed", "logins"), MEANT.values(), ids=MEANT)
async def test_who_is_meant_by(typed, logins):
    source, world = make(
        person(employeeNumber=["17"] if typed == "17" else "bob"),
        person("bob", "id-bob"),
        person("old", "id-old", pwdAccountLockedTime="000001010000Z"),
        entry("cn=x,ou=People,dc=x", entryUUID="id-x", employeeNumber="18"),
        attributes=["employeeNumber"],
    )
    found = await source.find(typed)
    assert isinstance(found, list)
    assert [one.login for one in found] == logins
    assert all(one.groups is None for one in found)
    assert not any("ou=Groups" in search.base for search in world.searches)


async def test_nobody_is_believed_only_where_others_are_seen():
    seen, _ = make(person())
    assert await seen.find("nobody") == []
    blind, world = make()
    assert isinstance(await blind.find("nobody"), Unavailable)
    world.failing = True
    assert isinstance(await blind.find("nobody"), Unavailable)
    strange, _ = make(entry("uid=ann,ou=People,dc=x", uid="ann"))
    assert isinstance(await strange.find("ann"), Unavailable)
