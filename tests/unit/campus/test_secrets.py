"""Secrets come from outside the file and are printed nowhere."""

from typing import Any

import pytest

from jupyterhub_edu import campus
from jupyterhub_edu.identity import SOURCE_TYPES

from .conftest import ENVIRON

SECRET = ENVIRON["LDAP_PASSWORD"]


def password(loaded: campus.Loaded) -> str:
    settings = loaded.sources["ad"]
    return settings.bind.password.get_secret_value()  # type: ignore[attr-defined]


def test_a_secret_comes_from_the_environment_and_is_not_printed(load):
    loaded = load()

    assert password(loaded) == SECRET
    assert SECRET not in repr(loaded)


def test_a_secret_comes_from_a_file_which_is_watched(campus_folder, load):
    file = campus_folder / "password"
    file.write_text("of-a-file\n", encoding="utf-8")

    loaded = load("{env: LDAP_PASSWORD}", "{file: password}")

    assert password(loaded) == "of-a-file"
    assert loaded.files == (campus_folder / "campus.yaml", file)


def test_the_stores_address_is_not_printed(load):
    loaded = load(
        "stale_after: 12h",
        "store: {url: {env: URL}}",
        environ={**ENVIRON, "URL": "postgresql://edu:of-the-store@db/edu"},
    )

    assert loaded.settings.store_url == "postgresql://edu:of-the-store@db/edu"
    assert "of-the-store" not in repr(loaded)


def test_a_secret_in_a_message_is_blotted_out(load):
    with pytest.raises(campus.CampusError) as error:
        load('"ldaps://ad.example"', "{env: LDAP_PASSWORD}")

    assert SECRET not in str(error.value)
    assert SECRET not in repr(error.value)


def test_without_need_a_secret_that_is_not_there_is_a_warning(load):
    loaded = load(environ={}, need_secrets=False)

    assert [str(warning) for warning in loaded.warnings] == [
        'campus.yaml:12: sources.ad.bind.password: the environment variable "LDAP_PASSWORD" is not set'
    ]


def test_other_warnings(load):
    [warning] = load("example/notebook:2026", "example/notebook:latest").warnings

    assert str(warning) == (
        "campus.yaml:33: profiles.notebook.image: latest is another image every day; "
        "name a release or a date"
    )


LINK = "terms:", "links: [{source: roster, attribute: number, is: ad, of: employeeNumber}]\nterms:"
NO_NUMBER = 'campus.yaml:21: links[0].attribute: links nobody: roster does not read "number" for links; its settings allow none'
NOT_READ = 'links[0].of: links nobody: ad does not read "employeeNumber" for links'

# What the directory is told to read, and what is said of a link by employeeNumber.
READ = {
    "nothing": ("adopt: true", f"campus.yaml:21: {NOT_READ}; its settings allow none"),
    "another attribute": (
        "attributes: [sn]",
        f"campus.yaml:21: {NOT_READ}; known: sn",
    ),
    "the same in another spelling": (
        "attributes: [employeenumber]",
        f"campus.yaml:21: {NOT_READ}; did you mean employeenumber?",
    ),
    "it": ("attributes: [sn, employeeNumber]", None),
}


@pytest.mark.parametrize(("read", "warning"), READ.values(), ids=READ)
def test_a_link_by_what_a_source_does_not_read_is_a_warning(load, read, warning):
    loaded = load(*LINK, "adopt: true", read)

    assert [str(w) for w in loaded.warnings] == [w for w in (NO_NUMBER, warning) if w]


def test_settings_of_the_chart_have_paths_and_no_lines(load, campus_folder):
    data: Any = {"name": "Fjord", "time_zone": "UTC", "nam": 1, 5: 6}

    with pytest.raises(campus.CampusError) as error:
        campus.load_data(data, "custom.edu", SOURCE_TYPES, folder=campus_folder)

    assert str(error.value).splitlines() == [
        "custom.edu: 5: this key is not text; write it in quotes",
        "custom.edu: courses: is missing; add it: The courses, in the order of the start page",
        "custom.edu: flavors: is missing; add it: Kinds of node or device",
        "custom.edu: nam: no such key; did you mean name?",
        "custom.edu: profiles: is missing; add it: What can be started",
        "custom.edu: sources: is missing; add it: Where people come from; several may stand on one login page",
    ]
