"""From a course page of a learning platform to a running server of that course, on a real hub of either version."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from bs4 import BeautifulSoup

from tests.fakes.lti import MOODLE, FakePlatform, PlatformThread

from .browser import Browser
from .launches import a_hub, launch, submit
from .server import VERSIONS, Hub


@pytest.fixture(scope="module")
def thread() -> Iterator[PlatformThread]:
    with PlatformThread(MOODLE) as thread:
        yield thread


@pytest.fixture(scope="module", params=list(VERSIONS), ids=lambda version: f"hub-{version}")
def one_hub(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    thread: PlatformThread,
) -> Iterator[Hub]:
    hub = a_hub(tmp_path_factory.mktemp("hub"), request.param, thread)
    try:
        yield hub.start()
    finally:
        hub.stop()


@pytest.fixture
def hub(one_hub: Hub) -> Iterator[Hub]:
    yield one_hub
    for name in ("stu", "tea", "ann"):
        one_hub.api(f"users/{name}/server", method="DELETE")


@pytest.fixture
def moodle(thread: PlatformThread) -> FakePlatform:
    return thread.platform


def groups(hub: Hub, name: str) -> set[str]:
    return set(hub.api(f"users/{name}").json()["groups"])


def until(condition: Callable[[], bool], within: float = 120) -> None:
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.2)


def chosen(reply: httpx.Response) -> list[str]:
    page = BeautifulSoup(reply.text, "html.parser")
    return [str(radio["value"]) for radio in page.select("input[name=choice][checked]")]


def test_a_launch_ends_in_a_running_server_of_its_course(hub: Hub, moodle: FakePlatform) -> None:
    stu = hub.browser()
    reply = launch(stu, moodle, "stu", "5")
    assert reply.status_code == 200, hub.tail()
    assert reply.url.path == "/hub/spawn"
    assert chosen(reply) == ["intro/notebook"], "the launch's course, though ml stands above it"

    started = stu.start(choice="intro/notebook")
    assert started.status_code == 302, started.text
    stu.wait_for_server("stu")
    server = hub.api("users/stu").json()["servers"][""]
    assert server["ready"]
    assert server["user_options"]["course"] == "intro"
    assert "edu:intro:student" in groups(hub, "stu")


def test_each_launch_adds_its_course_and_takes_nothing(hub: Hub, moodle: FakePlatform) -> None:
    stu = hub.browser()
    launch(stu, moodle, "stu", "5")
    reply = launch(stu, moodle, "stu", "2")
    assert chosen(reply)[0].startswith("ml/")
    assert groups(hub, "stu") >= {"edu:intro:student", "edu:ml:student"}


def test_teachers_and_assistants_are_told_apart_by_the_roster(
    hub: Hub, moodle: FakePlatform
) -> None:
    for name, role in (("tea", "teacher"), ("ann", "assistant")):
        launch(hub.browser(), moodle, name)
        assert f"edu:ml:{role}" in groups(hub, name), hub.tail()


def test_who_leaves_the_course_starts_nothing_there(hub: Hub, moodle: FakePlatform) -> None:
    sue = hub.browser()
    launch(sue, moodle, "sue")
    del moodle.courses["2"].roles["sue"]
    try:
        until(lambda: not [g for g in groups(hub, "sue") if g.startswith("edu:ml:")])
        refused = hub.api(
            "users/sue/server", method="POST", json={"course": "ml", "profile": "notebook"}
        )
        assert refused.status_code in {403, 409}, refused.text
    finally:
        moodle.courses["2"].roles["sue"] = "student"


def test_a_launch_is_good_once_and_in_its_own_browser(hub: Hub, moodle: FakePlatform) -> None:
    stu, thief = hub.browser(), hub.browser()
    stu.elsewhere("GET", f"{moodle.url}/login?user=stu")
    answer = submit(stu, stu.elsewhere("GET", f"{moodle.url}/launch/2"))

    stolen = submit(thief, answer)
    assert "Open in a new window" in stolen.text
    assert not is_in(thief)
    assert submit(stu, answer).url.path == "/hub/spawn"
    again = submit(stu, answer)
    assert again.status_code == 400
    assert "used before" in again.text


def is_in(browser: Browser) -> bool:
    return browser.get("/hub/home").url.path == "/hub/home"


def test_a_changed_answer_lets_nobody_in(hub: Hub, moodle: FakePlatform) -> None:
    for changed in ({"id_token": "x"}, {"id_token": "a.b.c"}, {"state": "x"}, {"id_token": ""}):
        browser = hub.browser()
        browser.elsewhere("GET", f"{moodle.url}/login?user=stu")
        answer = submit(browser, browser.elsewhere("GET", f"{moodle.url}/launch/2"))
        refused = submit(browser, answer, **changed)
        assert refused.status_code in {400, 403}, changed
        assert "Signing in did not work" in refused.text
        assert not is_in(browser)


def test_in_a_frame_a_window_is_opened_and_nothing_is_begun(
    hub: Hub, moodle: FakePlatform
) -> None:
    browser = hub.browser()
    fields = moodle.initiation("stu")
    reply = browser.elsewhere(
        "POST",
        moodle.tool.login_url,
        data=fields,
        headers={"Sec-Fetch-Dest": "iframe"},
    )
    assert reply.status_code == 200
    assert "edu-lti" not in str(reply.headers.get_list("set-cookie"))
    policy = reply.headers["Content-Security-Policy"]
    assert f"frame-ancestors {moodle.url}" in policy
    assert "frame-ancestors 'none'" not in policy

    link = BeautifulSoup(reply.text, "html.parser").a
    assert link is not None
    browser.elsewhere("GET", f"{moodle.url}/login?user=stu")
    answer = browser.elsewhere("GET", str(link["href"]))
    assert submit(browser, answer).url.path == "/hub/spawn"


def test_only_that_page_may_stand_in_a_frame(hub: Hub, moodle: FakePlatform) -> None:
    stu = hub.browser()
    launch(stu, moodle, "stu")
    for path in ("/hub/spawn", "/hub/edu/lti/lms/config", "/hub/edu/lti/lms/launch"):
        assert "frame-ancestors 'none'" in stu.get(path).headers["Content-Security-Policy"], path


def test_what_the_platforms_administrator_needs_is_there_for_everybody(hub: Hub) -> None:
    stranger = hub.browser()
    page = stranger.get("/hub/edu/lti/lms/config")
    assert page.status_code == 200
    told = stranger.get("/hub/edu/lti/lms/config.json").json()
    assert told["target_link_uri"] == f"{hub.url}/hub/edu/lti/lms/launch"
    for address in (told["oidc_initiation_url"], told["public_jwk_url"], told["target_link_uri"]):
        assert address in page.text
    (key,) = stranger.get("/hub/edu/lti/lms/jwks").json()["keys"]
    assert key["kty"] == "RSA"
    assert "d" not in key
    assert stranger.get("/hub/edu/lti/demo/config").status_code == 404


def test_nothing_secret_is_logged(hub: Hub, moodle: FakePlatform) -> None:
    stu = hub.browser()
    stu.elsewhere("GET", f"{moodle.url}/login?user=stu")
    answer = submit(stu, stu.elsewhere("GET", f"{moodle.url}/launch/2"))
    token = str(BeautifulSoup(answer.text, "html.parser").select_one("[name=id_token]")["value"])  # type: ignore[index]
    submit(stu, answer)
    log = hub.log.read_text(errors="replace")
    assert token.split(".")[2] not in log
    assert "PRIVATE KEY" not in log
