"""From a grant to the pod that is sent: KubeSpawner's own start over a cluster in memory."""

from types import SimpleNamespace

import pytest
from kubernetes_asyncio.client.rest import ApiException
from tornado import web

from jupyterhub_edu.core import provide
from jupyterhub_edu.domain.admissions import Stage
from jupyterhub_edu.domain.courses import Caps
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.profiles import Flavor
from jupyterhub_edu.spawner.manifest import breaches
from tests.fakes.campus import (
    GIB,
    a_campus,
    a_choice,
    a_core,
    a_course,
    a_profile,
    an_option,
    enrol,
    some_amounts,
)
from tests.fakes.kube import FakeCluster, a_kube_spawner, spawn, stop, words
from tests.fakes.world import FakeInventory

STUDENT, TEACHER = CourseRole.STUDENT, CourseRole.TEACHER
GPU = Flavor(
    key="t4",
    title="NVIDIA T4",
    device="nvidia.com/gpu",
    count=2,
    nodes={"nvidia.com/gpu.product": "Tesla-T4"},
    tolerate=("nvidia.com/gpu",),
)
DEVICES = an_option(
    "devices",
    a_choice("one", devices=1),
    a_choice("two", devices=2, image="registry.example/two:1", course_roles=frozenset({TEACHER})),
)


def some_profiles(**gpu):
    return [
        a_profile(),
        a_profile(
            "gpu",
            **{
                "flavor": GPU,
                "amounts": some_amounts(1, cpu=(1500, 4000), memory=(GIB, 8 * GIB)),
                "options": [DEVICES],
                **gpu,
            },
        ),
    ]


@pytest.fixture
async def world(monkeypatch):
    """``await world(campus, **settings)``: ada, a student of ml, and her spawner."""

    async def make(campus=None, *, roles=None, **settings):
        core = a_core(
            campus or a_campus(profiles=some_profiles()),
            inventory=FakeInventory({"t4": [2]}, sees_pods=True),
        )
        provide(lambda: core)
        await enrol(core, "ada", **(roles or {"ml": STUDENT}))
        spawner = a_kube_spawner(FakeCluster(), monkeypatch, **settings)
        return SimpleNamespace(core=core, spawner=spawner, cluster=spawner.cluster)

    yield make
    provide(None)


def notebook(pod):
    return next(c for c in pod["spec"]["containers"] if c["name"] == "notebook")


def admissions(core):
    return [(a.course, a.granted.profile, a.stage) for a in core.book.admissions()]


async def test_a_grant_becomes_a_pod_with_exactly_its_amounts(world):
    w = await world()

    address = await spawn(w.spawner, {"profile": "gpu"})

    assert address == "http://10.0.0.1:8888"
    pod = w.cluster.last
    assert notebook(pod)["image"] == "registry.example/gpu:1"
    assert notebook(pod)["resources"] == {
        "limits": {"cpu": 4.0, "memory": 8 * GIB, "nvidia.com/gpu": "1"},
        "requests": {"cpu": 1.5, "memory": GIB},
    }
    assert pod["spec"]["nodeSelector"] == {"nvidia.com/gpu.product": "Tesla-T4"}
    assert pod["spec"]["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists"}]


async def test_the_pod_carries_its_admission(world):
    w = await world()

    await spawn(w.spawner, {"course": "ml", "profile": "gpu"})

    (admission,) = w.core.book.admissions()
    labels = w.cluster.last["metadata"]["labels"]
    assert {k: v for k, v in labels.items() if k.startswith("jupyterhub-edu/")} == {
        "jupyterhub-edu/course": "ml",
        "jupyterhub-edu/profile": "gpu",
        "jupyterhub-edu/flavor": "t4",
        "jupyterhub-edu/admission": admission.id,
    }
    assert w.spawner.get_state()["edu"]["admission"] == admission.id
    env = {e["name"]: e.get("value") for e in notebook(w.cluster.last)["env"]}
    assert env["JUPYTERHUB_EDU_COURSE"] == "ml"


async def test_a_profile_left_out_is_the_default_with_its_limits(world):
    w = await world()

    await spawn(w.spawner)

    assert notebook(w.cluster.last)["resources"]["limits"] == {"cpu": 2.0, "memory": 2 * GIB}


async def test_an_option_changes_what_it_says_and_nothing_else(world):
    w = await world(roles={"ml": TEACHER})

    await spawn(w.spawner, {"profile": "gpu", "options": {"devices": "two"}})

    assert notebook(w.cluster.last)["image"] == "registry.example/two:1"
    assert notebook(w.cluster.last)["resources"]["limits"] == {
        "cpu": 4.0,
        "memory": 8 * GIB,
        "nvidia.com/gpu": "2",
    }


