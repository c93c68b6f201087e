"""What the values of the campus file are made of: days, times, lengths and amounts, each with its own mistake."""

from __future__ import annotations

import datetime as dt
import re
from fractions import Fraction
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from jupyterhub_edu.domain.allowances import GPU_HOUR, Allowance, parse_allowance
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.quantities import (
    Cpu,
    Memory,
    parse_cpu,
    parse_memory,
    parse_weight,
)

__all__ = [
    "YEARS",
    "AllowanceText",
    "ClockTime",
    "Count",
    "CourseRoleWord",
    "CpuAmount",
    "Day",
    "Duration",
    "GpuHours",
    "MemoryAmount",
    "Percent",
    "SiteRoleWord",
    "Text",
    "Weekday",
    "Weight",
    "role_of",
]

_DURATION: Final = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)
_PERCENT: Final = re.compile(r"(\d{1,3})%", re.ASCII)
_HOURS: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?", re.ASCII)
_TIME: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
YEARS: Final = 1970, 2999
"""Between which there is teaching."""


def _duration(value: object) -> object:
    if isinstance(value, dt.timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
    if match is None:
        raise ValueError("not a length of time; write for example 30s, 5m, 4h or 1d")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    try:
        return dt.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise ValueError("longer than any time can be; write for example 4h") from None


def _percent(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("not a percentage; write for example 30%")
    return int(match[1])


def _day(value: object) -> object:
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            value = dt.date.fromisoformat(value)
        except ValueError:
            raise ValueError("no such day; write year-month-day, for example 2026-08-17") from None
    if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
        raise ValueError("not a day; write year-month-day, for example 2026-08-17")
    if not YEARS[0] <= value.year <= YEARS[1]:
        raise ValueError(f"no teaching in {value.year}; write a year from 1970 to 2999")
    return value


def _time(value: object) -> object:
    if isinstance(value, dt.time):
        return value
    if isinstance(value, str) and _TIME.fullmatch(value):
        return dt.time.fromisoformat(value)
    raise ValueError(
        'not a time; write hours and minutes in quotes, such as "08:15"; midnight is "00:00"'
    )


def _gpu_hours(value: object) -> object:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match = _HOURS.fullmatch(str(value)) if number else None
    if match is None:
        raise ValueError("not a number of hours; write for example 10 or 2.5")
    return int(Fraction(match[0]) * GPU_HOUR)


def _text(value: object) -> object:
    if isinstance(value, str):
        if not value.strip():
            raise ValueError("is empty; write some text or leave the key out")
        if not value.isprintable():
            raise ValueError("holds line breaks or control characters; write one line")
    return value


def _allowance(value: object) -> object:
    return value if isinstance(value, Allowance) else parse_allowance(str(value))


Text = Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=1000)]
Duration = Annotated[
    dt.timedelta,
    BeforeValidator(_duration),
    WithJsonSchema(
        {"type": "string", "pattern": r"^(\d+d)?(\d+h)?(\d+m)?(\d+s)?$", "examples": ["4h", "5m"]}
    ),
]
Percent = Annotated[
    int,
    BeforeValidator(_percent),
    WithJsonSchema({"type": ["string", "integer"], "pattern": r"^\d{1,3}%$", "examples": ["30%"]}),
]
Day = Annotated[
    dt.date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})
]
ClockTime = Annotated[
    dt.time,
    BeforeValidator(_time),
    WithJsonSchema(
        {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$", "examples": ["10:15"]}
    ),
]
CpuAmount = Annotated[
    Cpu,
    BeforeValidator(lambda value: value if isinstance(value, Cpu) else parse_cpu(value)),
    WithJsonSchema({"type": ["number", "string"], "examples": [2, 0.25, "250m"]}),
]
MemoryAmount = Annotated[
    Memory,
    BeforeValidator(lambda value: value if isinstance(value, Memory) else parse_memory(value)),
    WithJsonSchema({"type": ["integer", "string"], "examples": ["512Mi", "2Gi"]}),
]
Weight = Annotated[
    int,
    BeforeValidator(parse_weight),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 100, "examples": [1, 0.15]}),
]
AllowanceText = Annotated[
    Allowance,
    BeforeValidator(_allowance),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\d+(\.\d{1,3})?h per (day|week|term)$",
            "examples": ["10h per week", "400h per term"],
        }
    ),
]
GpuHours = Annotated[
    int,
    BeforeValidator(_gpu_hours),
    WithJsonSchema({"type": "number", "minimum": 0, "examples": [10, 2.5]}),
]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
CourseRoleWord = Literal["teacher", "assistant", "student", "observer"]
SiteRoleWord = Literal["guest", "student", "teacher", "manager", "admin"]
Weekday = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def role_of(word: str) -> CourseRole:
    """The course role that a word of the file names."""
    return CourseRole[word.upper()]
