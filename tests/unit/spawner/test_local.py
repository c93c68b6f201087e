"""The life of a server beside the hub, with a real process that does nothing."""

from types import SimpleNamespace

import pytest
from tornado import web

from jupyterhub_edu.core import provide
from jupyterhub_edu.domain.admissions import Stage
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.hub import Attached
from jupyterhub_edu.ports import StoreError
from jupyterhub_edu.spawner import EduLocalSpawner
from tests.fakes.campus import a_core, enrol
from tests.fakes.kube import an_account, spawn, stop, words

STUDENT = CourseRole.STUDENT


@pytest.fixture
async def core():
    core = a_core()
    provide(lambda: core)
    await enrol(core, "ada", ml=STUDENT)
    yield core
    provide(None)


@pytest.fixture
async def make(core, tmp_path):
    spawners = []

    def one(user="ada", **settings):
        given = {
            "user": an_account(user),
            "authenticator": SimpleNamespace(jupyterhub_edu=True),
            "hub": SimpleNamespace(
                public_host="", api_url="http://hub/api", base_url="/hub/", server=None
            ),
            "hub_connect_url": "http://hub",
            "cmd": ["sleep", "3600"],
            "port": 12345,
            "home_dir": str(tmp_path),
            "interrupt_timeout": 1,
            **settings,
        }
        spawners.append(EduLocalSpawner(**given))
        spawners[-1].handler = SimpleNamespace(settings={"failure_count": 3})
        return spawners[-1]

    yield one
    for spawner in spawners:
        if spawner.proc is not None:
            spawner.proc.kill()
            spawner.proc.wait()


def stages(core):
    return [a.stage for a in core.book.admissions()]


async def test_a_server_holds_its_admission_from_start_to_stop(core, make):
    spawner = make()

    await spawn(spawner, {"profile": "gpu"})
    assert stages(core) == [Stage.RUNNING]
    assert core.book.free("t4") == 1

    await stop(spawner)
    assert stages(core) == []
    assert core.book.free("t4") == 2


async def test_what_was_granted_is_kept_in_the_state_and_told_to_the_server(core, make):
    spawner = make()
    await spawn(spawner, {"profile": "gpu"})

    (admission,) = core.book.admissions()
    assert spawner.get_state()["edu"] == {
        "admission": admission.id,
        "course": "ml",
        "profile": "gpu",
        "options": {},
        "flavor": "t4",
        "devices": 1,
        "cpu_limit_millicores": 2000,
        "memory_limit_bytes": 2 * 1024**3,
        "image": "registry.example/gpu:1",
        "ends_at": admission.ends_at.isoformat(),
    }
    env = spawner.get_env()
    assert (env["CPU_LIMIT"], env["MEM_LIMIT"]) == ("2.0", str(2 * 1024**3))
    assert (env["JUPYTERHUB_EDU_COURSE"], env["JUPYTERHUB_EDU_PROFILE"]) == ("ml", "gpu")
    assert "CUDA_VISIBLE_DEVICES" not in env


async def test_what_the_hub_remembers_is_committed_before_the_start_waits(core, make, monkeypatch):
    committed = []
    orm_spawner = SimpleNamespace(name="", user_options={"profile": "gpu"}, server=None)
    database = SimpleNamespace(commit=lambda: committed.append(orm_spawner.user_options))
    app = SimpleNamespace(db=database)
    monkeypatch.setattr("jupyterhub_edu.hub.running._attached", Attached(app))

    await spawn(make(orm_spawner=orm_spawner), {"profile": "gpu"})

    assert committed == [{"edu": {"profile": "gpu"}}]


async def test_what_the_hub_remembers_as_it_shall_is_not_written_again(core, make, monkeypatch):
    committed = []
    orm_spawner = SimpleNamespace(name="", user_options={"edu": {"profile": "gpu"}}, server=None)
    database = SimpleNamespace(commit=lambda: committed.append(orm_spawner.user_options))
    monkeypatch.setattr(
        "jupyterhub_edu.hub.running._attached", Attached(SimpleNamespace(db=database))
    )
    spawner = make(orm_spawner=orm_spawner)

    await spawn(spawner, {"edu": {"profile": "gpu"}})

    assert committed == []
    assert spawner.user_options == {"profile": "gpu"}


async def test_a_server_that_dies_gives_back_when_the_hub_notices(core, make):
    spawner = make()
    await spawn(spawner)
    spawner.proc.kill()
    spawner.proc.wait()

    await stop(spawner)

    assert stages(core) == []


async def test_a_server_that_cannot_start_gives_back(core, make):
    spawner = make(cmd=["/does/not/exist"])

    with pytest.raises(FileNotFoundError):
        await spawn(spawner)

    assert stages(core) == []


