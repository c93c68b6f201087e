"""Whatever the documentation tells people to write is tried here."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import kubespawner
import pytest
import typer
import yaml

from jupyterhub_edu import campus
from jupyterhub_edu.campus.reading import read
from jupyterhub_edu.cli import main
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.reasons import ROWS, Code
from jupyterhub_edu.identity import SOURCE_TYPES
from jupyterhub_edu.identity.roster_files import parse_people
from jupyterhub_edu.ports import Denied, Gone, utc_now
from tests.unit.deploy.chart import chart_schema

from .blocks import BLOCKS, ROOT, Block, blocks
from .hub_config import run_config

CONFIG = "# jupyterhub_config.py"
BEFORE = "# jupyterhub_config.py, before"
WHOLE = "# campus.yaml, the whole file"
FRAGMENT = "# campus.yaml"
VALUES = "# values.yaml"
SCRAPES = "# prometheus.yml"  # tried in tests/hub/test_desk.py
SOURCE = "# a source"
SHELL = "# in a Python shell"
SHIPPED = "deploy/z2jh/campus.yaml"
KNOWN = {
    "yaml": (FRAGMENT, VALUES, SCRAPES),
    "python": (CONFIG, SHELL, SOURCE),
    "json": ("{",),
    "console": ("",),
    "text": ("",),
    "": ("",),
}
TRAITS = kubespawner.KubeSpawner.class_trait_names(config=True)


def named(found: list[Block]) -> Any:
    """Parameters whose names lead to the page."""
    return pytest.mark.parametrize("block", [pytest.param(b, id=b.name) for b in found])


def test_every_block_is_of_a_kind_that_is_tried() -> None:
    strange = [
        f"{block.name}: {block.language} beginning with {block.head!r}"
        for block in BLOCKS
        if not block.language.startswith("{")
        and not block.head.startswith(KNOWN.get(block.language, ("\0",)))
    ]
    assert strange == []


def test_there_is_something_to_try() -> None:
    assert len(blocks("yaml", FRAGMENT)) > 10
    assert blocks("python", CONFIG)
    assert blocks("yaml", VALUES)


# -- campus files ----------------------------------------------------------------------------------------------


def merge(under: Any, over: Any) -> Any:
    """Mappings key by key, anything else replaced."""
    if not isinstance(under, Mapping) or not isinstance(over, Mapping):
        return over
    both = {key: merge(under[key], over[key]) if key in under else over[key] for key in over}
    return {**under, **both}


def complete(fragment: dict[str, Any]) -> dict[str, Any]:
    """A fragment on top of the campus file that we ship; a source of the fragment's own brings its own rules."""
    shipped = yaml.safe_load((ROOT / SHIPPED).read_text())
    return dict(merge(shipped, fragment))


def environ(text: str) -> dict[str, str]:
    """Something for every ``{env: NAME}``."""
    return dict.fromkeys(re.findall(r"env: (\w+)", text), "sqlite:////srv/edu.sqlite")


def load(data: Mapping[str, Any], folder: Path, text: str) -> campus.Loaded:
    (folder / "ca.pem").touch()
    known = {**environ(text), "HUB_LDAP_PASSWORD": "secret"}
    return campus.load_data(
        data, "documented", SOURCE_TYPES, environ=known, kubespawner_traits=TRAITS, folder=folder
    )


@named([b for b in blocks("yaml", FRAGMENT) if b.head != WHOLE])
def test_a_fragment_fits_into_the_shipped_campus_file(block: Block, tmp_path: Path) -> None:
    (tmp_path / "campus.yaml").write_text(block.text)
    document = read(tmp_path / "campus.yaml")
    assert document.mistakes == []
    loaded = load(complete(document.data), tmp_path, block.text)
    assert loaded.warnings == ()


@named(blocks("yaml", WHOLE))
def test_a_whole_file_stands_alone(block: Block, tmp_path: Path) -> None:
    (tmp_path / "campus.yaml").write_text(block.text)
    loaded = campus.load(tmp_path / "campus.yaml", SOURCE_TYPES, kubespawner_traits=TRAITS)
    assert loaded.warnings == ()


@pytest.mark.parametrize("path", [SHIPPED, "deploy/demo/campus.yaml"])
def test_a_shipped_campus_file_has_no_mistakes(path: str) -> None:
    known = {"HUB_LDAP_PASSWORD": "secret"}
    loaded = campus.load(ROOT / path, SOURCE_TYPES, environ=known, kubespawner_traits=TRAITS)
    assert loaded.warnings == ()


@named(blocks("text", "person,name,course"))
def test_a_roster_can_be_read(block: Block) -> None:
    assert parse_people(Path("people.csv"), block.text.encode())


# -- the hub's configuration -----------------------------------------------------------------------------------


