"""Who may come in and as what: sources, admins, rules."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Final

from ..mapping import parse_person
from ..mistakes import Path, did_you_mean, show
from ..models.people import RuleModel
from .context import Checker

__all__ = ["check_admins", "check_links", "check_person", "check_rules", "check_sources"]

_SOURCE_ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?", re.ASCII)
_PLACEHOLDER: Final = re.compile(r"<([^<>]*)>")
_WORDS: Final = ("course", "term", "section")
_COURSE_WORDS: Final = ("course", "term")
_TOUCHING: Final = re.compile(r"\*<|>\*|><")
_REGEX: Final = re.compile(r"^\^|\$$|\.\*|\.\+|\\[.dws]|\(\?")
_EVERYBODY: Final = re.compile(r"\s*(?:\w+=)?\s*\**\s*")
_MOST_STARS: Final = 5
_REFRESH: Final = (dt.timedelta(seconds=10), dt.timedelta(days=1))
_SYNC: Final = (dt.timedelta(minutes=1), dt.timedelta(days=1))
_GUARD: Final = (1, 100)
_MUTABLE: Final = frozenset(
    {"mail", "email", "emailaddress", "upn", "userprincipalname", "preferredusername", "username"}
)


def check_sources(c: Checker) -> None:
    """Look at what all sources have in common."""
    adopting = ""
    for id, source in c.sources.items():
        path: Path = ("sources", id)
        if not _SOURCE_ID.fullmatch(id):
            c.wrong(path, "not a source's key", "use at most 32 of a-z, 0-9, - and _")
        if source.adopt and adopting:
            c.wrong(
                (*path, "adopt"),
                f"sources.{adopting} adopts hub accounts already",
                "two sources could take over the same account; let one adopt",
            )
        adopting = adopting or (id if source.adopt else "")
        if not _REFRESH[0] <= source.refresh <= _REFRESH[1]:
            c.wrong((*path, "refresh"), "out of range", "write 10s to 1d; 5m is usual")
        if not _SYNC[0] <= source.sync <= _SYNC[1]:
            c.wrong((*path, "sync"), "out of range", "write 1m to 1d; 15m is usual")
        if not _GUARD[0] <= source.guard <= _GUARD[1]:
            c.wrong((*path, "guard"), "out of range", "write 1% to 100%; 30% is usual")
        for at, way in enumerate(source.courses):
            _way(c, (*path, "courses", at), way, c.fields.get(source.type))


def _way(c: Checker, path: Path, way: Mapping[str, str], fields: tuple[str, ...] | None) -> None:
    """One way in which a source names our courses."""
    if fields is None:
        return  # the type is wrong, which has been told
    if not fields:
        c.wrong(path, "this type of source states no courses", "write rules: over its groups")
        return
    patterns = {field: text for field, text in way.items() if field != "course"}
    for field, text in patterns.items():
        if c.known((*path, field), "field of a course", field, [*fields, "course"]):
            _is_pattern(c, (*path, field), text, _COURSE_WORDS)
    named = any("<course>" in text for text in patterns.values())
    if "course" in way:
        c.known((*path, "course"), "course", way["course"], "courses")
        if named:
            c.wrong((*path, "course"), "the pattern has <course> already", "keep one of them")
        if not patterns:
            c.wrong(path, "matches every course", "add a field and its pattern")
    elif not named:
        c.wrong(path, "says no course", "write <course> in a pattern, or add course:")
    elif not any("<term>" in text for text in patterns.values()):
        _ambiguous(c, path)


def check_admins(c: Checker) -> None:
    """Admins are exact people of a source."""
    for at, text in enumerate(c.model.admins):
        check_person(c, ("admins", at), text)


def check_links(c: Checker) -> None:
    """Two sources each, and attributes by which nobody can pass for somebody else."""
    for at, link in enumerate(c.model.links):
        path: Path = ("links", at)
        c.known((*path, "source"), "source", link.source, "sources")
        c.known((*path, "is"), "source", link.other, "sources")
        if link.source == link.other:
            c.wrong(path, "links a source to itself", "name two sources")
        sides = (
            ("attribute", link.source, link.attribute),
            ("of", link.other, link.other_attribute),
        )
        for key, source, attribute in sides:
            if re.sub(r"[-_. ]", "", attribute).casefold() in _MUTABLE:
                c.wrong(
                    (*path, key),
                    f"{show(attribute)} changes hands, so that one person could become another",
                    "name a number that stays, such as employeeNumber",
                )
            elif attribute not in (read := c.attributes.get(source, (attribute,))):
                c.warn(
                    (*path, key),
                    f"links nobody: {source} does not read {show(attribute)} for links",
                    did_you_mean(attribute, sorted(read)) if read else "its settings allow none",
                )


def check_person(c: Checker, path: Path, text: str) -> None:
    """``source:login``, one person, of a source that exists."""
    if any(char in text for char in "*<>?["):
        c.wrong(path, "a pattern, where only exact people may stand", "name each as source:login")
        return
    who = parse_person(text)
    if who is None:
        c.wrong(path, f"not a person: {show(text)}", 'write "source:login"')
        return
    c.known(path, "source", who.source, "sources")


def check_rules(c: Checker) -> None:
    """Look at each rule, then at rules that say the same."""
    seen: dict[tuple[object, ...], int] = {}
    for at, rule in enumerate(c.model.rules):
        path: Path = ("rules", at)
        c.known((*path, "source"), "source", rule.source, "sources")
        _roles(c, path, rule)
        if _is_pattern(c, (*path, "group"), rule.group):
            _course(c, path, rule)
        first = seen.setdefault(tuple(rule.model_dump().values()), at)
        if first != at:
            c.wrong(path, f"the same as rules[{first}]", "take it out")


def _roles(c: Checker, path: Path, rule: RuleModel) -> None:
    if rule.site_role is None and rule.course_role is None:
        c.lacks(path, "gives nothing", "add course_role: or site_role:")
    if rule.site_role == "admin":
        c.wrong(
            (*path, "site_role"),
            "a group never makes an admin",
            "name the people one by one under admins:",
        )


def _is_pattern(c: Checker, path: Path, group: str, known: tuple[str, ...] = _WORDS) -> bool:
    """Whether a pattern is safe and can be understood."""
    words = _PLACEHOLDER.findall(group)
    bad = [word for word in words if word not in known]
    if bad:
        c.known(path, "word in <>", bad[0], known)
    elif len(set(words)) < len(words):
        c.wrong(path, "a word in <> stands twice", "write * for the second")
    elif _REGEX.search(group):
        c.wrong(
            path,
            "looks like a regular expression",
            "a pattern is the whole name, with * for any text",
        )
    elif _EVERYBODY.fullmatch(group):
        c.wrong(path, "matches every group, and so everybody", "name the group")
    elif _TOUCHING.search(group):
        c.wrong(
            path,
            "not a whole name: with nothing between them, one course's name matches inside another's",
            "write the text that stands beside <course> or <term>",
        )
    elif group.count("*") > _MOST_STARS:
        c.wrong(path, f"more than {_MOST_STARS} stars", "write more of the name")
    else:
        return True
    return False


def _course(c: Checker, path: Path, rule: RuleModel) -> None:
    """Whether a course role reaches exactly one course."""
    has_course, has_term = "<course>" in rule.group, "<term>" in rule.group
    if rule.course is not None and rule.course_role is None:
        c.wrong((*path, "course"), "of no use without course_role:", "add it or take this out")
    elif rule.course is not None:
        c.known((*path, "course"), "course", rule.course, "courses")
        if has_course:
            c.wrong((*path, "course"), "the pattern has <course> already", "keep one of them")
    elif rule.course_role is not None and not has_course:
        c.wrong(path, "says no course", "write <course> in the pattern, or add course:")
    courses = c.model.courses.values()
    if has_term and courses and not any(course.term for course in courses):
        c.wrong((*path, "group"), "matches nothing: no course has a term", "take <term> out")
    elif rule.course_role is not None and has_course and not has_term:
        _ambiguous(c, (*path, "group"))


def _ambiguous(c: Checker, path: Path) -> None:
    shared = shared_names(c)
    if shared:
        name, keys = next(iter(shared.items()))
        c.wrong(
            path,
            f"{show(name)} means {' and '.join(keys)}, so it gives nothing",
            "write <term> in the pattern",
        )


def shared_names(c: Checker) -> dict[str, list[str]]:
    """Names that more than one course has as key or code, any case, with the courses' keys."""
    found: dict[str, list[str]] = {}
    for key, course in c.model.courses.items():
        for name in {word.casefold() for word in (key, *course.codes)}:
            found.setdefault(name, []).append(key)
    return {name: keys for name, keys in found.items() if len(keys) > 1}
