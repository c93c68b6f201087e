"""Which sources' rosters are read by the clock, and how often."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from jupyterhub_edu.domain.campus import SourceInfo
from jupyterhub_edu.warden import roster_timers
from tests.fakes.campus import NOW, a_campus, a_core, an_identity
from tests.fakes.rosters import FakeRosters
from tests.fakes.world import AClock, FakeSource


def a_core_with_rosters():
    clock = AClock(NOW)
    lms = SourceInfo("lms", "fake", "Moodle", sync=timedelta(hours=1))
    campus = a_campus(sources=[SourceInfo("ad", "fake", "Directory"), lms])
    sources = {"ad": FakeSource("ad", clock), "lms": FakeRosters("lms", clock)}
    return a_core(campus, sources=sources, clock=clock)


def test_each_source_with_rosters_has_a_timer_of_its_own_and_no_other():
    timers = roster_timers(a_core_with_rosters())
    assert [(timer.name, timer.every) for timer in timers] == [("rosters-lms", 3600)]
    assert timers[0].jitter > 0


def test_a_campus_file_that_asks_less_often_has_another_timer():
    core = a_core_with_rosters()
    lms = replace(core.campus.sources["lms"], sync=timedelta(days=1))
    core.replace_campus(
        replace(core.campus, sources={**core.campus.sources, "lms": lms}), core.refresher.sources
    )
    assert [timer.every for timer in roster_timers(core)] == [86400]


async def test_a_timer_reads_the_rosters_and_a_silent_source_is_no_failure_of_the_timer():
    core = a_core_with_rosters()
    await core.ready()
    source = core.refresher.sources["lms"]
    source.put("ml", "ada")
    (timer,) = roster_timers(core)
    await timer.act()
    ada = await core.sign_in(an_identity("ada", source="lms", covers=frozenset()), "ada")
    assert [e.course for e in core.roll.enrolments(ada)] == ["ml"]

    source.down = True
    await timer.act()
    assert core.syncer.state("lms").error == "it is down"
