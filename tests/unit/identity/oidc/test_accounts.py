"""Looking accounts up at Keycloak: what tells a deleted account from a session that has ended, and what does not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from jupyterhub_edu.domain.people import Identity, Person
from jupyterhub_edu.identity.web import NoAnswer
from jupyterhub_edu.ports import Answer, Gone, Unavailable
from tests.fakes.oidc import ACCOUNTS, AProvider, World
from tests.fakes.people import as_person
from tests.fakes.tokens import reply

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TOKEN, OLA = AProvider.url("token"), f"{ACCOUNTS}/sub-ola"
DELETED = Gone(NOW, "This account is no longer there.", "sub-ola")


@pytest.fixture
def world() -> World:
    return World(NOW, lookup="keycloak")


async def arrive(world: World) -> Person:
    if "ola" not in world.provider.accounts:
        world.provider.add("ola", "/courses/ml/teachers")
    return as_person(await world.log_in("ola"))


def is_end_of_session(answer: Answer) -> bool:
    return isinstance(answer, Unavailable) and answer.about == "session"


async def test_a_deleted_account_is_gone_however_often_it_is_asked_about(world: World):
    ola = await arrive(world)
    world.provider.delete("ola")

    assert await world.source.reread(ola) == DELETED
    assert await world.make().reread(ola) == DELETED


async def test_the_end_of_a_session_is_no_more_than_that(world: World):
    ola = await arrive(world)
    world.provider.end_session("ola")

    assert is_end_of_session(await world.source.reread(ola))
    await arrive(world)
    assert isinstance(await world.source.reread(ola), Identity)


async def test_an_account_that_was_disabled_after_its_session_had_ended_is_gone(world: World):
    ola = await arrive(world)
    world.provider.end_session("ola")
    assert is_end_of_session(await world.source.reread(ola))
    world.provider.accounts["ola"].enabled = False

    assert await world.source.reread(ola) == Gone(NOW, "This account is disabled.", "sub-ola")


async def test_who_was_deleted_while_nothing_was_kept_to_ask_with_is_unknown(world: World):
    """Nothing says any more that an account was ever found under this id."""
    ola = await arrive(world)
    world.provider.delete("ola")
    await world.safe.save("kc:sub-ola", None)

    answer = await world.source.reread(ola)
    assert isinstance(answer, Unavailable)
    assert answer.about == "person"


async def test_where_sub_is_no_id_nobody_is_ever_gone(world: World):
    """A pairwise mapper: by their ``sub``, nobody at all is there."""
    world.provider.renamed = True
    ola = await arrive(world)
    world.provider.end_session("ola")

    assert is_end_of_session(await world.source.reread(ola))


async def test_people_are_looked_up_once_and_not_with_each_reading(world: World):
    ola = await arrive(world)
    for _ in range(3):
        assert isinstance(await world.source.reread(ola), Identity)
    await arrive(world)
    await world.make().reread(ola)

    assert world.provider.count(OLA) == 1


async def test_who_logged_in_before_it_was_switched_on_is_found_at_the_next_reading():
    world = World(NOW)
    ola = await arrive(world)
    world.settings = World(NOW, lookup="keycloak").settings
    source = world.make()
    assert isinstance(await source.reread(ola), Identity)
    world.provider.delete("ola")

    assert await source.reread(ola) == DELETED


UNKNOWN: dict[str, Any] = {
    "silence": NoAnswer(f"{OLA} does not answer within 1 s"),
    "no such realm": reply({"error": "Realm not found."}, 404),
    "a page of whatever keeps the admin API from the world": reply(b"<html>", 404),
    "an empty 404": reply(b"", 404),
    "no right to see accounts": reply({"error": "HTTP 403 Forbidden"}, 403),
    "no right at all": reply({"error": "HTTP 401 Unauthorized"}, 401),
    "somebody else": {"id": "sub-kari", "enabled": False},
    "an account without a state": {"id": "sub-ola"},
    "a list": [],
    "a page": reply(b"<html>", 200),
}


@pytest.mark.parametrize("answer", UNKNOWN.values(), ids=UNKNOWN)
async def test_what_is_no_word_about_the_account_takes_nothing(world: World, answer, caplog):
    ola = await arrive(world)
    world.provider.delete("ola")
    world.provider.answers[OLA] = answer

    assert is_end_of_session(await world.source.reread(ola))
    assert "accounts are not looked up" in caplog.text
    assert "sesame" not in caplog.text


async def test_after_a_silence_it_is_left_alone_and_logins_do_not_wait_for_it(world: World):
    world.provider.add("ola")
    world.provider.answers[OLA] = NoAnswer("no answer within 1 s")
    for _ in range(3):
        await world.log_in("ola")

    assert world.provider.count(OLA) == 1


async def test_a_token_that_is_too_old_is_asked_for_again(world: World):
    ola = await arrive(world)
    world.provider.delete("ola")
    world.provider.service_token = "of another hour"

    assert await world.source.reread(ola) == DELETED


async def test_without_a_service_account_logins_go_on(world: World, caplog):
    world.provider.sees = None
    ola = await arrive(world)
    world.provider.delete("ola")

    assert is_end_of_session(await world.source.reread(ola))
    assert caplog.text.count("switch Service account roles on") == 1


async def test_where_it_is_not_wanted_nobody_is_looked_up():
    world = World(NOW)
    ola = await arrive(world)
    world.provider.delete("ola")

    assert is_end_of_session(await world.source.reread(ola))
    assert world.provider.count(OLA) == 0


async def test_the_check_sees_that_accounts_are_seen(world: World):
    assert await world.source.check() == []
    world.provider.answers[f"{ACCOUNTS}?max=1"] = []

    (problem,) = await world.source.check()
    assert "sees nobody in the realm" in problem


def test_another_address_of_the_admin_api():
    other = "https://admin.campus.example/admin/realms/uni"
    assert World(NOW, lookup=other + "/").settings.accounts_url == f"{other}/users"
    assert World(NOW, lookup="keycloak").settings.accounts_url == ACCOUNTS
