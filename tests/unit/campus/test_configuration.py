"""The file value by value: each with its place, and never a secret."""

from __future__ import annotations

from jupyterhub_edu import campus
from jupyterhub_edu.identity import SOURCE_TYPES
from tests.unit.campus.conftest import ENVIRON


def told(loaded: campus.Loaded) -> dict[str, tuple[str, str, int | None]]:
    return {one.path: (one.value, one.file, one.line) for one in campus.settings_of(loaded)}


def test_each_value_has_its_place(load):
    found = told(load())
    assert found["name"] == ('"Fjord"', "campus.yaml", 1)
    value, file, line = found["terms.h26.until"]
    assert (value, file) == ('"2026-12-18"', "campus.yaml")
    assert isinstance(line, int)
    assert found['rules[0].group"'[:-1]][0] == '"CN=Staff,*"'
    lines = [one[2] for one in found.values() if one[2] is not None]
    assert lines == sorted(lines)


def test_what_is_left_out_has_its_default_and_no_place(load):
    found = told(load())
    assert found["extend_by"] == ('"1h"', "", None)
    assert found["teachers_copy"] == ("false", "", None)
    assert "store" not in found


def test_secrets_are_shown_by_the_name_of_their_place_alone(load):
    loaded = load()
    text = repr(campus.settings_of(loaded))
    assert not [secret for secret in ENVIRON.values() if secret and secret in text]
    assert told(loaded)["sources.ad.bind.password"][0] == '{"env": "LDAP_PASSWORD"}'


def test_what_servers_find_in_their_environment_is_not_shown(load):
    assert told(load())["profiles.gpu.kubespawner.environment.A"][0] == "(not shown)"


def test_an_address_does_not_tell_its_password(load):
    address = "https://me:hunter2@m.example/?token=abc&x=1"
    found = told(load("{environment: {A: b}}", f"{{volumes: [{{name: '{address}'}}]}}"))
    shown = found["profiles.gpu.kubespawner.volumes[0].name"][0]
    assert shown == '"https://***@m.example/?token=***&x=1"'


def test_a_document_of_other_settings_has_no_lines(load):
    data = dict(load().written)
    found = told(
        campus.load_data(data, "custom.edu", SOURCE_TYPES, environ=ENVIRON, folder="tests")
    )
    assert found["name"] == ('"Fjord"', "custom.edu", None)
