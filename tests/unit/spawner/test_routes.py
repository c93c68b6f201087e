"""What our handlers do before the hub's own; the hub's part is played by a base class that notes what it is given."""

import asyncio
import json
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from jupyterhub import apihandlers, handlers
from tornado import web

from jupyterhub_edu import hub
from jupyterhub_edu.core import provide
from jupyterhub_edu.core.choices import Wish
from jupyterhub_edu.domain.courses import Caps, Quota
from jupyterhub_edu.domain.decide import Decision, StartRequest
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.reasons import Code, Reason
from jupyterhub_edu.ports import Gone
from jupyterhub_edu.spawner import routes
from tests.fakes.campus import a_campus, a_core, a_course, enrol

STUDENT = CourseRole.STUDENT


@pytest.fixture
def world():
    """``await world(campus)``: a core with ada, a student of ml."""

    async def make(campus=None):
        core: Any = a_core(campus)
        provide(lambda: core)
        core.ada = await enrol(core, "ada", ml=STUDENT)
        return core

    yield make
    provide(None)


class Spawns:
    """The hub's part of a handler."""

    def __init__(self):
        self.begun = []

    async def spawn_single_user(self, user, server_name="", *args, **kwargs):
        self.begun.append((user.name, server_name, kwargs.get("options")))
        return "begun"


class Asking(routes._Asking, Spawns):
    pass


def an_account(name="ada", remembered=None, active=False):
    spawner = SimpleNamespace(
        orm_spawner=SimpleNamespace(user_options=remembered),
        active=active,
        pending=None,
        ready=False,
        refused_wish=None,
    )
    return SimpleNamespace(name=name, spawner=spawner, spawners={"": spawner, "two": spawner})


async def refusal(user, options, server=""):
    handler = Asking()
    with pytest.raises(web.HTTPError) as refused:
        await handler.spawn_single_user(user, server, options=options)
    assert handler.begun == []
    return refused.value


async def test_what_is_allowed_goes_on_to_the_hub_as_it_shall_remember_it(world):
    await world()
    handler = Asking()

    assert await handler.spawn_single_user(an_account(), "two", options={"profile": "gpu"})

    assert handler.begun == [("ada", "two", {"edu": {"profile": "gpu"}})]


async def test_without_options_the_remembered_ones_are_decided_on(world):
    await world()

    error = await refusal(an_account(remembered={"profile": "gone"}), None)

    assert error.status_code == 403


CODES = {
    "an unknown profile": ({"profile": "huge"}, 403),
    "an unknown course": ({"course": "db"}, 403),
    "an unknown option": ({"profile": "gpu", "options": {"x": "y"}}, 400),
    "no object": ([], 400),
    "an unknown key": ({"mem_limit": "1T"}, 400),
}


@pytest.mark.parametrize(("options", "status"), CODES.values(), ids=CODES)
async def test_a_refusal_answers_with_the_right_code(world, options, status):
    await world()

    error = await refusal(an_account(), options)

    assert (error.status_code, error.headers) == (status, {})


async def test_full_answers_409_and_when_to_come_back(world):
    core = await world(a_campus(courses=[a_course(quota={"t4": Quota(1, 0)})]))
    bob = await enrol(core, "bob", ml=STUDENT)
    await core.book.admit(StartRequest(bob.key, "ml", "gpu"), bob, "")

    error = await refusal(an_account(), {"profile": "gpu"})

    assert error.status_code == 409
    assert int(error.headers["Retry-After"]) > 0


async def test_an_account_that_we_do_not_know_is_refused(world):
    await world()

    assert (await refusal(an_account("stranger"), {"course": "ml"})).status_code == 403


async def test_the_source_is_asked_about_the_owner_once_per_request(world):
    core = await world()
    core.clock.pass_(minutes=1)
    handler = Asking()

    await handler._prepare(an_account(), "")
    await handler.spawn_single_user(an_account(), options={})

    assert core.refresher.sources["ad"].asked == ["ada"]


async def test_a_person_who_is_gone_by_now_is_refused(world):
    core = await world()
    core.clock.pass_(minutes=1)
    core.refresher.sources["ad"].answers["id-ada"] = Gone(core.clock(), "left")

    assert (await refusal(an_account(), {"course": "ml"})).status_code == 403


async def test_a_former_server_that_is_just_ending_is_waited_for(world):
    core = await world(a_campus(courses=[a_course(caps={STUDENT: Caps(1)})]))
    former = await core.book.admit(StartRequest(core.ada.key, "ml"), core.ada, "")
    handler = Asking()

    start = asyncio.create_task(handler.spawn_single_user(an_account(), options={}))
    await asyncio.sleep(0.01)
    assert not start.done()
    await core.book.end(former.id)

    assert await start == "begun"


async def test_what_the_line_has_reserved_for_this_start_is_no_former_server(world):
    core = await world(a_campus(courses=[a_course(caps={STUDENT: Caps(1)})]))
    request = StartRequest(core.ada.key, "ml", "gpu")
    held = core.book.hold(request, core.ada, "", frozenset())
    waited_for = []

    async def wait_ended(ids, within):
        waited_for.append(ids)
        return True

    core.book.wait_ended = wait_ended

    options = {"course": "ml", "profile": "gpu"}
    assert await Asking().spawn_single_user(an_account(), options=options) == "begun"
    assert waited_for == [[]]
    assert core.book.is_held(held.id)


async def test_a_former_server_that_does_not_end_counts(world, monkeypatch):
    monkeypatch.setattr(routes, "_FORMER_ENDS_WITHIN", 0.01)
    core = await world(a_campus(courses=[a_course(caps={STUDENT: Caps(1)})]))
    await core.book.admit(StartRequest(core.ada.key, "ml"), core.ada, "")

    assert (await refusal(an_account(), {})).status_code == 409


