"""Logins, re-reads and what may be concluded from which answer."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from jupyterhub_edu.core import ForgetfulSafe, SealedSafe
from jupyterhub_edu.domain.people import Identity
from jupyterhub_edu.identity.oidc import OidcSource
from jupyterhub_edu.identity.web import NoAnswer
from jupyterhub_edu.ports import (
    CodeGrant,
    Denied,
    Gone,
    Login,
    Redirect,
    StoreError,
    Unavailable,
)
from jupyterhub_edu.store import MemoryStore
from tests.fakes.oidc import CALLBACK, ISSUER, AProvider, World
from tests.fakes.people import as_person
from tests.fakes.tokens import reply
from tests.unit.core.test_safe import AnyKey

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ML = "/courses/ml/teachers"
INTRO = "/courses/intro/teachers"
TOKEN, USERINFO, DISCOVERY = (AProvider.url(name) for name in ("token", "userinfo", "discovery"))


# -- logins ------------------------------------------------------------------------------------------------------------


async def test_a_browser_is_sent_where_the_provider_says(world: World):
    answer = await world.source.redirect()

    assert isinstance(answer, Redirect)
    assert answer.authorize_url == AProvider.url("auth")
    assert (answer.client_id, tuple(answer.scope)) == ("hub", ("openid", "profile"))
    assert answer.pkce
    assert answer.nonce


async def test_a_login_gives_the_person_by_sub_with_the_full_paths_of_groups(world: World):
    world.provider.add("ola", ML, INTRO)
    identity = await world.log_in("ola")

    assert (identity.subject, identity.login, identity.name) == ("sub-ola", "ola", "Ola")
    assert identity.groups == frozenset({ML, INTRO})
    assert world.provider.forms[-1]["code_verifier"] == "v"
    assert world.provider.forms[-1]["redirect_uri"] == CALLBACK


async def test_the_secret_goes_by_basic_as_form_text_or_in_the_form_where_that_is_all_there_is(
    world: World,
):
    world.provider.add("ola")
    await world.log_in("ola")
    assert {"Authorization": "hub:sesame%3A1"} in world.provider.headers

    other = World(NOW)
    other.provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    other.provider.add("ola")
    await other.log_in("ola")
    form = other.provider.forms[-1]
    assert (form["client_id"], form["client_secret"]) == ("hub", "sesame:1")

    public = World(NOW, client_secret=None)
    public.provider.add("ola")
    await public.log_in("ola")
    assert public.provider.forms[-1]["client_id"] == "hub"
    assert "client_secret" not in public.provider.forms[-1]


async def test_what_is_kept_for_the_hub_holds_no_refresh_token(world: World):
    world.provider.add("ola")
    answer = await world.source.redeem(world.provider.code("ola"))

    assert isinstance(answer, Login)
    assert set(answer.auth_state) == {"access_token", "id_token", "scope", "oauth_user"}
    assert not set(world.provider.refresh) & set(map(str, answer.auth_state.values()))


FORGED: dict[str, dict[str, Any]] = {
    "an answer of another provider": {"issuer": "https://evil.example"},
    "an answer without the issuer that this provider always sends": {"issuer": ""},
    "a code that the provider does not know": {"code": "stolen"},
    "another browser's nonce": {"nonce": "n-2"},
    "no nonce": {"nonce": ""},
}


@pytest.mark.parametrize("changes", FORGED.values(), ids=FORGED)
async def test_a_forged_answer_is_denied(world: World, changes):
    world.provider.add("ola")
    honest = world.provider.code("ola")
    fields = {name: getattr(honest, name) for name in CodeGrant.__slots__}
    answer = await world.source.redeem(CodeGrant(**(fields | changes)))

    assert isinstance(answer, Denied)
    if "issuer" in changes:
        assert world.provider.count(TOKEN) == 0


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"error": "invalid_client"}),
        (401, {"error": "unauthorized_client"}),
        (429, {"error": "slow_down"}),
        (404, {"detail": "no such page"}),
        (400, b"<html>"),
        (200, []),
        (200, b"<html>"),
    ],
    ids=["a wrong client", "a wrong secret", "too many", "nothing there", "a page", "a list", "?"],
)
async def test_what_is_not_about_the_login_is_unavailable_and_tells_no_secret(
    world: World, status, body
):
    world.provider.add("ola")
    grant = world.provider.code("ola")
    world.provider.answers[TOKEN] = reply(body, status, TOKEN)
    answer = await world.source.redeem(grant)

    assert isinstance(answer, Unavailable)
    assert "sesame" not in answer.why


@pytest.mark.parametrize("where", ["discovery", "certs", "token"])
async def test_a_silent_provider_is_unavailable(world: World, where):
    world.provider.add("ola")
    grant = world.provider.code("ola")
    world.provider.answers[AProvider.url(where)] = NoAnswer("it is silent")

    assert await world.source.redeem(grant) == Unavailable("it is silent")


async def test_a_login_ends_in_time():
    world = World(NOW, timeout="200ms")
    world.provider.add("ola")
    world.provider.answers[TOKEN] = lambda _: asyncio.sleep(60)

    assert isinstance(await world.source.redeem(world.provider.code("ola")), Unavailable)


async def test_what_was_discovered_stays_in_use_while_the_provider_is_silent(world: World):
    world.provider.add("ola")
    await world.log_in("ola")
    world.provider.answers[DISCOVERY] = NoAnswer("it is silent")
    world.clock.pass_(hours=30)

    assert isinstance(await world.source.redirect(), Redirect)


async def test_another_issuer_than_the_one_named_is_none(world: World):
    world.provider.metadata["issuer"] = ISSUER + "/"
    answer = await world.source.redirect()

    assert isinstance(answer, Unavailable)
    assert "write the issuer as it does" in answer.why


async def test_an_endpoint_without_tls_is_not_used(world: World):
    world.provider.metadata["token_endpoint"] = "http://login.campus.example/token"
    answer = await world.source.redirect()

    assert isinstance(answer, Unavailable)
    assert "token_endpoint" in answer.why


# -- re-reads ----------------------------------------------------------------------------------------------------------


async def test_a_reread_tells_new_groups_and_keeps_the_new_refresh_token(world: World):
    account = world.provider.add("ola", ML)
    ola = as_person(await world.log_in("ola"))
    for groups in ([ML, INTRO], [INTRO]):
        account.groups = groups
        answer = await world.make().reread(ola)
        assert isinstance(answer, Identity)
        assert answer.groups == frozenset(groups)


async def test_a_new_login_name_is_the_same_person(world: World):
    account = world.provider.add("ola", ML)
    ola = as_person(await world.log_in("ola"))
    account.login = "ola.hansen"
    answer = await world.source.reread(ola)

    assert isinstance(answer, Identity)
    assert (answer.key, answer.login) == (ola.key, "ola.hansen")


async def test_a_disabled_account_is_gone(world: World):
    account = world.provider.add("ola", ML)
    ola = as_person(await world.log_in("ola"))
    account.enabled = False
    assert await world.source.reread(ola) == Gone(NOW, "This account is disabled.", "sub-ola")

    account.enabled = True
    assert isinstance(await world.source.reread(ola), Identity)


async def test_a_session_that_has_ended_is_no_word_about_the_account(world: World):
    world.provider.add("ola", ML)
    ola = as_person(await world.log_in("ola"))
    world.provider.end_session("ola")
    for _ in range(2):
        answer = await world.make().reread(ola)
        assert isinstance(answer, Unavailable)
        assert answer.about == "session"
    assert world.provider.count(TOKEN) == 2  # the second time there is nothing to ask with

    await world.log_in("ola")
    assert isinstance(await world.source.reread(ola), Identity)


async def test_without_a_refresh_token_there_is_nothing_to_ask_with(world: World):
    world.provider.add("ola", ML)
    ola = as_person(await world.log_in("ola"))
    await world.safe.save("kc:sub-ola", None)
    answer = await world.source.reread(ola)

    assert isinstance(answer, Unavailable)
    assert answer.about == "person"


async def test_an_answer_about_somebody_else_is_none(world: World):
    world.provider.add("ola", ML)
    ola = as_person(await world.log_in("ola"))
    world.provider.id_token = {"sub": "sub-kari"}

    assert isinstance(await world.source.reread(ola), Unavailable)
    world.provider.id_token = {}
    assert isinstance(await world.source.reread(ola), Identity)


async def test_a_client_that_is_refused_is_the_sources_trouble(world: World):
    world.provider.add("ola", ML)
    ola = as_person(await world.log_in("ola"))
    world.provider.answers[TOKEN] = reply({"error": "unauthorized_client"}, 401)
    answer = await world.source.reread(ola)

    assert isinstance(answer, Unavailable)
    assert answer.about == "source"
    assert "client_secret" in answer.why


async def test_a_code_that_is_no_request_at_all_is_the_browsers_fault(world: World):
    world.provider.add("ola")
    grant = world.provider.code("ola")
    world.provider.answers[TOKEN] = reply({"error": "invalid_request"}, 400)

    assert isinstance(await world.source.redeem(grant), Denied)


async def test_one_person_without_a_login_name_does_not_silence_the_source(world: World):
    world.provider.add("ola", ML)
    ola = as_person(await world.log_in("ola"))
    world.provider.id_token = {"preferred_username": ""}
    for answer in (
        await world.source.redeem(world.provider.code("ola")),
        await world.source.reread(ola),
    ):
        assert isinstance(answer, Unavailable)
        assert answer.about == "person"
        assert "login_claim" in answer.why


async def test_a_refresh_without_an_id_token_asks_userinfo(world: World):
    account = world.provider.add("ola", ML)
    ola = as_person(await world.log_in("ola"))
    account.groups = [INTRO]
    world.provider.makes = lambda **_: ""
    answer = await world.source.reread(ola)

    assert isinstance(answer, Identity)
    assert answer.groups == frozenset({INTRO})


# -- what is missing ---------------------------------------------------------------------------------------------------


async def test_the_last_group_is_gone_once_another_token_shows_that_the_claim_is_there(
    world: World,
):
    account = world.provider.add("ola", ML)
    world.provider.add("kari", INTRO)
    ola = as_person(await world.log_in("ola"))
    await world.log_in("kari")
    account.groups = []
    answer = await world.source.reread(ola)

    assert isinstance(answer, Identity)
    assert answer.groups == frozenset()


async def test_a_mapper_that_was_removed_takes_nothing_from_anybody(world: World):
    """Not even within the moment after which the last token still had the claim."""
    people = []
    for number in range(10):
        world.provider.add(f"p{number}", ML)
        people.append(as_person(await world.log_in(f"p{number}")))
    world.provider.mapper = False
    for person in people:
        answer = await world.source.reread(person)
        assert isinstance(answer, Identity)
        assert answer.groups is None

    assert any("groups is in no token" in problem for problem in await world.source.check())
    world.provider.mapper = True
    await world.source.reread(people[0])
    assert not any("no token" in problem for problem in await world.source.check())


async def test_a_whole_course_that_ends_is_believed_as_soon_as_anybody_is_left(world: World):
    students = []
    for number in range(30):
        world.provider.add(f"p{number}", ML)
        students.append(as_person(await world.log_in(f"p{number}")))
    world.provider.add("kari", INTRO)
    kari = as_person(await world.log_in("kari"))
    for number in range(30):
        world.provider.accounts[f"p{number}"].groups = []
    await world.source.reread(kari)
    answers = await asyncio.gather(*map(world.source.reread, students))

    assert all(isinstance(one, Identity) and one.groups == frozenset() for one in answers)


async def test_who_was_in_no_group_before_costs_no_second_question(world: World):
    world.provider.add("ola")
    world.provider.add("kari", INTRO)
    await world.log_in("kari")
    ola = as_person(await world.log_in("ola"))
    before = world.provider.count(TOKEN)
    await world.source.reread(ola)

    assert world.provider.count(TOKEN) == before + 1


async def test_the_lost_last_group_of_two_at_once_hangs_nobody(world: World):
    """Each is the other's witness."""
    people = []
    for login in ("ola", "kari"):
        world.provider.add(login, ML)
        people.append(as_person(await world.log_in(login)))
    for login in ("ola", "kari"):
        world.provider.accounts[login].groups = []
    answers = await asyncio.gather(*map(world.source.reread, people))

    assert all(isinstance(one, Identity) and one.groups is None for one in answers)


