"""SQLite: one file, one writer, a lock that the operating system frees with the process."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from jupyterhub_edu.ports import StoreError

from .holder import held_by
from .place import Mount, check_survives, file_of, find_mount

__all__ = ["SqliteBackend"]

_log = logging.getLogger(__name__)
_BUSY_MS: Final = 5_000
_SENTENCES: Final = {
    "SQLITE_BUSY": "Another program keeps {where} locked; close it (a shell or a backup that writes).",
    "SQLITE_FULL": "The disk that holds {where} is full; make room.",
    "SQLITE_READONLY": "{where} may not be written; give the hub's account the right to, and to its folder.",
    "SQLITE_CANTOPEN": "{where} cannot be opened; check that the hub's account may write to its folder.",
    "SQLITE_NOTADB": "{where} is not a SQLite database; move it away or name another file.",
    "SQLITE_CORRUPT": "{where} is damaged; stop the hub and put back a backup.",
    "SQLITE_IOERR": "The disk that holds {where} reports an error.",
}


class SqliteBackend:
    """The store in a SQLite file, or in memory for tests.

    Always holds:
        - a commit that returns is on the disk (``synchronous=FULL``): a start that was admitted is still known
          after a power cut, and group commits keep that cheap;
        - on a file system that is not known to be a local disk there is no write-ahead log: its index is memory
          shared by processes, which does not work over a network;
        - new files are readable by the hub's account alone: they hold names.
    """

    def __init__(self, url: URL, *, on_kubernetes: bool, read_only: bool = False) -> None:
        self._url, self._path, self._on_kubernetes = url, file_of(url), on_kubernetes
        self._read_only = read_only
        self._lock: int | None = None
        self._journal = "MEMORY"

    @property
    def where(self) -> str:
        """The database, for sentences."""
        return str(self._path or "the store in memory")

    def connect(self) -> Connection:
        """Take the lock unless it is ours already, and connect; a reader takes none and cannot write.

        Raises:
            StoreError: the place may not be used, or another hub holds it.
        """
        if self._read_only:
            if self._path is not None and not self._path.exists():
                raise StoreError(
                    f"There is no store at {self._path}. Start the hub once, and ask in the folder in which it runs."
                )
        elif self._path is not None and self._lock is None:
            self._journal = _journal(self._path, on_kubernetes=self._on_kubernetes)
            self._lock = self._take_lock(self._path)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        return self._connect()

    def release(self) -> None:
        """Free the lock."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def sentence(self, error: DBAPIError) -> str:
        """Say what went wrong and what to do."""
        name = str(getattr(error.orig, "sqlite_errorname", ""))
        # Extended names begin with the plain one: SQLITE_IOERR_WRITE.
        for plain, sentence in _SENTENCES.items():
            if name.startswith(plain):
                return sentence.format(where=self.where)
        return f"SQLite could not do it in {self.where}: {error.orig}."

    def _connect(self) -> Connection:
        engine = create_engine(self._url, poolclass=NullPool)
        event.listen(engine, "connect", self._prepare)
        event.listen(engine, "begin", _begin_to_read if self._read_only else _begin)
        return engine.connect()

    def _prepare(self, connection: sqlite3.Connection, _record: object) -> None:
        # Python's own transactions leave out DDL; _begin opens all of ours.
        connection.isolation_level = None
        with closing(connection.cursor()) as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
            if self._read_only:
                cursor.execute("PRAGMA query_only = ON")
                return
            cursor.execute(f"PRAGMA journal_mode = {self._journal}")
            cursor.execute("PRAGMA synchronous = FULL")
            cursor.execute("PRAGMA foreign_keys = ON")

    def _take_lock(self, path: Path) -> int:
        # Kept open, never inherited: a server that outlives a killed hub must not hold its lock.
        lock = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise StoreError(
                f"Another hub uses {path} ({self._holder()}). Only one may: stop it first."
            ) from None
        except OSError as error:
            os.close(lock)
            raise StoreError(
                f"The file system of {path} has no locks ({error.strerror}), so a second hub could "
                "not be kept away; use a local disk or PostgreSQL."
            ) from error
        return lock

    def _holder(self) -> str:
        try:
            with self._connect() as connection:
                return held_by(connection)
        except SQLAlchemyError:
            return "it has not said which"


def _journal(path: Path, *, on_kubernetes: bool) -> str:
    """Look at the place and say how its journal is kept."""
    if not path.parent.is_dir():
        raise StoreError(f"There is no folder {path.parent} for the store; make it.")
    mount = find_mount(path.parent)
    check_survives(path, mount, on_kubernetes=on_kubernetes)
    _warn(path, mount)
    return "WAL" if mount.is_local else "DELETE"


def _warn(path: Path, mount: Mount) -> None:
    if mount.is_volatile:
        _log.warning("%s lies on %s and may not survive a restart", path, mount.type)
    elif not mount.is_local:
        kind = mount.type or "a file system of unknown type"
        _log.warning("%s lies on %s: slower, and PostgreSQL is safer there", path, kind)


def _begin(connection: Connection) -> None:
    # At once as a writer: a transaction that reads first and writes later can be refused half-way.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_to_read(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
