"""A campus of any size, with everybody enrolled and some at work; made from a seed, the same each time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from jupyterhub_edu.core.book import Book
from jupyterhub_edu.core.roll import Roll
from jupyterhub_edu.domain.campus import Campus, SourceInfo
from jupyterhub_edu.domain.courses import Caps, Course, Quota
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import (
    CourseClaim,
    CourseRef,
    CourseRole,
    Enrolment,
    Identity,
    Person,
)
from jupyterhub_edu.domain.profiles import Amounts, Choice, Flavor, Option, Profile
from jupyterhub_edu.domain.quantities import Cpu, Memory
from jupyterhub_edu.domain.rules import CourseRule, map_pattern
from jupyterhub_edu.ports import PodSighting, Stock
from jupyterhub_edu.store.memory import MemoryStore

__all__ = ["NOW", "SEED", "StillInventory", "a_book", "a_campus"]

SEED = 20261103
NOW = datetime(2026, 11, 3, 10, 0, tzinfo=UTC)
_NODES = 50
_GIB = 1024**3
_ROLES = [CourseRole.STUDENT] * 18 + [CourseRole.ASSISTANT, CourseRole.TEACHER]


class StillInventory:
    """Fifty nodes of each flavor, whose free devices change only when told."""

    kind, sees_pods = "cluster", False

    def __init__(self, free: Mapping[str, int]) -> None:
        self.free(free)

    def free(self, free: Mapping[str, int]) -> None:
        """Say how many devices each node has free."""
        names = [f"{number:02}" for number in range(_NODES)]
        self._stock = {flavor: Stock(dict.fromkeys(names, each)) for flavor, each in free.items()}

    async def start(
        self,
        on_sighting: Callable[[PodSighting], None],
        on_stock: Callable[[], None] = lambda: None,
    ) -> None: ...

    def stock(self, flavor: str) -> Stock:
        return self._stock[flavor]

    def proof_of_life(self) -> datetime | None:
        return NOW - timedelta(seconds=3)

    def pods(self) -> Mapping[str, PodSighting]:
        return {}

    async def remove(self, admission: str) -> None: ...

    async def close(self) -> None: ...


class _ForgetfulStore(MemoryStore):
    """Keeps no people: how long that takes is another question."""

    async def save_answer(
        self, person: Person, origin: str, enrolments: Iterable[Enrolment]
    ) -> None: ...


def a_profile(key: str, flavor: Flavor, devices: int) -> Profile:
    one, two = Choice("one", "One", devices=devices), Choice("two", "Two", devices=2 * devices)
    option = Option("devices", "Devices", "one", {"one": one, "two": two})
    return Profile(
        key=key,
        title=key,
        description="",
        flavor=flavor,
        amounts=Amounts(Cpu(250), Cpu(2000), Memory(_GIB), Memory(2 * _GIB), devices),
        image="registry.example/notebook:1",
        longest=timedelta(hours=4),
        options={"devices": option} if devices else {},
    )


def a_campus(courses: int) -> Campus:
    """Profiles without and with devices; every course with quota, caps and dates."""
    flavors = {
        "cpu": Flavor("cpu", "CPU"),
        "t4": Flavor("t4", "NVIDIA T4", "nvidia.com/gpu", count=50_000),
        "a100": Flavor("a100", "NVIDIA A100", "example.com/a100"),
    }
    profiles = {
        "notebook": a_profile("notebook", flavors["cpu"], 0),
        "gpu": a_profile("gpu", flavors["t4"], 1),
        "scarce": a_profile("scarce", flavors["a100"], 1),
    }
    made = {f"c{n}": _course(f"c{n}", tuple(profiles)) for n in range(courses)}
    by_id = CourseRule((("id", map_pattern("<course>", made.values(), ())),))
    return Campus(
        name="Benchmark University",
        zone=ZoneInfo("Europe/Oslo"),
        contact="it@bench.example",
        stale_after=timedelta(hours=12),
        sources={"ad": SourceInfo("ad", "roster", "Directory", courses=(by_id,))},
        rules=(),
        flavors=flavors,
        profiles=profiles,
        courses=made,
        caps=Caps(2, {"t4": 2}),
    )


def _course(id: str, profiles: tuple[str, ...]) -> Course:
    return Course(
        id=id,
        key=id,
        title=id,
        offers=dict.fromkeys(CourseRole, profiles),
        starts=NOW - timedelta(days=60),
        ends=NOW + timedelta(days=60),
        caps=dict.fromkeys(CourseRole, Caps(1, {"t4": 1, "a100": 1})),
        quota={"t4": Quota(20, 20), "a100": Quota(1, 0)},
    )


async def a_book(campus: Campus, people: int) -> tuple[Book, dict[str, list[StartRequest]]]:
    """A book over so many people, each in up to three courses; in each course one has the only scarce device.

    Returns:
        The book, and requests by what becomes of them.
    """
    chance, names = random.Random(SEED), list(campus.courses)
    roll = Roll(lambda: campus, _ForgetfulStore())
    inventory = StillInventory({"cpu": 0, "t4": 8, "a100": 10})
    book = Book(lambda: campus, roll, MemoryStore(), inventory, lambda: NOW)
    found: dict[str, list[StartRequest]] = {
        "notebook": [],
        "gpu": [],
        "refused": [],
        "outsider": [],
    }
    for number in range(people):
        mine = chance.sample(names, min(3, len(names)))
        claims = frozenset(
            CourseClaim(CourseRef(course), chance.choice(_ROLES)) for course in mine
        )
        identity = Identity("ad", f"id{number}", f"p{number}", "", NOW, claims=claims)
        person = await roll.learn(identity, f"p{number}")
        scarce = StartRequest(person.key, mine[0], "scarce")
        if book.decide(scarce).allowed:
            book.reserve(scarce, person, "")
            found["refused"].append(scarce)
        else:
            found["notebook"].append(StartRequest(person.key, mine[0], "notebook"))
            found["gpu"].append(StartRequest(person.key, mine[0], "gpu", {"devices": "one"}))
        found["outsider"].append(StartRequest(person.key, "nowhere", "gpu"))
    inventory.free({"cpu": 0, "t4": 8, "a100": 0})
    return book, found
