"""The whole API in this process: the hub's own handling of tokens and scopes, the desk's handlers, a core in memory.

Two courses: ``ml`` of the teacher ``tea``, ``db`` of the teacher ``ben``, each with somebody of every role. In ``db`` stands one
of everything that can be named: ``world.named`` holds the names, by the parameter of an address that takes them.
Calls need no socket: a request is given to the application, the answer is what would have been sent.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from copy import copy
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, NamedTuple, cast
from urllib.parse import quote

from jupyterhub import orm, roles
from jupyterhub.apihandlers.base import API404
from jupyterhub.auth import DummyAuthenticator
from jupyterhub.user import UserDict
from tornado import httputil, web

from jupyterhub_edu import campus, desk
from jupyterhub_edu.core import Core, provide
from jupyterhub_edu.desk.calls import Call, calls_of
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole, Person
from jupyterhub_edu.identity import SOURCE_TYPES
from jupyterhub_edu.store.memory import MemoryStore
from tests.fakes.campus import NOW, a_core, enrol
from tests.fakes.world import AClock, FakeHub, FakeVisits

__all__ = ["CALLS", "FILE", "PEOPLE", "ApiWorld", "Reply"]

CALLS: Final = calls_of(desk.desk_routes())
FILE: Final = """\
name: Fjord
time_zone: Europe/Oslo
contact: it@fjord.example
admins: ["ad:kari"]
sources:
  ad:
    type: ldap
    servers: ["ldaps://ad.example"]
    schema: active-directory
    people: "OU=People,DC=example"
    bind: {dn: "CN=hub,DC=example", password: {env: LDAP_PASSWORD}}
terms:
  h26: {from: 2026-08-17, until: 2026-12-18}
flavors:
  cpu: {}
  t4: {device: nvidia.com/gpu, count: 4}
profiles:
  notebook:
    flavor: cpu
    cpu: {guarantee: 0.5, limit: 2}
    memory: {guarantee: 512Mi, limit: 2Gi}
    image: example/notebook:2026
    longest: 8h
  gpu:
    flavor: t4
    devices: 1
    cpu: {limit: 4}
    memory: {limit: 16Gi}
    image: example/torch:2026
    longest: 4h
ceilings:
  longest: 10h
  exam: 4h
  grant: {hours: 10, profiles: [gpu], caps: {servers: 2, t4: 1}}
  adjust: {offers: {student: [gpu]}, caps: {student: {servers: 2}}, allowance: {person: 30h per week}}
extend_by: 1h
extend_times: 1
course_defaults:
  offers: {student: [notebook], assistant: [notebook], teacher: [notebook, gpu], observer: []}
courses:
  ml: {title: Machine Learning, term: h26, allowance: {person: 20h per week}, quota: {t4: {nominal: 2, borrow: 1}}}
  db: {title: Databases, term: h26, allowance: {person: 20h per week}, quota: {t4: {nominal: 2, borrow: 1}}}
