"""A course that is looked at live: what changes is sent once to everybody, the last state always, and only to who may look."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.messages import Whom
from jupyterhub_edu.core.sending import Sending
from jupyterhub_edu.desk import live
from jupyterhub_edu.desk.board_json import JsonFace
from jupyterhub_edu.desk.live import GROUPS, LiveBoard, LiveBoards, Rest, Viewer, rights_of
from jupyterhub_edu.desk.views import instant
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole
from tests.by_hand import drop_by_hand, put_by_hand
from tests.eventually import eventually
from tests.fakes.campus import a_campus, a_core, a_course, an_enrolment, enrol

TEACHER, STUDENT = CourseRole.TEACHER, CourseRole.STUDENT


class Counting(JsonFace):
    """Counts the rows that it is asked to show."""

    def __init__(self) -> None:
        self.rows = 0

    def row(self, row: Any) -> Any:
        self.rows += 1
        return super().row(row)


class Reader:
    """A browser: does what events say; takes nothing while it is held."""

    def __init__(self) -> None:
        self.sessions: dict[str, str] = {}
        self.rest: dict[str, Any] = {}
        self.events = 0
        self.is_over = False
        self.held: asyncio.Future[None] | None = None

    def hold(self) -> None:
        self.held = asyncio.get_running_loop().create_future()

    def release(self) -> None:
        assert self.held is not None
        self.held.set_result(None)
        self.held = None

    async def send(self, text: str) -> None:
        for block in filter(None, text.split("\n\n")):
            fields = dict(line.split(": ", 1) for line in block.splitlines())
            self._hear(fields["event"], json.loads(fields["data"]))
        if self.held is not None:
            await self.held

    def _hear(self, event: str, news: Any) -> None:
        assert not self.is_over
        if event == "over":
            self.is_over = True
            return
        self.events += 1
        if news["all"]:
            self.sessions.clear()
        for id in news["gone"]:
            self.sessions.pop(id, None)
        self.sessions |= {one["session"]: one["state"] for one in news["sessions"]}
        self.rest |= {key: one for key, one in news.items() if key in {"devices", "messages"}}


class World:
    """A course with a teacher who looks at it, and students who come and go."""

    def __init__(self) -> None:
        self.core: Core = a_core(a_campus(courses=[a_course("ml"), a_course("db")]))
        self.boards = LiveBoards()
        self.face = Counting()

    async def fill(self) -> World:
        await enrol(self.core, "tea", ml=TEACHER)
        for number in range(5):
            await enrol(self.core, f"s{number}", ml=STUDENT)
        return self

    async def start(self, login: str) -> Admission:
        person = self.core.roll.by_hub_name(login)
        assert person is not None
        return await self.core.book.admit(StartRequest(person.key, "ml", "notebook"), person, "")

    def now(self) -> dict[str, str]:
        """What a board must show."""
        open_ = self.core.book.admissions("ml")
        return {one.id: "running" if one.is_running else "starting" for one in open_}

    async def look(self, board: LiveBoard, name: str = "tea", *, acts: bool = False) -> Viewer:
        reader = Reader()
        shown = await board.shown_as("json", lambda: self.face)
        rights = rights_of(self.core, name, "ml") if acts else None
        viewer = Viewer(name, shown, -1, rights, reader.send)
        viewer.reader = reader  # type: ignore[attr-defined]
        board.viewers.add(viewer)
        board.tell(viewer, self.core.clock(), always=True)
        return viewer


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(live, "_PACE", 0.0)
    world = await World().fill()
    yield world
    await world.boards.close()
    await world.core.close()


@pytest.fixture
async def board(world: World) -> AsyncIterator[LiveBoard]:
    async with world.boards.looking(world.core, "ml") as board:
        yield board


def reader(viewer: Any) -> Reader:
    found: Reader = viewer.reader
    return found


async def test_who_looks_is_shown_what_is_there_and_each_change(world, board):
    first = await world.start("s0")
    viewer = await world.look(board)
    await eventually(lambda: reader(viewer).sessions == {first.id: "starting"})
    await world.core.book.run(first.id)
    await eventually(lambda: reader(viewer).sessions == {first.id: "running"})
    second = await world.start("s1")
    await eventually(lambda: second.id in reader(viewer).sessions)
    await world.core.book.end(first.id)
    await eventually(lambda: reader(viewer).sessions == {second.id: "starting"})


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_happens_the_last_state_arrives_everywhere(world, board, seed):
    chance = random.Random(seed)  # noqa: S311 - the same each time
    viewers = [await world.look(board) for _ in range(3)]
    open_: dict[str, Admission] = {}
    for _ in range(60):
        who = f"s{chance.randrange(5)}"
        if who not in open_:
            open_[who] = await world.start(who)
        elif chance.random() < 0.5:
            await world.core.book.run(open_[who].id)
        else:
            await world.core.book.end(open_.pop(who).id)
        slow = reader(chance.choice(viewers))
        if slow.held is None:
            slow.hold()
        elif chance.random() < 0.5:
            slow.release()
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
    for viewer in viewers:
        if reader(viewer).held is not None:
            reader(viewer).release()
    await eventually(lambda: all(reader(one).sessions == world.now() for one in viewers))


async def test_a_row_is_worked_out_once_however_many_look(world, board):
    viewers = [await world.look(board) for _ in range(60)]
    before = world.face.rows
    started = await world.start("s0")
    await eventually(lambda: all(started.id in reader(one).sessions for one in viewers))
    assert world.face.rows == before + 1


async def test_many_changes_at_once_are_one_event(world, board, monkeypatch):
    viewer = await world.look(board)
    await eventually(lambda: reader(viewer).events == 1)
    for number in range(5):
        world.core.boards.touch(await world.start(f"s{number}"))
    monkeypatch.setattr(live, "_PACE", 0.2)
    await eventually(lambda: len(reader(viewer).sessions) == 5)
    assert reader(viewer).events <= 1 + 5


async def test_a_page_that_is_loaded_shows_what_has_just_changed(world, board, monkeypatch):
    viewer = await world.look(board)
    await eventually(lambda: reader(viewer).events == 1)
    monkeypatch.setattr(live, "_PACE", 3600.0)
    first = await world.start("s0")
    await board.catch_up()
    assert [row.session.admission for row in board.state()[0]] == [first.id]
    monkeypatch.setattr(live, "_PACE", 0.0)


async def test_a_slow_browser_holds_up_nobody(world, board):
    slow, quick = await world.look(board), await world.look(board)
    reader(slow).hold()
    board.tell(slow, world.core.clock(), always=True)
    started = await world.start("s0")
    await eventually(lambda: started.id in reader(quick).sessions)
    second = await world.start("s1")
    await eventually(lambda: second.id in reader(quick).sessions)
    assert second.id not in reader(slow).sessions
    reader(slow).release()
    await eventually(lambda: reader(slow).sessions == world.now())


async def test_who_loses_the_role_is_sent_nothing_more(world, board):
    viewer = await world.look(board)
    await eventually(lambda: reader(viewer).events == 1)
    tea = world.core.roll.by_hub_name("tea")
    await drop_by_hand(world.core.roll, an_enrolment(tea.key, "ml", role=TEACHER))
    started = await world.start("s0")
    await asyncio.wait_for(viewer.ended, 120)
    assert reader(viewer).is_over
    assert started.id not in reader(viewer).sessions


async def test_who_may_do_less_is_shown_the_board_anew(world, board):
    viewer = await world.look(board, acts=True)
    await eventually(lambda: reader(viewer).events == 1)
    tea = world.core.roll.by_hub_name("tea")
    await put_by_hand(world.core.roll, an_enrolment(tea.key, "ml", role=CourseRole.OBSERVER))
    await drop_by_hand(world.core.roll, an_enrolment(tea.key, "ml", role=TEACHER))
    await world.start("s0")
    await asyncio.wait_for(viewer.ended, 120)
    assert reader(viewer).events == 1
    assert not reader(viewer).is_over


async def test_a_browser_that_has_gone_ends_its_stream(world, board):
    async def broken(text: str) -> None:
        raise ConnectionError

    shown = await board.shown_as("json", lambda: world.face)
    viewer = Viewer("tea", shown, -1, None, broken)
    board.tell(viewer, world.core.clock(), always=True)
    await asyncio.wait_for(viewer.ended, 120)


async def test_boards_end_with_the_core(world, board):
    viewer = await world.look(board)
    await world.core.close()
    await asyncio.wait_for(viewer.ended, 120)
    await eventually(lambda: board.over)


async def test_of_a_course_at_which_nobody_looks_nothing_is_kept(world, monkeypatch):
    monkeypatch.setattr(live, "_LINGER", 0.0)
    async with world.boards.looking(world.core, "ml") as board:
        assert len(world.core.boards) == 1
    world.core.boards.tell("ml")
    await eventually(lambda: board.over)
    assert len(world.core.boards) == 0
    async with world.boards.looking(world.core, "ml") as again:
        assert again is not board


async def test_a_board_that_fails_ends_and_is_made_anew(world, monkeypatch, caplog):
    async with world.boards.looking(world.core, "ml") as board:
        viewer = await world.look(board)

        def broken(*_: Any) -> Any:
            raise RuntimeError("a mistake of ours")

        monkeypatch.setattr(live, "board_row", broken)
        await world.start("s0")
        await asyncio.wait_for(viewer.ended, 120)
        assert "the board of ml has ended" in caplog.text
    monkeypatch.undo()
    async with world.boards.looking(world.core, "ml") as again:
        assert [row.session.user for row in again.state()[0]] == ["s0"]


async def test_messages_and_activity_are_shown(world, board, monkeypatch):
    monkeypatch.setattr(live, "_LOOK_AGAIN", 0.01)
    viewer = await world.look(board)
    await world.start("s0")
    await eventually(lambda: board.state()[0])
    world.core.servers.active[("s0", "")] = later = world.core.clock() + timedelta(minutes=5)
    await eventually(lambda: board.state()[0][0].active == instant(later, world.core))
    tea = world.core.roll.by_hub_name("tea")
    await Sending(world.core, tea, "ml").send(Whom.ALL, "Ten more minutes")
    await eventually(lambda: reader(viewer).rest.get("messages"))
    assert reader(viewer).rest["messages"][0]["text"] == "Ten more minutes"


def test_how_many_wait_is_shown_anew_where_it_is_said():
    groups = [name for name, of in GROUPS.items() if of(Rest()) != of(Rest(waiting=1))]
    assert groups == ["sums", "line"]


RIGHTS: dict[str, tuple[str, str, Callable[[Any], bool]]] = {
    "a teacher does all": ("tea", "ml", lambda rights: all(rights)),
    "a student sees no board": ("s0", "ml", lambda rights: rights is None),
    "nobody sees another course's": ("tea", "db", lambda rights: rights is None),
    "nor one that is not there": ("tea", "nowhere", lambda rights: rights is None),
    "nor does a stranger": ("stranger", "ml", lambda rights: rights is None),
}


@pytest.mark.parametrize(("who", "course", "is_right"), RIGHTS.values(), ids=RIGHTS)
async def test_who_may_look_and_do_what(world, who, course, is_right):
    assert is_right(rights_of(world.core, who, course))
