"""Exams as records of the store, each with one of its own for whoever is listed or has extra time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from jupyterhub_edu.domain.exams import Exam
from jupyterhub_edu.ports import Record

from .kept import instant, number, reading, text, texts

__all__ = ["EXAM", "SITTER", "Prepared", "read_exam", "records_of", "tag_of"]

EXAM, SITTER = "exam", "sitter"
"""Kinds of records: one for each exam, one for each person that it names."""
_SECOND: Final = timedelta(seconds=1)


class Prepared(NamedTuple):
    """One exam with what a decision does not ask.

    Attributes:
        by: hub account of whoever prepared it.
        at: when, an aware UTC instant.
    """

    exam: Exam
    by: str
    at: datetime


def tag_of(prepared: Prepared) -> str:
    """The same text for the same exam, another for one that somebody has changed."""
    exam = prepared.exam
    extra = sorted((key, time // _SECOND) for key, time in exam.extra.items())
    said = [exam.id, _body(prepared), prepared.by, sorted(exam.participants or ()), extra]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]


def records_of(prepared: Prepared) -> list[Record]:
    """What is kept of an exam: itself first."""
    exam, listed = prepared.exam, prepared.exam.participants or frozenset()
    return [
        Record(EXAM, exam.id, _body(prepared), by=prepared.by),
        *(
            Record(
                SITTER,
                f"{exam.id} {key}",
                {
                    "exam": exam.id,
                    "listed": key in listed,
                    "extra_seconds": exam.extra.get(key, timedelta(0)) // _SECOND,
                },
                whose=key,
            )
            for key in sorted({*listed, *exam.extra})
        ),
    ]


def _body(prepared: Prepared) -> dict[str, Any]:
    exam, _, at = prepared
    return {
        "course": exam.course,
        "title": exam.title,
        "starts": exam.starts.isoformat(),
        "ends": exam.ends.isoformat(),
        "profile": exam.profile,
        "image": exam.image,
        "options": dict(exam.options),
        "listed": exam.participants is not None,
        "closed": exam.closed.isoformat() if exam.closed is not None else None,
        "at": at.isoformat(),
    }


def read_exam(record: Record, sitters: Iterable[Record]) -> Prepared:
    """The exam of a record.

    Args:
        sitters: the records of those whom it names.

    Raises:
        StoreError: one of them cannot be read.
    """
    listed, extra = set[str](), dict[str, timedelta]()
    for sitter in sitters:
        with reading(sitter):
            if _flag(sitter.body["listed"]):
                listed.add(sitter.whose)
            if seconds := number(sitter.body["extra_seconds"]):
                extra[sitter.whose] = seconds * _SECOND
    with reading(record):
        body = record.body
        closed = body["closed"]
        exam = Exam(
            id=record.id,
            course=text(body["course"]),
            starts=instant(body["starts"]),
            ends=instant(body["ends"]),
            profile=text(body["profile"]),
            image=text(body["image"]),
            options=MappingProxyType(texts(body["options"])),
            participants=frozenset(listed) if _flag(body["listed"]) else None,
            extra=MappingProxyType(extra),
            closed=None if closed is None else instant(closed),
            title=text(body.get("title", "")),
        )
        return Prepared(exam, record.by, instant(body["at"]))


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise ValueError(f"not true or false: {value!r}")
    return value
