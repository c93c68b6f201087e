"""What there is of somebody in a course at most once, found by person and course."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar, Generic, Protocol, TypeVar

__all__ = ["ByCourse"]


class _One(Protocol):
    """A dataclass about one person in one course, with its author."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def person(self) -> str: ...

    @property
    def course(self) -> str: ...

    @property
    def by(self) -> str: ...


_T = TypeVar("_T", bound=_One)


class ByCourse(Generic[_T]):
    """The one of each person and course, in memory; who has none of it costs nothing."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, _T]] = {}

    def note(self, one: _T) -> None:
        """It holds, in the place of what was there."""
        self._of.setdefault(one.person, {})[one.course] = one

    def drop(self, person: str, course: str) -> None:
        """It holds no longer; nothing happens if there is none."""
        own = self._of.get(person, {})
        if own.pop(course, None) is not None and not own:
            del self._of[person]

    def find(self, keys: Iterable[str], course: str) -> list[_T]:
        """Those of these keys in one course."""
        return [
            one
            for key in keys
            if key in self._of and (one := self._of[key].get(course)) is not None
        ]

    def in_course(self, course: str) -> list[_T]:
        """Those of everybody in one course."""
        return [own[course] for own in self._of.values() if course in own]

    def forget(self, key: str) -> None:
        """Know nothing of a person any more; ``store.erase`` has made it so for good."""
        self._of.pop(key, None)

    def rename_author(self, name: str, stand_in: str) -> None:
        """Put a stand-in for an author."""
        for own in self._of.values():
            for course, one in own.items():
                own[course] = replace(one, by=stand_in) if one.by == name else one
