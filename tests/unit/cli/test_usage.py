"""`usage`: what was used, from the store beside the hub and by the hub."""

import asyncio
import csv
import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from jupyterhub_edu.cli import usage as usage_command
from jupyterhub_edu.cli.hub import HubSaysNo
from jupyterhub_edu.domain.admissions import Stage
from jupyterhub_edu.store import open_store
from tests.unit.store.values import a_person, an_admission, granted

HOUR = timedelta(hours=1)
NIGHT = datetime(2026, 11, 2, 22, 30, tzinfo=UTC)  # 23:30 in Oslo


def ended(number, begins=NIGHT, **changes):
    known = {"reserved_at": begins, "running_at": begins, "ended_at": begins + HOUR}
    return an_admission(number, stage=Stage.ENDED, **(known | changes))


def keep(*sessions, zone="Europe/Oslo"):
    """Put sessions into the store as a hub would have."""

    async def put():
        store = open_store()
        await store.open()
        await store.keep_days(ZoneInfo(zone))
        await store.save_answer(a_person(), "source:ldap", [])
        for session in sessions:
            await store.save_admission(session)
        await store.close()

    asyncio.run(put())


@pytest.fixture
def used(run, file, monkeypatch):
    """used("--by", "day", ...) -> result, of three sessions."""
    for name in ("JUPYTERHUB_API_URL", "JUPYTERHUB_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LDAP_PASSWORD", "secret")
    plain = granted(profile="notebook", amounts=granted().amounts._replace(devices=0))
    keep(
        ended(1, weight=150),
        ended(2, course="old-course", hub_name="kim", granted=plain),
        ended(3, NIGHT + timedelta(days=2), estimated=True),
    )
    return lambda *arguments: run("usage", "--campus", file, *arguments)


def test_courses_are_told_apart_unless_asked_otherwise(used):
    result = used()

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "course      sessions  hours  GPU hours\n"
        "ml                 2      2       1.15\n"
        "old-course         1      1          0\n"
        "the ends of 1 of the sessions were not seen and are estimated\n"
    )


WISHES = {
    "by day": (["--by", "day"], ["2026-11-02", "2026-11-03", "2026-11-04", "2026-11-05"]),
    "since a day": (["--by", "day", "--from", "2026-11-04"], ["2026-11-04", "2026-11-05"]),
    "until a day": (["--by", "day", "--until", "2026-11-02"], ["2026-11-02"]),
    "of a course by its code": (["--course", "inf4490"], ["ml"]),
    "of a course that is no longer in the file": (["--course", "old-course"], ["old-course"]),
    "of an account": (["--person", "kim"], ["old-course"]),
    "of a key": (["--person", "ldap:ola"], ["ml"]),
    "by person and profile": (["--by", "profile", "--by", "person"], ["kim", "ola"]),
    "of nobody": (["--person", "nobody"], []),
}


@pytest.mark.parametrize(("arguments", "expected"), WISHES.values(), ids=WISHES)
def test_it_answers_what_is_asked(used, arguments, expected):
    rows = list(csv.reader(used(*arguments, "--format", "csv").stdout.splitlines()))

    assert [row[0] for row in rows[1:]] == expected


def test_programs_get_the_exact_amounts(used):
    told = json.loads(used("--course", "ml", "--until", "2026-11-03", "--format", "json").stdout)

    assert told == {
        "time_zone": "Europe/Oslo",
        "from": None,
        "until": "2026-11-03",
        "person": None,
        "course": "ml",
        "by": ["course"],
        "rows": [
            {
                "course": "ml",
                "sessions": 1,
                "estimated": 0,
                "waiting_ms": 0,
                "running_ms": 3_600_000,
                "used": 540_000_000,
                "gpu_hours": 0.15,
            }
        ],
    }


CELLS = {
    "equals": ("=1+1", "'=1+1"),
    "plus": ("+1", "'+1"),
    "minus": ("-1", "'-1"),
    "at": ("@SUM(A1)", "'@SUM(A1)"),
    "equals in full width": ("＝1", "'＝1"),
    "a tab before it": ("\t=1", "\\x09=1"),
    "a line break before it": ("a\r=1", "a\\x0d=1"),
    "quotes": ('a",=1', 'a",=1'),
}


@pytest.mark.parametrize(("profile", "cell"), CELLS.values(), ids=CELLS)
def test_no_cell_is_a_formula(used, profile, cell):
    keep(ended(9, granted=granted(profile=profile)))

    printed = used("--by", "profile", "--format", "csv").stdout

    assert {row[0] for row in csv.reader(printed.splitlines())} == {
        "profile",
        "gpu",
        "notebook",
        cell,
    }


def test_nothing_used_is_said(used):
    assert used("--until", "2020-01-01").stdout == "nothing was used\n"


WRONG = {
    "a course that never was": (
        ["--course", "typo"],
        "no such course, and nothing was used in it",
    ),
    "a day that is none": (["--from", "2026-02-30"], "no such day: 2026-02-30"),
}


@pytest.mark.parametrize(("arguments", "sentence"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_answered_is_said(used, arguments, sentence):
    result = used(*arguments)

    assert (result.exit_code, sentence in result.stderr) == (2, True)


def test_it_reads_beside_a_hub_that_runs(used):
    async def beside():
        store = open_store()
        await store.open()
        result = await asyncio.to_thread(used)
        await store.close()
        return result

    assert "old-course" in asyncio.run(beside()).stdout


def test_a_command_that_makes_the_schema_counts_too(run, file, monkeypatch):
    monkeypatch.setenv("LDAP_PASSWORD", "secret")

    async def put():
        store = open_store()
        await store.open()
        await store.save_admission(ended(1))
        await store.close()

    asyncio.run(put())
    run("sync", "--campus", file, "--source", "roster")

    assert "ml " in run("usage", "--campus", file).stdout


def test_days_that_were_kept_wrong_are_made_anew(used):
    keep(zone="Asia/Tokyo")
    assert "2026-11-02" not in used("--by", "day").stdout

    assert used("--recount").stdout == "usage was counted anew from the sessions\n"

    assert "2026-11-02" in used("--by", "day").stdout


def test_without_a_campus_file_a_hub_must_be_named(run, used):
    result = run("usage")

    assert (result.exit_code, "name the campus file" in result.stderr) == (2, True)


def test_a_hub_that_is_named_is_asked(run, used, monkeypatch):
    asked = []

    async def ask(method, path):
        asked.append((method, path))
        return {"by": ["course", "day"], "rows": []}

    monkeypatch.setattr(usage_command, "ask_hub", ask)
    monkeypatch.setattr(usage_command, "is_a_hub_named", lambda: True)

    result = run(
        "usage", "--person", "a&b", "--from", "2026-11-02", "--by", "course", "--by", "day"
    )

    assert result.stdout == "nothing was used\n"
    assert asked == [("GET", "usage?person=a%26b&from=2026-11-02&by=course&by=day")]


def test_a_hub_that_refuses_is_heard(run, used, monkeypatch):
    async def refuse(method, path):
        raise HubSaysNo("There is no such course, or you do not take part in it.")

    monkeypatch.setattr(usage_command, "ask_hub", refuse)
    monkeypatch.setattr(usage_command, "is_a_hub_named", lambda: True)

    result = run("usage", "--course", "ml")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("There is no such course")
