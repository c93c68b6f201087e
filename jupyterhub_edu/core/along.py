"""What one act keeps in the same step as another: both are kept, or neither is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from jupyterhub_edu.ports import AuditEntry, Record, Store

__all__ = ["ALONE", "Along"]


def _nothing() -> None:
    """There is nothing more to know."""


@dataclass(frozen=True, slots=True)
class Along:
    """What goes along with the next thing that an act keeps.

    Attributes:
        records: inserted, or replaced by kind and id.
        entries: written down in front of the act's own.
        then: called once all of it is kept, before anybody waits for anything again.
    """

    records: Sequence[Record] = ()
    entries: Sequence[AuditEntry] = ()
    then: Callable[[], None] = _nothing

    async def save(
        self,
        store: Store,
        put: Iterable[Record],
        drop: Iterable[tuple[str, str]],
        entry: AuditEntry,
    ) -> None:
        """Keep what the act keeps, and this.

        Raises:
            StoreError: it could not be kept; nothing has changed.
        """
        await store.save_records([*put, *self.records], drop, entry, self.entries)
        self.then()


ALONE: Final = Along()
"""Nothing goes along."""
