"""What is in the fake Moodle: people, courses, enrolments, and what the service account may."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

SERVICE = 42
"""Id of the service account."""

CAPABILITIES = frozenset(
    {
        "webservice/rest:use",
        "moodle/course:view",
        "moodle/course:viewparticipants",
        "moodle/user:viewdetails",
        "moodle/user:viewalldetails",
        "moodle/site:accessallgroups",
        "moodle/course:enrolreview",
        "moodle/course:viewhiddencourses",
    }
)
"""What the service account needs."""

NO_GROUPS, SEPARATE_GROUPS, VISIBLE_GROUPS = 0, 1, 2

ROLES = {"manager": 1, "coursecreator": 2, "editingteacher": 3, "teacher": 4, "student": 5}


@dataclass
class User:
    """An account."""

    id: int
    username: str
    firstname: str
    lastname: str
    password: str = ""
    idnumber: str = ""
    email: str = ""
    suspended: bool = False
    deleted: bool = False

    @property
    def fullname(self) -> str:
        return f"{self.firstname} {self.lastname}"


@dataclass
class Category:
    """A category of courses."""

    id: int
    name: str


@dataclass
class Course:
    """A course; groups by id."""

    id: int
    shortname: str
    fullname: str
    idnumber: str = ""
    category: int = 1
    visible: bool = True
    groupmode: int = NO_GROUPS
    groups: dict[int, str] = field(default_factory=dict)


@dataclass
class Enrolment:
    """One person in one course; roles are those of the course's own context, which may be none."""

    roles: list[str] = field(default_factory=lambda: ["student"])
    groups: set[int] = field(default_factory=set)
    suspended: bool = False
    starts: float = 0
    ends: float = 0

    def is_active(self, now: float) -> bool:
        return not self.suspended and self.starts <= now and not (self.ends and self.ends <= now)


@dataclass
class Site:
    """A whole Moodle.

    Attributes:
        wwwroot: the address by which it calls itself; set by the server unless given.
        release: 4.3 or 5.1; later ones call their exceptions differently and send more names.
        custom_roles: names of further roles by shortname.
        redirect_uris: what is registered for the client.
        functions: what the service offers; None: everything that is known.
    """

    users: dict[int, User] = field(default_factory=dict)
    courses: dict[int, Course] = field(default_factory=dict)
    categories: dict[int, Category] = field(default_factory=lambda: {1: Category(1, "Category 1")})
    enrolments: dict[tuple[int, int], Enrolment] = field(default_factory=dict)
    custom_roles: dict[str, str] = field(default_factory=dict)
    token: str = "0123456789abcdef0123456789abcdef"
    capabilities: set[str] = field(default_factory=lambda: set(CAPABILITIES))
    functions: set[str] | None = None
    owner_is_admin: bool = False
    webservices: bool = True
    release: str = "4.3"
    wwwroot: str = ""
    client_id: str = "jupyterhub"
    client_secret: str = "fake-client-secret"
    redirect_uris: list[str] = field(default_factory=list)
    clock: Callable[[], float] = time.time

    def may(self, capability: str) -> bool:
        return capability in self.capabilities

    def by_username(self, username: str) -> User | None:
        found = (u for u in self.users.values() if u.username == username and not u.deleted)
        return next(found, None)

    def members(self, course: int) -> Iterator[tuple[User, Enrolment]]:
        """Whoever is enrolled, active or not, by id; a deleted account is enrolled nowhere."""
        found = {user: e for (of, user), e in list(self.enrolments.items()) if of == course}
        for user, enrolment in sorted(found.items()):
            if not self.users[user].deleted:
                yield self.users[user], enrolment

    def courses_of(self, user: int) -> Iterator[tuple[Course, Enrolment]]:
        for (course, of), enrolment in self.enrolments.items():
            if of == user:
                yield self.courses[course], enrolment

    def role_row(self, shortname: str) -> dict[str, object]:
        """A role as web services tell it: the default ones have no name."""
        known = [*ROLES, *self.custom_roles]
        number = ROLES.get(shortname, 20 + known.index(shortname))
        name = self.custom_roles.get(shortname, "")
        return {"roleid": number, "name": name, "shortname": shortname, "sortorder": 0}


def a_site() -> Site:
    """A small school: two courses, a hidden one, an empty one, and everybody whom Moodle tells in an odd way."""
    site = Site()
    site.categories[2] = Category(2, "Archive")
    people = [
        User(SERVICE, "wshub", "Web", "Service"),
        User(3, "ada", "Ada", "Berg", "ada's password", "SIS-3", "ada@example.edu"),
        User(4, "ben", "Ben", "Dahl", "ben's password", "SIS-4", "ben@example.edu"),
        User(5, "tea", "Tea", "Assist", "tea's password", "EMP-5", "tea@example.edu"),
        User(6, "pro", "Pro", "Fessor", "pro's password", "EMP-6", "pro@example.edu"),
        User(7, "sus", "Sus", "Pended", "sus's password", "SIS-7", suspended=True),
        User(8, "late", "Lat", "Ecomer", "late's password", "SIS-8"),
        User(9, "zoe.mller", "Zoë", "Müller-Łukasz", "zoe's password"),
    ]
    site.users = {user.id: user for user in people}
    groups = {1: "Lab A", 2: "Lab B"}
    site.courses = {
        2: Course(
            2, "DS101", "Data Science", "2026-DS101", groupmode=SEPARATE_GROUPS, groups=groups
        ),
        3: Course(3, "ML201", "Machine Learning", "2026-ML201"),
        4: Course(4, "DRAFT9", "A Draft", "2026-DRAFT9", visible=False),
        5: Course(5, "NEW1", "Nobody Yet", "2026-NEW1", category=2),
    }
    site.enrolments = {
        (2, 3): Enrolment(groups={1}),
        (2, 4): Enrolment(groups={2}),
        (2, 5): Enrolment(["teacher"], {1}),
        (2, 6): Enrolment(["editingteacher"]),
        (2, 7): Enrolment(),
        (2, 8): Enrolment(suspended=True),
        (3, 3): Enrolment(),
        (3, 5): Enrolment(["student", "teacher"]),
        (3, 9): Enrolment([]),
        (4, 6): Enrolment(["editingteacher"]),
        (4, 4): Enrolment(),
    }
    return site
