"""What somebody who arrives may bring along, and what of it may lead them on."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from jupyterhub_edu.authenticator.arrivals import LoginRefused, arrived, ask, hub_path, login_path
from jupyterhub_edu.ports import Login, Unavailable
from tests.fakes.campus import an_identity
from tests.hub.browser import host_of

PAGE = "https://hub.example/jupyter/hub/edu/login/kc/callback"
PIECES = [
    "/",
    "\\",
    "//",
    ".",
    "..",
    "%2e",
    "%2E",
    "%2f",
    "%5c",
    "\t",
    "\n",
    "\r",
    "\0",
    " ",
    "\u2028",
    "\u00a0",
    ":",
]
PIECES += [
    "https:",
    "evil.example",
    "@",
    "?",
    "#",
    "jupyter",
    "/jupyter/",
    "hub",
    ";",
    "javascript:",
    "\ud7ff",
    "／",
]
NASTY = some.lists(some.sampled_from(PIECES) | some.text(max_size=3), max_size=8).map("".join)


@given(NASTY, some.sampled_from(["/", "/jupyter/"]))
def test_whatever_is_asked_for_leads_nowhere_but_to_the_hub(asked: str, base: str) -> None:
    path = hub_path(asked, base)
    assert path in {"", asked}
    if path:
        assert path.startswith(base)
        assert host_of(path, PAGE) == "hub.example"


KEPT = {
    "a page of the hub": ("/hub/edu/", "/"),
    "with a query that looks like another host": (
        "/hub/spawn?next=//evil.example&a=..#/../x",
        "/",
    ),
    "somebody's server": ("/user/zo%C3%AB/lab/tree/a..b", "/"),
    "the grant of a server's own login": (
        "/hub/api/oauth2/authorize?client_id=x&redirect_uri=%2F",
        "/",
    ),
    "below a prefix": ("/jupyter/hub/home", "/jupyter/"),
}


@pytest.mark.parametrize(("asked", "base"), KEPT.values(), ids=KEPT)
def test_a_path_of_the_hub_is_kept(asked: str, base: str) -> None:
    assert hub_path(asked, base) == asked


@pytest.mark.parametrize("asked", ["/hub/home", "/jupyter", "/jupyterx/", "/jupyter/../admin"])
def test_a_path_beside_the_prefix_is_another_application(asked: str) -> None:
    assert hub_path(asked, "/jupyter/") == ""


def test_a_source_s_id_is_one_step_of_a_path() -> None:
    assert login_path("a/../b?c") == "edu/login/a%2F..%2Fb%3Fc"


def test_no_handler_but_an_arrival_brings_a_login() -> None:
    assert arrived(SimpleNamespace(login=Login(an_identity()))) is None


def test_a_refusal_says_its_sentence_even_with_percent_signs() -> None:
    assert LoginRefused(403, "100 %s").get_message() == "100 %s"


async def test_a_source_that_fails_has_said_nothing() -> None:
    async def fail() -> Any:
        raise OSError("secret detail")

    answer = await ask("kc", fail())
    assert isinstance(answer, Unavailable)
    assert "secret" not in answer.why


async def test_a_source_that_takes_its_time_has_said_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jupyterhub_edu.authenticator.arrivals._PATIENCE", 0.01)
    assert isinstance(await ask("kc", asyncio.Event().wait()), Unavailable)
