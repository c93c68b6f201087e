"""Groups and accounts: ours are written, others stay; and what the hub and this package tell each other."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from jupyterhub import orm

from jupyterhub_edu.hub import (
    HubAccounts,
    HubGroups,
    add_check,
    add_routes,
    added_routes,
    attach,
    attached,
    groups_beside,
    is_ours,
    run_checks,
    running,
)


@pytest.fixture(autouse=True)
def nothing_attached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_attached", None)
    monkeypatch.setattr(running, "_routes", [])
    monkeypatch.setattr(running, "_checks", [])
    ours = logging.getLogger("jupyterhub_edu")
    monkeypatch.setattr(ours, "parent", ours.parent)
    monkeypatch.setattr(ours, "level", ours.level)


BESIDE: dict[str, tuple[list[str], set[str], list[str]]] = {
    "others stay, ours are replaced": (
        ["staff", "edu:ml:student"],
        {"edu:db:teacher"},
        ["edu:db:teacher", "staff"],
    ),
    "without any of ours only others stay": (["staff", "edu:ml:student"], set(), ["staff"]),
    "what only looks like ours is another's": (
        ["education", "EDU:x", "edu"],
        set(),
        ["EDU:x", "edu", "education"],
    ),
    "nothing is nothing": ([], set(), []),
    "an account without groups gets ours": ([], {"edu:ml:student"}, ["edu:ml:student"]),
    "none stands twice": (["edu:ml:student"], {"edu:ml:student"}, ["edu:ml:student"]),
}


@pytest.mark.parametrize(("has", "ours", "groups"), BESIDE.values(), ids=BESIDE)
def test_groups_beside(has: list[str], ours: set[str], groups: list[str]) -> None:
    assert groups_beside(has, ours) == groups


def an_app(database: Any = None, **kwargs: Any) -> Any:
    hub = {"ip": "127.0.0.1", "port": 8081, "proto": "http", "base_url": "/hub/"}
    return SimpleNamespace(
        log=logging.getLogger("a hub"), db=database, users={}, hub=SimpleNamespace(**hub | kwargs)
    )


@pytest.fixture
def ada_in_groups() -> Iterator[Any]:
    """The hub's own tables, in memory, with ada in a group of ours and in another."""
    session = orm.new_session_factory("sqlite:///:memory:")()
    ada = orm.User(name="ada")
    ada.groups = [orm.Group(name="staff"), orm.Group(name="edu:ml:student")]
    session.add_all([ada, orm.User(name="eve"), orm.Group(name="empty")])
    session.commit()
    yield session
    session.close()


def test_groups_are_read_of_accounts_that_exist_and_that_do_not(ada_in_groups: Any) -> None:
    attach(an_app(ada_in_groups))
    assert sorted(HubGroups().read("ada")) == ["edu:ml:student", "staff"]
    assert HubGroups().read("eve") == HubGroups().read("nobody") == []


async def test_groups_are_written_to_an_account_that_exists(ada_in_groups: Any) -> None:
    app = an_app(ada_in_groups)
    synced: list[list[str]] = []
    row = orm.User.find(ada_in_groups, "ada")
    app.users[row] = SimpleNamespace(sync_groups=synced.append)
    attach(app)
    await HubGroups().write("ada", ["edu:db:teacher"])
    await HubGroups().write("nobody", ["edu:db:teacher"])
    assert synced == [["edu:db:teacher", "staff"]]
    assert HubAccounts().exists("ada")
    assert not HubAccounts().exists("nobody")


ADDRESSES: dict[str, tuple[dict[str, Any], str]] = {
    "its own": ({}, "http://127.0.0.1:8081/hub/api"),
    "all interfaces are reached on loopback": ({"ip": ""}, "http://127.0.0.1:8081/hub/api"),
    "also when spelt in full": ({"ip": "0.0.0.0"}, "http://127.0.0.1:8081/hub/api"),  # noqa: S104
    "also in version 6": ({"ip": "::"}, "http://127.0.0.1:8081/hub/api"),
    "an address of version 6 stands in brackets": ({"ip": "::1"}, "http://[::1]:8081/hub/api"),
    "with internal TLS and a base address": (
        {"proto": "https", "ip": "hub", "base_url": "/jhub/hub/"},
        "https://hub:8081/jhub/hub/api",
    ),
}


