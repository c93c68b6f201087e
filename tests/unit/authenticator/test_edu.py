"""EduAuthenticator: the auth model, admin, refresh, and what it refuses to run with."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bs4 import BeautifulSoup
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader
from jupyterhub._data import DATA_FILES_PATH
from tornado import web

from jupyterhub_edu.authenticator import TEMPLATES, EduAuthenticator
from jupyterhub_edu.core import Core, provide
from jupyterhub_edu.domain.campus import FilePerson, SourceInfo
from jupyterhub_edu.domain.people import CourseClaim, CourseRef, CourseRole
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.hub import add_check, add_routes, running
from jupyterhub_edu.ports import Denied, Gone, StoreError, Unavailable
from tests.fakes.campus import NOW, a_campus, a_core, an_identity, enrol
from tests.fakes.world import AClock, FakeHub, FakeSource

STUDENT = CourseRole.STUDENT
CLAIM = frozenset({CourseClaim(CourseRef("ml"), STUDENT)})
ADA = FilePerson("ad", "ada")
EVIL = "\"><script>alert(1)</script>{{ 7*7 }}'&"


class Source(FakeSource):
    def __init__(self, id: str, clock: AClock) -> None:
        super().__init__(id, clock)
        self.login: Any = an_identity(claims=CLAIM)

    async def authenticate(self, login: str, password: str) -> Any:
        return self.login


class AUser:
    """JupyterHub's User."""

    def __init__(self, name: str = "ada") -> None:
        self.name = name

    async def get_auth_state(self) -> dict[str, str]:
        return {"kept": "as it is"}


class World:
    def __init__(self, sources: list[SourceInfo] | None = None, **campus: Any) -> None:
        self.clock, self.hub = AClock(NOW), FakeHub()
        sources = sources or [SourceInfo("ad", "fake", "Directory")]
        self.sources = {info.id: Source(info.id, self.clock) for info in sources}
        self.core: Core = a_core(
            a_campus(sources=sources, **campus),
            sources=self.sources,
            clock=self.clock,
            hub=self.hub,
        )
        self.authenticator = EduAuthenticator()
        provide(lambda: self.core)

    @property
    def source(self) -> Source:
        return self.sources["ad"]

    async def log_in(self, **data: str) -> Any:
        handler = SimpleNamespace()
        form = {"username": "ada", "password": "s3cret", **data}
        return await self.authenticator.authenticate(handler, form)

    async def refresh(self, name: str = "ada", *groups: str) -> Any:
        self.clock.pass_(hours=1)
        if groups:
            self.hub.groups[name] = frozenset(groups)
        return await self.authenticator.refresh_user(AUser(name))


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(running, "_routes", [])
    monkeypatch.setattr(running, "_checks", [])
    monkeypatch.setattr(running, "_attached", None)
    ours = logging.getLogger("jupyterhub_edu")
    monkeypatch.setattr(ours, "parent", ours.parent)
    monkeypatch.setattr(ours, "level", ours.level)
    yield
    provide(None)


# -- logging in ----------------------------------------------------------------------------------------------------


async def test_the_auth_model_names_account_and_groups():
    world = World()
    assert await world.log_in() == {"name": "ada", "admin": None, "groups": ["edu:ml:student"]}


async def test_groups_of_others_stay_and_former_ones_of_ours_go():
    world = World()
    world.hub.groups["ada"] = frozenset({"staff", "edu:db:teacher"})
    model = await world.log_in()
    assert model["groups"] == ["edu:ml:student", "staff"]


async def test_the_account_is_the_sources_spelling_and_not_what_was_typed():
    world = World()
    world.source.login = an_identity("Ada.L")
    assert (await world.log_in(username="  ADA.l@uni"))["name"] == "ada.l"


async def test_an_account_stays_whatever_the_source_calls_the_person_now():
    world = World()
    await world.log_in()
    for renamed in ("lovelace", "Ada Lovelace (née Byron)", "🦆"):
        world.source.login = an_identity(renamed, subject="id-ada")
        assert (await world.log_in())["name"] == "ada"


async def test_the_hubs_own_map_of_names_still_holds():
    world = World()
    world.authenticator.username_map = {"ada": "lovelace"}
    assert (await world.log_in())["name"] == "lovelace"


async def test_a_wrong_login_is_none():
    world = World()
    world.source.login = Denied("wrong password")
    assert await world.log_in() is None
    assert world.core.roll.by_hub_name("ada") is None


