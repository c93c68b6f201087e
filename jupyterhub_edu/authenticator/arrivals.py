"""What the shapes "redirect" and "launch" share: a source has made a Login, and somebody arrives with it.

A handler of such a shape is an ``Arrival``: it finds its source by the id in the path, asks it in bounded time and hands
the answer to ``arrive``; who that is and what they may is EduAuthenticator's business, as for the login form. Refusals
are raised as ``LoginRefused`` and shown as a page of ours.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import Any, Final, TypeVar
from urllib.parse import quote

from jupyterhub.handlers import BaseHandler
from jupyterhub.utils import url_path_join
from sqlalchemy.exc import SQLAlchemyError
from tornado import web

from jupyterhub_edu.core import Core, current_core
from jupyterhub_edu.core.patience import Patience
from jupyterhub_edu.domain.people import person_key
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.hub import find_account, has_nothing_to_write
from jupyterhub_edu.hub.languages import HubPage
from jupyterhub_edu.ports import (
    Denied,
    Gone,
    IdentitySource,
    Login,
    LoginShape,
    StoreError,
    Unavailable,
)

__all__ = [
    "Arrival",
    "LoginRefused",
    "Remembering",
    "arrived",
    "ask",
    "hub_path",
    "login_path",
    "silent",
]

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_PATIENCE: Final = 2.9
"""Seconds that a source may take, whatever it promised: a login answers within three."""
_WAY: Final = "jupyterhub-edu-way"
"""Name of the signed cookie that holds the key of the person as whom somebody logged in."""


class LoginRefused(web.HTTPError):
    """The login cannot be made now, for a reason that the person may know.

    Args:
        status: 400, 403, 404 or 503.
        sentence: plain text, that the page tells in its language; no secret, nothing that a stranger must not learn.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(status, "%s", sentence)
        self.status, self.sentence = status, sentence
        self.jupyterhub_message = sentence
        self.headers = {"Retry-After": "60"} if status == 503 else {}


def silent(title: str) -> LoginRefused:
    """What to say while a source, by its title, does not answer."""
    return LoginRefused(
        503,
        say("{source} does not answer at the moment; please try again in a minute.", source=title),
    )


class Remembering(HubPage, BaseHandler):
    """A handler that logs people in, and remembers in a cookie as whom: a log-out then goes to the right source."""

    signed_in_as: str = ""
    """Key of the person; set by EduAuthenticator when it has linked a login."""

    async def login_user(self, data: Any = None) -> Any:
        """Log in as the hub does, and remember the way."""
        user = await super().login_user(data)
        if user is not None and self.signed_in_as:
            self._set_cookie(_WAY, self.signed_in_as, path=self.hub.base_url, samesite="Lax")
        return user

    def find_user(self, name: str) -> Any:
        """The hub's account of this name, or None."""
        return find_account(self.users, name)

    async def auth_to_user(self, authenticated: Any, user: Any = None) -> Any:
        """Bring the hub's account up to date, where anything about it is new."""
        if isinstance(authenticated, dict):
            known = user or self.find_user(authenticated["name"])
            if known and has_nothing_to_write(known, authenticated, self.authenticator):
                return known
        return await super().auth_to_user(authenticated, user)

    def came_as(self) -> str:
        """The key of the person as whom this browser logged in, or ``""``."""
        return (self.get_secure_cookie(_WAY) or b"").decode("utf8", "replace")

    def forget_way(self) -> None:
        """Clear the cookie."""
        self.clear_cookie(_WAY, path=self.hub.base_url)


