"""The fake Moodle answers in the shapes of the replies that were recorded from a real one, oddities included."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from tests.fakes import moodle as fake
from tests.fakes.moodle import FakeMoodle
from tests.fakes.moodle.browser import Browser
from tests.fakes.moodle.php import parse_form

CALLBACK = "https://hub.example.edu/hub/oauth_callback"
FOLDER = Path(fake.__file__).parent / "recorded"
RECORDED = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
SERVICES = [
    name for name, told in RECORDED.items() if "wsfunction" in told["request"].get("form", {})
]
# The recorded error is one of a function that is not asked for here.
SAID = [name for name in SERVICES if name != "error_no_permission_51"]


@pytest.fixture
def moodle() -> Iterator[FakeMoodle]:
    with FakeMoodle() as moodle:
        moodle.site.redirect_uris = [CALLBACK]
        yield moodle


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def shape(value):
    """Keys and types, of lists those of all items; what was null or empty once says nothing."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        merged: Any = {}
        for item in map(shape, value):
            merged = merge(merged, item)
        return [merged]
    return type(value).__name__


def merge(one, other):
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: merge(one.get(key, {}), other.get(key, {})) for key in {*one, *other}}
    return other or one


def differences(recorded, ours, place=""):
    """Where two shapes are not the same."""
    if "NoneType" in (recorded, ours) or recorded in ([{}], {}) or ours in ([{}], {}):
        return []
    if isinstance(recorded, dict) and isinstance(ours, dict):
        keys = {*recorded, *ours}
        missing = [
            f"{place}.{key}" for key in sorted(keys) if key not in recorded or key not in ours
        ]
        both = [key for key in keys if key in recorded and key in ours]
        return missing + [
            d for key in both for d in differences(recorded[key], ours[key], f"{place}.{key}")
        ]
    if isinstance(recorded, list) and isinstance(ours, list):
        return differences(recorded[0], ours[0], f"{place}[]")
    return [] if recorded == ours else [f"{place}: {recorded} and {ours}"]


async def ask(http, moodle, function="core_webservice_get_site_info", token="", **form):
    named = {
        "wstoken": token or moodle.site.token,
        "wsfunction": function,
        "moodlewsrestformat": "json",
        **{name: str(value) for name, value in form.items()},
    }
    async with http.post(f"{moodle.url}/webservice/rest/server.php", data=named) as reply:
        assert reply.status == 200
        assert reply.content_type == "application/json"
        return await reply.json()


@pytest.mark.parametrize("name", SAID)
async def test_a_web_service_answers_as_it_was_recorded(http, moodle, name):
    told = RECORDED[name]
    if told["moodle"] == "5.1":
        moodle.site.release = "5.1"
    form = told["request"]["form"] | {"wstoken": moodle.site.token}
    if name == "error_invalid_token":
        form["wstoken"] = "another"
    form = {key: str(value) for key, value in form.items()}
    async with http.post(moodle.url + told["request"]["path"], data=form) as reply:
        assert (reply.status, reply.content_type) == (told["status"], told["content_type"])
        answer = await reply.json()
    assert differences(shape(told["response"]), shape(answer)) == []
    if name.startswith("error"):
        assert answer["errorcode"] == told["response"]["errorcode"]
        assert answer["exception"].endswith(told["response"]["exception"])


async def test_an_error_of_a_later_release_is_called_otherwise(http, moodle):
    moodle.site.release = "5.1"
    moodle.site.capabilities.discard("moodle/course:viewparticipants")
    answer = await ask(http, moodle, "core_enrol_get_enrolled_users", courseid=2)
    recorded = RECORDED["error_no_permission_51"]["response"]
    assert answer.keys() == recorded.keys()
    assert (answer["exception"], answer["errorcode"]) == (
        recorded["exception"],
        recorded["errorcode"],
    )


DENIED_IN_SILENCE = {
    "accounts without viewalldetails": (
        "moodle/user:viewalldetails",
        ("core_user_get_users_by_field", {"field": "id", "values[0]": 3}),
    ),
    "courses without course:view": (
        "moodle/course:view",
        ("core_enrol_get_users_courses", {"userid": 3}),
    ),
    "courses without viewparticipants": (
        "moodle/course:viewparticipants",
        ("core_enrol_get_users_courses", {"userid": 3}),
    ),
    "courses without viewdetails": (
        "moodle/user:viewdetails",
        ("core_enrol_get_users_courses", {"userid": 3}),
    ),
    "participants without viewdetails": (
        "moodle/user:viewdetails",
        ("core_enrol_get_enrolled_users", {"courseid": 3}),
    ),
    "separate groups without accessallgroups": (
        "moodle/site:accessallgroups",
        ("core_enrol_get_enrolled_users", {"courseid": 2}),
    ),
}


