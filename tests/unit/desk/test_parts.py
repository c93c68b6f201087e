"""Parts that are shown live: whoever does what they are told has what is there, whatever they have missed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.desk import parts as module
from jupyterhub_edu.desk.parts import Change, Parts

NAMES = st.sampled_from("abcde")
PUTS = st.tuples(st.dictionaries(NAMES, st.integers(0, 2), max_size=3), st.sets(NAMES, max_size=2))


class Reader:
    """Has what it was told, and was told last at some version."""

    def __init__(self) -> None:
        self.version, self.has = -1, dict[str, int]()

    def hear(self, parts: Parts[int]) -> Change[int]:
        change = parts.since(self.version)
        if change.all:
            self.has.clear()
        for name in change.gone:
            self.has.pop(name, None)
        assert not change.new.keys() & self.has.keys()
        assert change.other.keys() <= self.has.keys()
        self.has |= change.new | change.other
        self.version = parts.version
        return change


@given(st.lists(st.tuples(PUTS, st.sets(st.integers(0, 2)))), st.integers(0, 3))
def test_whoever_misses_some_has_the_last_state_in_the_end(steps, remembered):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_REMEMBERED", remembered)
        parts, readers = Parts[int](), [Reader() for _ in range(3)]
        for (put, gone), who in steps:
            parts.put(put, gone)
            for number in who:
                readers[number].hear(parts)
                assert readers[number].has == parts.shown()
        for reader in readers:
            reader.hear(parts)
            assert reader.has == parts.shown()
            assert not reader.hear(parts)


def test_what_is_as_it_was_is_not_told_again():
    parts = Parts[str]()
    assert parts.put({"a": "1", "b": "1"})
    version = parts.version
    assert not parts.put({"a": "1"}, ["c"])
    assert parts.version == version
    assert parts.put({"b": "2"})
    assert parts.since(version) == Change(False, [], {}, {"b": "2"})


def test_what_goes_and_comes_back_is_taken_away_first():
    parts = Parts[str]()
    parts.put({"a": "1"})
    version = parts.version
    parts.put({}, ["a"])
    parts.put({"a": "1"})
    assert parts.since(version) == Change(False, ["a"], {"a": "1"}, {})


def test_a_version_of_something_else_is_told_everything():
    parts = Parts[str]()
    parts.put({"a": "1"})
    assert parts.since(parts.version + 5).all
    assert parts.since(-1).all
