"""Launches as a browser brings them: state, secret, nonce, frames, and where they lead."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from bs4 import BeautifulSoup
from jinja2 import Environment, FileSystemLoader
from tornado import web
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from jupyterhub_edu.authenticator import LAUNCH_ROUTES, TEMPLATES, EduAuthenticator, launch
from jupyterhub_edu.authenticator.launch_state import Launches
from jupyterhub_edu.core import Core, ForgetfulSafe, provide
from jupyterhub_edu.domain.campus import SourceInfo
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.rules import CourseRule, map_pattern
from jupyterhub_edu.identity.lti import LtiSettings, LtiSource
from jupyterhub_edu.ports import utc_now
from tests.fakes.campus import a_campus, a_core, a_course
from tests.fakes.lti import FakePlatform, PlatformWeb
from tests.fakes.world import AClock, FakeHub

HUB = "https://hub.school.example"
EVIL = '"><script>alert(1)</script>'


class Answer:
    """What a browser gets."""

    def __init__(self, handler: Any, written: list[bytes]) -> None:
        self.status: int = handler.get_status()
        self.headers: HTTPHeaders = handler._headers
        self.text = b"".join(written).decode()
        self.cookies = {
            name: morsel.value for name, morsel in getattr(handler, "_new_cookie", {}).items()
        }
        self.signed_in = handler.login is not None

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.location).query))


class World:
    """A hub without a hub: handlers over a core, and a platform in this process."""

    def __init__(self, public: str = HUB + "/", **settings: Any) -> None:
        self.clock = AClock(utc_now())  # ltiauthenticator has a clock of its own
        self.base = urlsplit(public).path
        at = public.rstrip("/") + "/hub/edu/lti/lms"
        self.platform = FakePlatform(url="https://lms.school.example", clock=self.clock)
        self.platform.tool.login_url = f"{at}/login"
        self.platform.tool.redirect_uris = (f"{at}/launch",)
        self.platform.tool.target = f"{at}/launch"
        keys = {"platforms": {"moodle": self.platform.settings(instructor="teacher")}, **settings}
        self.web = PlatformWeb(self.platform)
        self.source = LtiSource(
            "lms", LtiSettings.model_validate(keys), self.clock, ForgetfulSafe(), self.web
        )
        courses = [a_course(), a_course("intro")]
        rule = CourseRule((("label", map_pattern("<course>", courses, ())),))
        info = SourceInfo("lms", "lti", "School <b>Moodle</b>", courses=(rule,))
        self.core: Core = a_core(
            a_campus(courses=courses, sources=[info]),
            sources={"lms": self.source},
            clock=self.clock,
            hub=FakeHub(),
        )
        provide(lambda: self.core)
        environment = Environment(autoescape=True, loader=FileSystemLoader(str(TEMPLATES)))
        self.pages = environment
        self.app = web.Application(
            hub=SimpleNamespace(base_url=f"{self.base}hub/"),
            base_url=self.base,
            public_url=urlsplit(public),
            authenticator=EduAuthenticator(),
            headers={},
            db=SimpleNamespace(dirty=False),
            log=logging.getLogger("hub"),
            cookie_secret=b"x" * 32,
        )

    async def ask(
        self,
        url: str,
        form: Mapping[str, Any] | None = None,
        *,
        cookies: Mapping[str, str] | None = None,
        **headers: str,
    ) -> Answer:
        """One request, through the routes."""
        parts = urlsplit(url)
        path = parts.path.removeprefix(f"{self.base}hub")
        kind, match = next(
            (kind, match)
            for pattern, kind in LAUNCH_ROUTES
            if (match := re.fullmatch(pattern, path))
        )
        sent = HTTPHeaders({name.replace("_", "-"): value for name, value in headers.items()})
        sent["Host"] = urlsplit(HUB).netloc
        if cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        if form is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        written: list[bytes] = []
        asked = f"{parts.path}?{parts.query}" if parts.query else parts.path
        request = HTTPServerRequest(
            start_line=RequestStartLine("GET" if form is None else "POST", asked, "HTTP/1.1"),
            headers=sent,
            body=urlencode(form or {}, doseq=True).encode(),
            connection=SimpleNamespace(set_close_callback=lambda callback: None),  # type: ignore[arg-type]
        )
        request._parse_body()
        handler = self._handler(kind, written)(self.app, request)
        try:
            await getattr(handler, request.method.lower())(*match.groups())
        except web.HTTPError as error:
            handler.set_status(error.status_code)
            written.append(str(getattr(error, "sentence", error)).encode())
        return Answer(handler, written)

    def _handler(self, kind: type, written: list[bytes]) -> Any:
        world = self

        class Handler(kind):
            def render_template(self, name: str, sync: bool = False, **what: Any) -> str:
                return world.pages.get_template(name).render(**{**self.words, **what})

            async def login_user(self, data: Any = None) -> Any:
                model = await self.settings["authenticator"].authenticate(self, data)
                return SimpleNamespace(name=model["name"])

            def finish(self, chunk: str | bytes = "") -> None:
                written.append(chunk if isinstance(chunk, bytes) else chunk.encode())

        return Handler

    async def begin(self, user: str = "stu", course: str = "2", **how: Any) -> Answer:
        target = how.pop("target", "")
        fields = self.platform.initiation(user, course, target)
        return await self.ask(self.platform.tool.login_url, fields, **how)

    async def launch(self, user: str = "stu", course: str = "2", **how: Any) -> Answer:
        """A whole launch in a window of its own."""
        begun = await self.begin(user, course, target=how.pop("target", ""))
        form = self.platform.respond(begun.query)
        return await self.finish(begun, form, **how)

    async def finish(self, begun: Answer, form: Mapping[str, Any], **how: Any) -> Answer:
        cookies = how.pop("cookies", begun.cookies)
        return await self.ask(self.platform.tool.redirect_uris[0], form, cookies=cookies, **how)


@pytest.fixture(autouse=True)
def launches(monkeypatch: pytest.MonkeyPatch) -> Iterator[Launches]:
    some = Launches()
    monkeypatch.setattr(launch, "LAUNCHES", some)
    yield some
    provide(None)


# -- beginning -----------------------------------------------------------------------------------------------------


async def test_a_browser_is_sent_to_the_platform_with_state_nonce_and_a_secret() -> None:
    answer = await World().begin()

    assert answer.status == 302
    assert answer.location.startswith("https://lms.school.example/mod/lti/auth.php?")
    assert answer.query["redirect_uri"] == f"{HUB}/hub/edu/lti/lms/launch"
    assert {"state", "nonce", "login_hint", "lti_message_hint"} <= answer.query.keys()
    assert set(answer.cookies) == {"__Host-edu-lti"}


async def test_the_secret_goes_along_across_sites_and_to_no_script(monkeypatch: Any) -> None:
    sent: list[dict[str, Any]] = []

    def note(self: Any, name: str, value: str, **how: Any) -> None:
        sent.append({"name": name, **how})

    monkeypatch.setattr(web.RequestHandler, "set_cookie", note)
    await World().begin()
    await World("http://127.0.0.1:8000/").begin()
    assert sent == [
        {
            "name": "__Host-edu-lti",
            "path": "/",
            "httponly": True,
            "max_age": 600,
            "secure": True,
            "samesite": "None",
        },
        {"name": "edu-lti", "path": "/", "httponly": True, "max_age": 600},
    ]


async def test_two_tabs_share_a_secret_and_both_launches_are_good() -> None:
    world = World()
    one = await world.begin()
    other = await world.begin(cookies=one.cookies)
    assert other.cookies == one.cookies
    for begun in (other, one):
        assert (await world.finish(begun, world.platform.respond(begun.query))).signed_in


UNFIT: dict[str, dict[str, Any]] = {
    "no issuer": {"iss": ""},
    "no hint": {"login_hint": ""},
    "no target": {"target_link_uri": ""},
    "a hint without end": {"login_hint": "x" * 5000},
    "a hint in two lines": {"login_hint": "a\r\nb"},
    "two issuers": {"iss": ["https://lms.school.example", "https://evil.example"]},
    "another issuer": {"iss": "https://evil.example"},
    "another client": {"client_id": "another"},
}


@pytest.mark.parametrize("changed", UNFIT.values(), ids=UNFIT)
async def test_who_is_not_known_is_sent_nowhere(changed: dict[str, Any]) -> None:
    world = World()
    fields: dict[str, Any] = {**world.platform.initiation("stu"), **changed}
    answer = await world.ask(world.platform.tool.login_url, fields)
    assert answer.status in {400, 403}
    assert not answer.location
    assert not answer.cookies


@pytest.mark.parametrize("step", ["login", "launch", "config", "config.json", "jwks"])
async def test_a_source_that_a_reload_took_away_is_not_found(step: str) -> None:
    world = World()
    world.core.refresher.sources.clear()
    answer = await world.ask(f"{HUB}/hub/edu/lti/lms/{step}", None)
    assert answer.status == 404


# -- the way out of a frame ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["iframe", "frame", "embed", "object", "fencedframe"])
async def test_in_a_frame_a_page_opens_a_window(place: str) -> None:
    world = World(tool_name="Lab " + EVIL)
    answer = await world.begin(Sec_Fetch_Dest=place)

    assert answer.status == 200
    assert not answer.cookies
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors https://lms.school.example" in policy
    assert "default-src 'none'" in policy
    page = BeautifulSoup(answer.text, "html.parser")
    assert not page.select("script")
    link = page.a
    assert link is not None
    assert (link["target"], link["rel"]) == ("_blank", ["noopener", "noreferrer"])

    begun = await world.ask(str(link["href"]), Sec_Fetch_Dest="document")
    assert begun.status == 302
    assert (await world.finish(begun, world.platform.respond(begun.query))).signed_in


async def test_a_stranger_learns_nothing_in_a_frame() -> None:
    world = World()
    fields = {**world.platform.initiation("stu"), "iss": "https://evil.example"}
    answer = await world.ask(world.platform.tool.login_url, fields, Sec_Fetch_Dest="iframe")
    assert answer.status == 403
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


async def test_without_its_cookie_a_launch_begins_anew_in_a_window_and_once_only() -> None:
    world = World()
    begun = await world.begin()
    answer = await world.finish(begun, world.platform.respond(begun.query), cookies={})
    assert not answer.signed_in
    link = BeautifulSoup(answer.text, "html.parser").a
    assert link is not None
    assert "Open in a new window" in link.text

    again = await world.ask(str(link["href"]))
    refused = await world.finish(again, world.platform.respond(again.query), cookies={})
    assert refused.status == 403
    assert "keeps no cookies" in refused.text


# -- the launch ----------------------------------------------------------------------------------------------------


async def test_a_launch_lands_on_the_start_page_with_its_course_chosen() -> None:
    world = World()
    answer = await world.launch("tea", "5")

    assert answer.signed_in
    assert (answer.status, answer.location) == (302, "/hub/spawn?chosen=intro")
    person = world.core.roll.by_hub_name("tea")
    assert person is not None
    assert world.core.roll.courses(person, world.clock()) == {"intro": CourseRole.TEACHER}


async def test_a_course_that_is_none_of_ours_is_not_chosen() -> None:
    world = World()
    world.platform.courses["2"].label = "cooking"
    assert (await world.launch()).location == "/hub/spawn"


TARGETS: dict[str, tuple[str, str]] = {
    "the tool": (f"{HUB}/hub/edu/lti/lms/launch", "/hub/spawn?chosen=ml"),
    "the hub": (f"{HUB}/", "/hub/spawn?chosen=ml"),
    "the hub without a slash": (HUB, "/hub/spawn?chosen=ml"),
    "the hub's pages": (f"{HUB}/hub", "/hub/spawn?chosen=ml"),
    "a file on the own server": (
        f"{HUB}/hub/user-redirect/lab/tree/a?x=1",
        "/hub/spawn?chosen=ml&next=%2Fhub%2Fuser-redirect%2Flab%2Ftree%2Fa%3Fx%3D1",
    ),
    "the desk": (f"{HUB}/hub/edu/courses/ml", "/hub/edu/courses/ml"),
}


@pytest.mark.parametrize(("target", "location"), TARGETS.values(), ids=TARGETS)
async def test_where_a_link_leads(target: str, location: str) -> None:
    assert (await World().launch(target=target)).location == location


AWAY = [
    "https://evil.example/",
    "https://hub.school.example.evil.example/hub/",
    "https://hub.school.example@evil.example/",
    "https://hub.school.example:444/hub/",
    "http://hub.school.example/hub/",
    "//evil.example/hub/",
    "javascript:alert(1)",
    "https://hub.school.example//evil.example/",
    "https://hub.school.example/\\evil.example/",
    "https://hub.school.example/hub/../../evil",
    "https://[hub.school.example/",
    "/hub/home",
    "hub",
]


@pytest.mark.parametrize("target", AWAY)
async def test_a_link_that_leads_away_lets_nobody_in(target: str) -> None:
    answer = await World().launch(target=target)
    assert answer.status == 400
    assert not answer.signed_in
    assert not answer.location


async def test_below_a_prefix_everything_is_below_it() -> None:
    world = World(HUB + "/jupyter/")
    begun = await world.begin()
    assert begun.query["redirect_uri"] == f"{HUB}/jupyter/hub/edu/lti/lms/launch"
    answer = await world.finish(begun, world.platform.respond(begun.query))
    assert answer.location == "/jupyter/hub/spawn?chosen=ml"
    outside = await world.launch(target=f"{HUB}/other/")
    assert outside.status == 400


async def test_a_nonce_is_good_once(launches: Launches) -> None:
    world = World()
    begun = await world.begin()
    form = world.platform.respond(begun.query)
    assert (await world.finish(begun, form)).signed_in
    again = await world.finish(begun, form)
    assert again.status == 400
    assert not again.signed_in
    assert len(launches) == 1


async def test_the_state_of_one_browser_is_no_state_of_another() -> None:
    world = World()
    victim, thief = await world.begin("stu"), await world.begin("ann")
    form = world.platform.respond(thief.query)
    answer = await world.finish(thief, form, cookies=victim.cookies)
    assert not answer.signed_in


async def test_the_token_of_another_launch_is_denied() -> None:
    world = World()
    one, other = await world.begin(), await world.begin("ann")
    form = {**world.platform.respond(one.query), "state": other.query["state"]}
    answer = await world.finish(other, form)
    assert answer.status == 403
    assert not answer.signed_in


FORMS: dict[str, dict[str, Any]] = {
    "no state": {"state": ""},
    "two states": {"state": ["x", "y"]},
    "a state of nobody": {"state": "x" * 100},
    "a state that is no text": {"state": b"\xff\xfe"},
    "a state without end": {"state": "x" * 100_000},
    "no token": {"id_token": ""},
    "two tokens": {"id_token": ["a.b.c", "a.b.c"]},
    "a token that is none": {"id_token": "a.b.c"},
    "a token that is no text": {"id_token": b"\xff"},
    "an error in its place": {"error": "login_required", "id_token": ""},
}


@pytest.mark.parametrize("changed", FORMS.values(), ids=FORMS)
async def test_a_form_that_is_no_launch_lets_nobody_in(changed: dict[str, Any]) -> None:
    world = World()
    begun = await world.begin()
    form = {**world.platform.respond(begun.query), **changed}
    answer = await world.finish(begun, form)
    assert answer.status in {400, 403}
    assert not answer.signed_in


async def test_a_silent_platform_is_said_to_be_silent() -> None:
    world = World()
    begun = await world.begin()
    form = world.platform.respond(begun.query)
    world.web.down = True
    answer = await world.finish(begun, form)
    assert answer.status == 503
    assert "does not answer" in answer.text


async def test_ltiauthenticators_validator_looks_too() -> None:
    world = World()
    authenticator = world.app.settings["authenticator"]
    authenticator.config.LTI13LaunchValidator.max_age = -10_000_000_000
    answer = await world.launch()
    assert answer.status == 403
    assert not answer.signed_in


async def test_the_log_names_no_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world = World()
    begun = await world.begin()
    form = world.platform.respond(begun.query)
    await world.finish(begun, {**form, "id_token": form["id_token"][:-4] + "AAAA"})
    await world.finish(begun, form)
    assert form["id_token"].split(".")[1] not in caplog.text
    assert begun.query["state"] not in caplog.text


# -- any number of them --------------------------------------------------------------------------------------------


async def test_bad_launches_without_end_are_remembered_nowhere(launches: Launches) -> None:
    world = World()
    begun = await world.begin()
    good = world.platform.respond(begun.query)
    for number in range(300):
        bad = {**good, "id_token": f"{good['id_token'][:-6]}{number:06}"}
        await world.finish(begun, bad)
    assert len(launches) == 0
    assert not world.core.roll.by_hub_name("stu")


# -- what administrators of platforms read -------------------------------------------------------------------------


async def test_the_configuration_holds_addresses_and_nothing_else() -> None:
    world = World(tool_name="Lab")
    answer = await world.ask(f"{HUB}/hub/edu/lti/lms/config.json")
    assert f"{HUB}/hub/edu/lti/lms/launch" in answer.text
    assert "hub-at-school" not in answer.text, "client ids are nobody's business"
    keys = await world.ask(f"{HUB}/hub/edu/lti/lms/jwks")
    assert '"kty": "RSA"' in keys.text
    assert '"d"' not in keys.text


async def test_the_addresses_of_ltiauthenticator_go_on_working() -> None:
    world = World()
    begun = await world.ask(f"{HUB}/hub/lti13/oauth_login", world.platform.initiation("stu"))
    assert begun.query["redirect_uri"] == f"{HUB}/hub/lti13/oauth_callback"
    form = world.platform.respond(begun.query)
    answer = await world.ask(f"{HUB}/hub/lti13/oauth_callback", form, cookies=begun.cookies)
    assert answer.signed_in
    told = await world.ask(f"{HUB}/hub/lti13/config")
    assert f"{HUB}/hub/lti13/oauth_login" in told.text


async def test_with_two_sources_of_launches_the_former_addresses_mean_none() -> None:
    world = World()
    world.core.refresher.sources["other"] = world.source
    fields = world.platform.initiation("stu")
    assert (await world.ask(f"{HUB}/hub/lti13/oauth_login", fields)).status == 404
