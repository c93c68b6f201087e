"""How somebody stands in the waiting line: words, JSON, the page, and the stream."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from gettext import NullTranslations
from types import SimpleNamespace
from typing import Any

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, FileSystemLoader
from jupyterhub.user import User
from tornado.iostream import StreamClosedError

from jupyterhub_edu.core import current_core, provide
from jupyterhub_edu.desk import TEMPLATE_VARS, TEMPLATES, line_pages
from jupyterhub_edu.desk.line import line_json, line_view, way_on
from jupyterhub_edu.desk.line_pages import LineEvents
from jupyterhub_edu.desk.refusals import DeskError
from jupyterhub_edu.domain.line import Estimate
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.reasons import Code, Reason
from jupyterhub_edu.ports import Phase
from tests.fakes.campus import NOW, a_campus, a_core, a_course, a_profile, enrol
from tests.fakes.line import FakeLine, a_place, a_standing

HOSTILE = "<img src=x onerror=alert(1)>\"'{{7*7}}"
SOON = Estimate(NOW + timedelta(minutes=40), 2, 2)


@pytest.fixture
async def core():
    """A core with ada, a student of ml, and a line that does as it is told."""
    core: Any = a_core()
    provide(lambda: core)
    await enrol(core, "ada", ml=CourseRole.STUDENT)
    core.line = FakeLine()
    yield core
    provide(None)


# -- words ---------------------------------------------------------------------------------------------------------

HEADINGS = {
    "nobody": (a_standing(ahead=0), "You are next"),
    "one": (a_standing(ahead=1), "1 person is before you"),
    "several": (a_standing(ahead=12), "12 people are before you"),
    "the turn has come": (a_standing(Phase.STARTING), "Your turn has come"),
    "the hub is busy": (a_standing(Phase.SOON), "Starting soon"),
    "started": (a_standing(Phase.STARTED), "Your server has started"),
    "struck": (a_standing(Phase.STRUCK), "You are out of the line"),
    "in no line": (None, "You stand in no line"),
}


@pytest.mark.parametrize(("standing", "heading"), HEADINGS.values(), ids=HEADINGS)
async def test_the_heading_says_how_one_stands(core, standing, heading):
    assert line_view(core, standing).heading == heading


EXPECTED = {
    "no planned end": (None, "cannot be told: of the sessions"),
    "too few planned ends": (Estimate(None, 2, 1), "cannot be told: of the sessions"),
    "free now": (Estimate(NOW, 0, 0), "at any moment"),
    "one end": (Estimate(NOW + timedelta(minutes=40), 0, 1), "about 11:40, when 1 session is"),
    "two ends": (SOON, "about 11:40, when 2 sessions are planned to end"),
    "an end that is late": (Estimate(NOW - timedelta(hours=1), 0, 1), "about 11:00, when"),
    "tomorrow": (Estimate(NOW + timedelta(days=1), 0, 3), "about Wed 4 Nov 11:00, when 3"),
}


@pytest.mark.parametrize(("estimate", "words"), EXPECTED.values(), ids=EXPECTED)
async def test_the_estimate_comes_with_what_it_rests_on(core, estimate, words):
    assert line_view(core, a_standing(estimate=estimate)).expected.startswith(words)


async def test_who_was_struck_is_told_why_and_what_to_do(core):
    reason = Reason(Code.PERSON_ALLOWANCE, "none", {"hours": 8, "period": "week", "title": "ML"})
    view = line_view(core, a_standing(Phase.STRUCK, reasons=(reason,)))
    assert [why.sentence for why in view.reasons] == [reason.sentence]
    assert view.reasons[0].way_out == "Who can change it: the course's teacher (grant)"
    assert (view.may_leave, view.again) == (False, True)


async def test_who_waits_for_a_gpu_is_told_how_soon_to_open_the_server(core):
    assert line_view(core, a_standing()).open_within == 10
    assert line_view(core, a_standing(Phase.SOON, place=a_place(devices=0))).open_within == 0


async def test_a_start_that_failed_without_a_reason_says_whom_to_ask(core):
    sentence = line_view(core, a_standing(Phase.STRUCK)).sentence
    assert "it@test.example" in sentence


async def test_what_the_campus_file_no_longer_has_is_shown_by_its_key(core):
    place = a_place(course="db", flavor="h100", request=a_place().request._replace(course="db"))
    assert line_view(core, a_standing(place=place)).what == "Gpu, 1 × h100 in db"


async def test_json_has_all_that_the_page_has(core):
    told = line_json(core, a_standing(estimate=SOON, server="lab"))
    assert told == {
        "id": "place-of-ada",
        "phase": "waiting",
        "course": "ml",
        "profile": "gpu",
        "options": {},
        "server": "lab",
        "flavor": "t4",
        "devices": 1,
        "since": "2026-11-03T10:00:00+00:00",
        "ahead": 2,
        "estimate": {
            "at": "2026-11-03T10:40:00+00:00",
            "planned_ends": 2,
            "sentence": "about 11:40, when 2 sessions are planned to end",
        },
        "reasons": [
            {
                "code": "no-capacity",
                "sentence": "No machine has 1 free NVIDIA T4 now.",
                "who": "nobody: it waits for a free device",
                "retry_at": None,
            }
        ],
    }


async def test_the_frame_of_every_page_tells_those_who_wait(core):
    note = TEMPLATE_VARS["edu_line"]
    ada = SimpleNamespace(name="ada")
    assert (note(None), note(ada)) == ("", "")
    for phase, words in {
        Phase.WAITING: "In line: 2 people are before you",
        Phase.SOON: "Starting soon",
        Phase.STARTING: "Your turn has come",
        Phase.STARTED: "",
        Phase.STRUCK: "",
    }.items():
        await core.line.tell("ada", a_standing(phase))
        assert note(ada) == words


# -- where one goes on ---------------------------------------------------------------------------------------------


def an_account(*, ready=False, pending=None, server=""):
    spawner = SimpleNamespace(ready=ready, pending=pending)
    return SimpleNamespace(name="ada", escaped_name="ada", spawners={server: spawner})


ON = {
    "who waits stays": (Phase.WAITING, {"ready": True}, False, ""),
    "the hub has not begun": (Phase.STARTING, {}, False, ""),
    "the hub has begun": (Phase.STARTING, {"pending": "spawn"}, False, "/hub/spawn-pending/ada"),
    "without scripts one waits here": (Phase.STARTING, {"pending": "spawn"}, True, ""),
    "until it answers": (Phase.STARTED, {"ready": True}, True, "/hub/spawn-pending/ada"),
    "it has stopped since": (Phase.STARTED, {}, False, ""),
    "it is stopping": (Phase.STARTED, {"pending": "stop"}, False, ""),
    "who was struck stays": (Phase.STRUCK, {"ready": True}, False, ""),
}


@pytest.mark.parametrize(("phase", "spawner", "ready", "address"), ON.values(), ids=ON)
def test_where_one_goes_on(phase, spawner, ready, address):
    assert way_on(an_account(**spawner), a_standing(phase), "/hub/", ready=ready) == address


@given(st.text(min_size=1))
def test_a_servers_name_leads_nowhere_else(server):
    server = server.encode("utf-8", "replace").decode()
    standing = a_standing(Phase.STARTED, server=server)
    address = way_on(an_account(ready=True, server=server), standing, "/hub/")
    assert address.startswith("/hub/spawn-pending/ada/")
    assert address.count("/") == 4


# -- the page ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("autoescape", [True, False], ids=["escaping on", "escaping off"])
@pytest.mark.parametrize("phase", list(Phase))
async def test_what_came_from_outside_is_text(core, phase, autoescape):
    profile = a_profile("gpu", title=HOSTILE, flavor=core.campus.flavors["t4"])
    core = a_core(a_campus(courses=[a_course(title=HOSTILE)], profiles=[profile]))
    told = Reason(Code.COURSE_QUOTA, "", {"flavor": HOSTILE, "title": HOSTILE})
    view = line_view(core, a_standing(phase, reasons=(told,)))
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=autoescape,  # noqa: S701 - an administrator may have switched it off
        extensions=["jinja2.ext.i18n"],
    )
    template = environment.get_template("edu/line_now.html")
    words = NullTranslations()
    html = template.render(line=view, base_url="/hub/", gettext=words.gettext)
    page = BeautifulSoup(html, "html.parser")
    assert page.find("img") is None
    assert HOSTILE in page.get_text()
    assert "49" not in page.get_text()


# -- the stream ----------------------------------------------------------------------------------------------------


class Stream(LineEvents):
    """A stream without a connection: what is sent is kept, and its browser goes when it is told to."""

    def __init__(self, user: Any, *, scopes: Any = ("custom:edu:read",)) -> None:
        self._gone = asyncio.get_running_loop().create_future()
        self._jupyterhub_user = user
        self.parsed_scopes = dict.fromkeys(scopes, True)
        self.sent: list[str] = []
        self.is_closed = False
        self.news = asyncio.Event()
        self.query = ""

    hub: Any = SimpleNamespace(base_url="/hub/")
    request: Any = SimpleNamespace(headers={})
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, extensions=["jinja2.ext.i18n"]
    )

    def set_header(self, name: str, value: Any) -> None: ...

    def get_query_argument(self, *_: Any, **__: Any) -> Any:
        return self.query

    def get_template(self, name: str, sync: bool = False) -> Any:
        assert sync
        return self.environment.get_template(name)

    async def ready_core(self) -> Any:
        return current_core()

    def write(self, chunk: Any) -> None:
        if self.is_closed:
            raise StreamClosedError
        self.sent.append(chunk)
        self.news.set()

    def flush(self, include_footers: bool = False) -> Any:
        async def flushed() -> None: ...

        return flushed()

    @property
    def events(self) -> list[dict[str, Any]]:
        lines = [line for text in self.sent for line in text.splitlines()]
        return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]

    async def until(self, count: int) -> list[dict[str, Any]]:
        """Wait for so many events."""
        async with asyncio.timeout(120):
            while len(self.events) < count:
                self.news.clear()
                await self.news.wait()
        return self.events


def a_user(**spawner: Any) -> Any:
    user: Any = User.__new__(User)
    account = an_account(**spawner)
    user.orm_user, user.spawners = SimpleNamespace(name=account.name), account.spawners
    return user


@pytest.fixture
async def open_stream(core):
    """``open_stream()``: the stream and the task that serves it; all have ended when the test has."""
    tasks = []

    def start(user: Any = None, **how: Any) -> tuple[Stream, asyncio.Task[None]]:
        stream = Stream(user or a_user(), **how)
        tasks.append(asyncio.create_task(stream.get()))
        return stream, tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert core.line.following == 0
    assert not line_pages._open


async def test_a_stream_tells_now_and_each_change(core, open_stream):
    await core.line.tell("ada", a_standing())
    stream, _ = open_stream()
    (first,) = await stream.until(1)
    assert (first["phase"], first["title"]) == ("waiting", "2 people are before you")
    assert (first["go"], first["done"], first["leave"]) == ("", False, True)
    await core.line.tell("ada", a_standing(ahead=1))
    _, second = await stream.until(2)
    assert "<h1>1 person is before you</h1>" in second["html"]
    assert stream.sent[0].startswith("retry: ")
    assert not stream.sent[1].startswith("retry: ")


async def test_a_turn_leads_to_the_hubs_page_once_the_hub_has_begun(core, open_stream):
    user = a_user()
    await core.line.tell("ada", a_standing(Phase.STARTING))
    stream, task = open_stream(user)
    (first,) = await stream.until(1)
    assert (first["go"], first["done"]) == ("", False)
    user.spawners[""].pending = "spawn"
    _, second = await stream.until(2)
    assert second["go"] == "/hub/spawn-pending/ada"
    await task


async def test_where_the_page_was_to_lead_goes_along(core, open_stream):
    await core.line.tell("ada", a_standing(Phase.STARTED))
    stream, _ = open_stream(a_user(ready=True))
    stream.query = "/user/ada/lab/tree/a b&c"
    (event,) = await stream.until(1)
    assert event["go"] == "/hub/spawn-pending/ada?next=%2Fuser%2Fada%2Flab%2Ftree%2Fa+b%26c"


ENDS = {
    "in no line": None,
    "struck": a_standing(Phase.STRUCK),
    "started, and stopped since": a_standing(Phase.STARTED),
}


@pytest.mark.parametrize("standing", ENDS.values(), ids=ENDS)
async def test_a_stream_ends_when_nothing_more_comes(core, open_stream, standing):
    await core.line.tell("ada", standing)
    stream, task = open_stream()
    await task
    (event,) = stream.events
    assert event["done"]


async def test_a_closed_tab_leaves_nothing_behind(core, open_stream):
    await core.line.tell("ada", a_standing())
    stream, task = open_stream()
    await stream.until(1)
    assert core.line.following == 1
    stream.on_connection_close()
    await task
    assert core.line.following == 0


async def test_a_connection_that_breaks_while_it_is_written_to_ends_quietly(core, open_stream):
    await core.line.tell("ada", a_standing())
    stream, task = open_stream()
    await stream.until(1)
    stream.is_closed = True
    await core.line.tell("ada", a_standing(ahead=1))
    await task


async def test_something_is_sent_while_nothing_changes(core, open_stream, monkeypatch):
    monkeypatch.setattr(line_pages, "_KEEP_ALIVE", 0.01)
    await core.line.tell("ada", a_standing())
    stream, _ = open_stream()
    async with asyncio.timeout(120):
        while len(stream.sent) < 3:
            stream.news.clear()
            await stream.news.wait()
    assert stream.sent[1:3] == ["event: still\ndata: {}\n\n"] * 2


async def test_a_stream_does_not_last_for_ever(core, open_stream, monkeypatch):
    monkeypatch.setattr(line_pages, "_AT_MOST", 0.0)
    monkeypatch.setattr(line_pages, "_KEEP_ALIVE", 0.01)
    await core.line.tell("ada", a_standing())
    _, task = open_stream()
    await task


async def test_more_streams_of_one_person_tell_once_and_end(core, open_stream):
    await core.line.tell("ada", a_standing())
    streams = [open_stream() for _ in range(line_pages._STREAMS_EACH)]
    for stream, _ in streams:
        await stream.until(1)
    one_more, task = open_stream()
    await task
    assert [event["phase"] for event in one_more.events] == ["waiting"]
    assert core.line.following == line_pages._STREAMS_EACH
    stream, task = streams[0]
    stream.on_connection_close()
    await task
    again, _ = open_stream()
    await again.until(1)
    assert core.line.following == line_pages._STREAMS_EACH


LOGGED_OUT = {"nobody": (None, ["custom:edu:read"]), "without the scope": (a_user(), [])}


@pytest.mark.parametrize(("user", "scopes"), LOGGED_OUT.values(), ids=LOGGED_OUT)
async def test_who_is_not_logged_in_is_told_so_and_no_more(core, user, scopes):
    await core.line.tell("ada", a_standing())
    stream = Stream(user, scopes=scopes)
    await stream.get()
    (sent,) = stream.sent
    assert "event: login" in sent
    assert "waiting" not in sent


async def test_an_account_that_we_do_not_know_follows_nothing(core):
    user = a_user()
    user.orm_user.name = "stranger"
    with pytest.raises(DeskError):
        await Stream(user).get()
    assert core.line.following == 0
