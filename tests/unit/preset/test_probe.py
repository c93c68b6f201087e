"""What `check --connect` asks beside each source's own questions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from jupyterhub.crypto import CryptKeeper

from jupyterhub_edu import campus
from jupyterhub_edu.core import SealedSafe
from jupyterhub_edu.hub import HubSealer
from jupyterhub_edu.identity import SOURCE_TYPES
from jupyterhub_edu.ports import Record
from jupyterhub_edu.preset import probe as probe_it
from jupyterhub_edu.preset.probe import _safe
from jupyterhub_edu.store import open_store

CAMPUS = {
    "name": "Fjord",
    "time_zone": "Europe/Oslo",
    "contact": "it@fjord.example",
    "inventory": "counted",
    "sources": {
        "visitors": {
            "type": "roster",
            "people": "people.csv",
            "passwords": "passwords",
            "courses": [{"id": "<course>"}],
        }
    },
    "flavors": {"cpu": {}},
    "profiles": {
        "notebook": {
            "title": "Notebook",
            "flavor": "cpu",
            "cpu": {"limit": 1},
            "memory": {"limit": "1Gi"},
        }
    },
    "courses": {"ml": {"title": "Machine Learning", "offers": {"student": ["notebook"]}}},
}


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> campus.Loaded:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "passwords").touch()
    known = {**CAMPUS, "store": {"url": f"sqlite:///{tmp_path}/edu.sqlite"}}
    (tmp_path / "campus.yaml").write_text(yaml.safe_dump(known))
    people(tmp_path, "ml")
    return campus.load(tmp_path / "campus.yaml", SOURCE_TYPES)


def people(folder: Path, *courses: str) -> None:
    rows = [f"ann,Ann,{course},student\n" for course in courses]
    (folder / "people.csv").write_text("person,name,course,course_role\n" + "".join(rows))


async def asked(loaded: campus.Loaded) -> dict[str, list[str]]:
    return {name: problems async for name, problems in probe_it(loaded)}


async def test_a_campus_that_works(loaded: campus.Loaded) -> None:
    found = await asked(loaded)

    assert found.keys() == {"source visitors", "store", "inventory: counted"}
    assert not any(found.values())


async def test_what_this_file_would_leave_out_of_force(loaded: campus.Loaded) -> None:
    store = open_store(loaded.settings.store_url)
    await store.open()
    body = {
        "course": "ml",
        "value": ["notebook"],
        "at": "2026-11-03T10:00:00+00:00",
        "ends": None,
        "why": "",
        "vouched": None,
        "approved": True,
    }
    offers = {**body, "field": "offers.student"}
    gone = {**body, "field": "offers.teacher", "value": ["gone"]}
    await store.save_records([Record("adjustment", "ml/offers.student", offers, by="tea")])
    assert (await asked(loaded))["set at the desk"] == []

    await store.save_records([Record("adjustment", "ml/offers.teacher", gone, by="tea")])
    await store.close()

    assert (await asked(loaded))["set at the desk"] == [
        'ml: offers.teacher would not be in force: offers.teacher[0]: no such profile: "gone"; '
        "known: notebook"
    ]


async def test_a_source_whose_courses_are_all_none_of_ours(
    loaded: campus.Loaded, tmp_path: Path
) -> None:
    people(tmp_path, "mll", "stat")
    (problem,) = (await asked(loaded))["source visitors"]

    assert problem == (
        "none of its courses (2, such as id='mll', id='stat') is one of the campus file; compare the source's courses, "
        "and each course's key and codes"
    )


async def test_the_store_of_a_hub_that_runs_is_looked_at(loaded: campus.Loaded) -> None:
    hub = open_store(loaded.settings.store_url)
    await hub.open()
    try:
        assert (await asked(loaded))["store"] == []
    finally:
        await hub.close()


async def test_a_store_in_a_folder_that_is_not_there(
    loaded: campus.Loaded, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/nowhere/edu.sqlite"
    text = (tmp_path / "campus.yaml").read_text()
    (tmp_path / "campus.yaml").write_text(text.replace(str(loaded.settings.store_url), url))
    again = campus.load(tmp_path / "campus.yaml", SOURCE_TYPES)

    (problem,) = (await asked(again))["store"]
    assert problem.endswith("make it.")


@pytest.fixture
def sealer(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubSealer]:
    monkeypatch.setenv("JUPYTERHUB_CRYPT_KEY", "ab" * 32)
    CryptKeeper.clear_instance()
    yield HubSealer()
    CryptKeeper.clear_instance()


async def test_what_the_hub_has_sealed_is_read_where_its_key_is_at_hand(
    loaded: campus.Loaded, sealer: HubSealer
) -> None:
    hub = open_store(loaded.settings.store_url)
    await hub.open()
    try:
        await SealedSafe(hub, sealer).save("lms:.key", {"pem": "secret"})
        async with _safe(loaded) as safe:
            assert await safe.load("lms:.key") == {"pem": "secret"}
    finally:
        await hub.close()


async def test_without_a_store_nothing_is_remembered(
    loaded: campus.Loaded, sealer: HubSealer
) -> None:
    async with _safe(loaded) as safe:
        assert await safe.load("lms:.key") is None
