"""The fewest loans whose end lets one request start: exact within a bound on the work, and never short of enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from math import prod
from typing import Final, NamedTuple

__all__ = ["MOST_WORK", "Candidate", "fewest"]

MOST_WORK: Final = 2_000
"""Steps of the exact search, of some microseconds each."""

Key = tuple[int, float, str]


class Candidate(NamedTuple):
    """A loan that may be ended.

    Attributes:
        key: the smaller, the sooner it is chosen among equals: course furthest over its own, newest, id.
        id: the admission's.
        group: its node, or ``""`` while it is on its way.
        devices: what it holds.
        frees: what its end leaves beside reservations; less than ``devices`` where its own course's falls idle.
    """

    key: Key
    id: str
    group: str
    devices: int
    frees: int


class _Partial(NamedTuple):
    """A choice so far; compared as the page says: fewest, fewest devices, then the order of the candidates."""

    loans: int
    devices: int
    keys: tuple[Key, ...]


_NONE: Final = _Partial(0, 0, ())


def fewest(
    candidates: Sequence[Candidate],
    gain: Callable[[str, int], int],
    lack: int,
    short: int,
    most_work: int = MOST_WORK,
) -> frozenset[str] | None:
    """Choose loans whose end gives what is lacking.

    Always holds:
        - what is chosen suffices, and without any one of it it would not;
        - within ``most_work`` there is no choice of fewer loans, nor of as many with fewer devices, nor an equal one
          whose members, in order, come first. Beyond it, loans are taken in that order and given back where not needed.

    Args:
        gain: by group and devices freed there, how much of ``lack`` that gives; never falls with the devices.
        lack: how much is lacking on nodes.
        short: devices lacking in all.

    Returns:
        Ids, none of them if nothing is lacking; None if all together do not suffice.
    """
    if lack <= 0 and short <= 0:
        return frozenset()
    lack, short = max(lack, 0), max(short, 0)
    if (one := _one(candidates, gain, lack, short)) is not None:
        return frozenset((one,))
    sums = _Sums(candidates, gain)
    if not sums.suffice(lack, short):
        return None
    groups: dict[str, list[Candidate]] = {}
    for candidate in sorted(candidates):
        groups.setdefault(candidate.group, []).append(candidate)
    kinds = {
        group: _kinds(group, members, gain, lack, short)
        for group, members in groups.items()
        if short or gain(group, sum(c.devices for c in members))
    }
    ways = sum(prod(len(some) + 1 for some in of_group) for of_group in kinds.values())
    if ways * (lack + 1) * (short + 1) > most_work:
        return sums.without_needless(sorted(candidates), lack, short)
    options = (_options(group, of_group, gain, lack, short) for group, of_group in kinds.items())
    chosen = set(_best(options, lack, short).keys)
    return frozenset(c.id for c in candidates if c.key in chosen)


def _one(
    candidates: Iterable[Candidate], gain: Callable[[str, int], int], lack: int, short: int
) -> str | None:
    """The best of those that suffice alone."""
    gains: dict[tuple[str, int], int] = {}
    best: Candidate | None = None
    for c in candidates:
        if best is not None and (best.devices, best.key) < (c.devices, c.key):
            continue
        where = c.group, c.devices
        if where not in gains:
            gains[where] = gain(*where)
        if gains[where] >= lack and c.frees >= short:
            best = c
    return best.id if best is not None else None


class _Sums:
    """What a choice of loans gives, kept as it shrinks."""

    def __init__(self, chosen: Iterable[Candidate], gain: Callable[[str, int], int]) -> None:
        self._freed = dict[str, int]()
        self._gain, self._chosen = gain, {c.id for c in chosen}
        self._frees = 0
        for candidate in chosen:
            group = candidate.group
            self._freed[group] = self._freed.get(group, 0) + candidate.devices
            self._frees += candidate.frees
        self._gained = sum(gain(group, devices) for group, devices in self._freed.items())

    def suffice(self, lack: int, short: int) -> bool:
        return self._gained >= lack and self._frees >= short

    def without_needless(
        self, candidates: Sequence[Candidate], lack: int, short: int
    ) -> frozenset[str]:
        """From the last candidate on, leave out whatever is not needed."""
        for c in reversed(candidates):
            freed = self._freed[c.group]
            gained = self._gained - self._gain(c.group, freed)
            gained += self._gain(c.group, freed - c.devices)
            if gained >= lack and self._frees - c.frees >= short:
                self._gained, self._frees = gained, self._frees - c.frees
                self._freed[c.group] = freed - c.devices
                self._chosen.discard(c.id)
        return frozenset(self._chosen)


_Option = tuple[int, int, _Partial]


def _kinds(
    group: str,
    members: Sequence[Candidate],
    gain: Callable[[str, int], int],
    lack: int,
    short: int,
) -> list[list[Candidate]]:
    """Equal loans of a group, the first of each kind and no more than could alone give all that is lacking."""
    kinds: dict[tuple[int, int], list[Candidate]] = {}
    for member in members:
        kinds.setdefault((member.devices, member.frees), []).append(member)
    found = []
    for (devices, frees), of_kind in kinds.items():
        count = 0
        while count < len(of_kind) and (
            gain(group, count * devices) < lack or count * frees < short
        ):
            count += 1
        found.append(of_kind[:count])
    return found


def _options(
    group: str,
    kinds: Sequence[Sequence[Candidate]],
    gain: Callable[[str, int], int],
    lack: int,
    short: int,
) -> list[_Option]:
    """What one group can give, and the best way to each; nothing that gives nothing."""
    best: dict[tuple[int, int], _Partial] = {}
    for counts in product(*(range(len(of_kind) + 1) for of_kind in kinds)):
        chosen = [c for count, of_kind in zip(counts, kinds, strict=True) for c in of_kind[:count]]
        devices = sum(c.devices for c in chosen)
        given = min(gain(group, devices), lack), min(sum(c.frees for c in chosen), short)
        partial = _Partial(len(chosen), devices, tuple(sorted(c.key for c in chosen)))
        if given != (0, 0) and (given not in best or partial < best[given]):
            best[given] = partial
    return [(*given, partial) for given, partial in best.items()]


def _best(groups: Iterable[Sequence[_Option]], lack: int, short: int) -> _Partial:
    """The best choice over all groups: for each sum so far the best way to it."""
    reached: dict[tuple[int, int], _Partial] = {(0, 0): _NONE}
    for options in groups:
        after = dict(reached)
        for (gained, freed), so_far in reached.items():
            for gain, frees, more in options:
                to = min(gained + gain, lack), min(freed + frees, short)
                both = _Partial(
                    so_far.loans + more.loans,
                    so_far.devices + more.devices,
                    tuple(sorted(so_far.keys + more.keys)),
                )
                if to not in after or both < after[to]:
                    after[to] = both
        reached = after
    return reached[lack, short]
