"""Groups and accounts: ours are written, others stay; and what the hub and this package tell each other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from jupyterhub import orm
from jupyterhub.user import UserDict

from jupyterhub_edu.hub import (
    HubAccounts,
    HubGroups,
    add_check,
    add_routes,
    added_routes,
    attach,
    attached,
    find_account,
    groups_beside,
    has_nothing_to_write,
    is_ours,
    run_checks,
    running,
    tables,
    unshare,
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
        log=logging.getLogger("a hub"),
        db=database,
        users=UserDict(lambda: database, {}),
        hub=SimpleNamespace(**hub | kwargs),
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


def names_in_the_database(session: Any, account: str) -> list[str]:
    """The groups of an account as a stranger to the session would read them."""
    query = (
        session.query(orm.Group.name).join(orm.Group.users).filter(orm.User.name == account)
    ).order_by(orm.Group.name)
    return [name for (name,) in query]


def test_what_lets_others_at_a_server_is_taken_back(ada_in_groups: Any) -> None:
    attach(an_app(ada_in_groups))
    ada, eve = (orm.User.find(ada_in_groups, name) for name in ("ada", "eve"))
    servers = [orm.Spawner(name=name, user=ada) for name in ("", "other")]
    ada_in_groups.add_all(servers)
    ada_in_groups.commit()
    for server in servers:
        scopes = [f"access:servers!server=ada/{server.name}"]
        orm.Share.grant(ada_in_groups, server, eve, scopes=scopes)
        orm.ShareCode.new(ada_in_groups, server, scopes=scopes, expires_in=600)
    mine, other = servers
    assert unshare(SimpleNamespace(orm_spawner=mine)) == 2
    ada_in_groups.expire_all()
    assert (mine.shares, mine.share_codes) == ([], [])
    assert (len(other.shares), len(other.share_codes)) == (1, 1)
    assert unshare(SimpleNamespace(orm_spawner=mine)) == 0
    assert unshare(SimpleNamespace(orm_spawner=None)) == 0


async def test_groups_are_written_to_an_account_that_exists(ada_in_groups: Any) -> None:
    attach(an_app(ada_in_groups))
    await HubGroups().write("ada", ["edu:db:teacher"])
    await HubGroups().write("nobody", ["edu:db:teacher"])
    assert names_in_the_database(ada_in_groups, "ada") == ["edu:db:teacher", "staff"]
    assert HubAccounts().exists("ada")
    assert not HubAccounts().exists("nobody")


def change_from_the_account(session: Any) -> None:
    account = orm.User.find(session, "ada")
    account.groups = [group for group in account.groups if group.name != "staff"]


def change_from_the_group(session: Any) -> None:
    group = orm.Group.find(session, "staff")
    group.users.remove(orm.User.find(session, "ada"))


def change_and_go_back(session: Any) -> None:
    change_from_the_account(session)
    session.flush()
    session.rollback()


def delete_the_group(session: Any) -> None:
    session.delete(orm.Group.find(session, "staff"))


CHANGES: dict[str, tuple[Callable[[Any], None], list[str]]] = {
    "the account was taken out of a group": (change_from_the_account, ["edu:ml:student"]),
    "the group lost the account": (change_from_the_group, ["edu:ml:student"]),
    "a change was taken back": (change_and_go_back, ["edu:ml:student", "staff"]),
    "the group was deleted": (delete_the_group, ["edu:ml:student"]),
}


@pytest.mark.parametrize(("change", "groups"), CHANGES.values(), ids=CHANGES)
def test_what_the_hub_changes_is_seen_at_the_next_look(
    ada_in_groups: Any, change: Callable[[Any], None], groups: list[str]
) -> None:
    attach(an_app(ada_in_groups))
    assert sorted(HubGroups().read("ada")) == ["edu:ml:student", "staff"]
    change(ada_in_groups)
    ada_in_groups.commit()
    assert sorted(HubGroups().read("ada")) == groups


def test_an_account_is_found_while_it_is_there(ada_in_groups: Any) -> None:
    users = an_app(ada_in_groups).users
    found = find_account(users, "ada")
    assert found is find_account(users, "ada") is users["ada"], "the hub's own object"
    found.orm_user.name = "lovelace"
    ada_in_groups.commit()
    assert find_account(users, "ada") is None
    assert find_account(users, "lovelace") is found
    users.delete("lovelace")
    assert find_account(users, "lovelace") is None
    ada_in_groups.add(orm.User(name="ada"))
    ada_in_groups.commit()
    assert find_account(users, "ada") not in {None, found}, "a namesake is somebody else"


# what the account is, what the model says, what the authenticator is told: whether nothing is to be written
USER, ADMIN = ("user",), ("user", "admin")
NOTHING_NEW: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], bool]] = {
    "all as it is": ({}, {}, {}, True),
    "the order of groups": ({}, {"groups": ["staff", "edu:ml:student"]}, {}, True),
    "an admin who stays one": ({"admin": True, "roles": ADMIN}, {"admin": True}, {}, True),
    "an admin of whom nothing is said": ({"admin": True, "roles": ADMIN}, {}, {}, True),
    "nobody's admin, said in full": ({}, {"admin": False}, {}, True),
    "a role of their own beside": ({"roles": (*USER, "marker")}, {}, {}, True),
    "a new group": ({}, {"groups": ["edu:ml:student", "edu:db:student", "staff"]}, {}, False),
    "a group fewer": ({}, {"groups": ["staff"]}, {}, False),
    "no word of groups": ({}, {"groups": None}, {}, False),
    "a new admin": ({}, {"admin": True}, {}, False),
    "an admin no more": ({"admin": True, "roles": ADMIN}, {"admin": False}, {}, False),
    "an admin without the role": ({"admin": True}, {}, {}, False),
    "a role of admins without being one": ({"roles": ADMIN}, {}, {}, False),
    "the role of everybody is missing": ({"roles": ()}, {}, {}, False),
    "what a source left behind": ({"encrypted_auth_state": b"x"}, {}, {}, False),
    "what a source leaves": ({}, {}, {"enable_auth_state": True}, False),
    "roles from the source": ({}, {}, {"manage_roles": True}, False),
    "what is shown of the person": ({}, {"user_info": {}}, {}, False),
    "a word that nobody knows yet": ({}, {"quota": 3}, {}, False),
    "another account": ({}, {"name": "eve"}, {}, False),
}


@pytest.mark.parametrize(
    ("is_", "model", "told", "nothing"), NOTHING_NEW.values(), ids=NOTHING_NEW
)
def test_the_hub_is_spared_only_what_it_has_written(
    ada_in_groups: Any,
    is_: dict[str, Any],
    model: dict[str, Any],
    told: dict[str, Any],
    nothing: bool,
) -> None:
    ada = orm.User.find(ada_in_groups, "ada")
    given = {"roles": USER, **is_}
    ada.roles = [orm.Role(name=name) for name in given.pop("roles")]
    for name, value in given.items():
        setattr(ada, name, value)
    ada_in_groups.commit()
    account = find_account(an_app(ada_in_groups).users, "ada")
    authenticator = SimpleNamespace(**{"enable_auth_state": False, "manage_roles": False} | told)
    says = {
        "name": "ada",
        "admin": None,
        "auth_state": None,
        "groups": ["edu:ml:student", "staff"],
        **model,
    }
    assert has_nothing_to_write(account, says, authenticator) is nothing


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
        attach(an_app(self.db))

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


def test_a_token_that_is_dropped_opens_nothing_and_no_other_goes(database: Database) -> None:
    token = database.user("ada").new_api_token(note="for a look", scopes=[])
    for _ in range(2):
        tables.drop_token(token)
        assert orm.APIToken.find(database.db, token) is None
    assert database.tokens("ada") == ["browser", "Server at /user/ada/", "mine"]
