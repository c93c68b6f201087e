"""Typical misconfigurations, each told in words that name the fix."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any

import pytest

from tests.fakes.lti import FakePlatform
from tests.fakes.tokens import private_key, public_jwk, reply
from tests.said import assert_said, said

from .conftest import NOW, a_request, launch, launched

Break = Callable[[FakePlatform], dict[str, Any] | None]


def off_by(seconds: int) -> Break:
    def change(moodle: FakePlatform) -> None:
        date = format_datetime(NOW - timedelta(seconds=seconds), usegmt=True)
        keys = reply(moodle.issuer.jwks(), Date=date)
        moodle.fault[moodle.dialect.keys] = lambda: keys

    return change


def answers(path: str, body: Any, status: int = 200) -> Break:
    def change(moodle: FakePlatform) -> None:
        moodle.fault[path] = lambda: reply(body, status)

    return change


def setting(**changed: Any) -> Break:
    return lambda moodle: changed


def no_rosters(moodle: FakePlatform) -> None:
    moodle.tool.rosters = False


def no_keyset(moodle: FakePlatform) -> None:
    async def nothing() -> dict[str, Any]:
        return {"keys": []}

    moodle.tool.keyset = nothing


def unreachable(moodle: FakePlatform) -> None:
    async def nothing() -> dict[str, Any]:
        raise OSError("no way there")

    moodle.tool.keyset = nothing


KEYS = "/mod/lti/certs.php"
TOKEN = "/mod/lti/token.php"
ROSTER = "/mod/lti/services.php/CourseSection/2/bindings/1/memberships"
TABLE: dict[str, Break] = {
    "the platform does not answer": setting(keys="https://gone.example/keys"),
    "nothing is at `keys`": answers(KEYS, {}, 404),
    "a web page is at `keys`": answers(KEYS, b"<html>"),
    "the keys are too weak": answers(KEYS, {"keys": [public_jwk(private_key("small RSA"))]}),
    "nothing is at `authorize`": answers("/mod/lti/auth.php", {}, 404),
    "the platform calls itself otherwise": setting(issuer="https://moodle.school.example/"),
    "our clock is ahead": off_by(120),
    "our clock is behind": off_by(-120),
    "the client id is wrong": setting(client_id="another"),
    "the platform has another keyset of ours": no_keyset,
    "the platform cannot read our keyset": unreachable,
    "Names and Roles is off": no_rosters,
    "nothing is at `token`": answers(TOKEN, {}, 404),
    "the roster may not be read": answers(ROSTER, {}, 403),
    "the course is gone": answers(ROSTER, {}, 404),
}
SAID = said("LTI 1.3")
AT_A_LAUNCH = said("LTI 1.3, at a launch")
WITHOUT_OUR_KEY = ("the client id is wrong", "the platform cannot read our keyset")
"""What Moodle tells also one whose key it does not know."""


async def test_a_source_that_works_has_nothing_to_say(make, moodle, canvas) -> None:
    source = make()
    assert await source.check() == []
    await launched(source, moodle)
    await launched(source, canvas)
    assert await source.check() == []


@pytest.mark.parametrize("mistake", TABLE)
async def test_a_mistake_is_told_with_its_fix(make, moodle, canvas, mistake: str) -> None:
    await launched(make(), moodle)
    source = make()
    if changed := TABLE[mistake](moodle):
        source = make(moodle=changed)
    problems = await source.check()

    assert_said(SAID[mistake], problems)
    assert all(one.startswith("moodle: ") for one in problems), "the other platform is well"


@pytest.mark.parametrize("mistake", WITHOUT_OUR_KEY)
async def test_moodle_tells_a_mistake_to_a_key_that_it_does_not_know(
    make, moodle, canvas, safe, mistake: str
) -> None:
    source = make(moodle=TABLE[mistake](moodle) or {})
    keyset = await source.keyset()
    safe._kept.clear()
    source = make(moodle=TABLE[mistake](moodle) or {})
    for platform in (moodle, canvas):
        platform.tool.keyset = partial(asyncio.sleep, 0, keyset)
    if mistake == "the platform cannot read our keyset":
        unreachable(moodle)

    assert_said(SAID[mistake], await source.check())
    assert not safe._kept, "a check makes no key that is kept"


async def test_what_only_a_launch_shows_is_told_there(make, moodle) -> None:
    source = make(moodle={"deployments": ["7"]})
    denied = await launch(source, moodle)
    assert_said(AT_A_LAUNCH["the deployment id is unknown"], [denied.why])

    denied = make(moodle={"client_id": "another"}).begin(a_request(moodle))
    assert_said(AT_A_LAUNCH["the client id is another"], [denied.why])


def test_the_page_has_these_rows_and_no_others():
    assert set(SAID) == set(TABLE)
    assert len(AT_A_LAUNCH) == 2


async def test_a_small_difference_of_clocks_is_none(make, moodle) -> None:
    source = make()
    off_by(20)(moodle)
    assert await source.check() == []


async def test_where_the_key_is_not_at_hand_no_platform_is_blamed_for_not_knowing_it(
    make, moodle, canvas, safe
) -> None:
    safe._kept.clear()
    source = make()
    no_keyset(moodle)
    no_keyset(canvas)
    assert await source.check() == []
    assert not safe._kept, "a check makes no key"

    answers(TOKEN, b"<html>", 404)(moodle)
    (problem,) = await source.check()
    assert problem.startswith("moodle: token: ")
    assert "write the platform's access token URL" in problem
