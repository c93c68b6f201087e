"""What Keycloak really answers, and what the source makes of it."""

import asyncio
import http.server
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest

from jupyterhub_edu.core import ForgetfulSafe
from jupyterhub_edu.domain.people import Identity, Person
from jupyterhub_edu.ports import CodeGrant, Denied, Gone, Login, Unavailable
from tests.eventually import eventually
from tests.fakes.people import as_person
from tests.providers.browser import Browser
from tests.providers.keycloak import Keycloak, Realm
from tests.providers.subject import SECRET, ThroughBrowser
from tests.relay import PLAIN_FAULTS, Certificates, Relay

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

ML, INTRO = "/courses/ml/teachers", "/courses/intro/teachers"
BACK = "https://hub.campus.example/hub/logged-out"
PASSWORD = "pw-æ"


@pytest.fixture(scope="module")
def realm(keycloak: Keycloak) -> Iterator[Realm]:
    realm = keycloak.realm("truth")
    realm.add_client("hub", SECRET)
    yield realm
    keycloak.admin("DELETE", "/truth")


@pytest.fixture
def safe() -> ForgetfulSafe:
    return ForgetfulSafe()


@pytest.fixture
async def new_source(realm: Realm, safe: ForgetfulSafe):
    """Make a source with these settings, which remembers what the others of the test did; closed with the test."""
    made: list[ThroughBrowser] = []

    def make(**settings: Any) -> ThroughBrowser:
        made.append(
            ThroughBrowser(safe, **({"issuer": realm.issuer, "timeout": "20s"} | settings))
        )
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
def source(new_source) -> ThroughBrowser:
    return new_source()


@pytest.fixture
def someone(realm: Realm) -> Iterator[Callable[..., str]]:
    """Add somebody in these groups; gone after the test."""
    made: list[str] = []

    def add(login: str, *groups: str, **more: Any) -> str:
        id = realm.add_person(login, PASSWORD, **more)
        made.append(id)
        for group in groups:
            realm.join(id, group)
        return id

    yield add
    known = {user["id"] for user in realm.admin("GET", "/users?max=100")}
    for id in set(made) & known:
        realm.delete(id)


async def arrive(source: ThroughBrowser, login: str) -> tuple[Identity, Person]:
    answer = await source.authenticate(login, PASSWORD)
    assert isinstance(answer, Identity), answer
    return answer, as_person(answer)


async def test_two_groups_of_one_name_are_two(source, someone):
    id = someone("ola", ML, INTRO)
    identity, _ = await arrive(source, "OLA")

    assert (identity.subject, identity.login) == (id, "ola")
    assert identity.groups == frozenset({ML, INTRO})


async def test_roles_of_realm_and_clients_are_told_apart(realm, new_source, someone):
    realm.admin("POST", "/roles", {"name": "teacher"})
    client = realm.admin("GET", "/clients?clientId=hub")[0]["id"]
    realm.admin("POST", f"/clients/{client}/roles", {"name": "teacher"})
    id = someone("ola", ML)
    source = new_source(
        timeout="20s",
        roles_claims=["realm_access.roles", "resource_access.hub.roles"],
    )
    identity, ola = await arrive(source, "ola")
    assert "resource_access.hub.roles:teacher" not in (identity.groups or ())
    assert ML in (identity.groups or ())  # no role in this client is an answer too

    role = realm.admin("GET", f"/clients/{client}/roles/teacher")
    realm.admin("POST", f"/users/{id}/role-mappings/clients/{client}", [role])
    answer = await source.reread(ola)
    assert isinstance(answer, Identity)
    assert "resource_access.hub.roles:teacher" in (answer.groups or ())
    assert "realm_access.roles:teacher" not in (answer.groups or ())


async def test_the_last_group_of_somebody_is_gone_and_not_unknown(realm, source, someone):
    """Keycloak leaves the claim out; somebody else's token shows that it would be there."""
    id = someone("ola", ML)
    someone("kari", INTRO)
    _, ola = await arrive(source, "ola")
    await arrive(source, "kari")
    realm.leave(id, ML)

    answer = await source.reread(ola)
    assert isinstance(answer, Identity)
    assert answer.groups == frozenset()


async def test_a_mapper_that_was_removed_is_unknown(realm, source, someone):
    someone("ola", ML)
    someone("kari", INTRO)
    people = [(await arrive(source, login))[1] for login in ("ola", "kari")]
    client = realm.admin("GET", "/clients?clientId=hub")[0]
    mapper = next(m for m in client["protocolMappers"] if m["name"] == "groups")
    path = f"/clients/{client['id']}/protocol-mappers/models"
    realm.admin("DELETE", f"{path}/{mapper['id']}")
    try:
        for person in people:
            answer = await source.reread(person)
            assert isinstance(answer, Identity)
            assert answer.groups is None
        assert any("groups" in problem for problem in await source.check())
    finally:
        realm.admin("POST", path, {k: v for k, v in mapper.items() if k != "id"})


