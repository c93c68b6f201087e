"""`explain` looks into PostgreSQL beside the hub that holds it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from jupyterhub_edu.cli import main
from jupyterhub_edu.domain.people import CourseRole, Enrolment, Person, source_origin
from jupyterhub_edu.store import open_store

ROOT = Path(__file__).parents[2]
HEARD = datetime(2026, 11, 2, 23, 30, tzinfo=UTC)


@pytest.fixture
def campus(postgres_url: str, tmp_path: Path) -> Path:
    """The demo's campus with a directory, and this store."""
    demo = yaml.safe_load((ROOT / "deploy" / "demo" / "campus.yaml").read_text())
    ldap = {"type": "ldap", "schema": "openldap", "people": "ou=p,dc=x", "bind": "anonymous"}
    demo["sources"]["directory"] = {**ldap, "servers": ["ldaps://directory.example"]}
    demo["store"] = {"url": postgres_url}
    file = tmp_path / "campus.yaml"
    file.write_text(yaml.safe_dump(demo))
    return file


async def test_explain_asks_a_store_that_a_hub_holds(postgres_url: str, campus: Path) -> None:
    hub = open_store(postgres_url)
    await hub.open()
    try:
        kim = Person("directory:k1", "kim", "directory", "k1", "kim", "Kim", None, True, HEARD)
        origin = source_origin("directory")
        student = Enrolment(kim.key, "ml", CourseRole.STUDENT, origin, answered_at=HEARD)
        await hub.save_answer(kim, origin, [student])

        asked = ["explain", "--campus", str(campus), "--person", "directory:kim", "--course", "ml"]
        result = await asyncio.to_thread(CliRunner().invoke, main, asked)
        assert "is student by Directory account, as it said 2026-11-03 00:30" in result.stdout
        assert list(await hub.load_people()) == [kim]
    finally:
        await hub.close()