@pytest.mark.parametrize("row", DENIED_IN_SILENCE.values(), ids=DENIED_IN_SILENCE)
async def test_no_permission_looks_like_nobody(http, moodle, row):
    capability, (function, form) = row
    assert await ask(http, moodle, function, **form)
    moodle.site.capabilities.discard(capability)
    assert await ask(http, moodle, function, **form) == []


ACTIVE = {"options[0][name]": "onlyactive", "options[0][value]": 1}
DENIED_ALOUD = {
    "participants without course:view": ("moodle/course:view", {}, "errorcoursecontextnotvalid"),
    "participants without viewparticipants": (
        "moodle/course:viewparticipants",
        {},
        "nopermissions",
    ),
    "active ones without enrolreview": ("moodle/course:enrolreview", ACTIVE, "nopermissions"),
    "anything without rest:use": ("webservice/rest:use", {}, "accessexception"),
}


@pytest.mark.parametrize("row", DENIED_ALOUD.values(), ids=DENIED_ALOUD)
async def test_no_permission_is_an_error_with_status_200(http, moodle, row):
    capability, form, code = row
    moodle.site.capabilities.discard(capability)
    answer = await ask(http, moodle, "core_enrol_get_enrolled_users", courseid=2, **form)
    assert answer["errorcode"] == code


async def test_one_capital_letter_spoils_the_whole_batch(http, moodle):
    form = {"field": "username", "values[0]": "ada", "values[1]": "Ben"}
    answer = await ask(http, moodle, "core_user_get_users_by_field", **form)
    assert answer["errorcode"] == "invalidparameter"


async def test_a_suspended_account_is_active_in_its_course_and_a_suspended_enrolment_is_not(
    http, moodle
):
    rows = await ask(http, moodle, "core_enrol_get_enrolled_users", courseid=2, **ACTIVE)
    names = {row["username"] for row in rows}
    assert "sus" in names
    assert "late" not in names


async def test_ended_and_future_enrolments_are_not_active(http, moodle):
    now = moodle.site.clock()
    moodle.site.enrolments[3, 3].ends = now - 1
    moodle.site.enrolments[3, 5].starts = now + 60
    rows = await ask(http, moodle, "core_enrol_get_enrolled_users", courseid=3, **ACTIVE)
    assert [row["id"] for row in rows] == [9]


async def test_a_page_is_cut_from_the_list_by_id(http, moodle):
    form: dict[str, Any] = {"options[0][name]": "sortby", "options[0][value]": "id"}
    form |= {"options[1][name]": "limitfrom", "options[1][value]": 1}
    form |= {"options[2][name]": "limitnumber", "options[2][value]": 2}
    rows = await ask(http, moodle, "core_enrol_get_enrolled_users", courseid=2, **form)
    assert [row["id"] for row in rows] == [4, 5]


async def test_maintenance_is_a_page_with_status_503(http, moodle):
    moodle.maintenance = True
    async with http.post(f"{moodle.url}/webservice/rest/server.php") as reply:
        assert (reply.status, reply.content_type) == (503, "text/html")


async def test_switched_off_web_services_are_forbidden(http, moodle):
    moodle.site.webservices = False
    async with http.post(f"{moodle.url}/webservice/rest/server.php") as reply:
        assert reply.status == 403


def test_arguments_are_nested_as_in_php():
    pairs = [
        ("a[0][n]", "x"),
        ("a[0][v]", "1"),
        ("a[1][n]", "y"),
        ("l[]", "p"),
        ("l[]", "q"),
        ("z", "1"),
        ("z", "2"),
    ]
    assert parse_form(pairs) == {
        "a": {"0": {"n": "x", "v": "1"}, "1": {"n": "y"}},
        "l": {"0": "p", "1": "q"},
        "z": "2",
    }


# --- the plugin ---


def authorize(**changes: str) -> dict[str, str]:
    asked = {
        "client_id": "jupyterhub",
        "response_type": "code",
        "scope": "user_info",
        "state": "eyJhIjoi-_",
        "redirect_uri": CALLBACK,
        "code_challenge": "x",
        "code_challenge_method": "S256",
    }
    return asked | changes


async def code_for(moodle: FakeMoodle, browser: Browser, **changes: str) -> dict[str, list[str]]:
    user = moodle.site.users[3]
    target = await browser.log_in(authorize(**changes), user.username, user.password)
    assert target.startswith(f"{CALLBACK}?")
    return parse_qs(urlsplit(target).query)


@pytest.fixture
async def browser(moodle: FakeMoodle) -> AsyncIterator[Browser]:
    async with Browser(moodle.url) as browser:
        yield browser


