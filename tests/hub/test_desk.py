"""The desk on a real hub of either version: pages by cookie, the API by cookie and token, stops by both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from bs4 import BeautifulSoup
from typer.testing import CliRunner

from jupyterhub_edu.cli import main
from tests.prometheus.promises import compared, families, questions, scrape_config, unpromised
from tests.prometheus.server import Prometheus, lint

from .browser import Browser
from .server import ROOT, VERSIONS, Hub

TINY = ROOT / "tests" / "hub" / "tiny_server.py"
DEMO = ROOT / "deploy" / "demo" / "campus.yaml"
CONFIG = f"""
import sys

import jupyterhub_edu

jupyterhub_edu.setup(c, {str(DEMO)!r}, spawner="local")
c.EduLocalSpawner.home_dir_template = "homes/{{username}}"
c.Spawner.cmd = [sys.executable, {str(TINY)!r}]
c.JupyterHub.load_roles.append(
    {{"name": "teas-robot", "scopes": ["custom:edu:manage"], "services": ["robot"]}}
)
c.JupyterHub.services.append({{"name": "robot", "api_token": "robot-robot-robot"}})
c.JupyterHub.load_roles.append(
    {{"name": "prometheus", "scopes": ["read:metrics"], "services": ["prometheus"]}}
)
c.JupyterHub.services.append({{"name": "prometheus", "api_token": "reads-metrics-alone"}})
"""


class Desk:
    """A hub with the demo's people, ``stu`` and ``sue`` with a GPU each and nobody else with a server."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self._browsers: dict[str, Browser] = {}
        for name in ("stu", "sue"):
            self.start(name)

    def close(self) -> None:
        """Close the browsers, and stop what tests start."""
        for browser in self._browsers.values():
            browser.close()
        for name in ("stu", "sue", "sam"):
            self.hub.api(f"users/{name}/server", method="DELETE")
            self.wait_until_gone(name)

    def browser(self, name: str) -> Browser:
        """Somebody's browser, logged in."""
        if name not in self._browsers:
            self._browsers[name] = self.hub.browser()
            self._browsers[name].log_in(name, "demo")
        return self._browsers[name]

    def start(self, name: str) -> None:
        assert self.browser(name).start(choice="ml/gpu").status_code == 302, self.hub.tail()
        self.browser(name).wait_for_server(name)

    def api(self, path: str, token: str, method: str = "GET") -> httpx.Response:
        return self.hub.api(f"edu/{path}", token=token, method=method)

    @staticmethod
    def eventually(ask: Callable[[], list[Any]]) -> list[Any]:
        """What it gives once it gives anything."""
        end = time.monotonic() + 120
        while not (found := ask()):
            assert time.monotonic() < end, "nothing came"
            time.sleep(0.2)
        return found

    def wait_until_gone(self, name: str) -> None:
        """Until the hub has no server of this account."""
        end = time.monotonic() + 120
        while time.monotonic() < end:
            if not self.hub.api(f"users/{name}").json().get("servers"):
                return
            time.sleep(0.2)
        raise TimeoutError(f"{name}'s server still runs\n{self.hub.tail()}")


@pytest.fixture(scope="module", params=list(VERSIONS), ids=lambda version: f"hub-{version}")
def one_hub(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hub]:
    hub = Hub(tmp_path_factory.mktemp("hub"), CONFIG, version=request.param)
    try:
        yield hub.start()
    finally:
        hub.stop()


@pytest.fixture
def desk(one_hub: Hub) -> Iterator[Desk]:
    """One hub for all tests of a version; who has a server is as it was at first."""
    desk = Desk(one_hub)
    yield desk
    desk.close()


@pytest.fixture
def fresh_desk(start_hub: Callable[..., Hub]) -> Iterator[Desk]:
    """A hub of its own, on which nobody has used anything before."""
    desk = Desk(start_hub(CONFIG))
    yield desk
    desk.close()


def people(page: BeautifulSoup) -> list[str]:
    """Accounts in the table of who is on."""
    return [account.get_text(strip=True) for account in page.select(".edu-now tbody th div")]


def codes(reply: httpx.Response) -> list[Any]:
    return [reason["code"] for reason in reply.json()["reasons"]]


