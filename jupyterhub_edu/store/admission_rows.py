"""Admissions to rows and back; what was granted and what was reserved are JSON objects.

Always holds:
    - what is read equals what was written;
    - nothing is guessed: a row with an unknown word or a wrong type is a StoreError that names the row.
"""

from __future__ import annotations

import json
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.allowances import Drawn, Reserved, Slot
from jupyterhub_edu.domain.decide import EndRule
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.profiles import Amounts, Granted
from jupyterhub_edu.domain.quantities import Cpu, Memory

from .values import (
    Row,
    an_object,
    instant,
    maybe,
    micros,
    reading,
    spell,
    string,
    text,
    texts,
    whole,
    word,
    writing,
)

__all__ = [
    "admission_row",
    "read_admission",
]


def admission_row(admission: Admission) -> dict[str, Any]:
    """Spell an admission; what was granted is one JSON object with units in its names."""
    with writing("admission", admission.id):
        return {
            "id": text(admission.id),
            "person": text(admission.person),
            "hub_name": text(admission.hub_name),
            "server": text(admission.server),
            "course": text(admission.course),
            "role": str(admission.role),
            "granted": _spell_granted(admission.granted),
            "own": admission.own,
            "reserved_at": micros(admission.reserved_at),
            "ends_at": maybe(micros, admission.ends_at),
            "ends_by": spell(admission.ends_by),
            "stage": str(admission.stage),
            "running_at": maybe(micros, admission.running_at),
            "ended_at": maybe(micros, admission.ended_at),
            "estimated": admission.estimated,
            "weight": admission.weight,
            "reserved": maybe(_spell_reserved, admission.reserved),
            "extended": admission.extended,
        }


def read_admission(row: Row) -> Admission:
    """Read an admission.

    Raises:
        StoreError: the row holds what this version does not know.
    """
    with reading("edu_admissions", row, "id"):
        return Admission(
            id=row["id"],
            person=row["person"],
            hub_name=row["hub_name"],
            server=row["server"],
            course=row["course"],
            role=word(CourseRole)(row["role"]),
            granted=_read_granted(row["granted"]),
            own=row["own"],
            reserved_at=instant(row["reserved_at"]),
            ends_at=maybe(instant, row["ends_at"]),
            ends_by=maybe(word(EndRule), row["ends_by"]),
            stage=word(Stage)(row["stage"]),
            running_at=maybe(instant, row["running_at"]),
            ended_at=maybe(instant, row["ended_at"]),
            estimated=row["estimated"],
            weight=whole(row["weight"]),
            reserved=maybe(_read_reserved, row["reserved"]),
            extended=whole(row["extended"]),
        )


def _spell_granted(granted: Granted) -> str:
    amounts = granted.amounts
    return json.dumps(
        {
            "profile": granted.profile,
            "flavor": granted.flavor,
            "image": granted.image,
            "options": dict(granted.options),
            "cpu_guarantee_millicores": amounts.cpu_guarantee.millicores,
            "cpu_limit_millicores": amounts.cpu_limit.millicores,
            "memory_guarantee_bytes": amounts.memory_guarantee.bytes,
            "memory_limit_bytes": amounts.memory_limit.bytes,
            "devices": amounts.devices,
            "exam": granted.exam,
        }
    )


@lru_cache(maxsize=4096)
def _read_granted(text: str) -> Granted:
    found = an_object(json.loads(text))
    amounts = Amounts(
        cpu_guarantee=Cpu(whole(found["cpu_guarantee_millicores"])),
        cpu_limit=Cpu(whole(found["cpu_limit_millicores"])),
        memory_guarantee=Memory(whole(found["memory_guarantee_bytes"])),
        memory_limit=Memory(whole(found["memory_limit_bytes"])),
        devices=whole(found["devices"]),
    )
    options = MappingProxyType(texts(found["options"]))
    image, exam = maybe(string, found["image"]), maybe(string, found.get("exam"))
    profile, flavor = string(found["profile"]), string(found["flavor"])
    return Granted(profile, flavor, amounts, image, options, exam)


def _spell_reserved(reserved: Reserved) -> str:
    """By budget and slot: a period by its first instant in microseconds, a grant by its id."""

    def spell_drawn(drawn: Drawn | None) -> dict[str, int] | None:
        if drawn is None:
            return None
        slots = {
            f"grant:{slot}" if isinstance(slot, str) else f"from:{micros(slot)}": amount
            for slot, amount in drawn.items()
        }
        return dict(sorted(slots.items()))

    return json.dumps(
        {"person": spell_drawn(reserved.person), "course": spell_drawn(reserved.course)}
    )


def _read_reserved(text: str) -> Reserved:
    found = an_object(json.loads(text))

    def read_slot(word: str) -> Slot:
        kind, _, value = word.partition(":")
        if kind not in {"grant", "from"}:
            raise ValueError(f"{word!r} is no slot of a budget")
        return value if kind == "grant" else instant(int(value))

    def read(drawn: object) -> Drawn | None:
        if drawn is None:
            return None
        return {read_slot(word): whole(amount) for word, amount in an_object(drawn).items()}

    return Reserved(read(found["person"]), read(found["course"]))
