"""The table at the end of a run counts what passed, of how many."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.summary import pytest_terminal_summary


class Reporter:
    """As much of pytest's terminal as the table needs."""

    def __init__(self, **reports: list[Any]) -> None:
        self.reports = reports
        self.lines: list[str] = []

    def getreports(self, outcome: str) -> list[Any]:
        return self.reports.get(outcome, [])

    def section(self, title: str) -> None:
        self.lines.append(title)

    def write_line(self, line: str) -> None:
        self.lines.append(line)


def report(source: str, *aspects: str, when: str = "call") -> Any:
    said = [("source", (source, f"a real {source}")), *(("shows", one) for one in aspects)]
    return SimpleNamespace(when=when, user_properties=said)


def table(**reports: list[Any]) -> list[str]:
    """The lines below the title, blanks made one."""
    reporter: Any = Reporter(**reports)
    pytest_terminal_summary(reporter)
    return [" ".join(line.split()) for line in reporter.lines[1:]]


def test_a_cell_says_how_many_passed_of_how_many():
    passed = [report("slapd", "login"), report("slapd", "login", "roles")]
    failed = [report("slapd", "roles"), report("Moodle", "outage")]
    head, slapd, moodle = table(passed=passed, failed=failed)

    assert head == "source login roles courses refresh revocation outage against"
    assert slapd == "slapd 2 of 2 1 of 2 - - - - a real slapd"
    assert moodle == "Moodle - - - - - 0 of 1 a real Moodle"


def test_only_the_test_itself_counts():
    assert table(passed=[report("slapd", "login", when="setup")]) == []


def test_a_run_without_sources_has_no_table():
    other = SimpleNamespace(when="call", user_properties=[])
    assert table(passed=[other]) == []
