"""Rules: external groups to a site role and course roles. Rules only add."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .courses import Course
from .people import CourseRole, Identity, SiteRole

__all__ = ["Mapped", "Rule", "map_identity", "map_pattern"]

_WORD = re.compile(r"<([a-z]+)>")
_STARS = re.compile(r"\*+")


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

    Always holds:
        - a star takes as little as it can, then ``<course>`` and ``<term>`` the longest name that stands there;
        - what follows a star is found once and not looked for again, so that a long name from outside costs its length
          and not a power of it.

    Raises:
        ValueError: an unknown ``<word>``, or the same one twice.
    """
    words = {"course": {name for c in courses for name in (c.key, *c.codes)}, "term": set(terms)}
    used = _WORD.findall(pattern)
    for word in used:
        if word not in words:
            raise ValueError(f"<{word}> is not known; a pattern may hold *, <course> and <term>")
        if used.count(word) > 1:
            raise ValueError(f"<{word}> stands twice")

    def translate(part: str) -> str:
        text_and_words = enumerate(_WORD.split(part))
        return "".join(
            _one_of(piece, words[piece]) if at % 2 else re.escape(piece)
            for at, piece in text_and_words
        )

    first, *rest = map(translate, _STARS.split(pattern))
    within = "".join(f"(?>.*?{part})" for part in rest[:-1])
    last = f".*?{rest[-1]}" if rest else ""
    return re.compile(first + within + last, re.IGNORECASE | re.DOTALL)


def _one_of(word: str, names: Iterable[str]) -> str:
    longest_first = sorted(names, key=lambda name: (-len(name), name))
    return f"(?P<{word}>{'|'.join(map(re.escape, longest_first)) or '(?!)'})"


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