async def test_the_first_of_all_logins_without_groups_says_nothing_of_groups(world: World):
    world.provider.add("ola")

    assert (await world.log_in("ola")).groups is None


@pytest.mark.parametrize("login", ["ola", "kari"])
async def test_one_question_at_a_time_about_one_person(world: World, login):
    """A provider may take each refresh token once."""
    world.provider.add("ola", ML)
    world.provider.add("kari", INTRO)
    people = {one: as_person(await world.log_in(one)) for one in ("ola", "kari")}
    answers = await asyncio.gather(*(world.source.reread(people[login]) for _ in range(20)))

    assert all(isinstance(answer, Identity) for answer in answers)


async def test_no_groups_are_read_where_none_are_wanted():
    world = World(NOW, groups_claims=[])
    world.provider.add("ola", ML)

    assert (await world.log_in("ola")).groups == frozenset()


# -- userinfo ----------------------------------------------------------------------------------------------------------


async def test_userinfo_fills_in_what_the_token_lacks(world: World):
    world.provider.add("ola", ML)
    world.provider.id_token = {"groups": None, "name": None}
    identity = await world.log_in("ola")

    assert (identity.groups, identity.name) == (frozenset({ML}), "Ola")


async def test_userinfo_is_not_asked_where_nothing_lacks(world: World):
    world.provider.add("ola", ML)
    await world.log_in("ola")

    assert world.provider.count(USERINFO) == 0