"""
PEOPLE: Final[Mapping[str, Mapping[str, CourseRole]]] = {
    "tea": {"ml": CourseRole.TEACHER},
    "asa": {"ml": CourseRole.ASSISTANT},
    "ola": {"ml": CourseRole.OBSERVER},
    "stu": {"ml": CourseRole.STUDENT},
    "sue": {"ml": CourseRole.STUDENT},
    "ben": {"db": CourseRole.TEACHER},
    "bob": {"db": CourseRole.STUDENT},
    "nils": {},
    "kari": {},
}
"""By login; ``kari`` administers the site, ``nils`` is in no course."""
_EVERYTHING: Final = ("self", *desk.CUSTOM_SCOPES)


class Reply(NamedTuple):
    """What was answered.

    Attributes:
        cut_at: how many bytes of the body the web server would read.
    """

    status: int
    headers: httputil.HTTPHeaders
    body: bytes
    cut_at: int | None = None

    @property
    def json(self) -> Any:
        """The body; None if there is none, or it is no JSON."""
        is_json = self.headers.get("Content-Type", "").startswith("application/json")
        return json.loads(self.body) if self.body and is_json else None

    @property
    def codes(self) -> list[str]:
        """Of a refusal."""
        told = self.json
        return [one["code"] for one in told.get("reasons", ())] if isinstance(told, dict) else []


class _Connection(httputil.HTTPConnection):
    """Takes an answer and keeps it; goes away after the first of a stream of events."""

    def __init__(self) -> None:
        self.context = SimpleNamespace(remote_ip="192.0.2.7", protocol="http")
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.status, self.headers, self.body = 0, httputil.HTTPHeaders(), b""
        self.cut_at: int | None = None
        self._when_gone: Any = None

    def write_headers(self, start_line: Any, headers: Any, chunk: Any = None) -> Any:
        self.status, self.headers = start_line.code, headers
        return self.write(chunk or b"")

    def write(self, chunk: bytes) -> Any:
        self.body += chunk
        if chunk and self.headers.get("Content-Type", "").startswith("text/event-stream"):
            asyncio.get_running_loop().call_soon(self._go)
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        told.set_result(None)
        return told

    def finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def set_max_body_size(self, most: int) -> None:
        self.cut_at = most

    def set_close_callback(self, callback: Any) -> None:
        self._when_gone = callback

    def _go(self) -> None:
        if self._when_gone is not None:
            self._when_gone()
        self.finish()


class ApiWorld:
    """Use it as a context; what it holds is let go at the end.

    Attributes:
        tokens: by login, with all scopes that the hub gives everybody; ``robot`` is a service, ``nobody`` has none.
        named: names of things of ``db``, by the parameter of an address that takes them.
        own: the same of ``ml``.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "campus.yaml"
        self.file.write_text(FILE, encoding="utf-8")
        self.clock = AClock(NOW)
        self._loaded = campus.load(
            self.file, SOURCE_TYPES, environ={"LDAP_PASSWORD": "invented"}, now=NOW
        )
        self._store = MemoryStore()
        self.core = self._core()
        self.named: dict[str, str] = {}
        self.own: dict[str, str] = {}
        self._session_factory = orm.new_session_factory("sqlite:///:memory:")
        self.db = self._session_factory()
        self.application = self._application()
        self.tokens = {"nobody": ""}

    async def __aenter__(self) -> ApiWorld:
        await self._open(self.core)
        self._add_roles()
        for login, courses in PEOPLE.items():
            await enrol(self.core, login, **courses)
            self.tokens[login] = self.add_token(login)
        self.own = await self._made("ml", "tea", "stu")
        self.named = {"course": "db", "user": "bob", "server": ""}
        self.named |= await self._made("db", "ben", "bob")
        self._store = cast(MemoryStore, self.core.store)
        await self.renew()
        return self

    async def renew(self) -> None:
        """Everything as it was at first; quick, for many short stories."""
        await self.core.close()
        self.clock.now = NOW
        await self._open(self._core())
        for course, teacher, student in (("ml", "tea", "stu"), ("db", "ben", "bob")):
            person = self.person(student)
            wish = StartRequest(person.key, course, "notebook")
            admission = await self.core.book.admit(wish, person, "")
            await self.core.book.run(admission.id)
            running = self.core.book.admission(admission.id)
            assert running is not None
            help = await self.core.helps.open(self.person(teacher), running)
            self.named |= {"session": admission.id, "help": help.id}

    async def pass_(self, minutes: float) -> None:
        """Time passes: servers that were to stop have, and what happens by itself does."""
        core = self.core
        hub = cast(FakeHub, core.servers)
        self.clock.pass_(minutes=minutes)
        over = [
            one for one in core.book.admissions() if one.ends_at and one.ends_at <= self.clock()
        ]
        for name, server in hub.stopped:
            over += core.book.of_server(name, server)
        hub.stopped.clear()
        for one in over:
            await core.book.end(one.id)
        await core.class_starts.tend()
        await core.class_starts.settle()
        await core.exams.look(core.sooner)
        for by_itself in (core.helps, core.sweeps, core.adjustments, core.line):
            await by_itself.tend()

    async def __aexit__(self, *_: object) -> None:
        provide(None)
        await self.core.close()
        self.db.close()
        self._session_factory.kw["bind"].dispose()

    # -- calling ---------------------------------------------------------------------------------------------------

    async def call(
        self, method: str, path: str, who: str = "tea", body: Any = None, **headers: str
    ) -> Reply:
        """Call an address below the hub's API.

        Args:
            path: quoted, such as ``/edu/courses/ml?limit=3``.
            body: JSON, or bytes as they are.
        """
        raw = (
            b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        )
        sent = httputil.HTTPHeaders({"Host": "hub.test", "Content-Length": str(len(raw))})
        sent.update({name.replace("_", "-"): one for name, one in headers.items()})
        if self.tokens[who]:
            sent["Authorization"] = f"token {self.tokens[who]}"
        connection = _Connection()
        start = httputil.RequestStartLine(method.upper(), f"/hub/api{path}", "HTTP/1.1")
        request = httputil.HTTPServerRequest(
            headers=sent,
            connection=connection,
            start_line=start,
        )
        delegate: Any = self.application.find_handler(request)
        async with asyncio.timeout(120):
            begun = delegate.headers_received(start, sent)
            if begun is not None:
                await begun
            delegate.data_received(raw)
            delegate.finish()
            await connection.done
        return Reply(connection.status, connection.headers, connection.body, connection.cut_at)

    @staticmethod
    def path_of(call: Call, values: Mapping[str, str]) -> str:
        """The address of a call with these parameters."""
        quoted = {name: quote(values[name], safe="") for name in call.parameters}
        return call.path.format(**quoted)

    def person(self, login: str) -> Person:
        """Who that is."""
        found = self.core.roll.by_hub_name(login)
        assert found is not None
        return found

    # -- made ------------------------------------------------------------------------------------------------------

    def add_token(self, login: str, *scopes: str) -> str:
        """A token of the hub for an account, which is made; with these scopes alone, or all."""
        account = orm.User.find(self.db, login)
        if account is None:
            account = orm.User(name=login)
            self.db.add(account)
            self.db.commit()
            roles.assign_default_roles(self.db, account)
        token: str = account.new_api_token(scopes=list(scopes) or None)
        return token

    def _add_roles(self) -> None:
        for role in roles.get_default_roles():
            more = _EVERYTHING if role["name"] == "user" else role["scopes"]
            roles.create_role(self.db, {**role, "scopes": [*more]})
        robot = orm.Service(name="robot")
        self.db.add_all([robot, orm.OAuthClient(identifier="jupyterhub")])
        self.db.commit()
        wish = {"name": "robots", "scopes": [*desk.CUSTOM_SCOPES]}
        roles.create_role(self.db, wish)
        roles.grant_role(self.db, robot, orm.Role.find(self.db, "robots"))
        self.tokens["robot"] = robot.new_api_token()

    def _application(self) -> web.Application:
        settings: dict[str, Any] = {
            "db": self.db,
            "hub": SimpleNamespace(base_url="/hub/", cookie_name="jupyterhub-hub-login"),
            "base_url": "/",
            "cookie_secret": b"x" * 32,
            "authenticator": DummyAuthenticator(refresh_pre_spawn=False),
            "activity_resolution": 30,
            "xsrf_cookies": True,
            "allow_named_servers": True,
            "subdomain_host": "",
            "log_function": lambda _: None,
        }
        settings["users"] = UserDict(self._session_factory, settings)
        routes = [
            (f"/hub{pattern}", handler)
            for pattern, handler in [*desk.size_routes(), *desk.desk_routes()]
            if pattern.startswith("/api/")
        ]
        return web.Application([*routes, ("/hub/api/.*", API404)], **settings)

    async def _open(self, core: Core) -> None:
        self.core = core
        provide(lambda: core)
        await core.ready()

    def _core(self) -> Core:
        """A core of its own over what the store holds now; what it stores is its own, too."""
        store = MemoryStore()
        for name, kept in vars(self._store).items():
            setattr(store, name, copy(kept))
        arrange = campus.arranger(self._loaded)
        return a_core(
            self._loaded.campus,
            store=store,
            clock=self.clock,
            arrange=arrange,
            visits=FakeVisits(),
        )

    async def _made(self, course: str, teacher: str, student: str) -> dict[str, str]:
        """One of everything in a course, made by its own teacher: its names."""
        at = f"/edu/courses/{course}"
        soon, later = NOW + timedelta(days=7), NOW + timedelta(days=7, hours=2)
        exam = {"starts": soon.isoformat(), "ends": later.isoformat(), "profile": "notebook"}
        made = {}
        for name, what, body in (
            ("grant", "grants", {"hours": 1, "person": student}),
            ("exam", "exams", exam),
            ("message", "messages", {"text": "Hello", "all": True}),
            ("person", "people", {"person": "ad:somebody-new", "role": "student"}),
        ):
            reply = await self.call("post", f"{at}/{what}", teacher, body)
            assert reply.status in {201, 202}, (what, reply.status, reply.body)
            made[name] = reply.json.get("id") or student
        return made
