"""``jupyterhub-edu explain``: the hub's own decision for one person in one course, with every device idle."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from jupyterhub_edu import campus
from jupyterhub_edu.campus import CampusError, Loaded
from jupyterhub_edu.campus.mistakes import did_you_mean
from jupyterhub_edu.core.book import Book
from jupyterhub_edu.core.finding import Finder, Found, read_typed
from jupyterhub_edu.core.roll import NameTaken, Roll
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.decide import Decision, StartRequest
from jupyterhub_edu.domain.names import map_username
from jupyterhub_edu.domain.people import (
    MANUAL,
    CourseRole,
    Enrolment,
    Exclusion,
    Identity,
    Person,
    person_key,
    source_origin,
)
from jupyterhub_edu.domain.profiles import Profile
from jupyterhub_edu.identity import SOURCE_TYPES
from jupyterhub_edu.identity.roster import RosterFileSource, RosterSettings
from jupyterhub_edu.inventory.counted import CountedInventory
from jupyterhub_edu.ports import Clock, Unavailable, utc_now

from .check import print_mistakes
from .output import BAD, say, say_json
from .remembered import Knowledge, Snapshot, look
from .story import Answer, Explained, Heard, print_story, to_json

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
    """Answer by the functions that the hub uses, on an empty book and with what the hub's store remembers.

    Raises:
        Unanswerable: the question names something that does not exist.
    """
    found = loaded.campus
    at = _parse_time(question.at, found.zone) if question.at else utc_now()
    course = _find_course(found, question.course)
    profiles = _find_profiles(found, question.profile)
    options = dict(_parse_option(text) for text in question.options)
    source, login = _parse_person(found, question.person)
    given = question.course_role and _find_role(question.course_role)
    # A role that is given stands for all that sources say.
    store, why_not = (Snapshot(at), "") if given else await look(loaded, at)
    roll = Roll(lambda: found, store)
    await roll.load()
    finder = Finder(dict, lambda: found, roll)
    typed = await finder.find(read_typed(person_key(source, login), found.sources))
    key = typed.key if isinstance(typed, Found) else None
    listed = roll.rosters.listed(key) if key else None
    person = await _meet(loaded, roll, source, login, key, at)
    if given:
        await roll.add_manual(Enrolment(person.key, course.id, given, MANUAL))
    knowledge = Knowledge(
        from_store=not (given or why_not),
        why_not=why_not,
        known_as="listed" if listed else "account" if key else "nobody",
        heard_at=store.heard_of(person.key),
        kept_out=_kept_out(await store.load_exclusions(), roll, person, course, at),
    )
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
    # A roster file needs no connection and has just been read.
    now = source_origin(source) if isinstance(loaded.sources[source], RosterSettings) else ""
    told = [
        Heard(e, None if e.origin == now else store.heard(e))
        for e in roll.enrolments_in(person, course.id)
    ]
    return Explained(found, course, person, at, tuple(told), answers, knowledge)


def _parse_person(found: Campus, text: str) -> tuple[str, str]:
    """Source and login."""
    source, colon, login = text.partition(":")
    if not colon and len(found.sources) == 1:
        source, login = next(iter(found.sources)), text
    if not login:
        raise Unanswerable(
            f"--person {text}: write SOURCE:LOGIN; {did_you_mean(source, found.sources)}"
        )
    if source not in found.sources:
        raise Unanswerable(f"no such source: {source}; {did_you_mean(source, found.sources)}")
    return source, login


async def _meet(
    loaded: Loaded, roll: Roll, source: str, login: str, key: str | None, at: datetime
) -> Person:
    """Take in what can be heard of somebody: a roster file is read; of others the roll knows what the store has.

    Args:
        key: theirs, if the roll knows them.
    """
    known = roll.person(key) if key else None
    settings = loaded.sources[source]
    if isinstance(settings, RosterSettings):
        identity = await _read_roster(source, settings, login, lambda: at)
    elif known is not None and not known.active:
        return known
    else:
        identity = _as_remembered(source, login, key, known, roll, at)
    try:
        return await roll.learn(identity, map_username(identity.login) or identity.login)
    except NameTaken:  # what the hub would do about that, and it changes nothing here
        return await roll.learn(identity, identity.key)


def _as_remembered(
    source: str, login: str, key: str | None, known: Person | None, roll: Roll, at: datetime
) -> Identity:
    """What a source that is not asked would say of who somebody is; of courses nothing, so that what is remembered stays."""
    subject, name = login, login
    if known is not None:
        source, subject, login, name = known.source, known.subject, known.login, known.name
    elif key is not None and (listed := roll.rosters.listed(key)) is not None:
        subject, login, name = key.removeprefix(person_key(source, "")), listed.login, listed.name
    return Identity(source, subject, login, name, at, groups=None, covers=frozenset())


async def _read_roster(
    source: str, settings: RosterSettings, login: str, clock: Clock
) -> Identity:
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


def _kept_out(
    exclusions: Iterable[Exclusion], roll: Roll, person: Person, course: Course, at: datetime
) -> Exclusion | None:
    keys = {one.key for one in roll.identities(person)}
    return next(
        (
            one
            for one in exclusions
            if one.person in keys
            and one.course == course.id
            and (one.until is None or at < one.until)
        ),
        None,
    )


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
