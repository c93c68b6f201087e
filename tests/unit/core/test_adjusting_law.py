"""Laws of adjustments, over random edits of the file and of the desk in any order."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from jupyterhub_edu import campus
from jupyterhub_edu.core.adjusting import AboveCeiling, CannotAdjust, FieldLocked
from jupyterhub_edu.domain.adjustments import merged
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.identity import SOURCE_TYPES
from tests.unit.campus.conftest import ENVIRON
from tests.unit.core.test_adjusting import FILE, LAB, World

EDITS = (
    (),
    ("title: Machine Learning", "title: ML"),
    ("    caps: {student: {servers: 2, t4: 2}}\n", ""),
    ("    codes: [INF4490]\n", "    codes: [INF4490]\n    locked: [title, windows]\n"),
    ("    quota: {t4: {nominal: 2, borrow: 1}}", "    quota: {t4: {nominal: 1}}"),
    ("count: 6", "count: 4"),
    ("  intro:\n    term: h26\n    quota: {t4: 2}\n", ""),
    ("  intro:\n", "  intro:\n    offers: {student: [gpu]}\n"),
)
VALUES: dict[str, list[Any]] = {
    "title": ["A", "B", None],
    "offers.student": [["gpu"], ["gpu", "notebook"], ["notebook"], None],
    "caps.student": [{"servers": 2, "t4": 2}, {"servers": 1, "t4": 0}, {"servers": True}],
    "allowance.person": ["5h per week", "20h per week", "2h per day"],
    "windows": [[LAB], [LAB, {**LAB, "days": ["Fri"], "reserve": {"t4": 1}}], []],
    "quota.t4": [1, 3, {"nominal": 2, "borrow": 1}],
    "until": ["2026-12-01", "2026-11-20"],
}


class Laws:
    def __init__(self, world: World, seed: int) -> None:
        self.world, self.chance = world, random.Random(seed)  # noqa: S311 - no secret
        self.text = FILE
        self.kept: dict[str, tuple[Any, Any]] = {}

    async def step(self) -> None:
        match self.chance.randrange(6):
            case 0:
                await self.edit()
            case 1:
                await self.drop()
            case 2:
                self.world.core.clock.pass_(hours=1)  # type: ignore[attr-defined]
                await self.world.core.adjustments.tend()
            case _:
                await self.set_one()

    async def edit(self) -> None:
        text = FILE
        for edit in self.chance.sample(EDITS, 2):
            for old, new in zip(edit[::2], edit[1::2], strict=True):
                text = text.replace(old, new)
        self.text = text
        await self.world.edit(text=text)

    async def drop(self) -> None:
        if not self.kept:
            return
        course, field = self.chance.choice(list(self.kept)).split("/", 1)
        if course in self.world.core.campus.courses:
            try:
                await self.world.by("kari", course).drop(field)
            except CannotAdjust:
                return  # it would put something out of force
            del self.kept[f"{course}/{field}"]

    async def set_one(self) -> None:
        who, course = self.chance.choice([("tea", "ml"), ("kari", "ml"), ("kari", "intro")])
        field = self.chance.choice(list(VALUES))
        value, ends = self.chance.choice(VALUES[field]), None
        if course not in self.world.core.campus.courses:
            return
        if self.chance.random() < 0.3:
            ends = self.world.core.clock() + timedelta(hours=self.chance.randrange(1, 5))
        before = self.world.core.campus, self.in_force()
        try:
            one = await self.world.by(who, course).set(field, value, ends=ends)
        except (AboveCeiling, CannotAdjust, FieldLocked):
            assert self.world.core.campus is before[0]
            return
        self.kept[one.id] = (value, one.ends)
        assert one.id in self.in_force()
        assert before[1] - self.in_force() <= {one.id}, "something went out of force by it"

    def in_force(self) -> set[str]:
        adjustments = self.world.core.adjustments
        return {
            one.id
            for one in adjustments.all()
            if adjustments.in_force(one.course, one.field) is not None
        }

    async def check(self) -> None:
        core = self.world.core
        found = {one.id: (one.value, one.ends) for one in core.adjustments.all()}
        assert found == self.kept, "nothing is lost, and nothing comes by itself"
        records = await self.world.store.load_records("adjustment")
        assert {record.id for record in records} == set(self.kept)
        assert _without_digest(core.campus) == _without_digest(self.merged())

    def merged(self) -> Campus:
        """The campus of a file in which stands what is in force."""
        data = yaml.safe_load(self.text)
        for one in self.world.core.adjustments.all():
            if one.id in self.in_force():
                course = data["courses"][one.course]
                data["courses"][one.course] = merged(course, one.field, one.value)
        folder, now = self.world.folder, self.world.core.clock()
        return campus.load_data(
            data, "merged", SOURCE_TYPES, environ=ENVIRON, now=now, folder=folder
        ).campus


def _without_digest(campus: Campus) -> list[object]:
    return [campus.courses, campus.people, campus.flavors, campus.profiles, campus.ceilings]


@pytest.mark.parametrize("seed", range(4))
async def test_file_and_adjustments_are_one_file(tmp_path: Path, seed: int) -> None:
    world = await World(tmp_path).open()
    laws = Laws(world, seed)

    for _ in range(40):
        await laws.step()
        await laws.check()

    again = await world.restarted(laws.text)
    assert again.core.campus.courses == world.core.campus.courses
    await world.edit(text=FILE)
    for one in list(world.core.adjustments.all()):
        await world.by("kari", one.course).drop(one.field)
    assert world.core.campus == world.read(FILE).campus
