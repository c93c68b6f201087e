"""Run benchmarks and print one table each: ``python -m benchmarks [NAME ...]``.

A benchmark is a module ``p*.py`` or ``r*.py`` here with a function ``run()`` that returns a mapping: ``name``; ``unit`` of its figures;
``baseline``, what it is compared with, or ``""``; and ``rows``, mappings that become the lines of the table, in which
each key is a column; what begins with ``raw`` is kept but not shown. Without rows, every other figure is a line. Counts
stand before seconds. Everything is written to ``results/`` with the facts of the machine.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
RESULTS = HERE / "results"
_PACKAGES = ("jupyterhub", "jupyterhub-kubespawner", "jupyterhub-ldapauthenticator", "ldap3")


def find(names: Sequence[str]) -> list[str]:
    """The modules whose names hold one of these words; all of them for none."""
    known = sorted(path.stem for path in HERE.glob("[pr][0-9]*.py"))
    found = [module for module in known if not names or any(name in module for name in names)]
    if not found:
        sys.exit(f"no such benchmark: {' '.join(names)}; there are {', '.join(known)}")
    return found


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    model = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": model[0] if model else platform.machine(),
        "processors": os.cpu_count(),
        "load": os.getloadavg(),
        "commit": _commit(),
        "packages": {package: version(package) for package in _PACKAGES},
    }


def _commit() -> str:
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip()


def show(result: Mapping[str, Any], console: Console) -> None:
    """Print one result as a table; whatever columns its rows have."""
    rows: Sequence[Mapping[str, Any]] = result.get("rows") or list(_figures(result))
    columns = dict.fromkeys(key for row in rows for key in row if not key.startswith("raw"))
    against = f", against {result['baseline']}" if result.get("baseline") else ""
    unit = f" ({result['unit']})" if result.get("unit") else ""
    console.print(f"{result.get('name', '?')}{unit}{against}", style="bold", highlight=False)
    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        is_text = all(isinstance(row.get(column, ""), str) for row in rows)
        table.add_column(column, justify="left" if is_text else "right")
    for row in rows:
        table.add_row(*(_cell(row.get(column, "")) for column in columns))
    console.print(table)


def _figures(result: Mapping[str, Any], place: str = "") -> Iterator[Mapping[str, Any]]:
    """Single figures as rows, for a benchmark without rows."""
    for key, value in result.items():
        if isinstance(value, Mapping):
            yield from _figures(value, f"{place}{key}.")
        elif key not in {"name", "unit", "baseline", "rows"}:
            yield {"what": f"{place}{key}".replace("_", " "), "value": value}


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"
    return "-".join(map(_cell, value)) if isinstance(value, list | tuple) else str(value)


def main() -> None:
    names = sys.argv[1:]
    facts = machine()
    console = Console(width=None if sys.stdout.isatty() else 160)
    RESULTS.mkdir(exist_ok=True)
    busy = facts["load"][0]
    console.print(f"{facts['processor']}, Python {facts['python']}, load {busy:.1f}")
    for module in find(names):
        console.print(f"-> {module}", style="dim")
        result = {"name": module, **importlib.import_module(f"benchmarks.{module}").run()}
        stamp = facts["at"].replace(":", "").replace("+0000", "Z")
        path = RESULTS / f"{module}-{stamp}.json"
        path.write_text(json.dumps({"machine": facts, **result}, indent=1, default=str))
        show(result, console)


if __name__ == "__main__":
    main()
