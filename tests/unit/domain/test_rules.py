"""External groups to roles: whole names, known courses, nothing guessed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from jupyterhub_edu.domain.people import CourseClaim, CourseRef, CourseRole, SiteRole
from jupyterhub_edu.domain.rules import (
    CourseRule,
    Mapped,
    Rule,
    map_course,
    map_identity,
    map_pattern,
)
from tests.fakes.campus import a_campus, a_course, an_identity

STUDENT, TEACHER = CourseRole.STUDENT, CourseRole.TEACHER
COURSES = [
    a_course("ml", codes=("INF-101",)),
    a_course("adv-ml"),
    a_course("ml2"),
    a_course("c"),
    a_course("cpp", key="C++ (intro)"),
    a_course("db-h26", codes=("DB",), term="h26"),
    a_course("db-v27", codes=("DB",), term="v27"),
]
TERMS = ["h26", "v27"]
INDEX = a_campus(courses=COURSES).course_index

# pattern, group, what <course> and <term> are (None: the name does not match)
PATTERNS: dict[str, tuple[str, str, dict[str, str] | None]] = {
    "a plain pattern is the whole name": ("staff", "staff", {}),
    "not its beginning": ("staff", "staff2", None),
    "not its end": ("staff", "xstaff", None),
    "in any case": ("CN=Staff,*", "cn=sTAFF,dc=uni", {}),
    "a star is any text": ("a*z", "a,=\\*z", {}),
    "none as well": ("a*z", "az", {}),
    "line breaks too, so nothing hides behind one": ("a*z", "a\nz", {}),
    "a line break at the end is no end": ("staff", "staff\n", None),
    "signs of regular expressions are signs": ("a.c+(x)", "a.c+(x)", {}),
    "and match nothing else": ("a.c", "abc", None),
    "a course by its key": ("<course>-s", "ml-s", {"course": "ml"}),
    "by its code": ("<course>-s", "inf-101-s", {"course": "inf-101"}),
    "by a key that looks like a regular expression": (
        "<course>-s",
        "c++ (INTRO)-s",
        {"course": "c++ (INTRO)"},
    ),
    "a course that does not exist": ("<course>-s", "xx-s", None),
    "the longest name that fits": ("<course>*", "ml2-s", {"course": "ml2"}),
    "the longest name that fits, after a star as well": (
        "*<course>-s",
        "uni-adv-ml-s",
        {"course": "adv-ml"},
    ),
    "a shorter one where only that fits": ("<course>2-s", "ml2-s", {"course": "ml"}),
    "a course and a term": (
        "<course>/<term>",
        "DB/H26",
        {"course": "DB", "term": "H26"},
    ),
    "a term that does not exist": ("<course>/<term>", "db/h25", None),
    "a full LDAP name": (
        "CN=<course>,OU=<term>,OU=Courses,*",
        "cn=db,ou=v27,ou=courses,dc=uni,dc=example",
        {"course": "db", "term": "v27"},
    ),
    "an escaped comma in a name is part of the name": (
        "CN=<course>,OU=Courses,*",
        r"cn=ml\,ou=courses,ou=clubs,dc=uni",
        None,
    ),
    "a name that contains a whole other name": (
        "CN=Lecturers,*",
        r"cn=x\,cn\=lecturers\,ou\=y,ou=clubs,dc=uni",
        None,
    ),
    "a name in front of the right one": (
        "CN=<course>,OU=Courses,DC=uni",
        "cn=evil+cn=ml,ou=courses,dc=uni",
        None,
    ),
    "each star takes as little as it can": ("*-<course>-*", "x-ml-y-c-z", {"course": "ml"}),
}


@pytest.mark.parametrize(("pattern", "group", "named"), PATTERNS.values(), ids=PATTERNS)
def test_pattern(pattern: str, group: str, named: dict[str, str] | None) -> None:
    match = map_pattern(pattern, COURSES, TERMS).fullmatch(group)
    assert (match.groupdict() if match else None) == named


MISTAKES = {
    "a word that is not known": ("<room>", "<room> is not known"),
    "a course twice": ("<course>-<course>", "<course> stands twice"),
    "a term twice": ("<term><term>", "<term> stands twice"),
}


@pytest.mark.parametrize(("pattern", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistake(pattern: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        map_pattern(pattern, COURSES, TERMS)


def test_a_word_with_nothing_to_stand_for_matches_nothing() -> None:
    assert map_pattern("<course>*", [], []).fullmatch("") is None
    assert map_pattern("x<term>", COURSES, []).fullmatch("x") is None


# -- identities ----------------------------------------------------------------------------------------------------


def a_rule(group: str, **kwargs: Any) -> Rule:
    return Rule(
        **{"source": "ad", **kwargs}, group=group, matcher=map_pattern(group, COURSES, TERMS)
    )


def told(rules: list[Rule], *groups: str, **kwargs: Any) -> Mapped:
    return map_identity(an_identity(groups=frozenset(groups), **kwargs), rules, INDEX, [BY_ID])


def roles(mapped: Mapped) -> set[tuple[str, CourseRole]]:
    return {(course, role) for course, role, _ in mapped.courses}


BY_ID = CourseRule((("id", map_pattern("<course>", COURSES, TERMS)),))
STAFF = a_rule("<course>-staff", course_role=TEACHER)
STUDENTS = a_rule("<course>-s", course_role=STUDENT)
DATED = a_rule("<course>/<term>", course_role=STUDENT)
SITE = a_rule("staff", site_role=SiteRole.TEACHER)
GUESTS = a_rule("*", site_role=SiteRole.GUEST)
FIXED = a_rule("club-*", course_role=STUDENT, course="ml")

COURSES_OF: dict[str, tuple[list[Rule], set[str], set[tuple[str, CourseRole]]]] = {
    "no group, no course": ([STUDENTS], set(), set()),
    "all rules that match give their result": (
        [STAFF, STUDENTS],
        {"ml-staff", "ml-s", "c-s"},
        {("ml", TEACHER), ("ml", STUDENT), ("c", STUDENT)},
    ),
    "a code that two terms use gives nothing without the term": ([STUDENTS], {"db-s"}, set()),
    "with the term it gives that term's course": ([DATED], {"DB/V27"}, {("db-v27", STUDENT)}),
    "a course of another term gives nothing": ([DATED], {"ml/h26"}, set()),
    "a rule for one course": ([FIXED], {"club-x", "CLUB-"}, {("ml", STUDENT)}),
    "a rule of another source": (
        [a_rule("<course>-s", source="lms", course_role=STUDENT)],
        {"ml-s"},
        set(),
    ),
    "hostile names give nothing": (
        [STAFF, STUDENTS, DATED],
        {"", "*", "<course>-s", "ml-s\n", ".*", "ml-s\0", "(ml)-s", "ml|c-s", " ml-s"},
        set(),
    ),
}


@pytest.mark.parametrize(("rules", "groups", "courses"), COURSES_OF.values(), ids=COURSES_OF)
def test_courses(
    rules: list[Rule], groups: set[str], courses: set[tuple[str, CourseRole]]
) -> None:
    assert roles(told(rules, *groups)) == courses


SITE_ROLES: dict[str, tuple[list[Rule], set[str], SiteRole | None]] = {
    "no rule, no site role": ([STUDENTS], {"ml-s"}, None),
    "the strongest of all that match": ([SITE, GUESTS], {"staff"}, SiteRole.TEACHER),
    "in whatever order": ([GUESTS, SITE], {"staff", "x"}, SiteRole.TEACHER),
    "never admin": ([a_rule("root", site_role=SiteRole.ADMIN)], {"root"}, None),
    "not even beside another": (
        [a_rule("root", site_role=SiteRole.ADMIN), GUESTS],
        {"root"},
        SiteRole.GUEST,
    ),
}


@pytest.mark.parametrize(("rules", "groups", "role"), SITE_ROLES.values(), ids=SITE_ROLES)
def test_site_role(rules: list[Rule], groups: set[str], role: SiteRole | None) -> None:
    assert told(rules, *groups).site_role is role


def test_claims_of_a_source_name_courses_as_rules_do() -> None:
    claims = {"ML": TEACHER, "inf-101": STUDENT, "DB": TEACHER, "db-h26": STUDENT, "xx": TEACHER}
    mapped = told(
        [], claims=frozenset(CourseClaim(CourseRef(name), role) for name, role in claims.items())
    )
    assert roles(mapped) == {("ml", TEACHER), ("ml", STUDENT), ("db-h26", STUDENT)}


def test_one_group_more_takes_nothing_away() -> None:
    groups = ["ml-staff", "ml-s", "db-s", "DB/H26", "club-x", "staff", "ml-s\n", "x"]
    rules = [STAFF, STUDENTS, DATED, SITE, FIXED]
    for size in range(len(groups)):
        fewer, more = told(rules, *groups[:size]), told(rules, *groups[: size + 1])
        assert fewer.courses <= more.courses
        assert fewer.site_role is None or fewer.site_role is more.site_role


# -- hostile lengths -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern",
    ["cn=*,ou=*,ou=*,ou=*,dc=*,dc=uni", "*-*-*-*-*-*-*x", "********x", "*<course>*<term>*c*x"],
)
def test_a_hostile_name_of_10_kb_is_answered(pattern: str) -> None:
    """No clock is read: with looking back at every star a row would take hours, and no test may."""
    matcher = map_pattern(pattern, COURSES, TERMS)
    for piece in (",ou=x,dc=", "-", "a", "ml2", "mlh26"):
        assert matcher.fullmatch("cn=" + piece * (10_000 // len(piece))) is None


def test_stars_with_nothing_looked_back_at_match_what_they_always_did() -> None:
    """Against the plain translation, on every short text."""
    letters = "ab,"
    texts = [""]
    for _ in range(6):
        texts += [t + letter for t in texts if len(t) == len(texts[-1]) for letter in letters]
    for pattern in ("*", "**", "a*", "*a", "a*b", "*a*", "a*b*a", "*ab*ab", "a**b", "*,*a*,b"):
        plain = re.compile(re.escape(pattern).replace(r"\*", ".*"))
        ours = map_pattern(pattern, [], [])
        assert [t for t in texts if ours.fullmatch(t)] == [t for t in texts if plain.fullmatch(t)]


def test_sections_of_several_groups_add_up() -> None:
    rules = [a_rule("<course>-g<section>", course_role=STUDENT), STUDENTS]
    mapped = told(rules, "ml-g1", "ml-g2", "ml-s", "ml-g")
    assert mapped.courses == {("ml", STUDENT, frozenset({"1", "2"}))}


@pytest.mark.parametrize("section", ["", "a,OU=x", "a=b", "a/b", "x" * 65])
def test_what_is_no_section_does_not_match(section: str) -> None:
    rules = [a_rule("<course>-g<section>", course_role=STUDENT)]
    assert told(rules, f"ml-g{section}").courses == frozenset()


def a_way(course: str | None = None, **fields: str) -> CourseRule:
    patterns = ((field, map_pattern(text, COURSES, TERMS)) for field, text in fields.items())
    return CourseRule(tuple(patterns), course)


@pytest.mark.parametrize(
    ("ways", "names", "course"),
    [
        pytest.param([a_way(shortname="<course>")], {"shortname": "ML"}, "ml", id="any case"),
        pytest.param([a_way(shortname="<course>")], {"idnumber": "ml"}, None, id="another field"),
        pytest.param([a_way(shortname="<course>")], {"shortname": "ml-x"}, None, id="a part only"),
        pytest.param([a_way(shortname="<course>-<term>")], {"shortname": "DB-H26"}, "db-h26", id="the term tells"),
        pytest.param([a_way(shortname="<course>")], {"shortname": "db"}, None, id="two terms, none told"),
        pytest.param([a_way(category="<term>", shortname="<course>")], {"category": "h26", "shortname": "db"}, "db-h26", id="the term from another field"),
        pytest.param([a_way(category="x", shortname="<course>")], {"category": "y", "shortname": "ml"}, None, id="all fields must match"),
        pytest.param([a_way("ml", idnumber="17")], {"idnumber": "17"}, "ml", id="a course named by hand"),
        pytest.param([a_way(shortname="<course>"), a_way(idnumber="<course>")], {"shortname": "ml", "idnumber": "ml"}, "ml", id="two ways agree"),
        pytest.param([a_way(shortname="<course>"), a_way(idnumber="<course>-<term>")], {"shortname": "ml", "idnumber": "db-h26"}, None, id="two ways contradict"),
        pytest.param([], {"shortname": "ml"}, None, id="no way"),
    ],
)  # fmt: skip
def test_a_course_of_a_source_is_ours_or_none(
    ways: list[CourseRule], names: dict[str, str], course: str | None
) -> None:
    assert map_course(CourseRef("7", tuple(names.items())), ways, INDEX) == course


@pytest.mark.parametrize(
    ("said", "covers"),
    [
        pytest.param({}, None, id="all was said"),
        pytest.param({"groups": None}, frozenset(), id="groups were not said"),
        pytest.param({"covers": frozenset({CourseRef("ml"), CourseRef("xx")})}, {"ml"}, id="one course was said"),
        pytest.param({"covers": frozenset()}, frozenset(), id="courses were not said"),
    ],
)  # fmt: skip
def test_what_an_answer_covers(said: dict[str, Any], covers: frozenset[str] | None) -> None:
    mapped = map_identity(
        an_identity(**{"groups": frozenset({"ml-s"}), **said}), [], INDEX, [BY_ID]
    )
    assert mapped.covers == covers
