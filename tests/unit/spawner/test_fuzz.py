"""Whatever stands in ``user_options``: the pod is one that the policy allows, or there is none and no error but a refusal.

The oracle is a list of pods, written out by hand; it knows nothing of the code.
"""

import asyncio
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tornado import web

from jupyterhub_edu.core import provide
from jupyterhub_edu.domain.people import CourseRole
from tests.fakes.campus import (
    GIB,
    T4,
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
from tests.unit.core.test_choices import ANY_JSON

STUDENT, TEACHER = CourseRole.STUDENT, CourseRole.TEACHER
MEMORY = an_option(
    "memory",
    a_choice("small"),
    a_choice("large", memory_limit=some_amounts(memory=(GIB, 4 * GIB)).memory_limit),
)
DEVICES = an_option(
    "devices",
    a_choice("one", devices=1),
    a_choice("two", devices=2, course_roles=frozenset({TEACHER})),
)
CAMPUS = a_campus(
    profiles=[
        a_profile("notebook", options=[MEMORY]),
        a_profile("gpu", flavor=T4, options=[DEVICES]),
        a_profile("secret", amounts=some_amounts(memory=(GIB, 64 * GIB))),
    ],
    courses=[
        a_course("ml", offers={STUDENT: ("notebook", "gpu"), TEACHER: ("secret",)}),
        a_course("db", offers={TEACHER: ("gpu",)}),
        a_course("other", offers={STUDENT: ("secret",)}),
    ],
)
# Ada is a student of ml and a teacher of db: course, image, GiB of memory, GPUs.
ALLOWED = {
    ("ml", "registry.example/notebook:1", 2, 0),
    ("ml", "registry.example/notebook:1", 4, 0),
    ("ml", "registry.example/gpu:1", 2, 1),
    ("db", "registry.example/gpu:1", 2, 1),
    ("db", "registry.example/gpu:1", 2, 2),
}

WORDS = st.sampled_from(
    ["ml", "db", "other", "notebook", "gpu", "secret", "devices", "memory", "one", "two", "large"]
)
ALMOST = st.fixed_dictionaries(
    {},
    optional={
        "course": WORDS | ANY_JSON,
        "profile": WORDS | ANY_JSON,
        "options": st.dictionaries(WORDS, WORDS | ANY_JSON, max_size=2) | ANY_JSON,
        "mem_limit": ANY_JSON,
    },
)


def pod_as_a_row(pod):
    notebook = pod["spec"]["containers"][0]
    limits = notebook["resources"]["limits"]
    assert set(limits) <= {"cpu", "memory", "nvidia.com/gpu"}
    assert limits["cpu"] == 2.0
    return (
        pod["metadata"]["labels"]["jupyterhub-edu/course"],
        notebook["image"],
        limits["memory"] // GIB,
        int(limits.get("nvidia.com/gpu", 0)),
    )


@pytest.fixture
def ask():
    """Start with these options as ada, always on one and the same spawner; the pod as a row, or None."""
    with asyncio.Runner() as runner, pytest.MonkeyPatch.context() as patch:

        async def make():
            core = a_core(CAMPUS, inventory=FakeInventory({"t4": [2]}))
            provide(lambda: core)
            await enrol(core, "ada", ml=STUDENT, db=TEACHER)
            return SimpleNamespace(core=core, spawner=a_kube_spawner(FakeCluster(), patch))

        world = runner.run(make())

        async def once(options):
            made, refused = len(world.spawner.cluster.made), None
            try:
                await spawn(world.spawner, options)
            except web.HTTPError as error:
                refused = error
            if refused is not None:
                assert refused.status_code in {400, 403}
                assert words(refused)
                assert len(world.spawner.cluster.made) == made
                return None
            row = pod_as_a_row(world.spawner.cluster.last)
            await stop(world.spawner)
            assert world.core.book.admissions() == []
            return row

        yield lambda options: runner.run(once(options))
        provide(None)


FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@FUZZ
@given(options=st.dictionaries(st.text(), ANY_JSON) | ALMOST)
def test_any_json_starts_what_the_policy_allows_or_nothing(ask, options):
    row = ask(options)

    assert row is None or row in ALLOWED


@FUZZ
@given(
    course=st.sampled_from(["ml", "db"]),
    profile=st.sampled_from(["notebook", "gpu"]),
    options=st.dictionaries(
        st.sampled_from(["devices", "memory"]),
        st.sampled_from(["one", "two", "small", "large"]),
        max_size=2,
    ),
)
def test_what_the_policy_allows_can_be_had(ask, course, profile, options):
    wanted = _by_hand(course, profile, options)

    assert ask({"course": course, "profile": profile, "options": options}) == wanted


def _by_hand(course, profile, options):
    """What a person would read off the campus above."""
    if (course, profile) == ("ml", "notebook"):
        memory = {"small": 2, "large": 4}.get(options.get("memory", "small"))
        known = set(options) <= {"memory"}
        return (course, "registry.example/notebook:1", memory, 0) if memory and known else None
    if profile == "gpu" and set(options) <= {"devices"}:
        count = {"one": 1, "two": 2 if course == "db" else None}.get(options.get("devices", "one"))
        return (course, "registry.example/gpu:1", 2, count) if count else None
    return None
