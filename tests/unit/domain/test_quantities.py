"""Amounts of CPU and memory: both spellings, exact, and nothing that only looks like an amount."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.domain.quantities import Cpu, Memory, parse_cpu, parse_memory, parse_weight

CPUS: dict[str, tuple[str | float, int]] = {
    "whole cores as a number": (2, 2000),
    "parts of a core as a number": (0.25, 250),
    "a sum of floats that is off by its last digit": (0.1 + 0.2, 300),
    "cores as text": ("0.5", 500),
    "millicores": ("250m", 250),
    "blanks around it": (" 1 ", 1000),
    "the least amount": ("0.001", 1),
    "a zero in front": ("007", 7000),
}
MEMORIES: dict[str, tuple[str | int, bool, int]] = {
    "bytes as a number": (536870912, True, 2**29),
    "bytes as text": ("1024", True, 1024),
    "Kubernetes: G is a power of ten": ("2G", True, 2 * 10**9),
    "JupyterHub: G is a power of two": ("2G", False, 2 * 2**30),
    "Kubernetes: Gi is a power of two": ("2Gi", True, 2 * 2**30),
    "JupyterHub: Gi is a power of two as well": ("2Gi", False, 2 * 2**30),
    "both spellings of kilo": ("1k", True, 1000),
    "and its capital": ("1K", True, 1000),
    "the largest unit": ("1Pi", True, 2**50),
    "a fraction that is whole bytes": ("0.5Gi", True, 2**29),
    "more digits than a float or a decimal keeps": ("1" + "0" * 34 + "1", True, 10**35 + 1),
}
NO_CPU = [0, -1, "0", "-1", "0.0005", "1.5m", "1e3", "1,5", "", " ", "m", "1 m", "1M", "+1", ".5"]
NO_CPU += [
    "1.",
    "2Gi",
    "١",
    "１",
    True,
    False,
    float("nan"),
    float("inf"),
    1e-9,
    None,
    [1],
    "1\n2",
]
NO_MEMORY = [0, -1, "0", "0.3", "1.5", "1mi", "1gi", "1GB", "1 G", "1e9", "", "G", "Gi", "1KiB"]
NO_MEMORY += [True, 0.5, None, "1.0000000000000000000000000000001Gi", "９Gi"]


@pytest.mark.parametrize(("value", "millicores"), CPUS.values(), ids=CPUS)
def test_cpu(value: str | float, millicores: int) -> None:
    assert parse_cpu(value) == Cpu(millicores)


@pytest.mark.parametrize(("value", "kubernetes", "expected"), MEMORIES.values(), ids=MEMORIES)
def test_memory(value: str | int, kubernetes: bool, expected: int) -> None:
    assert parse_memory(value, kubernetes=kubernetes) == Memory(expected)


@pytest.mark.parametrize("value", NO_CPU, ids=repr)
def test_no_cpu_amount(value: str) -> None:
    with pytest.raises(ValueError, match=r"not an? (CPU )?amount"):
        parse_cpu(value)


@pytest.mark.parametrize("value", NO_MEMORY, ids=repr)
def test_no_amount_of_memory(value: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        parse_memory(value)


UNITS = {"": 1, "k": 1000, "K": 1000, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}
UNITS |= {f"{unit}i": 1024**power for power, unit in enumerate("KMGTP", 1)}


@given(
    whole=st.integers(0, 10**40),
    decimals=st.text("0123456789", max_size=40),
    unit=st.sampled_from(sorted(UNITS)),
)
def test_an_amount_of_memory_is_exact_or_refused(whole: int, decimals: str, unit: str) -> None:
    number = f"{whole}.{decimals}" if decimals else str(whole)
    expected = Fraction(number) * UNITS[unit]
    if expected > 0 and expected.denominator == 1:
        assert parse_memory(number + unit) == Memory(int(expected))
    else:
        with pytest.raises(ValueError, match="positive number of bytes"):
            parse_memory(number + unit)


@given(st.text(alphabet="0123456789.mKMGTPi +-eE", max_size=12))
def test_any_text_is_an_amount_or_a_value_error(text: str) -> None:
    for parse in (parse_cpu, parse_memory):
        try:
            amount: Cpu | Memory = parse(text)
        except ValueError:
            continue
        assert (amount.millicores if isinstance(amount, Cpu) else amount.bytes) > 0


def test_amounts_add_and_compare_within_their_kind() -> None:
    assert Cpu(250) + Cpu(750) == Cpu(1000)
    assert Memory(1) + Memory(2) == Memory(3)
    assert Cpu(250) < Cpu(1000)
    assert Cpu(1500).cores == 1.5
    with pytest.raises(TypeError):
        _ = Cpu(1) < Memory(2)  # type: ignore[operator]


WORDS = {
    "250 millicores": (Cpu(250), "0.25 CPU"),
    "2 cores": (Cpu(2000), "2 CPU"),
    "less than a kibibyte": (Memory(1023), "1023 bytes"),
    "a kibibyte": (Memory(1024), "1 KiB"),
    "a mebibyte and a half": (Memory(3 * 2**19), "1.5 MiB"),
    "two gibibytes": (Memory(2**31), "2 GiB"),
    "many tebibytes": (Memory(9 * 2**40), "9 TiB"),
}


@pytest.mark.parametrize(("amount", "words"), WORDS.values(), ids=WORDS)
def test_words(amount: Cpu | Memory, words: str) -> None:
    assert str(amount) == words


WEIGHTS: dict[str, tuple[str | float, int]] = {
    "one": (1, 1000),
    "a part": (0.15, 150),
    "as text": ("2.5", 2500),
    "the least step": (0.001, 1),
    "nothing": (0, 0),
    "the most": (100, 100_000),
}


@pytest.mark.parametrize(("text", "thousandths"), WEIGHTS.values(), ids=WEIGHTS)
def test_a_weight_is_kept_in_thousandths(text: str | float, thousandths: int) -> None:
    assert parse_weight(text) == thousandths


@pytest.mark.parametrize("text", [0.0005, "1.2345", -1, 100.001, 101, "1m", "", True, None, [1]])
def test_what_is_no_weight_is_refused(text: str | float) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse_weight(text)
