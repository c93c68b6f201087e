"""The form of an exam: what its fields show, and the wish that they make, as the API takes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.named import member_sections
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.exams import Exam
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.profiles import Profile
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.wire import exams as wire

from .grants import names_json
from .local_times import CannotRead, local_text, read_local

__all__ = [
    "Fields",
    "blank_fields",
    "fields_of",
    "profiles_of",
    "read_fields",
    "sections_of",
    "wish_of",
]

Fields = dict[str, str]
"""What stands in the form, by the name of each field."""
_KEYS: Final = ("title", "starts", "ends", "profile", "image", "who", "section", "people", "extra")
_BETWEEN: Final = re.compile(r"[\n,;]+")
_MINUTE: Final = timedelta(minutes=1)
_LONGEST: Final = 366 * 24 * 60
_MOST: Final = 64 * 1024
"""Characters of one field."""


def blank_fields(core: Core, course: Course) -> Fields:
    """The form of an exam that nobody has written yet."""
    first = next(iter(profiles_of(core, course)), None)
    return {
        **dict.fromkeys(_KEYS, ""),
        "profile": first.key if first is not None else "",
        "who": "all",
        **_options(core, course, None),
    }


def fields_of(core: Core, course: Course, exam: Exam) -> Fields:
    """The form of an exam as it is."""
    extra = sorted((_name(core, key), time // _MINUTE) for key, time in exam.extra.items())
    return {
        "title": exam.title,
        "starts": local_text(exam.starts, core.campus.zone),
        "ends": local_text(exam.ends, core.campus.zone),
        "profile": exam.profile,
        "image": exam.image,
        "who": "all" if exam.participants is None else "named",
        "section": "",
        "people": "\n".join(sorted(_name(core, key) for key in exam.participants or ())),
        "extra": "\n".join(f"{name} {minutes}" for name, minutes in extra),
        **_options(core, course, exam),
    }


def read_fields(before: Fields, argument: Callable[[str, str], str]) -> Fields:
    """What was typed.

    Args:
        before: the fields that there are, with what counts where the form left one out.
        argument: gives the text of a field, or what is to stand for it.

    Raises:
        CannotRead: a field is longer than anybody types.
    """
    typed = {name: argument(name, value).replace("\r\n", "\n") for name, value in before.items()}
    if max(map(len, typed.values())) > _MOST:
        raise CannotRead(say("This is longer than anybody types."))
    return typed


def wish_of(core: Core, typed: Fields, former: Fields | None) -> wire.ExamWish:
    """The wish that the fields make; of a change only what is another than it was.

    Raises:
        CannotRead: a field cannot be read; the text says which.
    """
    wish: Any = {}
    changed = {
        name for name, value in typed.items() if former is None or value != former.get(name, "")
    }
    for name in ("starts", "ends"):
        if name in changed:
            at = read_local(typed[name], core.campus.zone)
            wish[name] = at.isoformat() if at is not None else None
    if "title" in changed:
        wish["title"] = typed["title"].strip()
    if "image" in changed:
        wish["image"] = typed["image"].strip() or None
    if "profile" in changed or ("image" in changed and not wish["image"]):
        wish["profile"] = typed[
            "profile"
        ]  # and with it the profile's own image, where none is said
    prefix = f"option:{typed['profile']}:"
    options = {name: value for name, value in typed.items() if name.startswith(prefix)}
    if changed & {"profile", *options}:
        wish["options"] = {name.removeprefix(prefix): value for name, value in options.items()}
    if changed & {"who", "section", "people"}:
        wish.update(_whom(typed))
    if "extra" in changed:
        before = _extra(former["extra"]) if former is not None else {}
        now = _extra(typed["extra"])
        wish["extra"] = {**dict.fromkeys(before, 0), **now}
    found: wire.ExamWish = {key: value for key, value in wish.items() if value is not None}  # type: ignore[assignment]
    return found


def profiles_of(core: Core, course: Course) -> list[Profile]:
    """The profiles that an exam of the course may have."""
    keys = course.offers.get(CourseRole.STUDENT, ())
    return [core.campus.profiles[key] for key in keys if key in core.campus.profiles]


async def sections_of(core: Core, course: Course) -> list[str]:
    """The sections of a course in which there is somebody."""
    found = await member_sections(core.roll, course.id)
    return sorted(frozenset[str]().union(*found.values()))


def _options(core: Core, course: Course, exam: Exam | None) -> Fields:
    """A field for each option of each profile."""
    found = {}
    for profile in profiles_of(core, course):
        mine: Mapping[str, str] = (
            exam.options if exam is not None and exam.profile == profile.key else {}
        )
        for option in profile.options.values():
            found[f"option:{profile.key}:{option.key}"] = mine.get(option.key, option.default)
    return found


def _whom(typed: Fields) -> dict[str, object]:
    match typed["who"]:
        case "section":
            if not typed["section"]:
                raise CannotRead(say("Say which section."))
            return {"section": typed["section"]}
        case "named":
            names = [name.strip() for name in _BETWEEN.split(typed["people"])]
            return {"participants": [name for name in names if name]}
    return {"everybody": True}


def _extra(text: str) -> dict[str, int]:
    found = {}
    for line in filter(None, map(str.strip, _BETWEEN.split(text))):
        name, _, minutes = line.rpartition(" ")
        if not name or not re.fullmatch(r"[0-9]{1,6}", minutes) or int(minutes) > _LONGEST:
            raise CannotRead(
                say(
                    "Extra time is a name and minutes, such as “ada 30”, and not {line}.",
                    line=repr(line),
                )
            )
        found[name.strip()] = int(minutes)
    return found


def _name(core: Core, key: str) -> str:
    """The account, or the key of somebody who has none."""
    return names_json(core, key)["user"] or key
