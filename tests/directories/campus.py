"""A generated campus: three courses, sixty students and their staff. The same seed gives the same campus."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

COURSES = ("ml", "intro", "stat")
TERM = "h26"
STUDENTS = 60
_GIVEN = (
    "Ola",
    "Kari",
    "Zoë",
    "Ådne",
    "Mia",
    "Jonas",
    "Nora",
    "Søren",
    "Lea",
    "Emil",
    "Ida",
    "Per",
)
_FAMILY = ("Berg", "Lund", "Müller", "Haugen", "Østby", "Dahl", "Núñez", "Vik", "Moe", "O'Neil")


@dataclass(frozen=True)
class Somebody:
    """One person: ``roles`` by course; ``nested`` are the courses where they stand in a group inside the group."""

    login: str
    given: str
    family: str
    password: str
    roles: dict[str, str]
    nested: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return f"{self.given} {self.family}"


@dataclass(frozen=True)
class Campus:
    """People by login; groups by name with the logins and the groups in them."""

    seed: int
    people: dict[str, Somebody]
    members: dict[str, list[str]] = field(default_factory=dict)
    inside: dict[str, list[str]] = field(default_factory=dict)

    def group_names(self, login: str, *, nested: bool) -> set[str]:
        """The names of the groups that somebody is in; the oracle of the tests."""
        found = {name for name, logins in self.members.items() if login in logins}
        while nested:
            more = {outer for outer, inner in self.inside.items() if found & set(inner)}
            if more <= found:
                break
            found |= more
        return found

    def some(self, role: str, course: str = "ml", *, nested: bool = False) -> Somebody:
        """Somebody who is only this, by direct membership or by a group in the group."""
        for person in self.people.values():
            if person.roles == {course: role} and (course in person.nested) == nested:
                return person
        raise LookupError(f"nobody is only {role} of {course}")

    @property
    def both(self) -> Somebody:
        """The teacher of one course who studies another."""
        return self.people["both"]


def group_name(course: str, role: str) -> str:
    """The directory's name of a course's group: ml, ml-ta, ml-staff."""
    return course + {"student": "", "assistant": "-ta", "teacher": "-staff"}[role]


def make_campus(seed: int) -> Campus:
    """Make a campus.

    Always holds: every course has a teacher, an assistant, students in the group itself and students in a group inside
    it; ``both`` teaches ml and studies stat; groups inside groups go round in a circle once (ml-g1 holds ml).
    """
    chance = random.Random(seed)  # noqa: S311
    people = {person.login: person for person in _everybody(chance)}
    members: dict[str, list[str]] = {"lecturers": []}
    for person in people.values():
        for course, role in person.roles.items():
            name = f"{course}-g1" if course in person.nested else group_name(course, role)
            members.setdefault(name, []).append(person.login)
        if "teacher" in person.roles.values():
            members["lecturers"].append(person.login)
    inside = {course: [f"{course}-g1"] for course in COURSES}
    inside["ml-g1"] = ["ml"]
    return Campus(seed, people, members, inside)


def _everybody(chance: random.Random) -> Iterator[Somebody]:
    def somebody(login: str, roles: dict[str, str], nested: frozenset[str]) -> Somebody:
        password = f"Pw-{chance.getrandbits(48):012x}-æ"
        given, family = chance.choice(_GIVEN), chance.choice(_FAMILY)
        return Somebody(login, given, family, password, roles, nested)

    for course in COURSES:
        yield somebody(f"t-{course}", {course: "teacher"}, frozenset())
        yield somebody(f"a-{course}", {course: "assistant"}, frozenset())
        yield somebody(f"s-{course}", {course: "student"}, frozenset())
        yield somebody(f"n-{course}", {course: "student"}, frozenset({course}))
    yield somebody("both", {"ml": "teacher", "stat": "student"}, frozenset())
    yield somebody("nobody-yet", {}, frozenset())
    for number in range(2 * len(COURSES) + 1, STUDENTS):
        courses = chance.sample(COURSES, chance.choice((1, 1, 1, 2, 3)))
        nested = frozenset(course for course in courses if chance.random() < 0.3)
        yield somebody(f"s{number:02}", dict.fromkeys(courses, "student"), nested)