async def test_a_pod_keeps_to_pod_security_restricted(world):
    w = await world()

    await spawn(w.spawner, {"profile": "gpu"})

    assert breaches(w.cluster.last) == []
    assert w.cluster.last["spec"]["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in w.cluster.last["spec"]


# -- nothing sticks ------------------------------------------------------------------------------------------------


def traits_of(spawner):
    names = (
        "cpu_limit cpu_guarantee mem_limit mem_guarantee image extra_resource_limits "
        "extra_resource_guarantees node_selector tolerations extra_labels environment volumes "
        "volume_mounts modify_pod_hook pod_security_context container_security_context"
    )
    return {name: getattr(spawner, name) for name in names.split()}


async def test_nothing_of_a_start_stays_on_the_spawner(world):
    additions = {
        "environment": {"COURSE": "ml"},
        "volumes": {"shm": {"emptyDir": {"medium": "Memory"}}},
        "volume_mounts": {"shm": {"mountPath": "/dev/shm"}},
    }
    w = await world(a_campus(profiles=some_profiles(kubespawner=additions)))
    before = traits_of(w.spawner)

    await spawn(w.spawner, {"profile": "gpu"})
    assert traits_of(w.spawner) != before
    await stop(w.spawner)

    assert traits_of(w.spawner) == before


async def test_a_second_start_on_the_same_object_is_as_if_it_were_the_first(world):
    w = await world(a_campus(profiles=some_profiles(kubespawner={"environment": {"A": "1"}})))

    await spawn(w.spawner, {"profile": "gpu"})
    await stop(w.spawner)
    await spawn(w.spawner, {"profile": "notebook"})

    pod = w.cluster.last
    assert notebook(pod)["image"] == "registry.example/notebook:1"
    assert "nvidia.com/gpu" not in notebook(pod)["resources"]["limits"]
    assert "nodeSelector" not in pod["spec"]
    assert "tolerations" not in pod["spec"]
    assert "A" not in {e["name"] for e in notebook(pod)["env"]}
    assert pod["metadata"]["labels"]["jupyterhub-edu/flavor"] == "cpu"


async def test_what_is_shared_by_all_spawners_is_never_changed(world):
    shared_by_all = {"EDITOR": "vi"}
    additions = {"environment": {"COURSE": "ml"}}
    w = await world(
        a_campus(profiles=some_profiles(kubespawner=additions)), environment=shared_by_all
    )

    await spawn(w.spawner, {"profile": "gpu"})

    assert shared_by_all == {"EDITOR": "vi"}
    assert additions == {"environment": {"COURSE": "ml"}}


# -- what the hub's configuration and the campus file add -----------------------------------------------------------


async def test_additions_of_profile_and_course_are_merged_on_top_of_the_configuration(world):
    campus = a_campus(
        profiles=some_profiles(
            kubespawner={
                "environment": {"A": "profile", "B": "profile"},
                "volumes": {"shm": {"emptyDir": {"medium": "Memory"}}},
                "volume_mounts": {"shm": {"mountPath": "/dev/shm"}},
            }
        ),
        courses=[a_course(kubespawner={"environment": {"B": "course"}})],
    )
    home = {"name": "home", "persistentVolumeClaim": {"claimName": "claim-{username}"}}
    w = await world(
        campus,
        environment={"A": "configuration", "C": "configuration"},
        lab_extension=False,
        volumes=[home],
        volume_mounts=[{"name": "home", "mountPath": "/home/jovyan"}],
    )

    await spawn(w.spawner, {"profile": "gpu"})

    env = {e["name"]: e.get("value") for e in notebook(w.cluster.last)["env"]}
    assert (env["A"], env["B"], env["C"]) == ("profile", "course", "configuration")
    assert w.cluster.last["spec"]["volumes"] == [
        {"name": "home", "persistentVolumeClaim": {"claimName": "claim-ada"}},
        {"name": "shm", "emptyDir": {"medium": "Memory"}},
    ]
    assert [m["mountPath"] for m in notebook(w.cluster.last)["volumeMounts"]] == [
        "/home/jovyan",
        "/dev/shm",
    ]


async def test_placement_of_the_configuration_stays_beside_the_flavors(world):
    w = await world(
        node_selector={"pool": "users"},
        tolerations=[{"key": "hub.jupyter.org/dedicated", "operator": "Exists"}],
    )

    await spawn(w.spawner, {"profile": "gpu"})

    spec = w.cluster.last["spec"]
    assert spec["nodeSelector"] == {"pool": "users", "nvidia.com/gpu.product": "Tesla-T4"}
    assert [t["key"] for t in spec["tolerations"]] == [
        "hub.jupyter.org/dedicated",
        "nvidia.com/gpu",
    ]


async def test_devices_of_the_configuration_are_not_for_everybody(world):
    w = await world(
        extra_resource_limits={"nvidia.com/gpu": "8", "ephemeral-storage": "5Gi"},
        extra_resource_guarantees={"nvidia.com/gpu": "8"},
    )

    await spawn(w.spawner, {"profile": "notebook"})

    assert notebook(w.cluster.last)["resources"]["limits"] == {
        "cpu": 2.0,
        "memory": 2 * GIB,
        "ephemeral-storage": "5Gi",
    }
    assert "nvidia.com/gpu" not in notebook(w.cluster.last)["resources"]["requests"]


async def test_braces_in_titles_reach_no_template(world):
    campus = a_campus(
        profiles=some_profiles(title="{username} {0} {{"), courses=[a_course(title="{nope}")]
    )
    w = await world(campus)

    await spawn(w.spawner, {"profile": "gpu"})

    assert len(w.cluster.made) == 1


async def test_a_key_that_can_be_no_label_gets_one_that_can(world):
    profile = a_profile("große {x}")
    campus = a_campus(profiles=[profile], courses=[a_course(offers={STUDENT: (profile.key,)})])
    w = await world(campus)

    await spawn(w.spawner)

    label = w.cluster.last["metadata"]["labels"]["jupyterhub-edu/profile"]
    assert label.isascii()
    assert len(label) <= 63
    assert "{" not in label


async def test_home_volumes_are_kept_when_a_server_is_deleted(world):
    w = await world()

    assert w.spawner.delete_pvc is False
    assert w.spawner.pvc_name_template == "claim-{user_server}"


async def test_a_profile_list_is_not_asked(world):
    w = await world(
        profile_list=[{"display_name": "Huge", "slug": "huge", "kubespawner_override": {}}]
    )

    with pytest.raises(web.HTTPError) as refused:
        await spawn(w.spawner, {"profile": "huge"})

    assert refused.value.status_code == 403
    assert w.cluster.made == []


# -- hooks of the administrator -----------------------------------------------------------------------------------


async def test_pre_spawn_hook_runs_and_what_it_adds_stays(world):
    def hook(spawner):
        spawner.environment = {**spawner.environment, "HOOK": "ran"}
        spawner.mem_limit = "64G"
        spawner.extra_resource_limits = {"nvidia.com/gpu": "8"}

    w = await world(pre_spawn_hook=hook)

    await spawn(w.spawner, {"profile": "notebook"})

    assert {"name": "HOOK", "value": "ran"} in notebook(w.cluster.last)["env"]
    assert notebook(w.cluster.last)["resources"]["limits"] == {"cpu": 2.0, "memory": 2 * GIB}


async def test_modify_pod_hook_runs_on_the_pod_that_is_sent(world):
    async def hook(spawner, pod):
        pod.metadata.annotations["example.org/by"] = "hook"
        return pod

    w = await world(modify_pod_hook=hook)

    await spawn(w.spawner)

    assert w.cluster.last["metadata"]["annotations"]["example.org/by"] == "hook"


async def test_a_pod_keeps_off_nodes_where_what_is_free_is_kept_for_others(world):
    """Whatever the configuration and the hook ask for besides."""
    user_node = {"key": "hub.jupyter.org/node-purpose", "operator": "In", "values": ["user"]}

    def hook(spawner, pod):
        pod.spec.affinity.pod_affinity = {"any": "thing"}
        return pod

    w = await world(
        node_affinity_required=[{"matchExpressions": [user_node]}], modify_pod_hook=hook
    )
    w.core.book.avoids = lambda id: frozenset({"n2"} if w.core.book.admission(id) else ())

    await spawn(w.spawner)

    affinity = w.cluster.last["spec"]["affinity"]
    (term,) = affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    off = {"key": "metadata.name", "operator": "NotIn", "values": ["n2"]}
    assert term == {"matchExpressions": [user_node], "matchFields": [off]}
    assert affinity["podAffinity"] == {"any": "thing"}


async def test_after_pod_created_hook_runs(world):
    seen = []
    w = await world(
        after_pod_created_hook=lambda spawner, pod: seen.append(pod["metadata"]["uid"])
    )

    await spawn(w.spawner)

    assert seen == ["uid-1"]


async def test_post_stop_hook_runs_after_the_admission_has_ended(world):
    seen = []
    w = await world()
    w.spawner.post_stop_hook = lambda spawner: seen.append(admissions(w.core))

    await spawn(w.spawner)
    await stop(w.spawner)

    assert seen == [[]]


TAMPERED = {
    "more memory": lambda pod: limits(pod).update(memory="64Gi"),
    "a larger guarantee": lambda pod: requests(pod).update(cpu=8),
    "no memory limit": lambda pod: limits(pod).pop("memory"),
    "one GPU more": lambda pod: limits(pod).update({"nvidia.com/gpu": "2"}),
    "no GPU": lambda pod: limits(pod).pop("nvidia.com/gpu"),
    "another image": lambda pod: setattr(pod.spec.containers[0], "image", "evil:latest"),
    "another course's label": lambda pod: pod.metadata.labels.update(
        {"jupyterhub-edu/course": "db"}
    ),
    "no admission": lambda pod: pod.metadata.labels.pop("jupyterhub-edu/admission"),
    "another node": lambda pod: pod.spec.node_selector.clear(),
    "a node past the scheduler": lambda pod: setattr(pod.spec, "node_name", "n1"),
    "no toleration": lambda pod: setattr(pod.spec, "tolerations", None),
    "a service account": lambda pod: setattr(pod.spec, "service_account_name", "admin"),
    "its token": lambda pod: setattr(pod.spec, "automount_service_account_token", True),
    "another container in its place": lambda pod: setattr(pod.spec.containers[0], "name", "x"),
}


def limits(pod):
    return pod.spec.containers[0].resources.limits


def requests(pod):
    return pod.spec.containers[0].resources.requests


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED)
async def test_a_hook_that_changes_what_was_granted_starts_nothing(world, caplog, tamper):
    def hook(spawner, pod):
        tamper(pod)
        return pod

    w = await world(modify_pod_hook=hook)

    with pytest.raises(web.HTTPError) as stopped:
        await spawn(w.spawner, {"profile": "gpu"})

    assert "tell an administrator" in words(stopped.value)
    assert "the pod is not what was granted" in caplog.text
    assert w.cluster.made == []
    assert admissions(w.core) == []