async def test_an_admission_is_held_while_the_process_lives(core, make):
    spawner = make()
    await spawn(spawner)

    await spawner.run_post_stop_hook()

    assert stages(core) == [Stage.RUNNING]


async def test_after_a_restart_of_the_hub_a_stop_gives_back(core, make):
    spawner = make()
    await spawn(spawner)
    again = make()
    again.load_state(spawner.get_state())
    spawner.proc.kill()
    spawner.proc.wait()

    await stop(again)

    assert stages(core) == []


async def test_a_server_found_dead_before_the_book_is_rebuilt_gives_back_too(core, make):
    spawner = make()
    await spawn(spawner)
    spawner.proc.kill()
    spawner.proc.wait()
    rebuilt = a_core(store=core.store)
    provide(lambda: rebuilt)
    again = make()
    again.load_state(spawner.get_state())

    await stop(again)
    await rebuilt.ready()

    assert stages(rebuilt) == []


async def test_a_refused_start_changes_nothing(core, make):
    spawner = make()

    with pytest.raises(web.HTTPError) as refused:
        await spawn(spawner, {"profile": "nope"})

    assert refused.value.status_code == 403
    assert stages(core) == []
    assert spawner.get_state() == {}


async def test_a_stop_without_a_start_changes_nothing(core, make):
    bob = await enrol(core, "bob", ml=STUDENT)
    await spawn(make("bob"))

    await make().run_post_stop_hook()

    assert [a.person for a in core.book.admissions()] == [bob.key]


async def test_the_decision_is_about_the_owner_of_the_server(core, make):
    await enrol(core, "admin", ml=CourseRole.TEACHER)

    with pytest.raises(web.HTTPError, match="not enrolled"):
        await spawn(make("stranger"), {"course": "ml"})

    assert stages(core) == []


async def test_under_another_authenticator_nothing_starts(core, make, caplog):
    spawner = make(authenticator=SimpleNamespace())

    with pytest.raises(web.HTTPError) as refused:
        await spawn(spawner)

    assert refused.value.status_code == 403
    assert "call jupyterhub_edu.setup(c)" in caplog.text
    assert "not enrolled" in await spawner.get_options_form()


async def test_what_cannot_be_written_down_does_not_start(core, make, monkeypatch):
    async def broken(admission):
        raise StoreError("disk full")

    monkeypatch.setattr(core.store, "save_admission", broken)

    with pytest.raises(web.HTTPError) as failed:
        await spawn(make())

    assert failed.value.status_code == 503
    assert "cannot write its records" in words(failed.value)
    assert stages(core) == []


HOSTILE_FORMS = {
    "an unknown field beside a choice": {"choice": ["ml/gpu"], "mem_limit": ["1T"]},
    "a choice of nothing": {"choice": ["x"]},
    "a file": {"choice_file": [{"body": b""}]},
}


@pytest.mark.parametrize("form", HOSTILE_FORMS.values(), ids=HOSTILE_FORMS)
async def test_a_form_that_cannot_be_read_is_refused(make, form):
    with pytest.raises(web.HTTPError) as refused:
        make().run_options_from_form(form)

    assert refused.value.status_code == 400


async def test_form_and_query_are_read_alike(make):
    spawner = make()

    assert spawner.run_options_from_form({"choice": ["ml/gpu"]}) == {
        "course": "ml",
        "profile": "gpu",
    }
    assert spawner.options_from_query({"profile": ["gpu"]}) == {"profile": "gpu"}


async def test_the_page_chooses_what_was_remembered(make):
    form = await make(user_options={"course": "ml", "profile": "gpu"}).get_options_form()

    assert 'value="ml/gpu" required checked' in form


@pytest.mark.parametrize(
    ("named", "chosen"),
    [
        (("", ""), "ml/gpu"),
        (("ml", ""), "ml/gpu"),
        (("ml", "gpu"), "ml/gpu"),
        (("ml", "notebook"), "ml/notebook"),
        (("db", ""), "ml/notebook"),
        (("<b>", "<b>"), "ml/notebook"),
    ],
    ids=[
        "no link",
        "to the course of last time",
        "to the profile of last time",
        "to another profile",
        "to another course",
        "to no course",
    ],
)
async def test_a_link_to_a_course_goes_before_what_was_remembered(make, named, chosen):
    spawner = make(user_options={"course": "ml", "profile": "gpu"})
    spawner.handler = SimpleNamespace(chosen=named)

    assert f'value="{chosen}" required checked' in await spawner.get_options_form()


async def test_the_page_bears_what_somebody_else_remembered(make):
    form = await make(user_options={"profile": {"slug": "huge"}}).get_options_form()

    assert 'value="ml/notebook" required checked' in form


async def test_a_local_hub_says_that_limits_are_not_enforced(make):
    assert "does not hold servers to them" in await make().get_options_form()