def test_everybody_sees_what_is_theirs_on_the_pages(desk: Desk) -> None:
    seen = {
        name: people(desk.browser(name).page("/hub/edu/courses/ml"))
        for name in ("tea", "asa", "ola", "admin", "stu", "sam")
    }
    everybody = ["stu", "sue"]
    assert seen == {
        "tea": everybody,
        "asa": everybody,
        "ola": everybody,
        "admin": everybody,
        "stu": ["stu"],
        "sam": [],
    }

    def stops(name: str) -> int:
        acts = desk.browser(name).page("/hub/edu/courses/ml").select(".edu-act a")
        return sum(act.get_text(strip=True).startswith("Stop") for act in acts)

    assert [stops(name) for name in ("tea", "asa", "admin", "ola", "stu")] == [2, 2, 2, 0, 1]

    outside = desk.browser("ian").get("/hub/edu/courses/ml")
    nowhere = desk.browser("ian").get("/hub/edu/courses/nowhere")
    assert (outside.status_code, nowhere.status_code) == (404, 404)
    assert outside.text.replace("/ml", "/nowhere") == nowhere.text

    home = desk.browser("tea").page("/hub/home")
    assert home.find("a", string="My courses", href="/hub/edu/"), "no way to the desk"
    reply = desk.browser("tea").get("/hub/edu")
    titles = [a.get_text() for a in BeautifulSoup(reply.text, "html.parser").select("main h2 a")]
    assert titles == ["Machine Learning", "Programming for All"]
    assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]
    assert desk.browser("nils").page("/hub/edu/").select("main h2") == []
    hostile = desk.browser("admin").page("/hub/edu/")
    assert 'Statistics and "R" <for everybody>' in hostile.get_text()

    stranger = desk.hub.browser().get("/hub/edu/courses/ml")
    assert stranger.url.path == "/hub/login"
    assert stranger.url.params["next"].endswith("/hub/edu/courses/ml")


def test_a_teacher_stops_one_after_being_asked(desk: Desk) -> None:
    tea = desk.browser("tea")
    here = "/hub/edu/courses/ml/stop/stu"
    session = str(tea.page(here).select("input[name=session]")[0]["value"])

    without_token = tea.post(here, {"session": session, "_xsrf": "x"})
    assert without_token.status_code == 403
    others = {
        name: desk.browser(name).post(here, {"session": session}, follow_redirects=False)
        for name in ("ola", "sue", "ian")
    }
    # A classmate is sent back to a course in which, for her, there is no such session.
    assert {name: reply.status_code for name, reply in others.items()} == {
        "ola": 403,
        "sue": 303,
        "ian": 404,
    }
    elsewhere = tea.post(here, {"session": "f" * 32, "next": "//evil.example"})
    assert elsewhere.url.path == "/hub/edu/courses/ml"
    assert people(tea.page("/hub/edu/courses/ml")) == ["stu", "sue"]

    after = tea.post(here, {"session": session})
    assert after.url.path == "/hub/edu/courses/ml"
    banner = BeautifulSoup(after.text, "html.parser").select_one("[role=status]")
    assert banner is not None
    assert "The session of Stu Student (stu)" in banner.get_text()
    desk.wait_until_gone("stu")
    assert "has ended" in tea.get(f"/hub/edu/courses/ml?stopped={session}").text
    assert people(tea.page("/hub/edu/courses/ml")) == ["sue"]

    desk.start("sam")
    again = tea.post(here, {"session": session})
    assert "has ended" in again.text
    assert people(tea.page("/hub/edu/courses/ml")) == ["sue", "sam"]


