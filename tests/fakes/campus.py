"""Builders: a campus with one course ``ml``, profiles ``notebook`` and ``gpu``, and two T4 devices.

    core = a_core(a_campus(courses=[a_course(quota={"t4": Quota(1)})]))
    ada = await enrol(core, "ada", ml=CourseRole.STUDENT)

Every builder takes the keyword arguments of what it builds; what is left out has a plain default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.campus import Campus, SourceInfo
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.people import (
    MANUAL,
    CourseRole,
    Enrolment,
    Identity,
    Person,
    person_key,
)
from jupyterhub_edu.domain.profiles import Amounts, Choice, Flavor, Option, Profile
from jupyterhub_edu.domain.quantities import Cpu, Memory
from jupyterhub_edu.domain.rules import CourseRule, map_pattern
from jupyterhub_edu.ports import Clock
from jupyterhub_edu.store.memory import MemoryStore
from tests.by_hand import put_by_hand

from .world import AClock, FakeHub, FakeInventory, FakeSource

NOW = datetime(2026, 11, 3, 10, 0, tzinfo=UTC)
"""A Tuesday in the middle of a term."""

GIB = 1024**3
CPU = Flavor(key="cpu", title="CPU")
T4 = Flavor(key="t4", title="NVIDIA T4", device="nvidia.com/gpu", count=2)


def some_amounts(
    devices: int = 0,
    *,
    cpu: tuple[int, int] = (250, 2000),
    memory: tuple[int, int] = (GIB // 2, 2 * GIB),
) -> Amounts:
    """Guarantee and limit: CPU in millicores, memory in bytes."""
    return Amounts(Cpu(cpu[0]), Cpu(cpu[1]), Memory(memory[0]), Memory(memory[1]), devices)


def a_choice(key: str, **kwargs: Any) -> Choice:
    return Choice(**{"key": key, "title": key.capitalize(), **kwargs})


def an_option(key: str, *choices: Choice, **kwargs: Any) -> Option:
    """The first choice is the default."""
    defaults = {
        "key": key,
        "title": key.capitalize(),
        "default": choices[0].key,
        "choices": {choice.key: choice for choice in choices},
    }
    return Option(**{**defaults, **kwargs})


def a_profile(key: str = "notebook", *, options: Iterable[Option] = (), **kwargs: Any) -> Profile:
    """``flavor=T4`` makes it need one device."""
    flavor = kwargs.get("flavor", CPU)
    defaults: dict[str, Any] = {
        "key": key,
        "title": key.capitalize(),
        "description": "",
        "flavor": flavor,
        "amounts": some_amounts(1 if flavor.device else 0),
        "image": f"registry.example/{key}:1",
        "longest": timedelta(hours=4),
        "options": {option.key: option for option in options},
    }
    return Profile(**{**defaults, **kwargs})


def a_course(id: str = "ml", **kwargs: Any) -> Course:
    """Students and teachers may start ``notebook`` and ``gpu``."""
    both = ("notebook", "gpu")
    defaults: dict[str, Any] = {
        "id": id,
        "key": id,
        "title": "Machine Learning" if id == "ml" else id.capitalize(),
        "offers": {CourseRole.STUDENT: both, CourseRole.ASSISTANT: both, CourseRole.TEACHER: both},
    }
    return Course(**{**defaults, **kwargs})


def a_campus(
    *,
    courses: Iterable[Course] | None = None,
    profiles: Iterable[Profile] | None = None,
    sources: Iterable[SourceInfo] | None = None,
    **kwargs: Any,
) -> Campus:
    """One source ``ad``; flavors are those of the profiles; a source's courses are called as ours are."""
    profiles = list(
        profiles if profiles is not None else (a_profile(), a_profile("gpu", flavor=T4))
    )
    sources = sources if sources is not None else [SourceInfo("ad", "fake", "Directory")]
    courses = list(courses if courses is not None else [a_course()])
    by_id = CourseRule((("id", map_pattern("<course>", courses, ())),))
    sources = [s if s.courses else replace(s, courses=(by_id,)) for s in sources]
    defaults: dict[str, Any] = {
        "name": "Test University",
        "zone": ZoneInfo("Europe/Oslo"),
        "contact": "it@test.example",
        "stale_after": timedelta(hours=12),
        "sources": {source.id: source for source in sources},
        "rules": (),
        "flavors": {profile.flavor.key: profile.flavor for profile in profiles},
        "profiles": {profile.key: profile for profile in profiles},
        "courses": {course.id: course for course in courses},
    }
    return Campus(**{**defaults, **kwargs})


def an_identity(login: str = "ada", **kwargs: Any) -> Identity:
    defaults = {
        "source": "ad",
        "subject": f"id-{login}",
        "login": login,
        "name": login.capitalize(),
        "at": NOW,
    }
    return Identity(**{**defaults, **kwargs})


def a_person(login: str = "ada", **kwargs: Any) -> Person:
    source = kwargs.get("source", "ad")
    subject = kwargs.get("subject", f"id-{login}")
    defaults: dict[str, Any] = {
        "key": person_key(source, subject),
        "hub_name": login,
        "source": source,
        "subject": subject,
        "login": login,
        "name": login.capitalize(),
        "site_role": None,
        "active": True,
        "answered_at": NOW,
    }
    return Person(**{**defaults, **kwargs})


def an_enrolment(person: str = "ad:id-ada", course: str = "ml", **kwargs: Any) -> Enrolment:
    """A student's, added by hand, without dates."""
    defaults = {"person": person, "course": course, "role": CourseRole.STUDENT, "origin": MANUAL}
    return Enrolment(**{**defaults, **kwargs})


def a_core(campus: Campus | None = None, **kwargs: Any) -> Core:
    """A core over memory: a store, a hub and an inventory that do what they are told. ``await core.ready()`` first."""
    campus = campus or a_campus()
    clock: Clock = kwargs.pop("clock", None) or AClock(NOW)
    hub = kwargs.pop("hub", None) or FakeHub()
    defaults: Mapping[str, Any] = {
        "sources": {id: FakeSource(id, clock) for id in campus.sources},
        "store": MemoryStore(),
        "inventory": FakeInventory({key: [2] for key, f in campus.flavors.items() if f.device}),
        "servers": hub,
        "groups": hub,
        "accounts": hub,
        "clock": clock,
    }
    return Core(campus, **{**defaults, **kwargs})


async def enrol(core: Core, login: str, **courses: CourseRole) -> Person:
    """Sign somebody in and enrol them by hand: ``await enrol(core, "ada", ml=CourseRole.STUDENT)``."""
    person = await core.sign_in(an_identity(login, at=core.clock()), login)
    for course, role in courses.items():
        await put_by_hand(core.roll, an_enrolment(person.key, course, role=role))
    return person
