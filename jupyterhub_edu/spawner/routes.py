"""The hub's own spawn routes, asking first: a refusal answers before the hub begins a spawn, so it never counts as a failed one.

What this leans on in the hub: its handlers call ``self.spawn_single_user(user, server_name, ..., options=...)``, and
routes of the authenticator stand before the hub's own.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from jupyterhub import apihandlers, handlers
from jupyterhub.apihandlers.users import UserServerAPIHandler
from jupyterhub.handlers.pages import SpawnHandler, SpawnPendingHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.utils import url_path_join
from tornado import web

from jupyterhub_edu import hub
from jupyterhub_edu.core import Core, Refused, request_of
from jupyterhub_edu.core.choices import Unreadable, keep, parse_wish
from jupyterhub_edu.domain.decide import Decision
from jupyterhub_edu.domain.reasons import Code
from jupyterhub_edu.domain.words import speaking
from jupyterhub_edu.hub.languages import HubPage

from .admission import ready_core
from .waiting import EduSpawnPendingHandler, JoinsTheLine

__all__ = ["EduServerAPIHandler", "EduSpawnHandler", "spawn_routes"]

_STYLE: Final = (Path(__file__).parent / "templates" / "start.css").read_bytes()
_FORMER_ENDS_WITHIN: Final = 3.0
"""Seconds to wait for a former server of the same name that is just ending."""
_ABOUT_THE_CHOICE: Final = frozenset(
    {Code.NOT_ENROLLED, Code.PROFILE_NOT_OFFERED, Code.OPTION_INVALID}
)


class _Asking:
    """Mixed in before a handler of the hub that starts servers."""

    _prepared: tuple[str, str] | None = None

    async def spawn_single_user(
        self, user: Any, server_name: str = "", *args: Any, **kwargs: Any
    ) -> Any:
        """Raise the refusal, or let the hub begin the spawn; ``start()`` decides once more and reserves."""
        await self._prepare(user, server_name)
        options = kwargs.get("options")
        if options is None:
            options = user.spawners[server_name].orm_spawner.user_options
        core = await ready_core()
        spawner = user.spawners.get(server_name)
        if spawner is not None and (spawner.pending == "spawn" or spawner.ready):
            return None  # pressed twice: while this one asked the other began, and both wait for the same server
        self._note_address(core, user)
        request = None
        try:
            _, request = request_of(core, user.name, options)
            decision = core.book.decide(request)
        except Refused as refused:
            decision = refused.decision
        if not decision.allowed:
            self._refused(user, options)
            if request is not None and not decision.waitable:
                core.counts.refuse(request.course, decision.reasons)
            raise hub.refusal(decision)
        if "options" in kwargs:
            kwargs["options"] = keep(kwargs["options"])
        return await super().spawn_single_user(user, server_name, *args, **kwargs)  # type: ignore[misc]

    async def _prepare(self, user: Any, server_name: str) -> None:
        """Ask the source about the owner once more, and let a former server of this name end; bounded, once per request."""
        if self._prepared == (user.name, server_name):
            return
        self._prepared = (user.name, server_name)
        core = await ready_core()
        person = core.roll.by_hub_name(user.name)
        if person is None:
            return
        await core.refresher.freshen(person)
        spawner = user.spawners.get(server_name)
        if spawner is None or not spawner.active:
            held = core.book.of_server(user.name, server_name)
            # What the line has reserved is for this very start.
            former = [one.id for one in held if not core.book.is_held(one.id)]
            await core.book.wait_ended(former, _FORMER_ENDS_WITHIN)

    def _note_address(self, core: Core, user: Any) -> None:
        """Where somebody is who starts their own server; the address of a service which acts for them tells nothing."""
        asks = getattr(self, "current_user", None)
        if asks is not None and asks.name == user.name:
            request: Any = self.request  # type: ignore[attr-defined]
            core.exams.note_address(user.name, request.remote_ip or "")

    def _refused(self, user: Any, options: object) -> None:
        """What a page remembers of a refused choice."""


class EduSpawnHandler(HubPage, JoinsTheLine, _Asking, SpawnHandler):
    """The hub's spawn page; the spawner's form in it is in the language of the page."""

    chosen = ("", "")
    """Id of the course in which the page shall choose beforehand, and key of the profile, or ``""``; hostile text."""

    def get(self, user_name: str | None = None, server_name: str = "") -> Any:
        """The form, or a start by query arguments; neither the form's token nor ``chosen`` is such an argument.

        ``chosen=<course>`` and ``chosen=<course>/<profile>`` show the form with that chosen and start nothing.
        """
        self.request.query_arguments.pop("_xsrf", None)
        chosen = self.request.query_arguments.pop("chosen", [b""])
        course, _, profile = chosen[-1].decode("utf8", "replace").partition("/")
        self.chosen = course, profile
        return super().get(user_name, server_name)

    def append_query_parameters(self, url: str, exclude: Any = None) -> str:
        """``chosen`` was for this page, and goes on to no server."""
        onwards: str = super().append_query_parameters(url, [*(exclude or ()), "chosen"])
        return onwards

    async def _get(self, *args: Any, **kwargs: Any) -> None:
        with speaking(self.tongue):
            await super()._get(*args, **kwargs)

    async def _post(self, *args: Any, **kwargs: Any) -> None:
        with speaking(self.tongue):
            await super()._post(*args, **kwargs)

    async def _wrap_spawn_single_user(
        self, user: Any, server_name: str, *args: Any, **kwargs: Any
    ) -> Any:
        # The hub shows another page when spawn_single_user takes more than a second: wait before that.
        await self._prepare(user, server_name)
        return await super()._wrap_spawn_single_user(user, server_name, *args, **kwargs)

    def _refused(self, user: Any, options: object) -> None:
        # The hub draws the form again from the account's default server, whichever was asked for.
        try:
            user.spawner.refused_wish = parse_wish(options)
        except Unreadable:
            user.spawner.refused_wish = None


class StartStyle(web.RequestHandler):
    """``/hub/edu/start.css``: the style of the start page's cards, for pages that have no style of their own."""

    def get(self) -> None:
        """The same for everybody."""
        self.set_header("Content-Type", "text/css; charset=utf-8")
        self.set_header("Cache-Control", "max-age=3600")
        self.finish(_STYLE)


