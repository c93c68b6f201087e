"""`sync` and `person`, without a hub and by one."""

import asyncio
import json
from dataclasses import replace

import pytest

from jupyterhub_edu.cli import hub, sync
from jupyterhub_edu.cli import person as person_command
from jupyterhub_edu.cli.hub import HubSaysNo
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.identity import registry
from jupyterhub_edu.ports import utc_now
from jupyterhub_edu.store import open_store

HEADER = "person,name,course,course_role\n"


@pytest.fixture
def file(file, monkeypatch):
    for name in ("JUPYTERHUB_API_URL", "JUPYTERHUB_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LDAP_PASSWORD", "secret")
    return file


@pytest.fixture
def people(file):
    """Write the roster's file: people("eva,Eva,ml,student", ...)."""

    def write(*lines):
        (file.parent / "people.csv").write_text(HEADER + "\n".join(lines) + "\n")

    return write


def crowd(number):
    return [f"p{at},P {at},ml,student" for at in range(number)]


def keep(*people):
    """Put people into the store as a hub would have."""

    async def put():
        store = open_store()
        await store.open()
        for person in people:
            await store.save_answer(person, f"source:{person.source}", [])
        await store.close()

    asyncio.run(put())


EVA = Person("roster:eva", "eva", "roster", "eva", "eva", "Eva Næss", None, True, utc_now())

# -- sync ----------------------------------------------------------------------------------------------------------


def test_a_sync_says_who_came_and_keeps_them(run, file):
    first = run("sync", "--campus", file)
    assert (first.exit_code, first.stderr) == (0, "")
    assert first.stdout == "roster ml: 1 added\n  + eva (Eva Næss): student\n"
    assert run("sync", "--campus", file).stdout == "roster ml: nothing changed\n"


def test_it_says_who_left_and_whose_role_changed(run, file, people):
    run("sync", "--campus", file)
    people("eva,Eva Næss,ml,teacher", "liv,,ml,observer")
    assert run("sync", "--campus", file).stdout == (
        "roster ml: 1 added, 1 changed\n"
        "  + liv (liv): observer\n"
        "  ~ eva (Eva Næss): student -> teacher\n"
    )
    people("liv,,ml,observer")
    assert run("sync", "--campus", file).stdout == (
        "roster ml: 1 gone\n  - eva (Eva Næss): teacher\n"
    )


def test_a_dry_run_changes_nothing(run, file, people):
    run("sync", "--campus", file)
    people("liv,,ml,student")
    would = "roster ml: would be 1 added, 1 gone\n  + liv (liv): student\n  - eva (Eva Næss): student\n"
    for _ in range(2):
        assert run("sync", "--campus", file, "--dry-run").stdout == would


def test_a_dry_run_looks_on_beside_a_hub_and_a_sync_does_not(run, file):
    run("sync", "--campus", file)

    async def beside_a_hub(*arguments):
        store = open_store()
        await store.open()
        found = await asyncio.to_thread(run, "sync", "--campus", file, *arguments)
        await store.close()
        return found

    dry = asyncio.run(beside_a_hub("--dry-run"))
    assert dry.stdout == "roster ml: nothing would change\n"
    refused = asyncio.run(beside_a_hub())
    assert refused.exit_code == 2
    assert "Another hub uses" in refused.stderr


def test_too_much_lost_is_held_until_it_is_accepted(run, file, people):
    people(*crowd(20))
    run("sync", "--campus", file)
    people(*crowd(2))

    held = run("sync", "--campus", file)
    assert held.exit_code == 2
    assert "roster ml: would be 18 gone" in held.stdout
    assert "held: it would lose 18 of 20 people." in held.stdout
    command = "sync --source roster --course ml --accept"
    assert f"jupyterhub-edu {command}" in held.stdout

    accepted = run(*command.split(), "--campus", file)
    assert (accepted.exit_code, accepted.stdout.splitlines()[0]) == (0, "roster ml: 18 gone")


def test_what_is_not_read_is_said(run, file, people):
    people("eva,Eva,ml,dean")
    result = run("sync", "--campus", file)
    assert result.exit_code == 2
    assert "roster: not read: " in result.stdout
    assert "no such course role: dean" in result.stdout


def test_for_programs(run, file):
    answer = json.loads(run("sync", "--campus", file, "--json").stdout)
    (roster,) = answer["sources"]
    (ml,) = roster["courses"]
    assert (roster["source"], roster["error"], ml["course"], ml["people"]) == (
        "roster",
        "",
        "ml",
        1,
    )
    assert ml["added"] == [
        {
            "person": "roster:eva",
            "login": "eva",
            "name": "Eva Næss",
            "before": [],
            "after": [{"role": "student", "sections": []}],
        }
    ]


def test_a_source_whose_memory_only_the_hub_can_open_is_not_read_without_it(
    run, file, monkeypatch
):
    roster = registry.SOURCE_TYPES["roster"]
    with_memory = {**registry.SOURCE_TYPES, "roster": replace(roster, needs_safe=True)}
    monkeypatch.setattr("jupyterhub_edu.preset.alone.SOURCE_TYPES", with_memory)
    keep(EVA)
    for arguments in ((), ("--source", "roster", "--dry-run")):
        result = run("sync", "--campus", file, *arguments)
        assert result.exit_code == 2
        assert result.stdout.startswith("roster: not read: only a hub that runs can open")


