"""Courses: names, dates, words."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Iterable
from typing import Final

from jupyterhub_edu.domain.adjustments import lockable
from jupyterhub_edu.domain.names import make_course_id
from jupyterhub_edu.domain.schedule import Period
from jupyterhub_edu.domain.words import join_words, mark, say

from ..mistakes import Path, show
from ..models.courses import CapsModel, CourseModel, OffersModel, RoleCapsModel
from ..models.people import PeopleModel
from ..models.site import NoCourseModel
from .catalogue import check_image
from .context import Checker
from .people import check_person, shared_names
from .spawner import check_kubespawner

__all__ = ["check_courses"]

_ROLES: Final = ("teacher", "assistant", "student", "observer")
_SITE_ROLES: Final = ("guest", "student", "teacher", "manager", "admin")


def check_courses(c: Checker) -> None:
    """Look at the defaults, then at each course, then at names that courses share."""
    defaults: Path = ("course_defaults",)
    _offers(c, (*defaults, "offers"), c.model.course_defaults.offers, _ROLES)
    _offers(c, ("no_course",), c.model.no_course, _SITE_ROLES)
    _role_caps(c, (*defaults, "caps"), c.model.course_defaults.caps)
    _locked(c, (*defaults, "locked"), c.model.course_defaults.locked)
    _caps(c, ("caps",), c.model.caps)
    _ceilings(c)
    for key, course in c.model.courses.items():
        path: Path = ("courses", key)
        _dates(c, path, course)
        _offers(c, (*path, "offers"), course.offers, _ROLES)
        _role_caps(c, (*path, "caps"), course.caps)
        _people(c, (*path, "people"), course.people)
        _flavors(c, (*path, "quota"), course)
        _allowances(c, (*path, "allowance"), course)
        _locked(c, (*path, "locked"), course.locked)
        if course.image is not None:
            check_image(c, (*path, "image"), course.image)
        check_kubespawner(c, (*path, "kubespawner"), course.kubespawner)
    _names(c)


def _names(c: Checker) -> None:
    ids: dict[str, str] = {}
    looks: dict[str, str] = {}
    for key in c.model.courses:
        path: Path = ("courses", key)
        id = make_course_id(key)
        if id == "site":
            c.wrong(
                path,
                say("no course may be called site"),
                say("the hub groups edu:site:… are the site's"),
            )
        other = ids.setdefault(id, key)
        look = unicodedata.normalize("NFKC", key).casefold().strip()
        other = looks.setdefault(look, key) if other == key else other
        if other != key:
            c.wrong(
                path,
                say("reads like {course}", course=f"courses.{other}"),
                say("use keys that differ in more than case"),
            )
    for name, keys in shared_names(c).items():
        terms = [(c.model.courses[key].term or "").casefold() for key in keys]
        if len(set(terms)) < len(terms) and len({looks_like(key) for key in keys}) == len(keys):
            c.wrong(
                ("courses", keys[-1]),
                say(
                    "{code} names {courses} in one term",
                    code=show(name),
                    courses=join_words(keys, say(" and ")),
                ),
                say("give each code to one course of a term"),
            )


def looks_like(key: str) -> str:
    """A key without what people do not tell apart."""
    return unicodedata.normalize("NFKC", key).casefold().strip()


def _dates(c: Checker, path: Path, course: CourseModel) -> None:
    if course.term is not None:
        c.known((*path, "term"), mark("term"), course.term, "terms")
    term = c.model.terms.get(course.term or "")
    first, last = course.starts or (term and term.starts), course.until or (term and term.until)
    own = course.starts or course.until
    if own and first and last and last < first:
        key = "until" if course.until else "from"
        c.wrong(
            (*path, key),
            say("it would end on {last}, before it begins on {first}", last=last, first=first),
        )


def _allowances(c: Checker, path: Path, course: CourseModel) -> None:
    """Hours per term need the term's dates."""
    term = c.model.terms.get(course.term or "")
    dated = (course.starts or term) and (course.until or term)
    for whose in ("person", "course"):
        allowance = getattr(course.allowance, whose)
        if allowance is not None and allowance.period is Period.TERM and not dated:
            c.wrong(
                (*path, whose),
                say("counts per term, and the course has no dates"),
                say("name its term, or its first and last day (from, until)"),
            )


def _offers(
    c: Checker, path: Path, offers: OffersModel | NoCourseModel, roles: Iterable[str]
) -> None:
    for role in roles:
        keys = getattr(offers, role) or []
        for at, key in enumerate(keys):
            c.known((*path, role, at), mark("profile"), key, "profiles")
            if key in keys[:at]:
                c.wrong(
                    (*path, role, at),
                    say("{what} stands twice", what=key),
                    say("keep one of them"),
                )


def _role_caps(c: Checker, path: Path, caps: RoleCapsModel) -> None:
    for role in _ROLES:
        found: CapsModel | None = getattr(caps, role)
        if found is not None:
            _caps(c, (*path, role), found)


def _caps(c: Checker, path: Path, caps: CapsModel) -> None:
    for key in caps.model_extra or {}:
        if c.known((*path, key), mark("flavor"), key, ["servers", *c.keys("flavors")]):
            c.counts_devices((*path, key), key)


def _ceilings(c: Checker) -> None:
    path: Path = ("ceilings", "grant")
    for at, key in enumerate(c.model.ceilings.grant.profiles):
        c.known((*path, "profiles", at), mark("profile"), key, "profiles")
    _caps(c, (*path, "caps"), c.model.ceilings.grant.caps)
    adjust: Path = ("ceilings", "adjust")
    _offers(c, (*adjust, "offers"), c.model.ceilings.adjust.offers, _ROLES)
    _role_caps(c, (*adjust, "caps"), c.model.ceilings.adjust.caps)
    if not dt.timedelta(minutes=1) <= c.model.ceilings.exam <= dt.timedelta(days=7):
        c.wrong(("ceilings", "exam"), say("too short or too long"), say("write 1m to 7d"))


def _locked(c: Checker, path: Path, fields: Iterable[str]) -> None:
    words = [*lockable(), *(f"quota.{flavor}" for flavor in c.keys("flavors"))]
    for at, field in enumerate(fields):
        c.known((*path, at), mark("field of the desk"), field, words)


def _people(c: Checker, path: Path, people: PeopleModel) -> None:
    for role in _ROLES:
        for at, entry in enumerate(getattr(people, role)):
            place = (*path, role, at)
            check_person(c, place, entry.person)
            if entry.starts and entry.until and entry.until < entry.starts:
                c.wrong((*place, "until"), say("before from ({day})", day=entry.starts))


def _flavors(c: Checker, path: Path, course: CourseModel) -> None:
    for key in course.quota:
        if c.known((*path, key), mark("flavor"), key, "flavors"):
            c.counts_devices((*path, key), key)
