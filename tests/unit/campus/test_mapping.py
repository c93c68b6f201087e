"""What a file without mistakes becomes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jupyterhub_edu.domain.allowances import GPU_HOUR
from jupyterhub_edu.domain.campus import FilePerson
from jupyterhub_edu.domain.courses import Caps, CourseState, Joining, Quota
from jupyterhub_edu.domain.grants import Ceilings
from jupyterhub_edu.domain.people import CourseRole, Enrolment, LinkRule, SiteRole
from jupyterhub_edu.domain.quantities import Cpu, Memory
from jupyterhub_edu.domain.schedule import Span

TEACHER, ASSISTANT, STUDENT = CourseRole.TEACHER, CourseRole.ASSISTANT, CourseRole.STUDENT
GIB = 1024**3


def test_until_is_the_last_day_in_the_campuss_zone(load):
    course = load().campus.courses["ml"]

    assert course.starts == datetime(2026, 8, 16, 22, tzinfo=UTC)  # summer time
    assert course.ends == datetime(2026, 12, 18, 23, tzinfo=UTC)


def test_a_term_has_its_dates_in_the_campuss_zone(load):
    assert load().campus.terms["h26"] == Span(
        datetime(2026, 8, 16, 22, tzinfo=UTC), datetime(2026, 12, 18, 23, tzinfo=UTC)
    )


def test_teachers_copy_courses_where_the_campus_says_so(load):
    assert not load().campus.teachers_copy
    assert load("terms:", "teachers_copy: true\nterms:").campus.teachers_copy


def test_a_courses_own_day_stands_before_its_terms(load):
    course = load("codes: [INF4490]", "until: 2026-09-30").campus.courses["ml"]

    assert course.starts == datetime(2026, 8, 16, 22, tzinfo=UTC)
    assert course.ends == datetime(2026, 9, 30, 22, tzinfo=UTC)


def test_a_course_without_term_has_no_dates(load):
    course = load("    term: h26\n    codes", "    codes").campus.courses["ml"]

    assert (course.starts, course.ends) == (None, None)


def test_a_course_replaces_only_the_roles_that_it_names(load):
    courses = load("codes: [INF4490]", "offers: {student: [gpu]}").campus.courses

    assert courses["ml"].offers == {TEACHER: ("notebook", "gpu"), STUDENT: ("gpu",)}
    assert courses["intro"].offers == {TEACHER: ("notebook", "gpu"), STUDENT: ("notebook",)}


def test_a_course_may_take_an_offer_away(load):
    courses = load("codes: [INF4490]", "offers: {student: []}").campus.courses

    assert courses["ml"].offers == {TEACHER: ("notebook", "gpu")}


def test_caps_count_servers_and_devices(load):
    loaded = load("codes: [INF4490]", "caps: {teacher: {t4: 2}}").campus

    assert loaded.caps == Caps(3, {"t4": 2})
    assert loaded.courses["ml"].caps == {
        STUDENT: Caps(1, {"t4": 1}),
        TEACHER: Caps(None, {"t4": 2}),
    }


def test_what_becomes_of_sessions_that_nobody_needs(load):
    usual, other = (
        load(),
        load(
            "stale_after",
            "lost_enrolment: stop\nidle_device_after: 1h\n"
            "device_metrics: {url: http://metrics:9090}\nstale_after",
        ),
    )

    assert (usual.campus.stops_lost, usual.campus.idle_after) == (False, None)
    assert (other.campus.stops_lost, other.campus.idle_after) == (True, timedelta(hours=1))
    assert usual.settings.device_metrics is None
    assert other.settings.device_metrics == ("http://metrics:9090", None)


def test_what_a_teacher_gives_alone(load):
    usual, other = (
        load().campus,
        load(
            "stale_after",
            "ceilings: {longest: 8h, exam: 2h, grant: {hours: 2.5, profiles: [gpu], caps: {servers: 2, t4: 3}}}\n"
            "exams: {leave: true}\nstale_after",
        ).campus,
    )

    assert (usual.ceilings, usual.exams_leave) == (Ceilings(), False)
    assert other.exams_leave
    assert other.ceilings == Ceilings(
        hours=5 * GPU_HOUR // 2,
        longest=timedelta(hours=8),
        profiles=frozenset({"gpu"}),
        servers=2,
        devices={"t4": 3},
        exam=timedelta(hours=2),
    )


def test_a_flavor_that_grows(load):
    flavor = load("count: 4", "grows_to: 8\n    per_node: 2").campus.flavors["t4"]

    assert (flavor.count, flavor.grows_to, flavor.per_node, flavor.declared) == (None, 8, 2, 8)


def test_what_may_be_started_outside_any_course(load):
    campus = load(
        "stale_after", "no_course: {teacher: [notebook, gpu], guest: []}\nstale_after"
    ).campus

    assert campus.no_course == {SiteRole.TEACHER: ("notebook", "gpu")}


WEIGHTS = {
    "left out": ("", 1000),
    "a part": ("\n    weight: 0.15", 150),
    "none": ("\n    weight: 0", 0),
}


@pytest.mark.parametrize(("text", "thousandths"), WEIGHTS.values(), ids=WEIGHTS)
def test_the_weight_of_a_flavor(load, text, thousandths):
    flavors = load("count: 4", f"count: 4{text}").campus.flavors

    assert (flavors["t4"].weight, flavors["cpu"].weight) == (thousandths, 1000)


QUOTAS = {
    "a plain number is nominal": ("{t4: 2}", Quota(2, None)),
    "both": ("{t4: {nominal: 1, borrow: 0}}", Quota(1, 0)),
    "borrowing alone": ("{t4: {borrow: 2}}", Quota(0, 2)),
}


@pytest.mark.parametrize(("text", "expected"), QUOTAS.values(), ids=QUOTAS)
def test_quota(load, text, expected):
    course = load("    quota: {t4: 2}\n", f"    quota: {text}\n").campus.courses["intro"]

    assert course.quota == {"t4": expected}


def test_people_of_the_file_are_compared_in_any_case_and_may_have_dates(load):
    loaded = load(
        'people: {teacher: ["ad:ola"]}',
        'people: {teacher: ["ad:OLA", {person: "roster:eva", from: 2026-09-01, until: 2026-09-30}]}',
    )

    starts, ends = datetime(2026, 8, 31, 22, tzinfo=UTC), datetime(2026, 9, 30, 22, tzinfo=UTC)
    assert loaded.campus.people == {
        FilePerson("ad", "ola"): (Enrolment("", "ml", TEACHER, "file"),),
        FilePerson("roster", "eva"): (Enrolment("", "ml", TEACHER, "file", starts, ends),),
    }
    assert loaded.campus.admins == {FilePerson("ad", "kari")}


def test_a_guarantee_left_out_is_the_limit(load):
    amounts = load().campus.profiles["gpu"].amounts

    assert (amounts.cpu_guarantee, amounts.cpu_limit) == (Cpu(4000), Cpu(4000))
    assert (amounts.memory_guarantee, amounts.memory_limit) == (Memory(16 * GIB),) * 2


def test_options_keep_what_the_profile_has(load):
    option = load().campus.profiles["gpu"].options["devices"]

    assert option.default == "one"
    assert option.choices["two"].devices == 2
    assert option.choices["two"].memory_limit is None
    assert option.choices["two"].course_roles == {TEACHER}


def test_rules_are_ready_to_match(load):
    staff, students = load().campus.rules

    assert staff.matcher.fullmatch("cn=staff,ou=people")
    found = students.matcher.fullmatch("CN=inf4490,OU=H26,DC=example")
    assert found is not None
    assert found.groupdict() == {"course": "inf4490", "term": "H26"}


def test_a_rule_may_name_its_course(load):
    rule = load(
        '{source: ad, group: "CN=Staff,*", site_role: teacher}',
        '{source: ad, group: "CN=Lab,*", course_role: assistant, course: ml}',
    ).campus.rules[0]

    assert (rule.course, rule.course_role) == ("ml", ASSISTANT)


def test_a_long_key_becomes_a_safe_id(load):
    loaded = load("  intro:", '  "Møte & læring":')
    course = list(loaded.campus.courses.values())[1]

    assert course.id.startswith("m-te-l-ring--") or course.id.startswith("mte-lring--")
    assert (course.key, course.title) == ("Møte & læring", "Møte & læring")


def test_sources_and_the_site(load):
    loaded = load(
        "stale_after: 12h", "inventory: namespace\nstore: {url: sqlite:////var/edu.sqlite}"
    )
    ad, roster = loaded.campus.sources["ad"], loaded.campus.sources["roster"]

    assert (ad.type, ad.title, ad.adopt) == ("ldap", "Directory account", True)
    assert (roster.title, roster.refresh) == ("Course account", timedelta(minutes=5))
    assert (roster.sync, roster.guard) == (timedelta(minutes=15), 30)
    assert loaded.settings.inventory == "namespace"
    assert loaded.settings.store_url == "sqlite:////var/edu.sqlite"
    assert loaded.campus.stale_after == timedelta(hours=12)


def test_how_rosters_are_read_and_people_are_linked(load):
    loaded = load(
        "adopt: true",
        "sync: 1h\n    guard: 50%",
        "terms:",
        "links: [{source: roster, attribute: number, is: ad, of: employeeNumber}]\nterms:",
    ).campus

    assert (loaded.sources["ad"].sync, loaded.sources["ad"].guard) == (timedelta(hours=1), 50)
    assert loaded.links == (LinkRule("roster", "number", "ad", "employeeNumber"),)


def test_nobody_joins_a_course_that_does_not_say_how(load):
    courses = load("codes: [INF4490]", "join: [ask, code]").campus.courses

    assert courses["ml"].joining == {Joining.ASK, Joining.CODE}
    assert courses["intro"].joining == frozenset()


def test_a_course_is_joined_until_it_ends_and_while_it_is_open(load):
    course = load("codes: [INF4490]", "join: [ask]").campus.courses["ml"]
    before, after = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 12, 18, 23, tzinfo=UTC)

    assert course.takes(Joining.ASK, before)
    assert not course.takes(Joining.ASK, after)
    assert not course.takes(Joining.CODE, before)
    assert not replace(course, state=CourseState.SUSPENDED).takes(Joining.ASK, before)


def test_a_suspended_course_promises_nothing(load):
    loaded = load("    quota: {t4: 2}\n", "    quota: {t4: 4}\n    state: suspended\n")

    assert loaded.campus.courses["intro"].state is CourseState.SUSPENDED


def test_promises_of_the_past_do_not_clash(load):
    text = "    term: h26\n    quota: {t4: 2}\n"
    over = "    from: 2026-01-01\n    until: 2026-10-31\n    quota: {t4: 4}\n"

    assert load(text, over).campus.courses["intro"].quota == {"t4": Quota(4)}


def test_promises_of_two_terms_do_not_clash(load):
    loaded = load(
        "  h26: {from: 2026-08-17, until: 2026-12-18}",
        "  h26: {from: 2026-08-17, until: 2026-12-18}\n  v27: {from: 2026-12-19, until: 2027-06-01}",
        "    term: h26\n    quota: {t4: 2}\n",
        "    term: v27\n    quota: {t4: 4}\n",
    )

    assert loaded.campus.courses["intro"].quota == {"t4": Quota(4)}


def test_the_digest_tells_files_apart(load):
    assert load().campus.digest == load().campus.digest
    assert load().campus.digest != load("name: Fjord", "name: Fiord").campus.digest
