"""The pages of exams: prepare, rehearse, begin, extra time, end, the protocol; and who is shown none of it."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from jupyterhub_edu.core.exam_records import tag_of
from jupyterhub_edu.core.exam_wishes import ExamWish
from jupyterhub_edu.desk.exam_pages import (
    ChangeExamPage,
    ExamPage,
    ExamsPage,
    NewExamPage,
    ProtocolSheet,
)
from jupyterhub_edu.desk.refusals import Code
from jupyterhub_edu.domain.people import CourseRole
from tests.by_hand import put_by_hand
from tests.fakes.campus import NOW, an_enrolment, enrol
from tests.unit.core.test_exams import BEGINS, HOUR, IMAGE, MINUTE, World

from .asking import Reply, ask

HOSTILE = "<img src=x onerror=alert(1)>\"'{{7*7}}"
FORM = {
    "title": HOSTILE,
    "starts": "2026-11-03T13:00",  # Oslo's; BEGINS is two hours after NOW, 10:00 UTC
    "ends": "2026-11-03T14:00",
    "profile": "gpu",
    "image": IMAGE,
    "who": "all",
    "extra": "ada 30",
    "option:gpu:size": "small",
}


@pytest.fixture
async def world():
    world = await World().open()
    yield world
    await world.core.close()


async def prepared(world: World, **changed: str) -> str:
    reply = await page(world, NewExamPage, **{**FORM, **changed, "do": "prepare"})
    assert reply.status == 303, reply.words
    return reply.location.rpartition("/")[2]


async def page(world: World, handler: Any, *path: str, by: str = "tea", **form: str) -> Reply:
    method = "post" if form else "get"
    return await ask(handler, world.core, by, "ml", *path, method=method, form=form)


async def test_a_teacher_prepares_an_exam_and_is_shown_what_would_happen(world: World):
    id = await prepared(world)
    exam = world.by().find(id).exam
    assert (exam.starts, exam.ends, exam.profile) == (BEGINS, BEGINS + HOUR, "gpu")
    assert (exam.image, dict(exam.options)) == (IMAGE, {"size": "small"})
    assert dict(exam.extra) == {"ad:id-ada": 30 * MINUTE}
    reply = await page(world, ExamPage, id)
    assert "2 people take part. 2 could start." in reply.words
    assert "with extra time 14:30" in reply.words
    assert HOSTILE in reply.page.h3.get_text()
    assert reply.page.find("img") is None
    listed = await page(world, ExamsPage)
    (row,) = listed.page.select("tbody tr")
    assert row.a["href"] == f"/hub/edu/courses/ml/exams/{id}"
    assert "to come" in row.get_text()
    assert listed.page.find("img") is None


async def test_many_exams_come_a_page_at_a_time(world: World, monkeypatch):
    monkeypatch.setattr("jupyterhub_edu.desk.exam_pages._AT_ONCE", 2)
    ids = [
        await prepared(world, starts=f"2026-11-0{day}T13:00", ends=f"2026-11-0{day}T14:00")
        for day in (4, 5, 6)
    ]
    seen = []
    for asked in ("1", "2"):
        reply = await ask(ExamsPage, world.core, "tea", "ml", query={"page": asked})
        seen += [row.a["href"].rpartition("/")[2] for row in reply.page.select("tbody tr")]
    assert seen == ids


async def test_a_rehearsal_keeps_nothing_and_what_was_typed(world: World):
    await world.start(profile="notebook")
    reply = await page(world, NewExamPage, **FORM, do="rehearse")
    assert (reply.status, world.core.exams.of("ml")) == (200, [])
    assert "1 other server of theirs that runs now would be stopped, at 13:00 ." in reply.words
    first = reply.page.select_one("tbody tr")
    assert [first.th.contents[0].strip(), "1 server" in first.get_text()] == ["Ada", True]
    assert reply.page.select_one("[name=title]")["value"] == HOSTILE
    assert reply.page.select_one("[name=starts]")["value"] == "2026-11-03T13:00"
    assert reply.page.find("img") is None


async def test_a_rehearsal_tells_of_devices_and_of_what_is_called_back(world: World):
    world.core.inventory.nodes = {"t4": [2]}  # type: ignore[attr-defined]
    await enrol(world.core, "dob", db=CourseRole.ASSISTANT)
    await world.start("dob", course="db")
    reply = await page(world, NewExamPage, **FORM, do="rehearse")
    called = "0 from people of this course, 1 from others. They are warned at 12:54 ."
    assert called in reply.words
    world.core.inventory.nodes = {"t4": [1]}  # type: ignore[attr-defined]
    reply = await page(world, NewExamPage, **FORM, do="rehearse")
    assert "1 could start." in reply.words
    assert "1 person will not start: there are too few." in reply.words
    world.core.inventory.alive_at = NOW - timedelta(minutes=5)  # type: ignore[attr-defined]
    reply = await page(world, NewExamPage, **FORM, do="rehearse")
    assert "Whether they suffice is not known" in reply.words
    assert "could start." not in reply.words


async def test_of_whom_has_never_logged_in_nothing_is_claimed(world: World):
    later = an_enrolment("ad:later", "ml", role=CourseRole.STUDENT)
    await put_by_hand(world.core.roll, later)
    reply = await page(world, NewExamPage, **FORM, do="rehearse")
    assert "3 people take part. 2 could start. 1 has never logged in" in reply.words


async def test_somebody_who_could_not_start_stands_first_with_the_reason(world: World):
    await enrol(world.core, "zed", ml=CourseRole.OBSERVER)
    named = {"who": "named", "people": "ada\nzed", "extra": ""}
    reply = await page(world, NewExamPage, **{**FORM, **named}, do="rehearse")
    first = reply.page.select_one("tbody tr").get_text(" ", strip=True)
    assert "zed" in first
    assert "no" in first
    assert "They would be told: gpu is not offered to you as observer" in first


WRONG = {
    "a time that is none": ({"starts": "soon"}, 400, "Write day and time as"),
    "an end before its start": ({"ends": "2026-11-03T12:00"}, 409, "An exam ends after"),
    "too long for a teacher": ({"ends": "2026-11-03T20:00"}, 403, "at most 360 minutes"),
    "nobody": ({"who": "named", "people": "nobody"}, 404, "Not found: nobody."),
    "a section without a name": ({"who": "section"}, 400, "Say which section."),
    "extra time without minutes": ({"extra": "ada"}, 400, "a name and minutes"),
    "more than anybody types": ({"extra": "x" * 100_000}, 400, "longer than anybody types"),
}


@pytest.mark.parametrize("do", ["rehearse", "prepare"])
@pytest.mark.parametrize(("changed", "status", "words"), WRONG.values(), ids=WRONG)
async def test_what_is_wrong_is_told_and_what_was_typed_stays(
    world: World, changed: dict[str, str], status: int, words: str, do: str
):
    reply = await page(world, NewExamPage, **{**FORM, **changed}, do=do)
    alert = reply.page.select_one("[role=alert]")
    assert (reply.status, words in alert.get_text()) == (status, True)
    if "x" * 100_000 not in changed.values():
        assert reply.page.select_one("[name=title]")["value"] == HOSTILE
    assert world.core.exams.of("ml") == []


async def test_a_section_takes_part(world: World):
    person = world.core.roll.by_hub_name("bob")
    assert person is not None
    in_b = an_enrolment(person.key, "ml", role=CourseRole.STUDENT, sections=frozenset({HOSTILE}))
    await put_by_hand(world.core.roll, in_b)
    form = await page(world, NewExamPage)
    assert [one.get_text() for one in form.page.select("#edu-section option")][1:] == [HOSTILE]
    id = await prepared(world, who="section", section=HOSTILE, extra="")
    assert world.by().find(id).exam.participants == frozenset({"ad:id-bob"})


async def test_only_what_is_changed_in_the_form_is_changed(world: World):
    id = await prepared(world)
    form = await page(world, ChangeExamPage, id)
    typed = _typed(form)
    assert (typed["starts"], typed["who"], typed["extra"]) == ("2026-11-03T13:00", "all", "ada 30")
    typed |= {"ends": "2026-11-03T15:00", "extra": "bob 15"}
    assert (await page(world, ChangeExamPage, id, **typed, do="change")).status == 303
    exam = world.by().find(id).exam
    assert (exam.starts, exam.ends, exam.image) == (BEGINS, BEGINS + 2 * HOUR, IMAGE)
    assert dict(exam.extra) == {"ad:id-bob": 15 * MINUTE}


async def test_without_an_image_it_is_the_profile_s_own(world: World):
    id = await prepared(world)
    typed = {**_typed(await page(world, ChangeExamPage, id)), "image": ""}
    await page(world, ChangeExamPage, id, **typed, do="change")
    assert world.by().find(id).exam.image == "registry.example/gpu:1"


async def test_a_second_editor_is_told_and_loses_nothing(world: World):
    id = await prepared(world)
    typed = {**_typed(await page(world, ChangeExamPage, id)), "title": "Mine"}
    await world.by().change(id, ExamWish(ends=BEGINS + 3 * HOUR))
    reply = await page(world, ChangeExamPage, id, **typed, do="change")
    alert = reply.page.select_one("[role=alert]").get_text()
    assert (reply.status, "Ends: 2026-11-03T16:00" in alert) == (409, True)
    again = _typed(reply)
    assert (again["title"], again["ends"]) == ("Mine", "2026-11-03T14:00")
    again["ends"] = "2026-11-03T16:00"
    assert (await page(world, ChangeExamPage, id, **again, do="change")).status == 303
    exam = world.by().find(id).exam
    assert (exam.title, exam.ends) == ("Mine", BEGINS + 3 * HOUR)
    assert _typed(await page(world, ExamPage, id))["seen"] == tag_of(world.by().find(id))
    late = await page(world, ExamPage, id, do="begin", seen=typed["seen"])
    assert (late.status, "Somebody else" in late.words) == (409, True)


async def test_it_is_begun_given_extra_time_and_ended_from_its_page(world: World):
    id = await prepared(world, extra="")
    assert (await act(world, id, "begin")).status == 303
    begun = await page(world, ExamPage, id)
    assert "goes on" in begun.words
    assert "2 not started" in begun.words
    form = _typed(await page(world, ChangeExamPage, id))
    assert "starts" not in form
    assert (
        await page(world, ChangeExamPage, id, **{**form, "ends": "2026-11-03T14:30"}, do="change")
    ).status == 303
    assert (await act(world, id, "extra", name="bob", minutes="20")).status == 303
    assert dict(world.by().find(id).exam.extra) == {"ad:id-bob": 20 * MINUTE}
    wrong = await act(world, id, "extra", name="dba", minutes="20")
    assert (wrong.status, "Not found: dba." in wrong.words) == (404, True)
    assert (await act(world, id, "end")).status == 303
    assert world.by().find(id).exam.closed == NOW + 2 * MINUTE
    again = await act(world, id, "call-off")
    assert (again.status, "It has begun" in again.words) == (409, True)


async def test_one_is_called_off(world: World):
    id = await prepared(world)
    assert (await act(world, id, "call-off")).location == "/hub/edu/courses/ml/exams"
    assert world.core.exams.of("ml") == []
    assert (await page(world, ExamPage, id)).code is Code.NO_SUCH_EXAM


async def test_the_protocol_says_who_started_when_from_where_as_it_goes_on(world: World):
    id = await prepared(world)
    world.pass_(hours=2, minutes=3)
    admission = await world.start()
    await world.core.note_exam_start(admission, "198.51.100.7")
    reply = await page(world, ExamPage, id)
    absent, on = (row.get_text(" ", strip=True) for row in reply.page.select("tbody tr"))
    assert absent == "Bob bob not started – – 14:00"
    assert on == "Ada ada on 13:03 198.51.100.7 14:30"
    await world.core.book.end(admission.id)
    sheet = await page(world, ProtocolSheet, id)
    rows = list(csv.reader(io.StringIO(sheet.text)))
    at = "2026-11-03T13:03:00+01:00"
    assert rows[1] == ["ada", "Ada", "ended", at, "198.51.100.7", "", at, at]
    assert rows[2] == ["bob", "Bob", "absent", "", "", "", "", ""]
    assert sheet.headers["Content-Disposition"] == 'attachment; filename="exam-2026-11-03.csv"'


PAGES: dict[str, tuple[Any, bool]] = {
    "the list": (ExamsPage, False),
    "the form": (NewExamPage, False),
    "an exam": (ExamPage, True),
    "its form": (ChangeExamPage, True),
    "its protocol": (ProtocolSheet, True),
}


@pytest.mark.parametrize(("handler", "has_id"), PAGES.values(), ids=PAGES)
async def test_who_holds_no_exams_is_shown_none(world: World, handler: Any, has_id: bool):
    path = [await prepared(world)] if has_id else []
    methods = ["get"] if handler in {ExamsPage, ProtocolSheet} else ["get", "post"]
    for method in methods:
        for who in ("asa", "ada"):
            reply = await ask(handler, world.core, who, "ml", *path, method=method)
            assert (reply.code, reply.text) == (Code.NOT_YOUR_EXAMS, "")
        outside = await ask(handler, world.core, "dba", "ml", *path, method=method)
        nowhere = await ask(handler, world.core, "dba", "none", *path, method=method)
        assert outside.code is nowhere.code is Code.NO_SUCH_COURSE
        assert outside.sentence == nowhere.sentence
        if has_id:  # an exam of another course
            theirs = await ask(handler, world.core, "dba", "db", *path, method=method)
            assert (theirs.code, theirs.text) == (Code.NO_SUCH_EXAM, "")


async def test_headings_labels_and_tables_can_be_read_aloud(world: World):
    id = await prepared(world)
    for reply in (
        await page(world, ExamsPage),
        await page(world, NewExamPage, **FORM, do="rehearse"),
        await page(world, ExamPage, id),
    ):
        html = reply.page
        levels = [int(one.name[1]) for one in html.find_all(["h1", "h2", "h3", "h4", "h5"])]
        assert all(after - before <= 1 for before, after in pairwise(levels))
        labels = {one["for"] for one in html.find_all("label")}
        fields = html.find_all(["input", "select", "textarea"])
        assert {one["id"] for one in fields if one.get("type") != "hidden"} <= labels
        ids = [one["id"] for one in html.find_all(id=True)]
        assert len(set(ids)) == len(ids)
        assert all(th["scope"] in {"col", "row"} for th in html.find_all("th"))


async def act(world: World, id: str, do: str, **more: str) -> Reply:
    seen = tag_of(world.by().find(id))
    return await page(world, ExamPage, id, do=do, seen=seen, **more)


def _typed(reply: Reply) -> dict[str, str]:
    """What a browser would send of the page's forms."""
    html, found = reply.page, {}
    for one in html.select("input[name]"):
        if one.get("type") != "radio" or one.has_attr("checked"):
            found[one["name"]] = one.get("value", "")
    for one in html.select("textarea[name]"):
        found[one["name"]] = one.get_text()
    for one in html.select("select[name]"):
        chosen = one.select_one("option[selected]") or one.select_one("option")
        found[one["name"]] = chosen.get("value", chosen.get_text())
    return found
