"""From the login page to a running server and back, on a real hub of either version with local servers.

The servers are the ones that start at once; JupyterLab itself is started by the tests of the pages.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bs4 import BeautifulSoup

from .browser import Browser
from .server import ROOT, VERSIONS, Hub

DEMO = ROOT / "deploy" / "demo" / "campus.yaml"
CONFIG = f"""
import os

import jupyterhub_edu

jupyterhub_edu.setup(c, {str(DEMO)!r}, spawner="local")
c.EduLocalSpawner.home_dir_template = "{{cwd}}/homes/{{{{username}}}}".format(cwd=os.getcwd())
c.Spawner.args = ["--allow-root"]
c.Spawner.http_timeout = c.Spawner.start_timeout = 120
"""


SERVERS_AT_ONCE = f"""
import sys

c.Spawner.cmd = [sys.executable, {str(ROOT / "tests" / "hub" / "tiny_server.py")!r}]
c.Spawner.args = []
"""


@pytest.fixture(scope="module", params=list(VERSIONS), ids=lambda version: f"hub-{version}")
def one_hub(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hub]:
    hub = Hub(tmp_path_factory.mktemp("hub"), CONFIG + SERVERS_AT_ONCE, version=request.param)
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture
def hub(one_hub: Hub) -> Iterator[Hub]:
    """One hub for all tests of a version; every server is stopped after each."""
    yield one_hub
    for name in ("stu", "sue", "sam"):
        one_hub.api(f"users/{name}/server", method="DELETE")


def log_in(hub: Hub, name: str) -> Browser:
    browser = hub.browser()
    reply = browser.log_in(name, "demo")
    assert reply.status_code == 200, hub.tail()
    assert "/hub/spawn" in str(reply.url) or "/hub/home" in str(reply.url), reply.url
    return browser


def groups(hub: Hub, name: str) -> set[str]:
    return set(hub.api(f"users/{name}").json()["groups"])


def test_the_quota_is_exact_and_the_refused_are_told_why(hub: Hub) -> None:
    stu, sue, sam = (log_in(hub, name) for name in ("stu", "sue", "sam"))
    for browser, name in ((stu, "stu"), (sue, "sue")):
        assert browser.start(choice="ml/gpu").status_code == 302, hub.tail()
        browser.wait_for_server(name)
    waits = sam.post("/hub/spawn", {"choice": "ml/gpu"})
    assert waits.url.path == "/hub/edu/line/"
    assert "All Pretend GPU that Machine Learning may use now are in use." in waits.text
    sam.post("/hub/edu/line/")

    body = {"course": "ml", "profile": "gpu"}
    by_rest = hub.api("users/sam/server", method="POST", json=body)
    assert by_rest.status_code == 409
    assert int(by_rest.headers["Retry-After"]) > 0
    assert [reason["code"] for reason in by_rest.json()["reasons"]] == ["course-quota"]

    assert hub.api("users/stu/server", method="DELETE").status_code in {202, 204}
    assert sam.start(choice="ml/gpu").status_code == 302, hub.tail()
    sam.wait_for_server("sam")


def test_the_link_of_a_course_leads_through_login_and_start_to_a_file(hub: Hub) -> None:
    link = "/hub/edu/go/ml?profile=gpu&path=week%201%2Fa.ipynb"
    file = "/user/stu/lab/tree/week%201/a.ipynb"
    stu = hub.browser()
    login = BeautifulSoup(stu.get(link).text, "html.parser").select_one("form[method=post]")
    assert login is not None, hub.tail()
    reply = stu.post(str(login["action"]), {"username": "stu", "password": "demo"})
    assert reply.url.path == "/hub/spawn", hub.tail()
    start = BeautifulSoup(reply.text, "html.parser")
    checked = start.select("input[name=choice][checked]")
    assert [radio["value"] for radio in checked] == ["ml/gpu"]
    form = start.select_one("form[method=post]")
    assert form is not None
    stu.post(str(form["action"]), {"choice": "ml/gpu"})
    stu.wait_for_server("stu")
    assert stu.get(link).url.raw_path.decode() == file

    nils = log_in(hub, "nils")
    assert nils.get(link).url.path == "/hub/edu/join/ml"
    assert nils.get("/hub/edu/go/stats").status_code == 404
    assert nils.get("/hub/edu/go/nowhere").status_code == 404


def test_people_get_the_groups_of_their_courses_and_keep_others(hub: Hub) -> None:
    log_in(hub, "tea")
    assert groups(hub, "tea") == {"edu:ml:teacher", "edu:intro:student"}
    hub.api("groups/chess", method="POST", json={"users": ["tea"]})
    log_in(hub, "tea")
    assert groups(hub, "tea") == {"edu:ml:teacher", "edu:intro:student", "chess"}


def test_a_login_puts_right_what_was_changed_at_the_hub(hub: Hub) -> None:
    of_courses = {"edu:ml:teacher", "edu:intro:student"}
    for _ in range(2):
        log_in(hub, "tea")
    left = hub.api("groups/edu:ml:teacher/users", method="DELETE", json={"users": ["tea"]})
    assert left.status_code == 200
    hub.api("groups/edu:intro:student", method="DELETE")
    assert not groups(hub, "tea") & of_courses
    log_in(hub, "tea")
    assert groups(hub, "tea") >= of_courses

    assert hub.api("users/tea", method="DELETE").status_code == 204
    log_in(hub, "tea")
    assert groups(hub, "tea") == of_courses
    assert hub.api("users/tea").json()["roles"] == ["user"], "a new account"


def test_wrong_passwords_and_unknown_names_get_the_same_answer(hub: Hub) -> None:
    browser = hub.browser()
    wrong, unknown = browser.log_in("stu", "no"), browser.log_in("nobody", "demo")
    assert (wrong.status_code, unknown.status_code) == (403, 403)
    assert "Invalid username or password" in wrong.text
    assert "Invalid username or password" in unknown.text


def test_an_account_that_exists_is_not_taken_over(hub: Hub) -> None:
    hub.api("users/ian", method="POST")
    reply = hub.browser().log_in("ian", "demo")
    assert reply.status_code == 403
    assert "it@demo.example" in reply.text


def test_admin_comes_from_the_file(hub: Hub) -> None:
    log_in(hub, "admin")
    log_in(hub, "tea")
    assert hub.api("users/admin").json()["admin"] is True
    assert hub.api("users/tea").json()["admin"] is False


def test_a_killed_hub_knows_the_same_book(hub: Hub) -> None:
    stu, sue, _ = (log_in(hub, name) for name in ("stu", "sue", "sam"))
    for browser, name in ((stu, "stu"), (sue, "sue")):
        assert browser.start(choice="ml/gpu").status_code == 302, hub.tail()
        browser.wait_for_server(name)
    hub.kill()
    hub.start()
    body = {"course": "ml", "profile": "gpu"}
    refused = hub.api("users/sam/server", method="POST", json=body)
    assert refused.status_code == 409, hub.tail()
    assert stu.wait_for_server("stu").status_code == 200
