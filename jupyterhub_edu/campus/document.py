"""What was read: plain values, the place of each, and the mistakes so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from .mistakes import Mistake, Path, show_path

__all__ = ["Document", "Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands, and how it is written if it is a plain scalar."""

    file: str
    line: int | None
    raw: str | None = None


@dataclass
class Document:
    """What was read.

    Attributes:
        data: mappings, lists and scalars; every key is text.
        places: of every path.
        files: what was read, for watching.
    """

    data: dict[str, Any] = field(default_factory=dict)
    places: dict[Path, Place] = field(default_factory=dict)
    files: list[FilePath] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    name: str = ""
    _kept: dict[Path, list[int]] = field(default_factory=dict)

    def place(self, path: Path) -> Place:
        """The place of a path as written, or of the nearest thing around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(self.name, None))

    def as_written(self, path: Path) -> Path:
        """A path of ``data`` as it now is, counted as in the file: broken items have been taken out of lists."""
        written: Path = ()
        for part in path:
            kept = self._kept.get(written, ())
            moved = isinstance(part, int) and part < len(kept)
            written = (*written, kept[int(part)] if moved else part)
        return written

    def take_out(self, path: Path) -> None:
        """Take what stands at a path out of ``data``, so that the rest can be looked at."""
        parent: Any = self.data
        for part in path[:-1]:
            parent = parent[part]
        if isinstance(parent, list):
            written = self.as_written(path[:-1])
            self._kept.setdefault(written, list(range(len(parent)))).pop(int(path[-1]))
        del parent[path[-1]]

    def mistake(self, path: Path, message: str, fix: str = "", discreet: str = "") -> None:
        """Note a mistake at a path of ``data`` as it now is."""
        self.mistakes.append(self.describe(path, message, fix, discreet))

    def describe(self, path: Path, message: str, fix: str = "", discreet: str = "") -> Mistake:
        """Say something about a path of ``data`` as it now is."""
        path = self.as_written(path)
        place = self.place(path)
        return Mistake(place.file, place.line, show_path(path), message, fix, discreet)