async def test_userinfo_of_somebody_else_denies_the_login(world: World):
    world.provider.add("ola")
    world.provider.userinfo_claims = {"sub": "sub-kari", "groups": [ML]}

    assert isinstance(await world.source.redeem(world.provider.code("ola")), Denied)


@pytest.mark.parametrize(
    "sent", [NoAnswer("down"), reply({}, 401), b"<html>"], ids=["silence", "401", "a page"]
)
async def test_silent_userinfo_costs_the_groups_alone(world: World, sent):
    world.provider.add("ola", ML)
    world.provider.id_token = {"groups": None}
    world.provider.answers[USERINFO] = sent
    identity = await world.log_in("ola")

    assert (identity.login, identity.groups) == ("ola", None)


# -- logouts -----------------------------------------------------------------------------------------------------------


async def test_a_logout_ends_the_session_at_the_provider_too(world: World):
    world.provider.add("ola")
    ola = as_person(await world.log_in("ola"))
    url = await world.source.logout_url(ola, "https://hub.campus.example/hub/logged-out?x=1&y=2")

    assert url is not None
    assert url.startswith(AProvider.url("logout") + "?client_id=hub&")
    assert (
        "post_logout_redirect_uri=https%3A%2F%2Fhub.campus.example%2Fhub%2Flogged-out%3Fx%3D1%26y%3D2"
        in url
    )
    assert "id_token_hint=ey" in url


