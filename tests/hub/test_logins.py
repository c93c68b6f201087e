"""Logins by redirect beside the form, log-out, and what ends a session; on a real hub of either version."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from bs4 import BeautifulSoup

from tests.fakes.idp import FakeIdp
from tests.no_tls import NO_TLS

from .browser import Browser, host_of
from .server import BRISKLY, VERSIONS, Hub
from .test_start import DEMO, SERVERS_AT_ONCE

EVIL = "\"><script>alert(1)</script>{{ 7*7 }}'&"
SOURCES = """
sources:
  demo: {{type: roster, title: Demo account, people: people.csv, passwords: passwords.txt}}
  cloud: {{type: fake-idp, title: Campus Cloud, url: "{cloud}", refresh: 10s}}
  second: {{type: roster, title: Second account, people: people.csv, passwords: passwords.txt}}
  evil: {{type: fake-idp, title: {evil}, url: "{evil_url}", leave: false}}
"""
CONFIG = """
import os

import jupyterhub_edu
from jupyterhub_edu.identity import SOURCE_TYPES
from tests.fakes.idp import TYPE

SOURCE_TYPES.load["fake-idp"] = lambda: TYPE
jupyterhub_edu.setup(c, "campus/campus.yaml", spawner="local")
c.EduLocalSpawner.home_dir_template = "{cwd}/homes/{{username}}".format(cwd=os.getcwd())
c.EduAuthenticator.enable_auth_state = True
c.CryptKeeper.keys = [b"0" * 32]
c.JupyterHub.log_level = "DEBUG"
c.JupyterHub.load_roles[0]["scopes"].append("admin:auth_state")
"""
CONFIG += BRISKLY


class Place:
    """A hub with four sources, and the two providers behind two of them."""

    def __init__(self, folder: Path, version: str) -> None:
        self.cloud, self.other = FakeIdp(), FakeIdp()
        self.hub = Hub(folder, CONFIG + SERVERS_AT_ONCE, version=version)
        self.hub.canaries.add("access-id-", "id-token-id-")  # how the provider's tokens begin
        self.campus = folder / "campus" / "campus.yaml"
        self.campus.parent.mkdir()
        for file in DEMO.parent.iterdir():
            (self.campus.parent / file.name).write_text(file.read_text())
        self.write(self.sources)

    @property
    def sources(self) -> str:
        return SOURCES.format(
            cloud=self.cloud.url,
            evil_url=self.other.url,
            evil=f"'{EVIL.replace(chr(39), chr(39) * 2)}'",
        )

    def write(self, sources: str) -> None:
        """Write the campus file with these sources."""
        text = DEMO.read_text()
        rest = re.sub(r"(?ms)^sources:\n.*?(?=^\S)", lambda _: sources.lstrip() + "\n", text)
        title = "    title: Machine Learning\n"
        people = (
            '    people: {student: ["cloud:ada", "cloud:eve"]}\n' if "cloud:" in sources else ""
        )
        self.campus.write_text(rest.replace(title, title + people).replace("admins:", "# admins:"))

    def reload(self) -> None:
        """Send SIGHUP and wait until the log says that the campus file was reloaded."""
        before = self._reloads()
        os.kill(self.hub.pid, signal.SIGHUP)
        wait(lambda: self._reloads() > before, self.hub)

    def _reloads(self) -> int:
        return self.hub.log.read_text(errors="replace").count("the campus file was reloaded")

    def close(self) -> None:
        self.hub.stop()
        self.cloud.close()
        self.other.close()


@pytest.fixture(scope="module", params=list(VERSIONS), ids=lambda version: f"hub-{version}")
def one_place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("hub"), request.param)
    try:
        place.hub.start()
        yield place
    finally:
        place.close()


@pytest.fixture
def place(one_place: Place) -> Place:
    """One hub for all tests of a version; the providers are as they were at first."""
    for idp in (one_place.cloud, one_place.other):
        idp.who, idp.error, idp.html, idp.silent = "ada", "", False, False
        idp.disabled.clear()
        idp.logged_out.clear()
    return one_place


@pytest.fixture
def hub(place: Place) -> Hub:
    return place.hub


def log_in(place: Place, who: str, source: str = "cloud") -> Browser:
    """By redirect, all the way."""
    (place.cloud if source == "cloud" else place.other).who = who
    browser = place.hub.browser()
    reply = browser.get(f"/hub/edu/login/{source}")
    assert reply.status_code == 200, f"{reply.url} {reply.text[:2000]}\n{place.hub.tail()}"
    return browser


def user(browser: Browser) -> bool:
    """Whether somebody is logged in."""
    return browser.get("/hub/home", follow_redirects=False).status_code == 200


def begin(browser: Browser, source: str = "cloud", **query: str) -> str:
    """To the source and back as far as the callback: its address, not yet opened."""
    to_source = browser.get(f"/hub/edu/login/{source}", params=query, follow_redirects=False)
    assert to_source.status_code == 302, to_source.text
    back = browser.get(to_source.headers["Location"], follow_redirects=False)
    address: str = back.headers["Location"]
    return address


def wait(condition: Callable[[], bool], hub: Hub, within: float = 120) -> None:
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, hub.tail()
        time.sleep(0.2)


# -- the page ------------------------------------------------------------------------------------------------------


def test_the_page_shows_every_way_in_the_campus_s_order(hub: Hub) -> None:
    page = hub.browser().page("/hub/login")
    ways = page.select("form select option, #login-main a[role=button], a[href*='edu/login']")
    assert list(dict.fromkeys(way.text.strip() for way in ways)) == [
        "Demo account",
        "Second account",
        "Sign in with Campus Cloud",
        f"Sign in with {EVIL}",
    ]
    assert len(page.select("form")) == 1
    assert page.select_one("form input[name=password]")


def test_a_hostile_title_stays_text(hub: Hub) -> None:
    page = hub.browser().page("/hub/login")
    assert "alert(1)" not in "".join(script.text for script in page.select("script"))


def test_buttons_and_form_lead_where_the_person_wanted_to_go(place: Place) -> None:
    page = place.hub.browser().page("/hub/login?next=%2Fhub%2Fedu%2F")
    link = page.select_one("a[href*='edu/login/cloud']")
    assert link is not None
    browser = place.hub.browser()
    assert browser.get(str(link["href"])).url.path == "/hub/edu/"


def test_a_deep_link_goes_on_to_its_source(hub: Hub) -> None:
    reply = hub.browser().get("/hub/login?source=cloud&next=/hub/edu/", follow_redirects=False)
    assert reply.headers["Location"] == "/hub/edu/login/cloud?next=%2Fhub%2Fedu%2F"


def test_a_deep_link_chooses_in_the_form(hub: Hub) -> None:
    option = hub.browser().page("/hub/login?source=second").select_one("option[selected]")
    assert option is not None
    assert option["value"] == "second"


@pytest.mark.parametrize("source", ["nothing", EVIL, "", "demo&source=nothing"])
def test_a_deep_link_to_nothing_shows_the_page(hub: Hub, source: str) -> None:
    assert "Campus Cloud" in hub.browser().get("/hub/login", params={"source": source}).text


def test_a_wrong_password_keeps_the_choice(hub: Hub) -> None:
    reply = hub.browser().log_in("stu", "wrong", source="second")
    assert reply.status_code == 403
    option = BeautifulSoup(reply.text, "html.parser").select_one("option[selected]")
    assert option is not None
    assert option["value"] == "second"


def test_a_form_without_fields_is_no_error_of_the_hub(hub: Hub) -> None:
    browser = hub.browser()
    browser.get("/hub/login")
    assert browser.post("/hub/login").status_code == 400


# -- logging in ----------------------------------------------------------------------------------------------------


def test_by_two_providers_and_the_form_on_one_page(place: Place) -> None:
    assert user(log_in(place, "ada"))
    assert user(log_in(place, "bea", "evil"))
    form = place.hub.browser()
    assert form.log_in("stu", "demo", source="demo").status_code == 200
    assert user(form)
    assert place.hub.api("users/ada").json()["groups"] == ["edu:ml:student"]
    assert place.hub.api("users/bea").json()["groups"] == []


def test_one_name_at_two_providers_is_not_one_person(place: Place) -> None:
    log_in(place, "ada")
    place.other.who = "ada"
    reply = place.hub.browser().get("/hub/edu/login/evil")
    assert reply.status_code == 403
    assert "There is already an account ada" in reply.text


def test_what_the_source_gave_is_kept_sealed_and_survives_a_refresh(place: Place) -> None:
    browser = log_in(place, "ada")
    wanted = {"access_token": "access-id-ada", "id_token": "id-token-id-ada"}
    assert place.hub.api("users/ada").json()["auth_state"] == wanted
    assert "id-token-id-ada" not in place.hub.log.read_text(errors="replace")
    assert browser.start(choice="ml/notebook").status_code == 302
    browser.wait_for_server("ada")
    assert place.hub.api("users/ada").json()["auth_state"] == wanted
    place.hub.api("users/ada/server", method="DELETE")


def test_each_source_has_its_own_callback_cookie_challenge_and_nonce(place: Place) -> None:
    browser = place.hub.browser()
    begin(browser)
    begin(browser, "evil")
    cloud, other = place.cloud.asked, place.other.asked
    assert urlsplit(cloud["redirect_uri"]).path == "/hub/edu/login/cloud/callback"
    assert urlsplit(other["redirect_uri"]).path == "/hub/edu/login/evil/callback"
    for one in ("state", "nonce", "code_challenge"):
        assert len(cloud[one]) >= 40
        assert cloud[one] != other[one]
    cookies = [c for c in browser.cookies if "state" in c.name]
    assert len(cookies) == 2
    for source in ("cloud", "evil"):
        mine = [c for c in cookies if c.name.startswith(f"jupyterhub-edu-state-{source}-")]
        assert [c.path for c in mine] == [f"/hub/edu/login/{source}"]


def states(browser: Browser) -> int:
    return sum("state" in cookie.name for cookie in browser.cookies)


def test_logins_in_several_tabs_do_not_disturb_each_other(place: Place) -> None:
    browser = place.hub.browser()
    for address in [begin(browser) for _ in range(4)]:
        assert browser.get(address).status_code == 200
    assert states(browser) == 0


def test_logins_that_nobody_ends_do_not_pile_up(place: Place) -> None:
    browser = place.hub.browser()
    addresses = [begin(browser) for _ in range(12)]
    assert states(browser) <= 5
    assert browser.get(addresses[-1]).status_code == 200


# -- refusals ------------------------------------------------------------------------------------------------------

STARTED = "This login was begun in another browser or window, or too long ago"


def test_a_callback_that_this_browser_did_not_ask_for(place: Place) -> None:
    address = begin(place.hub.browser())
    stranger = place.hub.browser().get(address)
    assert (stranger.status_code, STARTED in stranger.text) == (400, True)


def test_a_callback_is_good_once(place: Place) -> None:
    browser = place.hub.browser()
    address = begin(browser)
    assert browser.get(address).status_code == 200
    again = browser.get(address)
    assert (again.status_code, STARTED in again.text) == (400, True)


@pytest.mark.parametrize("state", ["", "x", "e30=", "ü", "MTIz", "%00", "a" * 5000])
def test_a_wrong_state(place: Place, state: str) -> None:
    browser = place.hub.browser()
    begin(browser)
    reply = browser.get("/hub/edu/login/cloud/callback", params={"code": "x", "state": state})
    assert (reply.status_code, STARTED in reply.text) == (400, True)
    assert not user(browser)


def test_a_state_of_one_source_is_none_of_another(place: Place) -> None:
    browser = place.hub.browser()
    address = begin(browser)
    crossed = browser.get(address.replace("/login/cloud/", "/login/evil/"))
    assert (crossed.status_code, STARTED in crossed.text) == (400, True)


# error of the provider, separators escaped as Moodle does: status and sentence
ERRORS = {
    "somebody who does not agree": ("access_denied", False, 403, "did not sign you in"),
    "the same from Moodle": ("access_denied", True, 403, "did not sign you in"),
    "an error that nobody knows": ("<script>", False, 403, "did not sign you in"),
    "a provider that is busy": ("temporarily_unavailable", False, 503, "does not answer"),
}


@pytest.mark.parametrize(("error", "html", "status", "words"), ERRORS.values(), ids=ERRORS)
def test_an_error_of_the_provider(
    place: Place, error: str, html: bool, status: int, words: str
) -> None:
    place.cloud.error, place.cloud.html = error, html
    browser = place.hub.browser()
    reply = browser.get("/hub/edu/login/cloud")
    assert (reply.status_code, words in reply.text) == (status, True), reply.text
    assert "<b>no</b>" not in reply.text
    assert not user(browser)


def test_a_silent_provider_is_told_while_it_is_silent_and_hides_no_other(place: Place) -> None:
    place.cloud.silent = True
    browser = place.hub.browser()
    reply = browser.get("/hub/edu/login/cloud")
    assert place.cloud.waiting  # it is still silent: nobody waited for the end of that
    assert reply.status_code == 503
    assert "Campus Cloud does not answer at the moment" in reply.text
    assert reply.headers["Retry-After"]
    assert "Campus Cloud" in browser.get("/hub/login").text
    assert user(log_in(place, "bea", "evil"))


def test_a_code_that_the_provider_does_not_know(place: Place) -> None:
    browser = place.hub.browser()
    address = begin(browser)
    reply = browser.get(re.sub("code=[0-9a-f]+", "code=guessed", address))
    assert reply.status_code == 403
    assert "Campus Cloud did not confirm this login" in reply.text
    assert "invalid_grant" not in reply.text
    assert "guessed" not in place.hub.tail()


def test_a_callback_without_a_code(place: Place) -> None:
    reply = (browser := place.hub.browser()).get(re.sub("code=[0-9a-f]+", "", begin(browser)))
    assert reply.status_code == 400


@pytest.mark.parametrize("path", ["", "/callback"])
@pytest.mark.parametrize("source", ["nothing", "demo", "%00", "ü"])
def test_a_source_that_is_none_or_of_another_shape(hub: Hub, source: str, path: str) -> None:
    reply = hub.browser().get(f"/hub/edu/login/{source}{path}")
    assert reply.status_code == 404
    assert "There is no such way to sign in here" in reply.text


# -- where to go on to ---------------------------------------------------------------------------------------------

ELSEWHERE = [
    "https://evil.example/",
    "//evil.example",
    "///evil.example",
    "////evil.example/",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    "/%09/evil.example",
    "/\n/evil.example",
    "https:evil.example",
    "https:///evil.example",
    "http:/evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "/.//evil.example",
    "/hub/..//evil.example",
    "/hub/%2e%2e//evil.example",
    "//127.0.0.1@evil.example/",
    "//evil.example:80\\@127.0.0.1/",
    "/\u2028/evil.example",
    "\u00a0//evil.example",
    "hub/home",
    "@evil.example",
    "?next=//evil.example",
    "#//evil.example",
    "/" + "x" * 5000,
]


@pytest.mark.parametrize("asked", ELSEWHERE)
def test_a_login_ends_on_the_hub_whatever_was_asked(place: Place, asked: str) -> None:
    browser = place.hub.browser()
    ends = []
    for path in ("/hub/edu/login/cloud", "/hub/login"):
        first = browser.get(
            path, params={"next": asked, "source": "cloud"}, follow_redirects=False
        )
        if path == "/hub/login":
            first = browser.get(first.headers["Location"], follow_redirects=False)
        back = browser.get(first.headers["Location"], follow_redirects=False)
        reply = browser.get(back.headers["Location"], follow_redirects=False)
        assert reply.status_code == 302, reply.text
        ends.append(host_of(reply.headers["Location"], place.hub.url))
        browser.get("/hub/logout", follow_redirects=False)
    assert ends == [urlsplit(place.hub.url).netloc] * 2


def test_a_callback_takes_no_next_of_its_own(place: Place) -> None:
    browser = place.hub.browser()
    address = begin(browser) + "&next=//evil.example"
    reply = browser.get(address, follow_redirects=False)
    assert host_of(reply.headers["Location"], place.hub.url) != "evil.example"


# -- logging out ---------------------------------------------------------------------------------------------------


def test_log_out_goes_on_to_the_source_and_comes_back(place: Place) -> None:
    browser = log_in(place, "ada")
    end = browser.get("/hub/logout")
    assert place.cloud.logged_out == [f"{place.hub.url}/hub/logout"]
    assert end.url.path == "/hub/login"
    assert not user(browser)
    browser.get("/hub/logout")
    assert len(place.cloud.logged_out) == 1


def test_log_out_stays_here_where_the_source_does_not_want_it(place: Place) -> None:
    browser = log_in(place, "bea", "evil")
    assert browser.get("/hub/logout").url.path == "/hub/login"
    assert place.other.logged_out == []
    form = place.hub.browser()
    form.log_in("stu", "demo", source="demo")
    assert form.get("/hub/logout").url.path == "/hub/login"
    assert place.cloud.logged_out == []


def test_log_out_goes_where_the_last_login_came_from(place: Place) -> None:
    browser = log_in(place, "ada")
    browser.log_in("stu", "demo", source="demo")
    browser.get("/hub/logout")
    assert place.cloud.logged_out == []


def backchannel(hub: Hub, token: str | bytes, source: str = "cloud") -> httpx.Response:
    data = {"logout_token": token} if isinstance(token, str) else None
    url = f"{hub.url}/hub/edu/login/{source}/backchannel-logout"
    content = token if isinstance(token, bytes) else None
    return httpx.post(url, data=data, content=content, timeout=60, verify=NO_TLS)


def test_the_source_ends_every_session_and_nothing_else(place: Place) -> None:
    one, two = log_in(place, "ada"), log_in(place, "ada")
    eve = log_in(place, "eve")
    token = one.token("ada")
    reply = backchannel(place.hub, "bye:id-ada:1")
    assert (reply.status_code, reply.headers["Cache-Control"]) == (200, "no-store")
    assert (user(one), user(two), user(eve)) == (False, False, True)
    assert (
        place.hub.api("user", token=token).status_code == 200
    )  # made for programs, not for a browser


@pytest.mark.parametrize(
    ("token", "source"),
    [
        ("", "cloud"),
        ("x", "cloud"),
        ("bye:id-ada:2", "nothing"),
        ("bye:id-ada:2", "demo"),
        (b"\xff", "cloud"),
    ],
)
def test_a_log_out_that_does_not_count(place: Place, token: str | bytes, source: str) -> None:
    browser = log_in(place, "ada")
    reply = backchannel(place.hub, token, source)
    assert (reply.status_code, reply.headers["Cache-Control"]) == (400, "no-store")
    assert user(browser)


def test_a_log_out_counts_once(place: Place) -> None:
    log_in(place, "ada")
    assert backchannel(place.hub, "bye:id-ada:3").status_code == 200
    again = log_in(place, "ada")
    assert backchannel(place.hub, "bye:id-ada:3").status_code == 400
    assert user(again)


def test_a_log_out_of_somebody_unknown_is_done(place: Place) -> None:
    assert backchannel(place.hub, "bye:id-nobody:4").status_code == 200


def test_a_log_out_that_is_too_large_is_not_read(place: Place) -> None:
    try:
        status = backchannel(place.hub, "x" * 200_000).status_code
    except httpx.HTTPError:  # the hub hangs up while we still send
        status = 400
    assert status in {400, 413, 502, 503}
    assert user(log_in(place, "ada"))


# -- a disabled account --------------------------------------------------------------------------------------------


def test_a_disabled_account_is_closed_cookie_token_and_server(place: Place) -> None:
    ada, eve = log_in(place, "ada"), log_in(place, "eve")
    tokens = {"ada": ada.token("ada"), "eve": eve.token("eve")}
    for name, browser in (("ada", ada), ("eve", eve)):
        assert browser.start(choice="ml/notebook").status_code == 302, place.hub.tail()
        browser.wait_for_server(name)
    place.cloud.disabled.add("ada")
    wait(lambda: place.hub.api("user", token=tokens["ada"]).status_code == 403, place.hub)
    assert not user(ada)
    wait(lambda: not place.hub.api("users/ada").json()["servers"], place.hub)
    assert place.hub.api("user", token=tokens["eve"]).status_code == 200
    assert user(eve)
    place.cloud.who = "ada"
    reply = place.hub.browser().get("/hub/edu/login/cloud")
    assert reply.status_code == 403
    assert "This account is disabled." in reply.text
    for name in ("ada", "eve"):
        place.hub.api(f"users/{name}/server", method="DELETE")


def test_a_login_that_is_refused_for_good_closes_the_account(place: Place) -> None:
    gus = log_in(place, "gus")
    token = gus.token("gus")
    place.cloud.disabled.add("gus")
    assert place.hub.browser().get("/hub/edu/login/cloud").status_code == 403
    wait(lambda: place.hub.api("user", token=token).status_code == 403, place.hub)
    assert not user(gus)


def test_a_silent_provider_closes_nothing(place: Place) -> None:
    hal = log_in(place, "hal")
    token = hal.token("hal")
    place.cloud.silent = True
    assert place.hub.browser().get("/hub/edu/login/cloud").status_code == 503
    assert user(hal)
    assert place.hub.api("user", token=token).status_code == 200


# -- XSRF ----------------------------------------------------------------------------------------------------------

MUTATING = [
    ("POST", "/hub/login"),
    ("POST", "/hub/spawn"),
    ("POST", "/hub/edu/courses/ml/stop/stu"),
]


@pytest.mark.parametrize(("method", "path"), MUTATING, ids=[path for _, path in MUTATING])
@pytest.mark.parametrize("fetched", ["navigate", "cors", "no-cors", "same-origin", None])
def test_no_form_counts_without_its_token(
    place: Place, method: str, path: str, fetched: str | None
) -> None:
    tea, other = place.hub.browser(), place.hub.browser()
    for browser, name in ((tea, "tea"), (other, "stu")):
        browser.log_in(name, "demo", source="demo")
    headers = {"Sec-Fetch-Mode": fetched or ""}
    for token in (None, "", "wrong", other.xsrf):
        fields = {} if token is None else {"_xsrf": token}
        reply = tea.raw(method, path, data=fields, headers=headers)
        assert reply.status_code == 403, (token, reply.url)


# -- a campus file that changes ------------------------------------------------------------------------------------


def test_sources_come_and_go_while_the_hub_runs(place: Place) -> None:
    browser = place.hub.browser()
    changed = place.sources.replace("  evil:", "  fresh:").replace("Campus Cloud", "New Cloud")
    place.write(changed)
    place.reload()
    try:
        page = browser.get("/hub/login").text
        assert "New Cloud" in page
        assert browser.get("/hub/edu/login/evil").status_code == 404
        place.other.who = "ike"
        assert browser.get("/hub/edu/login/fresh").status_code == 200
        assert user(browser)
    finally:
        place.write(place.sources)
        place.reload()


# -- nothing to choose ---------------------------------------------------------------------------------------------


def test_the_only_way_in_needs_no_click_where_that_is_wanted(
    tmp_path: Path, hub_version: str
) -> None:
    place = Place(tmp_path / "place", hub_version)
    try:
        place.hub.configure(CONFIG + SERVERS_AT_ONCE + "c.EduAuthenticator.auto_login = True\n")
        place.hub.start()
        assert "Campus Cloud" in place.hub.browser().get("/hub/login").text
        only = "\n".join(
            line for line in place.sources.splitlines() if "  cloud:" in line or line == "sources:"
        )
        place.write(only)
        place.reload()
        browser = place.hub.browser()
        reply = browser.get("/hub/login?next=/hub/edu/", follow_redirects=False)
        assert reply.headers["Location"] == "/hub/edu/login/cloud?next=%2Fhub%2Fedu%2F"
        assert browser.get("/hub/edu/").url.path == "/hub/edu/"
        out = browser.get("/hub/logout")
        assert out.url.path == "/hub/logout"
        assert not user(browser)
    finally:
        place.close()


# -- the key -------------------------------------------------------------------------------------------------------


def test_a_source_that_keeps_secrets_needs_a_key(tmp_path: Path, hub_version: str) -> None:
    place = Place(tmp_path / "place", hub_version)
    keyless = CONFIG.replace("enable_auth_state = True", "enable_auth_state = False")
    keyless = keyless.replace("c.CryptKeeper.keys", "c.JupyterHub.template_vars = {}  #")
    needing = "import dataclasses\n\nneeding = dataclasses.replace(TYPE, needs_safe=True)\n"
    needing += 'SOURCE_TYPES.load["fake-idp"] = lambda: needing\n'
    keyless = keyless.replace('SOURCE_TYPES.load["fake-idp"] = lambda: TYPE\n', needing)
    try:
        place.hub.configure(keyless + SERVERS_AT_ONCE)
        place.hub.launch()
        assert place.hub.wait() == 1
        log = place.hub.tail(200)
        assert (
            "no key to seal what it must remember of cloud, evil; set JUPYTERHUB_CRYPT_KEY" in log
        )

        place.write(
            "sources:\n  demo: {type: roster, people: people.csv, passwords: passwords.txt}"
        )
        place.hub.start()
        place.write(place.sources)
        os.kill(place.hub.pid, signal.SIGHUP)
        wait(lambda: "the former campus file stays in force" in place.hub.tail(400), place.hub)
        assert "Campus Cloud" not in place.hub.browser().get("/hub/login").text
    finally:
        place.close()
