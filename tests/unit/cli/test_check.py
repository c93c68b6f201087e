"""`check`: every mistake, in words or JSON; exit 0 or 2."""

import json

import pytest

from jupyterhub_edu import preset
from jupyterhub_edu.cli import check as check_module


@pytest.fixture(autouse=True)
def no_advisories(monkeypatch):
    monkeypatch.setattr(check_module, "find_advisories", list)


def replace(file, old, new):
    file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def test_a_good_file(run, file):
    result = run("check", "campus.yaml")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "warning: campus.yaml:10: sources.ad.bind.password: "
        'the environment variable "LDAP_PASSWORD" is not set',
        "campus.yaml: no mistakes (Fjord)",
        "  1 course, 2 profiles, 2 flavors, 0 rules, 0 admins, sources: ad (ldap), roster (roster)",
    ]


def test_a_source_to_which_browsers_go_names_its_callback(run, file):
    campus = "  campus: {type: oidc, issuer: 'https://sso.example/realms/uni', client_id: hub, client_secret: {env: SECRET}}\n"
    replace(file, "  roster: {type", campus + "  roster: {type")

    result = run("check", "campus.yaml")

    assert result.exit_code == 0, result.stdout
    assert result.stdout.splitlines()[-1] == (
        "  redirect URI to register for campus: https://<your hub>/hub/edu/login/campus/callback"
    )


def test_mistakes_one_line_each_without_markup(run, file):
    replace(file, "student: [notebook]", "students: ['[red]x']")

    result = run("check", "campus.yaml")

    assert result.exit_code == 2
    assert result.stdout.splitlines() == [
        "campus.yaml:43: courses.ml.offers.students: no such course role; did you mean student?",
        "1 mistake in campus.yaml",
    ]


def test_hostile_text_reaches_the_terminal_as_text(run, file):
    replace(file, "terms:", r'"\e[2J[bold]terms":')

    result = run("check", "campus.yaml")

    assert "\x1b" not in result.stdout
    assert r'campus.yaml:12: "\x1b[2J[bold]terms": no such key' in result.stdout


def test_mistakes_for_programs(run, file):
    replace(file, "longest: 8h", "longest: 8")

    result = run("check", "campus.yaml", "--json")

    assert result.exit_code == 2
    assert json.loads(result.stdout) == {
        "file": "campus.yaml",
        "mistakes": [
            {
                "file": "campus.yaml",
                "line": 23,
                "path": "profiles.notebook.longest",
                "message": "not a length of time",
                "fix": "write for example 30s, 5m, 4h or 1d",
            }
        ],
        "warnings": [],
        "answers": [],
    }


def probe_with(monkeypatch, *answers):
    async def probe(loaded):
        for answer in answers:
            yield answer

    monkeypatch.setattr(preset, "probe", probe)


def test_connect_asks_the_world_and_says_one_line_each(run, file, monkeypatch):
    monkeypatch.setenv("LDAP_PASSWORD", "x")
    probe_with(monkeypatch, ("source ad", []), ("store", []))

    result = run("check", "--connect", "campus.yaml")

    assert result.exit_code == 0
    assert result.stdout.splitlines()[-2:] == ["source ad: works", "store: works"]


@pytest.mark.parametrize("key", ["", "ab" * 32])
def test_a_source_that_needs_the_hubs_key_is_named_where_there_is_none(
    run, file, monkeypatch, key
):
    campus = "  campus: {type: oidc, issuer: 'https://sso.example/realms/uni', client_id: hub}\n"
    replace(file, "  roster: {type", campus + "  roster: {type")
    monkeypatch.setenv("LDAP_PASSWORD", "x")
    monkeypatch.setenv("JUPYTERHUB_CRYPT_KEY", key)
    probe_with(monkeypatch)
    result = run("check", "--connect", "campus.yaml")

    told = "warning: JUPYTERHUB_CRYPT_KEY is not set here; the hub needs it for campus, "
    assert (told in result.stdout) == (not key)
    assert result.exit_code == 0
    assert told not in run("check", "campus.yaml").stdout


def test_each_problem_has_a_line_of_its_own(run, file, monkeypatch):
    monkeypatch.setenv("LDAP_PASSWORD", "x")
    probe_with(monkeypatch, ("source ad", ["people: none; look there", "groups: none; look here"]))

    assert run("check", "--connect", "campus.yaml").stdout.splitlines()[-2:] == [
        "source ad: people: none; look there",
        "source ad: groups: none; look here",
    ]


def test_connect_fails_when_something_does_not_work(run, file, monkeypatch):
    monkeypatch.setenv("LDAP_PASSWORD", "x")
    probe_with(monkeypatch, ("source ad", ["no answer in time"]), ("store", []))

    assert run("check", "--connect", "campus.yaml").exit_code == 2
    answers = json.loads(run("check", "--connect", "campus.yaml", "--json").stdout)["answers"]
    assert answers == [
        {"asked": "source ad", "problems": ["no answer in time"]},
        {"asked": "store", "problems": []},
    ]


def test_connect_needs_the_secrets(run, file):
    result = run("check", "--connect", "campus.yaml")

    assert result.exit_code == 2
    assert result.stdout.splitlines()[0] == (
        'campus.yaml:10: sources.ad.bind.password: the environment variable "LDAP_PASSWORD" is not set'
    )
