"""Who is kept out of which course by hand, whatever any origin says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from jupyterhub_edu.domain.people import Enrolment, Exclusion
from jupyterhub_edu.ports import Store

from .by_course import ByCourse

__all__ = ["Exclusions"]


class Exclusions(ByCourse[Exclusion]):
    """Exclusions of all courses, in memory, as the store has them: whoever changes them changes it first."""

    async def load(self, store: Store) -> None:
        """Read the store."""
        for exclusion in await store.load_exclusions():
            self.note(exclusion)

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
