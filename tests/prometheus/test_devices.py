"""What a real Prometheus answers about the devices of sessions, and which session it lets end.

Each session's kernels have done nothing for an hour; its devices alone decide. The past of twelve minutes and more is written as
``promtool`` writes it; what is told now is read from exporters.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import pytest
import yaml

from jupyterhub_edu.domain.decide import EndRule
from jupyterhub_edu.domain.idle import Look, judge
from jupyterhub_edu.inventory import USUAL_QUERY, MeasuredDevices
from tests.directories.process import free_port
from tests.prometheus.exporter import BLANK, ENGINE, UTIL, FakeExporter, Told, page, past
from tests.prometheus.promises import questions
from tests.prometheus.server import Prometheus
from tests.unit.docs.blocks import blocks

IDLE_AFTER: Final = timedelta(minutes=10)
EXPORTERS: Final = ("honored", "renamed", "second")
"""``renamed`` is read without ``honor_labels``, as the charts of the exporter do unless they are told."""


def idle(ago: float) -> float:
    return 0


def busy(ago: float) -> float:
    return 97


def slightly(ago: float) -> float:
    return 0.004


def worked_once(ago: float) -> float:
    return 41 if 4 < ago < 5 else 0


def worked_long_ago(ago: float) -> float:
    return 97 if ago > 18 else 0


def only(*, since: float = 99, until: float = 0, but: tuple[float, float] = (0, 0)) -> Any:
    """Idle, and told only in this span of minutes ago, but for a gap."""

    def use(ago: float) -> float | None:
        return 0 if until <= ago <= since and not but[0] > ago > but[1] else None

    return use


class Row(NamedTuple):
    """What is told of one pod's devices, and what is known of its work: True, False or None."""

    known: bool | None
    told: tuple[Told, ...]


def row(known: bool | None, *told: Told) -> Row:
    return Row(known, told)


ROWS: Final[Mapping[str, Row]] = {
    "a device at work": row(True, Told(busy)),
    "a device that is idle": row(False, Told(idle)),
    "a device that worked for a moment within the time": row(True, Told(worked_once)),
    "a device that worked before that": row(False, Told(worked_long_ago)),
    "a device that nobody tells of": row(None),
    "a pod that has just begun, idle": row(None, Told(only(since=0))),
    "a pod that has just begun, at work": row(True, Told(lambda ago: None if ago else 3)),
    "a pod that began within the time": row(None, Told(only(since=7))),
    "a series that has ended": row(None, Told(only(until=8))),
    "an exporter that was away for three minutes": row(False, Told(only(but=(7, 4)))),
    "a Prometheus that was away for eight": row(None, Told(only(but=(9.5, 1.5)))),
    "two devices, one at work": row(True, Told(idle), Told(busy, gpu=1)),
    "two devices, one of which nothing was told for long": row(
        False, Told(idle), Told(only(since=7), gpu=1)
    ),
    "two exporters for one device, both idle": row(
        False, Told(idle), Told(idle, exporter="second")
    ),
    "two exporters for one device, one of which saw work": row(
        True, Told(idle), Told(worked_once, exporter="second")
    ),
    "a device that one exporter told of, and then the other": row(
        False, Told(only(until=5)), Told(only(since=5), exporter="second")
    ),
    "renamed labels, at work": row(True, Told(worked_once, exporter="renamed")),
    "renamed labels, idle": row(False, Told(idle, exporter="renamed")),
    "a slice at work, whose utilization is always 0": row(
        True, Told(idle, slice="7"), Told(slightly, ENGINE, slice="7")
    ),
    "a slice that is idle": row(False, Told(idle, slice="8"), Told(idle, ENGINE, slice="8")),
    "a slice of whose engine nothing is told": row(None, Told(idle, slice="9")),
    "a whole device with both metrics": row(True, Told(busy), Told(slightly, ENGINE)),
    "a whole device of whose engine alone is told": row(False, Told(idle, ENGINE)),
    "a device without a value": row(None, Told(lambda ago: BLANK)),
}
PODS: Final = {sentence: f"jupyter-{number}" for number, sentence in enumerate(ROWS)}
HELD: Final = [replace(one, pod=PODS[said]) for said, row in ROWS.items() for one in row.told]
NOBODYS: Final = [Told(idle, gpu=90), Told(idle, gpu=91, exporter="renamed")]
AMD: Final = Told(worked_once, "gpu_gfx_activity", pod="jupyter-amd")


def target_labels(exporter: str) -> dict[str, str]:
    """What service discovery in Kubernetes knows of the exporter itself."""
    return {"namespace": "monitoring", "pod": f"dcgm-{exporter}", "container": "exporter"}


def stored(one: Told) -> dict[str, str]:
    """Labels as Prometheus keeps them."""
    own, said = target_labels(one.exporter), dict(one.labels())
    if one.exporter == "renamed":
        said = {f"exported_{key}" if key in own else key: value for key, value in said.items()}
    return {**own, **said, "job": one.exporter}


