"""``jupyterhub-edu explain``: the hub's own decision for one person in one course, now, another time, or supposing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jupyterhub_edu import campus
from jupyterhub_edu.campus import CampusError, Loaded
from jupyterhub_edu.campus.mistakes import did_you_mean
from jupyterhub_edu.campus.questions import Asked, Unanswerable, read_question
from jupyterhub_edu.core.book import Book, Consulted
from jupyterhub_edu.core.exams import Exams
from jupyterhub_edu.core.explain import PLENTY, kept_out
from jupyterhub_edu.core.explain import explain as explain_start
from jupyterhub_edu.core.explained import Capacity, Explained, Heard, Knowledge
from jupyterhub_edu.core.finding import Finder, Found, read_typed
from jupyterhub_edu.core.grants import Grants
from jupyterhub_edu.core.ledger import Ledger
from jupyterhub_edu.core.roll import NameTaken, Roll
from jupyterhub_edu.core.spared import Spared
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.names import map_username
from jupyterhub_edu.domain.people import (
    MANUAL,
    CourseRole,
    Enrolment,
    Identity,
    Person,
    person_key,
    source_origin,
)
from jupyterhub_edu.identity import SOURCE_TYPES
from jupyterhub_edu.identity.roster import RosterFileSource, RosterSettings
from jupyterhub_edu.inventory.counted import CountedInventory
from jupyterhub_edu.ports import Clock, HandChanges, Unavailable, utc_now

from .check import print_mistakes
from .hub import HubSaysNo, ask_hub, is_a_hub_named
from .output import BAD, say, say_json
from .remembered import Snapshot, look
from .story import print_story

__all__ = ["Wish", "explain_start_of"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked on the command line; text as typed."""

    person: str
    asked: Asked
    course_role: str | None = None


def explain_start_of(file: Path | None, wish: Wish, *, as_json: bool) -> bool:
    """Answer the question in print, and say whether it could be answered."""
    try:
        told = asyncio.run(_ask(file, wish))
    except (CampusError, Unanswerable, HubSaysNo) as error:
        if as_json:
            say_json({"error": str(error)})
        elif isinstance(error, CampusError):
            print_mistakes(error.mistakes)
        else:
            say((str(error), BAD), error=True)
        return False
    if as_json:
        say_json(told)
    else:
        print_story(told)
    return True


async def _ask(file: Path | None, wish: Wish) -> dict[str, Any]:
    """By the hub that runs, if one is named; else from the store, beside a hub that may run."""
    if file is not None:
        loaded = campus.load(file, SOURCE_TYPES, need_secrets=False)
        return (await explain(loaded, wish)).as_json()
    if not is_a_hub_named():
        raise Unanswerable(
            "name the campus file with --campus, or a running hub with JUPYTERHUB_API_URL and JUPYTERHUB_API_TOKEN"
        )
    if wish.course_role:
        raise Unanswerable("--course-role supposes somebody; ask with --campus")
    asked = wish.asked
    query = {
        "person": wish.person,
        "course": asked.course,
        "profile": asked.profile,
        "at": asked.at,
    }
    lists = (("option", asked.options), ("if_grant", asked.grants), ("if_quota", asked.quotas))
    given = [(key, value) for key, value in query.items() if value is not None]
    given += [(key, value) for key, values in lists for value in values]
    answer: dict[str, Any] = await ask_hub("GET", f"explain?{urlencode(given)}")
    return answer


async def explain(loaded: Loaded, wish: Wish) -> Explained:
    """Answer by the functions that the hub uses, with what the hub's store remembers.

    Raises:
        Unanswerable: the question names something that does not exist.
    """
    found = loaded.campus
    question = read_question(found, wish.asked)
    asked_at, course = utc_now(), question.course
    at = question.at or asked_at
    source, login = _parse_person(found, wish.person)
    given = wish.course_role and _find_role(wish.course_role)
    # A role that is given stands for all that sources say.
    store, why_not = (Snapshot(at), "") if given else await look(loaded, at, course.id)
    roll = Roll(lambda: found, store)
    await roll.load()
    finder = Finder(dict, lambda: found, roll)
    typed = await finder.find(read_typed(person_key(source, login), found.sources))
    key = typed.key if isinstance(typed, Found) else None
    listed = roll.rosters.listed(key) if key else None
    person = await _meet(loaded, roll, source, login, key, at)
    if given:
        put = [Enrolment(person.key, course.id, given, MANUAL)]
        await roll.change_by_hand(HandChanges(put=put))
    knowledge = Knowledge(
        from_store=not (given or why_not),
        why_not=why_not,
        known_as="listed" if listed else "account" if key else "nobody",
        heard_at=store.heard_of(person.key),
        kept_out=kept_out(roll, person, course.id, at),
    )
    book, ledger = await _book(found, roll, store, at)
    # A roster file needs no connection and has just been read.
    now = source_origin(source) if isinstance(loaded.sources[source], RosterSettings) else ""
    return explain_start(
        found,
        question,
        person,
        book,
        ledger.used,
        now=asked_at,
        capacity=Capacity.KEPT if knowledge.from_store else Capacity.IDLE,
        knowledge=knowledge,
        told=[
            Heard(e, None if e.origin == now else store.heard(e))
            for e in roll.enrolments_in(person, course.id)
        ],
    )


async def _book(found: Campus, roll: Roll, store: Snapshot, at: datetime) -> tuple[Book, Ledger]:
    """Sessions, hours, grants and exams that the store knows; of devices it knows no more than ``count``."""
    counted = {
        key: flavor if flavor.count is not None else replace(flavor, count=PLENTY)
        for key, flavor in found.flavors.items()
    }
    spared, grants = Spared(lambda: found, store), Grants(roll, store, lambda: at)
    ledger = Ledger(lambda: found, store, lambda: at, _nothing, spared.between)
    consulted = Consulted(used=ledger.used, extra=spared.spent, grants=grants.reaching)
    book = Book(lambda: found, roll, store, CountedInventory(counted), lambda: at, consulted)
    exams = Exams(lambda: found, roll, book, store, lambda: at)
    book.shares.exams, consulted.sittings = exams, exams.sittings
    for kept in (grants, exams, spared, ledger):
        await kept.load()
    await book.rebuild()
    return book, ledger


async def _nothing() -> None:
    """Nothing is on its way to the store."""


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


def _find_role(text: str) -> CourseRole:
    words = {str(role): role for role in CourseRole}
    if text not in words:
        raise Unanswerable(f"no such course role: {text}; {did_you_mean(text, words)}")
    return words[text]
