"""The frame of supervised timers: never silent, never twice at once, never in the way of each other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import CollectorRegistry

from jupyterhub_edu.warden import Timer, TimerState, Warden, default_timers
from tests.fakes.campus import NOW, a_core


class Pauses:
    """Time in the test's hands: each pause of a timer lasts until the test ends it."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[tuple[float, asyncio.Event]] = asyncio.Queue()

    async def __call__(self, seconds: float) -> None:
        over = asyncio.Event()
        await self.asked.put((seconds, over))
        await over.wait()

    async def end_one(self) -> float:
        seconds, over = await self.asked.get()
        over.set()
        return seconds


def a_timer(act: Callable[[], Awaitable[None]], **kwargs) -> Timer:
    return Timer(**{"name": "one", "every": 30, "act": act, "jitter": 0, **kwargs})


async def nothing() -> None: ...


class Supervised:
    """A warden with one timer whose pauses the test ends."""

    def __init__(self, act: Callable[[], Awaitable[None]], **kwargs) -> None:
        self.registry, self.pauses = CollectorRegistry(), Pauses()
        self.warden = Warden(
            a_core(), [a_timer(act, **kwargs)], registry=self.registry, sleep=self.pauses
        )
        self.state = self.warden.states["one"]

    async def __aenter__(self) -> Supervised:
        self.warden.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.warden.close()

    async def pauses_after(self, runs: int) -> list[float]:
        """Let so many runs happen; the pauses before each and the one after the last."""
        return [await self.pauses.end_one() for _ in range(runs + 1)]

    def metric(self, name: str) -> float | None:
        return self.registry.get_sample_value(f"jupyterhub_edu_warden_{name}", {"timer": "one"})


async def test_a_timer_runs_after_each_period():
    async with Supervised(nothing) as supervised:
        assert await supervised.pauses_after(3) == [30, 30, 30, 30]
        assert supervised.state.failures == 0
        assert supervised.state.last_run == NOW


async def test_a_crash_is_logged_with_its_traceback_and_counted_and_the_timer_goes_on(caplog):
    async def crash() -> None:
        raise ZeroDivisionError("one by nothing")

    async with Supervised(crash) as supervised:
        await supervised.pauses_after(2)
        assert supervised.state.runs == supervised.state.failures == 2
        assert supervised.state.last_error == "ZeroDivisionError: one by nothing"
        assert supervised.metric("runs_total") == supervised.metric("failures_total") == 2
        assert supervised.metric("last_failure_timestamp_seconds") == NOW.timestamp()
    first = next(record for record in caplog.records if record.levelno == logging.ERROR)
    assert first.exc_info
    assert isinstance(first.exc_info[1], ZeroDivisionError)


async def test_after_failures_the_pause_grows_and_after_a_good_run_it_is_the_period_again():
    outcomes = iter([OSError(), OSError(), OSError(), None, OSError(), None])

    async def as_told() -> None:
        if (error := next(outcomes)) is not None:
            raise error

    async with Supervised(as_told) as supervised:
        assert await supervised.pauses_after(6) == [30, 1, 2, 4, 30, 1, 30]


@pytest.mark.parametrize(
    ("every", "failures", "longest"),
    [
        pytest.param(10, 1000, 60, id="a short timer waits a minute at most"),
        pytest.param(3600, 1000, 3600, id="a long timer waits a period at most"),
        pytest.param(86400, 1, 1, id="a daily timer does not wait a day to try again"),
    ],
)
def test_back_off(every: float, failures: int, longest: float):
    state = TimerState(a_timer(nothing, every=every), in_a_row=failures)
    assert state.pause() == longest


def test_the_first_run_of_a_slow_timer_does_not_wait_a_whole_period():
    assert TimerState(a_timer(nothing, every=3600)).pause() == 30


def test_jitter_only_lengthens_a_pause_and_by_no_more_than_its_part():
    state = TimerState(a_timer(nothing, jitter=0.5), runs=1)
    pauses = {state.pause() for _ in range(200)}
    assert all(30 <= pause <= 45 for pause in pauses)
    assert len(pauses) > 1


async def test_a_run_that_hangs_is_cancelled_and_counts_as_failed():
    async def hang() -> None:
        await asyncio.Event().wait()

    async with Supervised(hang, within=0) as supervised:
        await supervised.pauses_after(1)
        assert supervised.state.last_error.startswith("TimeoutError")


async def test_a_cancellation_from_inside_does_not_end_the_timer():
    async def lose_a_task() -> None:
        task = asyncio.create_task(asyncio.Event().wait())
        task.cancel()
        await task

    async with Supervised(lose_a_task) as supervised:
        await supervised.pauses_after(2)
        assert supervised.state.failures == 2


