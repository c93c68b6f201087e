"""PostgreSQL: every statement goes over the one connection that holds the lock."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import URL, Connection, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from jupyterhub_edu.ports import StoreError

from .holder import held_by

__all__ = ["PostgresBackend"]

_LOCK_KEY: Final = 0x6A68656475  # "jhedu": locks are numbers, one space per database
_LOCK_NOT_AVAILABLE: Final = "55P03"
_SETTINGS: Final = {
    "lock_timeout": "3s",
    "statement_timeout": "15s",
    # A hub whose machine died must not hold its lock for the usual two hours.
    "tcp_keepalives_idle": "20",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "4",
}
_CONNECT: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 20_000,
    # Prepared statements break behind a pooler, and the statements here are short.
    "prepare_threshold": None,
}


class PostgresBackend:
    """The store in PostgreSQL. A pooler in between must keep sessions (not transactions) together.

    Always holds:
        - whoever can write has the lock: it belongs to the connection, so a killed hub frees it and a lost
          connection cannot be written over by mistake;
        - a commit is as durable as the server's ``synchronous_commit`` says (by default: on the disk).
    """

    def __init__(self, url: URL, *, read_only: bool = False) -> None:
        self._url, self._read_only = url, read_only

    @property
    def where(self) -> str:
        """The database, for sentences; without the password."""
        return self._url.render_as_string(hide_password=True)

    def connect(self) -> Connection:
        """Connect and take the lock; a reader takes none and cannot write.

        Raises:
            StoreError: psycopg is missing, or another hub holds the database.
        """
        try:
            engine = create_engine(self._url, poolclass=NullPool, connect_args=dict(_CONNECT))
        except ImportError as error:
            raise StoreError(
                "PostgreSQL needs psycopg: pip install 'jupyterhub-edu[postgresql]'."
            ) from error
        event.listen(engine, "connect", _prepare)
        connection = engine.connect()
        try:
            if self._read_only:
                connection.execute(text("SET default_transaction_read_only = on"))
                connection.commit()
            else:
                self._take_lock(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def release(self) -> None:
        """Nothing to do: the lock went with the connection."""

    def sentence(self, error: DBAPIError) -> str:
        """Say what went wrong, in PostgreSQL's own words."""
        first_line = str(error.orig).strip().partition("\n")[0]
        if error.connection_invalidated or getattr(error.orig, "sqlstate", None) is None:
            return f"PostgreSQL does not answer at {self.where}: {first_line}"
        return f"PostgreSQL could not do it at {self.where}: {first_line}"

    def _take_lock(self, connection: Connection) -> None:
        try:
            # Waits a moment (lock_timeout): the server may not have noticed yet that a killed hub is gone.
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK_KEY})
            connection.commit()
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            connection.rollback()
            raise StoreError(
                f"Another hub uses {self.where} ({held_by(connection)}). Only one may: stop it first."
            ) from None


def _prepare(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        for name, value in _SETTINGS.items():
            cursor.execute(f"SET {name} = '{value}'")
    connection.commit()
