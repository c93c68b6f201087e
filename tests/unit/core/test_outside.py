"""Servers outside any course: by site role, from the campus file to the admission."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jupyterhub_edu.core import Core, Refused, request_of
from jupyterhub_edu.domain.campus import FilePerson
from jupyterhub_edu.domain.courses import Caps
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.outside import SITE
from jupyterhub_edu.domain.people import CourseRole, Person, SiteRole
from jupyterhub_edu.domain.rules import Rule, map_pattern
from tests.fakes.campus import NOW, a_campus, a_core, an_identity, enrol
from tests.fakes.world import AClock

OFFERS = {SiteRole.TEACHER: ("notebook", "gpu"), SiteRole.STUDENT: ("notebook",)}


def a_site(clock: AClock | None = None, **changes: Any) -> Core:
    """A campus whose teachers and students may start something outside any course."""
    groups = {"staff": SiteRole.TEACHER, "students": SiteRole.STUDENT}
    rules = tuple(
        Rule("ad", group, map_pattern(group, (), ()), site_role=role)
        for group, role in groups.items()
    )
    campus = replace(a_campus(), rules=rules, no_course=OFFERS)
    return a_core(replace(campus, **changes), clock=clock or AClock(NOW))


async def come(core: Core, login: str, *groups: str) -> Person:
    identity = replace(an_identity(login, at=core.clock()), groups=frozenset(groups))
    return await core.sign_in(identity, login)


def ask(person: Person, profile: str | None = None) -> StartRequest:
    return StartRequest(person.key, SITE, profile)


WHO = {
    "a teacher starts what is offered": ("staff", "notebook", True),
    "a teacher starts a device": ("staff", "gpu", True),
    "without a profile it is the first": ("staff", None, True),
    "a student does not have what teachers have": ("students", "gpu", False),
    "a student starts their own": ("students", "notebook", True),
    "a profile that does not exist": ("staff", "nothing", False),
    "somebody without a site role starts nothing": ("others", "notebook", False),
}


@pytest.mark.parametrize(("group", "profile", "allowed"), WHO.values(), ids=WHO)
async def test_who_may_start_what(group, profile, allowed):
    core = a_site()
    person = await come(core, "ada", group)
    assert core.book.decide(ask(person, profile)).allowed is allowed


async def test_an_administrator_of_the_file_has_what_administrators_are_offered():
    clock = AClock(NOW)
    core = a_site(
        clock, admins=frozenset({FilePerson("ad", "kari")}), no_course={SiteRole.ADMIN: ("gpu",)}
    )
    kari = await come(core, "kari", "staff")
    clock.pass_(days=30)
    assert core.book.decide(ask(kari, "gpu")).allowed
    ola = await come(core, "ola", "staff")
    assert not core.book.decide(ask(ola, "gpu")).allowed


async def test_a_device_needs_a_fresh_answer_here_too():
    clock = AClock(NOW)
    core = a_site(clock)
    person = await come(core, "ada", "staff")
    clock.now += core.campus.stale_after + timedelta(seconds=1)
    decision = core.book.decide(ask(person, "gpu"))
    assert [str(reason.code) for reason in decision.reasons] == ["roster-stale"]
    assert core.book.decide(ask(person, "notebook")).allowed


async def test_the_campuss_caps_bind_over_courses_and_beside_them():
    core = a_site(caps=Caps(1))
    person = await enrol(core, "ada", ml=CourseRole.STUDENT)
    await come(core, "ada", "staff")
    await core.book.admit(StartRequest(person.key, "ml", "notebook"), person, "")
    decision = core.book.decide(ask(person, "notebook"))
    assert [str(reason.code) for reason in decision.reasons] == ["person-cap"]


async def test_its_devices_are_lent_and_counted_apart():
    core = a_site()
    person = await come(core, "ada", "staff")
    admission = await core.book.admit(ask(person, "gpu"), person, "")
    assert (admission.course, admission.own) == (SITE, False)
    assert (core.book.used("t4"), core.book.used("t4", "ml")) == (1, 0)


async def test_nobody_is_told_of_a_course_that_is_none():
    core = a_site()
    person = await come(core, "ada", "others")
    (reason,) = core.book.decide(ask(person, "notebook")).reasons
    assert reason.sentence == "You may start nothing outside a course."


async def test_where_the_campus_offers_nothing_nobody_may():
    core = a_site(no_course={})
    person = await come(core, "ada", "staff")
    assert not core.book.decide(ask(person, "notebook")).allowed
    assert core.cards(person, SITE) == []


async def test_it_is_meant_by_whoever_is_in_no_course_and_names_none():
    core = a_site()
    person = await come(core, "ada", "staff")
    assert request_of(core, "ada", {"profile": "gpu"}) == (person, ask(person, "gpu"))
    await enrol(core, "bob", ml=CourseRole.STUDENT)
    await come(core, "bob", "staff")
    assert request_of(core, "bob", {})[1].course == "ml"
    assert request_of(core, "bob", {"course": SITE})[1].course == SITE
    await come(core, "eve", "others")
    with pytest.raises(Refused, match="not enrolled in any course"):
        request_of(core, "eve", {})


async def test_its_cards_are_those_of_the_site_role():
    core = a_site()
    person = await come(core, "ada", "staff")
    cards = core.cards(person, SITE)
    assert [(card.profile.key, card.decision.allowed) for card in cards] == [
        ("notebook", True),
        ("gpu", True),
    ]


async def test_it_gives_no_group_and_no_right():
    core = a_site()
    person = await come(core, "ada", "staff")
    assert core.roll.hub_groups(person, core.clock()) == {"edu:site:teacher"}
    assert core.roles(person, "ml") == (None, SiteRole.TEACHER)


async def test_it_has_a_title_for_pages():
    campus = a_site().campus
    titles = [campus.title_of(id) for id in ("ml", SITE, "gone")]
    assert titles == ["Machine Learning", "Outside any course", "gone"]
