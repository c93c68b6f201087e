"""What a file on a disk can do to a store: locks, other programs, full disks, killed hubs."""

import asyncio
import fcntl
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing, contextmanager

import pytest

from jupyterhub_edu.ports import StoreError
from jupyterhub_edu.store import open_store, sqlite
from jupyterhub_edu.store.place import Mount
from tests.audited import audited
from tests.unit.store.values import (
    DIRECTORY,
    a_person,
    an_admission,
    an_entry,
)


def _raw(store):
    """The connection of a store that has nothing to do, for settings of its failures."""
    return store._thread._database._connection.connection.driver_connection


@contextmanager
def _locked(tmp_path):
    """Let the store's thread wait in the first call that it takes up."""
    with closing(sqlite3.connect(tmp_path / "edu.sqlite", isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        yield
        shell.execute("ROLLBACK")


async def _begin(store, call):
    """Make a call and wait until the store's thread has taken it up."""
    task = asyncio.create_task(call)
    await asyncio.sleep(0)
    while store._thread._waiting:  # noqa: ASYNC110 - the thread knows nothing of the loop's events
        await asyncio.sleep(0.001)
    return task


# -- one hub -------------------------------------------------------------------------------------------------------


async def test_a_second_hub_is_refused_and_told_who_is_there(store, url):
    second = open_store(url)

    with pytest.raises(StoreError, match=rf"Another hub uses .*\(process {os.getpid()} on .*\)"):
        await second.open()
    await second.close()

    await store.append_audit(an_entry())
    assert len(await audited(store)) == 1


async def test_the_lock_is_free_after_closing(store, url):
    await store.close()
    second = open_store(url)

    await second.open()
    await second.close()


async def test_the_lock_is_free_after_an_opening_that_failed(url, tmp_path):
    (tmp_path / "edu.sqlite").write_bytes(b"no database " * 100)
    failed = open_store(url)
    with pytest.raises(StoreError, match="is not a SQLite database; move it away"):
        await failed.open()
    (tmp_path / "edu.sqlite").unlink()
    second = open_store(url)

    await second.open()
    await second.close()
    await failed.close()


_HUB = """
import asyncio, subprocess, sys
from jupyterhub_edu.store import open_store

async def main():
    await open_store(sys.argv[1]).open()
    # A server that outlives its hub, with everything that a child may inherit.
    child = subprocess.Popen(["sleep", "60"], close_fds=False, stdout=subprocess.DEVNULL)
    print(child.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.fixture
def hub(url):
    """Another hub as a process, and the id of the server that it has started."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HUB, url], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    server = int(process.stdout.readline())
    yield process, server
    process.kill()
    process.wait()
    process.stdout.close()
    os.kill(server, signal.SIGKILL)


async def test_a_killed_hub_frees_the_lock_even_if_its_servers_live_on(hub, url):
    process, server = hub
    store = open_store(url)
    try:
        with pytest.raises(StoreError, match=f"process {process.pid} on"):
            await store.open()

        process.kill()
        process.wait()
        await store.open()

        os.kill(server, 0)  # still there
    finally:
        await store.close()


# -- the place -----------------------------------------------------------------------------------------------------


async def test_the_files_are_for_the_hubs_account_alone(store, tmp_path):
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in tmp_path.glob("edu.sqlite*")}

    assert modes.keys() >= {"edu.sqlite", "edu.sqlite.lock", "edu.sqlite-wal"}
    assert set(modes.values()) == {0o600}


async def test_a_commit_is_on_the_disk_when_it_returns(store):
    settings = ("journal_mode", "synchronous", "foreign_keys")

    assert [_raw(store).execute(f"PRAGMA {name}").fetchone()[0] for name in settings] == [
        "wal",
        2,  # FULL
        1,
    ]


async def test_on_a_network_file_system_there_is_no_write_ahead_log(url, monkeypatch, caplog):
    monkeypatch.setattr(sqlite, "find_mount", lambda path: Mount("nfs4", "/", "/"))
    store = open_store(url)
    await store.open()

    assert _raw(store).execute("PRAGMA journal_mode").fetchone()[0] == "delete"
    await store.append_audit(an_entry())
    assert len(await audited(store)) == 1
    assert "lies on nfs4: slower, and PostgreSQL is safer there" in caplog.text
    await store.close()


async def test_outside_a_pod_a_path_in_memory_is_warned_of(url, monkeypatch, caplog):
    monkeypatch.setattr(sqlite, "find_mount", lambda path: Mount("tmpfs", "/", "/"))
    store = open_store(url)
    await store.open()
    await store.close()

    assert "lies on tmpfs and may not survive a restart" in caplog.text


async def test_a_file_system_without_locks_is_refused(url, monkeypatch):
    def no_locks(_file, _how):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    store = open_store(url)

    with pytest.raises(StoreError, match=r"has no locks \(No locks available\).*local disk"):
        await store.open()
    await store.close()


async def test_a_path_that_goes_with_the_pod_is_refused_and_not_made(url, tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "find_mount", lambda path: Mount("overlay", "/", "/"))
    store = open_store(url, on_kubernetes=True)

    with pytest.raises(StoreError, match=r"lies on overlay .* lost with the pod"):
        await store.open()
    await store.close()

    assert list(tmp_path.iterdir()) == []


async def test_a_folder_that_is_not_there_is_named(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/nosuch/edu.sqlite")

    with pytest.raises(StoreError, match=r"There is no folder .*/nosuch for the store; make it"):
        await store.open()
    await store.close()


async def test_in_memory_it_works_until_it_is_closed():
    store = open_store("sqlite://")
    await store.open()
    await store.save_admission(an_admission())

    assert len(await store.load_open_admissions()) == 1
    await store.close()


# -- failures ------------------------------------------------------------------------------------------------------


async def test_a_file_that_another_program_locks_is_said_and_then_works_again(store, tmp_path):
    _raw(store).execute("PRAGMA busy_timeout = 20")
    with closing(sqlite3.connect(tmp_path / "edu.sqlite", isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        saves = [store.save_admission(an_admission(number)) for number in range(3)]
        outcomes = await asyncio.gather(*saves, return_exceptions=True)
        shell.execute("ROLLBACK")

    assert {str(outcome) for outcome in outcomes} == {
        f"Another program keeps {tmp_path}/edu.sqlite locked; "
        "close it (a shell or a backup that writes)."
    }
    assert {type(outcome) for outcome in outcomes} == {StoreError}
    assert list(await store.load_open_admissions()) == []
    await store.save_admission(an_admission())
    assert len(await store.load_open_admissions()) == 1


async def test_a_full_disk_is_said_and_then_works_again(store):
    await store.save_admission(an_admission(1))
    raw = _raw(store)
    (pages,) = raw.execute("PRAGMA page_count").fetchone()
    raw.execute(f"PRAGMA max_page_count = {pages}")
    long = an_entry(details={"text": "x" * 100_000})

    with pytest.raises(StoreError, match=r"The disk that holds .*edu\.sqlite is full; make room"):
        await store.append_audit(long)

    assert list(await store.load_open_admissions()) == [an_admission(1)]
    raw.execute("PRAGMA max_page_count = 1000000")
    await store.append_audit(long)
    assert list(await audited(store)) == [long]


@pytest.mark.parametrize("change", ["UPDATE edu_audit SET actor = 'x'", "DELETE FROM edu_audit"])
async def test_the_audit_is_append_only_for_every_program(store, tmp_path, change):
    await store.append_audit(an_entry())

    with (
        closing(sqlite3.connect(tmp_path / "edu.sqlite")) as shell,
        pytest.raises(sqlite3.IntegrityError, match="the audit is append-only"),
    ):
        shell.execute(change)


# -- callers -------------------------------------------------------------------------------------------------------


async def test_what_a_cancelled_caller_had_begun_is_completed_and_the_rest_left_out(
    store, tmp_path
):
    with _locked(tmp_path):
        begun = await _begin(store, store.save_answer(a_person("ola"), DIRECTORY, []))
        waiting = asyncio.create_task(store.save_answer(a_person("kim"), DIRECTORY, []))
        await asyncio.sleep(0)
        begun.cancel()
        waiting.cancel()
        await asyncio.gather(begun, waiting, return_exceptions=True)

    assert [p.key for p in await store.load_people()] == ["ldap:ola"]


async def test_the_event_loop_goes_on_while_the_database_waits(store, tmp_path):
    with _locked(tmp_path):
        save = await _begin(store, store.save_admission(an_admission()))
        await asyncio.sleep(0)
        assert not save.done()

    await save


async def test_calls_that_arrive_meanwhile_share_a_commit(store, tmp_path):
    commits = []
    _raw(store).set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    with _locked(tmp_path):
        first = await _begin(store, store.save_admission(an_admission()))
        others = [
            asyncio.create_task(store.save_admission(an_admission(number)))
            for number in range(2, 102)
        ]
        await asyncio.sleep(0)
    await asyncio.gather(first, *others)

    assert len(commits) == 2
    assert len(await store.load_open_admissions()) == 101


async def test_of_calls_that_share_a_commit_only_the_wrong_one_fails(store, tmp_path):
    await store.save_answer(a_person("ola"), DIRECTORY, [])
    with _locked(tmp_path):
        first = await _begin(store, store.save_admission(an_admission(1)))
        thief = a_person("thief", hub_name="ola")
        others = [
            asyncio.create_task(call)
            for call in (
                store.append_audit(an_entry()),
                store.save_answer(thief, DIRECTORY, []),
                store.save_admission(an_admission(2)),
            )
        ]
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(first, *others, return_exceptions=True)

    assert [type(o) for o in outcomes] == [type(None), type(None), StoreError, type(None)]
    assert len(await store.load_open_admissions()) == 2
    assert list(await audited(store)) == [an_entry()]


async def test_before_opening_and_after_closing_it_says_so(url):
    store = open_store(url)
    with pytest.raises(StoreError, match="The store is not open"):
        await store.load_people()
    await store.open()
    await store.open()
    last = asyncio.create_task(store.save_admission(an_admission()))
    await asyncio.sleep(0)
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="The store is closed"):
        await store.load_people()

    await last


# -- looking at it beside a hub --------------------------------------------------------------------------------------


async def test_a_reader_sees_what_the_hub_that_holds_it_has_kept_and_cannot_write(store, url):
    await store.save_admission(an_admission())
    reader = open_store(url, read_only=True)
    await reader.open()

    assert await reader.find_admission(an_admission().id) == an_admission()
    with pytest.raises(StoreError, match="may not be written"):
        await reader.append_audit(an_entry())

    await store.append_audit(an_entry())
    assert list(await audited(reader)) == [an_entry()]
    await reader.close()


async def test_a_reader_makes_nothing(url, tmp_path):
    reader = open_store(url, read_only=True)
    with pytest.raises(StoreError, match="There is no store at"):
        await reader.open()
    await reader.close()
    assert list(tmp_path.iterdir()) == []


async def test_a_reader_does_not_bring_a_schema_up_to_date(url, tmp_path):
    (tmp_path / "edu.sqlite").touch()
    reader = open_store(url, read_only=True)
    with pytest.raises(StoreError, match="not made yet, and this version reads"):
        await reader.open()
    await reader.close()
