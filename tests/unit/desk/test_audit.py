"""The audit for administrators: filter, pages, files; nobody else is told any of it."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.desk.audit_pages import AuditAPI, AuditExportAPI, AuditFile, AuditPage
from jupyterhub_edu.desk.refusals import Code
from jupyterhub_edu.domain.campus import FilePerson
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import AuditEntry
from tests.fakes.campus import NOW, a_campus, a_core, a_course, enrol

from .asking import ask

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
async def core():
    admins = frozenset({FilePerson("ad", "root")})
    core = a_core(a_campus(courses=[a_course(), a_course("db")], admins=admins))
    await core.ready()
    await enrol(core, "root")
    await enrol(core, "tea", ml=CourseRole.TEACHER)
    yield core
    await core.close()


async def note(core: Core, act: str = "stop", course: str = "ml", **what: Any) -> None:
    await core.store.append_audit(
        AuditEntry(**{"at": NOW, "actor": "tea", "act": act, "course": course, **what})
    )


@pytest.mark.parametrize("handler", [AuditPage, AuditFile, AuditAPI, AuditExportAPI])
async def test_only_administrators_read_the_audit(core: Core, handler: Any):
    path = ("csv",) if handler is AuditFile else ()
    reply = await ask(handler, core, "tea", *path)
    assert (reply.status, reply.code, reply.text) == (403, Code.ADMINS_ONLY, "")


async def test_the_page_shows_what_was_done_newest_first(core: Core):
    await note(core, target="ada", details={"why": HOSTILE})
    await note(core, "grant", at=NOW + timedelta(hours=1))
    reply = await ask(AuditPage, core, "root")
    acts = [code.get_text() for code in reply.page.select("tbody code")]
    assert acts == ["grant", "stop"]
    assert f"why: {HOSTILE}" in reply.words
    assert reply.page.find("img") is None


FILTERED = {
    "a course": ({"course": "db"}, ["sync"]),
    "an account that did it": ({"about": "root"}, ["sync"]),
    "an account to whom it was done": ({"about": "ada"}, ["stop"]),
    "an act": ({"act": "grant"}, ["grant"]),
    "days of the campus's zone": ({"from": "2026-11-04", "until": "2026-11-04"}, ["grant"]),
    "a day that is none": ({"from": "yesterday"}, ["grant", "sync", "stop"]),
    "the last day that there is": ({"until": "9999-12-31"}, ["grant", "sync", "stop"]),
}


@pytest.mark.parametrize(("query", "acts"), FILTERED.values(), ids=FILTERED)
async def test_the_filter_says_which(core: Core, query: dict[str, str], acts: list[str]):
    await note(core, target="ada")
    await note(core, "sync", "db", actor="root")
    # 00:30 of the next day in Oslo.
    await note(core, "grant", at=NOW.replace(hour=23, minute=30))
    reply = await ask(AuditPage, core, "root", query=query)
    assert [code.get_text() for code in reply.page.select("tbody code")] == acts
    assert ("cannot be read" in reply.words) is (query.get("from") == "yesterday")


async def test_older_pages_go_on_where_the_last_one_ended(core: Core):
    for number in range(250):
        await note(core, target=f"t{number}")
    seen: list[str] = []
    query: dict[str, Any] = {"course": "ml"}
    while True:
        page = (await ask(AuditPage, core, "root", query=query)).page
        seen += [td.get_text(strip=True) for td in page.select('td[data-label="About"]')]
        older = page.find("a", rel="next")
        if older is None:
            break
        assert "course=ml" in older["href"]
        query["before"] = older["href"].rpartition("before=")[2]
    assert seen == [f"t{number}" for number in reversed(range(250))]


async def test_programs_page_by_cursor(core: Core):
    for number in range(5):
        await note(core, target=f"t{number}")
    seen: list[str] = []
    query: dict[str, Any] = {"limit": "2"}
    while True:
        answer = (await ask(AuditAPI, core, "root", query=query)).json
        seen += [one["target"] for one in answer["items"]]
        if answer["next"] is None:
            break
        query["cursor"] = answer["next"]
    assert seen == ["t4", "t3", "t2", "t1", "t0"]
    for cursor in ("x", "-1", "9" * 30, "٣"):
        reply = await ask(AuditAPI, core, "root", query={"cursor": cursor})
        assert reply.code is Code.UNREADABLE


async def test_an_export_has_all_of_it_however_long(core: Core):
    for number in range(2_345):
        await note(core, target=f"t{number}", details={"n": number})
    reply = await ask(AuditExportAPI, core, "root")
    told = [json.loads(line) for line in reply.text.splitlines()]
    assert [one["details"]["n"] for one in told] == list(reversed(range(2_345)))
    reply = await ask(AuditFile, core, "root", "csv", query={"act": "stop"})
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert [row["target"] for row in rows] == [one["target"] for one in told]
    assert reply.headers["Content-Disposition"] == 'attachment; filename="audit.csv"'


async def test_no_cell_of_a_table_is_a_formula(core: Core):
    for formula in ('=HYPERLINK("http://x")', "+1", "-1", "@x", "\tx", "\nx", "\uff1d1"):
        await note(core, target=formula, details={"why": "=1"})
    text = (await ask(AuditFile, core, "root", "csv")).text
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert not [
        cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\n", "\uff1d"))
    ]
    assert "'+1" in cells
