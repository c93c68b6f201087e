"""The hub's servers' last activity: what JupyterHub itself would write down, and others have their turn meanwhile."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyterhub import orm
from jupyterhub.app import JupyterHub
from jupyterhub.utils import utcnow
from sqlalchemy.exc import OperationalError

from jupyterhub_edu.hub import last_activity
from jupyterhub_edu.hub.last_activity import update_last_activity

NOW = utcnow(with_tz=False).replace(microsecond=0)
PEOPLE, SERVERS = ("ada", "bob", "eve"), ("", "second")

Time = st.none() | st.integers(-90, 10).map(lambda minutes: NOW + timedelta(minutes=minutes))
Known = st.dictionaries(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(SERVERS)), Time)
Written = st.sampled_from(["{}Z", "{}.250Z", "{}+00:00", "{}+02:00", "{}"])


@st.composite
def told(draw: st.DrawFn) -> dict[str, Any]:
    """What a proxy tells of one route."""
    data: dict[str, Any] = {
        "user": draw(st.sampled_from([*PEOPLE, "stranger"])),
        "server_name": draw(st.sampled_from([*SERVERS, "gone"])),
    }
    if (at := draw(Time)) is not None:
        data["last_activity"] = draw(Written).format(at.isoformat())
    for without in draw(st.sets(st.sampled_from(["user", "server_name"]), max_size=1)):
        del data[without]
    return data


class Proxy:
    """A FAKE of a proxy: it tells what it is given."""

    def __init__(self, told: list[dict[str, Any]]) -> None:
        self._told = told
        self.checked: list[tuple[Any, ...]] = []

    async def get_all_routes(self) -> dict[str, Any]:
        return {f"/{n}/": {"data": data} for n, data in enumerate(self._told)}

    async def check_routes(self, *what: Any) -> None:
        self.checked.append(what)


@cache
def a_database(number: int) -> Any:
    """One of some databases that are made once; it is empty."""
    return orm.new_session_factory("sqlite:///:memory:")()


def an_app(known: Any, people: Any, told: list[dict[str, Any]], number: int = 0) -> Any:
    """A hub's application that has one of the databases for its own."""
    database = a_database(number)
    database.expunge_all()
    for table in (orm.Spawner, orm.User):
        database.query(table).delete()
    for name in PEOPLE:
        database.add(orm.User(name=name, last_activity=people.get(name)))
    database.flush()
    for (name, server), at in known.items():
        user = orm.User.find(database, name)
        database.add(orm.Spawner(name=server, user=user, last_activity=at))
    database.commit()
    gauges: dict[str, int] = {}
    return SimpleNamespace(
        db=database,
        proxy=Proxy(told),
        users={},
        _service_map={},
        active_user_window=1800,
        log=logging.getLogger("hub"),
        gauges=gauges,
        statsd=SimpleNamespace(gauge=gauges.__setitem__),
    )


def written(app: Any) -> tuple[list[Any], list[Any]]:
    """What stands in the database, and not only in memory."""
    app.db.rollback()
    app.db.expire_all()
    users = app.db.query(orm.User.name, orm.User.last_activity).order_by(orm.User.name).all()
    servers = (
        app.db.query(orm.User.name, orm.Spawner.name, orm.Spawner.last_activity)
        .join(orm.Spawner, orm.Spawner.user_id == orm.User.id)
        .order_by(orm.User.name, orm.Spawner.name)
        .all()
    )
    return list(users), list(servers)


@given(Known, st.dictionaries(st.sampled_from(PEOPLE), Time), st.lists(told(), max_size=12))
async def test_what_is_written_is_what_the_hub_itself_would_write(known, people, told):
    # Of two routes with one name only the last counts for us; a proxy has none such.
    told = list({(one.get("user"), one.get("server_name")): one for one in told}.values())
    theirs, ours = (an_app(known, people, told, number) for number in range(2))
    await JupyterHub.update_last_activity(theirs)
    await update_last_activity(ours)
    assert written(ours) == written(theirs)
    assert ours.proxy.checked == [(ours.users, ours._service_map)]


def heard(names: list[str], at: datetime = NOW) -> list[dict[str, Any]]:
    return [
        {"user": name, "server_name": "", "last_activity": f"{at.isoformat()}Z"} for name in names
    ]


@pytest.fixture
def three() -> Any:
    return an_app({(name, ""): None for name in PEOPLE}, {}, heard(list(PEOPLE)))


async def test_others_have_their_turn_and_find_nothing_half_written(three, monkeypatch):
    monkeypatch.setattr(last_activity, "_AT_ONCE", 1)
    seen: list[int] = []

    async def another() -> None:
        while len(seen) < 20:
            assert not three.db.dirty
            seen.append(sum(at is not None for _, at in written(three)[0]))
            await asyncio.sleep(0)

    await asyncio.gather(another(), update_last_activity(three))
    assert {1, 2, 3} <= set(seen)


async def test_a_database_that_fails_is_left_as_it_was_and_the_next_time_is_heard(
    three, monkeypatch, caplog
):
    def fails() -> None:
        raise OperationalError("UPDATE", {}, Exception("the disk is full"))

    with monkeypatch.context() as broken:
        broken.setattr(three.db, "commit", fails)
        await update_last_activity(three)
    assert "the disk is full" in caplog.text
    assert {at for _, at in written(three)[0]} == {None}
    await update_last_activity(three)
    assert {at for _, at in written(three)[0]} == {NOW}


async def test_release_5_5_counts_servers_and_who_was_active_of_late():
    known = {(name, ""): None for name in PEOPLE}
    told = [*heard(["ada"]), *heard(["bob"], NOW - timedelta(hours=2)), *heard(["stranger"])]
    app = an_app(known, {}, told)
    await update_last_activity(app)
    assert app.gauges == {"users.running": 3, "users.active": 1}
