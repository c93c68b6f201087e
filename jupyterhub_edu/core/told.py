"""Enrolments in memory, as each origin told them, found by person and by course."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from jupyterhub_edu.domain.people import CourseRole, Enrolment

__all__ = ["PersonalAnswer", "Told"]


@dataclass(frozen=True, slots=True)
class PersonalAnswer:
    """When a source last answered about one person, and about which courses.

    Attributes:
        covers: the courses of which the answer spoke; None: of all.
        by_rules: course ids and roles that external groups gave, of which no roster speaks.
    """

    at: datetime
    covers: frozenset[str] | None
    by_rules: frozenset[tuple[str, CourseRole]] = frozenset()

    def speaks_of(self, course: str) -> bool:
        """Whether the answer was about this course too."""
        return self.covers is None or course in self.covers


class Told:
    """Enrolments of every origin but the campus file.

    Always holds:
        - replacing what an origin said of one person or one course costs what that person or course has;
        - of a person's answer and a roster that contradict each other, the newer one counts.
    """

    def __init__(self) -> None:
        self._of: dict[str, tuple[Enrolment, ...]] = {}
        self._keys: dict[tuple[str, str], set[str]] = {}
        self._answers: dict[str, PersonalAnswer] = {}
        self.rosters: dict[tuple[str, str], datetime] = {}
        """When the roster of an origin and a course was last complete."""

    def of(self, key: str) -> tuple[Enrolment, ...]:
        """Everything that is told of one person."""
        return self._of.get(key, ())

    def answer(self, key: str) -> PersonalAnswer | None:
        """The source's last answer about one person since the hub started."""
        return self._answers.get(key)

    def keys(self, origin: str, course: str) -> set[str]:
        """Keys of the people whom an origin has in a course; not to be changed."""
        return self._keys.get((origin, course), set())

    def keys_in(self, course: str) -> set[str]:
        """Keys of the people whom any origin has in a course."""
        return {key for (_, of), keys in self._keys.items() if of == course for key in keys}

    def add(self, enrolment: Enrolment) -> None:
        """Add an enrolment in the place of one of the same person, course, role and origin."""
        kept = [e for e in self.of(enrolment.person) if _same(e) != _same(enrolment)]
        self._put(enrolment.person, (*kept, enrolment))

    def remove(self, enrolment: Enrolment) -> None:
        """Take an enrolment away, by person, course, role and origin."""
        kept = [e for e in self.of(enrolment.person) if _same(e) != _same(enrolment)]
        self._put(enrolment.person, tuple(kept))

    def forget(self, key: str) -> None:
        """Take away everything that is known of one person."""
        self._put(key, ())
        self._answers.pop(key, None)

    def rename_author(self, name: str, stand_in: str) -> None:
        """Put a stand-in for whoever added enrolments by hand."""
        for key, enrolments in self._of.items():
            if any(e.by == name for e in enrolments):
                self._of[key] = tuple(
                    replace(e, by=stand_in) if e.by == name else e for e in enrolments
                )

    def take_answer(
        self, key: str, origin: str, said: Iterable[Enrolment], answer: PersonalAnswer
    ) -> tuple[Enrolment, ...]:
        """Take in what a source said about one person.

        Returns:
            All that this origin now says of the person.
        """
        heard = {
            (e.course, e.role): e
            for e in said
            if not self._is_newer(origin, e.course, answer.at)
            or (e.course, e.role) in answer.by_rules
        }
        for e in self.of(key):
            if e.origin == origin and self._stands(e, answer):
                heard.setdefault((e.course, e.role), e)
        self._answers[key] = answer
        others = (e for e in self.of(key) if e.origin != origin)
        self._put(key, (*others, *heard.values()))
        return tuple(heard.values())

    def after_roster(
        self, key: str, origin: str, course: str, said: Iterable[Enrolment], at: datetime
    ) -> tuple[Enrolment, ...]:
        """What this origin would say of a person in a course once a roster is taken in; changes nothing."""
        former = tuple(e for e in self.of(key) if (e.origin, e.course) == (origin, course))
        answer = self._answers.get(key)
        if answer is None:
            return tuple(said)
        if answer.at > at and answer.speaks_of(course):
            return former
        heard = {e.role: e for e in former if (course, e.role) in answer.by_rules}
        return tuple((heard | {e.role: e for e in said}).values())

    def take_roster_of(
        self, key: str, origin: str, course: str, enrolments: Iterable[Enrolment]
    ) -> None:
        """Put these in the place of all that an origin says of a person in a course."""
        others = (e for e in self.of(key) if (e.origin, e.course) != (origin, course))
        self._put(key, (*others, *enrolments))

    def confirm(self, key: str, origin: str, course: str, former: datetime, at: datetime) -> None:
        """What a roster said of a person in a course at ``former`` is so at a later instant too."""
        answer = self._answers.get(key)
        by_rules = answer.by_rules if answer else ()
        self._of[key] = tuple(
            replace(e, answered_at=at)
            if (e.answered_at, e.course, e.origin) == (former, course, origin)
            and (course, e.role) not in by_rules
            else e
            for e in self.of(key)
        )

    def _stands(self, former: Enrolment, answer: PersonalAnswer) -> bool:
        """Whether an answer takes nothing from what its source said before."""
        return (
            not answer.speaks_of(former.course)
            or (former.course, former.role) in answer.by_rules
            or self._is_newer(former.origin, former.course, answer.at)
        )

    def _is_newer(self, origin: str, course: str, at: datetime) -> bool:
        """Whether a roster of the course is newer than an answer."""
        roster = self.rosters.get((origin, course))
        return roster is not None and roster > at

    def _put(self, key: str, enrolments: tuple[Enrolment, ...]) -> None:
        before = {(e.origin, e.course) for e in self._of.get(key, ())}
        after = {(e.origin, e.course) for e in enrolments}
        for place in before - after:
            keys = self._keys[place]
            keys.discard(key)
            if not keys:
                del self._keys[place]
        for place in after - before:
            self._keys.setdefault(place, set()).add(key)
        if enrolments:
            self._of[key] = enrolments
        else:
            self._of.pop(key, None)


def _same(enrolment: Enrolment) -> tuple[str, CourseRole, str]:
    return enrolment.course, enrolment.role, enrolment.origin
