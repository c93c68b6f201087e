"""The pages about the people of a course: who is shown, forms without scripts, a second editor, lists, rosters."""

from __future__ import annotations

import asyncio
import base64
import csv
import io
import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from jupyterhub_edu.core.by_hand import ByHand
from jupyterhub_edu.desk import import_pages, imports
from jupyterhub_edu.desk.course_sync import CourseSyncAPI, CourseSyncPage
from jupyterhub_edu.desk.import_pages import ImportPage, NewImportPage, PeopleSheet
from jupyterhub_edu.desk.imports import ImportAPI, ImportsAPI
from jupyterhub_edu.desk.people import PeopleAPI, PersonOfCourseAPI
from jupyterhub_edu.desk.people_pages import PeoplePage, PersonPage, TakeBackPage
from jupyterhub_edu.desk.refusals import Code
from jupyterhub_edu.domain.people import CourseRef, CourseRole, Member, Roster
from tests.by_hand import put_by_hand
from tests.fakes.campus import NOW, an_enrolment, an_identity, enrol
from tests.unit.core.test_importing import World
from tests.unit.desk.asking import Reply, ask

STUDENT, ASSISTANT = CourseRole.STUDENT, CourseRole.ASSISTANT
HOSTILE = "<img src=x onerror=alert(1)>\"'{{7*7}}"


@pytest.fixture
async def world() -> World:
    return await World().fill()


async def people(world: World, by: str = "tea", course: str = "ml", **query: str) -> Reply:
    return await ask(PeoplePage, world.core, by, course, query=query)


async def person(world: World, key: str, by: str = "tea", **form: object) -> Reply:
    method = "post" if form else "get"
    return await ask(PersonPage, world.core, by, "ml", key, method=method, form=form)


def shown(reply: Reply) -> list[str]:
    """Who stands in the table."""
    return [row.get_text(" ").split()[0] for row in reply.page.select("tbody th")]


def seen(reply: Reply) -> str:
    tag: str = reply.page.select_one('[name="seen"]')["value"]
    return tag


# -- who is shown ----------------------------------------------------------------------------------------------------


async def test_everybody_stands_there_with_why(world: World) -> None:
    until = NOW + timedelta(days=30)
    await ByHand(world.core, world.who("tea"), "ml").enrol(
        "zoe", ASSISTANT, ends=until, why=HOSTILE
    )
    reply = await people(world)
    assert shown(reply) == ["Asa", "Rose", "Stu", "Sue", "Tea", "Zoe"]
    assert not reply.page.select("img")
    rose, zoe = reply.page.select("tbody tr")[1], reply.page.select("tbody tr")[5]
    assert "from LMS" in rose.text
    assert "never logged in" in rose.text
    assert "11:00" in rose.text
    assert [rose.select("td")[2].text.strip()] == ["A"]
    assert "added by tea, until 3 Dec 2026" in " ".join(zoe.text.split())
    assert HOSTILE in zoe.text


FOUND: dict[str, tuple[dict[str, str], list[str]]] = {
    "by a part of the name, in any case": ({"q": "STU"}, ["Stu"]),
    "by the key": ({"q": "lms:id"}, ["Rose"]),
    "by nothing of anybody": ({"q": "nobody"}, []),
    "by role": ({"role": "teacher"}, ["Tea"]),
    "by section": ({"section": "A"}, ["Rose"]),
    "by origin": ({"origin": "source:lms"}, ["Rose"]),
    "by several of these": ({"role": "student", "origin": "manual"}, ["Stu", "Sue"]),
    "who has never logged in": ({"show": "never"}, ["Rose"]),
    "who is kept out": ({"show": "out"}, []),
}


@pytest.mark.parametrize(("query", "found"), FOUND.values(), ids=FOUND.keys())
async def test_who_is_found(world: World, query: dict[str, str], found: list[str]) -> None:
    assert shown(await people(world, **query)) == found
    told = (await ask(PeopleAPI, world.core, "tea", "ml", query=query)).json
    assert [one["name"] for one in told["people"]] == found
    assert told["total"] == len(found)


