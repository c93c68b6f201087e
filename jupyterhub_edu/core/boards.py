"""Which parts of a course have changed since somebody last looked at it: what a board that shows it live rests on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from jupyterhub_edu.domain.admissions import Admission

from .book import Book
from .line import Line
from .looks import Looks

__all__ = ["Boards", "Watch"]


@dataclass(slots=True, eq=False)
class Watch:
    """One course that is looked at.

    Attributes:
        flavors: those whose devices are shown; of others nothing need be told.
        sessions: ids of the sessions that have begun, are others than they were, or have ended.
        line: somebody's place in a line may stand otherwise.
        devices: what is free, used or lent may be another number.
        news: what else is shown of the course: messages, stops under way.
        over: nothing more is told.
        changed: any of these.
    """

    course: str
    flavors: frozenset[str] = frozenset()
    sessions: set[str] = field(default_factory=set)
    line: bool = False
    devices: bool = False
    news: bool = False
    over: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def clear(self) -> None:
        """Everything has been looked at."""
        self.sessions.clear()
        self.line = self.devices = self.news = False
        self.changed.clear()


class Boards:
    """The courses that are looked at now.

    Always holds:
        - telling costs no more than noting it: nothing is worked out, nobody is woken more than once between two looks;
        - of a course that nobody looks at nothing is kept.
    """

    def __init__(self, book: Book, line: Line, looks: Looks) -> None:
        self._book = book
        self._watched: dict[str, Watch] = {}
        book.on_change.append(self.touch)
        line.on_change.append(self._line_changed)
        looks.on_change.append(self._looked_at)

    def __len__(self) -> int:
        """Courses that are looked at."""
        return len(self._watched)

    def watch(self, course: str) -> Watch:
        """Look at a course from now on; once for each course, however many look."""
        if course in self._watched:
            raise RuntimeError(f"{course} is looked at already")
        watch = self._watched[course] = Watch(course)
        return watch

    def end(self, watch: Watch) -> None:
        """Nobody looks at it any more."""
        if self._watched.get(watch.course) is watch:
            del self._watched[watch.course]

    def close(self) -> None:
        """Let nobody look any more."""
        for watch in self._watched.values():
            watch.over = True
            watch.changed.set()
        self._watched.clear()

    # -- what has changed --------------------------------------------------------------------------------------

    def touch(self, admission: Admission) -> None:
        """A session is another than it was, or is shown otherwise."""
        if not self._watched:
            return
        if (watch := self._watched.get(admission.course)) is not None:
            watch.sessions.add(admission.id)
            watch.changed.set()
        if admission.devices:
            self.stocked(admission.flavor)

    def stocked(self, flavor: str | None = None) -> None:
        """The devices of one flavor, or of any, may be other than they were."""
        for watch in self._watched.values():
            if not watch.devices and (flavor is None or flavor in watch.flavors):
                watch.devices = True
                watch.changed.set()

    def tell(self, course: str) -> None:
        """What else is shown of a course has changed."""
        if (watch := self._watched.get(course)) is not None:
            watch.news = True
            watch.changed.set()

    def _line_changed(self, course: str) -> None:
        if (watch := self._watched.get(course)) is not None:
            watch.line = True
            watch.changed.set()

    def _looked_at(self, id: str) -> None:
        if self._watched and (admission := self._book.admission(id)) is not None:
            self.touch(admission)