async def exchange(http, moodle, code, **changes):
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": moodle.site.client_id,
        "client_secret": moodle.site.client_secret,
        "redirect_uri": CALLBACK,
    }
    form = {key: value for key, value in (form | changes).items() if value is not None}
    async with http.post(f"{moodle.url}/local/oauth/token.php", data=form) as reply:
        return reply.status, await reply.json()


async def test_login_and_consent_lose_the_address_and_keep_the_state(moodle, browser):
    came = await code_for(moodle, browser)
    assert came["state"] == ["eyJhIjoi-_"]
    assert re.fullmatch(r"[0-9a-f]{40}", came["code"][0])
    assert browser.pages == ["login", "consent"]
    assert not any(
        "redirect_uri" in address or "challenge" in address for address in browser.seen[1:]
    )


async def test_consent_is_asked_once(moodle, browser):
    await code_for(moodle, browser)
    browser.pages.clear()
    await code_for(moodle, browser)
    assert browser.pages == []


async def test_a_state_that_is_not_safe_in_an_address_is_broken(moodle, browser):
    came = await code_for(moodle, browser, state="a&b=c")
    assert came["state"] == ["a"]


async def test_a_refusal_comes_back_with_separators_of_html(moodle, browser):
    browser.consents = False
    user = moodle.site.users[3]
    target = await browser.log_in(authorize(state="abc123"), user.username, user.password)
    recorded = RECORDED["oauth_errors"]["response"][-1]
    assert target == recorded["location"]


async def test_a_suspended_account_cannot_log_in(moodle, browser):
    user = moodle.site.users[7]
    assert await browser.log_in(authorize(), user.username, user.password) == ""


async def test_a_token_is_given_once_for_a_code(http, moodle, browser):
    code = (await code_for(moodle, browser))["code"][0]
    status, token = await exchange(http, moodle, code)
    assert status == 200
    assert differences(shape(RECORDED["oauth_token"]["response"]), shape(token)) == []
    assert (await exchange(http, moodle, code))[0] == 400


async def test_a_code_lives_half_a_minute(http, moodle, browser):
    code = (await code_for(moodle, browser))["code"][0]
    later = moodle.site.clock() + 31
    moodle.site.clock = lambda: later
    assert (await exchange(http, moodle, code))[1]["error"] == "invalid_grant"


async def test_the_address_must_be_repeated_if_it_arrived(http, moodle, browser):
    await code_for(moodle, browser)
    code = (await code_for(moodle, browser))["code"][0]  # logged in before, so it arrives
    status, said = await exchange(http, moodle, code, redirect_uri=None)
    assert (status, said["error"]) == (400, "redirect_uri_mismatch")


ERRORS = {
    "unknown/used/expired code": {"code": "0" * 40},
    "wrong secret": {"client_secret": "wrong"},
    "refresh_token grant": {"grant_type": "refresh_token"},
}


@pytest.mark.parametrize("when", ERRORS)
async def test_an_error_of_the_plugin_is_as_recorded(http, moodle, when):
    recorded = next(row for row in RECORDED["oauth_errors"]["response"] if row["when"] == when)
    told = await exchange(http, moodle, **({"code": "0" * 40} | ERRORS[when]))
    assert told == (recorded["status"], recorded["body"])


@pytest.mark.parametrize("way", ["header", "form", "query"])
async def test_who_somebody_is_comes_as_json_that_is_called_html(http, moodle, browser, way):
    code = (await code_for(moodle, browser))["code"][0]
    token = (await exchange(http, moodle, code))[1]["access_token"]
    moodle.site.users[3].suspended = True  # and still there is an answer
    sent = {
        "header": {"headers": {"Authorization": f"Bearer {token}"}},
        "form": {"data": {"access_token": token}},
        "query": {"params": {"access_token": token}},
    }[way]
    async with http.post(f"{moodle.url}/local/oauth/user_info.php", **sent) as reply:
        assert reply.headers["Content-Type"] == RECORDED["oauth_user_info"]["content_type"]
        assert json.loads(await reply.text()) == RECORDED["oauth_user_info"]["response"]


async def test_a_wrong_token_is_refused(http, moodle):
    url = f"{moodle.url}/local/oauth/user_info.php"
    async with http.get(url, params={"access_token": "wrong"}) as reply:
        assert (reply.status, (await reply.json())["error"]) == (401, "invalid_token")
        assert "WWW-Authenticate" in reply.headers
    async with http.get(url) as reply:
        assert (reply.status, await reply.text()) == (401, "")


async def test_it_runs_alone():
    command = ["-m", "tests.fakes.moodle", "--port", "0"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-u", *command, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        url = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert url, line
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{url[0]}/login/index.php") as reply,
        ):
            assert reply.status == 200
    finally:
        process.terminate()
        await process.wait()