REFUSED: dict[str, tuple[Any, list[str], int, str]] = {
    "a disabled account": (Gone(NOW, "This account is 100% off."), [], 403, "is 100% off."),
    "a silent source": (Unavailable("?"), [], 503, "Directory does not answer at the moment"),
    "a login that can be no account": (
        an_identity("ada/../root"),
        [],
        403,
        "cannot be an account name here",
    ),
    "an account that is somebody else's": (
        an_identity(),
        ["ada"],
        403,
        "There is already an account ada here that is not linked to this login. "
        "Please write to it@test.example: it must be linked or renamed first.",
    ),
}


@pytest.mark.parametrize(("answer", "accounts", "status", "words"), REFUSED.values(), ids=REFUSED)
async def test_a_login_that_is_refused_says_why(answer, accounts, status, words):
    world = World()
    world.source.login = answer
    world.hub.accounts.update(accounts)
    with pytest.raises(web.HTTPError) as error:
        await world.log_in()
    assert error.value.status_code == status
    assert words in str(error.value.args[0])
    assert world.core.roll.by_hub_name("ada") is None


async def test_a_store_that_cannot_write_is_said_in_words(monkeypatch):
    world = World()

    async def fail(*_: object) -> None:
        raise StoreError("the disk is full")

    await world.core.ready()
    monkeypatch.setattr(world.core.store, "save_answer", fail)
    with pytest.raises(web.HTTPError) as error:
        await world.log_in()
    assert error.value.status_code == 503
    assert "cannot write its records" in str(error.value.args)


async def test_without_a_contact_an_administrator_is_to_be_asked():
    world = World(contact="")
    world.hub.accounts.add("ada")
    with pytest.raises(web.HTTPError) as error:
        await world.log_in()
    assert "Please ask an administrator: it must" in str(error.value.args)


# -- admin ---------------------------------------------------------------------------------------------------------

# the campus file at login, admin_users, the file afterwards, what the model says at last
NOBODY: frozenset[FilePerson] = frozenset()
ADMINS: dict[str, tuple[Any, set[str], Any, bool | None]] = {
    "who was never named keeps what the hub has": (NOBODY, set(), NOBODY, None),
    "an entry of the campus file": ({ADA}, set(), {ADA}, True),
    "an entry that was taken out": ({ADA}, set(), NOBODY, False),
    "admin_users of the hub": (NOBODY, {"ada"}, NOBODY, True),
    "admin_users outlive an entry": ({ADA}, {"ada"}, NOBODY, True),
    "an entry of another source": ({FilePerson("lms", "ada")}, set(), NOBODY, None),
}


@pytest.mark.parametrize(("before", "users", "after", "admin"), ADMINS.values(), ids=ADMINS)
async def test_admin(before, users, after, admin):
    world = World(admins=frozenset(before))
    world.authenticator.admin_users = users
    await world.log_in()
    world.core.replace_campus(a_campus(admins=frozenset(after)), world.core.refresher.sources)
    assert (await world.log_in())["admin"] is admin


async def test_admin_goes_with_a_negative_answer():
    world = World(admins=frozenset({ADA}))
    assert (await world.log_in())["admin"] is True
    world.source.answers["id-ada"] = Gone(NOW, "disabled")
    assert await world.refresh() is False


# -- refresh -------------------------------------------------------------------------------------------------------

REFRESHED: dict[str, tuple[Any, Any]] = {
    "still enrolled": (an_identity(claims=CLAIM), ["edu:ml:student", "staff"]),
    "enrolled no more": (an_identity(), ["staff"]),
    "gone": (Gone(NOW, "disabled"), False),
    "not known": (Unavailable("?"), ["edu:ml:student", "staff"]),
    "nothing to ask with": (Unavailable("?", "person"), ["edu:ml:student", "staff"]),
    "the session there has ended": (Unavailable("?", "session"), False),
    "somebody else": (an_identity("eve"), ["edu:ml:student", "staff"]),
}


@pytest.mark.parametrize(("answer", "groups"), REFRESHED.values(), ids=REFRESHED)
async def test_refresh(answer, groups):
    world = World()
    await world.log_in()
    world.source.answers["id-ada"] = answer
    model = await world.refresh("ada", "staff", "edu:old:student")
    assert (model["groups"] if model else model) == groups


