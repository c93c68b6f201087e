"""`schema`, `hash-password`, `--version`, and releases with a known weakness."""

import json

import argon2
import pytest

from jupyterhub_edu import __version__, campus
from jupyterhub_edu.cli.advisories import find_advisories
from jupyterhub_edu.identity import SOURCE_TYPES


def test_schema_prints_the_schema(run):
    result = run("schema")

    assert result.exit_code == 0
    assert json.loads(result.stdout) == campus.json_schema(SOURCE_TYPES)


def test_version(run):
    assert run("--version").stdout == f"jupyterhub-edu {__version__}\n"


def test_a_password_from_the_input_becomes_a_line_of_the_passwords_file(run):
    result = run("hash-password", "eva", input="correct horse\n")

    person, _, hashed = result.stdout.rstrip("\n").partition(":")
    assert person == "eva"
    assert argon2.PasswordHasher().verify(hashed, "correct horse")
    assert "horse" not in result.output


def test_a_hash_for_programs(run):
    answer = json.loads(run("hash-password", "--json", input="correct horse\n").stdout)

    assert answer["person"] is None
    assert argon2.PasswordHasher().verify(answer["hash"], "correct horse")


def test_an_empty_password_is_refused(run):
    result = run("hash-password", input="\n")

    assert result.exit_code == 2
    assert result.stderr == "an empty password lets nobody in; give one\n"


BOTH = ["GHSA-69wv-m5fw-2fhp", "GHSA-c4gm-pwx9-9w8j"]
RELEASES = {
    "5.5.0 has both": ("5.5.0", BOTH),
    "5.4.6 has both": ("5.4.6", BOTH),
    "a release candidate comes before its release": ("5.5.1rc1", BOTH),
    "a development release comes before its release": ("5.5.1.dev0", BOTH),
    "5.5.1 is mended": ("5.5.1", []),
    "5.5 is 5.5.0": ("5.5", BOTH),
    "5.10.0 is later than 5.5.1": ("5.10.0", []),
    "6.1.1 is mended": ("6.1.1", []),
    "what cannot be read is told of": ("unknown", BOTH),
}


@pytest.mark.parametrize(("release", "expected"), RELEASES.values(), ids=RELEASES)
def test_releases_with_a_known_weakness(release, expected):
    assert [advisory.id for advisory in find_advisories({"jupyterhub": release})] == expected


def test_an_advisory_says_what_to_do():
    assert str(find_advisories({"jupyterhub": "5.5.0"})[0]) == (
        "GHSA-69wv-m5fw-2fhp: a right over one group's users opened pages about all users; "
        "update jupyterhub to 5.5.1 or later"
    )


def test_importing_the_command_loads_neither_the_hub_nor_the_directory():
    import subprocess
    import sys

    code = (
        "import sys, jupyterhub_edu.cli; "
        "print([m for m in ('jupyterhub', 'kubespawner', 'ldap3', 'sqlalchemy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
