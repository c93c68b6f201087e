"""Who is kept out of which course by hand, whatever any origin says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from jupyterhub_edu.domain.people import Enrolment, Exclusion
from jupyterhub_edu.ports import Store

__all__ = ["Exclusions"]


class Exclusions:
    """Exclusions of all courses, in memory and in the store.

    Args:
        changed: told the key of everybody for whom something changed.
    """

    def __init__(self, store: Store, changed: Callable[[str], None]) -> None:
        self._store, self._changed = store, changed
        self._of: dict[str, dict[str, Exclusion]] = {}

    async def load(self) -> None:
        """Read the store."""
        for exclusion in await self._store.load_exclusions():
            self._of.setdefault(exclusion.person, {})[exclusion.course] = exclusion

    def note(self, exclusion: Exclusion, *, there: bool) -> None:
        """It holds, or no longer; the store has it so, and others are told."""
        if there:
            self._of.setdefault(exclusion.person, {})[exclusion.course] = exclusion
        else:
            self._drop(exclusion.person, exclusion.course)

    def _drop(self, person: str, course: str) -> None:
        excluded = self._of.get(person, {})
        if excluded.pop(course, None) is not None and not excluded:
            del self._of[person]

    def in_course(self, course: str) -> list[Exclusion]:
        """Who is kept out of a course."""
        return [own[course] for own in self._of.values() if course in own]

    def of(self, keys: Iterable[str]) -> list[Exclusion]:
        """Every exclusion of these keys."""
        return [one for key in keys for one in self._of.get(key, {}).values()]

    def without(self, enrolments: list[Enrolment], keys: Iterable[str]) -> list[Enrolment]:
        """Enrolments as these keys' exclusions leave them: none of their courses, or none before the exclusion's end."""
        exclusions = {one.course: one for one in self.of(keys)}
        if not exclusions:
            return enrolments
        left: list[Enrolment] = []
        for enrolment in enrolments:
            exclusion = exclusions.get(enrolment.course)
            if exclusion is None:
                left.append(enrolment)
            elif exclusion.until is not None:
                starts = max(enrolment.starts or exclusion.until, exclusion.until)
                left.append(replace(enrolment, starts=starts))
        return left

    def forget(self, key: str) -> None:
        """Take away the exclusions of a person."""
        self._of.pop(key, None)

    def rename_author(self, name: str, stand_in: str) -> None:
        """Put a stand-in for whoever excluded people."""
        for own in self._of.values():
            for course, one in own.items():
                own[course] = replace(one, by=stand_in) if one.by == name else one
