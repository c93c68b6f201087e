"""Asking a handler of the desk without a hub: who asks, with what, and what comes back.

    reply = await ask(AuditPage, core, "root", query={"course": "ml"})
    reply = await ask(RequestAPI, core, "root", request.id, method="patch", body={"approve": True})

What the hub does is left out: logging in, scopes, XSRF. All else is the handler's own, templates included.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, ClassVar
from unittest.mock import patch
from urllib.parse import urlencode

from bs4 import BeautifulSoup
from jinja2 import DictLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from jinja2.loaders import ChoiceLoader
from jupyterhub.handlers import BaseHandler
from tornado.httputil import HTTPHeaders

from jupyterhub_edu.core import Core, provide
from jupyterhub_edu.desk import TEMPLATES
from jupyterhub_edu.desk.operations import operation_of
from jupyterhub_edu.desk.reading import read_body, read_query
from jupyterhub_edu.desk.refusals import Code, DeskError

__all__ = ["Reply", "ask"]

FRAME = (
    "<title>{% block title %}{% endblock %}</title>{% block stylesheet %}{% endblock %}"
    "{% block meta %}{% endblock %}{% block scripts %}{% endblock %}{% block announcement %}{% endblock %}"
    "{% block nav_bar_left_items %}{% endblock %}{% block main %}{% endblock %}"
)
ENVIRONMENT = Environment(
    loader=ChoiceLoader(
        [
            PrefixLoader({"templates": DictLoader({"page.html": FRAME})}),
            FileSystemLoader(TEMPLATES),
        ]
    ),
    autoescape=False,  # noqa: S701 - our templates switch it on by themselves
    undefined=StrictUndefined,
    extensions=["jinja2.ext.i18n"],
)


class Reply:
    """What came back; ``code`` is that of the desk's refusal, or None."""

    def __init__(self) -> None:
        self.status, self.sentence = 200, ""
        self.code: Code | None = None
        self.location = ""
        self.headers: dict[str, str] = {}
        self.text = ""

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def page(self) -> Any:
        return BeautifulSoup(self.text, "html.parser")

    @property
    def words(self) -> str:
        """The page's text, blanks put together."""
        return " ".join(self.page.get_text(" ").split())


class _WithoutHub:
    """In the place of what the hub's handlers do with a connection."""

    def __init__(self, core: Core, login: str, query: Any, form: Any, body: Any) -> None:
        self.asked_core, self.login, self.reply = core, login, Reply()
        self.form = form
        self.request = SimpleNamespace(
            remote_ip="192.0.2.1",
            path="/hub/edu/here",
            protocol="https",
            host="hub.test",
            uri=f"/hub/edu/here?{urlencode(query, doseq=True)}",
            query_arguments=_as_bytes(query),
            arguments=_as_bytes(query),
            body=json.dumps(body).encode() if body is not None else b"",
            headers=HTTPHeaders(),
            files={},
        )
        self.query = query

    hub = SimpleNamespace(base_url="/hub/")
    settings: ClassVar[dict[str, Any]] = {
        "jinja2_env": ENVIRONMENT,
        "jinja2_env_sync": ENVIRONMENT,
    }
    log = SimpleNamespace(warning=print, error=print, info=print)
    current_user = property(lambda self: SimpleNamespace(name=self.login))

    async def ready_core(self) -> Core:
        return self.asked_core

    def find_person(self, core: Core) -> Any:
        return core.roll.by_hub_name(self.login)

    def get_query_argument(self, name: str, default: Any = "") -> Any:
        value = self.query.get(name, default)
        return value[-1] if isinstance(value, list) else value

    def get_query_arguments(self, name: str) -> Any:
        value = self.query.get(name, [])
        return value if isinstance(value, list) else [value]

    get_argument, get_arguments = get_query_argument, get_query_arguments

    def get_body_argument(self, name: str, default: Any = "", strip: bool = True) -> Any:
        value = self.form.get(name, default)
        return value.strip() if strip and isinstance(value, str) else value

    def get_body_arguments(self, name: str) -> Any:
        value = self.form.get(name, [])
        return value if isinstance(value, list) else [value]

    def set_status(self, status: int) -> None:
        self.reply.status = status

    def set_header(self, name: str, value: str) -> None:
        self.reply.headers[name] = value

    def redirect(self, url: str, status: int = 302) -> None:
        self.reply.status, self.reply.location = status, url

    def write(self, chunk: str) -> None:
        self.reply.text += chunk

    def finish(self, chunk: str = "") -> None:
        self.reply.text += chunk

    async def flush(self) -> None: ...


def _rendered(handler: Any, name: str, sync: bool = False, **what: Any) -> str:
    """In the place of what the hub makes of a template."""
    scopes = {"custom:edu:read": True}
    user = SimpleNamespace(server_url=lambda server="": f"/user/{handler.login}/{server}")
    template = ENVIRONMENT.get_template(name)
    return template.render(base_url="/hub/", xsrf="token", parsed_scopes=scopes, user=user, **what)


async def ask(
    handler: type[Any],
    core: Core,
    login: str,
    *path: str,
    method: str = "get",
    query: Mapping[str, Any] | None = None,
    form: Mapping[str, Any] | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    files: Mapping[str, bytes] | None = None,
) -> Reply:
    """Ask one handler; a refusal of the desk is told in the reply."""
    provide(lambda: core)
    kind = type(handler.__name__, (_WithoutHub, handler), {})
    asked = kind(core, login, dict(query or {}), dict(form or {}), body)
    asked.request.headers.update(headers or {})
    for name, data in (files or {}).items():
        asked.request.files[name] = [{"body": data}]
    act, declared = getattr(handler, method), operation_of(getattr(handler, method))
    try:
        read = {}
        if declared is not None and declared.takes is not None:
            read["wish"] = read_body(asked.request.body, declared.takes)
        if declared is not None and declared.query is not None:
            read["asked"] = read_query(asked.request.query_arguments, declared.query)
        with patch.object(BaseHandler, "render_template", _rendered):
            await inspect.unwrap(act)(asked, *path, **read)
    except DeskError as error:
        asked.reply.status, asked.reply.code = error.status_code, error.code
        asked.reply.sentence = error.jupyterhub_message
    finally:
        provide(None)
    found: Reply = asked.reply
    return found


def _as_bytes(arguments: Mapping[str, Any]) -> dict[str, list[bytes]]:
    return {
        name: [str(one).encode() for one in (value if isinstance(value, list) else [value])]
        for name, value in arguments.items()
    }
