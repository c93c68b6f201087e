"""What is promised of our metrics: which there are, what their labels may say, and what the documentation asks of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from prometheus_client import CollectorRegistry

from jupyterhub_edu.domain.admissions import Stage
from jupyterhub_edu.domain.decide import EndRule
from jupyterhub_edu.domain.reasons import Code
from jupyterhub_edu.domain.schedule import Period
from jupyterhub_edu.hub.refusals import REFUSALS
from jupyterhub_edu.warden.metrics import CampusMetrics, Metrics
from tests.unit.docs.blocks import ROOT, blocks

__all__ = ["compared", "families", "questions", "scrape_config", "unpromised"]

_REFERENCE: Final = ROOT / "docs/reference/metrics.md"
_COMPARES: Final = re.compile(r"(.*) (?:>|==|unless) .*", re.DOTALL)
_PROMETHEUS_OWN: Final = {"__name__", "instance", "job"}


def families() -> Iterator[tuple[str, str]]:
    """The name and the type of each of our metrics, as Prometheus has them."""
    registry = CollectorRegistry()
    Metrics(registry)
    registry.register(CampusMetrics())
    registry.register(REFUSALS)
    for family in registry.collect():
        yield f"{family.name}{'_total' * (family.type == 'counter')}", family.type


def unpromised(series: Iterable[Mapping[str, str]], campus: Path) -> set[tuple[str, str]]:
    """Labels of ours that name something else than a key of the campus file or a word of a fixed list."""
    file: dict[str, Any] = yaml.safe_load(campus.read_text())
    may_say = {
        "course": set(file["courses"]),
        "estimated": {"true", "false"},
        "flavor": set(file["flavors"]),
        "outcome": {"done", "failed"},
        "period": set(Period),
        "profile": set(file["profiles"]),
        "reason": set(Code),
        "repair": {"row", "stray", "vanished"},
        "rule": set(EndRule),
        "source": set(file["sources"]),
        "stage": set(Stage),
        "timer": set(re.findall(r"`([a-z-]+)`", _REFERENCE.read_text()))
        | {f"rosters-{source}" for source in file["sources"]},
    }
    said = {pair for one in series for pair in one.items() if pair[0] not in _PROMETHEUS_OWN}
    return {(label, value) for label, value in said if value not in may_say.get(label, ())}


def scrape_config() -> dict[str, Any]:
    """How Prometheus reads the hub, as the documentation has it."""
    (block,) = blocks("yaml", "# prometheus.yml")
    (job,) = yaml.safe_load(block.text)["scrape_configs"]
    return dict(job)


def questions(kind: str = "") -> list[str]:
    """The queries of the documentation: ``alarm`` those that give nothing while all is well."""
    head = f"# PromQL: {kind}" if kind else "# PromQL"
    return [block.text for block in blocks("text", head) if block.head == head]


def compared(question: str) -> str:
    """What a query compares with something, which is there whether or not that holds."""
    found = _COMPARES.fullmatch(question.strip())
    return found[1] if found else question
