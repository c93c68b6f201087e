"""Typical misconfigurations, each told in words that name the fix."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from tests.fakes.lti import FakePlatform
from tests.fakes.tokens import private_key, public_jwk, reply

from .conftest import NOW, launched

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


KEYS = "/mod/lti/certs.php"
TOKEN = "/mod/lti/token.php"
ROSTER = "/mod/lti/services.php/CourseSection/2/bindings/1/memberships"
TABLE: dict[str, tuple[Break, str]] = {
    "the platform does not answer": (
        setting(keys="https://gone.example/keys"),
        "moodle: keys: https://gone.example/keys cannot be reached",
    ),
    "nothing is where the keys should be": (
        answers(KEYS, {}, 404),
        "answers 404; write the platform's public keyset URL",
    ),
    "a page where the keys should be": (
        answers(KEYS, b"<html>"),
        "is not JSON; write the platform's public keyset URL",
    ),
    "keys that cannot check a signature": (
        answers(KEYS, {"keys": [public_jwk(private_key("small RSA"))]}),
        "no key that could check a signature",
    ),
    "nothing is where people are sent": (
        answers("/mod/lti/auth.php", {}, 404),
        "write the platform's authentication request URL",
    ),
    "the platform has another name": (
        setting(issuer="https://moodle.school.example/"),
        "the platform calls itself 'https://moodle.school.example'",
    ),
    "our clock is ahead": (
        off_by(120),
        "the hub's clock is 120 s ahead of the platform's; set both by NTP",
    ),
    "our clock is behind": (off_by(-120), "the hub's clock is 120 s behind the platform's"),
    "another client id": (setting(client_id="another"), "client_id is not the one it gave us"),
    "our keys were not registered": (no_keyset, "it has not our keyset URL"),
    "the service is off": (no_rosters, "switch that service on at the platform"),
    "another address of tokens": (
        answers(TOKEN, {}, 404),
        "look at token, client_id and the keyset URL",
    ),
    "the roster may not be read": (
        answers(ROSTER, {}, 403),
        "switch Names and Roles on for the tool",
    ),
    "the course is gone": (answers(ROSTER, {}, 404), "no such roster any more"),
}


async def test_a_source_that_works_has_nothing_to_say(make, moodle, canvas) -> None:
    source = make()
    assert await source.check() == []
    await launched(source, moodle)
    await launched(source, canvas)
    assert await source.check() == []


@pytest.mark.parametrize(("change", "words"), TABLE.values(), ids=TABLE)
async def test_it_is_said_what_is_wrong(make, moodle, canvas, change: Break, words: str) -> None:
    await launched(make(), moodle)
    changed: Any = setting()
    source = make()
    changed = change(moodle)
    if changed:
        source = make(moodle=changed)
    problems = await source.check()

    assert [one for one in problems if words in one], problems
    assert all(one.startswith("moodle: ") for one in problems), "the other platform is well"


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
