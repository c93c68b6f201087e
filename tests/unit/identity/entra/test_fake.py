"""The fake behaves as Microsoft's pages say; what is not published is not asked."""

from __future__ import annotations

import re
from typing import Any

import jwt
import pytest

from jupyterhub_edu.identity.entra import EntraSettings
from jupyterhub_edu.ports.sources import Redirect
from tests.fakes.entra import FakeEntra, Reply, Request
from tests.fakes.entra.fake import CALLBACK, SECRET, address
from tests.fakes.entra.throttle import Bucket, cost_of

SCOPE = "openid profile offline_access https://graph.fake/User.Read"
CAST = "/transitiveMemberOf/microsoft.graph.group"
EVENTUAL = {"ConsistencyLevel": "eventual"}


def ask(fake: FakeEntra, service: str, method: str, path: str, **kwargs: Any) -> Reply:
    origin = fake.authority.origin if service == "authority" else fake.authority.graph_origin
    reply = fake.answer(service, Request.of(method, f"{origin}{path}", **kwargs))
    assert reply is not None
    return reply


def token(fake: FakeEntra, tenant: str = "", **form: str) -> Reply:
    known = {"client_id": fake.app.id, "client_secret": SECRET}
    place = tenant or fake.tenant.id
    return ask(fake, "authority", "POST", f"/{place}/oauth2/v2.0/token", form=known | form)


def log_in(fake: FakeEntra, who: str, scope: str = SCOPE, **form: str) -> Reply:
    settings = EntraSettings.model_validate(fake.settings())
    redirect = Redirect(settings.endpoint("authorize"), fake.app.id, scope.split())
    grant = fake.browse(redirect, who)
    usual = {
        "grant_type": "authorization_code",
        "code": grant.code,
        "redirect_uri": grant.redirect_uri,
        "code_verifier": grant.verifier,
    }
    return token(fake, **(usual | form))


def graph(fake: FakeEntra, access: str, path: str, **kwargs: Any) -> Reply:
    headers = {"Authorization": f"Bearer {access}"} | kwargs.pop("headers", {})
    return ask(fake, "graph", "GET", f"/v1.0{path}", headers=headers, **kwargs)


def as_app(fake: FakeEntra) -> str:
    form = {"grant_type": "client_credentials", "scope": "https://graph.fake/.default"}
    access: str = token(fake, **form).json()["access_token"]
    return access


# --- the authority ---


def test_discovery_names_the_tenant_or_leaves_it_open(fake: FakeEntra):
    path = "/{}/v2.0/.well-known/openid-configuration"
    own = ask(fake, "authority", "GET", path.format(fake.tenant.id)).json()
    by_name = ask(fake, "authority", "GET", path.format(fake.tenant.domain)).json()
    common = ask(fake, "authority", "GET", path.format("organizations")).json()

    assert own["issuer"] == by_name["issuer"] == f"https://login.fake/{fake.tenant.id}/v2.0"
    assert common["issuer"] == "https://login.fake/{tenantid}/v2.0"
    assert "client_secret_post" in own["token_endpoint_auth_methods_supported"]
    assert ask(fake, "authority", "GET", path.format("nobody")).json()["error_codes"] == [90002]


def test_an_id_token_is_signed_with_the_published_key_and_says_what_version_2_says(
    fake: FakeEntra,
):
    [key] = ask(fake, "authority", "GET", f"/{fake.tenant.id}/discovery/v2.0/keys").json()["keys"]
    assert "d" not in key
    tokens = log_in(fake, "ola").json()
    claims = jwt.decode(tokens["id_token"], jwt.PyJWK(key).key, ["RS256"], audience=fake.app.id)

    assert {"aud", "iss", "iat", "nbf", "exp", "sub", "oid", "tid", "ver", "nonce"} <= set(claims)
    assert (claims["ver"], claims["tid"]) == ("2.0", fake.tenant.id)
    assert claims["oid"] == fake.person("ola").id != claims["sub"]
    assert claims["roles"] == ["Teacher"]
    assert jwt.get_unverified_header(tokens["id_token"])["kid"] == key["kid"]
    fake.rotate()
    [other] = ask(fake, "authority", "GET", f"/{fake.tenant.id}/discovery/v2.0/keys").json()[
        "keys"
    ]
    assert other["kid"] != key["kid"]