async def test_two_thousand_are_shown_a_page_at_a_time(world: World) -> None:
    members = tuple(
        Member(f"id-{n}", f"p{n}", f"Person {n:04}", frozenset({STUDENT})) for n in range(2000)
    )
    await world.core.roll.take_roster("lms", "ml", Roster(CourseRef("ml"), members, NOW))
    first = await people(world)
    assert "2004 people" in first.words
    assert not first.page.find("a", string="First page")
    assert shown(first)[:2] == ["Asa", "Person"]
    more = parse_qs(urlsplit(first.page.select_one('a[rel="next"]')["href"]).query)
    second = await people(world, cursor=more["cursor"][0])
    assert second.page.find("a", string="First page")
    assert second.page.select_one("tbody th").get_text(" ", strip=True)[:11] == "Person 0029"

    found: list[str] = []
    query: dict[str, Any] = {"limit": 500}
    while True:
        told = (await ask(PeopleAPI, world.core, "tea", "ml", query=query)).json
        found += [one["name"] for one in told["people"]]
        if told["next"] is None:
            break
        query["cursor"] = told["next"]
    assert (len(found), found) == (2004, sorted(found))
    assert (await people(world, cursor="x")).code is Code.UNREADABLE


async def test_of_whom_only_an_exclusion_tells_nothing_is_shown_but_the_key(world: World) -> None:
    await ByHand(world.core, world.who("tea"), "ml").exclude("zoe", why="copied")
    reply = await people(world, show="out")
    assert shown(reply) == ["ad:id-zoe"]
    assert "Zoe" not in reply.text
    assert shown(await people(world, show="out", q="Zoe")) == ["ad:id-zoe"]  # part of the key
    assert shown(await people(world)) == ["Asa", "Rose", "Stu", "Sue", "Tea"]


async def test_who_sees_it(world: World) -> None:
    assert (await people(world, "adm")).status == 200
    for by in ("asa", "stu"):
        assert (await people(world, by)).code is Code.NOT_YOURS_TO_GIVE
        assert (await person(world, "ad:id-stu", by)).code is Code.NOT_YOURS_TO_GIVE
    assert (await people(world, "zoe")).code is Code.NO_SUCH_COURSE
    assert (await people(world, "tea", "db")).code is Code.NO_SUCH_COURSE
    assert (await people(world, "tea", "nix")).code is Code.NO_SUCH_COURSE
    assert (await person(world, "ad:id-zoe")).code is Code.NOT_IN_COURSE


# -- by hand ---------------------------------------------------------------------------------------------------------


async def add(world: World, **form: str) -> Reply:
    return await ask(PeoplePage, world.core, "tea", "ml", method="post", form=form)


async def test_somebody_is_added_by_number_and_told(world: World) -> None:
    reply = await add(
        world, do="enrol", who="1001", role="student", starts="", ends="2026-12-18", why="late"
    )
    assert (reply.status, reply.location) == (
        303,
        "/hub/edu/courses/ml/people?about=lms%3Aid-new",
    )
    told = await people(world, about="lms:id-new")
    # Who has never logged in has no role by the hub's accounts, and is told with what they are to be.
    assert "New (new) is in this course as student." in told.words
    assert "until 18 Dec 2026" in told.words


async def test_of_several_of_one_name_whoever_asks_chooses(world: World) -> None:
    for login in ("kim1", "kim2"):
        kim = await world.core.roll.learn(an_identity(login, name="Kim Doe"), login)
        await put_by_hand(world.core.roll, an_enrolment(kim.key, "ml"))
    typed = {"do": "exclude", "role": "", "starts": "", "ends": "", "why": "left"}
    reply = await add(world, **typed, who="kim doe")
    assert reply.status == 409
    assert "ad:kim1, ad:kim2" in reply.page.find(role="alert").get_text()
    values = [one["value"] for one in reply.page.select("select[name=who] option")]
    assert values == ["", "ad:id-kim1", "ad:id-kim2"]
    assert (await add(world, **typed, who=values[2])).status == 303
    told = await people(world, about=values[2])
    assert "Kim Doe (kim2) is kept out of this course." in told.words


