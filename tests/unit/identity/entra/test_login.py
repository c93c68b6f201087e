"""Who logs in, by which proofs, and what they are then."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from jupyterhub_edu.domain.names import map_username
from jupyterhub_edu.domain.people import Identity
from jupyterhub_edu.identity.web import Web
from jupyterhub_edu.ports import CodeGrant, Denied, Gone, Login, Unavailable
from tests.fakes.entra import FakeEntra, Reply, Request

from .conftest import World


async def test_a_login_names_the_person_by_tenant_and_object_id(world: World, fake: FakeEntra):
    identity = await world.login("ann")

    assert identity.subject == f"{fake.tenant.id}/{fake.person('ann').id}"
    assert (identity.login, identity.name) == ("ann@fjord.example", "Ann Berg")
    assert identity.groups == frozenset({fake.group_id("ml-students")})
    assert identity.covers is None


async def test_app_roles_are_groups_of_their_own_kind(world: World, fake: FakeEntra):
    identity = await world.login("ola")

    assert identity.groups == frozenset({fake.group_id("ml-staff"), "role/Teacher"})


async def test_a_new_name_is_the_same_person(world: World):
    before = await world.login("ann")
    user = world.user("ann")
    user.upn, user.name = "ann.holm@fjord.example", "Ann Holm"

    after = await world.login("ann.holm")
    assert after.key == before.key
    assert (after.login, after.name) == ("ann.holm@fjord.example", "Ann Holm")
    again = await world.reread(before)
    assert isinstance(again, Identity)
    assert dataclasses.replace(again, at=after.at) == after


async def test_two_people_of_one_name_are_two(world: World, fake: FakeEntra):
    fake.tenant.add_user("ann2", "Ann Berg")

    assert (await world.login("ann")).key != (await world.login("ann2")).key


async def test_the_campuss_own_domain_may_be_left_off(fake: FakeEntra):
    world = World(fake, login_domain="fjord.example")

    assert (await world.login("ann")).login == "ann"
    assert (await world.login("gjest")).login == "guest-gjest@home.example"


async def test_guests_have_an_account_name_and_a_mark(world: World, fake: FakeEntra):
    identity = await world.login("gjest")

    assert identity.groups == frozenset({fake.group_id("ml-students"), "guest"})
    assert identity.login == "guest-gjest@home.example"
    assert map_username(identity.login) == identity.login


async def test_no_guest_has_the_login_of_somebody_of_the_campus(fake: FakeEntra):
    """Whatever a guest's home calls them."""
    world = World(fake, login_domain="fjord.example")
    gjest = fake.person("gjest")
    gjest.address = "ola@fjord.example"

    guest, ola = await world.login(gjest.id), await world.login(fake.person("ola").id)
    assert guest.key != ola.key
    assert map_username(guest.login) != map_username(ola.login)


@pytest.mark.parametrize(
    ("claims", "is_guest"),
    [
        ({}, False),
        ({"acct": 0}, False),
        ({"acct": 1}, True),
        ({"idp": "https://sts.windows.net/11111111-1111-1111-1111-111111111111/"}, True),
        ({"idp": "live.com"}, True),
        ({"idp": "https://sts.windows.net/{tid}/"}, False),
        ({"idp": "https://login.microsoftonline.com/{tid}/v2.0"}, False),
        ({"acct": 0, "idp": "live.com"}, False),
        ({"upn": "x_y.example#EXT#@fjord.onmicrosoft.com"}, True),
        ({"preferred_username": "x_y.example#EXT#@fjord.onmicrosoft.com"}, True),
    ],
)
async def test_who_is_a_guest(world: World, claims: dict[str, Any], is_guest: bool):
    def bend(token: dict[str, Any]) -> dict[str, Any]:
        return token | {
            key: value.format(tid=token["tid"]) if isinstance(value, str) else value
            for key, value in claims.items()
        }

    world.fake.bend = bend
    assert ("guest" in ((await world.login("ann")).groups or ())) is is_guest


@pytest.mark.parametrize(
    ("claim", "login"),
    [("upn", "ann.berg@fjord.example"), ("oid", None)],
)
async def test_another_claim_may_name_the_account(fake: FakeEntra, claim: str, login: str | None):
    world = World(fake, login_claim=claim)
    fake.bend = lambda token: token | {"upn": "ann.berg@fjord.example"}

    assert (await world.login("ann")).login == (login or fake.person("ann").id)