async def test_what_breaks_restricted_is_let_through_and_told_once(world, caplog):
    w = await world(
        volumes=[{"name": "data", "hostPath": {"path": "/data"}}], allow_privilege_escalation=True
    )

    for _ in range(2):
        await spawn(w.spawner)
        await stop(w.spawner)

    assert len(w.cluster.made) == 2
    assert caplog.text.count("volume data: hostPath (told once)") == 1
    assert caplog.text.count("allowPrivilegeEscalation is not false (told once)") == 1


async def test_a_security_context_of_the_configuration_comes_first(world):
    async def context(spawner):
        return {"runAsUser": 1000, "seccompProfile": {"type": "Localhost"}}

    w = await world(pod_security_context=context)

    await spawn(w.spawner)

    assert w.cluster.last["spec"]["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "seccompProfile": {"type": "Localhost"},
    }


# -- failures and ends --------------------------------------------------------------------------------------------


async def test_the_quota_of_the_cluster_itself_is_a_refusal_in_words(world):
    w = await world()
    w.cluster.refuse_with = ApiException(status=403)
    w.cluster.refuse_with.body = '{"message": "pods is forbidden: exceeded quota: hub"}'

    with pytest.raises(web.HTTPError) as refused:
        await spawn(w.spawner, {"profile": "gpu"})

    assert refused.value.status_code == 409
    assert words(refused.value) == "The cluster's own quota for this hub is used up."
    assert admissions(w.core) == []