@pytest.mark.parametrize("meanwhile", [{"pending": "spawn"}, {"ready": True}], ids=str)
async def test_who_presses_start_twice_waits_for_the_same_server(world, meanwhile):
    """The hub looks before we ask the source: while one press asks, the other has begun."""
    core = await world(a_campus(courses=[a_course(caps={STUDENT: Caps(1)})]))
    account, handler = an_account(), Asking()
    await handler._prepare(account, "")
    await core.book.admit(StartRequest(core.ada.key, "ml"), core.ada, "")
    vars(account.spawner).update(meanwhile)

    assert await handler.spawn_single_user(account, options={}) is None

    assert handler.begun == []


async def test_a_server_that_is_running_is_not_waited_for(world):
    core = await world()
    await core.book.admit(StartRequest(core.ada.key, "ml"), core.ada, "")

    async with asyncio.timeout(1):
        await Asking()._prepare(an_account(active=True), "")


def test_every_route_that_starts_a_server_is_ours():
    ours = dict(routes.spawn_routes())
    hubs_own = [*handlers.default_handlers, *apihandlers.default_handlers]

    starting = [p for p, handler, *_ in hubs_own if _starts(handler)]

    assert starting
    assert set(starting) == {
        p for p, handler in ours.items() if issubclass(handler, routes._Asking)
    }


def _starts(handler):
    """The hub's handlers of these two kinds are the only ones that call spawn_single_user."""
    return handler.__name__ in {"SpawnHandler", "UserServerAPIHandler"}


# -- handlers without a request ------------------------------------------------------------------------------------


def a_page():
    page = routes.EduSpawnHandler.__new__(routes.EduSpawnHandler)
    page.request = SimpleNamespace(query_arguments={"_xsrf": [b"x"], "profile": [b"gpu"]})
    return page


async def test_the_forms_token_in_the_address_starts_nothing(monkeypatch):
    page = a_page()
    monkeypatch.setattr(handlers.pages.SpawnHandler, "get", lambda self, *args: args)

    page.get("ada")

    assert page.request.query_arguments == {"profile": [b"gpu"]}


async def test_the_page_that_is_shown_again_knows_what_was_refused():
    user = an_account()

    a_page()._refused(user, {"course": "ml", "profile": "gpu"})
    assert user.spawner.refused_wish == Wish("ml", "gpu")

    a_page()._refused(user, ["nonsense"])
    assert user.spawner.refused_wish is None


class Answer:
    """What a handler writes."""

    def __init__(self, body=None):
        self.headers, self.written, self.body = {}, None, body

    def set_header(self, name, value):
        self.headers[name] = value

    def finish(self, text):
        self.written = json.loads(text)

    def get_json_body(self):
        return self.body

    _check_options: Any = routes.EduServerAPIHandler._check_options


write_error: Any = routes.EduServerAPIHandler.write_error


async def test_json_carries_every_reason(world):
    await world()
    error = await refusal(an_account(), {"profile": "huge"})
    answer = Answer()

    write_error(answer, 403, exc_info=(type(error), error, None))

    assert answer.headers == {"Content-Type": "application/json"}
    sentence = "huge is not offered to you as student in Machine Learning."
    assert answer.written == {
        "status": 403,
        "message": sentence,
        "reasons": [
            {
                "code": "profile-not-offered",
                "sentence": sentence,
                "who": "an administrator, in the campus file (it@test.example)",
                "retry_at": None,
            }
        ],
    }


STORABLE: dict[str, Any] = {
    "nothing": None,
    "a new name": {"name": "b"},
    "no options": {"user_options": {}},
    "what may be started": {"user_options": {"course": "ml", "profile": "gpu"}},
    "what may be started, as the whole body": {"profile": "gpu"},
    "what is full just now": {"user_options": {"profile": "gpu"}},
}


@pytest.mark.parametrize("body", STORABLE.values(), ids=STORABLE)
async def test_options_that_may_be_stored(world, body):
    await world(a_campus(courses=[a_course(caps={STUDENT: Caps(devices={"t4": 0})})]))

    await Answer(body)._check_options("ada")


UNSTORABLE = {
    "an unknown course": {"user_options": {"course": "db"}},
    "an unknown profile": {"user_options": {"profile": "huge"}},
    "an unknown option": {"user_options": {"profile": "gpu", "options": {"x": "y"}}},
    "a text": {"user_options": "gpu"},
    "a list": {"user_options": [1]},
    "a body that is a list": [1],
    "a body that is a number": 5,
    "an unknown key in the whole body": {"profile": "gpu", "mem_limit": "1T"},
}


@pytest.mark.parametrize("body", UNSTORABLE.values(), ids=UNSTORABLE)
async def test_options_that_could_never_be_started_are_not_stored(world, body):
    await world()

    with pytest.raises(web.HTTPError) as refused:
        await Answer(body)._check_options("ada")

    assert refused.value.status_code == 400


def test_a_refusal_is_a_line_in_the_log_and_not_a_traceback(caplog):
    log = logging.getLogger("JupyterHub")
    caplog.set_level("INFO", "JupyterHub")
    routes.spawn_routes()
    refused = hub.refusal(Decision(None, (Reason(Code.NO_CAPACITY, "quota"),)))

    for error in (refused, ValueError("broken")):
        try:
            raise error
        except Exception:
            log.error("Failed to spawn", exc_info=True)

    assert [(r.levelname, r.exc_info is None) for r in caplog.records] == [
        ("INFO", True),
        ("ERROR", False),
    ]