async def test_no_logout_where_it_is_not_wanted_or_not_offered():
    for settings, metadata in (({"logout": False}, {}), ({}, {"end_session_endpoint": None})):
        world = World(NOW, **settings)
        world.provider.metadata |= metadata
        world.provider.add("ola")
        ola = as_person(await world.log_in("ola"))
        assert await world.source.logout_url(ola, "https://hub.campus.example/") is None


@pytest.mark.parametrize("changed", [{}, {"sid": None}, {"sub": None}], ids=["both", "sub", "sid"])
async def test_the_provider_logs_somebody_out(world: World, changed):
    world.provider.add("ola", ML)
    ola = as_person(await world.log_in("ola"))
    token = world.provider.logout_token("ola", **changed)

    assert await world.make().logged_out(token) == ola.key
    answer = await world.source.reread(ola)
    assert isinstance(answer, Unavailable)
    assert answer.about == "session"


async def test_the_end_of_an_earlier_session_leaves_the_later_one(world: World):
    world.provider.add("ola", ML)
    ola = as_person(await world.log_in("ola"))
    earlier = world.provider.logout_token("ola")
    await world.log_in("ola")
    await world.source.logged_out(earlier)

    assert isinstance(await world.source.reread(ola), Identity)


NO_LOGOUT: dict[str, dict[str, Any]] = {
    "no event": {"events": None},
    "another event": {"events": {"http://schemas.openid.net/event/other": {}}},
    "events that are a list": {"events": ["http://schemas.openid.net/event/backchannel-logout"]},
    "an event that is no object": {
        "events": {"http://schemas.openid.net/event/backchannel-logout": None}
    },
    "a nonce": {"nonce": "n-1"},
    "nobody": {"sub": None, "sid": None},
    "a session that nobody has": {"sub": None, "sid": "other"},
    "no jti": {"jti": None},
    "a jti that is a number": {"jti": 7},
    "a jti without end": {"jti": "x" * 201},
    "yesterday's iat": {"iat": int(NOW.timestamp()) - 301},
    "another audience": {"aud": "other"},
    "another issuer": {"iss": "https://evil.example"},
    "no end": {"exp": None},
}


