"""`explain`: the hub's own decision, told to a person or to a program."""

import json

import pytest

AT = ("--at", "2026-11-03T10:00")


@pytest.fixture
def explain(run, file):
    return lambda *arguments: run("explain", "--campus", "campus.yaml", *arguments)


def test_what_a_student_of_the_roster_may_start_and_why_not_the_rest(explain):
    result = explain("--person", "roster:eva", "--course", "ml", *AT)

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "Eva Næss (roster:eva) in Machine Learning",
        "is student by Visitors",
        "at 2026-11-03 10:00 CET, with every device idle",
        "",
        "yes  notebook  Notebook",
        "     2 CPU, 2 GiB, until 2026-11-03 18:00 (longest session)",
        "",
        "no   gpu  GPU notebook",
        "     gpu is not offered to you as student in Machine Learning.  [profile-not-offered]",
        "       who can change it: an administrator, in the campus file (it@fjord.example)",
    ]


def test_a_directory_is_not_asked_and_the_role_is_given(explain):
    result = explain("--person", "ad:x", "--course", "INF4490", "--course-role", "assistant", *AT)

    assert result.stdout.splitlines()[-5:] == [
        "yes  gpu  GPU notebook",
        "     4 CPU, 16 GiB, 1 NVIDIA T4 (the course's own), example/torch:2026, "
        "until 2026-12-19 00:00 (the course ends)",
        "     yes  devices=one  One (default)",
        "     no   devices=two  Two",
        "          GPUs Two is not open to you as assistant.  [option-invalid]",
    ]


def test_enrolments_of_the_file_count_and_options_are_taken(explain):
    result = explain(
        *("--person", "ad:Ola", "--course", "ml", "--profile", "gpu", "--option", "devices=two"),
        *AT,
    )

    assert "is teacher by the campus file" in result.stdout
    assert "2 NVIDIA T4 (spare, on loan)" in result.stdout


def test_somebody_outside_the_course_is_told_once(explain):
    result = explain("--person", "roster:liv", "--course", "ml", *AT)

    assert result.stdout.splitlines()[1:] == [
        "has no enrolment in it",
        "at 2026-11-03 10:00 CET, with every device idle",
        "",
        "no   anything",
        "     You are not enrolled in ml.  [not-enrolled]",
        "       who can change it: the system that holds the enrolments, or an administrator (it@fjord.example)",
    ]


def test_another_time_gives_another_answer(explain):
    arguments = ("--person", "roster:eva", "--course", "ml", "--profile", "notebook")

    result = explain(*arguments, "--at", "2026-12-19T00:00")

    assert "Machine Learning ended on 2026-12-18.  [course-closed]" in result.stdout
    assert "yes  notebook" in explain(*arguments, "--at", "2026-12-18T23:59").stdout


def test_the_same_for_programs(explain):
    arguments = ("--person", "roster:eva", "--course", "ml", *AT, "--json")

    answer = json.loads(explain(*arguments).stdout)

    assert (answer["course"], answer["person"]) == ("ml", "roster:eva")
    assert answer["enrolments"] == [
        {"course_role": "student", "origin": "source:roster", "state": "active"}
    ]
    notebook, gpu = answer["profiles"]
    assert notebook["allowed"]
    assert notebook["ends_at"] == "2026-11-03T17:00:00+00:00"
    assert [reason["code"] for reason in gpu["reasons"]] == ["profile-not-offered"]


WRONG = {
    "a person without source": (
        ("--person", "eva"),
        "--person eva: write SOURCE:LOGIN; known: ad, roster",
    ),
    "a source that does not exist": (
        ("--person", "rooster:eva"),
        "no such source: rooster; did you mean roster?",
    ),
    "a person whom the roster does not have": (
        ("--person", "roster:eev"),
        "roster does not know eev",
    ),
    "a course that does not exist": (("--course", "nl"), "no such course: nl; did you mean ml?"),
    "a profile that does not exist": (
        ("--profile", "gpuu"),
        "no such profile: gpuu; did you mean gpu?",
    ),
    "a role that does not exist": (
        ("--course-role", "techer"),
        "no such course role: techer; did you mean teacher?",
    ),
    "a time that is none": (
        ("--at", "yesterday"),
        "--at yesterday: write for example 2026-10-01T10:15",
    ),
    "an option without choice": (("--option", "devices"), "--option devices: write KEY=CHOICE"),
}


@pytest.mark.parametrize(("arguments", "expected"), WRONG.values(), ids=WRONG)
def test_a_question_that_cannot_be_answered(explain, arguments, expected):
    result = explain("--person", "roster:eva", "--course", "ml", *arguments)

    assert result.exit_code == 2
    assert result.stderr.splitlines() == [expected]
    answer = explain("--person", "roster:eva", "--course", "ml", *arguments, "--json")
    assert json.loads(answer.stdout) == {"error": expected}


def test_a_file_with_mistakes_explains_nothing(explain, file):
    file.write_text("name: Fjord", encoding="utf-8")

    result = explain("--person", "roster:eva", "--course", "ml")

    assert result.exit_code == 2
    assert result.stdout.startswith("campus.yaml:1: courses: is missing")
