"""Which hub uses the database: one row, written by the hub that has the lock."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import SQLAlchemyError

from jupyterhub_edu.ports import StoreError

from .tables import HUB

__all__ = ["Holder", "held_by"]


@dataclass(frozen=True, slots=True)
class Holder:
    """This hub, as it signs the database.

    Attributes:
        since: aware UTC instant at which the store was opened.
        token: tells this opening from every other one.
    """

    since: datetime
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def sign(self, connection: Connection) -> None:
        """Write the row; only whoever has the lock may."""
        connection.execute(delete(HUB))
        connection.execute(
            insert(HUB).values(
                one=1,
                token=self.token,
                host=socket.gethostname(),
                pid=os.getpid(),
                since=int(self.since.timestamp()),
            )
        )

    def require_still(self, connection: Connection) -> None:
        """Make sure that no other hub has been here since we signed.

        Raises:
            StoreError: one has, and what we remember may be wrong.
        """
        if connection.execute(select(HUB.c.token)).scalar() != self.token:
            raise StoreError(
                "While the database could not be reached another hub used it "
                f"({held_by(connection)}). What this hub remembers may be wrong: restart it, "
                "and let only one run."
            )


def held_by(connection: Connection) -> str:
    """Name the hub that signed last; vague where that cannot be read, for it only explains a refusal."""
    try:
        row = connection.execute(select(HUB)).first()
    except SQLAlchemyError:
        row = None
    if row is None:
        return "it has not said which"
    since = datetime.fromtimestamp(row.since, UTC)
    return f"process {row.pid} on {row.host}, since {since:%Y-%m-%d %H:%M} UTC"