@pytest.mark.parametrize(("hub", "url"), ADDRESSES.values(), ids=ADDRESSES)
def test_address(hub: dict[str, Any], url: str) -> None:
    assert attach(an_app(**hub)).api_url == url
    assert attached().api_url == url


def test_without_a_hub_there_is_none() -> None:
    with pytest.raises(RuntimeError, match="no hub runs"):
        attached()


def test_our_log_goes_where_the_hubs_goes() -> None:
    app = an_app()
    app.log.setLevel(logging.ERROR)
    attach(app)
    ours = logging.getLogger("jupyterhub_edu")
    assert (ours.parent, ours.level) == (app.log, logging.ERROR)


def test_routes_and_checks_are_added_once() -> None:
    def hole(app: Any) -> list[str]:
        return [f"hole in {app}"]

    for _ in range(2):
        add_routes([("/spawn", str), ("/edu", int)])
        add_check(hole)
    assert added_routes() == [("/spawn", str), ("/edu", int)]
    assert run_checks("the hub") == ["hole in the hub"]


@pytest.mark.parametrize(
    ("authenticator", "ours"),
    [
        (SimpleNamespace(jupyterhub_edu=True), True),
        (SimpleNamespace(jupyterhub_edu="yes"), False),
        (SimpleNamespace(), False),
        (None, False),
    ],
    ids=["ours", "something that says so", "another", "none"],
)
def test_authenticator(authenticator: object, ours: bool) -> None:
    assert is_ours(authenticator) is ours


# -- sessions ------------------------------------------------------------------------------------------------------


class Database:
    """The hub's own tables in memory: Ada with a browser, a server and a token of her own; Bob with a token."""

    def __init__(self) -> None:
        self.db = orm.new_session_factory("sqlite:///:memory:")()
        self.db.add(orm.OAuthClient(identifier="jupyterhub", secret="x"))
        self.db.add(orm.OAuthClient(identifier="jupyterhub-user-ada", secret="x"))
        for name in ("ada", "bob"):
            self.db.add(orm.User(name=name))
        self.db.commit()
        for user, note, client in (
            ("ada", "browser", "jupyterhub-user-ada"),
            ("ada", "Server at /user/ada/", "jupyterhub"),
            ("ada", "mine", "jupyterhub"),
            ("bob", "mine", "jupyterhub"),
        ):
            orm.APIToken.new(user=self.user(user), note=note, client_id=client, scopes=[])
        code = orm.OAuthCode(code="c", client_id="jupyterhub-user-ada", user=self.user("ada"))
        self.db.add(code)
        self.db.commit()
        attach(SimpleNamespace(db=self.db, log=logging.getLogger("hub")))

    def user(self, name: str) -> Any:
        return orm.User.find(self.db, name)

    def tokens(self, name: str) -> list[str]:
        self.db.expire_all()
        return [token.note for token in self.user(name).api_tokens]


@pytest.fixture
def database() -> Database:
    return Database()


async def test_the_end_of_sessions_leaves_nothing_that_lets_in(database: Database) -> None:
    cookies = {name: database.user(name).cookie_id for name in ("ada", "bob")}
    await HubAccounts().end_sessions("ada")
    assert database.tokens("ada") == []
    assert database.db.query(orm.OAuthCode).count() == 0
    assert database.user("ada").cookie_id != cookies["ada"]
    assert database.tokens("bob") == ["mine"]
    assert database.user("bob").cookie_id == cookies["bob"]


async def test_a_log_out_leaves_what_no_browser_holds(database: Database) -> None:
    cookie = database.user("ada").cookie_id
    await HubAccounts().log_out("ada")
    assert database.tokens("ada") == ["Server at /user/ada/", "mine"]
    assert database.db.query(orm.OAuthCode).count() == 0
    assert database.user("ada").cookie_id != cookie


async def test_an_account_that_is_none_has_no_sessions(database: Database) -> None:
    await HubAccounts().end_sessions("eve")
    await HubAccounts().log_out("eve")
    assert len(database.tokens("ada")) == 3
