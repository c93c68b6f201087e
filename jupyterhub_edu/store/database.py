"""One database, used from one thread: the lock, the schema, and transactions that many callers share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from jupyterhub_edu.ports import Clock, StoreError

from .holder import Holder
from .migrate import require_current, upgrade

__all__ = ["Backend", "Database", "Job", "Work"]

_log = logging.getLogger(__name__)
Work = Callable[[Connection], Any]
"""Statements of one call. May be run again if the transaction was lost before its commit."""
Job = tuple[Work, "Future[Any]"]


class Backend(Protocol):
    """What differs between SQLite and PostgreSQL."""

    @property
    def where(self) -> str:
        """The database, for sentences; without a password."""
        ...

    def connect(self) -> Connection:
        """Connect with the one-hub lock held.

        Raises:
            StoreError: it may not be used, or another hub holds it.
        """
        ...

    def release(self) -> None:
        """Free the lock."""
        ...

    def sentence(self, error: DBAPIError) -> str:
        """Say what went wrong and what to do."""
        ...


class _Unusable(StoreError):
    """The database as a whole cannot be used now; trying the calls one by one would only take longer."""


class _Lost(Exception):
    """The connection was lost before a commit was asked for: nothing has been kept, so it may be tried again."""


class Database:
    """Everything here runs on the store's one thread.

    Always holds:
        - calls are carried out in the order in which they were made;
        - a call is kept wholly or not at all, whatever becomes of those that share its transaction;
        - its answer is given after the commit.
    """

    def __init__(self, backend: Backend, clock: Clock, *, read_only: bool = False) -> None:
        self._backend, self._clock, self._read_only = backend, clock, read_only
        self._connection: Connection | None = None
        self._holder: Holder | None = None

    def open(self) -> None:
        """Take the lock, bring the schema up to date, sign; a reader only makes sure that it can read the schema.

        Raises:
            StoreError: it cannot be used; the lock is free again.
        """
        if self._holder is not None:
            return
        holder = Holder(self._clock())
        try:
            self._attempt([require_current] if self._read_only else [upgrade, holder.sign])
        except _Lost as lost:
            self.close()
            raise StoreError(str(lost)) from lost
        except BaseException:
            self.close()
            raise
        self._holder = holder
        if not self._read_only:
            _log.info("the store is %s", self._backend.where)

    def close(self) -> None:
        """Let go of the connection and the lock."""
        self._holder = None
        self._disconnect()
        self._backend.release()

    def perform(self, jobs: Sequence[Job]) -> None:
        """Carry out calls in one transaction and answer each; if one of them fails, each in its own."""
        try:
            answers = self._transact([work for work, _ in jobs])
        except _Unusable as error:
            for _, future in jobs:
                future.set_exception(StoreError(str(error)))
        except Exception as error:
            if len(jobs) == 1:
                jobs[0][1].set_exception(error)
            else:
                for job in jobs:
                    self.perform([job])
        else:
            for (_, future), answer in zip(jobs, answers, strict=True):
                future.set_result(answer)

    def _transact(self, works: Sequence[Work]) -> list[Any]:
        if self._holder is None:
            raise _Unusable("The store is not open.")
        try:
            return self._attempt(works)
        except _Lost:
            _log.warning("the connection to %s was lost; connecting anew", self._backend.where)
        try:
            return self._attempt(works)
        except _Lost as lost:
            raise _Unusable(str(lost)) from lost

    def _attempt(self, works: Sequence[Work]) -> list[Any]:
        connection = self._connected()
        committing = False
        try:
            with connection.begin() as transaction:
                answers = [work(connection) for work in works]
                committing = True
                transaction.commit()
        except DBAPIError as error:
            raise self._explain(error, committing=committing) from error
        return answers

    def _explain(self, error: DBAPIError, *, committing: bool) -> Exception:
        """Say what a failure means, and drop a connection that no longer serves."""
        sentence = self._backend.sentence(error)
        if error.connection_invalidated:
            self._disconnect()
            if not committing:
                return _Lost(sentence)
            sentence += " Whether the last change was kept is not known."
        if isinstance(error, OperationalError | InterfaceError):
            return _Unusable(sentence)
        return StoreError(sentence)

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> Connection:
        """Connect; anew only if nobody has been here since we signed."""
        try:
            connection = self._backend.connect()
            try:
                if self._holder is not None and not self._read_only:
                    self._holder.require_still(connection)
                connection.rollback()
            except BaseException:
                connection.close()
                raise
        except DBAPIError as error:
            raise _Unusable(self._backend.sentence(error)) from error
        except OSError as error:
            raise _Unusable(f"{self._backend.where} cannot be used: {error}.") from error
        except StoreError as error:
            raise _Unusable(str(error)) from error
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except SQLAlchemyError:
                _log.debug("a connection did not close", exc_info=True)
