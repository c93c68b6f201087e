"""The fake learning platform as browsers meet it: a session, course pages, and forms that post themselves."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import httpx
import pytest
from bs4 import BeautifulSoup

from jupyterhub_edu.domain.people import Roster
from jupyterhub_edu.ports import Unavailable
from tests.fakes.lti import PlatformServer
from tests.fakes.lti.live import live_source


@pytest.fixture
async def server() -> AsyncIterator[PlatformServer]:
    async with PlatformServer() as server:
        server.register("http://127.0.0.1:1/hub", "lms")
        yield server


def form(page: httpx.Response) -> tuple[str, dict[str, str]]:
    found = BeautifulSoup(page.text, "html.parser").form
    assert found is not None, page.text
    fields = {str(one["name"]): str(one["value"]) for one in found.select("input")}
    return str(found["action"]), fields


async def test_a_course_page_sends_a_browser_to_the_tool_and_back(server: PlatformServer) -> None:
    url = server.platform.url
    async with httpx.AsyncClient(follow_redirects=True) as browser:
        page = await browser.get(f"{url}/login?user=stu&next=/course/5")
        assert "Introduction to Programming" in page.text
        assert 'href="/launch/5"' in page.text
        begin, fields = form(await browser.get(f"{url}/launch/5"))
        assert begin == "http://127.0.0.1:1/hub/edu/lti/lms/login"
        assert fields["iss"] == url

        question = {
            "scope": "openid",
            "response_type": "id_token",
            "response_mode": "form_post",
            "client_id": fields["client_id"],
            "redirect_uri": "http://127.0.0.1:1/hub/edu/lti/lms/launch",
            "login_hint": fields["login_hint"],
            "lti_message_hint": fields["lti_message_hint"],
            "state": "s",
            "nonce": "n",
        }
        address = url + server.platform.dialect.authorize
        back, answer = form(await browser.get(address, params=question))
        assert back == question["redirect_uri"]
        assert answer["id_token"].count(".") == 2

        elsewhere = {**question, "redirect_uri": "https://evil.example/"}
        refused = await browser.get(address, params=elsewhere)
        assert refused.status_code == 400
        assert "<form" not in refused.text


async def test_a_frame_launches_inside_it(server: PlatformServer) -> None:
    async with httpx.AsyncClient() as browser:
        page = await browser.get(f"{server.platform.url}/course/2?frame=1")
    frame = BeautifulSoup(page.text, "html.parser").iframe
    assert frame is not None
    assert frame["src"] == "/launch/2"


@pytest.mark.skipif("LTI_URL" not in os.environ, reason="LTI_URL names no live platform")
async def test_a_live_platform_answers_as_the_fake_does() -> None:
    source = await live_source()
    try:
        assert await source.check() == []
        courses = await source.courses()
        assert not isinstance(courses, Unavailable)
        (course,) = courses
        roster = await source.roster(course)
        assert isinstance(roster, Roster), roster
        assert roster.members
    finally:
        await source.close()
