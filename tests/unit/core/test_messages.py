"""Messages to people of a course: who may send them, who is shown them, and how they end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.messages import Whom
from jupyterhub_edu.core.named import NotNamed
from jupyterhub_edu.core.sending import (
    CannotSend,
    NoSuchMessage,
    Sending,
    SendingNotYours,
    SentTooMany,
)
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import Record, StoreError
from jupyterhub_edu.store.memory import MemoryStore
from tests.audited import audited
from tests.by_hand import drop_by_hand, put_by_hand
from tests.fakes.campus import NOW, a_campus, a_core, a_course, an_enrolment, enrol
from tests.fakes.world import AClock

TEACHER, ASSISTANT, STUDENT = CourseRole.TEACHER, CourseRole.ASSISTANT, CourseRole.STUDENT
HOUR = timedelta(hours=1)
HOSTILE = '<img src=x onerror=alert(1)>"{{7*7}}'


class World:
    """Two courses; ada in section red of ml, bob in none, both on; cleo studies db."""

    async def fill(self) -> World:
        self.clock, self.store = AClock(NOW), MemoryStore()
        self.core: Core = a_core(
            a_campus(courses=[a_course("ml"), a_course("db")]), clock=self.clock, store=self.store
        )
        core = self.core
        for login, courses in {
            "tea": {"ml": TEACHER},
            "tom": {"db": TEACHER},
            "ann": {"ml": ASSISTANT},
            "bob": {"ml": STUDENT},
            "cleo": {"db": STUDENT},
        }.items():
            await enrol(core, login, **courses)
        ada = await enrol(core, "ada")
        red = frozenset({"red"})
        await put_by_hand(core.roll, an_enrolment(ada.key, "ml", sections=red))
        return self

    async def start(self, login: str) -> str:
        person = self.who(login)
        request = StartRequest(person.key, "ml", "notebook")
        return (await self.core.book.admit(request, person, "")).id

    def who(self, login):
        person = self.core.roll.by_hub_name(login)
        assert person is not None
        return person

    def sending(self, login: str = "tea", course: str = "ml") -> Sending:
        return Sending(self.core, self.who(login), course, "192.0.2.7")

    def told(self, login: str) -> list[str]:
        return [one.text for one in self.core.messages.to(self.who(login))]

    def all_told(self) -> set[str]:
        return {name for name in ("ada", "bob", "ann", "cleo", "tom") if self.told(name)}


@pytest.fixture
async def world() -> World:
    return await World().fill()


@pytest.mark.parametrize(
    ("whom", "to", "reached"),
    [
        pytest.param(Whom.PERSON, "bob", {"bob"}, id="one person"),
        pytest.param(Whom.SECTION, "red", {"ada"}, id="a section"),
        pytest.param(Whom.ON, "", {"bob"}, id="who is on"),
        pytest.param(Whom.ALL, "", {"ada", "bob", "ann"}, id="all of the course and nobody else"),
    ],
)
async def test_a_message_reaches_those_it_is_for(world, whom, to, reached):
    await world.start("bob")
    await world.sending().send(whom, "Save your work.", to=to)
    await world.start("ada")
    assert world.all_told() == reached


@pytest.mark.parametrize(
    ("who", "course", "may"),
    [
        pytest.param("tea", "ml", True, id="its teacher"),
        pytest.param("ann", "ml", True, id="its assistant"),
        pytest.param("bob", "ml", False, id="its student"),
        pytest.param("tom", "ml", False, id="another course's teacher"),
        pytest.param("tea", "nowhere", False, id="a course that is not there"),
    ],
)
async def test_who_sends_messages(world, who, course, may):
    act = world.sending(who, course).send(Whom.ALL, "Hello")
    if may:
        assert (await act).by == who
    else:
        with pytest.raises(SendingNotYours):
            await act


async def test_a_message_to_those_on_lasts_no_longer_than_their_sessions(world):
    session = await world.start("bob")
    await world.sending().send(Whom.ON, "Save your work.")
    assert world.told("bob") == ["Save your work."]
    await world.core.book.end(session)
    assert world.told("bob") == []


async def test_a_message_ends_by_itself_and_is_forgotten(world):
    await world.sending().send(Whom.ALL, "Soon over", lasts=HOUR)
    world.clock.pass_(minutes=59)
    assert world.told("ada") == ["Soon over"]
    world.clock.pass_(minutes=1)
    assert world.told("ada") == []
    assert world.core.messages.of("ml") == []
    await world.sending().send(Whom.ALL, "Another")
    assert [one.body["text"] for one in await world.store.load_records("message")] == ["Another"]


async def test_who_leaves_the_course_is_told_no_more(world):
    await world.sending().send(Whom.PERSON, "For you", to="bob")
    bob = world.who("bob")
    await drop_by_hand(world.core.roll, an_enrolment(bob.key, "ml"))
    assert world.told("bob") == []


async def test_a_message_can_be_taken_back_by_the_course_alone(world):
    message = await world.sending().send(Whom.ALL, "Wrong room")
    with pytest.raises(NoSuchMessage):
        await world.sending("tom", "db").take_back(message.id)
    await world.sending("ann").take_back(message.id)
    assert world.told("ada") == []
    with pytest.raises(NoSuchMessage):
        await world.sending().take_back(message.id)


@pytest.mark.parametrize(
    ("whom", "text", "to", "lasts", "why"),
    [
        pytest.param(Whom.ALL, "  ", "", HOUR, CannotSend, id="nothing"),
        pytest.param(Whom.ALL, "x" * 501, "", HOUR, CannotSend, id="a book"),
        pytest.param(Whom.ALL, "a\u202eb", "", HOUR, CannotSend, id="text that turns around"),
        pytest.param(Whom.ALL, "Hello", "", timedelta(days=8), CannotSend, id="for ever"),
        pytest.param(Whom.ALL, "Hello", "bob", HOUR, CannotSend, id="to all and somebody"),
        pytest.param(Whom.PERSON, "Hello", "", HOUR, CannotSend, id="to nobody"),
        pytest.param(Whom.PERSON, "Hello", "cleo", HOUR, NotNamed, id="outside the course"),
        pytest.param(Whom.SECTION, "Hello", "blue", HOUR, CannotSend, id="to an empty section"),
    ],
)
async def test_what_cannot_be_sent(world, whom, text, to, lasts, why):
    with pytest.raises(why):
        await world.sending().send(whom, text, to=to, lasts=lasts)
    assert await audited(world.store) == []


async def test_lines_become_one_and_markup_stays_text(world):
    message = await world.sending().send(Whom.ALL, f"{HOSTILE}\n\r\n second")
    assert message.text == f"{HOSTILE} second"


async def test_one_person_sends_twenty_an_hour_whatever_the_course(world):
    for number in range(20):
        sent = await world.sending().send(Whom.PERSON, f"No {number}", to="bob")
        await world.sending().take_back(sent.id)
    with pytest.raises(SentTooMany):
        await world.sending().send(Whom.ALL, "One more")
    await world.sending("ann").send(Whom.ALL, "Somebody else")
    world.clock.pass_(minutes=61)
    await world.sending().send(Whom.ALL, "An hour later")


async def test_a_course_shows_twenty_at_a_time(world):
    await enrol(world.core, "zoe", ml=TEACHER)
    for number in range(20):
        await world.sending("tea" if number % 2 else "zoe").send(Whom.ALL, f"No {number}")
    with pytest.raises(SentTooMany):
        await world.sending("ann").send(Whom.ALL, "One more")


async def test_sending_and_taking_back_are_in_the_audit(world):
    message = await world.sending().send(Whom.PERSON, "Come to room 3", to="bob")
    await world.sending().take_back(message.id)
    back, sent = await audited(world.store, "ml")
    assert (sent.actor, sent.act, sent.target, sent.address) == (
        *("tea", "message", "bob", "192.0.2.7"),
    )
    assert (sent.details["whom"], sent.details["text"]) == ("person", "Come to room 3")
    assert (back.act, back.details["message"]) == ("take-back-message", message.id)


async def test_what_cannot_be_kept_is_not_said(world, monkeypatch):
    async def broken(*_, **__):
        raise StoreError("the disk is full")

    monkeypatch.setattr(world.store, "save_records", broken)
    with pytest.raises(StoreError):
        await world.sending().send(Whom.ALL, "Hello")
    assert world.told("ada") == []


async def test_messages_survive_a_restart_and_old_ones_are_dropped(world):
    await world.sending().send(Whom.ALL, "Short", lasts=timedelta(minutes=5))
    await world.sending().send(Whom.SECTION, "Long", to="red", lasts=timedelta(days=1))
    await world.core.close()
    world.clock.pass_(hours=2)
    again = a_core(world.core.campus, clock=world.clock, store=world.store)
    await again.ready()
    ada = again.roll.by_hub_name("ada")
    assert ada is not None
    assert [one.text for one in again.messages.to(ada)] == ["Long"]
    assert len(await world.store.load_records("message")) == 1
    await again.close()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"whom": "nobody"}, id="to nobody"),
        pytest.param({"whom": "section"}, id="to a section without a name"),
        pytest.param({"at": "2026-11-03T10:00:00"}, id="at no instant"),
    ],
)
async def test_a_record_that_cannot_be_read_names_itself(world, body):
    await world.sending().send(Whom.ALL, "Hello")
    (record,) = await world.store.load_records("message")
    broken = Record("message", "broken", {**record.body, **body})
    await world.store.save_records([broken])
    with pytest.raises(StoreError, match="'broken'"):
        await world.core.messages.load()


async def test_an_erased_person_is_gone_from_messages(world):
    await world.sending().send(Whom.PERSON, "For bob", to="bob")
    sent = await world.sending().send(Whom.ALL, "By tea")
    bob = world.who("bob")
    world.core.messages.forget([bob.key], "bob", "erased-1")
    world.core.messages.forget(["ad:id-tea"], "tea", "erased-2")
    assert [(one.id, one.by) for one in world.core.messages.of("ml")] == [(sent.id, "erased-2")]
