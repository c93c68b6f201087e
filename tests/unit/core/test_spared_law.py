"""Whatever sessions, grants, exams and deaths of the hub: each millisecond is paid for once, by the right purse."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from jupyterhub_edu.core import Core, Refused
from jupyterhub_edu.core.exam_wishes import ExamWish
from jupyterhub_edu.core.examining import Examining
from jupyterhub_edu.core.giving import Giving, Whom
from jupyterhub_edu.domain.allowances import GPU_HOUR, parse_allowance, usage
from jupyterhub_edu.domain.campus import FilePerson
from jupyterhub_edu.domain.courses import Allowances
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.grants import Hours
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.schedule import Period
from jupyterhub_edu.domain.usage import By, UsageQuery
from jupyterhub_edu.store.memory import MemoryStore
from tests.fakes.campus import NOW, T4, a_campus, a_core, a_course, a_profile, enrol

MINUTE = timedelta(minutes=1)
WEEK = timedelta(weeks=1)
OWN, GIVEN = 5 * GPU_HOUR, 4 * GPU_HOUR


def a_hub(store: MemoryStore) -> Core:
    allowances = Allowances(parse_allowance("5h per week"), parse_allowance("500h per week"))
    campus = a_campus(
        courses=[a_course(allowances=allowances)],
        profiles=[a_profile(), a_profile("gpu", flavor=T4)],
        admins=frozenset({FilePerson("ad", "root")}),
    )
    return a_core(campus, store=store)


async def restarted(store: MemoryStore, former: Core) -> Core:
    core = a_hub(store)
    core.clock.now = former.clock()  # type: ignore[attr-defined]
    await core.ready()
    return core


async def in_exams(core: Core) -> int:
    """What sessions in exams have used, by their rows."""
    found = 0
    for row in await core.store.load_admissions_of("ada"):
        if row.exam is not None and row.ended_at is not None and row.running_at is not None:
            found += usage(row.devices * row.weight, row.running_at, row.ended_at)
    return found


async def check(core: Core) -> None:
    """Reports show everything; budgets and grants pay for all of it but exams, and nothing twice."""
    rows = await core.store.load_usage(UsageQuery(frozenset({By.PERSON})))
    everything, exams = sum(row.used for row in rows), await in_exams(core)
    weeks = [NOW, NOW + WEEK]
    own = [core.ledger.used("ml", Period.WEEK, at, "ada") for at in weeks]
    pooled = [core.ledger.used("ml", Period.WEEK, at) for at in weeks]
    spent = core.spared.spent("ada")
    assert sum(own) + sum(spent.values()) + exams == everything
    assert sum(pooled) + exams == everything
    assert all(used <= OWN for used in own)
    assert all(used <= GIVEN for used in spent.values())


@pytest.mark.parametrize("seed", range(6))
async def test_every_millisecond_is_paid_for_once(seed: int):
    dice, store = random.Random(seed), MemoryStore()  # noqa: S311 - the same every time
    core = a_hub(store)
    await core.ready()
    root = await enrol(core, "root", ml=CourseRole.TEACHER)
    await enrol(core, "ada", ml=CourseRole.STUDENT)
    started = in_exam = 0
    while core.clock() < NOW + timedelta(days=9):
        core.clock.pass_(minutes=dice.randint(5, 400))  # type: ignore[attr-defined]
        now, what = core.clock(), dice.random()
        if what < 0.1:
            ends = now + timedelta(hours=dice.randint(1, 90))
            await Giving(core, root, "ml").give(Hours(GIVEN), Whom("ada"), ends=ends)
        elif what < 0.2:
            wish = ExamWish(now, now + timedelta(minutes=dice.randint(30, 300)), "gpu")
            await Examining(core, root, "ml").prepare(wish)
        elif what < 0.25 and (given := core.grants.of("ml")):
            await Giving(core, root, "ml").take_back(dice.choice(given).id)
        ada = core.roll.by_hub_name("ada")
        assert ada is not None
        try:
            admission = await core.book.admit(StartRequest(ada.key, "ml", "gpu"), ada, "")
        except Refused:
            continue
        started, in_exam = started + 1, in_exam + (admission.exam is not None)
        await core.book.run(admission.id)
        if dice.random() < 0.2:
            core = await restarted(store, core)
        assert admission.ends_at is not None
        planned = (admission.ends_at - core.clock()) // MINUTE
        core.clock.pass_(minutes=dice.choice([planned, dice.randint(0, planned)]))  # type: ignore[attr-defined]
        await core.book.end(admission.id)
        if dice.random() < 0.2:
            await core.spared.settle()
            core = await restarted(store, core)
        await check(core)
    await core.spared.settle()
    await check(await restarted(store, core))
    assert started > 10
    assert in_exam