def test_the_api_gives_a_token_what_its_owner_may_and_its_scopes_allow(desk: Desk) -> None:
    def token(name: str, *scopes: str) -> str:
        return desk.browser(name).token(name, list(scopes) or None)

    reader = token("tea", "custom:edu:read")
    manager = token("tea", "custom:edu:manage")
    whole = token("tea")
    neither = token("tea", "read:users:name!user")

    for key in (reader, manager, whole):
        courses = desk.api("courses", key).json()["items"]
        assert [(c["id"], c["role"]) for c in courses] == [("intro", "student"), ("ml", "teacher")]
        assert desk.api("courses/ml", key).json()["sessions"] == 2
        servers = desk.api("courses/ml/servers", key).json()["items"]
        assert [(s["user"], s["devices"], s["share"]) for s in servers] == [
            ("stu", 1, "own"),
            ("sue", 1, "own"),
        ]
    assert desk.api("courses", neither).status_code == 403
    assert desk.api("courses/ml/servers/stu", reader, "DELETE").status_code == 403

    student = token("stu", "custom:edu:manage")
    assert [s["user"] for s in desk.api("courses/ml/servers", student).json()["items"]] == ["stu"]
    refused = desk.api("courses/ml/servers/sue", student, "DELETE")
    assert (refused.status_code, codes(refused)) == (404, ["no-such-session"])
    observer = token("ola", "custom:edu:manage")
    refused = desk.api("courses/ml/servers/sue", observer, "DELETE")
    assert (refused.status_code, codes(refused)) == (403, ["not-allowed"])
    other = token("ian", "custom:edu:manage")
    for path, method in (
        ("courses/ml", "GET"),
        ("courses/ml/servers", "GET"),
        ("courses/ml/servers/stu", "DELETE"),
        ("courses/nowhere", "GET"),
    ):
        refused = desk.api(path, other, method)
        assert (refused.status_code, codes(refused)) == (404, ["no-such-course"]), path
    refused = desk.api("courses/intro/servers/stu", other, "DELETE")
    assert (refused.status_code, codes(refused)) == (404, ["no-such-session"])
    robot = desk.api("courses", "robot-robot-robot")
    assert (robot.status_code, codes(robot)) == (403, ["no-account"])
    assert desk.api("courses", "no such token").status_code == 403

    stopped = desk.api("courses/ml/servers/stu", manager, "DELETE")
    assert stopped.status_code in {202, 204}
    desk.wait_until_gone("stu")
    left = desk.api("courses/ml/servers", manager).json()["items"]
    assert [s["user"] for s in left] == ["sue"]
    gone = desk.api("courses/ml/servers/stu", manager, "DELETE")
    assert (gone.status_code, codes(gone)) == (404, ["no-such-session"])


def test_a_cookie_needs_the_token_of_a_page_of_the_hub(desk: Desk) -> None:
    tea = desk.browser("tea")
    fetch = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}
    assert tea.get("/hub/api/edu/courses", headers=fetch).status_code == 403
    with_token = {**fetch, "X-XSRFToken": tea.xsrf}
    assert tea.get("/hub/api/edu/courses", headers=with_token).status_code == 200
    metrics = desk.hub.api("../metrics").text
    assert 'jupyterhub_edu_warden_period_seconds{timer="reconcile"} 30.0' in metrics


