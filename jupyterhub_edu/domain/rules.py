"""Rules: external groups to a site role and course roles, a source's courses to ours. Rules only add."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .courses import Course
from .people import CourseRef, CourseRole, Identity, SiteRole

__all__ = ["CourseRule", "Mapped", "Rule", "map_course", "map_identity", "map_pattern"]

_WORD = re.compile(r"<([a-z]+)>")
_STARS = re.compile(r"\*+")
_SECTION = r"(?P<section>[^,=/]{1,64}?)"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the campus file.

    Attributes:
        group: pattern over the whole external group name, any case; ``*`` is any text, ``<course>`` a course's key or
            code, ``<term>`` a term's key, ``<section>`` 1-64 characters without ``, = /``.
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
class CourseRule:
    """One way in which a source names our courses.

    Attributes:
        fields: fields of a ``CourseRef`` with a pattern each, as ``map_pattern`` compiles it; all must match.
        course: a fixed course id, for patterns without ``<course>``.
    """

    fields: tuple[tuple[str, re.Pattern[str]], ...]
    course: str | None = None


@dataclass(frozen=True, slots=True)
class Mapped:
    """What one identity is.

    Attributes:
        site_role: at most one; says nothing where the identity's groups are None.
        courses: course ids with role and sections.
        covers: ids of the courses for which ``courses`` is complete; None: for all.
        by_rules: of the course ids and roles, those that external groups give: no roster speaks of them.
    """

    site_role: SiteRole | None
    courses: frozenset[tuple[str, CourseRole, frozenset[str]]]
    covers: frozenset[str] | None
    by_rules: frozenset[tuple[str, CourseRole]] = frozenset()


def map_pattern(pattern: str, courses: Iterable[Course], terms: Iterable[str]) -> re.Pattern[str]:
    """Translate a group pattern into a regular expression over the whole name.

    Always holds:
        - a star takes as little as it can, then ``<course>`` and ``<term>`` the longest name that stands there;
        - what follows a star is found once and not looked for again, so that a long name from outside costs its length
          and not a power of it.

    Raises:
        ValueError: an unknown ``<word>``, or the same one twice.
    """
    words = {
        "course": _one_of("course", {name for c in courses for name in (c.key, *c.codes)}),
        "term": _one_of("term", set(terms)),
        "section": _SECTION,
    }
    used = _WORD.findall(pattern)
    for word in used:
        if word not in words:
            raise ValueError(
                f"<{word}> is not known; a pattern may hold *, <course>, <term> and <section>"
            )
        if used.count(word) > 1:
            raise ValueError(f"<{word}> stands twice")

    def translate(part: str) -> str:
        text_and_words = enumerate(_WORD.split(part))
        return "".join(
            words[piece] if at % 2 else re.escape(piece) for at, piece in text_and_words
        )

    first, *rest = map(translate, _STARS.split(pattern))
    within = "".join(f"(?>.*?{part})" for part in rest[:-1])
    last = f".*?{rest[-1]}" if rest else ""
    return re.compile(first + within + last, re.IGNORECASE | re.DOTALL)


def _one_of(word: str, names: Iterable[str]) -> str:
    longest_first = sorted(names, key=lambda name: (-len(name), name))
    return f"(?P<{word}>{'|'.join(map(re.escape, longest_first)) or '(?!)'})"


def map_course(
    ref: CourseRef, rules: Iterable[CourseRule], index: Mapping[str, tuple[Course, ...]]
) -> str | None:
    """Find which of our courses a source's course is; None if it is none, or could be several.

    Args:
        index: courses by case-folded key and code.
    """
    found = {_course_by(rule, ref, index) for rule in rules} - {None}
    return found.pop() if len(found) == 1 else None


def map_identity(
    identity: Identity,
    rules: Iterable[Rule],
    index: Mapping[str, tuple[Course, ...]],
    course_rules: Iterable[CourseRule],
) -> Mapped:
    """Translate what a source said into a site role and course roles.

    Always holds:
        - all rules that match give their result; none takes anything away;
        - admin never comes from here;
        - a name that could mean courses of several terms, with no ``<term>`` to tell them apart, gives nothing.

    Args:
        index: courses by case-folded key and code.
        course_rules: how this source names our courses.
    """
    site: SiteRole | None = None
    courses: dict[tuple[str, CourseRole], frozenset[str]] = {}

    def add(course: str, role: CourseRole, sections: frozenset[str]) -> None:
        courses[course, role] = courses.get((course, role), frozenset()) | sections

    for rule in rules:
        if rule.source != identity.source:
            continue
        for group in identity.groups or ():
            match = rule.matcher.fullmatch(group)
            if match is None:
                continue
            if rule.site_role is not None and rule.site_role is not SiteRole.ADMIN:
                site = max(site or rule.site_role, rule.site_role)
            if rule.course_role is not None and (course := _course_of(rule, match, index)):
                section = match.groupdict().get("section")
                add(course, rule.course_role, frozenset({section} if section else ()))
    by_rules = frozenset(courses)
    course_rules = tuple(course_rules)
    for claim in identity.claims:
        if course := map_course(claim.course, course_rules, index):
            add(course, claim.role, claim.sections)
    return Mapped(
        site,
        frozenset((course, role, sections) for (course, role), sections in courses.items()),
        _covered(identity, course_rules, index),
        by_rules,
    )


def _covered(
    identity: Identity,
    course_rules: tuple[CourseRule, ...],
    index: Mapping[str, tuple[Course, ...]],
) -> frozenset[str] | None:
    """Courses that the answer is complete for; groups that were not said leave only what claims cover."""
    if identity.covers is None:
        return None if identity.groups is not None else frozenset()
    found = {map_course(ref, course_rules, index) for ref in identity.covers}
    return frozenset(course for course in found if course is not None)


def _course_by(
    rule: CourseRule, ref: CourseRef, index: Mapping[str, tuple[Course, ...]]
) -> str | None:
    named: dict[str, str] = {}
    for field, matcher in rule.fields:
        match = matcher.fullmatch(ref.named(field) or "")
        if match is None:
            return None
        named.update(match.groupdict())
    return rule.course or _the_course(named, index)


def _course_of(
    rule: Rule, match: re.Match[str], index: Mapping[str, tuple[Course, ...]]
) -> str | None:
    return rule.course or _the_course(match.groupdict(), index)


def _the_course(named: Mapping[str, str], index: Mapping[str, tuple[Course, ...]]) -> str | None:
    """The one course that the words of a pattern name."""
    found = index.get((named.get("course") or "").casefold(), ())
    if term := named.get("term"):
        found = tuple(
            course for course in found if (course.term or "").casefold() == term.casefold()
        )
    return found[0].id if len(found) == 1 else None
