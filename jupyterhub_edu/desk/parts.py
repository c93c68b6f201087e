"""Named parts of something that is shown live, and which of them are other than they were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Generic, NamedTuple, TypeVar

__all__ = ["Change", "Parts"]

_T = TypeVar("_T")
_REMEMBERED: Final = 500
"""Parts that are gone; whoever has missed more is shown everything anew."""


class Change(NamedTuple, Generic[_T]):
    """What somebody must be told who was last told of a former version.

    Attributes:
        all: forget everything that was told before: ``new`` is all there is.
        gone: parts to be taken away, before anything else.
        new: parts that were not there, in their order.
        other: parts that were there, and are other than they were.
    """

    all: bool
    gone: list[str]
    new: dict[str, _T]
    other: dict[str, _T]

    def __bool__(self) -> bool:
        """Whether there is anything to tell."""
        return self.all or bool(self.gone or self.new or self.other)


class _Part(NamedTuple, Generic[_T]):
    born: int
    changed: int
    shown: _T


class Parts(Generic[_T]):
    """Parts by name, in the order in which they came; all that is put at one time is one version.

    Always holds:
        - whoever does with what they have what ``since`` says has what is there now, whatever they have missed;
        - nothing that is as it was is told again.

    Attributes:
        version: grows with each change.
    """

    def __init__(self) -> None:
        self.version = 0
        self._parts: dict[str, _Part[_T]] = {}
        self._gone: dict[str, tuple[int, int]] = {}
        self._oldest = 0

    def __len__(self) -> int:
        """Parts that are there."""
        return len(self._parts)

    def shown(self) -> dict[str, _T]:
        """All that is there, in its order."""
        return {name: part.shown for name, part in self._parts.items()}

    def put(self, parts: Mapping[str, _T], gone: Iterable[str] = ()) -> bool:
        """Put parts in the place of those of the same names, and take others away.

        Returns:
            Whether anything is other than it was.
        """
        version = self.version + 1
        for name in gone:
            if (part := self._parts.pop(name, None)) is not None:
                # It may have gone before: whoever had it then must be told as well.
                born, _ = self._gone.pop(name, (part.born, 0))
                self._gone[name] = born, version
                self.version = version
        for name, shown in parts.items():
            former = self._parts.get(name)
            if former is None or former.shown != shown:
                born = version if former is None else former.born
                self._parts[name] = _Part(born, version, shown)
                self.version = version
        while len(self._gone) > _REMEMBERED:
            _, self._oldest = self._gone.pop(next(iter(self._gone)))
        return self.version == version

    def since(self, version: int) -> Change[_T]:
        """What has changed since a version; everything for whoever knows none (-1), or one that is too old."""
        if not self._oldest <= version <= self.version:
            return Change(True, [], self.shown(), {})
        gone = [n for n, (born, at) in self._gone.items() if born <= version < at]
        new = {n: p.shown for n, p in self._parts.items() if p.born > version}
        other = {n: p.shown for n, p in self._parts.items() if p.born <= version < p.changed}
        return Change(False, gone, new, other)