async def test_what_says_nobody_waits_and_is_taken_back(world: World) -> None:
    reply = await add(world, do="enrol", who=HOSTILE, role="student")
    (waits,) = world.core.roll.pending.in_course("ml")
    assert reply.location == f"/hub/edu/courses/ml/people?waits={waits.id}"
    told = await people(world, waits=waits.id)
    assert f"“{HOSTILE}” waits. No source knows anybody by this." in told.words
    assert shown(await people(world, show="waiting")) == ["<img"]
    form = {"waits": waits.id}
    gone = await ask(TakeBackPage, world.core, "tea", "ml", method="post", form=form)
    assert (gone.status, world.core.roll.pending.in_course("ml")) == (303, [])
    again = await ask(TakeBackPage, world.core, "tea", "ml", method="post", form=form)
    assert again.status == 303


REFUSED: dict[str, tuple[dict[str, str], int, str]] = {
    "several people": ({"who": "twin"}, 409, "Several people could be meant."),
    "a role like one's own": ({"who": "zoe", "role": "teacher"}, 403, "below your own role"),
    "no role": ({"who": "zoe", "role": "boss"}, 400, "Say as what."),
    "no day": ({"who": "zoe", "ends": "tomorrow"}, 400, "Write a day as"),
    "nobody": ({"who": " "}, 400, "does not know"),
}


