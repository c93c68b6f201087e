"""The login form: one source sees the password, and nobody learns more than they may."""

from __future__ import annotations

from typing import Any

import pytest

from jupyterhub_edu.authenticator.form import FormLogin, LoginRefused
from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.campus import SourceInfo
from jupyterhub_edu.domain.people import CourseRole, Identity
from jupyterhub_edu.ports import Denied, Gone, Unavailable
from tests.fakes.campus import NOW, a_campus, a_core, an_identity, enrol
from tests.fakes.world import AClock, FakeSource

GONE = Gone(NOW, "This account is disabled.")
DOWN = Unavailable("ldaps://dc1 refused: secret detail")
PASSWORD = "s3cret"


class Source(FakeSource):
    """Answers one thing, and notes the logins that it was shown."""

    def __init__(self, id: str, answer: Any) -> None:
        super().__init__(id, AClock(NOW))
        self.answer, self.shown = answer, list[tuple[str, str]]()

    async def authenticate(self, login: str, password: str) -> Any:
        self.shown.append((login, password))
        return self.answer


class World:
    def __init__(self, answer: Any = None) -> None:
        self.ad = Source("ad", answer or an_identity())
        self.lms = Source("lms", an_identity(source="lms"))
        infos = [SourceInfo("ad", "fake", "Directory"), SourceInfo("lms", "fake", "Moodle")]
        self.core: Core = a_core(a_campus(sources=infos), sources={"ad": self.ad, "lms": self.lms})

    async def check(
        self, username: str = "ada", password: str = PASSWORD, **more: str
    ) -> Identity | None:
        data = {"username": username, "password": password, **more}
        return await FormLogin(self.core).check(data, ["ad", "lms"])


# answer of the source: is there an identity, or the status and sentence of the refusal
ANSWERS: dict[str, tuple[Any, bool, tuple[int, str] | None]] = {
    "an identity is let in": (an_identity(), True, None),
    "a wrong name or password is not": (Denied("no such entry"), False, None),
    "a disabled account is told so": (GONE, False, (403, "This account is disabled.")),
    "a silent source is told without its details": (
        DOWN,
        False,
        (503, "Directory does not answer at the moment; please try again in a minute."),
    ),
}


@pytest.mark.parametrize(("answer", "known", "refused"), ANSWERS.values(), ids=ANSWERS)
async def test_answer(answer, known, refused):
    world = World(answer)
    if refused:
        with pytest.raises(LoginRefused) as error:
            await world.check()
        assert (error.value.status, error.value.sentence) == refused
    else:
        assert (await world.check() is not None) == known


CHOICES: dict[str, tuple[dict[str, str], list[str]]] = {
    "without a choice the first": ({}, ["ad"]),
    "an empty choice is none": ({"source": ""}, ["ad"]),
    "the one that was chosen": ({"source": "lms"}, ["lms"]),
    "one that does not exist is nobody": ({"source": "evil"}, []),
    "its title is not its id": ({"source": "Directory"}, []),
}


@pytest.mark.parametrize(("choice", "shown"), CHOICES.values(), ids=CHOICES)
async def test_a_password_is_shown_to_one_source(choice, shown):
    world = World()
    await world.check(**choice)
    assert [s.id for s in (world.ad, world.lms) for _ in s.shown] == shown


UNPLAUSIBLE: dict[str, tuple[str, str]] = {
    "no name": ("", PASSWORD),
    "a blank name": (" \t", PASSWORD),
    "no password: a directory would call it a success": ("ada", ""),
    "a blank password": ("ada", "  "),
    "NUL in the name": ("ada\0", PASSWORD),
    "NUL in the password": ("ada", "s3\0cret"),
    "a name that is too long": ("a" * 257, PASSWORD),
    "a password that is too long": ("ada", "a" * 4097),
}


@pytest.mark.parametrize(("name", "password"), UNPLAUSIBLE.values(), ids=UNPLAUSIBLE)
async def test_what_cannot_be_a_login_reaches_no_source(name, password):
    world = World()
    assert await world.check(name, password) is None
    assert world.ad.shown == []


async def test_the_longest_login_reaches_the_source_as_it_was_typed():
    world = World()
    await world.check("a" * 255 + " ", " " + "p" * 4095)
    assert world.ad.shown == [("a" * 255 + " ", " " + "p" * 4095)]


async def test_a_form_without_fields_is_a_wrong_login():
    world = World()
    assert await FormLogin(world.core).check({}, ["ad"]) is None
    assert await FormLogin(world.core).check({"username": "ada", "password": "x"}, []) is None


async def test_a_login_that_is_refused_for_good_ends_what_was_known():
    world = World(GONE)
    ada = await enrol(world.core, "ada", ml=CourseRole.STUDENT)
    bob = await enrol(world.core, "bob", ml=CourseRole.STUDENT)
    with pytest.raises(LoginRefused):
        await world.check(" ADA ")
    people = {p.login: p.active for p in world.core.roll.people()}
    assert people == {"ada": False, "bob": True}
    assert not world.core.roll.enrolments(ada)
    assert world.core.roll.enrolments(bob)


async def test_and_of_nobody_of_another_source():
    world = World(GONE)
    same = await world.core.sign_in(an_identity(source="lms"), "ada")
    with pytest.raises(LoginRefused):
        await world.check()
    assert world.core.roll.person(same.key) == same


async def test_a_silent_source_is_noted_and_ends_nothing():
    world = World(DOWN)
    ada = await enrol(world.core, "ada", ml=CourseRole.STUDENT)
    with pytest.raises(LoginRefused):
        await world.check()
    assert world.core.refresher.health("ad").why == DOWN.why
    assert world.core.roll.person(ada.key) == ada


async def test_a_wrong_password_says_nothing_about_the_source_or_the_person():
    world = World(Denied("wrong password"))
    ada = await enrol(world.core, "ada", ml=CourseRole.STUDENT)
    world.ad.answer = DOWN
    with pytest.raises(LoginRefused):
        await world.check()
    world.ad.answer = Denied("wrong password")
    await world.check()
    assert world.core.roll.person(ada.key) == ada
