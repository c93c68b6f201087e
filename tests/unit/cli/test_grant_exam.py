"""What the commands for grants and exams ask of the hub, and how they tell its answer."""

from __future__ import annotations

from typing import Any

import pytest

from jupyterhub_edu.cli import asking, exam, grant
from jupyterhub_edu.cli.hub import HubSaysNo

ADA = {"person": "ad:1", "user": "ada", "name": "Ada"}
GRANT = {
    "id": "g1",
    "what": "5 GPU hours",
    "hours": 5.0,
    "person": ADA,
    "section": None,
    "starts": "2026-11-03T10:00:00+00:00",
    "ends": "2026-11-10T10:00:00+00:00",
    "by": "tea",
    "why": "",
    "approved": False,
    "taken": 1.5,
}
SECTION = {**GRANT, "id": "g2", "person": None, "section": "A"}
CEILINGS = {"hours": 10.0, "offer": ["big"], "servers": 0, "devices": {"t4": 2}, "longest": 480}
EXAM = {
    "id": "e1",
    "title": "Midterm",
    "phase": "before",
    "starts": "2026-11-24T09:00:00+00:00",
    "ends": "2026-11-24T11:00:00+00:00",
    "profile": "gpu",
    "participants": None,
    "extra": [{**ADA, "minutes": 30}],
}
REHEARSAL = {
    "profile": "gpu",
    "image": "registry/exam:1",
    "devices": 2,
    "will_not_start": 1,
    "recalled": {"own": 1, "others": 2, "at": "2026-11-24T08:54:00+00:00"},
    "people": [
        {
            **ADA,
            "stopped": 1,
            "logged_in": True,
            "reasons": [{"code": "profile-not-offered", "sentence": "It is not offered."}],
        },
        {
            "person": "ad:2",
            "user": None,
            "name": None,
            "stopped": 0,
            "logged_in": False,
            "reasons": [],
        },
    ],
}
PROTOCOL = {
    "started": [
        {
            "user": "ada",
            "name": "Ada",
            "at": "2026-11-24T09:03:00+00:00",
            "address": "192.0.2.1",
            "ended_at": None,
        }
    ],
    "not_started": [{"person": "ad:2", "user": None, "name": None}],
}
ZONE = {"time_zone": "Europe/Oslo"}
ANSWERS: dict[tuple[str, str], Any] = {
    ("GET", "grants"): ZONE,
    ("GET", "grants?limit=500"): {
        **ZONE,
        "ceilings": CEILINGS,
        "grants": [GRANT],
        "next": "more",
    },
    ("GET", "grants?limit=500&cursor=more"): {"grants": [SECTION], "next": None},
    ("POST", "grants"): GRANT,
    ("DELETE", "grants/g1"): None,
    ("GET", "exams"): ZONE,
    ("GET", "exams?limit=500"): {**ZONE, "exams": [EXAM], "next": None},
    ("POST", "exams"): {**EXAM, "rehearsal": REHEARSAL},
    ("GET", "exams/e1"): {**EXAM, "rehearsal": REHEARSAL},
    ("PATCH", "exams/e1"): EXAM,
    ("DELETE", "exams/e1"): None,
    ("POST", "exams/e1/begin"): EXAM,
    ("POST", "exams/e1/end"): EXAM,
    ("GET", "exams/e1/protocol"): PROTOCOL,
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, Any]]:
    """A hub that answers; what it was asked."""
    calls: list[tuple[str, str, Any]] = []

    async def ask_hub(method: str, path: str, body: Any = None) -> Any:
        calls.append((method, path, body))
        return ANSWERS[method, path.removeprefix("courses/ml/")]

    for module in (asking, exam, grant):
        monkeypatch.setattr(module, "ask_hub", ask_hub)
    monkeypatch.setattr(asking, "is_a_hub_named", lambda: True)
    return calls


GIVEN: dict[str, tuple[list[str], dict[str, Any]]] = {
    "hours to a person": (
        ["--hours", "5", "--person", "ada", "--why", "ill"],
        {"hours": 5.0, "person": "ada", "why": "ill"},
    ),
    "a profile to a section": (
        ["--offer", "big", "--section", "A"],
        {"offer": "big", "section": "A", "why": ""},
    ),
    "devices to everybody": (
        ["--devices", "2", "--flavor", "t4", "--all"],
        {"devices": 2, "flavor": "t4", "why": ""},
    ),
    "a longer session, in the campus's time": (
        ["--longest", "480", "--profile", "gpu", "--all", "--until", "2026-11-24T12:00"],
        {"longest": 480, "profile": "gpu", "ends": "2026-11-24T11:00:00+00:00", "why": ""},
    ),
}


@pytest.mark.parametrize(("options", "body"), GIVEN.values(), ids=GIVEN)
def test_a_grant_is_asked_for(
    run: Any, asked: list[Any], options: list[str], body: dict[str, Any]
) -> None:
    result = run("grant", "give", "ml", *options)
    assert result.exit_code == 0
    assert asked[-1] == ("POST", "courses/ml/grants", body)
    assert "given: 5 GPU hours to ada (Ada), as g1" in result.stdout


