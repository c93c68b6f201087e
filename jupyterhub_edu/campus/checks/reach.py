"""What stands in the file and nobody can ever have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.words import say

from ..mapping import caps_of, offers_of
from ..mistakes import Path
from ..models.catalogue import ChoiceModel, OptionModel, ProfileModel
from ..models.courses import CourseModel
from ..values import role_of
from .context import Checker

__all__ = ["check_reach"]


@dataclass(frozen=True, slots=True)
class _Taker:
    """Somebody of one course role in one course, and how many devices they may ever hold."""

    course: str
    role: CourseRole
    most: int | None


def check_reach(c: Checker) -> None:
    """Flavors without profile, profiles without course, choices without taker."""
    if c.at_desk:
        for key, profile in c.model.profiles.items():
            if profile.options:
                _defaults(c, ("profiles", key), profile, list(_takers(c, key, profile)))
        return
    used = {profile.flavor for profile in c.model.profiles.values()} | _broken_flavors(c)
    for key in c.model.flavors:
        if key not in used and not c.is_missed("flavor", key):
            c.wrong(("flavors", key), "no profile uses it", "take it out, or add a profile")
    offered = set(_written_offers(c))
    for key, profile in c.model.profiles.items():
        path: Path = ("profiles", key)
        takers = list(_takers(c, key, profile))
        if key not in offered and c.is_missed("profile", key):
            continue
        if key not in offered:
            c.wrong(path, "no course offers it to anybody", "name it in offers:, or take it out")
        elif takers:
            _profile(c, path, profile, takers)


def _profile(c: Checker, path: Path, profile: ProfileModel, takers: list[_Taker]) -> None:
    fewest = _fewest(profile)
    if fewest and not any(_may_hold(taker, fewest) for taker in takers):
        c.wrong(
            path,
            f"needs {fewest} {profile.flavor}, more than any count, cap or quota allows",
            "lower devices:, or raise the narrowest of them",
        )
        return
    for name, option in profile.options.items():
        for key, choice in option.choices.items():
            _choice(c, (*path, "options", name, "choices", key), choice, takers)
    _defaults(c, path, profile, takers)


def _defaults(c: Checker, path: Path, profile: ProfileModel, takers: list[_Taker]) -> None:
    for name, option in profile.options.items():
        _default(c, (*path, "options", name, "default"), option, takers)


def _choice(c: Checker, path: Path, choice: ChoiceModel, takers: list[_Taker]) -> None:
    able = [taker for taker in takers if _open_to(choice, taker.role)]
    if not able:
        roles = " or ".join(choice.course_roles)
        c.wrong(path, f"nobody can choose it: no {roles} is offered the profile", "offer it")
    elif choice.devices and not any(_may_hold(taker, choice.devices) for taker in able):
        c.wrong(
            path,
            f"nobody can choose it: {choice.devices} devices are more than any count, cap or quota allows",
            "lower devices:, or raise the narrowest of them",
        )


def _default(c: Checker, path: Path, option: OptionModel, takers: list[_Taker]) -> None:
    choice = option.choices.get(option.default)
    if choice is None:
        return
    for taker in takers:
        if not _open_to(choice, taker.role):
            c.wrong(
                path,
                say(
                    "{role} of {course} may not take {choice}",
                    role=say(str(taker.role)),
                    course=taker.course,
                    choice=option.default,
                ),
                say("choose a default that is open to everybody who has the profile"),
            )
            return


def _fewest(profile: ProfileModel) -> int:
    counts = [profile.devices]
    for option in profile.options.values():
        set_here = [c.devices for c in option.choices.values() if c.devices is not None]
        if set_here:
            counts = set_here if len(set_here) == len(option.choices) else [*counts, *set_here]
    return min(counts)


def _may_hold(taker: _Taker, devices: int) -> bool:
    return taker.most is None or devices <= taker.most


def _open_to(choice: ChoiceModel, role: CourseRole) -> bool:
    return not choice.course_roles or role >= min(map(role_of, choice.course_roles))


def _takers(c: Checker, key: str, profile: ProfileModel) -> Iterator[_Taker]:
    for name, course in c.model.courses.items():
        for role, keys in offers_of(c.model, course).items():
            if key in keys:
                yield _Taker(name, role, _most(c, course, role, profile.flavor))


def _most(c: Checker, course: CourseModel, role: CourseRole, flavor: str) -> int | None:
    """The least of what there may be, caps and quota; None where nothing limits."""
    quota = course.quota.get(flavor)
    caps = caps_of(c.model, course).get(role)
    known = c.flavor(flavor)
    limits = (
        (known.grows_to if known.count is None else known.count) if known else None,
        caps.devices.get(flavor) if caps else None,
        (c.model.caps.model_extra or {}).get(flavor),
        _owned(course, flavor) + quota.borrow if quota and quota.borrow is not None else None,
    )
    return min((limit for limit in limits if limit is not None), default=None)


def _owned(course: CourseModel, flavor: str) -> int:
    """The most devices of its own that a course has at any time."""
    quota = course.quota.get(flavor)
    reserved = (window.reserve.get(flavor, 0) for window in course.windows)
    return max(quota.nominal if quota else 0, *reserved, 0)


def _broken_flavors(c: Checker) -> set[str]:
    """Flavors, if a profile is broken: it may be the one that uses them."""
    return set(c.model.flavors) if set(c.keys("profiles")) - set(c.model.profiles) else set()


def _written_offers(c: Checker) -> Iterator[str]:
    """Every profile that some offer names, in broken courses and under misspelt roles too."""
    courses = _mapping(c.written.get("courses"))
    for holder in (c.written.get("course_defaults"), *courses.values()):
        for keys in _mapping(_mapping(holder).get("offers")).values():
            yield from _words(keys)
    for keys in _mapping(c.written.get("no_course")).values():
        yield from _words(keys)


def _words(keys: Any) -> list[str]:
    return [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