async def test_an_account_that_no_source_knows_is_left_alone():
    world = World()
    assert await world.refresh("admin-of-old") is True
    assert world.source.asked == []


async def test_who_was_gone_comes_back_with_the_next_answer():
    world = World()
    await world.log_in()
    world.source.answers["id-ada"] = Gone(NOW, "disabled")
    assert await world.refresh() is False
    world.source.answers["id-ada"] = Unavailable("?")
    assert await world.refresh() is False
    world.source.answers["id-ada"] = an_identity(claims=CLAIM)
    assert (await world.refresh())["groups"] == ["edu:ml:student"]


async def test_a_person_is_read_again_only_after_the_sources_own_time():
    world = World()
    await world.log_in()
    await world.authenticator.refresh_user(AUser())
    world.clock.pass_(seconds=299)
    await world.authenticator.refresh_user(AUser())
    assert world.source.asked == []
    world.clock.pass_(seconds=1)
    await world.authenticator.refresh_user(AUser())
    assert world.source.asked == ["ada"]


async def test_people_of_a_source_that_was_taken_out_stay_as_they_are():
    world = World()
    await world.log_in()
    world.core.replace_campus(a_campus(sources=[SourceInfo("lms", "fake", "Moodle")]), {})
    assert (await world.refresh())["groups"] == ["edu:ml:student"]


async def test_auth_state_stays_where_it_is_kept(monkeypatch):
    world = World()
    await world.log_in()
    assert "auth_state" not in await world.refresh()
    world.authenticator.enable_auth_state = True
    assert (await world.refresh())["auth_state"] == {"kept": "as it is"}


async def test_a_handler_says_whether_a_token_came_even_if_the_hub_forgot():
    world = World()
    for handler, said in (
        (SimpleNamespace(), False),
        (SimpleNamespace(_token_authenticated=True), True),
    ):
        await world.authenticator.refresh_user(AUser("nobody"), handler)
        assert handler._token_authenticated is said


async def test_an_error_that_logs_out_would_be_caught(monkeypatch):
    async def strict(self: Any, user: Any, handler: Any = None) -> Any:
        person = self.core.roll.by_hub_name(user.name)
        return isinstance(await self.core.refresher.reread(person), type(an_identity()))

    monkeypatch.setattr(EduAuthenticator, "refresh_user", strict)
    with pytest.raises((AssertionError, TypeError)):
        await test_refresh(*REFRESHED["not known"])


# -- who may log in ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "may"),
    [(set(), True), ({"ada"}, True), ({"bob"}, False)],
    ids=["whom a source vouches for", "who stands in the list", "who does not"],
)
def test_allowed(allowed: set[str], may: bool) -> None:
    assert EduAuthenticator(allowed_users=allowed).check_allowed("ada") is may


HOLES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing": ({}, []),
    "refresh switched off": ({"auth_refresh_age": 0}, ["auth_refresh_age is 0"]),
    "groups switched off": ({"manage_groups": False}, ["manage_groups is False"]),
    "roles switched on": ({"manage_roles": True}, ["manage_roles is True"]),
    "newcomers shut out": ({"allow_existing_users": True}, ["allow_existing_users is True"]),
    "everything at once": (
        {"auth_refresh_age": 0, "manage_groups": False, "manage_roles": True},
        ["auth_refresh_age is 0", "manage_groups is False", "manage_roles is True"],
    ),
}


@pytest.mark.parametrize(("settings", "named"), HOLES.values(), ids=HOLES)
def test_hole(
    caplog: pytest.LogCaptureFixture, settings: dict[str, Any], named: list[str]
) -> None:
    authenticator = EduAuthenticator(log=logging.getLogger("hub"), **settings)
    if not named:
        authenticator.check_allow_config()
        return
    with pytest.raises(SystemExit) as end:
        authenticator.check_allow_config()
    assert end.value.code == 1
    assert len(caplog.messages) == len(named)
    assert all(name in told for name, told in zip(named, caplog.messages, strict=True))


def test_a_hole_that_a_check_finds_ends_the_hub_too(caplog: pytest.LogCaptureFixture) -> None:
    add_check(lambda app: ["custom_scopes misses ours; append instead of assigning"])
    with pytest.raises(SystemExit):
        EduAuthenticator(log=logging.getLogger("hub")).check_allow_config()
    assert "custom_scopes misses ours" in caplog.text


