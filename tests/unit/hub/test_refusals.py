"""A refusal as the hub shows it, on both of its versions."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import jupyterhub
import pytest
from tornado import web

from jupyterhub_edu.domain.decide import Decision
from jupyterhub_edu.domain.reasons import Code, Reason
from jupyterhub_edu.hub import late_refusal, reasons_json, refusal, refusals
from tests.fakes.campus import NOW

HOSTILE = "<b>50% off</b> {x} %s"
FULL = Reason(
    Code.COURSE_QUOTA, "", {"flavor": "T4", "title": HOSTILE}, NOW + timedelta(minutes=5)
)
STALE = Reason(Code.INVENTORY_STALE, "", {"since": "10:00"})
CLOSED = Reason(Code.COURSE_CLOSED, "", {"title": "ML"}, NOW + timedelta(days=1))
WRONG = Reason(Code.OPTION_INVALID, "unknown", {"option": "colour"})
HAS_SIX = jupyterhub.version_info[0] >= 6


@pytest.fixture(
    params=[5, pytest.param(6, marks=pytest.mark.skipif(not HAS_SIX, reason="JupyterHub 6"))]
)
def version(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(jupyterhub, "version_info", (request.param, 5, 0, "", ""))
    monkeypatch.setattr(refusals, "utc_now", lambda: NOW)
    return int(request.param)


def refused(*reasons: Reason) -> Any:
    return refusal(Decision(None, reasons))


STATUSES: dict[str, tuple[list[Reason], int, str | None]] = {
    "what is full says when a session ends": ([FULL], 409, "300"),
    "what is not known is asked again in a minute": ([STALE], 503, "60"),
    "one instant that is not known makes all of them unknown": ([FULL, STALE], 409, "60"),
    "policy is no matter of waiting": ([CLOSED], 403, None),
    "the most severe reason stands first and counts": ([CLOSED, FULL], 403, None),
    "a wrong choice may be made anew at once": ([WRONG], 400, None),
    "what should have ended already may be asked for again at once": (
        [Reason(Code.COURSE_QUOTA, "", FULL.values, NOW - timedelta(minutes=1))],
        409,
        "1",
    ),
}


@pytest.mark.parametrize(("reasons", "status", "retry"), STATUSES.values(), ids=STATUSES)
def test_status(version: int, reasons: list[Reason], status: int, retry: str | None) -> None:
    error = refused(*reasons)
    assert error.status_code == status
    assert error.headers.get("Retry-After") == retry


def test_the_sentence_is_whole_and_the_decision_comes_along(version: int) -> None:
    error = refused(FULL, CLOSED)
    assert (
        error.jupyterhub_message
        == f"All T4 that {HOSTILE} may use now are in use. ML is not open."
    )
    assert error.edu_decision.reasons == (FULL, CLOSED)
    assert HOSTILE in str(error)


def test_our_words_are_no_http_phrase_and_no_metric(version: int) -> None:
    """The hub writes ``reason`` into the status line and into the labels of a metric."""
    assert refused(FULL).reason in {None, "refused"}


def test_it_is_what_the_hub_expects(version: int) -> None:
    error = refused(FULL)
    assert isinstance(error, web.HTTPError)
    if version == 6:
        assert type(error).__name__ == "SpawnException"


def a_spawner(**settings: int) -> Any:
    return SimpleNamespace(handler=SimpleNamespace(settings=settings))


COUNTS: dict[str, tuple[int, dict[str, int], dict[str, int]]] = {
    "JupyterHub 5 adds one, so one is taken off": (5, {"failure_count": 3}, {"failure_count": 2}),
    "also before the first failure": (5, {}, {"failure_count": -1}),
    "JupyterHub 6 does not count it": (6, {"failure_count": 3}, {"failure_count": 3}),
}


@pytest.mark.parametrize(("hub", "before", "after"), COUNTS.values(), ids=COUNTS)
def test_count(
    monkeypatch: pytest.MonkeyPatch, hub: int, before: dict[str, int], after: dict[str, int]
) -> None:
    if hub == 6 and not HAS_SIX:
        pytest.skip("JupyterHub 6")
    monkeypatch.setattr(jupyterhub, "version_info", (hub, 0, 0, "", ""))
    spawner = a_spawner(**before)
    error: Any = late_refusal(spawner, Decision(None, (FULL,)))
    assert spawner.handler.settings == after
    assert error.status_code == 409


@pytest.mark.parametrize("spawner", [SimpleNamespace(handler=None), SimpleNamespace()], ids=repr)
def test_a_start_without_a_request_is_refused_all_the_same(
    monkeypatch: pytest.MonkeyPatch, spawner: Any
) -> None:
    monkeypatch.setattr(jupyterhub, "version_info", (5, 5, 0, "", ""))
    error: Any = late_refusal(spawner, Decision(None, (FULL,)))
    assert error.status_code == 409


def test_a_hundred_late_refusals_leave_the_count_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jupyterhub, "version_info", (5, 5, 0, "", ""))
    spawner = a_spawner(failure_count=2)
    for _ in range(100):
        late_refusal(spawner, Decision(None, (FULL,)))
        spawner.handler.settings["failure_count"] += 1  # as the hub does for any exception
    assert spawner.handler.settings["failure_count"] == 2


def test_reasons_for_json() -> None:
    full, stale = reasons_json(Decision(None, (FULL, STALE)))
    assert full == {
        "code": "course-quota",
        "sentence": f"All T4 that {HOSTILE} may use now are in use.",
        "who": "the course's teacher, by stopping one, or an administrator",
        "retry_at": "2026-11-03T10:05:00+00:00",
    }
    assert stale["retry_at"] is None


def test_a_refusal_counts_once_in_each_of_its_reasons():
    def count(reason: Reason) -> float:
        return refusals.REFUSALS.labels(str(reason.code))._value.get()

    before = count(FULL)
    refusal(Decision(None, (FULL, FULL)))
    assert count(FULL) == before + 1