@pytest.fixture(scope="module")
def prometheus(prometheus_is_here: None) -> Iterator[Prometheus]:
    told = [*HELD, *NOBODYS, AMD]
    with ExitStack() as at_end:
        jobs = []
        for name in EXPORTERS:
            exporter = FakeExporter(page(one for one in told if one.exporter == name))
            at_end.callback(exporter.close)
            target = {"targets": [exporter.place], "labels": target_labels(name)}
            honor = name != "renamed"
            jobs.append({"job_name": name, "honor_labels": honor, "static_configs": [target]})
        server = Prometheus(jobs, past(told, stored, time.time()))
        at_end.callback(server.stop)
        server.start()
        server.wait_for(lambda: all(one["health"] == "up" for one in server.targets().values()))
        yield server


def devices(url: str, query: str = USUAL_QUERY, **how: float) -> MeasuredDevices:
    return MeasuredDevices(lambda: (url, query, IDLE_AFTER), **how)


@pytest.fixture(scope="module")
def worked(prometheus: Prometheus) -> Mapping[str, bool]:
    answer = asyncio.run(devices(prometheus.url).worked())
    assert answer is not None
    return answer


def verdict(worked: Mapping[str, bool] | None, pod: str) -> EndRule | None:
    """What becomes of a session, open and with kernels that have not worked for an hour."""
    now = datetime(2026, 10, 6, 8, tzinfo=UTC)
    look = Look(
        running_at=now - timedelta(hours=2),
        worked_at=now - timedelta(hours=1),
        measured=worked is not None,
        device=worked.get(f"hub/{pod}") if worked is not None else None,
    )
    return judge(look, now, IDLE_AFTER)


@pytest.mark.parametrize("sentence", ROWS)
def test_a_session_ends_only_where_its_devices_are_known_to_be_idle(
    worked: Mapping[str, bool], sentence: str
) -> None:
    pod, known = PODS[sentence], ROWS[sentence].known
    assert worked.get(f"hub/{pod}") is known
    assert verdict(worked, pod) is (EndRule.IDLE if known is False else None)


def test_nothing_is_told_of_pods_that_hold_no_device(
    worked: Mapping[str, bool], prometheus: Prometheus
) -> None:
    told = {f"hub/{PODS[said]}" for said, row in ROWS.items() if row.known is not None}
    # A device of nobody bears the name of the exporter's own pod, which is no session's.
    assert set(worked) == told | {"monitoring/dcgm-honored", "monitoring/dcgm-renamed"}
    assert prometheus.complaints() == []


def test_the_labels_of_one_exporter_are_really_renamed(prometheus: Prometheus) -> None:
    (sample,) = prometheus.query(
        f'{UTIL}{{exported_pod="{PODS["renamed labels, idle"]}", instance!=""}}'
    )
    labels, _ = sample
    assert (labels["pod"], labels["namespace"]) == ("dcgm-renamed", "monitoring")
    assert labels["exported_namespace"] == "hub"


async def test_a_query_of_the_documentation_answers_for_another_exporter(
    prometheus: Prometheus,
) -> None:
    campuses = [yaml.safe_load(block.text) for block in blocks("yaml", "# campus.yaml")]
    measured = [campus["device_metrics"] for campus in campuses if "device_metrics" in campus]
    own = [said["query"] for said in measured if "query" in said]
    assert own
    for query in own:
        assert await devices(prometheus.url, query).worked() == {"hub/jupyter-amd": True}


def test_what_an_administrator_asks_of_devices_is_answered(prometheus: Prometheus) -> None:
    (question,) = questions("devices")
    told = {labels.get("pod", ""): value for labels, value in prometheus.query(question)}
    assert told[PODS["a device at work"]] == 97
    assert told[PODS["a device that is idle"]] == 0
    renamed = question.replace("(namespace, pod)", "(exported_namespace, exported_pod)")
    found = {labels.get("exported_pod"): value for labels, value in prometheus.query(renamed)}
    assert found[PODS["renamed labels, at work"]] == 41


WRONG: Final = {
    "a bracket is missing": "max by (namespace, pod) (up",
    "no such function": "utmost(up)",
    "a number": "1",
    "a range": f"{UTIL}[5m]",
    "one of many to many": f"{UTIL} / on (namespace) {UTIL}",
}


@pytest.mark.parametrize("query", WRONG.values(), ids=WRONG)
async def test_a_wrong_query_says_nothing_of_any_pod_and_is_told(
    prometheus: Prometheus, query: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        known = await devices(prometheus.url, query).worked()
    assert known == {}
    assert verdict(known, PODS["a device that is idle"]) is None
    assert "the use of devices is not known" in caplog.text


async def test_a_server_that_does_not_answer_says_nothing_of_any_pod(
    prometheus: Prometheus,
) -> None:
    prometheus.process.pause()
    try:
        assert await devices(prometheus.url, within=0.5).worked() == {}
    finally:
        prometheus.process.resume()
    assert await devices(f"http://127.0.0.1:{free_port()}").worked() == {}


async def test_an_answer_without_all_of_its_stores_says_nothing_of_any_pod(
    start_prometheus: Callable[..., Prometheus], caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = {"url": f"http://127.0.0.1:{free_port()}/read", "read_recent": True}
    told = [Told(idle, pod="jupyter-0")]
    server = start_prometheus(past=past(told, stored, time.time()), remote_read=[elsewhere])
    with caplog.at_level(logging.WARNING):
        assert await devices(server.url).worked() == {}
    assert "not all of it" in caplog.text
