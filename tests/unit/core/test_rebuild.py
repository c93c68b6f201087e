"""After a restart of the hub: the store's rows and the live pods, in whatever order they are heard of."""

from dataclasses import replace
from datetime import timedelta

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.schedule import Period
from jupyterhub_edu.ports import PodSighting
from tests.fakes.campus import NOW, a_core, enrol
from tests.fakes.world import AClock, FakeInventory

DAY, MS = timedelta(days=1), timedelta(milliseconds=1)


@pytest.fixture
async def before() -> tuple[Core, Admission, PodSighting]:
    """A hub on which Ada's server runs."""
    core = a_core(inventory=FakeInventory({"t4": [2]}, sees_pods=True))
    await core.ready()
    ada = await enrol(core, "ada", ml=CourseRole.STUDENT)
    admission = await core.book.admit(StartRequest(ada.key, "ml", "gpu"), ada, "")
    pod = PodSighting(admission.id, "n1", NOW, hub_name="ada", devices={"nvidia.com/gpu": 1})
    core.inventory.sight(pod)  # type: ignore[attr-defined]
    await core.book.settle()
    return core, admission, pod


async def test_a_pod_that_is_sighted_before_its_row_is_read_is_no_leftover(before):
    core, admission, pod = before
    again = a_core(store=core.store, inventory=core.inventory)
    again.book.sight(pod)
    await again.ready()
    (kept,) = again.book.admissions()
    assert (kept.id, kept.role, kept.ends_at) == (
        admission.id,
        CourseRole.STUDENT,
        admission.ends_at,
    )


async def test_what_a_pod_used_that_came_and_went_while_the_hub_was_down_counts(before):
    core, admission, pod = before
    other = replace(admission, id="f" * 32, stage=Stage.RESERVED, running_at=None)
    await core.store.save_admission(other)
    core.inventory.seen[other.id] = replace(
        pod, admission=other.id, gone=True, ended_at=NOW + timedelta(hours=1)
    )
    again = a_core(store=core.store, inventory=core.inventory, clock=AClock(NOW + DAY))

    await again.ready()
    await again.book.settle()

    row = await core.store.find_admission(other.id)
    assert (row.running_at, row.ended_at) == (NOW, NOW + timedelta(hours=1))


LAST = {
    "an answer about anybody": (timedelta(hours=2), timedelta(hours=2)),
    "its own start, where nothing is known later": (timedelta(hours=-2), timedelta(0)),
    "its own start, where the clock has gone back since": (2 * timedelta(days=1), timedelta(0)),
}


@pytest.mark.parametrize(("answered", "expected"), LAST.values(), ids=LAST)
async def test_a_session_lost_while_the_hub_was_down_ends_when_a_hub_last_worked(
    before, answered, expected
):
    core, admission, _ = before
    (ada,) = await core.store.load_people()
    await core.store.save_answer(replace(ada, answered_at=NOW + answered), "source:ad", [])
    core.inventory.seen.clear()
    again = a_core(store=core.store, inventory=core.inventory, clock=AClock(NOW + DAY))

    await again.ready()

    row = await core.store.find_admission(admission.id)
    assert (row.ended_at, row.estimated) == (NOW + expected, True)
    assert again.ledger.used("ml", Period.DAY, NOW, "ada") == expected // MS * 1000


async def test_a_pod_that_finished_while_the_hub_was_down_ends_at_its_own_instant(before):
    core, admission, pod = before
    core.inventory.seen[pod.admission] = replace(pod, gone=True, ended_at=NOW)
    again = a_core(store=core.store, inventory=core.inventory)
    await again.ready()
    await again.book.settle()
    assert again.book.admissions() == []
    row = await core.store.find_admission(admission.id)
    assert row is not None
    assert (row.ended_at, row.estimated) == (NOW, False)