async def test_our_routes_stand_with_the_login_page_and_the_core_runs():
    world = World()
    add_routes([("/edu", web.RequestHandler)])
    app = SimpleNamespace(log=logging.getLogger("hub"))
    patterns = [pattern for pattern, _ in world.authenticator.get_handlers(app)]
    assert {"/login", "/logout"} < set(patterns)
    assert patterns[0] == "/edu"
    await world.core.ready()
    assert (await enrol(world.core, "ada", ml=STUDENT)).hub_name == "ada"


# -- the login page ------------------------------------------------------------------------------------------------


def login_page(authenticator: Any) -> BeautifulSoup:
    hub = Path(DATA_FILES_PATH) / "templates"
    pages = FileSystemLoader([str(TEMPLATES), str(hub)])
    loader = ChoiceLoader([PrefixLoader({"templates": FileSystemLoader(str(hub))}, "/"), pages])
    environment = Environment(autoescape=True, loader=loader)
    page = environment.get_template("login.html").render(
        authenticator=authenticator,
        authenticator_login_url="/hub/login",
        begin=lambda source: f"/hub/edu/login/{source.id}",
        static_url=lambda path, **_: path,
        xsrf="x",
        _=say,
    )
    return BeautifulSoup(page, "html.parser")


def a_page(*titles: str, shapes: str = "") -> BeautifulSoup:
    """Sources with these titles; ``shapes`` has a letter for each: form, redirect, launch."""
    infos = [SourceInfo(f"s{n}", "fake", title) for n, title in enumerate(titles)]
    world = World(infos)
    words = {"f": "form", "r": "redirect", "l": "launch"}
    for source, letter in zip(world.sources.values(), shapes, strict=False):
        source.shape = words[letter]  # type: ignore[misc, assignment]
    return login_page(world.authenticator)


def test_one_source_is_no_question() -> None:
    page = a_page("Directory")
    assert page.select("select") == []
    assert "Directory" in page.text
    assert page.select_one("input[name=username]")


def test_of_several_sources_one_is_chosen() -> None:
    options = a_page("Directory", "Moodle").select("label[for=source_input] + select option")
    assert [(option["value"], option.text) for option in options] == [
        ("s0", "Directory"),
        ("s1", "Moodle"),
    ]


@pytest.mark.parametrize("titles", [(EVIL,), (EVIL, "Moodle")], ids=["alone", "among several"])
def test_a_hostile_title_stays_text(titles: tuple[str, ...]) -> None:
    page = a_page(*titles)
    assert EVIL in page.text
    assert "alert(1)" not in "".join(script.text for script in page.select("script"))


ORDERS: dict[str, tuple[str, list[str]]] = {
    "a form alone": ("f", ["form"]),
    "a provider alone": ("r", ["A"]),
    "the form where its first source stands": ("rfr", ["A", "form", "C"]),
    "one form for all of them": ("frf", ["form", "B"]),
    "nothing for launches": ("lrl", ["B"]),
    "nothing at all to click": ("l", []),
}


@pytest.mark.parametrize(("shapes", "order"), ORDERS.values(), ids=ORDERS)
def test_ways_in_stand_in_the_campus_s_order(shapes: str, order: list[str]) -> None:
    page = a_page("A", "B", "C", shapes=shapes.ljust(3, "l"))
    found = page.select("#login-main form, #login-main a[role=button]")
    words = [way.text.strip().removeprefix("Sign in with ") for way in found]
    assert [
        "form" if way.name == "form" else text for way, text in zip(found, words, strict=True)
    ] == order
    links = [str(way["href"]) for way in found if way.name == "a"]
    assert links == [f"/hub/edu/login/s{'ABC'.index(text)}" for text in order if text != "form"]


def test_where_only_platforms_send_people_the_page_says_so() -> None:
    assert "open the page of your course" in a_page("Moodle", shapes="l").text


def test_a_source_that_takes_no_form_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World([SourceInfo("ad", "fake", "Directory"), SourceInfo("lti", "fake", "Moodle")])
    monkeypatch.setattr(world.sources["lti"], "shape", "launch", raising=False)
    del world.core.refresher.sources["ad"]
    assert world.authenticator.form_sources == []


def test_refresh_is_on_and_groups_are_ours_by_default() -> None:
    authenticator = EduAuthenticator()
    assert authenticator.manage_groups
    assert authenticator.any_allow_config
    assert timedelta(seconds=authenticator.auth_refresh_age) > timedelta(0)
