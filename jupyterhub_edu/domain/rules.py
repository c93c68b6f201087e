"""Rules: external groups to a site role and course roles. Rules only add."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .courses import Course
from .people import CourseRole, Identity, SiteRole

__all__ = ["Mapped", "Rule", "map_identity", "map_pattern"]

_PART = re.compile(r"\*|<([a-z]+)>")


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the campus file.

    Attributes:
        group: pattern over the whole external group name, any case; ``*`` is any text, ``<course>`` a course's key or
            code, ``<term>`` a term's key.
        matcher: the pattern, compiled by ``map_pattern``.
    """

    source: str
    group: str
    matcher: re.Pattern[str]
    site_role: SiteRole | None = None
    course_role: CourseRole | None = None
    course: str | None = None
    """A fixed course id, for a rule whose pattern has no ``<course>``."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """What one identity is: at most one site role, course roles, and how many groups no rule matched."""

    site_role: SiteRole | None
    courses: frozenset[tuple[str, CourseRole]]
    unmatched: int


def map_pattern(pattern: str, courses: Iterable[Course], terms: Iterable[str]) -> re.Pattern[str]:
    """Translate a group pattern into a regular expression over the whole name.

    Raises:
        ValueError: an unknown ``<word>``, or the same one twice.
    """
    words = {"course": {name for c in courses for name in (c.key, *c.codes)}, "term": set(terms)}
    out, at = "", 0
    for part in _PART.finditer(pattern):
        out += re.escape(pattern[at : part.start()])
        at, word = part.end(), part[1]
        if word is None:
            out += ".*"
        elif word not in words:
            raise ValueError(f"<{word}> is not known; a pattern may hold *, <course> and <term>")
        elif f"(?P<{word}>" in out:
            raise ValueError(f"<{word}> stands twice")
        else:
            names = sorted(words[word], key=lambda name: (-len(name), name))
            out += f"(?P<{word}>{'|'.join(map(re.escape, names)) or '(?!)'})"
    return re.compile(out + re.escape(pattern[at:]), re.IGNORECASE | re.DOTALL)


def map_identity(
    identity: Identity, rules: Iterable[Rule], index: Mapping[str, tuple[Course, ...]]
) -> Mapped:
    """Translate what a source said into a site role and course roles.

    Always holds:
        - all rules that match give their result; none takes anything away;
        - admin never comes from here;
        - a name that could mean courses of several terms, with no ``<term>`` to tell them apart, gives nothing.

    Args:
        index: courses by case-folded key and code.
    """
    site: SiteRole | None = None
    courses: set[tuple[str, CourseRole]] = set()
    matched: set[str] = set()
    for rule in rules:
        if rule.source != identity.source:
            continue
        for group in identity.groups:
            match = rule.matcher.fullmatch(group)
            if match is None:
                continue
            matched.add(group)
            if rule.site_role is not None and rule.site_role is not SiteRole.ADMIN:
                site = max(site or rule.site_role, rule.site_role)
            if rule.course_role is not None and (course := _course_of(rule, match, index)):
                courses.add((course, rule.course_role))
    for claim in identity.claims:
        found = index.get(claim.course.casefold(), ())
        if len(found) == 1:
            courses.add((found[0].id, claim.role))
    return Mapped(site, frozenset(courses), len(identity.groups - matched))


def _course_of(
    rule: Rule, match: re.Match[str], index: Mapping[str, tuple[Course, ...]]
) -> str | None:
    if rule.course is not None:
        return rule.course
    named = match.groupdict()
    found = index.get((named.get("course") or "").casefold(), ())
    if term := named.get("term"):
        found = tuple(
            course for course in found if (course.term or "").casefold() == term.casefold()
        )
    return found[0].id if len(found) == 1 else None