@pytest.mark.parametrize(
    "whom", [[], ["--person", "ada", "--all"], ["--person", "ada", "--section", "A"]]
)
def test_everybody_is_given_something_only_when_that_is_said(
    run: Any, asked: list[Any], whom: list[str]
) -> None:
    result = run("grant", "give", "ml", "--hours", "5", *whom)
    assert (result.exit_code, asked) == (2, [])
    assert "say to whom" in result.stderr


def test_grants_are_listed_with_what_is_used(run: Any, asked: list[Any]) -> None:
    result = run("grant", "list", "ml")
    assert "10 GPU hours to one student a term; the profile big; 2 t4 at a time" in result.stdout
    assert "5 GPU hours, of which 1.5 are used or reserved to ada (Ada)" in result.stdout
    assert "2026-11-03 11:00 to 2026-11-10 11:00" in result.stdout
    assert "to section A" in result.stdout  # of the second page


def test_a_grant_is_taken_back(run: Any, asked: list[Any]) -> None:
    assert "taken back" in run("grant", "take-back", "ml", "g1").stdout
    assert asked == [("DELETE", "courses/ml/grants/g1", None)]


def test_an_exam_is_prepared_and_says_what_will_happen(run: Any, asked: list[Any]) -> None:
    result = run(
        *["exam", "prepare", "ml", "--from", "2026-11-24T10:00", "--until", "2026-11-24T12:00Z"],
        *["--profile", "gpu", "--image", "registry/exam:1", "--option", "size=small"],
        *["--participant", "ada", "--participant", "ad:2", "--extra", "ada=30", "--dry-run"],
    )
    assert asked[-1] == (
        "POST",
        "courses/ml/exams",
        {
            "starts": "2026-11-24T09:00:00+00:00",
            "ends": "2026-11-24T12:00:00+00:00",
            "profile": "gpu",
            "image": "registry/exam:1",
            "options": {"size": "small"},
            "participants": ["ada", "ad:2"],
            "extra": {"ada": 30},
            "dry_run": True,
        },
    )
    assert "1 of them will not start" in result.stdout
    assert "ada (Ada): 1 of their servers that run now would be stopped" in result.stdout
    assert "ad:2: has never logged in" in result.stdout


def test_extra_time_alone_is_changed(run: Any, asked: list[Any]) -> None:
    assert run("exam", "change", "ml", "e1", "--extra", "ad:2=0").exit_code == 0
    assert asked == [("PATCH", "courses/ml/exams/e1", {"extra": {"ad:2": 0}})]
    words = ["--title", "", "--section", "B"]
    assert run("exam", "change", "ml", "e1", *words).exit_code == 0
    assert asked[-1][2] == {"title": "", "section": "B"}


@pytest.mark.parametrize("extra", ["ada", "ada=", "=30", "ada=half", "ada=-3", "ada=٣"])
def test_extra_time_that_is_none_is_not_asked_for(run: Any, asked: list[Any], extra: str) -> None:
    assert run("exam", "change", "ml", "e1", "--extra", extra).exit_code == 2
    assert asked == []


SHORT: dict[str, tuple[list[str], tuple[str, str]]] = {
    "begin": (["begin"], ("POST", "exams/e1/begin")),
    "end": (["end"], ("POST", "exams/e1/end")),
    "call off": (["call-off"], ("DELETE", "exams/e1")),
    "rehearse": (["rehearse"], ("GET", "exams/e1")),
}


@pytest.mark.parametrize(("words", "call"), SHORT.values(), ids=SHORT)
def test_an_act_is_one_call(
    run: Any, asked: list[Any], words: list[str], call: tuple[str, str]
) -> None:
    assert run("exam", *words, "ml", "e1").exit_code == 0
    assert [(method, path) for method, path, _ in asked] == [(call[0], f"courses/ml/{call[1]}")]


def test_exams_and_a_protocol_are_told_in_the_campus_s_time(run: Any, asked: list[Any]) -> None:
    listed = run("exam", "list", "ml").stdout
    assert (
        "before: Midterm, 2026-11-24 10:00 to 2026-11-24 12:00, gpu, all students, 1 with extra time"
        in listed
    )
    told = run("exam", "protocol", "ml", "e1").stdout
    assert "2026-11-24 10:03  ada (Ada) from 192.0.2.1, ended -" in told
    assert "not started: ad:2" in told


def test_a_name_of_a_course_leads_nowhere_else(run: Any, asked: list[Any]) -> None:
    run("exam", "list", "../sources?x=")
    assert asked[0][1] == "courses/..%2Fsources%3Fx%3D/exams?limit=500"


def test_what_the_hub_refuses_is_told_and_the_command_fails(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any) -> Any:
        raise HubSaysNo("That is more than teachers give alone.")

    monkeypatch.setattr(grant, "ask_hub", refuse)
    monkeypatch.setattr(asking, "is_a_hub_named", lambda: True)
    result = run("grant", "give", "ml", "--hours", "99", "--person", "ada")
    assert result.exit_code == 2
    assert "more than teachers give alone" in result.stderr


def test_without_a_hub_the_commands_say_how_to_name_one(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JUPYTERHUB_API_URL", raising=False)
    result = run("exam", "list", "ml")
    assert result.exit_code == 2
    assert "JUPYTERHUB_API_URL" in result.stderr