async def test_a_disabled_account_is_gone_and_comes_back(realm, source, someone):
    id = someone("ola", ML)
    _, ola = await arrive(source, "ola")
    with realm.disabled(id):
        answer = await source.reread(ola)
        assert isinstance(answer, Gone)
        assert answer.why == "This account is disabled."
        assert isinstance(await source.authenticate("ola", PASSWORD), Denied)

    assert isinstance(await source.reread(ola), Identity)


def end_sessions(realm: Realm, id: str) -> None:
    realm.end_sessions(id)


def delete(realm: Realm, id: str) -> None:
    realm.delete(id)


@pytest.mark.parametrize("how", [end_sessions, delete])
@pytest.mark.parametrize("scope", [["openid", "profile"], ["openid", "profile", "offline_access"]])
async def test_the_end_of_a_session_sends_to_the_login_and_a_deleted_account_fails_there(
    realm, new_source, someone, how, scope
):
    id = someone("ola", ML)
    source = new_source(scope=scope, timeout="20s")
    _, ola = await arrive(source, "ola")
    if "offline_access" in scope:
        await asyncio.sleep(1.1)  # Keycloak ends such sessions by an instant in whole seconds
    await asyncio.to_thread(how, realm, id)
    for _ in range(2):
        answer = await source.reread(ola)
        assert isinstance(answer, Unavailable)
        assert answer.about == "session"

    again = await source.authenticate("ola", PASSWORD)
    assert isinstance(again, Denied if how is delete else Identity)


@pytest.fixture(scope="module")
def seeing(realm: Realm) -> dict[str, Any]:
    """Settings with which accounts are looked up."""
    realm.show_accounts_to(realm.add_client("seeing", SECRET, serviceAccountsEnabled=True))
    return {"client_id": "seeing", "lookup": "keycloak", "timeout": "20s"}


@pytest.mark.parametrize("scope", [["openid", "profile"], ["openid", "profile", "offline_access"]])
async def test_a_deleted_account_is_gone_where_accounts_are_looked_up(
    realm, new_source, someone, seeing, scope
):
    source = new_source(scope=scope, **seeing)
    id = someone("ola", ML)
    assert await source.check() == []
    _, ola = await arrive(source, "ola")
    await asyncio.to_thread(realm.delete, id)

    for _ in range(2):
        answer = await source.reread(ola)
        assert isinstance(answer, Gone)
        assert answer.why == "This account is no longer there."


async def test_an_ended_session_is_no_more_where_accounts_are_looked_up_until_one_is_disabled(
    realm, new_source, someone, seeing
):
    source = new_source(**seeing)
    id = someone("ola", ML)
    _, ola = await arrive(source, "ola")
    await asyncio.to_thread(realm.end_sessions, id)
    answer = await source.reread(ola)
    assert isinstance(answer, Unavailable)
    assert answer.about == "session"

    with realm.disabled(id):
        answer = await source.reread(ola)
        assert isinstance(answer, Gone)
        assert answer.why == "This account is disabled."
    assert isinstance(await source.reread(ola), Unavailable)
    await arrive(source, "ola")
    assert isinstance(await source.reread(ola), Identity)


@pytest.mark.parametrize(
    ("has_account", "says"), [(False, "gets no token of its own"), (True, "may not see accounts")]
)
async def test_what_is_missing_to_look_accounts_up_is_named(realm, new_source, has_account, says):
    id = f"blind-{has_account}"
    realm.add_client(id, SECRET, serviceAccountsEnabled=has_account)
    source = new_source(client_id=id, lookup="keycloak")

    (problem,) = await source.check()
    assert says in problem


async def test_an_account_made_anew_is_somebody_else(realm, source, someone):
    first = someone("ola", ML)
    identity, _ = await arrive(source, "ola")
    realm.delete(first)
    someone("ola")
    other, _ = await arrive(source, "ola")

    assert other.key != identity.key


async def test_refresh_tokens_that_hold_once_are_used_once(realm, source, someone):
    realm.admin("PUT", "", {"revokeRefreshToken": True, "refreshTokenMaxReuse": 0})
    try:
        someone("ola", ML)
        _, ola = await arrive(source, "ola")
        answers = await asyncio.gather(*(source.reread(ola) for _ in range(5)))
        assert all(isinstance(answer, Identity) for answer in answers)
    finally:
        realm.admin("PUT", "", {"revokeRefreshToken": False})


async def test_a_logout_at_the_hub_ends_the_session_there(source, someone):
    someone("ola", ML)
    browser = Browser()
    answer = await source.log_in("ola", PASSWORD, browser)
    assert isinstance(answer, Login)
    ola = as_person(answer.identity)
    url = await source.source.logout_url(ola, BACK)
    ended = await asyncio.to_thread(browser.visit, url)
    browser.close()

    assert ended.headers["location"].startswith(BACK)
    told = await source.reread(ola)
    assert isinstance(told, Unavailable)
    assert told.about == "session"