class Arrival(Remembering):
    """A request to ``/hub/edu/login/<source>...`` in which somebody may arrive with a Login.

    Always holds:
        - ``login`` comes from the source alone, through ``arrive``; no field of the request sets it;
        - a source is looked up when it is needed: one that a reload took away is not found;
        - whatever happens, the answer is a redirect on the hub or to the source, or a page with a sentence.
    """

    login: Login | None = None

    @property
    def core(self) -> Core:
        """The core of this process."""
        return current_core()

    def source(self, id: str, shape: LoginShape) -> IdentitySource:
        """The source with this id.

        Raises:
            LoginRefused: 404; there is none now, or it is of another shape.
        """
        source = self.core.refresher.sources.get(id)
        if source is None or source.shape != shape or id not in self.core.campus.sources:
            raise LoginRefused(404, say("There is no such way to sign in here (any more)."))
        return source

    def title(self, id: str) -> str:
        """What the campus calls a source."""
        info = self.core.campus.sources.get(id)
        return info.title if info else id

    async def arrive(
        self, id: str, answer: Login | Gone | Denied | Unavailable, next_url: str = ""
    ) -> None:
        """Let somebody in, or not, and end the request.

        Args:
            id: the source that answers.
            next_url: address path on the hub to go on to, checked by ``hub_path``; ``""``: where the hub sends people.

        Raises:
            LoginRefused: the source knows no such login, refuses the person, or does not answer.
        """
        self.core.refresher.heard(id, answer)
        match answer:
            case Login() if answer.identity.source == id:
                self.login = answer
            case Login():
                _log.error("source %s answered as %s", id, answer.identity.source)
                raise LoginRefused(403, self._not_accepted(id))
            case Gone():
                await self._lose(id, answer)
                raise LoginRefused(403, answer.why)
            case Denied():
                _log.warning("source %s denied a login: %s", id, _loggable(answer.why))
                raise LoginRefused(403, self._not_accepted(id))
            case Unavailable():
                raise self.unavailable(id)
        user = await self.login_user()
        if user is None:
            raise LoginRefused(403, say("This account may not use this hub."))
        self.redirect(next_url or self.get_next_url(user))

    def unavailable(self, id: str) -> LoginRefused:
        """What to say while a source does not answer."""
        return silent(self.title(id))

    def append_query_parameters(self, url: str, exclude: Any = None) -> str:
        """The request's parameters are the protocol's and go nowhere else."""
        return url

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Show a sentence and a way back instead of the hub's page of errors."""
        if not hasattr(
            self, "_jupyterhub_user"
        ):  # the request ended before anybody was looked for
            self._jupyterhub_user = None
            self._resolve_roles_and_scopes()
        error = (kwargs.get("exc_info") or (None, None))[1]
        if isinstance(error, SQLAlchemyError):
            self.db.rollback()  # as the hub's own page of errors does: others use the same session
        sentence: str = say(
            "Something went wrong at the hub; the administrators can find it in its log."
        )
        if isinstance(error, LoginRefused):
            sentence = error.sentence
        elif status_code < 500:
            sentence = say("This is no valid request to sign in; please start again.")
        self.set_status(status_code)
        for name, value in getattr(error, "headers", {}).items():
            self.set_header(name, value)
        self.set_header("Cache-Control", "no-store")
        self.write(
            self.render_template(
                "login_refused.html",
                sync=True,
                sentence=sentence,
                contact=self.core.campus.contact,
                back=url_path_join(self.hub.base_url, "login"),
            )
        )

    def _not_accepted(self, id: str) -> str:
        return say(
            "{source} did not confirm this login; please start again.", source=self.title(id)
        )

    async def _lose(self, id: str, gone: Gone) -> None:
        """A login that the source refuses for good also ends what was known of the person."""
        await self.core.ready()
        person = self.core.roll.person(person_key(id, gone.subject))
        if person is None or not person.active:
            return
        try:
            await self.core.roll.lose(person, gone)
        except StoreError:
            _log.exception("the answer about %s holds, but could not be kept", person.hub_name)


async def ask(source: str, answer: Awaitable[_T]) -> _T | Unavailable:
    """Wait for what a source says, at most 2.9 s; a source that fails has said nothing."""
    try:
        async with Patience(_PATIENCE):
            return await answer
    except TimeoutError:
        _log.warning("source %s takes its time", source)
        return Unavailable(f"no answer within {_PATIENCE:g} s")
    except Exception as error:
        _log.exception("source %s failed", source)
        return Unavailable(type(error).__name__)


def arrived(handler: object) -> Login | None:
    """The login with which somebody arrives in this request; None for a form."""
    return handler.login if isinstance(handler, Arrival) else None


def login_path(source: str) -> str:
    """Where a login by this source begins, below the hub's base address; its callbacks stand below it."""
    return f"edu/login/{quote(source, safe='')}"


def hub_path(asked: str, base_url: str) -> str:
    """Where to go on to after a login: what was asked for if it is a path of this hub, else ``""``.

    Always holds:
        - what is given back, resolved by a browser against any page of the hub, stays on its origin and below
          ``base_url``.

    Args:
        asked: hostile text.
        base_url: the prefix of everything that the hub's proxy serves, such as ``/`` or ``/jupyter/``.

    Example:
        >>> hub_path("/hub/spawn?course=ml", "/"), hub_path("//evil.example", "/")
        ('/hub/spawn?course=ml', '')
    """
    if not asked.startswith(base_url) or asked.startswith("//"):
        return ""
    if "\\" in asked or any(ord(sign) <= 32 or 127 <= ord(sign) < 160 for sign in asked):
        return ""
    path = asked.partition("?")[0].partition("#")[0].casefold().replace("%2e", ".")
    return "" if any(part in {".", ".."} for part in path.split("/")) else asked


def _loggable(text: str) -> str:
    return repr(text[:200])
