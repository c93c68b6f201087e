"""What is kept of one person is found, and erased with nothing left that names them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.privacy import CannotErase, Dossier, erase, find_dossier
from jupyterhub_edu.domain.admissions import Stage
from jupyterhub_edu.domain.campus import FilePerson, SourceInfo
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import (
    CourseRef,
    CourseRole,
    Exclusion,
    LinkRule,
    Member,
    Roster,
)
from jupyterhub_edu.domain.usage import By, UsageQuery
from jupyterhub_edu.ports import StoreError
from tests.audited import audited
from tests.by_hand import put_by_hand
from tests.fakes.campus import NOW, a_campus, a_core, an_enrolment, an_identity
from tests.unit.store.values import a_pending, a_record

STUDENT = CourseRole.STUDENT


async def a_core_that_knows_ada(**kwargs: Any) -> Core:
    """Ada by two sources, with an enrolment by hand, an exclusion, a secret, a session and a line of the audit."""
    sources = [SourceInfo("ad", "fake", "Directory"), SourceInfo("lms", "fake", "Moodle")]
    link = LinkRule("lms", "idnumber", "ad", "employeeNumber")
    core = a_core(a_campus(sources=sources, links=(link,), **kwargs))
    await core.sign_in(an_identity(attributes={"employeeNumber": "17"}), "ada")
    ada = await core.sign_in(an_identity(source="lms", attributes={"idnumber": "17"}), "ada")
    await put_by_hand(core.roll, an_enrolment(ada.key, by="tea", why="a guest"))
    bob = await core.sign_in(an_identity("bob"), "bob")
    await put_by_hand(core.roll, an_enrolment(bob.key, by="ada"))
    await put_by_hand(core.roll, Exclusion(ada.key, "db", "tea", "cheated"))
    await put_by_hand(core.roll, Exclusion(bob.key, "db", "ada"))
    await core.store.save_secret(ada.key, b"sealed")
    session = await core.book.admit(StartRequest(ada.key, "ml", "notebook"), ada, "adas")
    await core.stop("tea", session)
    return core


async def end_all(core: Core) -> None:
    for session in core.book.admissions():
        await core.book.end(session.id)


async def dossier(core: Core, who: str = "ada") -> Dossier:
    found = await find_dossier(core.roll, core.store, who)
    assert found is not None
    return found


@pytest.mark.parametrize("who", ["ada", "ad:id-ada", "lms:id-ada"])
async def test_all_that_is_kept_is_found_by_account_or_by_any_key(who):
    core = await a_core_that_knows_ada()
    found = (await dossier(core, who)).as_json()
    assert json.loads(json.dumps(found)) == found
    assert found["account"] == "ada"
    assert [one["key"] for one in found["identities"]] == ["ad:id-ada", "lms:id-ada"]
    assert [one["attributes"] for one in found["identities"]] == [
        {"employeeNumber": "17"},
        {"idnumber": "17"},
    ]
    assert [(e["course"], e["by"], e["why"]) for e in found["enrolments"]] == [
        ("ml", "tea", "a guest")
    ]
    assert [e["why"] for e in found["exclusions"]] == ["cheated"]
    assert found["sealed_secrets_of"] == ["lms:id-ada"]
    assert [one["server"] for one in found["sessions"]] == ["adas"]
    assert [(one["actor"], one["target"]) for one in found["audit"]] == [("tea", "ada")]
    assert b"sealed" not in json.dumps(found).replace("sealed_secrets_of", "").encode()


async def test_what_they_used_is_found_and_the_course_keeps_its_sum():
    core = await a_core_that_knows_ada()
    (session,) = core.book.admissions()
    await core.book.run(session.id)
    await end_all(core)

    (found,) = (await dossier(core)).as_json()["usage"]
    assert (found["day"], found["course"], found["profile"], found["sessions"]) == (
        "2026-11-03",
        "ml",
        "notebook",
        1,
    )

    stand_in = await erase(core.roll, core.store, await dossier(core), core.clock)
    (kept,) = await core.store.load_usage(UsageQuery(frozenset({By.PERSON}), course="ml"))
    assert (kept.person, kept.sessions) == (stand_in, 1)


async def test_of_nobody_nothing_is_found():
    core = await a_core_that_knows_ada()
    assert await find_dossier(core.roll, core.store, "eve") is None


async def test_who_is_erased_is_nowhere_and_others_keep_everything():
    core = await a_core_that_knows_ada()
    await end_all(core)

    stand_in = await erase(core.roll, core.store, await dossier(core), core.clock, "root")

    assert await find_dossier(core.roll, core.store, "ada") is None
    for roll in (core.roll, type(core.roll)(lambda: core.campus, core.store)):
        if roll is not core.roll:
            await roll.load()
        assert [person.hub_name for person in roll.people()] == ["bob"]
        (bob,) = roll.people()
        assert [e.by for e in roll.enrolments(bob)] == [stand_in]
        assert [e.by for e in roll.exclusions.in_course("db")] == [stand_in]
    (session,) = await core.store.load_admissions_of(stand_in)
    assert (session.stage, session.person, session.server) == (Stage.ENDED, stand_in, "")
    assert [(e.actor, e.act, e.target) for e in await audited(core.store)] == [
        ("root", "erase", stand_in),
        ("tea", "stop", stand_in),
    ]


async def test_who_comes_back_after_that_is_somebody_new():
    core = await a_core_that_knows_ada()
    await end_all(core)
    await erase(core.roll, core.store, await dossier(core), core.clock)
    again = await core.sign_in(an_identity(), "ada")
    assert core.roll.enrolments(again) == []


async def test_who_has_a_server_is_not_erased():
    core = await a_core_that_knows_ada()
    with pytest.raises(StoreError, match="ada has a server"):
        await erase(core.roll, core.store, await dossier(core), core.clock)
    assert core.roll.by_hub_name("ada") is not None


async def test_whom_the_campus_file_names_is_not_erased():
    core = await a_core_that_knows_ada(admins=frozenset({FilePerson("lms", "ada")}))
    await end_all(core)
    with pytest.raises(CannotErase, match="The campus file names lms:ada"):
        await erase(core.roll, core.store, await dossier(core), core.clock)
    assert core.roll.by_hub_name("ada") is not None


async def test_who_never_logged_in_is_found_and_erased_by_key():
    core = await a_core_that_knows_ada()
    cy = Member("id-cy", "cy", "Cy", frozenset({STUDENT}))
    await core.roll.take_roster("lms", "ml", Roster(CourseRef("ml"), (cy,), NOW))
    found = await dossier(core, "lms:id-cy")
    assert (found.hub_name, [one.name for one in found.listed]) == ("", ["Cy"])

    await erase(core.roll, core.store, found, core.clock)

    assert await find_dossier(core.roll, core.store, "lms:id-cy") is None
    assert await core.store.load_listed() == []


@pytest.mark.parametrize("typed", ["ada", "ADA", "ad:ada", "ad:id-ada", "lms:ada", "17", "ad:17"])
async def test_what_waits_for_somebody_is_handed_over_and_erased_with_them(typed):
    core = await a_core_that_knows_ada()
    await end_all(core)
    theirs = a_pending(1, typed=typed, role=None, ends=NOW, why="banned")
    others = [a_pending(2, typed="1700"), a_pending(3, typed="bob", by="ada")]
    for one in (theirs, *others):
        await core.roll.pending.save(one)
    found = await dossier(core)
    (told,) = found.as_json()["pending"]
    assert (told["typed"], told["excluded"], told["by"], told["why"]) == (
        typed,
        True,
        "turid",
        "banned",
    )
    assert json.loads(json.dumps(told)) == told

    stand_in = await erase(core.roll, core.store, found, core.clock)

    left = [others[0], replace(others[1], by=stand_in)]
    assert core.roll.pending.everything() == await core.store.load_pending() == left


async def test_of_whom_only_something_waits_is_found_by_what_was_typed():
    core = await a_core_that_knows_ada()
    await core.roll.pending.save(a_pending(typed="SIS-9"))
    found = await dossier(core, "sis-9")
    await erase(core.roll, core.store, found, core.clock)
    assert core.roll.pending.everything() == []
    assert await find_dossier(core.roll, core.store, "sis-9") is None


async def test_records_about_somebody_alone_are_handed_over_and_erased_with_them():
    core = await a_core_that_knows_ada()
    await end_all(core)
    theirs, others = a_record(1, whose="ad:id-ada", by="tea"), a_record(2, by="ada")
    await core.store.save_records([theirs, others])
    found = await dossier(core)
    (told,) = found.as_json()["records"]
    assert told == {"kind": "grant", "id": theirs.id, "by": "tea", "hours": 3}

    stand_in = await erase(core.roll, core.store, found, core.clock)

    assert list(await core.store.load_records("grant")) == [replace(others, by=stand_in)]
