"""Role words of LTI: URIs, short names and the old URNs, to course roles and institution roles.

Source:
    LTI Core 1.3, appendix A (roles and sub-roles); Names and Role Provisioning Services 2.0; LTI 1.1 for the URNs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from jupyterhub_edu.domain.people import CourseRole

__all__ = ["Role", "map_roles", "outer_roles", "parse_role"]

_MOST: Final = 64
_URI: Final = re.compile(
    r"http://purl\.imsglobal\.org/vocab/(?:lis/v2|lti)/"
    r"(?:(?P<outer>institution|system)/person|membership(?:/(?P<principal>[a-z]+))?)#(?P<word>[a-z]+)",
    re.IGNORECASE | re.ASCII,
)
_URN: Final = re.compile(
    r"urn:lti:(?P<family>role|instrole|sysrole):ims/lis/(?P<principal>[a-z]+)(?:/(?P<sub>[a-z]+))?",
    re.IGNORECASE | re.ASCII,
)
_WORD: Final = re.compile(r"[a-z]+", re.IGNORECASE | re.ASCII)
_FAMILIES: Final = {"role": "membership", "instrole": "institution", "sysrole": "system"}

_PRINCIPALS: Final = {
    "instructor": CourseRole.TEACHER,
    "learner": CourseRole.STUDENT,
    "mentor": CourseRole.OBSERVER,
    "member": CourseRole.OBSERVER,
    "teachingassistant": CourseRole.ASSISTANT,  # LTI 1.1 has it as a role of its own
}
_ASSISTING: Final = re.compile(r"teachingassistant[a-z]*|grader", re.ASCII)


@dataclass(frozen=True, slots=True)
class Role:
    """One role, in lower case.

    Attributes:
        family: ``membership`` (in the course), ``institution`` or ``system``.
        principal: the main role (``instructor``).
        sub: what narrows it (``teachingassistant``), or ``""``.
        word: the word as it was written, for display.
    """

    family: str
    principal: str
    sub: str = ""
    word: str = ""


def parse_role(text: object) -> Role | None:
    """Parse a role in any of its spellings; None for what is none.

    ``membership/Learner#Instructor`` is a learner: the principal role stands before the sign.
    """
    if not isinstance(text, str):
        return None
    if uri := _URI.fullmatch(text):
        word = uri["word"]
        if uri["outer"]:
            return Role(uri["outer"].lower(), word.lower(), word=word)
        if uri["principal"]:
            return Role("membership", uri["principal"].lower(), word.lower(), word)
        return Role("membership", word.lower(), word=word)
    if urn := _URN.fullmatch(text):
        sub = urn["sub"] or ""
        family = _FAMILIES[urn["family"].lower()]
        return Role(family, urn["principal"].lower(), sub.lower(), urn["principal"])
    if _WORD.fullmatch(text):
        return Role("membership", text.lower(), word=text)
    return None


def map_roles(roles: Iterable[object]) -> frozenset[CourseRole]:
    """The course roles that a list of roles gives.

    Always holds:
        - only roles in the course count;
        - an Instructor who is named a teaching assistant or grader as well is an assistant and no teacher;
        - a role that is not known gives nothing.
    """
    found = [
        role for role in map(parse_role, _some(roles)) if role and role.family == "membership"
    ]
    given = {_PRINCIPALS[role.principal] for role in found if role.principal in _PRINCIPALS}
    if any(role.principal == "instructor" and _ASSISTING.fullmatch(role.sub) for role in found):
        given = (given - {CourseRole.TEACHER}) | {CourseRole.ASSISTANT}
    return frozenset(given)


def outer_roles(roles: Iterable[object]) -> frozenset[str]:
    """Roles outside the course as external groups: ``institution/Faculty``, ``system/Administrator``.

    They say what somebody is anywhere, so they may give a site role and say nothing of a course.
    """
    found = filter(None, map(parse_role, _some(roles)))
    return frozenset(f"{role.family}/{role.word}" for role in found if role.family != "membership")


def _some(roles: Iterable[object]) -> list[object]:
    return list(roles)[:_MOST]
