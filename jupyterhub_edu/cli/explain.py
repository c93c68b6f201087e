"""``jupyterhub-edu explain``: the hub's own decision for one person in one course, with every device idle."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from jupyterhub_edu import campus
from jupyterhub_edu.campus import CampusError, Loaded
from jupyterhub_edu.campus.mistakes import did_you_mean
from jupyterhub_edu.core.book import Book
from jupyterhub_edu.core.roll import Roll
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.decide import Decision, StartRequest
from jupyterhub_edu.domain.names import map_username
from jupyterhub_edu.domain.people import MANUAL, CourseRole, Enrolment, Identity, Person
from jupyterhub_edu.domain.profiles import Profile
from jupyterhub_edu.identity import SOURCE_TYPES
from jupyterhub_edu.identity.roster import RosterFileSource, RosterSettings
from jupyterhub_edu.inventory.counted import CountedInventory
from jupyterhub_edu.ports import Clock, Unavailable, utc_now
from jupyterhub_edu.store.memory import MemoryStore

from .check import print_mistakes
from .output import BAD, say, say_json
from .story import Answer, Explained, print_story, to_json

__all__ = ["Question", "explain", "explain_file"]

_PLENTY: Final = 10_000
"""Devices of a flavor without ``count``: only the running cluster knows how many there are."""


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked on the command line; text as typed."""

    person: str
    course: str
    profile: str | None = None
    at: str | None = None
    course_role: str | None = None
    options: tuple[str, ...] = ()


class Unanswerable(Exception):
    """The question names something that does not exist; the text says what does."""


def explain_file(path: Path, question: Question, *, as_json: bool) -> bool:
    """Load a file, answer the question in print, and say whether it could be answered."""
    try:
        loaded = campus.load(path, SOURCE_TYPES, need_secrets=False)
        explained = asyncio.run(explain(loaded, question))
    except CampusError as error:
        if as_json:
            say_json({"error": str(error)})
        else:
            print_mistakes(error.mistakes)
        return False
    except Unanswerable as error:
        if as_json:
            say_json({"error": str(error)})
        else:
            say((str(error), BAD), error=True)
        return False
    if as_json:
        say_json(to_json(explained))
    else:
        print_story(explained)
    return True


async def explain(loaded: Loaded, question: Question) -> Explained:
    """Answer by the functions that the hub uses, on an empty book.

    Raises:
        Unanswerable: the question names something that does not exist.
    """
    found = loaded.campus
    at = _parse_time(question.at, found.zone) if question.at else utc_now()
    course = _find_course(found, question.course)
    profiles = _find_profiles(found, question.profile)
    options = dict(_parse_option(text) for text in question.options)
    identity = await _identify(loaded, question, lambda: at)
    store = MemoryStore()
    roll = Roll(lambda: found, store)
    person = await roll.learn(identity, map_username(identity.login) or identity.login)
    if question.course_role is not None:
        role = _find_role(question.course_role)
        await roll.add_manual(Enrolment(person.key, course.id, role, MANUAL))
    inventory = CountedInventory(
        {
            key: flavor if flavor.count is not None else replace(flavor, count=_PLENTY)
            for key, flavor in found.flavors.items()
        }
    )
    book = Book(lambda: found, roll, store, inventory, lambda: at)

    def decide(profile: Profile, chosen: Mapping[str, str]) -> Decision:
        return book.decide(StartRequest(person.key, course.id, profile.key, chosen))

    answers = tuple(
        Answer(
            profile,
            decide(profile, options),
            {
                (option.key, choice): decide(profile, {option.key: choice})
                for option in profile.options.values()
                for choice in option.choices
            },
        )
        for profile in profiles
    )
    enrolments = roll.enrolments_in(person, course.id)
    return Explained(found, course, person, at, enrolments, answers)


async def _identify(loaded: Loaded, question: Question, clock: Clock) -> Identity:
    """Who it is: from the roster, which needs no connection; else as named, with no external groups."""
    sources = loaded.campus.sources
    source, colon, login = question.person.partition(":")
    if not colon and len(sources) == 1:
        source, login = next(iter(sources)), question.person
    if not login:
        raise Unanswerable(
            f"--person {question.person}: write SOURCE:LOGIN; {did_you_mean(source, sources)}"
        )
    if source not in sources:
        raise Unanswerable(f"no such source: {source}; {did_you_mean(source, sources)}")
    settings = loaded.sources[source]
    if not isinstance(settings, RosterSettings):
        return Identity(source, login, login, login, clock())
    roster = RosterFileSource(source, settings, clock)
    try:
        nobody = Person("", "", source, login, login, login, None, True, clock())
        answer = await roster.reread(nobody)
    finally:
        await roster.close()
    if not isinstance(answer, Identity):
        silent = isinstance(answer, Unavailable)
        raise Unanswerable(answer.why if silent else f"{source} does not know {login}")
    return answer


def _find_course(found: Campus, text: str) -> Course:
    if text in found.courses:
        return found.courses[text]
    named = found.course_index.get(text.casefold(), ())
    if len(named) == 1:
        return named[0]
    if named:
        keys = ", ".join(course.key for course in named)
        raise Unanswerable(f"{text} means several courses; name one by its key: {keys}")
    raise Unanswerable(
        f"no such course: {text}; {did_you_mean(text, [c.key for c in found.courses.values()])}"
    )


def _find_profiles(found: Campus, text: str | None) -> list[Profile]:
    if text is None:
        return list(found.profiles.values())
    if text not in found.profiles:
        raise Unanswerable(f"no such profile: {text}; {did_you_mean(text, found.profiles)}")
    return [found.profiles[text]]


def _find_role(text: str) -> CourseRole:
    words = {str(role): role for role in CourseRole}
    if text not in words:
        raise Unanswerable(f"no such course role: {text}; {did_you_mean(text, words)}")
    return words[text]


def _parse_option(text: str) -> tuple[str, str]:
    key, equals, choice = text.partition("=")
    if not equals or not key:
        raise Unanswerable(f"--option {text}: write KEY=CHOICE")
    return key, choice


def _parse_time(text: str, zone: ZoneInfo) -> datetime:
    """An instant; without offset it is local time on the campus."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Unanswerable(f"--at {text}: write for example 2026-10-01T10:15") from None
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
