"""Which server is asked, on which connection, and what a failure teaches."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from jupyterhub_edu.identity.ldap import LdapSettings, client
from jupyterhub_edu.identity.ldap.client import Directory, DirectoryError
from jupyterhub_edu.identity.ldap.connection import (
    BindResult,
    Entry,
    Incomplete,
    Search,
    ServerFailed,
    Silent,
)
from tests.unit.identity.ldap.fakes import SETTINGS

SEARCH = Search("dc=x", "(uid=ann)")
ANN = "uid=ann,dc=x"


class World:
    """Servers by host: how they fail ("" is well), and everything that was asked of them."""

    def __init__(self) -> None:
        self.faults: dict[str, str] = {}
        self.asked: list[tuple[str, str]] = []
        self.who: str | None = f"dn:{ANN}"
        self.passwords: list[str] = []
        self.hold = threading.Event()
        self.hold.set()

    def connection(self, address, context, settings, deadline):
        return FakeConnection(self, address.host)

    def ask(self, host: str, what: str) -> None:
        self.asked.append((host, what))
        fault = self.faults.get(host, "")
        if fault == "silent":
            raise Silent("no answer in time")
        if fault == "dead":
            raise ServerFailed("refused")

    def hosts(self, what: str) -> list[str]:
        found = [host for host, asked in self.asked if asked == what]
        self.asked.clear()
        return found


class FakeConnection:
    def __init__(self, world: World, host: str) -> None:
        self._world, self._host = world, host
        self.identified, self.used_at = False, 10**12
        world.ask(host, "open")

    def bind(self, dn: str, password: str, deadline: float) -> BindResult:
        self._world.ask(self._host, "bind")
        self._world.passwords.append(password)
        return BindResult(49 if "wrong" in password else 0, "")

    def search(self, search: Search, deadline: float) -> list[Entry]:
        self._world.ask(self._host, "search")
        self._world.hold.wait(30)
        if search.filter == "(partial=1)":
            raise Incomplete("sizeLimitExceeded")
        return [Entry(ANN)]

    def who_am_i(self, deadline: float) -> str | None:
        self._world.ask(self._host, "who")
        return self._world.who

    def close(self) -> None: ...


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(client, "Connection", world.connection)
    return world


def directory(**changes: object) -> Directory:
    servers = ["ldaps://one", "ldaps://two"]
    return Directory(
        LdapSettings.model_validate(SETTINGS | {"servers": servers, "timeout": "30s"} | changes)
    )


@pytest.fixture
async def two(world: World) -> AsyncIterator[Directory]:
    found = directory()
    yield found
    await found.close()


async def search(directory: Directory, search: Search = SEARCH) -> list[Entry]:
    async with directory.patience() as patience:
        return await directory.search(search, patience)


async def bind(directory: Directory, password: str = "right") -> BindResult:  # noqa: S107
    async with directory.patience() as patience:
        return await directory.bind_as(ANN, "ann", password, patience)


async def test_the_first_server_is_asked_on_a_connection_that_is_kept(world, two):
    for _ in range(3):
        await search(two)

    assert world.asked == [("one", "open"), ("one", "bind"), *[("one", "search")] * 3]


@pytest.mark.parametrize("fault", ["dead", "silent"])
async def test_when_it_fails_the_second_answers_and_the_first_rests(world, two, fault):
    await search(two)
    world.faults["one"] = fault
    world.asked.clear()

    assert await search(two) == [Entry(ANN)]
    assert {host for host, _ in world.asked} == {"one", "two"}
    world.asked.clear()
    await search(two)
    assert world.asked == [("two", "search")]


async def test_after_its_rest_the_first_is_tried_again(world, two, monkeypatch):
    monkeypatch.setattr(client, "_REST_SECONDS", 0.0)
    world.faults["one"] = "dead"
    await search(two)
    world.faults.clear()
    world.asked.clear()

    await search(two)
    assert world.hosts("search") == ["one"]


async def test_when_all_fail_each_is_tried_and_all_are_named(world, two):
    world.faults = {"one": "dead", "two": "silent"}
    with pytest.raises(DirectoryError, match=r"one:636: refused; .*two:636: no answer in time"):
        await search(two)

    world.faults.clear()
    assert await search(two) == [Entry(ANN)], "rest does not lock anybody out"


async def test_a_connection_that_died_unseen_is_no_news_about_the_server(world, two, monkeypatch):
    await search(two)
    real = FakeConnection.search

    def once(self, search, deadline):
        monkeypatch.setattr(FakeConnection, "search", real)
        raise ServerFailed("closed by the other side")

    monkeypatch.setattr(FakeConnection, "search", once)
    world.asked.clear()

    assert await search(two) == [Entry(ANN)]
    assert {host for host, _ in world.asked} == {"one"}


async def test_an_answer_in_part_is_told_and_no_other_server_asked(world, two):
    with pytest.raises(DirectoryError, match="sizeLimitExceeded"):
        await search(two, Search("dc=x", "(partial=1)"))

    assert world.hosts("search") == ["one"]
    await search(two)
    assert world.hosts("open") == [], "the connection is well"


async def test_a_wrong_service_password_is_not_tried_until_the_account_locks(world):
    found = directory(bind={"dn": "cn=hub,dc=x", "password": "wrong"})
    for _ in range(20):
        with pytest.raises(DirectoryError, match="refuses the service account cn=hub,dc=x"):
            await search(found)

    assert world.hosts("bind") == ["one", "two"]
    await found.close()


async def test_who_am_i_is_asked_once_for_each_connection(world, two):
    for password in ("wrong", "right", "right", "wrong", "right"):
        await bind(two, password)

    assert world.hosts("who") == ["one"]


@pytest.mark.parametrize("who", [f"dn:{ANN}", "dn:UID=Ann , DC=x", "u:FJORD\\ANN", "u:ann", None])
async def test_the_right_person_is_accepted(world, two, who):
    world.who = who

    assert (await bind(two)).code == 0


@pytest.mark.parametrize(
    "who", ["", "dn:", "dn:uid=ben,dc=x", "u:", "u:FJORD\\ben", "u:FJORD\\", "dn:?"]
)
async def test_nobody_and_somebody_else_are_not(world, two, who):
    world.who = who
    for _ in range(2):
        with pytest.raises(DirectoryError, match="somebody else"):
            await bind(two)


async def test_people_and_the_service_account_share_no_connection(world, two):
    await search(two)
    await bind(two)
    await search(two)

    assert world.hosts("open") == ["one", "one"]


async def test_the_deadline_holds_while_all_threads_are_busy(world):
    found = directory(connections=1, timeout="300ms")
    world.hold.clear()
    answers = await asyncio.gather(*(search(found) for _ in range(5)), return_exceptions=True)
    world.hold.set()

    assert [str(answer) for answer in answers] == ["no answer within 0.3 s"] * 5
    await found.close()


async def test_a_closed_directory_says_so(world, two):
    await two.close()
    with pytest.raises(DirectoryError, match="closed"):
        await search(two)


async def test_each_server_is_checked_by_itself(world, two):
    world.faults["two"] = "dead"

    assert await two.connect_each() == ["ldaps://two:636: refused"]
