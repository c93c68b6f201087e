"""What every inventory keeps, the fake ones too: the book over it admits exactly what there is."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.book import Refused
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole, Person
from jupyterhub_edu.inventory import CountedInventory, WatchedInventory
from jupyterhub_edu.inventory.watch import Pace
from jupyterhub_edu.ports import Inventory, PodSighting, utc_now
from tests.eventually import eventually
from tests.fakes.campus import T4, a_core, enrol
from tests.fakes.kubernetes_api import HOME, FakeKubernetes, a_node, a_pod
from tests.fakes.world import FakeInventory

KINDS = ("cluster", "namespace", "counted", "fake that sees pods", "fake that sees none")
QUICK = Pace(watch=1, grace=0.3, first=0.01, longest=0.05)


class World:
    """An inventory with two T4 devices, a core over it, and what a spawner and a kubelet would do."""

    def __init__(self, kind: str, kubernetes: FakeKubernetes) -> None:
        self.kubernetes = kubernetes
        self.inventory = self._make(kind)
        # A watch proves its life by the machine's clock, so the book must read the same one.
        self.core: Core = a_core(inventory=self.inventory, clock=utc_now)
        self._pods: dict[str, dict] = {}

    def _make(self, kind: str) -> Inventory:
        if kind == "counted":
            return CountedInventory({"t4": T4})
        if kind.startswith("fake"):
            return FakeInventory({"t4": [2]}, sees_pods=kind.endswith("pods"))
        return WatchedInventory(
            kind, {"t4": T4}, HOME, connect=self.kubernetes.connect, pace=QUICK
        )

    async def admit(self, person: Person) -> Admission:
        return await self.core.book.admit(StartRequest(person.key, "ml", "gpu"), person, "")

    async def pod_runs(self, admission: Admission) -> None:
        """The scheduler bound its pod, and the inventory has seen it."""
        if isinstance(self.inventory, WatchedInventory):
            pod = a_pod(admission.id, admission=admission.id, node="n1", gpus=1)
            self._pods[admission.id] = pod
            self.kubernetes.put("pods", pod)
            await eventually(lambda: admission.id in self.inventory.pods())
        elif isinstance(self.inventory, FakeInventory) and self.inventory.sees_pods:
            self.inventory.nodes["t4"][0] -= 1
            self.inventory.sight(PodSighting(admission.id, "n1", None))

    async def pod_goes(self, admission: Admission) -> None:
        """Its pod is gone, or its process has ended."""
        if isinstance(self.inventory, WatchedInventory):
            self.kubernetes.drop("pods", self._pods.pop(admission.id))
            await eventually(lambda: self.core.book.admission(admission.id) is None)
        elif isinstance(self.inventory, FakeInventory) and self.inventory.sees_pods:
            self.inventory.nodes["t4"][0] += 1
            self.inventory.sight(PodSighting(admission.id, "n1", None, gone=True))
        else:
            await self.core.book.end(admission.id)


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with FakeKubernetes() as kubernetes:
        kubernetes.put("nodes", a_node("n1", gpus=2))
        world = World(request.param, kubernetes)
        await world.core.ready()
        yield world
        await world.core.close()


async def test_two_devices_are_admitted_twice_whether_their_pods_are_seen_or_not(world):
    people = [await enrol(world.core, name, ml=CourseRole.STUDENT) for name in ("ada", "bo", "cy")]
    first = await world.admit(people[0])
    assert world.core.book.free("t4") == 1
    await world.pod_runs(first)
    assert world.core.book.free("t4") == 1
    second = await world.admit(people[1])
    with pytest.raises(Refused, match="NVIDIA T4"):
        await world.admit(people[2])
    await world.pod_runs(second)
    with pytest.raises(Refused, match="NVIDIA T4"):
        await world.admit(people[2])
    await world.pod_goes(first)
    assert world.core.book.free("t4") == 1
    await world.admit(people[2])


async def test_a_flavor_that_nobody_knows_has_nothing(world):
    assert list(world.inventory.stock("unheard-of").nodes) == []


async def test_what_is_watched_is_fresh_and_what_is_counted_never_stale(world):
    proof = world.inventory.proof_of_life()
    if proof is None:
        assert not isinstance(world.inventory, WatchedInventory)
    else:
        assert timedelta(0) <= world.core.clock() - proof < timedelta(seconds=30)
        assert proof.tzinfo is not None


async def test_pods_are_seen_only_by_those_who_say_so(world):
    admission = await world.admit(await enrol(world.core, "ada", ml=CourseRole.STUDENT))
    await world.pod_runs(admission)
    assert (admission.id in world.inventory.pods()) is world.inventory.sees_pods


async def test_removing_what_is_not_there_and_closing_twice_are_fine(world):
    await world.inventory.remove("0" * 32)
    await world.inventory.close()
    await world.inventory.close()
