"""Helping a student in their own server, on a hub where servers have domains of their own: opened, told, ended, over."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_lab import open_lab
from tests.hub.server import VERSIONS, Hub
from tests.hub.test_exam import SHARING
from tests.hub.test_start import CONFIG

People = Callable[..., Page]
Picture = Callable[[Page, str], None]
PATIENCE = 120_000


@pytest.fixture(scope="module", params=list(VERSIONS), ids=lambda version: f"hub-{version}")
def demo_hub(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hub]:
    """The demo's campus; browsers find every name below localhost on this machine."""
    hub = Hub(tmp_path_factory.mktemp("hub"), "", version=request.param)
    hub.url = f"http://localhost:{hub.port}"
    hub.configure(f"{CONFIG}\nc.JupyterHub.subdomain_host = {hub.url!r}\n{SHARING}")
    hub.start()
    yield hub
    hub.stop()


def test_a_teacher_is_let_in_until_the_student_ends_it(
    person: People, demo_hub: Hub, picture: Picture
) -> None:
    stu, tea = person("stu"), person("tea")
    open_lab(stu, "^Notebook")
    assert stu.url.startswith(f"http://stu.localhost:{demo_hub.port}/")
    server = f"http://stu.localhost:{demo_hub.port}/user/stu/api/contents"

    assert tea.goto(server).status == 403  # type: ignore[union-attr]
    tea.goto(f"{demo_hub.url}/hub/edu/courses/ml")
    tea.get_by_role("link", name=re.compile("^Help")).first.click()
    picture(tea, "help")
    tea.get_by_role("button", name=re.compile("Open it for 30 minutes")).click()
    expect(tea.get_by_role("status")).to_contain_text("has been told")
    assert shares_of(demo_hub, "stu") == ["tea"]
    picture(tea, "help-opened")
    told = stu.get_by_role("status").filter(has_text="I may open your server until")
    expect(told.or_(stu.get_by_text("I may open your server until")).first).to_be_visible()
    picture(stu, "help-in-lab")
    tea.get_by_role("link", name="Open the server").click()
    tea.get_by_role(
        "button", name="Authorize"
    ).click()  # the hub asks before it lets anybody in to another's server
    tea.wait_for_url("**/lab**", timeout=PATIENCE)
    expect(tea.locator("#jp-main-statusbar")).to_be_visible(timeout=PATIENCE)
    assert tea.goto(server).status == 200  # type: ignore[union-attr]

    stu.goto(f"{demo_hub.url}/hub/edu/")
    picture(stu, "helped")
    began = time.monotonic()
    stu.get_by_role("button", name=re.compile("End it")).click()
    expect(stu.get_by_role("button", name=re.compile("End it"))).to_have_count(0)
    while tea.goto(server).status != 403 and time.monotonic() - began < 120:  # type: ignore[union-attr]
        time.sleep(1)
    assert tea.goto(server).status == 403  # type: ignore[union-attr]
    print(f"out after {time.monotonic() - began:.0f} s")

    assert shares_of(demo_hub, "stu") == []  # nothing of ours is left behind


def test_what_the_student_shares_meanwhile_goes_on(person: People, demo_hub: Hub) -> None:
    hub, tea_page = demo_hub, person("tea")
    person("stu")
    stu, tea = (
        hub.api(f"users/{name}/tokens", method="POST", json={}).json()["token"]
        for name in ("stu", "tea")
    )
    wish = {"course": "ml", "profile": "notebook"}
    hub.api("users/stu/server", token=stu, method="POST", json=wish)
    end = time.monotonic() + 120
    while not hub.api("users/stu").json()["servers"].get("", {}).get("ready"):
        assert time.monotonic() < end, hub.tail()
        time.sleep(0.2)

    for way in ("by name", "by a code"):
        help = hub.api("edu/courses/ml/helps", token=tea, method="POST", json={"user": "stu"})
        assert (help.status_code, help.json()["shared"]) == (201, False), help.text
        if way == "by name":
            made = hub.api("shares/stu/", token=stu, method="POST", json={"user": "tea"})
            assert made.status_code == 200, made.text
        else:
            made = hub.api("share-codes/stu/", token=stu, method="POST", json={})
            tea_page.goto(hub.url + made.json()["accept_url"])
            with tea_page.expect_response("**/hub/accept-share*", timeout=PATIENCE):
                tea_page.get_by_role("button", name="Accept").click()
        end = time.monotonic() + 120
        while not hub.api("edu/helps", token=stu).json()[0]["shared"]:
            assert time.monotonic() < end, hub.tail()
            time.sleep(0.2)
        ended = hub.api(f"edu/helps/{help.json()['id']}", token=stu, method="DELETE")
        assert (ended.status_code, shares_of(hub, "stu")) == (204, ["tea"])
        assert hub.api("shares/stu/", token=stu, method="DELETE").status_code == 204


def shares_of(hub: Hub, owner: str) -> list[str]:
    """Who is let in to somebody's servers, in the hub's own database."""
    with sqlite3.connect(f"file:{hub.folder}/jupyterhub.sqlite?mode=ro", uri=True) as database:
        rows = database.execute(
            "SELECT visitors.name FROM shares JOIN users AS owners ON owners.id = shares.owner_id"
            " JOIN users AS visitors ON visitors.id = shares.user_id WHERE owners.name = ?",
            [owner],
        )
        return [name for (name,) in rows]
