"""``jupyterhub-edu usage``: what was used, as a table, for a spreadsheet, or for programs."""

from __future__ import annotations

import asyncio
import csv
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jupyterhub_edu import campus
from jupyterhub_edu.campus import CampusError
from jupyterhub_edu.domain.allowances import GPU_HOUR, gpu_hours
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.usage import By, UsageQuery
from jupyterhub_edu.identity import SOURCE_TYPES
from jupyterhub_edu.ports import StoreError

from .check import print_mistakes
from .hub import HubSaysNo, ask_hub, is_a_hub_named
from .output import BAD, DIM, GOOD, HEAD, Format, printable, say, say_json

__all__ = ["Wish", "recount", "show_usage"]

Told = dict[str, Any]
"""The answer as the REST API gives it."""
_AMOUNTS: Final = ("sessions", "estimated", "waiting_ms", "running_ms", "used", "gpu_hours")
_FORMULA: Final = tuple("=+-@＝＋－＠")
"""With what a spreadsheet takes a cell for something to work out."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked on the command line; text as typed.

    Attributes:
        first, last: days, inclusive.
    """

    course: str | None = None
    person: str | None = None
    first: str | None = None
    last: str | None = None
    by: tuple[By, ...] = (By.COURSE,)


class Impossible(Exception):
    """It cannot be done as asked; the text says what to write."""


def show_usage(file: Path | None, wish: Wish, form: Format) -> bool:
    """Print what was used, and say whether it could be read."""
    try:
        told = asyncio.run(_ask(file, wish))
    except Exception as error:
        return _failed(error)
    match form:
        case Format.JSON:
            say_json(told)
        case Format.CSV:
            _print_csv(told)
        case Format.TABLE:
            _print_table(told)
    return True


def recount(file: Path | None) -> bool:
    """Make the days anew from the sessions that were kept, and say whether it was done."""
    try:
        asyncio.run(_recount(file))
    except Exception as error:
        return _failed(error)
    say(("usage was counted anew from the sessions", GOOD))
    return True


async def _ask(file: Path | None, wish: Wish) -> Told:
    """By the hub that runs, if one is named; else from the store, beside a hub that may run."""
    first, last = _day(wish.first), _day(wish.last)
    if file is None and is_a_hub_named():
        asked = {"course": wish.course, "person": wish.person, "from": first, "until": last}
        given = [(key, value) for key, value in asked.items() if value is not None]
        by = [("by", word.value) for word in wish.by]
        found: Told = await ask_hub("GET", f"usage?{urlencode([*given, *by])}")
        return found
    from jupyterhub_edu.desk.usage import answer_json
    from jupyterhub_edu.preset import offline

    loaded = _load(file)
    async with offline(loaded, read_only=True) as world:
        person = world.roll.by_hub_name(wish.person or "") or world.roll.person(wish.person or "")
        who = person.hub_name if person is not None else wish.person
        course = _course(loaded.campus, wish.course)
        query = UsageQuery(frozenset(wish.by), first, last, who, course)
        rows = await world.store.load_usage(query)
    if not rows and course is not None and course not in loaded.campus.courses:
        raise Impossible(f"no such course, and nothing was used in it: {course}")
    return answer_json(loaded.campus.zone, query, rows)


async def _recount(file: Path | None) -> None:
    from jupyterhub_edu.preset import offline

    loaded = _load(file)
    async with offline(loaded, read_only=False) as world:
        await world.store.keep_days(loaded.campus.zone, anew=True)


def _load(file: Path | None) -> campus.Loaded:
    if file is None:
        raise Impossible(
            "name the campus file with --campus, or a running hub with JUPYTERHUB_API_URL and JUPYTERHUB_API_TOKEN"
        )
    return campus.load(file, SOURCE_TYPES, need_secrets=False)


def _course(found: Campus, name: str | None) -> str | None:
    """A course by its id, key or code; one that is no longer in the file by the id that it had."""
    if name is None or name in found.courses:
        return name
    named = found.course_index.get(name.casefold(), ())
    return named[0].id if len(named) == 1 else name


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise Impossible(f"no such day: {text}; write for example 2026-10-01") from None


def _failed(error: Exception) -> bool:
    """Say what went wrong in words; what nobody foresaw is raised again."""
    if isinstance(error, CampusError):
        print_mistakes(error.mistakes)
    elif isinstance(error, HubSaysNo | Impossible | StoreError):
        say((str(error), BAD), error=True)
    else:
        raise error
    return False


# -- in print ------------------------------------------------------------------------------------------------------


def _print_csv(told: Told) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*told["by"], *_AMOUNTS])
    for row in told["rows"]:
        writer.writerow(
            [*(_cell(row[word]) for word in told["by"]), *(row[name] for name in _AMOUNTS)]
        )


def _cell(text: str) -> str:
    """Text of one line that no spreadsheet takes for a formula."""
    line = printable(text)
    return f"'{line}" if line.startswith(_FORMULA) else line


def _print_table(told: Told) -> None:
    if not told["rows"]:
        say(("nothing was used", DIM))
        return
    head = [*told["by"], "sessions", "hours", "GPU hours"]
    lines = [[*(row[word] for word in told["by"]), *_shown(row)] for row in told["rows"]]
    wide = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    words = len(told["by"])
    say((_line(head, wide, words), HEAD))
    for line in lines:
        say(_line(line, wide, words))
    estimated = sum(row["estimated"] for row in told["rows"])
    if estimated:
        say((f"the ends of {estimated} of the sessions were not seen and are estimated", DIM))


def _shown(row: Told) -> tuple[str, str, str]:
    hours = gpu_hours(row["running_ms"] * (GPU_HOUR // 3_600_000))
    return str(row["sessions"]), hours, gpu_hours(row["used"])


def _line(cells: list[str], wide: list[int], words: int) -> str:
    """Words to the left, numbers to the right."""
    shown = [
        cell.ljust(width) if at < words else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(cells, wide, strict=True))
    ]
    return "  ".join(shown).rstrip()
