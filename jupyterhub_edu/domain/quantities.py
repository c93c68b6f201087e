"""Amounts of CPU and memory as types, so that a wrong sum or a wrong unit cannot be written.

Two spellings exist and differ: in JupyterHub ``1G`` is 2^30 bytes, in Kubernetes ``1G`` is 10^9 and ``1Gi`` 2^30.
Text is parsed at the edge only; everywhere else the types carry the unit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

__all__ = ["Cpu", "Memory", "parse_cpu", "parse_memory", "parse_weight"]

_NUMBER: Final = r"(?P<number>[0-9]+(?:\.[0-9]+)?)"
_CPU: Final = re.compile(_NUMBER + r"(?P<unit>m?)", re.ASCII)
_WEIGHT: Final = re.compile(_NUMBER, re.ASCII)
_MEMORY: Final = re.compile(_NUMBER + r"(?P<unit>(?:[kKMGTP]i?)?)", re.ASCII)
_POWER: Final = {"K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


@dataclass(frozen=True, order=True, slots=True)
class Cpu:
    """CPU in millicores (1000 = one core)."""

    millicores: int

    def __add__(self, other: Cpu) -> Cpu:
        return Cpu(self.millicores + other.millicores)

    @property
    def cores(self) -> float:
        """Cores, as JupyterHub's ``cpu_limit`` takes them."""
        return self.millicores / 1000

    def __str__(self) -> str:
        return f"{self.millicores / 1000:g} CPU"


@dataclass(frozen=True, order=True, slots=True)
class Memory:
    """Memory in bytes."""

    bytes: int

    def __add__(self, other: Memory) -> Memory:
        return Memory(self.bytes + other.bytes)

    def __str__(self) -> str:
        for power, unit in ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
            if self.bytes >= 1024**power:
                return f"{self.bytes / 1024**power:.4g} {unit}"
        return f"{self.bytes} bytes"


def parse_cpu(value: str | float) -> Cpu:
    """Read a CPU amount: ``2``, ``0.25``, ``"0.25"`` or ``"250m"``.

    Always holds:
        - the result is positive and exact (no more than three decimals of a core are accepted).

    Raises:
        ValueError: not a positive amount in one of these spellings; the message says which are.

    Source:
        Kubernetes, resource units "cpu"; JupyterHub ``Spawner.cpu_limit``.
    """
    text = _as_text(value)
    match = _CPU.fullmatch(text)
    if match is None:
        raise ValueError(
            f'not a CPU amount: {text!r}; write cores such as 0.5 or millicores such as "500m"'
        )
    number = Fraction(match["number"]) * (1 if match["unit"] else 1000)
    if number <= 0 or number.denominator != 1:
        raise ValueError(
            f"not a CPU amount: {text!r}; it must be positive, in steps of 0.001 cores"
        )
    return Cpu(int(number))


def parse_memory(value: str | int, *, kubernetes: bool = True) -> Memory:
    """Read a memory amount: bytes as a number, or text with a unit.

    Args:
        value: for example ``536870912``, ``"512Mi"``, ``"2G"``.
        kubernetes: how a unit without ``i`` is read: True, powers of 1000 (Kubernetes);
            False, powers of 1024 (JupyterHub).

    Always holds:
        - the result is positive and exact, however many digits are written.

    Raises:
        ValueError: not a positive whole number of bytes in one of these spellings.

    Source:
        Kubernetes, resource units "memory"; JupyterHub ``traitlets.ByteSpecification``.
    """
    text = _as_text(value)
    match = _MEMORY.fullmatch(text)
    if match is None:
        raise ValueError(f"not an amount of memory: {text!r}; write for example 512Mi or 2Gi")
    unit = match["unit"]
    base = 1024 if unit.endswith("i") or not kubernetes else 1000
    number = Fraction(match["number"]) * (base ** _POWER[unit[0].upper()] if unit else 1)
    if number <= 0 or number.denominator != 1:
        raise ValueError(
            f"not an amount of memory: {text!r}; it must be a positive number of bytes"
        )
    return Memory(int(number))


def parse_weight(value: str | float) -> int:
    """Read what one hour on a device counts for: ``1``, ``0.15`` or ``"2.5"``, in thousandths.

    Always holds:
        - the result is exact (no more than three decimals are accepted); 0 is a device that counts for nothing.

    Raises:
        ValueError: not such a number, or more than 100.

    Source:
        docs/explanation/policy.md, "Amounts and time".
    """
    text = _as_text(value)
    match = _WEIGHT.fullmatch(text)
    number = Fraction(match["number"]) * 1000 if match else None
    if number is None or number.denominator != 1 or number > 100_000:
        raise ValueError(
            f"not a weight: {text!r}; write a number from 0 to 100 with at most three decimals, such as 0.15"
        )
    return int(number)


def _as_text(value: object) -> str:
    match value:
        case str():
            return value.strip()
        case float():
            return f"{value:.6f}".rstrip("0").rstrip(".")
        case int() if not isinstance(value, bool):
            return str(value)
    raise ValueError(f"not an amount: {value!r}")
