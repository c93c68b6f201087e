"""The frame finds, measures and shows; what it measures is nobody's test."""

from __future__ import annotations

import importlib
import io
from typing import Any

import pytest
from rich.console import Console

from benchmarks.__main__ import HERE, find, machine, show
from benchmarks.pairs import alternate, percentile, time_each


def shown(result: dict[str, Any]) -> str:
    out = io.StringIO()
    show(result, Console(file=out, width=160))
    return out.getvalue()


def test_every_benchmark_can_be_run() -> None:
    for module in find([]):
        assert callable(importlib.import_module(f"benchmarks.{module}").run)


def test_a_word_finds_the_modules_that_hold_it() -> None:
    assert find(["decision"]) == ["p6_decision"]


def test_an_unknown_word_names_what_there_is() -> None:
    with pytest.raises(SystemExit, match=r"no such benchmark: speed; there are .*p6_decision"):
        find(["speed"])


def test_rows_are_shown_without_their_raw_figures() -> None:
    rows = [{"what": "here", "ours": 1.23456, "raw": [1, 2]}, {"what": "there", "p99": 7}]
    text = shown({"name": "P0", "unit": "ms", "baseline": "nothing", "rows": rows})
    assert text.startswith("P0 (ms), against nothing")
    assert "1.23 " in text
    assert "raw" not in text


def test_figures_without_rows_are_shown_too() -> None:
    assert "quiet.ratio" in shown({"name": "P0", "quiet": {"ratio": 1.0}})


def test_pairs_alternate_and_the_first_does_not_count() -> None:
    order: list[str] = []

    def side(name: str, value: float) -> float:
        order.append(name)
        return value

    row = alternate(lambda: side("theirs", 2.0), lambda: side("ours", 1.0), pairs=3)
    assert order == ["theirs", "ours"] * 4
    assert (row["baseline"], row["ours"], row["ratio"]) == (2.0, 1.0, 0.5)
    assert len(row["raw"]) == 3


def test_percentiles_are_of_the_sorted_values() -> None:
    assert percentile(list(range(100)), 50) == 50
    assert percentile([1.0], 99) == 1.0


def test_each_call_is_timed_and_they_come_sorted() -> None:
    times = time_each([lambda: sum(range(10_000)), lambda: None])
    assert len(times) == 2
    assert times[0] <= times[1]


def test_results_are_kept_out_of_the_repository() -> None:
    assert "/benchmarks/results/" in (HERE.parent / ".gitignore").read_text()


def test_a_result_says_on_which_machine() -> None:
    assert {"processor", "python", "load", "commit", "packages"} <= machine().keys()