async def test_another_failure_of_the_cluster_stays_one_and_gives_back(world):
    w = await world()
    w.cluster.refuse_with = ApiException(status=403)

    with pytest.raises(ApiException):
        await spawn(w.spawner, {"profile": "gpu"})

    assert admissions(w.core) == []


async def test_an_admission_is_held_while_its_pod_may_still_be_there(world):
    w = await world()
    await spawn(w.spawner, {"profile": "gpu"})
    w.cluster.silent, w.spawner.k8s_api_request_timeout = True, 0

    await w.spawner.run_post_stop_hook()

    assert admissions(w.core) == [("ml", "gpu", Stage.RESERVED)]


async def test_an_admission_is_held_while_its_pod_is_there(world):
    w = await world()
    await spawn(w.spawner, {"profile": "gpu"})

    await w.spawner.run_post_stop_hook()
    await w.spawner.run_post_stop_hook()
    assert admissions(w.core) == [("ml", "gpu", Stage.RESERVED)]

    w.cluster.pods.clear()
    await w.spawner.run_post_stop_hook()
    assert admissions(w.core) == []


async def test_a_finished_pod_holds_nothing(world):
    w = await world()
    await spawn(w.spawner, {"profile": "gpu"})
    w.cluster.last["status"]["phase"] = "Succeeded"

    await w.spawner.run_post_stop_hook()

    assert admissions(w.core) == []


async def test_after_a_restart_of_the_hub_the_server_ends_its_admission(world, monkeypatch):
    w = await world(
        a_campus(profiles=some_profiles(), courses=[a_course(caps={STUDENT: Caps(1)})])
    )
    await spawn(w.spawner, {"profile": "gpu"})

    again = a_kube_spawner(w.cluster, monkeypatch)
    again.load_state(w.spawner.get_state())
    assert again.granted["devices"] == 1
    await stop(again)

    assert w.cluster.pods == {}
    assert admissions(w.core) == []
