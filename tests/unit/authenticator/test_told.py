"""The log-in page, and refused log-ins, in a language that has brackets around all it knows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from bs4 import BeautifulSoup
from jupyterhub.handlers import BaseHandler
from tornado.httputil import HTTPHeaders

from jupyterhub_edu.authenticator import EduAuthenticator
from jupyterhub_edu.authenticator.arrivals import Arrival, LoginRefused, silent
from jupyterhub_edu.authenticator.page import LoginPage
from jupyterhub_edu.core import Core, provide
from jupyterhub_edu.domain.campus import SourceInfo
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.hub import languages
from tests.fakes.campus import NOW, a_campus, a_core
from tests.fakes.world import AClock, FakeSource
from tests.unit.desk.test_told import Pseudo, outside
from tests.unit.hub_pages import render

SOURCES = [SourceInfo("ad", "fake", "Directory"), SourceInfo("ldap", "fake", "ldap")]


class Request:
    """In the place of what a request and a connection are to the hub's handlers."""

    hub = SimpleNamespace(base_url="/hub/")
    settings: ClassVar = {"login_url": "/hub/login"}
    xsrf_token = b"token"
    _jupyterhub_user = None
    authenticator: Any = None

    def __init__(self, method: str = "GET", accepted: str = "eo") -> None:
        self.authenticator = EduAuthenticator()
        headers = HTTPHeaders({"Accept-Language": accepted})
        self.request = SimpleNamespace(method=method, headers=headers)
        self.sent: dict[str, str] = {}
        self.html = ""

    def get_argument(self, name: str, default: Any = None, strip: bool = True) -> Any:
        return default

    def set_header(self, name: str, value: str) -> None:
        self.sent[name] = value

    def set_status(self, status: int) -> None: ...

    def write(self, html: str) -> None:
        self.html = html


class AForm(Request, LoginPage):
    """The log-in page."""


class AnArrival(Request, Arrival):
    """Somebody comes back from a source."""


@pytest.fixture(autouse=True)
def core(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A campus with two sources, and the language."""
    monkeypatch.setattr(languages, "catalog", lambda _: Pseudo())
    monkeypatch.setattr(languages, "_languages", lambda: frozenset({"eo"}))
    monkeypatch.setattr(BaseHandler, "render_template", render)
    sources = {one.id: FakeSource(one.id, AClock(NOW)) for one in SOURCES}
    core = a_core(a_campus(sources=SOURCES), sources=sources)
    provide(lambda: core)
    yield core
    provide(None)


def said(html: str, part: str) -> Any:
    """A part of a page, of which all is said in its language."""
    page = BeautifulSoup(html, "html.parser")
    assert page.html is not None
    assert page.html["lang"] == "eo"
    found = page.select_one(part)
    assert found is not None
    assert outside(str(found)) == []
    assert "⟦" in found.get_text()
    return found


def titled(core: Core, shapes: str) -> None:
    for source, shape in zip(core.refresher.sources.values(), shapes.split(), strict=True):
        source.shape = shape  # type: ignore[misc, assignment]


@pytest.mark.parametrize("shapes", ["form form", "form redirect", "redirect redirect"])
async def test_every_way_in_is_told(core: Core, shapes: str) -> None:
    titled(core, shapes)
    page = AForm()
    html = await page._render()
    ways = said(html, "#login-main")
    assert page.sent["Content-Language"] == "eo"
    titles = ways.select_one("#login_submit, a[role=button]")
    assert "⟦" in (titles.get("value") or titles.get_text())
    for field in ways.select("input[type=password], button[title]"):
        assert "⟦" in str(field.parent)


async def test_where_platforms_send_people_that_is_told(core: Core) -> None:
    titled(core, "launch launch")
    said(await AForm()._render(), "#login-main")


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param("Invalid username or password", id="by the hub"),
        pytest.param("Login form invalid or expired. Try again.", id="an old form"),
        pytest.param("Forbidden", id="by a list of who may"),
        pytest.param(silent("Directory").sentence, id="a source that is silent"),
        pytest.param(say("This account is disabled."), id="for good"),
    ],
)
async def test_a_refused_form_says_why(core: Core, refused: str) -> None:
    titled(core, "form form")
    error = said(await AForm()._render(login_error=refused), ".login_error")
    assert error.get_text().startswith("⟦")


def test_the_hub_shows_what_a_source_refuses_in_the_form(core: Core) -> None:
    titled(core, "form form")
    page, error = AForm("POST"), silent("Directory")
    html = page.render_template(
        "error.html", sync=True, status_code=503, message=error.jupyterhub_message
    )
    assert said(html, ".login_error").get_text().startswith("⟦Directory does not answer")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        pytest.param(403, LoginRefused(403, say("This account is disabled.")), id="for good"),
        pytest.param(503, silent("Directory"), id="a source that is silent"),
        pytest.param(400, ValueError(), id="what is no request"),
        pytest.param(500, ValueError(), id="a mistake of ours"),
    ],
)
def test_a_refused_arrival_is_a_page_in_the_language(
    core: Core, status: int, error: Exception
) -> None:
    page = AnArrival()
    page.write_error(status, exc_info=(type(error), error, None))
    said(page.html, "[role=alert]")
    said(page.html, "h1")
    said(page.html, "a.btn-jupyter")
