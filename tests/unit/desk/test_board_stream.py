"""The stream of a board as a browser meets it: the first event, what was missed, bounds, and ends that leave nothing behind."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from tornado.iostream import StreamClosedError

from jupyterhub_edu.core import Core
from jupyterhub_edu.desk import board_stream, live
from jupyterhub_edu.desk.board_stream import BoardStreamAPI
from jupyterhub_edu.desk.live import LIVE
from jupyterhub_edu.desk.refusals import Code, DeskError
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole
from tests.eventually import eventually
from tests.fakes.campus import a_campus, a_core, a_course, enrol

PEOPLE = {"tea": CourseRole.TEACHER, "stu": CourseRole.STUDENT}


class Stream(BoardStreamAPI):
    """A stream without a connection: what is sent is kept."""

    def __init__(self, core: Core, login: str, told: str = "") -> None:
        self._viewer, self._gone = None, False
        self.asked_core, self.login = core, login
        self.request = SimpleNamespace(headers={"Last-Event-ID": told} if told else {})
        self.sent = ""
        self.is_closed = False

    current_user: Any = property(lambda self: SimpleNamespace(name=self.login))

    async def ready_core(self) -> Core:
        return self.asked_core

    def find_person(self, core: Core) -> Any:
        return core.roll.by_hub_name(self.login)

    def set_header(self, name: str, value: Any) -> None: ...

    def get_query_argument(self, *_: Any, **__: Any) -> Any:
        return ""

    def write(self, chunk: Any) -> None:
        if self.is_closed:
            raise StreamClosedError
        self.sent += chunk

    def flush(self, include_footers: bool = False) -> Any:
        async def flushed() -> None: ...

        return flushed()

    @property
    def events(self) -> list[dict[str, str]]:
        blocks = [block for block in self.sent.split("\n\n") if block]
        return [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]

    @property
    def news(self) -> list[Any]:
        return [json.loads(event["data"]) for event in self.events]


@pytest.fixture
async def core(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Core]:
    monkeypatch.setattr(live, "_PACE", 0.0)
    core = a_core(a_campus(courses=[a_course("ml")]))
    for login, role in PEOPLE.items():
        await enrol(core, login, ml=role)
    yield core
    await LIVE.close()
    await core.close()


Opening = Callable[..., tuple[Stream, asyncio.Task[None]]]


@pytest.fixture
async def open_stream(core: Core) -> AsyncIterator[Opening]:
    """``open_stream()``: the stream and the task that serves it; all have ended when the test has."""
    tasks: list[asyncio.Task[None]] = []

    def start(login: str = "tea", told: str = "") -> tuple[Stream, asyncio.Task[None]]:
        stream = Stream(core, login, told)
        get: Any = inspect.unwrap(BoardStreamAPI.get)
        tasks.append(asyncio.create_task(get(stream, "ml")))
        return stream, tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not LIVE.open


async def began(stream: Stream) -> None:
    await eventually(lambda: stream.events)


async def begin(core: Core) -> str:
    stu = core.roll.by_hub_name("stu")
    assert stu is not None
    return (await core.book.admit(StartRequest(stu.key, "ml", "notebook"), stu, "")).id


async def test_the_first_event_has_everything_and_says_when_to_come_again(core, open_stream):
    id = await begin(core)
    stream, _ = open_stream()
    await eventually(lambda: stream.events)
    (event,) = stream.events
    assert (event["event"], int(event["retry"]) >= 1000) == ("board", True)
    assert stream.news[0]["all"]
    assert [one["session"] for one in stream.news[0]["sessions"]] == [id]


async def test_who_comes_back_is_told_what_was_missed_and_no_more(core, open_stream):
    first, _ = open_stream()
    await eventually(lambda: first.events)
    first.on_connection_close()
    id = await begin(core)
    again, _ = open_stream(told=first.events[0]["id"])
    await eventually(lambda: any(one["sessions"] for one in again.news))
    assert not any(one["all"] for one in again.news)
    assert {s["session"] for one in again.news for s in one["sessions"]} == {id}


async def test_an_id_that_says_nothing_here_is_told_everything(core, open_stream):
    for told in ("nonsense", "0.7", "a.b.c", "ab.\u0663"):
        stream, _ = open_stream(told=told)
        await began(stream)
        assert stream.news[0]["all"]
        stream.on_connection_close()
        await eventually(lambda: not LIVE.open)


async def test_more_streams_of_one_person_tell_once_and_end(core, open_stream):
    streams = [open_stream() for _ in range(board_stream._STREAMS_EACH)]
    for stream, _ in streams:
        await began(stream)
    one_more, task = open_stream()
    await asyncio.wait_for(task, 120)
    (event,) = one_more.events
    assert int(event["retry"]) >= 15_000
    streams[0][0].on_connection_close()
    await eventually(lambda: LIVE.open["tea"] == board_stream._STREAMS_EACH - 1)


async def test_a_closed_tab_leaves_nothing_behind(core, open_stream):
    stream, task = open_stream()
    await eventually(lambda: stream.events)
    stream.on_connection_close()
    await asyncio.wait_for(task, 120)
    assert not LIVE.open


async def test_a_connection_that_breaks_while_it_is_written_to_ends_quietly(core, open_stream):
    stream, task = open_stream()
    await eventually(lambda: stream.events)
    stream.is_closed = True
    await begin(core)
    await asyncio.wait_for(task, 120)


async def test_a_stream_does_not_last_for_ever(core, open_stream, monkeypatch):
    monkeypatch.setattr(board_stream, "_AT_MOST", 0.0)
    _, task = open_stream()
    await asyncio.wait_for(task, 120)


async def test_who_does_not_see_everybody_follows_nothing(core, open_stream):
    _, task = open_stream("stu")
    with pytest.raises(DeskError) as refused:
        await task
    assert refused.value.code is Code.NOT_YOUR_BOARD
    assert len(core.boards) == 0