async def test_attributes_for_link_rules_are_what_the_token_says_and_no_more(fake: FakeEntra):
    world = World(fake, attributes={"sid": "onprem_sid", "number": "employeeid"})
    fake.bend = lambda token: token | {"onprem_sid": "S-1-5-21-7", "employeeid": ["7"], "x": "y"}
    assert (await world.login("ann")).attributes == {"sid": "S-1-5-21-7"}

    fake.bend = lambda token: token | {"onprem_sid": "", "email": "ann@fjord.example"}
    assert (await world.login("ann")).attributes == {}


async def test_what_the_hub_keeps_has_azureads_keys_and_no_refresh_token(world: World):
    answer = await world.try_login("ann")

    assert isinstance(answer, Login)
    assert set(answer.auth_state) == {"access_token", "id_token", "scope", "user"}
    kept = await world.safe.load(f"entra:{answer.identity.subject}") or {}
    assert kept["token"] not in str(answer.auth_state)


async def test_a_login_takes_one_call(world: World, fake: FakeEntra):
    await world.login("ola")  # the keys are fetched
    fake.requests.clear()
    await world.login("ann")

    assert [request.rpartition("/")[2] for request in fake.requests] == ["authorize", "token"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"verifier": "w" * 64},
        {"verifier": ""},
        {"nonce": ""},
        {"nonce": "another"},
        {"code": "0.Anobodys"},
        {"redirect_uri": "https://hub.example/hub/another"},
    ],
    ids=str,
)
async def test_a_code_counts_only_with_all_that_belongs_to_it(
    world: World, fake: FakeEntra, wrong: dict[str, str]
):
    grant = fake.browse(await world.source.redirect(), "ann")
    answer = await world.source.redeem(dataclasses.replace(grant, **wrong))

    # A callback that Entra finds wrong is our mistake, and nobody's forged login.
    assert isinstance(answer, Unavailable if "redirect_uri" in wrong else Denied), answer


async def test_a_code_counts_once(world: World, fake: FakeEntra):
    grant = fake.browse(await world.source.redirect(), "ann")

    assert isinstance(await world.source.redeem(grant), Login)
    assert isinstance(await world.source.redeem(grant), Denied)


async def test_somebody_disabled_between_login_and_code_is_gone(world: World, fake: FakeEntra):
    numbers = iter([50057])

    def meddle(service: str, request: Request) -> Reply | None:
        if request.method != "POST":
            return None
        return Reply.of(400, {"error": "invalid_grant", "error_codes": [next(numbers)]})

    fake.meddle = meddle
    assert isinstance(await world.try_login("ann"), Gone)


# --- whose tokens count ---


async def test_people_of_another_tenant_do_not_get_in(world: World, fake: FakeEntra):
    """Even if the authority were to answer for them."""
    eve = fake.person("eve")
    fake.bend = lambda token: (
        token
        | {
            "tid": fake.other.id,
            "oid": eve.id,
            "iss": f"{fake.authority.origin}/{fake.other.id}/v2.0",
        }
    )

    assert isinstance(await world.try_login("ann"), Denied)


async def test_several_tenants_need_a_list_and_only_those_on_it_get_in(fake: FakeEntra):
    both = [fake.tenant.id, fake.other.id.upper()]
    world = World(fake, tenant="organizations", tenants=both)
    identity = await world.login("eve")
    assert identity.subject == f"{fake.other.id}/{fake.person('eve').id}"
    assert (await world.login("ann")).subject.startswith(fake.tenant.id)

    one = World(fake, tenant="organizations", tenants=[fake.tenant.id])
    assert isinstance(await one.try_login("eve"), Denied)
    assert isinstance(await one.reread(identity), Unavailable)


