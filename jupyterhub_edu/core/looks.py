"""What was last seen of the use of sessions on devices, for whoever shows it. The warden looks, and keeps it here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.idle import Look

from .book import Book
from .listeners import call_all

__all__ = ["Looks", "Seen"]


class Seen(NamedTuple):
    """One look, and when it was."""

    look: Look
    at: datetime


class Looks:
    """The last look at each session that holds devices; nothing of one that has ended.

    Attributes:
        on_change: called with the id of a session of which something else than before has been seen.
    """

    def __init__(self, book: Book) -> None:
        self._book = book
        self._seen: dict[str, Seen] = {}
        self.on_change: list[Callable[[str], None]] = []
        book.on_change.append(self._changed)

    def of(self, id: str) -> Seen | None:
        """The last look at a session, or None."""
        return self._seen.get(id)

    def note(self, id: str, look: Look, at: datetime) -> None:
        """A session has been looked at."""
        if self._book.admission(id) is None:
            return
        former = self._seen.get(id)
        self._seen[id] = Seen(look, at)
        if former is None or former.look != look:
            call_all(self.on_change, id, f"session {id}")

    def _changed(self, admission: Admission) -> None:
        if self._book.admission(admission.id) is None:
            self._seen.pop(admission.id, None)
