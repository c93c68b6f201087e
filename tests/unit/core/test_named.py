"""Who of a course is meant: by what is theirs alone, and by their name where nobody else there is called so."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.by_hand import ByHand, Several
from jupyterhub_edu.core.named import NotNamed, find_members
from jupyterhub_edu.domain.pending import Pending
from jupyterhub_edu.domain.people import CourseRole
from tests.by_hand import put_by_hand
from tests.fakes.campus import a_campus, a_core, a_course, an_enrolment, an_identity

STUDENT = CourseRole.STUDENT
NAMES = {
    "ada": "Ada Lovelace",
    "ada2": "Ada  Lovelace",
    "bob": "Bob Ross",
    "bob3": "ada",  # who calls themselves as another logs in
    "tea": "Tea",
}


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    core = a_core(a_campus(courses=[a_course(), a_course("db")]))
    await core.ready()
    for login, name in NAMES.items():
        person = await core.roll.learn(an_identity(login, name=name), login)
        role = CourseRole.TEACHER if login == "tea" else STUDENT
        await put_by_hand(core.roll, an_enrolment(person.key, role=role))
    eve = await core.roll.learn(an_identity("eve", name="Bob Ross"), "eve")
    max_ = await core.roll.learn(an_identity("max", name="Max Planck"), "max")
    for one in (eve, max_):
        await put_by_hand(core.roll, an_enrolment(one.key, "db"))
    yield core
    await core.close()


MEANT = {
    "a name that one person of the course has": ("bob ross", "ad:id-bob"),
    "with blanks as they come": (" Bob   Ross ", "ad:id-bob"),
    "a login before anybody's name": ("ada", "ad:id-ada"),
    "a key that was chosen": ("ad:id-ada2", "ad:id-ada2"),
}


@pytest.mark.parametrize(("typed", "key"), MEANT.values(), ids=MEANT)
async def test_one_person_is_meant(core: Core, typed: str, key: str):
    assert await find_members(core.roll, "ml", [typed]) == {typed: key}


NOBODY = {
    "a part of a name": "Ross",
    "a name with a source": "ad:Bob Ross",
    "a name of nobody": "Zoe",
    "nothing": "",
}


@pytest.mark.parametrize("typed", NOBODY.values(), ids=NOBODY)
async def test_nobody_is_meant(core: Core, typed: str):
    with pytest.raises(NotNamed) as refused:
        await find_members(core.roll, "ml", [typed])
    assert refused.value.alike == []


async def test_of_several_all_are_told_and_nobody_is_chosen(core: Core):
    with pytest.raises(NotNamed) as refused:
        await find_members(core.roll, "ml", ["Zoe", "ada lovelace"])
    assert [one.key for one in refused.value.alike] == ["ad:id-ada", "ad:id-ada2"]
    told = "Several people may be meant by ada lovelace: ad:ada, ad:ada2."
    assert str(refused.value) == f"Not found: Zoe. {told}"


async def test_people_are_kept_out_and_given_roles_by_name_only_within_the_course(core: Core):
    tea = core.roll.by_hub_name("tea")
    assert tea is not None
    for course, typed, expected in (("ml", "Bob Ross", "ad:id-bob"), ("ml", "Max Planck", None)):
        done = await ByHand(core, tea, course).exclude(typed)
        assert expected == (None if isinstance(done, Pending) else done.person)
    with pytest.raises(Several) as refused:
        await ByHand(core, tea, "ml").enrol("Ada Lovelace", CourseRole.ASSISTANT)
    assert [one.login for one in refused.value.alike] == ["ad:ada", "ad:ada2"]
    chosen = await ByHand(core, tea, "ml").enrol("ad:id-ada2", CourseRole.ASSISTANT)
    assert not isinstance(chosen, Pending)
    assert chosen.person == "ad:id-ada2"