REFUSED = {
    "no campus file and no hub": ((), "Name the campus file with --campus"),
    "a source without rosters": (
        ("--campus", "campus.yaml", "--source", "ad"),
        "ad has no rosters; sources with rosters: roster",
    ),
    "a course that is none": (
        ("--campus", "campus.yaml", "--course", "art"),
        "no such course, or not one alone: art",
    ),
    "letting everything through": (
        ("--campus", "campus.yaml", "--accept"),
        "--accept needs --source and --course",
    ),
}


@pytest.mark.parametrize(("arguments", "why"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_done_is_refused(run, file, arguments, why):
    result = run("sync", *arguments)
    assert (result.exit_code, why in result.stderr) == (2, True), result.stderr


def test_mistakes_of_the_campus_file_are_named(run, file):
    file.write_text(file.read_text().replace("flavor: t4", "flavor: t5"))
    for arguments in (("sync",), ("person", "export", "eva")):
        result = run(*arguments, "--campus", file)
        assert result.exit_code == 2
        assert "no such flavor" in result.stdout


@pytest.fixture
def asked(file, monkeypatch):
    """A hub that is named; what it was asked, and what it answers by path."""
    monkeypatch.setenv("JUPYTERHUB_API_URL", "http://127.0.0.1:8081/hub/api")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "token")
    calls: list[tuple] = []
    answers: dict[str, object] = {}

    async def ask_hub(method, path, body=None):
        calls.append((method, path, body))
        answer = answers[path]
        if isinstance(answer, Exception):
            raise answer
        return answer

    for module in (sync, person_command):
        monkeypatch.setattr(module, "ask_hub", ask_hub)
    return calls, answers


def test_a_hub_that_is_named_does_it_itself(run, asked):
    calls, answers = asked
    answers["sources"] = [{"id": "ad", "rosters": None}, {"id": "l/ms", "rosters": {}}]
    answers["sources/l%2Fms/sync"] = {"error": "it is down", "courses": []}

    result = run("sync", "--course", "ml", "--dry-run")

    assert (result.exit_code, result.stdout) == (2, "l/ms: not read: it is down\n")
    assert calls[1:] == [
        ("POST", "sources/l%2Fms/sync", {"dry_run": True, "accept": False, "course": "ml"})
    ]


def test_a_hub_that_refuses_is_quoted(run, asked):
    asked[1]["sources"] = HubSaysNo("Only administrators of the site may do this.")
    result = run("sync")
    assert (result.exit_code, result.stderr) == (
        2,
        "Only administrators of the site may do this.\n",
    )


def test_a_hub_that_is_not_there_is_said_without_the_token(monkeypatch, run, file, socket_enabled):
    monkeypatch.setenv("JUPYTERHUB_API_URL", "http://127.0.0.1:9/hub/api")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "canary")
    assert hub.is_a_hub_named()
    result = run("sync")
    assert result.exit_code == 2
    assert "the hub does not answer at http://127.0.0.1:9/hub/api" in result.stderr
    assert "canary" not in result.output


# -- person --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["eva", "roster:eva"])
def test_what_is_kept_of_somebody_is_printed(run, file, who):
    keep(EVA)
    result = run("person", "export", who, "--campus", file)
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert (found["account"], found["identities"][0]["name"]) == ("eva", "Eva Næss")


def test_who_only_stands_in_a_roster_is_found_by_key(run, file):
    run("sync", "--campus", file)
    found = json.loads(run("person", "export", "roster:eva", "--campus", file).stdout)
    assert found["account"] is None
    assert found["in_rosters_as"] == [{"key": "roster:eva", "login": "eva", "name": "Eva Næss"}]


def test_who_is_erased_is_found_no_more(run, file):
    keep(EVA)
    erased = run("person", "erase", "eva", "--campus", file, "--yes")
    assert erased.exit_code == 0
    assert erased.stdout.startswith("eva is erased; sessions and the audit call them erased-")
    gone = run("person", "export", "eva", "--campus", file)
    assert (gone.exit_code, gone.stderr) == (2, "nothing is kept of eva\n")


def test_nobody_is_erased_by_mistake(run, file):
    keep(EVA)
    result = run("person", "erase", "eva", "--campus", file, input="n\n")
    assert result.exit_code == 2
    assert run("person", "export", "eva", "--campus", file).exit_code == 0


def test_nothing_is_kept_of_somebody_unknown(run, file):
    keep(EVA)
    for arguments in (("export", "kim"), ("erase", "kim", "--yes")):
        result = run("person", *arguments, "--campus", file)
        assert (result.exit_code, result.stderr) == (2, "nothing is kept of kim\n")


def test_a_hub_that_is_named_is_asked_about_people(run, asked):
    calls, answers = asked
    answers["people/ad%3A1"] = {"erased_as": "erased-1", "account": "ada"}
    assert json.loads(run("person", "export", "ad:1").stdout)["account"] == "ada"
    assert "call them erased-1" in run("person", "erase", "ad:1", "--yes").stdout
    assert [(method, path) for method, path, _ in calls] == [
        ("GET", "people/ad%3A1"),
        ("DELETE", "people/ad%3A1"),
    ]