class EduServerAPIHandler(_Asking, UserServerAPIHandler):
    """The hub's REST routes of one server; a refusal carries its reasons."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """``{"status", "message", "reasons": [{"code", "sentence", "who", "retry_at"}]}``, ``line`` where one may wait."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        decision = getattr(error, "edu_decision", None)
        if not isinstance(decision, Decision):
            super().write_error(status_code, **kwargs)
            return
        self.set_header("Content-Type", "application/json")
        for name, value in (getattr(error, "headers", None) or {}).items():
            self.set_header(name, value)
        answer = hub.refusal_json(decision) | {"status": status_code}
        if decision.waitable:
            answer["line"] = url_path_join(self.hub.base_url, "api/edu/line")
        self.finish(json.dumps(answer))

    if "put" in vars(
        UserServerAPIHandler
    ):  # JupyterHub 6; before it options are stored by a start alone

        @needs_scope("start:servers")
        async def put(self, user_name: str, server_name: str = "") -> None:
            """Make a named server; options that could never be started are not kept."""
            await self._check_options(user_name)
            await super().put(user_name, server_name)

        @needs_scope("start:servers")
        async def patch(self, user_name: str, server_name: str = "") -> None:
            """Edit a server; options that could never be started are not kept."""
            await self._check_options(user_name)
            await super().patch(user_name, server_name)

    async def _check_options(self, user_name: str) -> None:
        body = self.get_json_body() or {}
        if not isinstance(body, dict):
            raise web.HTTPError(400, "Body must be a JSON object")
        named = {"user_options", "display_name", "name"} & body.keys()
        options = body.get("user_options") if named else body
        if not options:
            return
        core = await ready_core()
        try:
            _, request = request_of(core, user_name, options)
            reasons = core.book.decide(request).reasons
        except Refused as refused:
            reasons = refused.decision.reasons
        wrong = tuple(reason for reason in reasons if reason.code in _ABOUT_THE_CHOICE)
        if wrong:
            error = hub.refusal(Decision(None, wrong))
            error.status_code = 400  # type: ignore[attr-defined]
            raise error


class _RefusalsAreAnswers(logging.Filter):
    """The hub logs whatever a start raises as an error with a traceback; a refusal is an answer, and one line."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if hasattr(error, "edu_decision"):
            record.exc_info = None
            record.levelno, record.levelname = logging.INFO, "INFO"
        return True


_quietly: Final = _RefusalsAreAnswers()


def spawn_routes() -> list[tuple[str, type]]:
    """The hub's own patterns with our handlers, for ``hub.add_routes``."""
    logging.getLogger("JupyterHub").addFilter(_quietly)  # adding it again changes nothing
    return [*_routes(), (r"/edu/start\.css", StartStyle)]


def _routes() -> Iterator[tuple[str, type]]:
    ours = {
        SpawnHandler: EduSpawnHandler,
        SpawnPendingHandler: EduSpawnPendingHandler,
        UserServerAPIHandler: EduServerAPIHandler,
    }
    for pattern, handler, *_ in (*handlers.default_handlers, *apihandlers.default_handlers):
        if handler in ours:
            yield pattern, ours[handler]
