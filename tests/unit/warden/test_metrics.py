"""What the hub's metrics page says of the campus: it follows the book, and names no person."""

from __future__ import annotations

from datetime import time, timedelta
from zoneinfo import ZoneInfo

from prometheus_client import CollectorRegistry, generate_latest

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.book import STALE_INVENTORY
from jupyterhub_edu.domain.allowances import parse_allowance
from jupyterhub_edu.domain.courses import Allowances, Quota
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.windows import Weekly, Window
from jupyterhub_edu.ports import Unavailable
from jupyterhub_edu.warden import default_timers
from tests.fakes.campus import T4, a_campus, a_core, a_course, a_profile, an_identity, enrol


def shown(registry: CollectorRegistry) -> dict[str, float]:
    """Lines of the page without our prefix."""
    lines = generate_latest(registry).decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name.removeprefix("jupyterhub_edu_"): float(value) for name, value in pairs}


def a_watched_core() -> tuple[Core, CollectorRegistry]:
    quota = {T4.key: Quota(1)}
    campus = a_campus(
        courses=[a_course("ml", quota=quota), a_course("db")],
        profiles=[a_profile(), a_profile("gpu", flavor=T4)],
    )
    core, registry = a_core(campus), CollectorRegistry()
    default_timers(core, registry=registry)
    return core, registry


async def start(core: Core, login: str, course: str, profile: str) -> str:
    person = core.roll.by_hub_name(login) or await enrol(core, login, **{course: STUDENT})
    request = StartRequest(person.key, course, profile)
    return (await core.book.admit(request, person, "")).id


STUDENT = CourseRole.STUDENT


async def test_servers_and_devices_are_counted_by_course_and_never_by_person():
    core, registry = a_watched_core()
    await core.ready()
    own = await start(core, "ada", "ml", "gpu")
    await start(core, "bob", "db", "gpu")
    await start(core, "cyd", "db", "notebook")
    await core.book.run(own)

    page = shown(registry)
    assert page['servers{course="ml",profile="gpu",stage="running"}'] == 1
    assert page['servers{course="db",profile="gpu",stage="reserved"}'] == 1
    assert page['devices_used{course="ml",flavor="t4"}'] == 1
    assert page['devices_owned{course="ml",flavor="t4"}'] == 1
    assert page['devices_on_loan{flavor="t4"}'] == 1
    assert page['devices_free{flavor="t4"}'] == 0
    assert page['admissions_total{flavor="t4"}'] == 2
    assert page["people"] == 3
    assert 'devices_used{course="db",flavor="cpu"}' not in page
    text = generate_latest(registry).decode()
    assert not any(name in text for name in ("ada", "bob", "cyd"))

    await core.book.end(own)
    page = shown(registry)
    assert page['admissions_ended_total{estimated="false",flavor="t4"}'] == 1
    assert 'devices_used{course="ml",flavor="t4"}' not in page


async def test_a_courses_hours_are_counted_together_and_never_by_person():
    hours = Allowances(parse_allowance("10h per week"), parse_allowance("40h per day"))
    campus = a_campus(
        courses=[a_course("ml", allowances=hours), a_course("db")],
        profiles=[a_profile(), a_profile("gpu", flavor=T4)],
    )
    core, registry = a_core(campus), CollectorRegistry()
    default_timers(core, registry=registry)
    await core.ready()
    ended = await start(core, "ada", "ml", "gpu")
    await core.book.run(ended)
    core.clock.pass_(hours=2)  # type: ignore[attr-defined]
    await core.book.end(ended)
    await start(core, "ada", "ml", "gpu")
    await start(core, "bob", "ml", "gpu")

    page = shown(registry)
    assert page['allowance_gpu_seconds{course="ml",period="day"}'] == 40 * 3600
    assert page['allowance_used_gpu_seconds{course="ml",period="day"}'] == 2 * 3600
    assert page['allowance_used_gpu_seconds{course="ml",period="week"}'] == 2 * 3600
    assert page['allowance_reserved_gpu_seconds{course="ml",period="day"}'] == 8 * 3600
    assert not any("allowance" in line and "db" in line for line in page)


async def test_what_a_course_has_beyond_its_own_is_borrowed_whoever_came_first():
    core, registry = a_watched_core()
    await core.ready()
    await start(core, "ada", "ml", "gpu")
    assert 'devices_borrowed{course="ml",flavor="t4"}' not in shown(registry)
    await start(core, "bob", "db", "gpu")
    assert shown(registry)['devices_borrowed{course="db",flavor="t4"}'] == 1


async def test_what_a_window_holds_is_told_while_it_is_open():
    tuesday = Weekly(frozenset({1}), time(10, 15), time(12), ZoneInfo("Europe/Oslo"))
    course = a_course(windows=(Window("class", tuesday, reserve={"t4": 2}),))
    core, registry = a_core(a_campus(courses=[course])), CollectorRegistry()
    default_timers(core, registry=registry)
    await core.ready()
    assert shown(registry)['devices_reserved{course="ml",flavor="t4"}'] == 2
    core.clock.pass_(hours=2)  # type: ignore[attr-defined]
    assert 'devices_reserved{course="ml",flavor="t4"}' not in shown(registry)


async def test_how_many_wait_and_how_long_is_told_by_flavor():
    core, registry = a_watched_core()
    await core.ready()
    for login in ("ada", "bob"):
        await start(core, login, "ml", "gpu")
    assert shown(registry)['line_length{flavor="t4"}'] == 0
    for login in ("cyd", "dan"):
        person = await enrol(core, login, ml=STUDENT)
        await core.line.join(StartRequest(person.key, "ml", "gpu"), person)
        core.clock.pass_(seconds=30)  # type: ignore[attr-defined]

    page = shown(registry)
    assert page['line_length{flavor="t4"}'] == 2
    assert page['line_wait_seconds{flavor="t4"}'] == 60
    await core.close()


async def test_what_is_free_is_absent_while_the_cluster_is_silent():
    core, registry = a_watched_core()
    await core.ready()
    assert shown(registry)['devices_free{flavor="t4"}'] == 2
    core.inventory.alive_at = core.clock() - STALE_INVENTORY - timedelta(seconds=1)  # type: ignore[attr-defined]
    assert 'devices_free{flavor="t4"}' not in shown(registry)


async def test_the_age_of_a_source_is_that_of_its_last_answer_and_its_silence_is_told():
    core, registry = a_watched_core()
    await core.ready()
    assert 'source_age_seconds{source="ad"}' not in shown(registry)
    await core.sign_in(an_identity("ada"), "ada")
    core.clock.pass_(seconds=40)  # type: ignore[attr-defined]
    core.refresher.heard("ad", Unavailable("it is down"))
    core.clock.pass_(seconds=20)  # type: ignore[attr-defined]

    page = shown(registry)
    assert page['source_age_seconds{source="ad"}'] == 60
    assert page['source_failing_seconds{source="ad"}'] == 20
    core.refresher.heard("ad", an_identity("ada"))
    assert shown(registry)['source_failing_seconds{source="ad"}'] == 0


async def test_a_second_core_takes_the_place_of_the_first():
    core, registry = a_watched_core()
    await core.ready()
    await enrol(core, "ada")
    second = a_core(core.campus)
    default_timers(second, registry=registry)
    assert shown(registry)["people"] == 0
