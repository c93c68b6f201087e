"""Calls that could succeed: by somebody who may, with names that answers have given, and with bodies that mean something."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

from jupyterhub_edu.desk.calls import Call
from jupyterhub_edu.desk.refusals import Code

from .api_world import CALLS, ApiWorld, Reply
from .bodies import bodies

__all__ = ["Meant", "Wish", "label"]

STAFF: Final[Mapping[str, str]] = {"ml": "tea", "db": "ben"}
STUDENT: Final[Mapping[str, str]] = {"ml": "stu", "db": "bob"}
ADMIN, LEARNER = "kari", "stu"
_KEYS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("exams", "grants", "helps", "imports", "join-requests", "messages"), "id"),
    **dict.fromkeys(("requests", "stops", "windows"), "id"),
    "limits": "field",
    "people": "person",
}
"""What a row of a list is named by."""
_COURSE: Final = {
    "title": "Operating Systems",
    "term": "h26",
    "join": ["ask", "code"],
    "offers": {"student": ["notebook"]},
}


class Wish(NamedTuple):
    """One call, by whom."""

    call: Call
    who: str
    parameters: dict[str, str]
    query: dict[str, Any]
    body: Any
    seen: str | None


def label(call: Call) -> str:
    """As the document names it."""
    return f"{call.method.upper()} {call.path}"


class Meant:
    """What is known of a world by its answers, and calls made of that.

    Attributes:
        known: names, by course and by the part of an address before them, such as ``("ml", "grants")``.
    """

    def __init__(self, world: ApiWorld) -> None:
        self._world = world
        self.known: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self._courses, self._tags = [*STAFF], dict[str, str]()
        self._codes: list[str] = []
        self._fresh: list[tuple[str, str]] = []
        for course, names in (("ml", world.own), ("db", world.named)):
            for what in ("grants", "exams", "messages", "helps"):
                if name := names.get(what.removesuffix("s")):
                    self.known[course, what].append(name)
            self.known[course, "limits"] += ["title", "offers.student"]
            for what in ("servers", "session"):
                self.known[course, what].append(STUDENT[course])
            self.known[course, "people"] += [self._key(STUDENT[course]), "ad:somebody-new"]

    def founding(self) -> Wish:
        """A course of the desk's own, which people may ask to join."""
        (call,) = (one for one in CALLS if label(one) == "POST /edu/campus/courses")
        return Wish(call, ADMIN, {}, {}, {"key": "os", "course": _COURSE}, None)

    def wish(self, pick: Callable[[Sequence[Any]], Any]) -> Wish:
        """Any call, for which what it needs is there as far as that is known.

        Args:
            pick: chooses one of several.
        """
        course, part = pick([("", ""), *self._fresh[-2:]])
        course = course or pick(self._courses)
        call: Call = pick(
            [one for one in CALLS if f"/{part}" in one.path and self._can(one, course)]
        )
        parameters = {
            name: pick(words or self._names(call, name, course))
            for name, words in call.parameters.items()
        }
        who = pick(self._who(call, course, parameters))
        path = self._world.path_of(call, parameters)
        wanted = self._bodies(course).get(label(call)) or bodies(call.operation.takes)
        query = {}
        if call.operation.query is not None:
            query = {**bodies(call.operation.query)[0]}
            query |= {"course": course} if "course" in query else {}
            query |= {"person": STUDENT.get(course, LEARNER)} if "person" in query else {}
        body = pick(wanted)
        return Wish(call, who, parameters, query, body, self._tags.get(path))

    def note(self, wish: Wish, reply: Reply) -> None:
        """Learn the names and tags of an answer."""
        path = self._world.path_of(wish.call, wish.parameters)
        if "ETag" in reply.headers:
            self._tags[path] = reply.headers["ETag"]
        told = reply.json
        if reply.status >= 300:
            return
        if (
            isinstance(told, dict)
            and wish.call.path.endswith(("/campus/courses", "/copy"))
            and reply.status == 201
        ):
            self._courses.append(told["id"])
        if wish.call.path.endswith("/join-code") and isinstance(told, dict):
            self._codes += filter(None, [told.get("code")])
            self._fresh.append(("", "join"))
        course = wish.parameters.get("course", "")
        if label(wish.call) == "POST /edu/join/{course}":
            self._fresh.append((course, "join-requests"))
        for part in filter(_KEYS.__contains__, wish.call.path.split("/")):
            for row in _rows(told):
                name = row.get(_KEYS[part])
                kept = self.known[row.get("course") or course, part]
                if isinstance(name, str) and name not in kept:
                    kept.append(name)
                    self._fresh.append((course, f"{part}/{{"))
                    if part == "imports" and "ETag" in reply.headers:
                        self._tags[f"{path}/{name}"] = reply.headers["ETag"]

    # -- inside ----------------------------------------------------------------------------------------------------

    def _key(self, login: str) -> str:
        return self._world.person(login).key

    def _can(self, call: Call, course: str) -> bool:
        """Whether everything that its address names is known."""
        return all(
            words or self._names(call, name, course) for name, words in call.parameters.items()
        )

    def _names(self, call: Call, name: str, course: str) -> Sequence[str]:
        """What is known to stand in this place of an address, what came last."""
        if name in {"course", "server", "source"}:
            return [{"course": course, "server": "", "source": "ad"}[name]]
        parts = call.path.split("/")
        before = parts[parts.index(f"{{{name}}}") - 1]
        if "course" in call.parameters:
            known = self.known[course, before]
        else:
            known = [one for key, its in [*self.known.items()] if key[1] == before for one in its]
        return known[-5:]

    @staticmethod
    def _who(call: Call, course: str, parameters: Mapping[str, str]) -> Sequence[str]:
        if Code.ADMINS_ONLY in call.operation.refuses:
            return [ADMIN]
        if call.area == "session":
            return [parameters["user"]]
        if call.area == "helps" and "course" not in call.parameters:
            return [*STAFF.values(), *STUDENT.values()]
        if "course" in call.parameters and call.operation.act is not None:
            return [STAFF.get(course, ADMIN), STAFF.get(course, ADMIN), ADMIN, LEARNER]
        return ["sue"] if call.area == "line" else [LEARNER, LEARNER, "tea", ADMIN]

    def _at(self, **later: float) -> str:
        return (self._world.clock() + timedelta(**later)).isoformat()

    def _bodies(self, course: str) -> dict[str, list[Any]]:
        """By call; in the world's time and with the course's people."""
        of, student = "/edu/courses/{course}", STUDENT.get(course, LEARNER)
        exam = {"starts": self._at(hours=1), "ends": self._at(hours=2), "profile": "notebook"}
        people: dict[str, Any] = {
            "starts": self._at(hours=-1),
            "ends": self._at(days=20),
            "why": "x",
        }
        lecture = {"days": ["Tue"], "from": "10:15", "until": "12:00", "reserve": {"t4": 1}}
        return {
            "POST /edu/campus/courses": [
                {"key": key, "course": _COURSE} for key in ("nets", "logic")
            ],
            f"POST {of}/copy": [
                {"key": "again", "title": "Again", "starts": "2026-12-01", "until": "2027-02-01"},
                {"key": "once-more", "term": "h26", "staff": True},
            ],
            f"PUT {of}/class-start": [{}, {"profile": "notebook"}, {"at": self._at(minutes=10)}],
            f"POST {of}/exams": [
                exam,
                {**exam, "participants": [student], "extra": {student: 15}},
                {**exam, "starts": self._at(days=2), "ends": self._at(days=2, hours=6)},
                {**exam, "dry_run": True},
            ],
            f"PATCH {of}/exams/{{exam}}": [
                {"title": "Midterm"},
                {"ends": self._at(days=7, hours=3)},
                {"participants": [student], "extra": {student: 10}},
                {"everybody": True, "dry_run": True},
            ],
            f"POST {of}/grants": [
                {"hours": 1, "person": student},
                {"hours": 20, "person": student},
                {"offer": "gpu", "person": student, "ends": self._at(days=1)},
                {"servers": 2, "why": "x"},
                {"devices": 1, "flavor": "t4", "starts": self._at(days=1)},
                {"longest": 600, "profile": "notebook"},
            ],
            f"POST {of}/helps": [{"user": student}],
            f"POST {of}/imports": [
                {"csv": f"person\n{one}\n", "missing": missing}
                for one in ("nils", "sue", "nobody-such")
                for missing in ("keep", "remove")
            ],
            f"PUT {of}/join-code": [{"ends": self._at(days=7), "most": 20}],
            "POST /edu/join": [{"code": code} for code in self._codes[-3:]],
            f"POST {of}/join-requests/{{id}}": [
                {"approve": True},
                {"approve": False, "words": "x"},
            ],
            f"PATCH {of}/limits": [
                {"field": "offers.student", "value": ["notebook", "gpu"], "why": "x"},
                {"field": "offers.student", "value": None, "ends": self._at(days=1)},
                {"field": "caps.student", "value": {"servers": 2}},
                {"field": "allowance.person", "value": "30h per week"},
                {"field": "title", "value": "Another title"},
            ],
            f"POST {of}/messages": [
                {"text": "Hello", "all": True},
                {"text": "Hello", "on": True, "minutes": 5},
                {"text": "Hello", "person": student},
            ],
            f"POST {of}/people": [
                {"person": "nils", "role": "student", **people},
                {"person": "sue", "role": "assistant"},
                {"person": "ad:another-new", "role": "student"},
                {"person": "99123", "role": "student"},
                {"person": student, "exclude": True, "ends": self._at(days=1)},
            ],
            f"PUT {of}/people/{{person}}": [
                {"role": "student", **people},
                {"role": "assistant"},
                {"exclude": True},
            ],
            f"POST {of}/requests": [
                {"kind": "grant", "wish": {"hours": 50, "person": student}, "why": "x"},
                {"kind": "exam", "wish": {**exam, "ends": self._at(hours=9)}},
                {"kind": "window", "wish": {"window": {**lecture, "reserve": {"t4": 4}}}},
                {"kind": "adjust", "wish": {"field": "allowance.person", "value": "50h per week"}},
            ],
            "POST /edu/requests/{request}": [{"approve": True}, {"approve": False, "words": "x"}],
            **{
                f"PATCH {of}/servers/{{user}}{more}": [
                    {"until": self._at(hours=hours)} for hours in (8.5, 9, 9.5)
                ]
                for more in ("", "/{server}")
            },
            f"POST {of}/starts": [
                {"person": who, "profile": "notebook"} for who in (student, "sue", "nils")
            ],
            f"POST {of}/stops": [{"all": True}],
            f"POST {of}/windows": [
                {"window": lecture},
                {
                    "window": {"dates": ["2026-11-24"], "from": "10:15", "until": "12:00"},
                    "why": "x",
                },
                {"window": lecture, "instead_of": [*self.known[course, "windows"], "x"][-2]}
                if self.known[course, "windows"]
                else {"window": {"days": ["Fri"], "only": ["notebook"]}},
            ],
            "POST /edu/line": [
                {"course": course, "profile": "notebook"},
                {"course": "ml", "profile": "gpu"},
            ],
        }


def _rows(told: Any) -> Iterator[Mapping[str, Any]]:
    """An answer, and the rows of the lists in it."""
    if isinstance(told, dict):
        yield told
        told = [row for value in told.values() if isinstance(value, list) for row in value]
    if isinstance(told, list):
        yield from (row for row in told if isinstance(row, dict))