BENT: dict[str, dict[str, Any]] = {
    "the issuer is another tenant's": {"iss": "https://login.fake/other/v2.0"},
    "the issuer is the template itself": {"iss": "https://login.fake/{tenantid}/v2.0"},
    "the issuer is of version 1": {"iss": "https://sts.windows.net/{tid}/"},
    "the tenant alone was changed": {"tid": "11111111-1111-1111-1111-111111111111"},
    "there is no tenant": {"tid": None},
    "the tenant is a list": {"tid": ["c20e71d7-32e0-542c-86e6-beee5997c0df"]},
    "there is no object id": {"oid": None},
    "the object id is no GUID": {"oid": "ola"},
    "the object id leads out of the path": {"oid": "../users/ola"},
    "the object id is a number": {"oid": 7},
    "the audience is another app": {"aud": "11111111-1111-1111-1111-111111111111"},
    "the audience is Graph": {"aud": "00000003-0000-0000-c000-000000000000"},
    "it has expired": {"exp": 1_000_000_000},
    "it holds only from tomorrow on": {"nbf": 4_000_000_000},
    "it was made tomorrow": {"iat": 4_000_000_000},
    "the nonce is missing": {"nonce": None},
    "the nonce is another": {"nonce": "another"},
    "the version is 1.0": {"ver": "1.0"},
    "there is no version": {"ver": None},
    "nobody is named": {"preferred_username": None},
    "the name is blank": {"preferred_username": "  "},
    "the name is a list": {"preferred_username": ["ann"]},
    "roles are a text": {"roles": "Teacher"},
    "roles are numbers": {"roles": [1]},
    "roles are an object": {"roles": {"Teacher": True}},
}


@pytest.mark.parametrize("case", BENT)
async def test_a_token_that_does_not_prove_enough_lets_nobody_in(world: World, case: str):
    def bend(token: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in (token | BENT[case]).items() if v is not None}

    world.fake.bend = bend
    assert isinstance(await world.try_login("ann"), Denied)


async def test_keys_may_change_at_any_time(world: World, fake: FakeEntra):
    await world.login("ann")
    fake.rotate()
    fake.clock.forward(minutes=2)

    assert (await world.login("ann")).login == "ann@fjord.example"


# --- what cannot be known ---


async def test_while_entra_is_silent_nobody_is_told_anything_else(world: World, fake: FakeEntra):
    identity = await world.login("ann")
    grant = fake.browse(await world.source.redirect(), "ann")
    fake.silent.add("authority")

    assert isinstance(await world.source.redeem(grant), Unavailable)
    assert isinstance(await world.reread(identity), Unavailable)
    assert await world.source.check()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"<html>maintenance"),
        Reply(200, b"[]"),
        Reply(200, b"{}"),
        Reply(200, b'{"access_token": 7, "id_token": "x"}'),
        Reply(400, b"no json"),
        Reply(400, b"[]"),
        Reply(400, b'{"error": "temporarily_unavailable", "error_codes": [90006]}'),
        Reply(400, b'{"error": "invalid_grant ", "error_codes": "50057"}'),
        Reply(401, b'{"error": "invalid_client", "error_codes": [7000215]}'),
        Reply(429, b""),
        Reply(503, b""),
    ],
    ids=lambda reply: f"{reply.status} {reply.body[:40].decode()}",
)
async def test_what_makes_no_sense_is_unknown(world: World, fake: FakeEntra, reply: Reply):
    identity = await world.login("ann")
    grant = fake.browse(await world.source.redirect(), "ann")
    fake.meddle = lambda service, request: reply if request.method == "POST" else None

    assert isinstance(await world.source.redeem(grant), Unavailable)
    assert isinstance(await world.reread(identity), Unavailable)


async def test_no_secret_stands_in_what_is_said(world: World, fake: FakeEntra):
    fake.app.secrets.clear()
    said = [await world.try_login("ann"), *await world.source.check(), repr(world.source)]

    assert "canary" not in repr(said)
    assert "canary" not in repr(world.make()._settings)


async def test_a_closed_source_is_unavailable(world: World, fake: FakeEntra):
    identity = await world.login("ann")
    grant = CodeGrant("code", "https://hub.example", "v", "n")
    await world.source.close()

    assert isinstance(world.web, Web)
    assert isinstance(await world.source.redeem(grant), Unavailable)
    assert isinstance(await world.reread(identity), Unavailable)


# --- logout ---


async def test_logging_out_at_entra_too_is_a_choice(world: World, fake: FakeEntra):
    from tests.fakes.people import as_person

    person = as_person(await world.login("ann"))
    wanted = world.make(logout=True)

    assert await world.source.logout_url(person, "https://hub.example/hub/logout") is None
    url = await wanted.logout_url(person, "https://hub.example/hub/logout?a=b")
    assert url == (
        f"https://login.fake/{fake.tenant.id}/oauth2/v2.0/logout"
        "?post_logout_redirect_uri=https%3A%2F%2Fhub.example%2Fhub%2Flogout%3Fa%3Db"
    )
    assert await world.source.logged_out("a.b.c") is None