def test_a_real_prometheus_reads_what_we_count_and_finds_no_fault_and_no_person(
    desk: Desk, start_prometheus: Callable[..., Prometheus], tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("reads-metrics-alone\n")
    here = {
        "static_configs": [{"targets": [f"127.0.0.1:{desk.hub.port}"]}],
        "scrape_interval": "2s",
    }
    job = {**scrape_config(), **here}
    other = {"job_name": "without-a-token", "metrics_path": job["metrics_path"], **here}
    prometheus = start_prometheus(
        {**job, "authorization": {"credentials_file": str(tmp_path / "token")}}, other
    )
    prometheus.wait_for(lambda: prometheus.targets()["jupyterhub"]["health"] == "up")
    assert "403" in prometheus.targets()["without-a-token"]["lastError"]

    # Every metric is known by its type; labels are keys of the campus file and words of fixed lists.
    known = prometheus.ask("metadata")
    assert {(name, known[name][0]["type"]) for name, _ in families()} == set(families())
    series = prometheus.ask("series", **{"match[]": '{__name__=~"jupyterhub_edu_.+"}'})
    assert unpromised(series, DEMO) == set()
    ours = [said for said in lint(desk.hub.api("../metrics").content) if "jupyterhub_edu_" in said]
    assert ours == []

    # What is asked on the first day is answered: the first refusal of its kind, too.
    body = {"course": "ml", "profile": "gpu"}
    desk.browser("sam")  # whose account begins with the first log-in
    refused = desk.hub.api("users/sam/server", method="POST", json=body)
    assert refused.status_code == 409
    asked = [*questions(), *questions("alarm")]
    assert len(asked) == 12
    prometheus.wait_for(lambda: all(prometheus.query(compared(one)) for one in asked))
    told = [one for one in questions() if "refusals" in one]
    prometheus.wait_for(lambda: all(prometheus.query(one) for one in told))
    assert [one for one in questions("alarm") if prometheus.query(one)] == []
    assert prometheus.complaints() == []


def test_administrators_see_the_sources_sync_rosters_and_answer_for_what_is_kept(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = desk.browser("admin").token("admin", None)
    teacher = desk.browser("tea").token("tea", None)

    def ask(path: str, method: str = "GET", token: str = admin, **how: Any) -> httpx.Response:
        return desk.hub.api(f"edu/{path}", token=token, method=method, **how)

    for path, method in (
        ("sources", "GET"),
        ("sources/demo/sync", "POST"),
        ("people/stu", "GET"),
        ("people/stu", "DELETE"),
    ):
        refused = ask(path, method, teacher)
        assert (refused.status_code, codes(refused)) == (403, ["admins-only"]), path

    synced = ask("sources/demo/sync", "POST", json={"course": "ML"})
    assert synced.status_code == 200, synced.text
    (ml,) = synced.json()["courses"]
    assert (ml["course"], ml["error"], ml["held"]) == ("ml", "", False)
    assert ml["people"] > 3
    (demo,) = ask("sources").json()
    shown = {course["course"]: course for course in demo["rosters"]["courses"]}
    assert shown["ml"]["people"] == ml["people"]
    assert shown["ml"]["complete_at"]
    assert ask("sources/demo/sync", "POST", json={"dry_run": True}).json()["error"] == ""

    for path, body, answer in (
        ("sources/nowhere/sync", {}, (404, ["no-such-source"])),
        ("sources/demo/sync", {"course": "nowhere"}, (404, ["no-such-source"])),
        ("sources/demo/sync", {"corse": "ml"}, (400, ["unreadable"])),
        ("sources/demo/sync", {"accept": True}, (400, ["unreadable"])),
        ("sources/demo/sync", ["ml"], (400, ["unreadable"])),
    ):
        refused = ask(path, "POST", json=body)
        assert (refused.status_code, codes(refused)) == answer, (path, body)

    monkeypatch.setenv("JUPYTERHUB_API_URL", f"{desk.hub.url}/hub/api")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", admin)
    command = CliRunner().invoke(main, ["sync", "--course", "ml"])
    assert (command.exit_code, command.stdout) == (0, "demo ml: nothing changed\n")
    why = ["explain", "--person", "demo:sam", "--course", "ML", "--profile", "gpu"]
    command = CliRunner().invoke(main, why)
    assert (command.exit_code, "[course-quota]" in command.stdout) == (0, True), command.output
    assert "free: 2 (4 on one machine" in command.stdout
    supposed = CliRunner().invoke(main, [*why, "--at", "2030-01-01T10:00", "--if-grant", "cap=9"])
    assert "supposing grant cap=9" in supposed.stdout
    wrong = CliRunner().invoke(main, [*why, "--if-grant", "cup=9"])
    assert (wrong.exit_code, "write hours=5" in wrong.stderr) == (2, True), wrong.output
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", teacher)
    command = CliRunner().invoke(main, ["person", "export", "stu"])
    assert (command.exit_code, "Only administrators" in command.stderr) == (2, True)

    kept = ask("people/stu").json()
    assert (kept["account"], kept["identities"][0]["key"]) == ("stu", "demo:stu")
    assert ask("people/demo:stu").json()["account"] == "stu"
    assert codes(ask("people/nobody")) == ["no-such-person"]
    for who in ("sue", "admin"):  # one has a server, the other stands in the campus file
        refused = ask(f"people/{who}", "DELETE")
        assert (refused.status_code, codes(refused)) == (409, ["not-erased"]), who
    erased = ask("people/demo:ola", "DELETE")
    assert erased.json()["erased_as"].startswith("erased-")
    assert codes(ask("people/demo:ola")) == ["no-such-person"]


def test_a_teacher_adds_and_excludes_people_by_hand(desk: Desk) -> None:
    teacher = desk.browser("tea").token("tea", None)
    student = desk.browser("sue").token("sue", None)

    def ask(body: Any, token: str = teacher, course: str = "ml") -> httpx.Response:
        path = f"edu/courses/{course}/people"
        return desk.hub.api(path, token=token, method="POST", json=body)

    for token, course, body, answer in (
        (student, "ml", {"person": "demo:ian", "role": "student"}, (403, ["not-yours-to-give"])),
        (teacher, "stats", {"person": "demo:ian", "role": "student"}, (404, ["no-such-course"])),
        (teacher, "ml", {"person": "demo:ian", "role": "teacher"}, (403, ["not-yours-to-give"])),
        (teacher, "ml", {"person": "demo:", "role": "student"}, (400, ["unreadable"])),
        (teacher, "ml", {"person": "demo:ian", "role": "dean"}, (400, ["unreadable"])),
        (teacher, "ml", {"person": "demo:ian"}, (400, ["unreadable"])),
        (
            teacher,
            "ml",
            {"person": "sue", "exclude": True, "role": "student"},
            (400, ["unreadable"]),
        ),
        (teacher, "ml", {"person": "sue", "exclude": True, "ends": "soon"}, (400, ["unreadable"])),
        (
            teacher,
            "ml",
            {"person": "sue", "exclude": True, "ends": "2026-12-18"},
            (400, ["unreadable"]),
        ),
        (teacher, "ml", ["sue"], (400, ["unreadable"])),
    ):
        refused = ask(body, token, course)
        assert (refused.status_code, codes(refused)) == answer, body

    excluded = ask({"person": "sue", "exclude": True, "why": "until the appeal"})
    assert (excluded.status_code, excluded.json()) == (201, {"person": "demo:sue"})
    own = desk.api("courses", student).json()["items"]
    assert [course["id"] for course in own if course["id"] == "ml"] == []

    back = desk.hub.api("edu/courses/ml/people/sue", token=teacher, method="DELETE")
    assert back.status_code == 204
    own = {course["id"]: course["role"] for course in desk.api("courses", student).json()["items"]}
    assert own["ml"] == "student"
    again = desk.hub.api("edu/courses/ml/people/sue", token=teacher, method="DELETE")
    assert (again.status_code, codes(again)) == (404, ["no-such-person"])


def test_everybody_sees_what_they_used_and_teachers_their_course(
    fresh_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = fresh_desk
    tokens = {
        name: desk.browser(name).token(name, ["custom:edu:read"])
        for name in ("stu", "sue", "tea", "ian", "admin")
    }

    def rows(name: str, query: str = "") -> list[dict[str, Any]]:
        reply = desk.api(f"usage{query}", tokens[name])
        assert reply.status_code == 200, reply.text
        found: list[dict[str, Any]] = reply.json()["rows"]
        return found

    assert rows("stu") == rows("tea", "?course=ml") == []

    assert desk.hub.api("users/stu/server", method="DELETE").status_code in {202, 204}
    desk.wait_until_gone("stu")

    own = desk.eventually(lambda: rows("stu"))
    assert [(row["course"], row["sessions"]) for row in own] == [("ml", 1)]
    assert own[0]["used"] == own[0]["running_ms"] * 1000  # one device of weight 1
    by_person = rows("tea", "?course=ml&by=person&by=day")
    assert [(row["person"], row["used"]) for row in by_person] == [("stu", own[0]["used"])]
    assert rows("admin") == own
    assert rows("tea", "?course=ML&person=demo:stu") == own
    assert rows("tea") == rows("sue", "?course=ml") == rows("admin", "?until=2020-01-01") == []

    for name, query, answer in (
        ("sue", "?course=ml&person=stu", (404, ["no-such-person"])),
        ("ian", "?course=ml", (404, ["no-such-course"])),
        ("admin", "?course=nowhere", (404, ["no-such-course"])),
        ("stu", "?by=week", (400, ["unreadable"])),
        ("stu", "?from=soon", (400, ["unreadable"])),
        ("stu", "?curse=ml", (400, ["unreadable"])),
    ):
        refused = desk.api(f"usage{query}", tokens[name])
        assert (refused.status_code, codes(refused)) == answer, (name, query)
    without = desk.browser("stu").token("stu", ["read:users:name!user"])
    assert desk.api("usage", without).status_code == 403

    monkeypatch.setenv("JUPYTERHUB_API_URL", f"{desk.hub.url}/hub/api")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", tokens["tea"])
    command = CliRunner().invoke(main, ["usage", "--course", "ml", "--by", "person"])
    assert command.exit_code == 0, command.stderr
    assert command.stdout.splitlines()[1].split()[:2] == ["stu", "1"]


def test_who_sends_too_much_is_told_so_on_pages_at_the_log_in_and_by_the_api(
    one_hub: Hub,
) -> None:
    large = b"x" * (9 * 2**20)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    browser = one_hub.browser()
    try:
        browser.log_in("tea", "demo")
        for path in ("/hub/edu/courses/ml/people/import", "/hub/spawn"):
            page = browser.raw("POST", path, content=large, headers=form)
            words = BeautifulSoup(page.text, "html.parser").get_text()
            assert (page.status_code, "8 MiB" in words, "Logout" in words) == (413, True, True)
            assert (
                browser.get("/hub/edu/").status_code == 200
            )  # the connection is as good as before
    finally:
        browser.close()
    stranger = one_hub.browser()
    try:
        asked = stranger.raw("POST", "/hub/login", content=large, headers=form)
        assert (asked.status_code, "8 MiB" in asked.text) == (413, True)
    finally:
        stranger.close()
    url = f"{one_hub.url}/hub/api/edu/courses/ml/grants"
    call = httpx.post(url, content=large, timeout=120)
    assert (call.status_code, call.json()["reasons"][0]["code"]) == (413, "too-large")
