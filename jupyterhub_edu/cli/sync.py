"""``jupyterhub-edu sync``: read whole rosters now, and say what changed as people would read it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from jupyterhub_edu import campus
from jupyterhub_edu.campus import CampusError
from jupyterhub_edu.identity import SOURCE_TYPES
from jupyterhub_edu.ports import StoreError

from .check import print_mistakes
from .hub import HubSaysNo, ask_hub, is_a_hub_named
from .output import BAD, DIM, GOOD, HEAD, NOTE, say, say_json

__all__ = ["Wish", "sync"]

_ONLY_THE_HUB: Final = (
    "only a hub that runs can open what it remembers of this source; ask it with JUPYTERHUB_API_URL "
    "and JUPYTERHUB_API_TOKEN"
)
Told = dict[str, Any]
"""One source's answer, as the REST API gives it, with its id as ``source``."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked on the command line; text as typed."""

    source: str | None = None
    course: str | None = None
    dry_run: bool = False
    accept: bool = False


class Impossible(Exception):
    """It cannot be done as asked; the text says what to write."""


def sync(file: Path | None, wish: Wish, *, as_json: bool) -> bool:
    """Sync, print what changed, and say whether all was read and nothing is held."""
    try:
        if wish.accept and (wish.dry_run or not (wish.source and wish.course)):
            raise Impossible("--accept needs --source and --course, and goes without --dry-run")
        told = asyncio.run(_ask(file, wish))
    except CampusError as error:
        print_mistakes(error.mistakes)
        return False
    except (HubSaysNo, Impossible, StoreError) as error:
        say((str(error), BAD), error=True)
        return False
    if as_json:
        say_json({"sources": told})
    else:
        for one in told:
            _print(one, dry=wish.dry_run)
    courses = [course for one in told for course in one["courses"]]
    return not any([*(one["error"] for one in told), *(c["error"] or c["held"] for c in courses)])


async def _ask(file: Path | None, wish: Wish) -> list[Told]:
    """By the hub that runs, if one is named; a dry run with a campus file needs none."""
    if is_a_hub_named() and not (wish.dry_run and file):
        return await _by_hub(wish)
    if file is None:
        raise Impossible(
            "Name the campus file with --campus, or a running hub with JUPYTERHUB_API_URL and JUPYTERHUB_API_TOKEN."
        )
    return await _by_ourselves(file, wish)


async def _by_hub(wish: Wish) -> list[Told]:
    known = await ask_hub("GET", "sources")
    body: Told = {"dry_run": wish.dry_run, "accept": wish.accept}
    if wish.course is not None:
        body |= {"course": wish.course}
    return [
        {"source": id, **await ask_hub("POST", f"sources/{quote(id, safe='')}/sync", body)}
        for id in _chosen([one["id"] for one in known if one["rosters"] is not None], wish)
    ]


async def _by_ourselves(file: Path, wish: Wish) -> list[Told]:
    from jupyterhub_edu.desk.sources import sync_json
    from jupyterhub_edu.preset import offline

    loaded = campus.load(file, SOURCE_TYPES)
    course = _course(loaded, wish.course)
    told: list[Told] = []
    async with offline(loaded, read_only=wish.dry_run) as world:
        told += [
            {"source": id, "error": _ONLY_THE_HUB, "courses": []}
            for id in world.left_out
            if wish.source in {None, id}
        ]
        here = [source.id for source in world.syncer.sources()]
        for id in _chosen([*here, *world.left_out], wish):
            if id in world.left_out:
                continue
            states = await world.syncer.run(id, course, accept=wish.accept, dry=wish.dry_run)
            error = world.syncer.state(id).error
            told.append({"source": id, "error": error, "courses": [*map(sync_json, states)]})
    return told


def _chosen(with_rosters: list[str], wish: Wish) -> list[str]:
    if wish.source is not None and wish.source not in with_rosters:
        names = ", ".join(with_rosters) or "none of them has any"
        raise Impossible(f"{wish.source} has no rosters; sources with rosters: {names}")
    return [wish.source] if wish.source else with_rosters


def _course(loaded: campus.Loaded, name: str | None) -> str | None:
    if name is None or name in loaded.campus.courses:
        return name
    named = loaded.campus.course_index.get(name.casefold(), ())
    if len(named) != 1:
        raise Impossible(f"no such course, or not one alone: {name}")
    return named[0].id


# -- for people ----------------------------------------------------------------------------------------------------


def _print(told: Told, *, dry: bool) -> None:
    source = told["source"]
    if told["error"]:
        say((f"{source}: ", HEAD), ("not read: ", BAD), told["error"])
    elif not told["courses"]:
        none = "none of its courses is one of the campus file, or those have ended"
        say((f"{source}: ", HEAD), f"{none}; look at the source's `courses`")
    for course in told["courses"]:
        _print_course(source, course, dry=dry)


def _print_course(source: str, course: Told, *, dry: bool) -> None:
    name = (f"{source} {course['course']}: ", HEAD)
    moves = {kind: course.get(kind, []) for kind in ("added", "gone", "changed")}
    if course["error"]:
        say(name, ("not read: ", BAD), course["error"])
        return
    if not any(moves.values()):
        say(name, ("nothing changed" if not dry else "nothing would change", DIM))
        return
    counts = ", ".join(f"{len(found)} {kind}" for kind, found in moves.items() if found)
    say(name, ("would be " if dry or course["held"] else "", DIM), counts)
    for sign, style, kind in (("+", GOOD, "added"), ("-", BAD, "gone"), ("~", NOTE, "changed")):
        for move in moves[kind]:
            say((f"{sign} ", style), _move(move), indent=2)
    if course["held"]:
        say(
            (f"held: it would lose {course['would_lose']} of {course['people']} people. ", BAD),
            f"If that is right: jupyterhub-edu sync --source {source} --course {course['course']} --accept",
            indent=2,
        )


def _move(move: Told) -> str:
    before, after = _standing(move["before"]), _standing(move["after"])
    who = f"{move['login']} ({move['name']})" if move["name"] else move["login"]
    return f"{who}: {f'{before} -> {after}' if before and after else before or after}"


def _standing(roles: list[Told]) -> str:
    return " and ".join(
        f"{one['role']} in {', '.join(one['sections'])}" if one["sections"] else str(one["role"])
        for one in roles
    )
