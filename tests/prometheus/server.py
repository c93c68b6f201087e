"""A real Prometheus on loopback: its own folder, stopped by its id, gone with the test's process.

Its past can be given to it, as ``promtool`` writes it, so that nothing waits for time to pass.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.directories.process import ServerProcess, free_port
from tests.no_tls import NO_TLS

__all__ = ["Prometheus", "find_prometheus", "lint"]

_WITHIN = 120.0


def find_prometheus() -> tuple[str, str] | None:
    """Answer where ``prometheus`` and ``promtool`` are, or None."""
    server, tool = shutil.which("prometheus"), shutil.which("promtool")
    return (server, tool) if server and tool else None


def lint(page: bytes) -> list[str]:
    """What promtool finds wrong with a page of metrics."""
    found = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, check=False
    )
    return [*found.stdout.decode().splitlines(), *found.stderr.decode().splitlines()]


class Prometheus:
    """A server that reads its targets every two seconds.

    Args:
        jobs: ``scrape_configs`` of its configuration.
        past: what it knows from before its start, in OpenMetrics; empty: nothing.
        settings: more of the configuration.
    """

    def __init__(self, jobs: Sequence[Mapping[str, Any]], past: str = "", **settings: Any) -> None:
        self.process = ServerProcess("prometheus")
        self.place = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self.place}"
        self._jobs, self._past, self._settings = jobs, past, settings

    def start(self) -> None:
        """Start it, and wait until it has asked every target once."""
        config = {
            "global": {"scrape_interval": "2s", "scrape_timeout": "2s"},
            "scrape_configs": self._jobs,
            **self._settings,
        }
        folder = self.process.folder
        (folder / "prometheus.yml").write_text(json.dumps(config))  # YAML reads JSON
        if self._past:
            self._write_past(folder / "past.txt", folder / "data")
        command = [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={self.place}",
        ]
        self.process.launch(command, self._is_ready)
        # It looks for targets five seconds after it is ready.
        self.wait_for(lambda: len(self.targets()) == len(self._jobs) and not self._unasked())

    def stop(self) -> None:
        """Stop it and remove its folder."""
        self.process.remove()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Return when the condition holds."""
        end = time.monotonic() + _WITHIN
        while not condition():
            assert time.monotonic() < end, f"{self.targets()}\n{self.log()}"
            time.sleep(0.1)

    def targets(self) -> dict[str, Any]:
        """What it says of each target, by the job's name."""
        active = self.ask("targets")["activeTargets"]
        return {target["labels"]["job"]: target for target in active}

    def query(self, promql: str) -> list[tuple[dict[str, str], float]]:
        """The samples of an instant query: labels and value."""
        found = self.ask("query", query=promql)
        assert found["resultType"] == "vector", promql
        return [(sample["metric"], float(sample["value"][1])) for sample in found["result"]]

    def ask(self, path: str, **params: str) -> Any:
        """The data of an answer of the HTTP API."""
        reply = httpx.get(f"{self.url}/api/v1/{path}", params=params, timeout=60, verify=NO_TLS)
        assert reply.status_code == 200, reply.text
        return reply.json()["data"]

    def log(self) -> str:
        """All that it has said."""
        return (self.process.folder / "log").read_text(errors="replace")

    def complaints(self) -> list[str]:
        """What it has said in warning."""
        told = self.log().lower().splitlines()
        return [line for line in told if "level=warn" in line or "level=error" in line]

    def _unasked(self) -> bool:
        return any(target["health"] == "unknown" for target in self.targets().values())

    def _is_ready(self) -> bool:
        try:
            reply = httpx.get(f"{self.url}/-/ready", timeout=10, verify=NO_TLS)
        except httpx.HTTPError:
            return False
        return reply.status_code == 200

    def _write_past(self, text: Path, data: Path) -> None:
        text.write_text(self._past)
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), str(data)]
        subprocess.run(command, check=True, capture_output=True)