@pytest.mark.parametrize(("form", "status", "words"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_refused_is_told_beside_what_was_typed(
    world: World, form: dict[str, str], status: int, words: str
) -> None:
    reply = await add(world, **{"do": "enrol", "role": "student", "why": HOSTILE, **form})
    assert reply.status == status
    assert words in reply.page.select_one(".alert-danger").text
    assert reply.page.select_one("#edu-why")["value"] == HOSTILE
    assert not reply.page.select("img")


async def test_dates_are_changed_somebody_is_kept_out_and_all_is_taken_back(world: World) -> None:
    key = "ad:id-stu"
    form = {
        "do": "change",
        "role": "assistant",
        "starts": "",
        "ends": "2026-12-18",
        "why": "helps",
    }
    reply = await person(world, key, seen=seen(await person(world, key)), **form)
    assert (reply.status, world.role("stu")) == (303, ASSISTANT)
    page = await person(world, key)
    assert page.page.select_one("#edu-ends")["value"] == "2026-12-18"
    assert "assistant, added by tea, until 18 Dec 2026" in page.words

    out = {"do": "exclude", "ends": "2026-11-30", "why": "copied", "seen": seen(page)}
    assert (await person(world, key, **out)).status == 303
    assert world.role("stu") is None
    page = await person(world, key)
    assert page.page.select_one("#edu-out-ends")["value"] == "2026-11-30"
    assert shown(await people(world, show="out")) == ["Stu"]

    back = await person(world, key, do="take-back", seen=seen(page))
    assert (back.status, world.role("stu")) == (303, None)
    assert (await person(world, key)).code is Code.NOT_IN_COURSE
    acts = [(one.act, one.details["before"]) for one in await world.audit()]
    assert acts[0] == ("enrol", "student")
    assert [act for act, _ in acts] == ["enrol", "exclude", "take-back"]


async def test_somebody_is_put_into_sections_by_hand(world: World) -> None:
    key = "ad:id-stu"
    form = {"do": "sections", "seen": "", "sections": f"Lab 2, {HOSTILE.replace(',', '')}"}
    assert (await person(world, key, **form)).status == 303
    page = await person(world, key)
    assert "set by hand" in page.words
    assert "Lab 2" in page.page.select_one("#edu-sections")["value"]
    assert page.page.find("img") is None
    assert shown(await people(world, section="Lab 2")) == ["Stu"]

    late = await person(world, key, **{**form, "sections": "mine"})
    assert late.status == 412
    assert late.page.select_one("#edu-sections")["value"] == "mine"
    wrong = await person(world, key, do="sections", seen="x", sections="y" * 81)
    assert (wrong.status, "at most 80 letters" in wrong.words) == (400, True)


async def test_the_second_editor_is_shown_both_and_loses_nothing(world: World) -> None:
    key = "ad:id-stu"
    late = seen(await person(world, key))
    await ByHand(world.core, world.who("adm"), "ml").enrol("stu", STUDENT, why="theirs")
    form = {"do": "change", "role": "assistant", "ends": "2026-12-24", "why": "mine", "seen": late}
    reply = await person(world, key, **form)
    assert (reply.status, world.role("stu")) == (412, STUDENT)
    assert "Now there stands: student (theirs)." in reply.words
    assert reply.page.select_one("#edu-why")["value"] == "mine"
    assert reply.page.select_one("#edu-ends")["value"] == "2026-12-24"
    assert (await person(world, key, **{**form, "seen": seen(reply)})).status == 303
    assert world.role("stu") is ASSISTANT


async def test_an_instant_that_is_no_midnight_stays_where_its_day_is_not_changed(
    world: World,
) -> None:
    ends = NOW + timedelta(days=3, hours=2)
    await ByHand(world.core, world.who("tea"), "ml").enrol("stu", STUDENT, ends=ends)
    page = await person(world, "ad:id-stu")
    day = page.page.select_one("#edu-ends")["value"]
    form = {"do": "change", "role": "assistant", "ends": day, "seen": seen(page)}
    assert (await person(world, "ad:id-stu", **form)).status == 303
    (now,) = world.core.roll.enrolments_in(world.who("stu"), "ml")
    assert (now.role, now.ends) == (ASSISTANT, ends)


async def test_nobody_above_oneself_is_changed(world: World) -> None:
    page = await person(world, "ad:id-tea")
    assert not page.page.select("form")
    form = {"do": "exclude", "seen": "", "why": ""}
    assert (await person(world, "ad:id-tea", **form)).status in (403, 412)


async def test_the_same_for_programs(world: World) -> None:
    shown = await ask(PersonOfCourseAPI, world.core, "tea", "ml", "ad:id-stu")
    assert (shown.json["role"], shown.json["excluded"]) == ("student", [])

    async def put(headers: dict[str, str], **body: Any) -> Reply:
        return await ask(
            PersonOfCourseAPI,
            world.core,
            "tea",
            "ml",
            "ad:id-stu",
            method="put",
            body=body,
            headers=headers,
        )

    seen = {"If-Match": shown.headers["ETag"]}
    changed = await put(seen, role="assistant", ends="2026-12-18T23:00:00Z")
    assert (changed.status, changed.json["role"]) == (200, "assistant")
    assert (await put(seen, exclude=True)).code is Code.STALE
    assert (await put({}, exclude=True, why="copied")).json["excluded"][0]["why"] == "copied"
    far = {"role": "student", "ends": "9999-12-31T23:59:59Z"}
    both = {"role": "student", "exclude": True}
    for wrong in ({}, both, {"exclude": True, "starts": None}, far):
        assert (await put({}, **wrong)).code is Code.UNREADABLE


# -- lists -----------------------------------------------------------------------------------------------------------


async def hand_in(world: World, text: str = "", **more: Any) -> Reply:
    form = {"text": text, "role": "student", **more.pop("form", {})}
    return await ask(NewImportPage, world.core, "tea", "ml", method="post", form=form, **more)


async def a_list(world: World, id: str, **form: str) -> Reply:
    method = "post" if form else "get"
    return await ask(ImportPage, world.core, "tea", "ml", id, method=method, form=form)


async def test_a_list_is_looked_at_applied_and_undone(world: World) -> None:
    reply = await hand_in(
        world, files={"file": f"person;why\n1001;{HOSTILE}\nzoe;\n".encode("cp1252")}
    )
    assert reply.status == 303, reply.words
    id = reply.location.rpartition("/")[2]
    diff = await a_list(world, id)
    assert [one.get_text(" ", strip=True) for one in diff.page.select("summary")] == ["Added 2"]
    assert "Make 2 changes" in diff.words
    assert world.role("zoe") is None

    done = await a_list(world, id, do="apply", seen=seen(diff))
    assert (done.status, world.role("zoe")) == (303, STUDENT)
    page = await people(world)
    assert "A list by tea has changed 2 entries" in page.words
    assert not page.page.select("img")
    undone = await a_list(world, id, do="undo")
    assert (undone.status, world.role("zoe")) == (303, None)
    assert "2 changes of the list are undone." in (await people(world, undone=id)).words
    assert (await a_list(world, id, do="undo")).code is Code.NO_SUCH_LIST


async def test_mistakes_stand_with_their_lines_and_what_was_typed_is_kept(world: World) -> None:
    text = f"person,role\n{HOSTILE},boss\n"
    reply = await hand_in(world, text)
    assert reply.status == 422
    assert shown(reply) == ["2"]
    assert "There is no role 'boss'." in reply.words
    assert reply.page.select_one("textarea").text.strip() == text.strip()
    assert not reply.page.select("img")
    assert (await hand_in(world)).status == 422


async def test_whoever_applies_something_older_is_shown_what_it_would_do_now(world: World) -> None:
    reply = await hand_in(world, "person\nzoe\n")
    id = reply.location.rpartition("/")[2]
    late = seen(await a_list(world, id))
    await enrol(world.core, "zoe", ml=ASSISTANT)
    reply = await a_list(world, id, do="apply", seen=late)
    assert (reply.status, world.role("zoe")) == (412, ASSISTANT)
    assert "Something has changed since this was shown to you" in reply.words


async def test_while_people_are_looked_for_the_page_says_how_far_that_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = asyncio.Event()
    decide = world.core.finder.decide

    async def slowly(*args: Any) -> Any:
        await go_on.wait()
        return await decide(*args)

    monkeypatch.setattr(world.core.finder, "decide", slowly)
    monkeypatch.setattr(import_pages, "_PATIENCE", 0)
    monkeypatch.setattr(imports, "_PATIENCE", 0)
    reply = await hand_in(world, "person\nzoe\nad:id-stu\n")
    id = reply.location.rpartition("/")[2]
    waits = await a_list(world, id)
    assert "1 of 2 people have been looked for." in waits.words
    assert (await a_list(world, id, do="apply", seen="")).location == reply.location
    api = await ask(ImportAPI, world.core, "tea", "ml", id)
    assert (api.status, api.json["done"], api.json["total"]) == (202, 1, 2)
    assert (await ask(ImportAPI, world.core, "tea", "ml", id, method="post")).code is (
        Code.CANNOT_LOOK
    )
    go_on.set()
    listing = world.lists().find(id)
    assert listing.task is not None
    await listing.task
    assert "Make 1 change" in (await a_list(world, id)).words

    listing.failed = "The sources take too long."
    assert "The sources take too long." in (await a_list(world, id)).words
    assert (await ask(ImportAPI, world.core, "tea", "ml", id)).code is Code.CANNOT_LOOK


async def test_lists_for_programs(world: World) -> None:
    async def post(**body: Any) -> Reply:
        return await ask(ImportsAPI, world.core, "tea", "ml", method="post", body=body)

    async def act(id: str, method: str, **headers: str) -> Reply:
        return await ask(ImportAPI, world.core, "tea", "ml", id, method=method, headers=headers)

    wrong = await post(csv="person,role\nzoe,boss\n")
    assert (wrong.status, wrong.json["mistakes"][0]["line"]) == (422, 2)
    dry = await post(csv="person\nzoe\nstu\nnina\n", missing="remove")
    counts = {kind: n for kind, n in dry.json["counts"].items() if n}
    assert (dry.status, counts) == (
        200,
        {"added": 1, "removed": 2, "not-found": 1, "unchanged": 1},
    )
    id, tag = dry.json["id"], dry.headers["ETag"]
    assert (await act(id, "get")).headers["ETag"] == tag
    assert (await act(id, "post")).code is Code.UNREADABLE
    assert (await act(id, "post", **{"If-Match": '"x"'})).code is Code.STALE
    assert (await act(id, "post", **{"If-Match": tag})).json["changes"] == 4
    assert (await act(id, "get")).code is Code.NO_SUCH_LIST
    listed = await ask(ImportsAPI, world.core, "tea", "ml")
    assert [one["id"] for one in listed.json["imports"]] == [id]
    assert (await act(id, "delete")).json == {"undone": 4, "left": 0}


async def test_our_own_list_handed_in_again_changes_nothing(world: World) -> None:
    await ByHand(world.core, world.who("tea"), "ml").exclude("zoe", why="=1+1")
    reply = await ask(PeopleSheet, world.core, "tea", "ml")
    rows = list(csv.DictReader(io.StringIO(reply.text.removeprefix("\ufeff"))))
    assert {row["person"]: row["role"] or row["exclude"] for row in rows} == {
        "ad:id-asa": "assistant",
        "lms:id-rose": "student",
        "ad:id-stu": "student",
        "ad:id-sue": "student",
        "ad:id-tea": "teacher",
        "ad:id-zoe": "yes",
    }
    assert next(row["why"] for row in rows if row["person"] == "ad:id-zoe") == "'=1+1"

    world.lms.down = True  # nobody need be asked
    reply = await hand_in(world, files={"file": reply.text.encode()}, form={"missing": "remove"})
    assert reply.status == 303, reply.words
    diff = await a_list(world, reply.location.rpartition("/")[2])
    found = {one.get_text(" ", strip=True) for one in diff.page.select("summary")}
    assert found == {"Unchanged 5", "Not below your own role: left alone 1"}
    assert "The list changes nothing." in diff.words


# -- rosters ---------------------------------------------------------------------------------------------------------


async def test_a_teacher_reads_the_rosters_and_is_told_what_changed(world: World) -> None:
    world.lms.put("ml", "rose", "rita", "ron:assistant")
    reply = await ask(CourseSyncPage, world.core, "tea", "ml", method="post", form={"x": "y"})
    assert reply.location == "/hub/edu/courses/ml/people/sync"
    page = await ask(CourseSyncPage, world.core, "tea", "ml")
    assert "Rita (rita): not in the course → student" in page.words
    assert "LMS: 3 people" in page.words

    told = (await ask(CourseSyncAPI, world.core, "tea", "ml", method="post")).json
    assert told["sources"] == [
        {"source": "lms", "came": "same", "people": 3, "added": [], "gone": [], "changed": []}
    ]
    world.lms.down = True
    told = (await ask(CourseSyncAPI, world.core, "tea", "ml", method="post")).json
    assert [one["came"] for one in told["sources"]] == ["silent"]
    assert [one.act for one in await world.audit()] == ["sync"] * 3
    assert (await ask(CourseSyncAPI, world.core, "asa", "ml", method="post")).code is (
        Code.NOT_YOURS_TO_GIVE
    )


async def test_a_held_roster_says_that_an_administrator_must_answer(world: World) -> None:
    world.lms.put("ml", *(f"p{n}" for n in range(40)))
    await world.core.syncer.run("lms", "ml")
    world.lms.put("ml", "p1")
    told = (await ask(CourseSyncAPI, world.core, "tea", "ml", method="post")).json
    assert [(one["came"], one["people"]) for one in told["sources"]] == [("held", 40)]
    page = await ask(CourseSyncPage, world.core, "tea", "ml")
    assert "Held back: 39 people would be lost. An administrator must decide." in page.words


async def test_a_cursor_tells_no_name_of_whom_only_an_exclusion_tells(world: World) -> None:
    staff = ByHand(world.core, world.who("tea"), "ml")
    for key in ("ad:id-zoe", "ad:id-twin"):
        await staff.exclude(key)
    query = {"show": "out", "limit": "1"}
    reply = await ask(PeopleAPI, world.core, "tea", "ml", query=query)
    told = json.loads(base64.urlsafe_b64decode(reply.json["next"]))
    assert told == ["ad:id-twin", "ad:id-twin"]
    query["cursor"] = reply.json["next"]
    rest = await ask(PeopleAPI, world.core, "tea", "ml", query=query)
    assert [one["person"] for one in rest.json["people"]] == ["ad:id-zoe"]
