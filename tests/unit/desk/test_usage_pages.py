"""Course: usage and Course: log: who is shown them, what stands in them, and the same as files and for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.desk.log_pages import LogAPI, LogTab
from jupyterhub_edu.desk.refusals import Code
from jupyterhub_edu.desk.usage_pages import CountsAPI, UsageFile, UsageTab
from jupyterhub_edu.domain.admissions import Stage
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole, Person
from jupyterhub_edu.domain.reasons import Code as Why
from jupyterhub_edu.ports import AuditEntry
from tests.fakes.campus import NOW, a_campus, a_core, a_course, enrol
from tests.fakes.world import AClock

from .asking import ask

HOUR = timedelta(hours=1)
HOSTILE = "<img src=x onerror=alert(1)>\"'{{7*7}}"
TEACHER, STUDENT = CourseRole.TEACHER, CourseRole.STUDENT
TODAY = NOW.date().isoformat()


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    """Ada is in two courses, and has worked an hour in one and two in the other."""
    core = a_core(a_campus(courses=[a_course("ml"), a_course("db")]), clock=AClock(NOW + 4 * HOUR))
    await core.ready()
    await enrol(core, "tea", ml=TEACHER)
    await enrol(core, "dan", db=TEACHER)
    await enrol(core, "asa", ml=CourseRole.ASSISTANT)
    ada = await enrol(core, "ada", ml=STUDENT, db=STUDENT)
    for course, hours in (("ml", 1), ("db", 2)):
        await worked(core, ada, course, hours)
    yield core
    await core.close()


async def worked(core: Core, person: Person, course: str, hours: int) -> None:
    admission = await core.book.admit(StartRequest(person.key, course, "gpu"), person, course)
    ended = replace(
        admission,
        stage=Stage.ENDED,
        reserved_at=NOW,
        running_at=NOW,
        ended_at=NOW + hours * HOUR,
    )
    core.book.on_end.clear()
    await core.store.save_admission(ended)


HANDLERS = {
    "usage": (UsageTab, ()),
    "a file of it": (UsageFile, ("people", "csv")),
    "what is counted": (CountsAPI, ()),
    "the log": (LogTab, ()),
    "the log for programs": (LogAPI, ()),
}
WHO = {
    "its teacher": ("tea", None),
    "an assistant": ("asa", Code.NOT_YOURS_TO_SEE),
    "a student": ("ada", Code.NOT_YOURS_TO_SEE),
    "the teacher of another course": ("dan", Code.NO_SUCH_COURSE),
}


@pytest.mark.parametrize(("who", "code"), WHO.values(), ids=WHO)
@pytest.mark.parametrize(("handler", "path"), HANDLERS.values(), ids=HANDLERS)
async def test_a_courses_teachers_are_shown_it(core, handler, path, who, code):
    reply = await ask(handler, core, who, "ml", *path)
    assert reply.code is code
    assert (await ask(handler, core, who, "nowhere", *path)).code is Code.NO_SUCH_COURSE


async def test_usage_is_of_this_course_alone(core: Core) -> None:
    core.counts.refuse("ml", [_reason(Why.COURSE_QUOTA)])
    core.counts.refuse("db", [_reason(Why.PERSON_CAP)])
    reply = await ask(UsageTab, core, "tea", "ml", query={"from": TODAY, "until": TODAY})
    figures = dict(
        zip(
            (dt.get_text() for dt in reply.page.find_all("dt")),
            (dd.get_text() for dd in reply.page.find_all("dd")),
            strict=True,
        )
    )
    assert (figures["GPU hours"], figures["Sessions"], figures["Refused starts"]) == (
        "1",
        "1",
        "1",
    )
    assert "course-quota" in reply.words
    assert "person-cap" not in reply.words
    days = reply.page.find(id="edu-days-table").tbody.find_all("tr")
    assert [[cell.get_text() for cell in row.find_all("td")] for row in days] == [
        ["1", "1", "1", "0", "", "1"]
    ]


@pytest.mark.parametrize("what", ["days", "people", "profiles"])
async def test_files_are_the_same_query(core: Core, what: str) -> None:
    as_json = await ask(UsageFile, core, "tea", "ml", what, "json")
    (row,) = as_json.json["rows"]
    assert (row["gpu_hours"], as_json.json["course"]) == (1.0, "ml")
    as_csv = await ask(UsageFile, core, "tea", "ml", what, "csv")
    (cells,) = csv.DictReader(io.StringIO(as_csv.text))
    assert {name: str(value) for name, value in row.items()} == cells
    assert "attachment" in as_csv.headers["Content-Disposition"]


async def test_what_no_session_tells_comes_as_a_file_and_for_programs(core: Core) -> None:
    core.counts.refuse("ml", [_reason(Why.COURSE_QUOTA)])
    told = (await ask(CountsAPI, core, "tea", "ml")).json
    (day,) = told["days"]
    assert (day["day"], day["refused"]) == (TODAY, {"course-quota": 1})
    assert (await ask(UsageFile, core, "tea", "ml", "counts", "json")).json == told
    later = {"from": "2027-01-01"}
    assert (await ask(CountsAPI, core, "tea", "ml", query=later)).json["days"] == []


async def entry(core: Core, act: str, course: str, actor: str, target: str, **more: Any) -> None:
    await core.store.append_audit(
        AuditEntry(core.clock(), actor, act, course, target, "192.0.2.1", more)
    )


@pytest.fixture
async def log(core: Core) -> Core:
    await entry(core, "stop", "ml", "tea", "ada", why=HOSTILE)
    await entry(core, "stop", "db", "dan", "ada")
    await entry(core, "grant", "ml", "root", "tea", until=None)
    await entry(core, "warn", "ml", "", "ada")
    return core


@pytest.mark.parametrize(
    ("query", "acts"),
    [
        pytest.param({}, ["warn", "grant", "stop"], id="all, newest first"),
        pytest.param({"act": "stop"}, ["stop"], id="one act"),
        pytest.param({"about": "ADA"}, ["warn", "stop"], id="to somebody"),
        pytest.param({"about": "tea"}, ["grant", "stop"], id="by or to somebody"),
        pytest.param({"about": "dan"}, [], id="somebody of another course"),
        pytest.param({"before": "4"}, ["grant", "stop"], id="older ones"),
    ],
)
async def test_the_log_is_of_this_course_by_act_and_account(log: Core, query, acts):
    reply = await ask(LogTab, log, "tea", "ml", query=query)
    assert [code.get_text() for code in reply.page.select("td code")] == acts
    assert reply.page.find("img") is None
    assert "192.0.2.1" not in reply.words, "an address is for administrators"


async def test_details_are_shown_by_the_campuss_clock_and_without_ids(core: Core):
    until = "2026-11-22T23:20:12.937282+00:00"
    told = {"message": "0123456789abcdef" * 2, "with_extra_time": 2, "until": until, "why": ""}
    await entry(core, "message", "ml", "tea", "", **told, text="2026-11-22T99:20:12+00:00")
    words = (await ask(LogTab, core, "tea", "ml")).words
    assert "with extra time: 2 until: 23 Nov 2026 00:20:12" in words
    assert "text: 2026-11-22T99:20:12+00:00" in words
    assert "0123456789abcdef" not in words
    assert "why" not in words


async def test_the_log_goes_on_page_by_page(log: Core) -> None:
    first = (await ask(LogAPI, log, "tea", "ml", query={"limit": 2})).json
    assert [one["act"] for one in first["items"]] == ["warn", "grant"]
    rest = {"limit": 2, "cursor": first["next"]}
    second = (await ask(LogAPI, log, "tea", "ml", query=rest)).json
    assert ([one["act"] for one in second["items"]], second["next"]) == (["stop"], None)
    assert (await ask(LogAPI, log, "tea", "ml", query={"cursor": "x"})).code is Code.UNREADABLE


def _reason(code: Why) -> Any:

    return SimpleNamespace(code=code)