@pytest.mark.parametrize("changed", NO_LOGOUT.values(), ids=NO_LOGOUT)
async def test_what_is_no_logout_logs_nobody_out(world: World, changed):
    world.provider.add("ola", ML)
    ola = as_person(await world.log_in("ola"))

    assert await world.source.logged_out(world.provider.logout_token("ola", **changed)) is None
    assert isinstance(await world.source.reread(ola), Identity)


async def test_a_logout_is_good_once(world: World):
    world.provider.add("ola", ML)
    await world.log_in("ola")
    token = world.provider.logout_token("ola")

    assert await world.source.logged_out(token) is not None
    assert await world.source.logged_out(token) is None


async def test_forged_logouts_fill_no_memory(world: World):
    world.provider.add("ola", ML)
    await world.log_in("ola")
    for number in range(50):
        await world.source.logged_out(
            world.provider.logout_token("ola", aud="other", jti=str(number))
        )

    assert not world.source._logouts._used


# -- what must not be lost ---------------------------------------------------------------------------------------------


async def test_an_answer_that_comes_too_late_still_brings_the_next_refresh_token():
    world = World(NOW, timeout="200ms")
    world.provider.add("ola", ML)
    ola = as_person(await world.log_in("ola"))
    honest, go = world.provider.answers[TOKEN], asyncio.Event()

    async def late(form: Any) -> Any:
        answer = honest(form)  # the old token is spent
        await go.wait()
        return answer

    world.provider.answers[TOKEN] = late
    assert isinstance(await world.source.reread(ola), Unavailable)
    go.set()
    world.provider.answers[TOKEN] = honest

    assert isinstance(await world.source.reread(ola), Identity)


async def test_after_closing_no_question_goes_on(world: World):
    world.provider.add("ola", ML)
    ola = as_person(await world.log_in("ola"))
    world.provider.answers[TOKEN] = lambda _: asyncio.sleep(60)
    waiting = asyncio.create_task(world.source.reread(ola))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await world.source.close()

    assert await waiting == Unavailable("the source is closed")
    assert len(asyncio.all_tasks()) == 1


async def test_who_is_erased_leaves_nothing_of_a_session_and_others_everything(world: World):
    store = MemoryStore()
    source = OidcSource(
        "kc", world.settings, world.clock, SealedSafe(store, AnyKey()), world.provider
    )
    for login in ("ola", "kim"):
        world.provider.add(login, ML)
        await source.redeem(world.provider.code(login))
    by_session = {login: world.provider.logout_token(login, sub=None) for login in ("ola", "kim")}
    before = set(store._secrets)

    await store.erase(["kc:sub-ola"], "", "erased-1")

    assert len(before) == 4
    assert len(store._secrets) == 2
    assert await source.logged_out(by_session["ola"]) is None
    assert await source.logged_out(by_session["kim"]) == "kc:sub-kim"


class FullSafe(ForgetfulSafe):
    """Keeps nothing more."""

    async def save(self, name: str, secret: Any, *, whose: str = "") -> None:
        raise StoreError("the disk is full")


async def test_a_store_that_is_full_costs_no_login_and_no_answer(world: World):
    world.provider.add("ola", ML)
    ola = as_person(await world.log_in("ola"))
    kept = world.safe._kept
    world.safe = FullSafe()
    world.safe._kept = kept
    world.source = world.make()
    assert isinstance(await world.source.reread(ola), Identity)
    assert (await world.log_in("ola")).key == ola.key

    world.provider.end_session("ola")
    answer = await world.source.reread(ola)
    assert isinstance(answer, Unavailable)
    assert answer.about == "session"
    assert await world.source.logged_out(world.provider.logout_token("ola")) == ola.key
