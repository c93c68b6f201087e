"""What a real PostgreSQL can do to a store; what every store promises is in tests/contract/test_store.py."""

import os
import subprocess
import sys

import pytest
from alembic import command
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.pool import NullPool

from jupyterhub_edu.ports import StoreError
from jupyterhub_edu.store import open_store
from jupyterhub_edu.store.migrate import migration_config
from jupyterhub_edu.store.tables import METADATA, VERSION_TABLE
from tests.audited import audited
from tests.postgres.server import database_url
from tests.unit.store.values import OF_THE_FIRST_SCHEMA, an_admission, an_entry

pytestmark = pytest.mark.real


@pytest.fixture
async def store(postgres_url):
    made = open_store(postgres_url)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def engine(postgres_url):
    made = create_engine(postgres_url, poolclass=NullPool)
    yield made
    made.dispose()


def _end_all_sessions(engine):
    """What a restarted server or a broken network does to a connection."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


# -- the schema ----------------------------------------------------------------------------------------------------


async def test_what_the_migrations_make_is_what_the_code_expects(store, engine):
    assert {*inspect(engine).get_table_names()} == {*METADATA.tables, VERSION_TABLE}
    with engine.begin() as connection:
        command.check(migration_config(connection))


async def test_down_and_up_again_is_as_new(postgres_url, engine):
    for _ in range(2):
        store = open_store(postgres_url)
        await store.open()
        await store.close()
        with engine.begin() as connection:
            command.check(migration_config(connection))
            command.downgrade(migration_config(connection), "base")

        assert {*inspect(engine).get_table_names()} == {VERSION_TABLE}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE edu_audit SET actor = 'x'",
        "UPDATE edu_audit SET actor = 'erased-1', act = 'x'",
        "DELETE FROM edu_audit",
        "TRUNCATE edu_audit",
    ],
)
async def test_the_audit_is_append_only_for_every_program(store, engine, change):
    await store.append_audit(an_entry())

    with (
        engine.begin() as connection,
        pytest.raises(Exception, match="the audit is append-only"),
    ):
        connection.execute(text(change))


async def test_a_row_of_the_audit_may_lose_a_name(store, engine):
    await store.append_audit(an_entry(target="ola"))

    with engine.begin() as connection:
        connection.execute(text("UPDATE edu_audit SET target = 'erased-1'"))

    assert [entry.target for entry in await audited(store)] == ["erased-1"]


async def test_what_the_first_schema_held_is_kept(postgres_url, engine):
    with engine.begin() as connection:
        command.upgrade(migration_config(connection), "0001")
        for statement in OF_THE_FIRST_SCHEMA:
            connection.execute(text(statement))

    store = open_store(postgres_url)
    await store.open()
    assert [person.hub_name for person in await store.load_people()] == ["ola"]
    assert [enrolment.course for enrolment in await store.load_enrolments()] == ["ml"]
    assert await store.load_pins() == {"ldap:ola": "ldap:ola"}
    await store.close()


# -- one hub -------------------------------------------------------------------------------------------------------


async def test_a_second_hub_is_refused_and_told_who_is_there(store, postgres_url):
    second = open_store(postgres_url)

    with pytest.raises(StoreError, match=rf"Another hub uses .*\(process {os.getpid()} on .*\)"):
        await second.open()
    await second.close()

    await store.append_audit(an_entry())


_HUB = """
import asyncio, sys
from jupyterhub_edu.store import open_store

async def main():
    await open_store(sys.argv[1]).open()
    print("open", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.fixture
def hub(postgres_url):
    process = subprocess.Popen(
        [sys.executable, "-c", _HUB, postgres_url], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


async def test_a_killed_hub_frees_the_lock(hub, postgres_url):
    store = open_store(postgres_url)
    with pytest.raises(StoreError, match=f"process {hub.pid} on"):
        await store.open()

    hub.kill()
    hub.wait()

    await store.open()
    await store.close()


async def test_after_a_lost_connection_it_holds_the_lock_again(store, engine, postgres_url):
    _end_all_sessions(engine)

    await store.save_admission(an_admission())
    assert list(await store.load_open_admissions()) == [an_admission()]

    second = open_store(postgres_url)
    with pytest.raises(StoreError, match="Another hub uses"):
        await second.open()
    await second.close()


async def test_a_hub_that_was_cut_off_while_another_holds_the_database_writes_nothing(
    store, engine, postgres_url
):
    _end_all_sessions(engine)
    second = open_store(postgres_url)
    await second.open()

    with pytest.raises(StoreError, match="Another hub uses"):
        await store.append_audit(an_entry(target="from the first"))

    assert list(await audited(second)) == []
    await second.close()


async def test_a_hub_that_was_cut_off_while_another_was_there_writes_nothing_ever_again(
    store, engine, postgres_url
):
    _end_all_sessions(engine)
    second = open_store(postgres_url)
    await second.open()
    await second.close()

    for _ in range(2):
        with pytest.raises(StoreError, match=r"another hub used it .* restart it"):
            await store.append_audit(an_entry())

    third = open_store(postgres_url)
    await third.open()
    assert list(await audited(third)) == []
    await third.close()


async def test_a_reader_looks_on_beside_the_hub_and_cannot_write(store, postgres_url):
    await store.save_admission(an_admission())
    reader = open_store(postgres_url, read_only=True)
    await reader.open()

    assert await reader.find_admission(an_admission().id) == an_admission()
    with pytest.raises(StoreError, match="read-only transaction"):
        await reader.append_audit(an_entry())
    await reader.close()


# -- failures ------------------------------------------------------------------------------------------------------


async def test_a_server_that_stops_is_said_and_then_works_again(own_postgres):
    store = open_store(database_url(own_postgres.host, "postgres"))
    await store.open()
    await store.save_admission(an_admission(1))

    own_postgres.stop()
    with pytest.raises(StoreError, match="PostgreSQL does not answer at postgresql"):
        await store.save_admission(an_admission(2))
    with pytest.raises(StoreError, match="PostgreSQL does not answer at postgresql"):
        await store.load_open_admissions()

    own_postgres.start()
    await store.save_admission(an_admission(3))
    assert list(await store.load_open_admissions()) == [an_admission(1), an_admission(3)]
    await store.close()


_DIE_AT_COMMIT = """
CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER die AFTER INSERT ON edu_admissions DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION die()
"""


async def test_a_connection_lost_in_a_commit_is_not_tried_again_and_said(store, engine):
    with engine.begin() as connection:
        connection.execute(text(_DIE_AT_COMMIT))

    with pytest.raises(StoreError, match=r"Whether the last change was kept is not known"):
        await store.save_admission(an_admission())

    assert list(await store.load_open_admissions()) == []


async def test_no_server_at_opening_is_said_without_the_password(tmp_path):
    store = open_store(f"postgresql://edu:secret@/edu?host={tmp_path}")

    with pytest.raises(StoreError, match="PostgreSQL does not answer") as refusal:
        await store.open()
    await store.close()

    assert "secret" not in str(refusal.value)


async def test_a_table_that_another_program_locks_is_said_and_then_works_again(store, engine):
    store._thread._database._connection.exec_driver_sql("SET lock_timeout = '20ms'")
    store._thread._database._connection.commit()
    with engine.begin() as shell:
        shell.execute(text("LOCK TABLE edu_admissions"))
        with pytest.raises(StoreError, match=r"PostgreSQL could not do it .* lock timeout"):
            await store.save_admission(an_admission())

    await store.save_admission(an_admission())
    assert list(await store.load_open_admissions()) == [an_admission()]
