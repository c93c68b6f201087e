"""Files and folders, YAML and JSON, too large, too deep, not readable."""

import json

import pytest
import yaml

from jupyterhub_edu import campus
from jupyterhub_edu.identity import SOURCE_TYPES

from .conftest import ENVIRON, NOW, SMALL


@pytest.fixture
def load_path():
    return lambda path: campus.load(path, SOURCE_TYPES, environ=ENVIRON, now=NOW)


@pytest.fixture
def told(load_path):
    def told(path) -> list[str]:
        with pytest.raises(campus.CampusError) as error:
            load_path(path)
        return str(error.value).splitlines()

    return told


def as_json(text: str, **kwargs) -> str:
    return json.dumps(yaml.safe_load(text), default=str, **kwargs)


def without_files(loaded: campus.Loaded) -> tuple:
    return loaded.sources, loaded.settings, loaded.campus.courses, loaded.campus.people


@pytest.mark.parametrize("indent", [2, "\t"], ids=["indented by blanks", "indented by tabs"])
def test_json_is_the_same_campus(campus_folder, load, load_path, indent):
    file = campus_folder / "campus.json"
    file.write_text(as_json(SMALL, indent=indent), encoding="utf-8")

    assert without_files(load_path(file)) == without_files(load())


def test_json_mistakes_have_lines_too(campus_folder, told):
    file = campus_folder / "campus.json"
    file.write_text('{"name": "Fjord"\n "nam": "Fjord"}', encoding="utf-8")
    assert told(file) == ["campus.json:2: not JSON: Expecting ',' delimiter"]

    file.write_text(as_json(SMALL, indent=1).replace('"count"', '"cuont"'), encoding="utf-8")
    [mistake] = told(file)
    line = file.read_text(encoding="utf-8").splitlines().index('   "cuont": 4') + 1
    assert mistake == f"campus.json:{line}: flavors.t4.cuont: no such key; did you mean count?"


def test_json_keeps_signs_beyond_the_first_plane(campus_folder, load_path):
    file = campus_folder / "campus.json"
    file.write_text(as_json(SMALL.replace("Fjord", "Fjord 🎓")), encoding="utf-8")

    assert load_path(file).campus.name == "Fjord 🎓"


def split(folder, text=SMALL):
    """The courses in a file of their own."""
    at = text.index("courses:\n")
    site, courses = folder / "10-site.yaml", folder / "20-courses.yml"
    site.write_text(text[:at], encoding="utf-8")
    courses.write_text(text[at:], encoding="utf-8")
    (folder / "campus.yaml").unlink(missing_ok=True)
    return site, courses


def test_a_folder_of_files_is_one_campus(campus_folder, load, load_path):
    whole = load()
    site, courses = split(campus_folder)
    (campus_folder / "..data.yaml").write_text("not: read", encoding="utf-8")

    loaded = load_path(campus_folder)

    assert without_files(loaded) == without_files(whole)
    assert loaded.files == (campus_folder, site, courses)


def test_files_of_a_folder_may_share_a_mapping(campus_folder, load_path):
    split(campus_folder)
    (campus_folder / "30.yaml").write_text("courses:\n  art: {term: h26}\n", encoding="utf-8")

    assert list(load_path(campus_folder).campus.courses) == ["ml", "intro", "art"]


def test_what_stands_in_two_files_names_both_places(campus_folder, told):
    split(campus_folder)
    (campus_folder / "30.yaml").write_text("name: Bay\ncourses:\n  ml: {}\n", encoding="utf-8")

    assert told(campus_folder) == [
        "30.yaml:1: name: stands also in 10-site.yaml:1; keep one of them",
        "30.yaml:3: courses.ml: stands also in 20-courses.yml:2; keep one of them",
    ]


def test_mistakes_of_a_folder_name_the_right_file(campus_folder, told):
    split(campus_folder, SMALL.replace("term: h26\n    codes", "term: h62\n    codes"))

    assert told(campus_folder) == [
        '20-courses.yml:3: courses.ml.term: no such term: "h62"; did you mean h26?'
    ]


UNREADABLE = {
    "a file that is not there": (None, "campus.yaml: cannot be read: No such file or directory"),
    "another encoding": (
        b"name: x\ncontact: \xe5",
        "campus.yaml:2: not UTF-8; save it as UTF-8",
    ),
    "a file beyond all measure": (
        b"#" * 1_048_577,
        "campus.yaml: larger than 1 MiB; split it into a folder of files",
    ),
    "brackets without end": (b"[" * 5_000, "campus.yaml: nested too deeply"),
    "a signal character": (
        b"name: a\x00b",
        "campus.yaml: not YAML: unacceptable character #x0000: special characters are not allowed",
    ),
    "aliases that multiply": (
        b"a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + b"".join(
            b"%c: &%c [%s]\n" % (n, n, b", ".join([b"*%c" % (n - 1)] * 10))
            for n in range(ord("b"), ord("i"))
        ),
        "campus.yaml:1: aliases make more than 200000 values of it; write it out without aliases",
    ),
}


@pytest.mark.parametrize(("content", "expected"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_one_mistake(tmp_path, told, content, expected):
    file = tmp_path / "campus.yaml"
    if content is not None:
        file.write_bytes(content)

    assert told(file) == [expected]


def test_an_empty_folder_is_a_mistake(tmp_path, told):
    assert told(tmp_path) == [f"{tmp_path.name}: no campus file in this folder"]


def test_a_byte_order_mark_is_no_mistake(campus_folder, load_path):
    (campus_folder / "campus.yaml").write_text(SMALL, encoding="utf-8-sig")

    assert load_path(campus_folder / "campus.yaml").campus.name == "Fjord"


def test_aliases_and_merged_mappings_are_followed(load):
    loaded = load(
        "    cpu: {limit: 4}\n    memory: {limit: 16Gi}",
        "    <<: &big {cpu: {limit: 4}, memory: {limit: 16Gi}}",
        "    codes: [INF4490]",
        "    codes: &codes [INF4490]",
    )

    assert str(loaded.campus.profiles["gpu"].amounts.memory_limit) == "16 GiB"