async def test_a_run_begins_only_after_the_one_before_has_ended():
    inside, most = 0, 0

    async def slow() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1

    async with Supervised(slow) as supervised:
        await supervised.pauses_after(5)
    assert most == 1


async def test_one_timer_that_hangs_does_not_hold_up_another():
    ran, pauses = asyncio.Event(), Pauses()

    async def hang() -> None:
        await asyncio.Event().wait()

    async def run() -> None:
        ran.set()

    timers = [a_timer(hang, name="hangs"), a_timer(run, name="runs")]
    warden = Warden(a_core(), timers, registry=CollectorRegistry(), sleep=pauses)
    warden.start()
    await pauses.end_one()
    await pauses.end_one()
    await ran.wait()
    await warden.close()


async def test_nothing_runs_before_the_core_is_ready():
    order: list[str] = []
    core = a_core()
    open_store = core.store.open

    async def open_slowly() -> None:
        await asyncio.sleep(0)
        await open_store()
        order.append("ready")

    async def act() -> None:
        order.append("run")

    core.store.open = open_slowly  # type: ignore[method-assign]
    pauses = Pauses()
    warden = Warden(core, [a_timer(act)], registry=CollectorRegistry(), sleep=pauses)
    warden.start()
    await pauses.end_one()
    await pauses.end_one()
    await warden.close()
    assert order == ["ready", "run"]


async def test_close_stops_a_run_in_the_middle_and_waits_for_it():
    begun, cleaned = asyncio.Event(), False

    async def act() -> None:
        nonlocal cleaned
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned = True

    async with Supervised(act) as supervised:
        await supervised.pauses.end_one()
        await begun.wait()
    assert cleaned
    assert supervised.state.failures == 0


async def test_starting_twice_runs_each_timer_once():
    async with Supervised(nothing) as supervised:
        supervised.warden.start()
        await supervised.pauses_after(1)
        assert supervised.pauses.asked.empty()


async def test_two_wardens_may_share_one_registry():
    registry = CollectorRegistry()
    for _ in range(2):
        core = a_core()
        warden = Warden(core, default_timers(core, registry=registry), registry=registry)
        assert set(warden.states) == {
            *("sources", "deadlines", "enrolments", "reconcile", "groups", "pending"),
            *(
                "counts",
                "exams",
                "line",
                "reclaim",
                "adjustments",
                "class-starts",
                "sweeps",
                "joins",
            ),
            "helps",
        }


# -- timers that come and go with the campus file --------------------------------------------------------------------


async def test_timers_beside_the_others_are_replaced_and_those_that_stay_go_on():
    warden = Warden(a_core(), [a_timer(nothing)], registry=CollectorRegistry(), sleep=Pauses())
    warden.keep_beside([a_timer(nothing, name="a"), a_timer(nothing, name="b")])
    warden.start()
    before = dict(warden.states)

    warden.keep_beside([a_timer(nothing, name="b"), a_timer(nothing, name="c")])
    assert list(warden.states) == ["one", "b", "c"]
    assert warden.states["b"] is before["b"]

    warden.keep_beside([a_timer(nothing, name="b", every=60)])
    assert list(warden.states) == ["one", "b"]
    assert warden.states["b"].timer.every == 60

    warden.keep_beside([])
    assert list(warden.states) == ["one"]
    await warden.close()


async def test_metrics_tell_of_timers_before_their_first_run_and_not_of_those_that_are_gone():
    registry = CollectorRegistry()
    warden = Warden(a_core(), [a_timer(nothing)], registry=registry, sleep=Pauses())
    warden.keep_beside([a_timer(nothing, name="gone")])
    warden.start()
    counted = ("runs_total", "failures_total")

    def told(timer: str, *metrics: str) -> list[float | None]:
        return [
            registry.get_sample_value(f"jupyterhub_edu_warden_{name}", {"timer": timer})
            for name in metrics
        ]

    assert told("one", *counted) == told("gone", *counted) == [0, 0]
    warden.keep_beside([])
    assert told("gone", *counted, "period_seconds") == [None, None, None]
    assert told("one", *counted, "period_seconds") == [0, 0, 30]
    await warden.close()


async def test_a_timer_that_is_added_while_the_others_run_runs_too():
    pauses, ran = Pauses(), asyncio.Event()

    async def act() -> None:
        ran.set()

    warden = Warden(a_core(), [], registry=CollectorRegistry(), sleep=pauses)
    warden.start()
    warden.keep_beside([a_timer(act)])
    await pauses.end_one()
    await ran.wait()
    await warden.close()
