"""Whether the files of a campus have changed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path as FilePath

__all__ = ["FileWatch"]

_Stamp = tuple[int, ...]


class FileWatch:
    """Looks at files by time, size and identity of what the name leads to; of a folder, at each file in it.

    Always holds:
        - a change is told once;
        - a name that leads elsewhere has changed: an editor's rename, or the swapped link of a Kubernetes ConfigMap;
        - a file that is gone and one that comes have changed.
    """

    def __init__(self, files: Iterable[str | os.PathLike[str]]) -> None:
        self._files = [FilePath(file) for file in files]
        self._stamps = self._look()

    def changed(self) -> bool:
        """Whether anything has changed since the last time that this was asked."""
        before, self._stamps = self._stamps, self._look()
        return self._stamps != before

    def _look(self) -> dict[FilePath, _Stamp]:
        found: dict[FilePath, _Stamp] = {}
        for file in self._files:
            found[file] = _stamp(file)
            if file.is_dir():
                found |= {below: _stamp(below) for below in _entries(file)}
        return found


def _entries(folder: FilePath) -> list[FilePath]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _stamp(file: FilePath) -> _Stamp:
    """Time, size and identity; nothing where there is no file."""
    try:
        found = file.stat()
    except OSError:
        return ()
    return (found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev)
