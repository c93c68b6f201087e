"""A server of an exam: its image, its label for the network, and who is told that it has begun."""

from types import SimpleNamespace

import pytest
from tornado import web

from jupyterhub_edu.core import provide
from jupyterhub_edu.core.exam_wishes import ExamWish
from jupyterhub_edu.core.examining import Examining
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.ports import StoreError
from tests.audited import audited
from tests.fakes.campus import NOW, a_campus, a_core, a_course, enrol
from tests.fakes.kube import FakeCluster, a_kube_spawner, spawn
from tests.fakes.world import FakeInventory

IMAGE = "registry.example/exam@sha256:" + "0" * 64


@pytest.fixture
async def world(monkeypatch):
    """An exam on ``notebook`` goes on; ada takes part in it."""
    core = a_core(
        a_campus(courses=[a_course(image="registry.example/course:1")]),
        inventory=FakeInventory({"t4": [2]}, sees_pods=True),
    )
    provide(lambda: core)
    teacher = await enrol(core, "tea", ml=CourseRole.TEACHER)
    await enrol(core, "ada", ml=CourseRole.STUDENT)
    wish = ExamWish(NOW, NOW.replace(hour=12), "notebook", IMAGE)
    exam = (await Examining(core, teacher, "ml").prepare(wish)).exam

    def spawner(**settings):
        return a_kube_spawner(FakeCluster(), monkeypatch, **settings)

    yield SimpleNamespace(core=core, exam=exam, spawner=spawner)
    provide(None)


async def test_the_pod_has_the_exam_s_image_and_its_label(world):
    spawner = world.spawner()

    await spawn(spawner, {"course": "ml", "profile": "notebook"})

    pod = spawner.cluster.last
    assert pod["spec"]["containers"][0]["image"] == IMAGE
    assert pod["metadata"]["labels"]["jupyterhub-edu/exam"] == "ml"
    (admission,) = world.core.book.admissions()
    assert admission.exam == world.exam.id


async def test_no_other_pod_has_the_label(world):
    spawner = world.spawner(user="tea")

    await spawn(spawner, {"course": "ml", "profile": "notebook"})

    assert "jupyterhub-edu/exam" not in spawner.cluster.last["metadata"]["labels"]


def without_label(spawner, pod):
    del pod.metadata.labels["jupyterhub-edu/exam"]
    return pod


def with_another_image(spawner, pod):
    pod.spec.containers[0].image = "other:1"
    return pod


@pytest.mark.parametrize("hook", [without_label, with_another_image])
async def test_what_a_hook_would_open_is_not_started(world, hook):
    spawner = world.spawner(modify_pod_hook=hook)

    with pytest.raises(web.HTTPError, match="not what was granted"):
        await spawn(spawner, {"course": "ml", "profile": "notebook"})
    assert spawner.cluster.made == []


async def test_it_is_in_the_protocol_with_the_address_of_whoever_pressed_start(world):
    world.core.exams.note_address("ada", "198.51.100.7")

    await spawn(world.spawner(), {"course": "ml", "profile": "notebook"})

    (entry,) = [e for e in await audited(world.core.store, "ml") if e.act == "start-in-exam"]
    assert (entry.actor, entry.address) == ("ada", "198.51.100.7")
    assert entry.details["exam"] == world.exam.id


async def test_a_start_that_cannot_be_written_down_is_none(world, monkeypatch):
    async def broken(entry):
        raise StoreError("full")

    monkeypatch.setattr(world.core.store, "append_audit", broken)
    spawner = world.spawner()

    with pytest.raises(web.HTTPError, match="503"):
        await spawn(spawner, {"course": "ml", "profile": "notebook"})
    assert (spawner.cluster.made, world.core.book.admissions()) == ([], [])


async def test_a_spawner_that_cannot_close_it_says_so(world, monkeypatch, caplog):
    spawner = world.spawner()
    monkeypatch.setattr(type(spawner), "closes_exams", False)
    messages = []
    monkeypatch.setattr(spawner.log, "warning", lambda text, *of: messages.append(text % of))

    await spawn(spawner, {"course": "ml", "profile": "notebook"})

    assert any("fixes neither its image nor its network" in text for text in messages)
