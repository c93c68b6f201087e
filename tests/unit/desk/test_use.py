"""What somebody sees of their own use: sessions with their ends, what is left, what was used."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from jupyterhub_edu.core import Core, provide
from jupyterhub_edu.desk.use import ends_note, my_sessions, my_use, use_json
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.allowances import GPU_HOUR, parse_allowance
from jupyterhub_edu.domain.courses import Allowances
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.grants import Cap, Grant, Hours, Lift, Longest, Offer
from jupyterhub_edu.domain.people import CourseRole, Person
from jupyterhub_edu.ports import AuditEntry
from tests.fakes.campus import NOW, a_campus, a_core, a_course, enrol
from tests.fakes.world import AClock, FakeVisits

STUDENT, TEACHER = CourseRole.STUDENT, CourseRole.TEACHER
HOURS = Allowances(parse_allowance("10h per week"), parse_allowance("40h per term"))


@pytest.fixture
async def core() -> Core:
    """Two courses, one with hours; a term of half a year."""
    half = timedelta(days=90)
    ml = a_course(allowances=HOURS, starts=NOW - half, ends=NOW + half)
    core = a_core(
        a_campus(courses=[ml, a_course("db")], extend_times=1),
        clock=AClock(NOW),
        visits=FakeVisits(),
    )
    await core.ready()
    return core


async def start(core: Core, person: Person, course: str, profile: str = "gpu") -> Admission:
    request = StartRequest(person.key, course, profile)
    admission = await core.book.admit(request, person, "" if course == "ml" else course)
    await core.book.run(admission.id)
    return admission


async def test_a_session_says_when_it_stops_why_and_how_soon(core: Core) -> None:
    ada = await enrol(core, "ada", ml=STUDENT)
    assert my_sessions(core, ada) == []
    await start(core, ada, "ml")
    await start(core, await enrol(core, "bob", ml=STUDENT), "ml")
    core.clock.pass_(hours=3)  # type: ignore[attr-defined]

    (row,) = my_sessions(core, ada)
    assert (row.course_title, row.seconds, row.is_warned) == ("Machine Learning", 3600, False)
    assert (row.session.until_why, row.session.may_stop) == ("longest session", True)
    assert row.longer == ""

    core.clock.pass_(minutes=51)  # type: ignore[attr-defined]
    (row,) = my_sessions(core, ada)
    assert (row.seconds, row.is_warned) == (540, True)
    assert row.longer == "Go on until 16:00"


async def test_what_is_left_used_and_past_stands_by_course(core: Core) -> None:
    ada = await enrol(core, "ada", ml=STUDENT, db=STUDENT)
    for course in ("ml", "db"):
        for _ in range(2):
            one = await start(core, ada, course)
            core.clock.pass_(hours=1)  # type: ignore[attr-defined]
            await core.book.end(one.id)
        core.clock.pass_(days=7)  # type: ignore[attr-defined]
    await start(core, ada, "ml")

    use = await my_use(core, ada)
    assert [row.left.words for row in use.left] == [
        "6 of 10 GPU hours left this week",
        "34 of 40 GPU hours left this term for the whole course",
    ]
    assert use.left[0].renews is not None
    assert use.left[1].renews is None
    assert [(str(w.first), w.course_title, w.usage.sessions, w.gpu_hours) for w in use.weeks] == [
        ("2026-11-09", "Db", 2, "2"),
        ("2026-11-02", "Machine Learning", 2, "2"),
    ]
    assert [(p.course_title, p.used // GPU_HOUR, p.why) for p in use.past] == [
        ("Db", 1, ""),
        ("Db", 1, ""),
        ("Machine Learning", 1, ""),
        ("Machine Learning", 1, ""),
    ]


async def test_what_was_granted_stands_beside_what_is_left(core: Core) -> None:
    ada, bob = await enrol(core, "ada", ml=STUDENT), await enrol(core, "bob", ml=STUDENT)
    day = timedelta(days=1)
    given: list[tuple[str | None, Lift, datetime]] = [
        (ada.key, Hours(5 * GPU_HOUR), NOW),
        (None, Cap(2, "t4"), NOW),
        (ada.key, Longest("gpu", timedelta(hours=8)), NOW + day),
        (bob.key, Offer("gpu"), NOW),
    ]
    for at, (person, what, starts) in enumerate(given):
        grant = Grant(
            f"g{at}", "ml", what, starts, NOW + 3 * day, "tea", "thesis", person, approved=True
        )
        await core.grants.save(grant, AuditEntry(NOW, "tea", "grant", "ml"))

    use = await my_use(core, ada)
    assert use.left[0].left.words == "10 of 10 GPU hours left this week, and 5 granted"
    shown = [(row.words, row.starts is None, row.ends.text) for row in use.grants]
    assert sorted(shown) == [
        ("5 GPU hours more", True, "Fri 6 Nov 11:00"),
        ("Gpu: sessions of up to 8 hours", False, "Fri 6 Nov 11:00"),
        ("up to 2 NVIDIA T4 at a time", True, "Fri 6 Nov 11:00"),
    ]
    told = use_json(core, use)
    assert (told["left"][0]["gpu_hours_left"], told["grants"][0]["by"]) == (15.0, "tea")


async def test_a_session_that_reached_its_end_says_by_which_rule(core: Core) -> None:
    ada = await enrol(core, "ada", ml=STUDENT)
    one = await start(core, ada, "ml")
    core.clock.pass_(hours=4, seconds=3)  # type: ignore[attr-defined]
    await core.book.end(one.id)
    (past,) = (await my_use(core, ada)).past
    assert past.why == "longest session"


async def test_who_could_open_ones_server_stands_there_when_it_is_over(core: Core) -> None:
    ada, tea = await enrol(core, "ada", ml=STUDENT), await enrol(core, "tea", ml=TEACHER)
    running = core.book.admission((await start(core, ada, "ml")).id)
    assert running is not None
    help = await core.helps.open(tea, running)
    core.clock.pass_(minutes=5)  # type: ignore[attr-defined]
    assert (await my_use(core, ada)).helped == []
    await core.helps.end(ada, help)
    use = await my_use(core, ada)
    (row,) = use.helped
    assert (row.by, row.course) == (tea.name, "Machine Learning")
    (told,) = use_json(core, use)["helped"]
    assert (told["helper"], told["ended_by"]) == ("tea", "owner")
    assert datetime.fromisoformat(told["ended"]) == NOW + timedelta(minutes=5)
    assert (await my_use(core, tea)).helped == []


async def test_the_same_for_programs_names_nobody_else(core: Core) -> None:
    ada, bob = await enrol(core, "ada", ml=STUDENT), await enrol(core, "bob", ml=STUDENT)
    ended = await start(core, bob, "ml")
    await core.book.end(ended.id)
    await start(core, bob, "ml")
    running = await start(core, ada, "ml")

    told = use_json(core, await my_use(core, ada))
    assert [one["session"] for one in told["sessions"]] == [running.id]
    assert told["sessions"][0]["seconds_left"] == 4 * 3600
    assert (told["past"], told["weeks"]) == ([], [])
    assert told["left"][0]["gpu_hours_left"] == 6.0
    assert "bob" not in str(told)


async def test_pages_of_the_hub_say_when_ones_own_servers_stop(core: Core) -> None:
    ada = await enrol(core, "ada", ml=STUDENT, db=STUDENT)
    provide(lambda: core)
    try:
        assert ends_note(None) == []
        assert ends_note(SimpleNamespace(name="nobody")) == []
        await start(core, ada, "ml")
        endless = replace(core.campus.profiles["notebook"], longest=None)
        core.replace_campus(
            replace(core.campus, profiles={**core.campus.profiles, "notebook": endless}), {}
        )
        await start(core, ada, "db", "notebook")
        (row,) = ends_note(SimpleNamespace(name="ada"))
        assert row.session.profile == "gpu"
    finally:
        provide(None)


async def test_no_page_of_the_hub_fails_for_want_of_a_core() -> None:
    provide(None)
    assert ends_note(SimpleNamespace(name="ada")) == []