async def test_a_logout_there_is_told_to_the_hub(keycloak, new_source, someone, realm):
    tokens: list[str] = []

    class Hub(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            tokens.append(parse_qs(form)["logout_token"][0])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/hub/edu/login/src/logout"
    realm.add_client(
        "hub2",
        SECRET,
        attributes={
            "backchannel.logout.url": url,
            "backchannel.logout.session.required": "true",
        },
    )
    source = new_source(client_id="hub2", timeout="20s")
    try:
        id = someone("ola", ML)
        _, ola = await arrive(source, "ola")
        await asyncio.to_thread(realm.end_sessions, id)
        await eventually(lambda: bool(tokens))
        assert await source.source.logged_out(tokens[0]) == ola.key
        assert await source.source.logged_out(tokens[0]) is None
    finally:
        server.shutdown()
        server.server_close()


# -- outages -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def relay(keycloak: Keycloak) -> Iterator[Relay]:
    one = Relay("127.0.0.1", keycloak.port)
    yield one
    one.close()


@pytest.mark.parametrize("fault", PLAIN_FAULTS)
async def test_a_fault_is_unknown_and_heals(realm, new_source, someone, relay, fault):
    issuer = f"http://127.0.0.1:{relay.port}/realms/truth"
    someone("ola", ML)
    source = new_source(issuer=issuer, timeout="20s")
    _, ola = await arrive(source, "ola")
    impatient = new_source(issuer=issuer, timeout="1500ms")
    assert isinstance(await impatient.grant("ola", PASSWORD), CodeGrant | Unavailable)
    grant = await source.grant("ola", PASSWORD)
    assert isinstance(grant, CodeGrant)

    with relay.fault(fault):
        assert isinstance(await impatient.reread(ola), Unavailable)
        assert isinstance(await impatient.source.redeem(grant), Unavailable)
        assert await impatient.check()

    assert isinstance(await source.reread(ola), Identity)


# -- what is wrong -----------------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another secret": ({"client_secret": "other"}, "compare both with the client there"),
    "another client": ({"client_id": "nobody"}, "compare both with the client there"),
    "no secret": ({"client_secret": None}, "set client_secret"),
    "a realm that is not there": ({"issuer": "{url}/realms/nowhere"}, "and the realm's name?"),
    "the path of old versions": ({"issuer": "{url}/auth/realms/truth"}, "did you mean {issuer}?"),
    "a slash too many": ({"issuer": "{issuer}/"}, "write the issuer as it does"),
    "another name of the host": (
        {"issuer": "http://localhost:{port}/realms/Truth"},
        "realm's name|calls itself",
    ),
    "a scope that is not there": ({"scope": ["openid", "groups"]}, "knows no groups"),
    "a port where nothing is": (
        {"issuer": "http://127.0.0.1:1/realms/truth"},
        "cannot be reached",
    ),
    "a host that is not there": ({"issuer": "https://no.invalid/realms/truth"}, "cannot be"),
    "TLS where there is none": (
        {"issuer": "https://127.0.0.1:{port}/realms/truth"},
        "cannot be trusted|cannot be reached",
    ),
    "the address of the console": ({"issuer": "{url}/admin/truth/console"}, "realm"),
}


@pytest.mark.parametrize(("settings", "says"), WRONG.values(), ids=WRONG)
async def test_the_check_names_the_fix(keycloak, realm, new_source, settings, says):
    words = {"url": keycloak.url, "issuer": realm.issuer, "port": keycloak.port}
    filled = {
        name: value.format(**words) if isinstance(value, str) else value
        for name, value in settings.items()
    }
    source = new_source(**filled)
    problems = await source.check()

    expected = [one.format(**words) for one in says.split("|")]
    assert any(word in problem for problem in problems for word in expected), problems
    assert not any(SECRET in problem for problem in problems)


async def test_the_check_has_nothing_to_say_where_all_is_well(source):
    assert await source.check() == []


async def test_a_client_that_was_disabled_is_named(realm, source):
    client = realm.admin("GET", "/clients?clientId=hub")[0]
    realm.admin("PUT", f"/clients/{client['id']}", {**client, "enabled": False})
    try:
        assert any("whether it is enabled" in problem for problem in await source.check())
    finally:
        realm.admin("PUT", f"/clients/{client['id']}", client)


async def test_a_certificate_that_nobody_vouches_for_is_named(keycloak, new_source, tmp_path):
    relay = Relay("127.0.0.1", keycloak.port, tls=Certificates())
    source = new_source(issuer=f"https://127.0.0.1:{relay.port}/realms/truth")
    try:
        assert any("cannot be trusted" in problem for problem in await source.check())
    finally:
        relay.close()
