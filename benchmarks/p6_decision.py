"""P6: one decision with all its reasons. Goal: half within 10 µs, 99 % within 50 µs, the same at any size of campus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from itertools import cycle, islice
from typing import Any

from jupyterhub_edu.core.book import Book
from jupyterhub_edu.domain.decide import StartRequest, decide_start

from .campuses import NOW, a_book, a_campus
from .pairs import alternate, percentile, time_each, time_once

_MANY = 3000
_SIZES = {"10 people x 3 courses": (10, 3), "10,000 x 500": (10_000, 500)}
_KINDS = {
    "notebook": "a notebook, allowed",
    "gpu": "a GPU with an option, allowed",
    "refused": "a GPU, refused for four reasons",
    "outsider": "no such course",
}


def run() -> dict[str, Any]:
    """Time both layers on both campuses, then the large campus against the small one."""
    worlds = {name: _world(*size) for name, size in _SIZES.items()}
    _require_meant(worlds)
    rows = [
        _latency(f"{words}, {name}", book, wishes[kind])
        for kind, words in _KINDS.items()
        for name, (book, wishes) in worlds.items()
    ]
    (small, few), (large, many) = worlds.values()
    rows += [
        {
            "what": f"{words}, Book.decide of 10,000 x 500",
            **alternate(partial(_all_of, small, few[kind]), partial(_all_of, large, many[kind])),
        }
        for kind, words in _KINDS.items()
    ]
    return {
        "name": "P6 one decision",
        "unit": "µs of processor time",
        "baseline": "10 people x 3 courses, for the ratios",
        "rows": rows,
    }


_World = tuple[Book, dict[str, list[StartRequest]]]


def _world(people: int, courses: int) -> _World:
    book, found = asyncio.run(a_book(a_campus(courses), people))
    return book, {kind: list(islice(cycle(wishes), _MANY)) for kind, wishes in found.items()}


def _require_meant(worlds: Mapping[str, _World]) -> None:
    """Both campuses give the answers that the rows are named after."""
    for book, wishes in worlds.values():
        assert all(book.decide(wish).allowed for wish in wishes["notebook"] + wishes["gpu"])
        assert {len(book.decide(wish).reasons) for wish in wishes["refused"]} == {4}
        assert {len(book.decide(wish).reasons) for wish in wishes["outsider"]} == {1}


def _latency(words: str, book: Book, wishes: list[StartRequest]) -> dict[str, Any]:
    facts = [book.glance(wish.person, wish.course).facts(wish.profile) for wish in wishes]
    pure: list[Callable[[], object]] = [
        partial(decide_start, wish, known, NOW) for wish, known in zip(wishes, facts, strict=True)
    ]
    whole: list[Callable[[], object]] = [partial(book.decide, wish) for wish in wishes]
    row: dict[str, Any] = {"what": words, "raw": {}}
    for layer, acts in (("decide_start", pure), ("Book.decide", whole)):
        time_each(acts)
        times = row["raw"][layer] = time_each(acts)
        row[f"{layer} p50"] = percentile(times, 50)
        row[f"{layer} p99"] = percentile(times, 99)
    return row


def _all_of(book: Book, wishes: list[StartRequest]) -> float:
    def decide_all() -> None:
        for wish in wishes:
            book.decide(wish)

    return time_once(decide_all) / len(wishes)
