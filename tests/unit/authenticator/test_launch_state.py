"""States and nonces: carried by browsers, good for a while, used once, bounded."""

from __future__ import annotations

import pytest

from jupyterhub_edu.authenticator import launch_state as module
from jupyterhub_edu.authenticator.launch_state import Launches
from jupyterhub_edu.ports import LaunchRequest

ASKED = LaunchRequest("https://lms.example", "3", "https://hub.example/", "hub", "1", '{"a": "ø"}')


class Seconds:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_what_was_asked_comes_back() -> None:
    launches = Launches()
    begun = launches.begin("lms", ASKED, "secret", again=True)
    opened = launches.open("lms", begun.state)

    assert opened is not None
    assert (opened.request, opened.nonce, opened.again) == (ASKED, begun.nonce, True)
    assert opened.is_of("secret")
    assert not opened.is_of("another")
    assert not opened.is_of("")


def test_no_two_launches_are_alike() -> None:
    launches = Launches()
    begun = [launches.begin("lms", ASKED, "secret", again=False) for _ in range(100)]
    assert len({one.state for one in begun}) == len({one.nonce for one in begun}) == 100


def test_a_state_is_good_for_ten_minutes_at_its_own_source_and_process() -> None:
    clock = Seconds()
    launches = Launches(clock)
    state = launches.begin("lms", ASKED, "secret", again=False).state
    assert launches.open("other", state) is None
    assert Launches(clock).open("lms", state) is None
    clock.now += 600
    assert launches.open("lms", state)
    clock.now += 1
    assert launches.open("lms", state) is None


def test_a_state_in_which_anything_is_changed_is_none() -> None:
    launches = Launches()
    state = launches.begin("lms", ASKED, "secret", again=False).state
    for place in range(len(state)):
        other = "B" if state[place] == "A" else "A"
        changed = state[:place] + other + state[place + 1 :]
        opened = launches.open("lms", changed)
        assert (
            opened is None or place == len(state.rstrip("=")) - 1
        )  # its last sign holds bits that no octet has
    for text in ("", "x", "=" * 40, "ø", "A" * 44, state[:-8], state + "AAAA", "\0", state * 100):
        assert launches.open("lms", text) is None


def test_a_hundred_thousand_launches_that_fail_cost_nothing() -> None:
    launches = Launches()
    state = launches.begin("lms", ASKED, "secret", again=False).state
    for number in range(100_000):
        launches.open("lms", f"{state[:-7]}{number:07}")
    assert len(launches) == 0


def test_a_nonce_is_good_once_and_forgotten_when_no_state_could_bring_it_again() -> None:
    clock = Seconds()
    launches = Launches(clock)
    assert launches.use("n")
    assert not launches.use("n")
    clock.now += 600
    assert launches.use("m")
    assert len(launches) == 1


def test_when_no_more_can_be_remembered_none_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_USED", 3)
    clock = Seconds()
    launches = Launches(clock)
    assert [launches.use(str(number)) for number in range(5)] == [True, True, True, False, False]
    clock.now += 600
    assert launches.use("5")