def test_a_guest_has_another_provider_and_an_odd_principal_name(fake: FakeEntra):
    guest = fake.person("gjest")
    claims = jwt.decode(
        log_in(fake, guest.id).json()["id_token"], options={"verify_signature": False}
    )

    assert guest.upn == "gjest_home.example#EXT#@fjord.onmicrosoft.com"
    assert claims["preferred_username"] == "gjest@home.example"
    assert fake.tenant.id not in claims["idp"]


@pytest.mark.parametrize(("more", "overage"), [(199, False), (200, True)])
def test_the_201st_group_takes_all_out_of_the_token(fake: FakeEntra, more: int, overage: bool):
    fake.put_into_groups(fake.person("ann"), more)
    claims = jwt.decode(
        log_in(fake, "ann").json()["id_token"], options={"verify_signature": False}
    )

    assert ("groups" in claims) is not overage
    assert ("_claim_names" in claims) is overage


REFUSALS: dict[str, tuple[dict[str, str], int]] = {
    "a code is redeemed twice": ({"again": "yes"}, 54005),
    "a code that was never given": ({"code": "0.A"}, 9002313),
    "another verifier": ({"code_verifier": "x"}, 501481),
    "another callback": ({"redirect_uri": "https://hub.example/other"}, 500112),
    "another secret": ({"client_secret": "x"}, 7000215),
    "another app": ({"client_id": "11111111-1111-1111-1111-111111111111"}, 700016),
    "another grant": ({"grant_type": "password"}, 70003),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_has_the_shape_of_entras(fake: FakeEntra, case: str):
    form, number = dict(REFUSALS[case][0]), REFUSALS[case][1]
    if form.pop("again", ""):
        grants: list[str] = []
        fake.meddle = lambda service, request: (
            grants.append(request.form["code"]) if "code" in request.form else None
        )
        log_in(fake, "ann")
        form["code"] = grants[0]
    reply = log_in(fake, "ann", **form)

    content = reply.json()
    assert reply.status in {400, 401}
    assert content["error_codes"] == [number]
    assert re.match(rf"AADSTS{number}: .+ Trace ID: \S+ ", content["error_description"])
    assert {"error", "timestamp", "trace_id", "correlation_id"} <= set(content)


def test_a_code_lives_ten_minutes_and_a_refresh_token_ninety_idle_days(fake: FakeEntra):
    refresh = log_in(fake, "ann").json()["refresh_token"]
    fake.clock.forward(days=89)
    again = token(fake, grant_type="refresh_token", refresh_token=refresh).json()
    assert "nonce" not in jwt.decode(again["id_token"], options={"verify_signature": False})
    fake.clock.forward(days=90)
    late = token(fake, grant_type="refresh_token", refresh_token=again["refresh_token"])
    assert late.json()["error_codes"] == [700082]

    settings = EntraSettings.model_validate(fake.settings())
    redirect = Redirect(settings.endpoint("authorize"), fake.app.id, SCOPE.split())
    grant = fake.browse(redirect, "ann")
    fake.clock.forward(minutes=10)
    form = {"code": grant.code, "redirect_uri": CALLBACK, "code_verifier": grant.verifier}
    fake.app.secrets = {SECRET: fake.clock().replace(year=2100)}
    assert token(fake, grant_type="authorization_code", **form).json()["error_codes"] == [70008]


def test_an_address_that_is_not_registered_is_told_to_the_browser(fake: FakeEntra):
    redirect = Redirect(
        EntraSettings.model_validate(fake.settings()).endpoint("authorize"),
        fake.app.id,
        ["openid"],
    )
    url = address(redirect, "https://evil.example/", "v", "n", login_hint="ann")
    reply = fake.answer("authority", Request.of("GET", url))

    assert reply is not None
    assert reply.status == 400
    assert reply.json()["error_codes"] == [50011]


def test_what_nobody_consented_to_is_refused(fake: FakeEntra):
    reply = log_in(fake, "ann", f"{SCOPE} https://graph.fake/Files.Read.All")

    assert reply.json()["error_codes"] == [65001]


# --- Graph ---


def test_a_list_comes_in_pages_whose_next_addresses_hold_the_question(fake: FakeEntra):
    fake.put_into_groups(fake.person("ann"), 250)
    access, user = log_in(fake, "ann").json()["access_token"], fake.person("ann").id
    query = {"$count": "true", "$select": "id"}
    page = graph(fake, access, f"/users/{user}{CAST}", params=query, headers=EVENTUAL).json()
    assert page["@odata.count"] == 251
    found = len(page["value"])
    while url := page.get("@odata.nextLink"):
        assert url.startswith("https://graph.fake/v1.0/users/")
        request = Request.of("GET", url, headers={**EVENTUAL, "Authorization": f"Bearer {access}"})
        page = fake.graph.answer(request).json()
        assert all(set(row) == {"id"} for row in page["value"])
        found += len(page["value"])

    assert found == 251


WRONG: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "a cast without the header": ("/me" + CAST, {"params": {"$count": "true"}}, 400, "Request_UnsupportedQuery"),
    "a cast without the count": ("/me" + CAST, {"headers": EVENTUAL}, 400, "Request_UnsupportedQuery"),
    "a page too large": ("/me/transitiveMemberOf", {"params": {"$top": "1000"}}, 400, "Request_BadRequest"),
    "other people": ("/users/{ola}", {}, 403, "Authorization_RequestDenied"),
    "everybody": ("/users", {}, 403, "Authorization_RequestDenied"),
    "classes without the permission": ("/education/me/classes", {}, 403, "Authorization_RequestDenied"),
    "no such place": ("/nothing", {}, 400, "BadRequest"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_a_person_may_not_ask_is_refused_in_graphs_shape(fake: FakeEntra, case: str):
    path, kwargs, status, code = WRONG[case]
    access = log_in(fake, "ann").json()["access_token"]
    reply = graph(fake, access, path.format(ola=fake.person("ola").id), **kwargs)

    assert (reply.status, reply.json()["error"]["code"]) == (status, code)


def test_the_app_may_what_it_was_granted(fake: FakeEntra):
    user = fake.person("ann").id
    assert graph(fake, as_app(fake), f"/users/{user}").status == 403
    fake.app.permissions.add("User.Read.All")

    assert graph(fake, as_app(fake), f"/users/{user}").json()["accountEnabled"] is True
    fake.tenant.delete(fake.person("ann"))
    gone = graph(fake, as_app(fake), f"/users/{user}")
    assert (gone.status, gone.json()["error"]["code"]) == (404, "Request_ResourceNotFound")
    assert graph(fake, as_app(fake), "/me").status == 400
    assert graph(fake, "nobodys", "/me").status == 401


COSTS = [
    ("/me", {}, 1),
    ("/users", {}, 2),
    ("/users", {"$select": "id"}, 1),
    ("/users", {"$select": "id", "$top": "1"}, 1),
    ("/me/memberOf", {}, 2),
    ("/me/transitiveMemberOf", {"$expand": "x"}, 3),
    ("/users/u1" + CAST, {"$select": "id", "$top": "999"}, 1),
    ("/users/u1" + CAST, {"$top": "999"}, 2),
    ("/groups/g/members", {}, 3),
    ("/groups/g/transitiveMembers", {}, 5),
]


@pytest.mark.parametrize(("path", "query", "cost"), COSTS)
def test_requests_cost_what_is_published(path: str, query: dict[str, str], cost: int):
    assert cost_of(path, query) == cost


def test_a_bucket_is_full_again_after_ten_seconds():
    now = [0.0]
    bucket = Bucket(100, lambda: now[0])
    assert [bucket.take(30) for _ in range(3)] == [0, 0, 0]
    assert bucket.take(30) == pytest.approx(2)
    now[0] += 2.0
    assert bucket.take(30) == 0
    now[0] += 10
    assert bucket.take(100) == 0
    assert bucket.worst == 1


@pytest.mark.parametrize("retry_after", [True, False])
def test_too_many_questions_are_refused(retry_after: bool):
    fake = FakeEntra(units=3)
    fake.clock.frozen = fake.clock()
    fake.graph.retry_after = retry_after
    access = log_in(fake, "ann").json()["access_token"]
    replies = [graph(fake, access, "/me") for _ in range(4)]

    assert [reply.status for reply in replies] == [200, 200, 200, 429]
    assert replies[0].headers["x-ms-resource-unit"] == "1"
    assert replies[2].headers["x-ms-throttle-limit-percentage"] == "1.00"
    assert ("Retry-After" in replies[3].headers) is retry_after
