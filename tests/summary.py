"""A table at the end of the run: what was shown of each identity source, and against what.

Tests say what they show by the marker ``shows("roles", ...)``, and note under the property ``source`` which source it was
and what stood behind it. A cell holds how many rows passed, of how many.
"""

from collections import defaultdict

import pytest

ASPECTS = ("login", "roles", "courses", "refresh", "revocation", "outage")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", f"shows(aspect): one of {', '.join(ASPECTS)}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note what the test shows where the table can see it."""
    if marker := item.get_closest_marker("shows"):
        item.user_properties += [("shows", aspect) for aspect in marker.args]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, if there is anything for it."""
    passed: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    every: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            said = [(name, value) for name, value in report.user_properties]
            if report.when != "call" or "source" not in dict(said):
                continue
            source = dict(said)["source"]
            for aspect in [value for name, value in said if name == "shows"]:
                every[source][aspect] += 1
                passed[source][aspect] += outcome == "passed"
    if not every:
        return
    terminalreporter.section("identity sources: rows passed, of how many")
    width = max(len(name) for name, _ in every) + 2
    head = "".join(f"{aspect:>12}" for aspect in ASPECTS)
    terminalreporter.write_line(f"{'source':<{width}}{head}  against")
    for (name, against), counts in every.items():
        cells = (_cell(passed[name, against][aspect], counts[aspect]) for aspect in ASPECTS)
        terminalreporter.write_line(f"{name:<{width}}{''.join(cells)}  {against}")


def _cell(passed: int, every: int) -> str:
    return f"{f'{passed} of {every}' if every else '-':>12}"
