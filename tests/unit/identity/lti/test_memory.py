"""What launches leave behind is bounded, and is written only when it changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

import pytest

from jupyterhub_edu.core import ForgetfulSafe
from jupyterhub_edu.identity.lti import memory as module
from jupyterhub_edu.identity.lti.claims import Context
from jupyterhub_edu.identity.lti.memory import Memory, Visit
from jupyterhub_edu.ports import StoreError

from .conftest import NOW, launched


class CountingSafe(ForgetfulSafe):
    def __init__(self) -> None:
        super().__init__()
        self.saved: Counter[str] = Counter()

    async def save(self, name: str, secret: Mapping[str, str] | None, *, whose: str = "") -> None:
        self.saved[name] += 1
        await super().save(name, secret, whose=whose)


def a_context(id: str = "2", **names: str) -> Context:
    return Context(id, tuple(names.items()), f"https://lms.example/{id}")


async def test_a_course_that_has_not_changed_is_not_written_again() -> None:
    safe = CountingSafe()
    memory = Memory("lms", safe)
    for _ in range(5):
        await memory.note_context("moodle", a_context(label="ml"))
    assert safe.saved == {"lms:.context/moodle/2": 1, "lms:.contexts/moodle": 1}
    await memory.note_context("moodle", a_context(label="ml2"))
    assert safe.saved["lms:.context/moodle/2"] == 2


async def test_the_newest_courses_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_CONTEXTS", 3)
    safe = CountingSafe()
    memory = Memory("lms", safe)
    for id in ("1", "2", "3", "1", "4"):
        await memory.note_context("moodle", a_context(id))
    assert list(await memory.contexts("moodle")) == ["3", "1", "4"]
    assert list(await Memory("lms", safe).contexts("moodle")) == ["3", "1", "4"]
    assert await safe.load("lms:.context/moodle/2") is None


async def test_a_visit_lies_under_the_persons_key_and_is_written_once_an_hour() -> None:
    safe = CountingSafe()
    memory = Memory("lms", safe)
    for minutes in (0, 10, 20, 59):
        at = NOW + timedelta(minutes=minutes)
        await memory.note_visit("moodle/3", Visit("2", at, instructor=False))
    assert safe.saved == {"lms:moodle/3": 1}
    await memory.note_visit("moodle/3", Visit("2", NOW + timedelta(hours=2), instructor=False))
    await memory.note_visit("moodle/3", Visit("2", NOW + timedelta(hours=2), instructor=True))
    assert safe.saved == {"lms:moodle/3": 3}
    kept = await Memory("lms", safe).visits("moodle/3")
    assert kept == (Visit("2", NOW + timedelta(hours=2), instructor=True),)


async def test_a_persons_newest_courses_are_kept() -> None:
    memory = Memory("lms", ForgetfulSafe())
    for number in range(40):
        await memory.note_visit("moodle/3", Visit(str(number), NOW, instructor=False))
    assert [visit.context for visit in await memory.visits("moodle/3")] == [
        str(number) for number in range(24, 40)
    ]


async def test_people_beyond_the_bound_are_read_from_the_safe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_MOST_PEOPLE", 10)
    memory = Memory("lms", ForgetfulSafe())
    for number in range(50):
        await memory.note_visit(f"moodle/{number}", Visit("2", NOW, instructor=False))
    assert len(memory._visits) == 10
    assert await memory.visits("moodle/0")


async def test_a_launch_that_cannot_be_remembered_is_a_launch(make, moodle, safe, caplog) -> None:
    async def broken(name: str, secret: Mapping[str, str] | None) -> None:
        raise StoreError("the disk is full")

    safe.save = broken
    assert (await launched(make(), moodle)).login == "stu"
    assert "the disk is full" in caplog.text
