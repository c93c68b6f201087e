"""Entra ID, as a fake, and a real hub of either version: login, groups, refresh, revocation, a Graph that is down."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakes.entra import FakeEntra, User, serving
from tests.fakes.entra.fake import SECRET

from .browser import Browser
from .server import BRISKLY, VERSIONS, Hub
from .test_start import DEMO, SERVERS_AT_ONCE

CONFIG = """
import os

import jupyterhub_edu

os.environ["ENTRA_SECRET"] = "{secret}"
jupyterhub_edu.setup(c, "campus/campus.yaml", spawner="local")
c.EduLocalSpawner.home_dir_template = "{{cwd}}/homes/{{{{username}}}}".format(cwd=os.getcwd())
c.EduAuthenticator.auth_refresh_age = 5
c.CryptKeeper.keys = [b"0" * 32]
c.JupyterHub.log_level = "DEBUG"
"""


class Place:
    """A hub whose people come from one tenant."""

    def __init__(self, folder: Path, version: str, fake: FakeEntra) -> None:
        self.fake = fake
        self.hub = Hub(
            folder, CONFIG.format(secret=SECRET) + SERVERS_AT_ONCE + BRISKLY, version=version
        )
        campus = folder / "campus" / "campus.yaml"
        campus.parent.mkdir()
        campus.write_text(yaml.safe_dump(self._campus()))
        fake.app.redirect_uris = {f"{self.hub.url}/hub/edu/login/entra/callback"}

    def _campus(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load(DEMO.read_text())
        keys = self.fake.settings(client_secret=None, login_domain="fjord.example")
        secret = {"client_secret": {"env": "ENTRA_SECRET"}}
        found["sources"] = {"entra": {"type": "entra", "refresh": "10s", **keys, **secret}}
        student, staff = (self.fake.group_id(f"ml-{which}") for which in ("students", "staff"))
        rules = [(student, "student"), (staff, "teacher")]
        found["rules"] = [
            {"source": "entra", "group": group, "course": "ml", "course_role": role}
            for group, role in rules
        ] + [{"source": "entra", "group": "role/Teacher", "site_role": "teacher"}]
        del found["admins"]
        for course in found["courses"].values():
            course.pop("people", None)
        return found

    def log_in(self, user: User) -> Browser:
        """By redirect, all the way, choosing oneself on the fake's page."""
        browser = self.hub.browser()
        page = browser.get("/hub/edu/login/entra")
        [way] = re.findall(rf'href="([^"]*login_hint={user.id})"', page.text)
        came = browser.get(str(page.url.join(way.replace("&amp;", "&"))))
        assert came.status_code == 200, f"{came.url} {came.text[:500]}\n{self.hub.tail()}"
        return browser

    def groups(self, name: str) -> list[str]:
        found: list[str] = self.hub.api(f"users/{name}").json()["groups"]
        return sorted(found)

    def until(self, condition: Callable[[], bool], within: float = 120) -> None:
        end = time.monotonic() + within
        while not condition():
            assert time.monotonic() < end, self.hub.tail()
            time.sleep(0.2)


@pytest.fixture(scope="module", params=list(VERSIONS), ids=lambda version: f"hub-{version}")
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    with serving() as server:
        place = Place(tmp_path_factory.mktemp("hub"), request.param, server.fake)
        place.hub.start()
        yield place
        place.hub.stop()


def is_in(browser: Browser) -> bool:
    return browser.get("/hub/home", follow_redirects=False).status_code == 200


def test_a_login_gives_account_and_groups_by_object_ids(place: Place) -> None:
    assert is_in(place.log_in(place.fake.person("ola")))
    assert place.groups("ola") == ["edu:ml:teacher", "edu:site:teacher"]


def test_a_guest_has_an_account(place: Place) -> None:
    assert is_in(place.log_in(place.fake.person("gjest")))
    assert place.groups("guest-gjest@home.example") == ["edu:ml:student"]


def test_more_groups_than_a_token_holds_take_nothing_while_graph_is_down(place: Place) -> None:
    user = place.fake.tenant.add_user("many", groups=["ml-students"])
    browser = place.log_in(user)
    assert place.groups("many") == ["edu:ml:student"]
    place.fake.put_into_groups(user, 300)
    place.fake.silent.add("graph")
    asked = place.fake.count("graph")
    place.until(lambda: is_in(browser) and place.fake.count("graph") > asked)
    assert place.groups("many") == ["edu:ml:student"]

    place.fake.silent.clear()
    user.groups.discard(place.fake.group_id("ml-students"))
    place.until(lambda: is_in(browser) and place.groups("many") == [])


def test_whose_account_is_disabled_is_out_and_in_again_when_enabled(place: Place) -> None:
    user = place.fake.tenant.add_user("gone", groups=["ml-students"])
    browser = place.log_in(user)
    place.fake.disable(user)
    place.until(lambda: not is_in(browser))
    place.until(lambda: place.groups("gone") == [])

    user.enabled = True
    assert is_in(place.log_in(user))
    assert place.groups("gone") == ["edu:ml:student"]


def test_whose_sessions_are_revoked_logs_in_again_and_loses_nothing(place: Place) -> None:
    user = place.fake.tenant.add_user("again", groups=["ml-students"])
    browser = place.log_in(user)
    place.fake.revoke(user)
    place.until(lambda: not is_in(browser))
    assert place.groups("again") == ["edu:ml:student"]

    assert is_in(place.log_in(user))


def test_no_secret_and_no_token_is_in_the_log(place: Place) -> None:
    log = place.hub.log.read_text(errors="replace")
    assert "entra" in log
    for secret in (SECRET, "eyJ", "fake.", "1.A", "code_verifier"):
        assert secret not in log, secret
