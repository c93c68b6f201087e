"""*Course: now* and the pages from which is acted on a course: by who may, with what was typed kept, and in the audit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.messages import Whom
from jupyterhub_edu.core.sending import Sending
from jupyterhub_edu.desk.board_pages import (
    CoursePage,
    ExtendPage,
    MessagePage,
    StartForPage,
    StopManyPage,
    TakeBackPage,
)
from jupyterhub_edu.desk.live import LIVE
from jupyterhub_edu.desk.refusals import Code
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.grants import NO_CEILINGS, Ceilings
from jupyterhub_edu.domain.people import CourseRole
from tests.by_hand import put_by_hand
from tests.eventually import eventually
from tests.fakes.campus import NOW, a_campus, a_core, a_course, an_enrolment, an_identity, enrol
from tests.fakes.world import AClock, FakeHub

from .asking import Reply, ask

HOSTILE = "<img src=x onerror=alert(1)>\"'{{7*7}}"
ROLES = {
    "tea": CourseRole.TEACHER,
    "asa": CourseRole.ASSISTANT,
    "ola": CourseRole.OBSERVER,
    "stu": CourseRole.STUDENT,
    "sue": CourseRole.STUDENT,
}


class World:
    """A course with somebody of every role; stu, of section red, is on."""

    async def fill(self, ceilings: Ceilings = NO_CEILINGS) -> World:
        self.hub = FakeHub()
        offers = dict.fromkeys(CourseRole, ("notebook",))
        courses = [a_course("ml", title=HOSTILE, offers=offers), a_course("db")]
        campus = a_campus(courses=courses, ceilings=ceilings)
        self.core: Core = a_core(campus, hub=self.hub, clock=AClock(NOW))
        for login, role in ROLES.items():
            await enrol(self.core, login, ml=role)
        await enrol(self.core, "ben", db=CourseRole.TEACHER)
        stu = self.core.roll.by_hub_name("stu")
        assert stu is not None
        red = frozenset({"red"})
        await put_by_hand(self.core.roll, an_enrolment(stu.key, "ml", sections=red))
        wish = StartRequest(stu.key, "ml", "notebook")
        started = await self.core.book.admit(wish, stu, "")
        await self.core.book.run(started.id)
        return self

    @property
    def session(self) -> Admission:
        (found,) = self.core.book.admissions("ml")
        return found

    async def page(
        self, handler: Any, *path: str, by: str = "tea", form: Any = None, **query: str
    ) -> Reply:
        method = "get" if form is None else "post"
        return await ask(
            handler, self.core, by, "ml", *path, method=method, form=form, query=query
        )


@pytest.fixture
async def world():
    world = await World().fill()
    yield world
    await LIVE.close()
    await world.core.close()


async def test_staff_see_everybody_and_what_they_may_do(world):
    for by, does in {
        "tea": ["Message to Stu", "Extend the session of Stu", "Stop the session of Stu"],
        "asa": ["Message to Stu", "Extend the session of Stu", "Stop the session of Stu"],
        "ola": [],
    }.items():
        reply = await world.page(CoursePage, by=by)
        (row,) = reply.page.select("#edu-rows tr")
        assert row["id"] == f"edu-s-{world.session.id}"
        links = {link["aria-label"] for link in row.find_all("a")}
        assert all(link["aria-label"].startswith(link.get_text()) for link in row.find_all("a"))
        assert links >= set(does)
        assert bool(links) is bool(does)
        assert reply.page.find("img") is None
        (board,) = reply.page.select("#edu-board")
        assert board["hx-sse:connect"].startswith("/hub/edu/courses/ml/now/stream?since=")


async def test_a_student_sees_their_own_sessions_and_no_board(world):
    for by, rows in {"stu": 1, "sue": 0}.items():
        reply = await world.page(CoursePage, by=by)
        assert reply.page.find(id="edu-board") is None
        assert len(reply.page.select("tbody tr")) == rows
    assert len(world.core.boards) == 0


PAGES = {
    "the board": (CoursePage, ()),
    "stops of several": (StopManyPage, ()),
    "an extension": (ExtendPage, ("stu",)),
    "a start": (StartForPage, ()),
    "a message": (MessagePage, ()),
}


@pytest.mark.parametrize(("handler", "path"), PAGES.values(), ids=PAGES)
async def test_a_course_of_others_is_one_that_does_not_exist(world, handler, path):
    reply = await world.page(handler, *path, by="ben")
    assert reply.code is Code.NO_SUCH_COURSE


@pytest.mark.parametrize(
    ("handler", "path", "by", "code"),
    [
        pytest.param(StopManyPage, (), "ola", Code.NOT_ALLOWED, id="an observer stops nobody"),
        pytest.param(ExtendPage, ("stu",), "ola", Code.NOT_ALLOWED, id="nor extends"),
        pytest.param(StartForPage, (), "asa", Code.NOT_YOURS_TO_START, id="teachers start"),
        pytest.param(MessagePage, (), "stu", Code.NOT_YOUR_MESSAGES, id="students say nothing"),
    ],
)
async def test_what_the_table_does_not_give_is_refused(world, handler, path, by, code):
    for form in (None, {"whom": "all", "text": "Hello", "minutes": "60", "person": "sue"}):
        assert (await world.page(handler, *path, by=by, form=form)).code is code


async def test_a_message_is_asked_for_sent_shown_and_taken_back(world):
    asked = await world.page(MessagePage, "stu")
    assert asked.page.find("input", {"name": "person"})["value"] == "stu"
    typed = {"whom": "person", "person": "stu", "text": HOSTILE, "minutes": "60"}
    sent = await world.page(MessagePage, form=typed)
    assert (sent.status, sent.location) == (303, "/hub/edu/courses/ml")
    (message,) = world.core.messages.of("ml")
    await LIVE.close()
    board = await world.page(CoursePage)
    assert HOSTILE in board.words
    assert board.page.find("img") is None
    assert HOSTILE in (await world.page(TakeBackPage, message.id)).words
    back = await world.page(TakeBackPage, message.id, form={})
    assert back.status == 303
    assert world.core.messages.of("ml") == []
    assert (await world.page(TakeBackPage, message.id)).status == 303


async def test_the_board_says_a_message_once_and_those_of_other_courses_above_it(world):
    tea, ben = (world.core.roll.by_hub_name(one) for one in ("tea", "ben"))
    await put_by_hand(world.core.roll, an_enrolment(tea.key, "db"))
    await Sending(world.core, tea, "ml").send(Whom.ALL, "Save your work")
    await Sending(world.core, ben, "db").send(Whom.ALL, "No lecture")
    reply = await world.page(CoursePage)
    (above,) = reply.page.select(".edu-notices .edu-said-text")
    assert above.get_text() == "No lecture"
    assert reply.words.count("Save your work") == 1


ALIKE = {
    "a message": (MessagePage, {"whom": "person", "text": "Hello", "minutes": "60"}),
    "a start": (StartForPage, {"profile": "notebook"}),
}


@pytest.mark.parametrize(("handler", "typed"), ALIKE.values(), ids=ALIKE)
async def test_of_several_of_one_name_whoever_asks_chooses(world, handler, typed):
    for login in ("kim1", "kim2"):
        person = await world.core.roll.learn(an_identity(login, name=f"Kim {HOSTILE}"), login)
        await put_by_hand(world.core.roll, an_enrolment(person.key, "ml"))
    asked = await world.page(handler, form={**typed, "person": f"kim {HOSTILE}"})
    assert asked.status == 404
    assert "ad:kim1, ad:kim2" in asked.page.find(role="alert").get_text()
    field = asked.page.find("select", {"name": "person"})
    assert asked.page.find("input", {"name": "person"}) is None
    assert [one["value"] for one in field.find_all("option")] == ["", "ad:id-kim1", "ad:id-kim2"]
    assert "(ad:kim2)" in field.get_text()
    assert asked.page.find("img") is None
    done = await world.page(handler, form={**typed, "person": "ad:id-kim2"})
    assert done.status == 303
    where = {"started": "kim2"} if handler is StartForPage else {}
    await LIVE.close()
    assert f"Kim {HOSTILE} (kim2)" in (await world.page(CoursePage, **where)).words


async def test_a_message_that_is_refused_comes_back_as_it_was_typed(world):
    typed = {"whom": "person", "person": "nobody", "text": "Keep this", "minutes": "240"}
    reply = await world.page(MessagePage, form=typed)
    assert reply.status == 404
    assert reply.page.find(role="alert").get_text(strip=True)
    assert reply.page.textarea.get_text(strip=True) == "Keep this"
    assert reply.page.select("option[selected]")[-1]["value"] == "240"
    assert world.core.messages.of("ml") == []


async def test_stops_of_several_ask_first_and_say_who(world, monkeypatch):
    monkeypatch.setattr("jupyterhub_edu.core.sweeps._PAUSE", 0.0)
    nobody = await world.page(StopManyPage, section="blue")
    assert "Nobody is on" in nobody.words
    asked = await world.page(StopManyPage, section="red")
    assert "1 session would be stopped" in asked.words
    fields = {one["name"]: one["value"] for one in asked.page.select("form[method=post] input")}
    assert fields["sessions"] == world.session.id
    reply = await world.page(StopManyPage, form=fields)
    assert (reply.status, reply.location) == (303, "/hub/edu/courses/ml")
    await eventually(lambda: world.hub.stopped == [("stu", "")])


async def test_what_has_ended_since_is_not_stopped(world):
    reply = await world.page(StopManyPage, form={"section": "", "sessions": "0" * 32})
    assert (reply.status, world.hub.stopped) == (409, [])
    assert "None of these sessions" in reply.page.find(role="alert").get_text()


@pytest.mark.parametrize(
    ("longest", "offered"),
    [(timedelta(hours=4, minutes=30), [15, 30]), (timedelta(days=2), [15, 30, 60, 120, 240])],
    ids=["up to the ceiling", "all"],
)
async def test_an_extension_is_offered_as_far_as_it_would_be_given(longest, offered):
    world = await World().fill(Ceilings(longest=longest))
    before = world.session.ends_at
    assert before is not None
    assert before == world.session.reserved_at + timedelta(hours=4)
    asked = await world.page(ExtendPage, "stu")
    assert [int(one["value"]) for one in asked.page.select("option")] == offered
    assert (await world.page(ExtendPage, "stu", form={"minutes": "30"})).status == 303
    assert world.session.ends_at == before + timedelta(minutes=30)
    await LIVE.close()
    await world.core.close()


async def test_where_teachers_extend_nothing_the_page_says_so(world):
    before = world.session.ends_at
    asked = await world.page(ExtendPage, "stu")
    assert "On this hub teachers cannot extend sessions. Who can change it" in asked.words
    assert asked.page.find("select") is None
    refused = await world.page(ExtendPage, "stu", form={"minutes": "60"})
    assert refused.page.find(role="alert").get_text(strip=True)
    assert world.session.ends_at == before
    assert (await world.page(ExtendPage, "sue")).code is Code.NO_SUCH_SESSION


async def test_a_start_for_somebody_says_how_they_stand(world):
    form = {"person": "sue", "profile": "notebook"}
    reply = await world.page(StartForPage, form=form)
    assert (reply.status, reply.location) == (303, "/hub/edu/courses/ml?started=sue")
    banner = await world.page(CoursePage, started="sue")
    assert "A server for Sue" in banner.words
    other = await world.page(CoursePage, started="ben")
    assert other.page.find(role="status") is None


async def test_a_start_that_is_refused_says_why_with_what_was_typed(world):
    form = {"person": "stu", "profile": "notebook"}
    reply = await world.page(StartForPage, form=form)
    assert reply.status == 409
    assert reply.page.find(role="alert").get_text(strip=True)
    assert reply.page.find("input", {"name": "person"})["value"] == "stu"
    assert (await world.page(StartForPage, form={"person": "ben"})).status == 404
