"""`explain`: the hub's own decision, told to a person or to a program."""

import asyncio
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.case import EndRule
from jupyterhub_edu.domain.people import (
    MANUAL,
    CourseRole,
    Enrolment,
    Exclusion,
    Listed,
    Person,
    source_origin,
)
from jupyterhub_edu.domain.profiles import Granted
from jupyterhub_edu.ports import HandChanges, Record, utc_now
from jupyterhub_edu.store import open_store
from tests.fakes.campus import some_amounts

AT = ("--at", "2026-11-03T10:00")
THEN = "at 2026-11-03 10:00 CET, with every device idle; who is on then, what is free and who waits is not known"
NO_STORE = "There is no store at jupyterhub-edu.sqlite. Start the hub once, and ask in the folder in which it runs."


@pytest.fixture
def explain(run, file):
    return lambda *arguments: run("explain", "--campus", "campus.yaml", *arguments)


def without_folder(result):
    return [re.sub(r"/\S*/(?=jupyterhub)", "", line) for line in result.stdout.splitlines()]


def test_what_a_student_of_the_roster_may_start_and_why_not_the_rest(explain):
    result = explain("--person", "roster:eva", "--course", "ml", *AT)

    assert result.exit_code == 0
    assert without_folder(result) == [
        "Eva Næss (roster:eva) in Machine Learning",
        "is student by Visitors",
        f"what the hub remembers was not asked: {NO_STORE}",
        THEN,
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

    assert without_folder(result)[1:] == [
        "has no enrolment in it",
        f"what the hub remembers was not asked: {NO_STORE}",
        THEN,
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
        {
            "course_role": "student",
            "origin": "source:roster",
            "by": "Visitors",
            "state": "active",
            "heard_at": None,
        }
    ]
    assert answer["knowledge"]["from_store"] is False
    assert "There is no store" in answer["knowledge"]["why_not"]
    notebook, gpu = answer["profiles"]
    assert notebook["allowed"]
    assert notebook["ends_at"] == "2026-11-03T17:00:00+00:00"
    assert [reason["code"] for reason in gpu["reasons"]] == ["profile-not-offered"]


# -- with what the hub remembers -----------------------------------------------------------------------------------

HEARD = datetime(2026, 11, 2, 23, 30, tzinfo=UTC)
AD = source_origin("ad")
KIM = Person("ad:guid-kim", "kim", "ad", "guid-kim", "kim", "Kim Aas", None, True, HEARD)
KIMS = Enrolment(KIM.key, "ml", CourseRole.ASSISTANT, AD, answered_at=HEARD)


@pytest.fixture
def hub(file):
    """What a hub that runs holds: its store stays open, and so locked, while the question is asked."""
    store = open_store()

    async def hold(*steps):
        await store.open()
        for name, *arguments in steps:
            await getattr(store, name)(*arguments)

    yield lambda *steps: asyncio.run(hold(*steps))
    asyncio.run(store.close())


def test_beside_a_hub_its_memory_of_a_directorys_people_is_asked(explain, hub):
    hub(("save_answer", KIM, AD, [KIMS]))
    result = explain("--person", "ad:KIM", "--course", "ml", "--profile", "gpu", *AT)

    lines = [re.sub(r"\(\d+ days ago\)", "(… ago)", line) for line in result.stdout.splitlines()]
    assert lines[:6] == [
        "Kim Aas (ad:kim) in Machine Learning",
        "is assistant by Directory account, as it said 2026-11-03 00:30 (… ago)",
        "as the hub's store has it; Directory account was last heard of them 2026-11-03 00:30 (… ago)",
        THEN,
        "",
        "yes  gpu  GPU notebook",
    ]


def test_however_old_it_is_a_hub_would_ask_again_before_a_start(explain, hub):
    long_ago = HEARD - timedelta(days=300)
    hub(
        (
            "save_answer",
            replace(KIM, answered_at=long_ago),
            AD,
            [replace(KIMS, answered_at=long_ago)],
        )
    )

    assert "yes  gpu" in explain("--person", "ad:kim", "--course", "ml", *AT).stdout


def test_a_newer_roster_says_how_old_it_is(explain, hub):
    now = utc_now()
    hub(
        ("save_answer", KIM, AD, [KIMS]),
        ("touch_roster", AD, "ml", now - timedelta(minutes=7)),
    )

    assert "(7 min ago)" in explain("--person", "ad:kim", "--course", "ml", *AT).stdout


def test_somebody_whom_only_a_roster_names(explain, hub):
    lea = Listed("ad:guid-lea", "lea", "Lea Holm")
    hers = Enrolment(lea.key, "ml", CourseRole.STUDENT, AD, answered_at=HEARD)
    hub(("save_roster", AD, "ml", HEARD, [lea], [hers]))
    result = explain("--person", "ad:lea", "--course", "ml", *AT)

    assert result.stdout.startswith("Lea Holm (ad:lea)")
    assert "a roster names them, and they have never logged in" in result.stdout
    assert "yes  notebook" in result.stdout


def test_somebody_of_whom_the_hub_has_never_heard(explain, hub):
    hub(("save_answer", KIM, AD, [KIMS]))
    result = explain("--person", "ad:zoe", "--course", "ml", *AT)

    assert "the hub's store has never heard of them" in result.stdout
    assert "no   anything" in result.stdout


def test_somebody_who_is_gone(explain, hub):
    hub(("save_answer", replace(KIM, active=False), AD, []))
    result = explain("--person", "ad:kim", "--course", "ml", *AT)

    assert "Directory account says that this account is gone or out of use" in result.stdout
    assert "yes" not in result.stdout


def test_what_was_done_by_hand_counts_for_people_of_a_roster_too(explain, hub):
    eva = Person("roster:eva", "eva", "roster", "eva", "eva", "Eva Næss", None, True, HEARD)
    by_hand = Enrolment(eva.key, "ml", CourseRole.ASSISTANT, MANUAL, by="ola")
    hub(
        ("save_answer", eva, source_origin("roster"), []),
        ("save_by_hand", HandChanges(put=[by_hand])),
        ("touch_roster", source_origin("roster"), "ml", HEARD),
    )
    result = explain("--person", "roster:eva", "--course", "ml", *AT)

    assert "is assistant by hand (ola)" in result.stdout
    assert "is student by Visitors\n" in result.stdout
    assert "yes  gpu" in result.stdout


def test_who_is_kept_out_by_hand_is_told_by_whom(explain, hub):
    hub(
        ("save_answer", KIM, AD, [KIMS]),
        ("save_by_hand", HandChanges(put=[Exclusion(KIM.key, "ml", "ola", "left the group")])),
    )
    result = explain("--person", "ad:kim", "--course", "ml", *AT)
    answer = json.loads(explain("--person", "ad:kim", "--course", "ml", *AT, "--json").stdout)

    assert "is kept out of it by hand (ola: left the group)" in result.stdout
    assert answer["knowledge"]["kept_out"] == {"by": "ola", "why": "left the group"}
    assert answer["knowledge"]["heard_at"] == HEARD.isoformat()


def test_with_a_role_given_the_hub_is_not_asked(explain, hub):
    hub(("save_answer", KIM, AD, [KIMS]))
    arguments = ("--person", "ad:kim", "--course", "ml", "--course-role", "student", *AT)

    answer = json.loads(explain(*arguments, "--json").stdout)
    assert answer["course_role"] == "student"
    assert answer["knowledge"]["from_store"] is False


def test_sessions_that_the_store_has_hold_what_they_hold(explain, hub):
    now = utc_now()
    held = Admission(
        id="a" * 32,
        person=KIM.key,
        hub_name="kim",
        server="",
        course="ml",
        role=CourseRole.ASSISTANT,
        granted=Granted("gpu", "t4", some_amounts(2), None, {}),
        own=False,
        reserved_at=now,
        ends_at=now + timedelta(hours=1),
        ends_by=EndRule.LONGEST,
    )
    hub(("save_answer", KIM, AD, [KIMS]), ("save_admission", held))
    arguments = ("--person", "ad:kim", "--course", "ml", "--profile", "gpu")
    result = explain(*arguments)

    assert "with the sessions that the store knows" in result.stdout
    assert "the course: owns 1, may hold 2, uses 2, 1 of them spare" in result.stdout
    assert "[course-quota]" in result.stdout
    assert "yes  gpu" in explain(*arguments, "--if-quota", "t4=3").stdout
    assert "yes  gpu" in explain(*arguments, *AT).stdout


def test_what_the_store_has_of_grants_counts(explain, hub):
    offer = {
        "course": "ml",
        "what": {"offer": "gpu"},
        "starts": "2026-11-01T00:00:00+00:00",
        "ends": "2026-12-01T00:00:00+00:00",
        "why": "",
        "section": None,
        "for": "person",
        "approved": True,
    }
    eva = Person("roster:eva", "eva", "roster", "eva", "eva", "Eva Næss", None, True, HEARD)
    hub(
        ("save_answer", eva, source_origin("roster"), []),
        ("save_records", [Record("grant", "g1", offer, whose=eva.key, by="ola")]),
    )
    arguments = ("--person", "roster:eva", "--course", "ml", "--profile", "gpu")

    assert "(the grant ends)" in explain(*arguments, "--at", "2026-11-30T23:00").stdout
    assert "[profile-not-offered]" in explain(*arguments, "--at", "2026-12-03T10:00").stdout


def test_without_a_file_and_without_a_hub_there_is_nobody_to_ask(run, monkeypatch):
    monkeypatch.delenv("JUPYTERHUB_API_URL", raising=False)
    result = run("explain", "--person", "ad:kim", "--course", "ml")

    assert result.exit_code == 2
    assert "name the campus file with --campus" in result.stderr


# -- questions that cannot be answered -----------------------------------------------------------------------------

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
    "a grant of nothing": (
        ("--if-grant", "more"),
        "--if-grant more: write hours=5, offer=PROFILE, cap=2, cap=FLAVOR:2 or longest=PROFILE:8h",
    ),
    "hours that are no number": (
        ("--if-grant", "hours=many"),
        "--if-grant hours=many: write GPU hours, such as hours=5 or hours=2.5",
    ),
    "an offer that does not exist": (
        ("--if-grant", "offer=gpuu"),
        "--if-grant offer=gpuu: no such profile: gpuu; did you mean gpu?",
    ),
    "a cap without number": (
        ("--if-grant", "cap=t4"),
        "--if-grant cap=t4: write a number of servers, such as cap=2, or of devices, cap=FLAVOR:2",
    ),
    "a cap on what is no flavor": (
        ("--if-grant", "cap=t5:2"),
        "--if-grant cap=t5:2: no such flavor: t5; did you mean t4?",
    ),
    "a length without profile": (
        ("--if-grant", "longest=8h"),
        "--if-grant longest=8h: write a profile and a time, such as longest=PROFILE:8h (or 90m, 2d)",
    ),
    "a quota without number": (
        ("--if-quota", "t4"),
        "--if-quota t4: write FLAVOR=4, or FLAVOR=4+2 with the most to borrow",
    ),
    "a quota of what is no flavor": (
        ("--if-quota", "t5=4"),
        "--if-quota t5=4: no such flavor: t5; did you mean t4?",
    ),
    "a quota of what has no devices": (
        ("--if-quota", "cpu=4"),
        "--if-quota cpu=4: cpu has no devices, so it has no quota",
    ),
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