@named([b for b in blocks("python", CONFIG) if not b.head.startswith(BEFORE)])
def test_a_configuration_switches_us_on(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    config = run_config(block.text, SHIPPED, monkeypatch)
    assert config.JupyterHub.authenticator_class.endswith("EduAuthenticator")
    assert config.JupyterHub.spawner_class.endswith(("EduSpawner", "EduLocalSpawner"))


@named(blocks("python", BEFORE))
def test_a_configuration_of_before_is_one(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_config(block.text, SHIPPED, monkeypatch)


def run_shell(word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the documented lines that hold a word, beside the documented configuration that they read."""
    (block,) = [b for b in blocks("python", SHELL) if word in b.text]
    section = "LDAPAuthenticator" if "ldap" in word else "profile_list"
    (before,) = [b for b in blocks("python", BEFORE) if section in b.text]
    (tmp_path / "jupyterhub_config.py").write_text(before.text)
    monkeypatch.chdir(tmp_path)
    exec(compile(block.text, "shell", "exec", dont_inherit=True), {})  # noqa: S102


def test_what_options_of_ldapauthenticator_become_is_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_shell("from_ldapauthenticator", tmp_path, monkeypatch)
    made = yaml.safe_load(capsys.readouterr().out)
    (after,) = [
        b
        for b in blocks("yaml", FRAGMENT)
        if b.page.name == "moving-in.md" and "allowed_groups" in b.text
    ]
    shown = yaml.safe_load(after.text)["sources"]["directory"]
    for key in ("schema", "people", "groups", "user_attribute", "allowed_groups"):
        assert str(shown[key]).lower() == str(made[key]).lower(), key
    assert shown["bind"]["dn"] == made["bind"]["dn"]
    assert [f"{server}:389" for server in shown["servers"]] == made["servers"]


def test_what_a_profile_list_becomes_is_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_shell("convert_profile_list", tmp_path, monkeypatch)
    made = yaml.safe_load(capsys.readouterr().out)["profiles"]["gpu"]
    (after,) = [b for b in blocks("yaml", FRAGMENT) if "GPU notebook" in b.text]
    shown = yaml.safe_load(after.text)["profiles"]["gpu"]
    for key in ("title", "devices", "cpu", "memory", "image", "kubespawner"):
        assert made[key] == shown[key], key


# -- the chart's values ----------------------------------------------------------------------------------------


@named(blocks("yaml", VALUES))
def test_values_fit_the_chart_on_top_of_those_that_we_ship(block: Block) -> None:
    shipped = yaml.safe_load((ROOT / "deploy/z2jh/values.yaml").read_text())
    jsonschema.validate(merge(shipped, yaml.safe_load(block.text)), chart_schema())


@named([b for b in blocks("yaml", VALUES) if "custom:" in b.text])
def test_a_campus_in_the_values_stands_alone(block: Block, tmp_path: Path) -> None:
    data = yaml.safe_load(block.text)["custom"]["edu"]
    assert load(data, tmp_path, block.text).campus.courses


@named([b for b in blocks("yaml", VALUES) if "extraConfig:" in b.text])
def test_extra_config_switches_us_on(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in yaml.safe_load(block.text)["hub"]["extraConfig"].values():
        config = run_config(text, SHIPPED, monkeypatch)
        assert config.JupyterHub.spawner_class.endswith("EduSpawner")


# -- commands, JSON, code --------------------------------------------------------------------------------------


def commands(program: str) -> list[tuple[str, list[str]]]:
    """Every line of a console block that runs this program, as page and words."""
    found = []
    for block in blocks("console") + blocks(""):
        joined = re.sub(r"\\\n\s*", "", block.text)
        for line in joined.splitlines():
            words = shlex.split(
                re.sub(r"^\$ |^[A-Z_]+=\S+ ", "", line.removeprefix("$ ")), comments=True
            )
            if words and words[0].endswith(program):
                found.append((block.name, words[1:]))
    return found


@pytest.mark.parametrize(
    "words", [pytest.param(w, id=f"{n} {' '.join(w)}") for n, w in commands("jupyterhub-edu")]
)
def test_a_command_and_its_options_exist(words: list[str]) -> None:
    command: Any = typer.main.get_command(main)
    rest = iter(words)
    while hasattr(command, "commands"):
        command = command.commands[next(rest)]
    options = {name for parameter in command.params for name in parameter.opts}
    assert [word for word in words if word.startswith("--") and word not in options] == []


@pytest.mark.parametrize(
    "words", [pytest.param(w, id=f"{n} {' '.join(w)}") for n, w in commands("make")]
)
def test_a_make_target_exists(words: list[str]) -> None:
    assert re.search(
        rf"^{re.escape(words[0])}:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE
    )


@named(blocks("json"))
def test_json_is_what_the_hub_says(block: Block) -> None:
    data = json.loads(block.text)
    for reason in data.get("reasons", []):
        row = ROWS[Code(reason["code"])]
        assert data["status"] == row.status
        assert row.who in reason["who"]


@named(blocks("python", SOURCE))
async def test_the_source_to_copy_works(block: Block) -> None:
    names: dict[str, Any] = {"__name__": "a_source"}
    exec(compile(block.text, "a_source.py", "exec", dont_inherit=True), names)  # noqa: S102
    settings = names["OnePersonSettings"](login="ada", password="secret")
    source = names["OnePersonSource"]("one", settings, utc_now)
    answer = await source.authenticate("ada", "secret")
    assert answer.key == "one:ada"
    assert isinstance(await source.authenticate("ada", "guess"), Denied)
    nobody = Person("one:bo", "bo", "one", "bo", "bo", "Bo", None, True, utc_now())
    assert isinstance(await source.reread(nobody), Gone)
