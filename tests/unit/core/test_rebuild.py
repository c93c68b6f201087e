"""After a restart of the hub: the store's rows and the live pods, in whatever order they are heard of."""

from dataclasses import replace

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import PodSighting
from tests.fakes.campus import NOW, a_core, enrol
from tests.fakes.world import FakeInventory


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
