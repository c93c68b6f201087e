"""Login shape "launch": a learning platform sends somebody along from a course page (LTI 1.3).

The steps: the platform's page sends the browser to ``login``; we send it on to the platform with state and nonce; the
platform posts it to ``launch`` with a signed token. The source checks that token, ltiauthenticator's validator looks at
it once more, and EduAuthenticator decides as for every login.

Inside a frame of the platform's page browsers keep no cookies for us, or soon will not. So nothing is done there: a
page in the frame opens a window of its own, in which the launch begins anew.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final, cast
from urllib.parse import urlencode, urlsplit

from jupyterhub.utils import url_path_join
from ltiauthenticator.lti13.error import ValidationError
from ltiauthenticator.lti13.validator import LTI13LaunchValidator
from tornado.httputil import url_concat

from jupyterhub_edu.domain.rules import map_course
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.hub import Route, public_address
from jupyterhub_edu.ports import Denied, Launch, LaunchRequest, LaunchSource, Login, Unavailable

from .arrivals import Arrival, LoginRefused, ask, hub_path
from .launch_state import Launches, Opened

__all__ = ["LAUNCHES", "ROUTES", "LaunchCallback", "LaunchLogin", "launch_path"]

_log = logging.getLogger(__name__)
LAUNCHES: Final = Launches()
"""The launches of this hub process."""

_COOKIE_SECONDS: Final = 600
_FRAMES: Final = frozenset({"iframe", "frame", "embed", "object", "fencedframe"})
_LONGEST: Final = 4096
_ASKED: Final[Mapping[str, str]] = {
    "issuer": "iss",
    "hint": "login_hint",
    "target": "target_link_uri",
    "client_id": "client_id",
    "deployment": "lti_deployment_id",
    "message_hint": "lti_message_hint",
}
"""Our words and those of the protocol."""
_INVALID: Final = say(
    "This is no valid launch; please go back to the course page and open it again."
)
_NOT_OURS: Final = say(
    "The course page that sent you here does not belong to a learning platform that this hub knows."
)
_TOO_OLD: Final = say(
    "This launch is too old, or was used before; please go back to the course page and open it again."
)
_NO_COOKIES: Final = say(
    "Your browser keeps no cookies for this hub, and nobody can be signed in without; please allow them for this "
    "address, then open the course page again."
)


def launch_path(source: str, step: str) -> str:
    """The address of a step, below the hub's base address: ``login``, ``launch``, ``config``, ``config.json``, ``jwks``."""
    return f"edu/lti/{source}/{step}"


class LaunchPage(Arrival):
    """What the pages of a source of launches share."""

    step_path = staticmethod(launch_path)

    def check_xsrf_cookie(self) -> None:
        """Platforms post from their own site; state, nonce and the browser's secret stand in for the token."""

    def launch_source(self, id: str) -> LaunchSource:
        """The source of this request."""
        return cast(LaunchSource, self.source(id, "launch"))

    def address(self, id: str, step: str) -> str:
        """The address of a step as browsers see it."""
        return public_address(self, self.step_path(id, step))

    def single(self, name: str) -> str:
        """A parameter that is given once, as it came.

        Raises:
            LoginRefused: it is given twice, is too long, or is no text.
        """
        values = self.request.arguments.get(name, [])
        try:
            value = values[0].decode() if values else ""
        except UnicodeDecodeError:
            raise LoginRefused(400, _INVALID) from None
        if len(values) > 1 or len(value) > _LONGEST or not value.isprintable():
            raise LoginRefused(400, _INVALID)
        return value

    @property
    def validator(self) -> LTI13LaunchValidator:
        """ltiauthenticator's, with its options from the hub's configuration."""
        return LTI13LaunchValidator(parent=self.settings["authenticator"])

    # -- the browser's secret ----------------------------------------------------------------------------------

    @property
    def _is_secure(self) -> bool:
        return public_address(self, "").startswith("https:")

    @property
    def _cookie(self) -> str:
        # With this prefix browsers refuse one that another host of the domain has set.
        return "__Host-edu-lti" if self._is_secure else "edu-lti"

    def browser_secret(self) -> str:
        """The secret that this browser sends back, or ``""``."""
        value: str = self.get_cookie(self._cookie, "") or ""
        return value if len(value) <= 64 else ""

    def keep_secret(self) -> str:
        """Give the browser a secret for ten minutes, the one it has if there is one: launches in two tabs share it."""
        value = self.browser_secret() or secrets.token_urlsafe(24)
        # Across sites the cookie comes along only with SameSite=None, which needs TLS; without TLS browsers send one
        # that says nothing along for two minutes.
        across: dict[str, Any] = {"secure": True, "samesite": "None"} if self._is_secure else {}
        self.set_cookie(
            self._cookie, value, path="/", httponly=True, max_age=_COOKIE_SECONDS, **across
        )
        return value

    # -- the way out of a frame --------------------------------------------------------------------------------

    @property
    def is_framed(self) -> bool:
        """Whether the answer would be shown inside a frame, as far as the browser says."""
        return self.request.headers.get("Sec-Fetch-Dest", "") in _FRAMES

    def show_window_page(self, id: str, request: LaunchRequest) -> None:
        """Show a page that may stand in a frame of the platforms alone and opens a window for the launch."""
        fields = {_ASKED[key]: value for key, value in asdict(request).items() if value}
        begin = url_concat(self.address(id, "login"), {**fields, "again": "1"})
        source = self.launch_source(id)
        policy = [
            "default-src 'none'",
            "style-src 'unsafe-inline'",
            "base-uri 'none'",
            "form-action 'none'",
            f"frame-ancestors {' '.join(source.framing)}",
        ]
        self.set_header("Content-Security-Policy", "; ".join(policy))
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "no-referrer")
        self.finish(
            self.render_template(
                "launch_window.html", sync=True, tool=source.tool.name, begin=begin
            )
        )


class LaunchLogin(LaunchPage):
    """``login``: a platform has sent a browser along; send it back with state and nonce."""

    async def get(self, id: str) -> None:
        """Begin a launch, or show how to begin it in a window."""
        source = self.launch_source(id)
        request = self._asked()
        redirect = source.begin(request)
        if isinstance(redirect, Denied):
            _log.warning("source %s: %s", id, redirect.why)
            raise LoginRefused(403, _NOT_OURS)
        if self.is_framed:
            self.show_window_page(id, request)
            return
        begun = LAUNCHES.begin(id, request, self.keep_secret(), again=self.single("again") == "1")
        fields = {
            "scope": " ".join(redirect.scope),
            "client_id": redirect.client_id,
            "redirect_uri": self.address(id, "launch"),
            **redirect.extra,
            "state": begun.state,
            "nonce": begun.nonce,
        }
        self.set_header("Cache-Control", "no-store")
        self.redirect(url_concat(redirect.authorize_url, fields))

    post = get

    def _asked(self) -> LaunchRequest:
        asked = {name: self.single(name) for name in _ASKED.values()}
        try:
            self.validator.validate_login_request(asked)
        except ValidationError:
            raise LoginRefused(400, _INVALID) from None
        return LaunchRequest(**{key: asked[name] for key, name in _ASKED.items()})


class LaunchCallback(LaunchPage):
    """``launch``: the platform's answer."""

    async def get(self, id: str) -> None:
        """Somebody opened the address by itself."""
        self.launch_source(id)
        raise LoginRefused(400, say("A launch begins on a course page; please open it there."))

    async def post(self, id: str) -> None:
        """Check state, browser, token and nonce, in this order, and let somebody in."""
        source = self.launch_source(id)
        opened = LAUNCHES.open(id, self._state())
        if opened is None:
            raise LoginRefused(400, _TOO_OLD)
        if not opened.is_of(self.browser_secret()):
            self._without_cookie(id, opened)
            return
        self._check_error(id)
        answer = await ask(id, source.launched(opened.request, self._token(), opened.nonce))
        login = self._accept(id, answer, opened)
        next_url = self._next(id, answer) if isinstance(answer, Launch) else ""
        await self.arrive(id, login, next_url)

    def _state(self) -> str:
        values = self.request.body_arguments.get("state", [])
        return values[0].decode("ascii", "replace") if len(values) == 1 else ""

    def _token(self) -> str:
        values = self.request.body_arguments.get("id_token", [])
        if len(values) != 1 or not values[0]:
            raise LoginRefused(400, _INVALID)
        token: str = values[0].decode("ascii", "replace")
        return token

    def _without_cookie(self, id: str, opened: Opened) -> None:
        """The browser has not kept its secret: in a frame, most likely; a window of its own is the way out, once."""
        if opened.again:
            raise LoginRefused(403, _NO_COOKIES)
        self.show_window_page(id, opened.request)

    def _check_error(self, id: str) -> None:
        error = self.single("error")
        if error:
            _log.warning("source %s: a platform refused a launch: %r", id, error[:80])
            raise LoginRefused(
                403,
                say(
                    "The learning platform did not sign you in; please go back to the course page."
                ),
            )

    def _accept(
        self, id: str, answer: Launch | Denied | Unavailable, opened: Opened
    ) -> Login | Denied | Unavailable:
        if not isinstance(answer, Launch):
            return answer
        try:
            self.validator.validate_id_token(answer.login.auth_state)
        except ValidationError as error:
            return Denied(str(error))
        if not LAUNCHES.use(opened.nonce):
            _log.warning("source %s: a launch was used twice", id)
            raise LoginRefused(400, _TOO_OLD)
        return answer.login

    def _next(self, id: str, launch: Launch) -> str:
        """Where to go on to: the start page with the launch's course chosen, and from there where the link points.

        Raises:
            LoginRefused: the link points elsewhere than to this hub.
        """
        path = self._path_here(launch.target)
        if path is None:
            _log.warning("source %s: a link points to %r", id, launch.target[:200])
            raise LoginRefused(
                400,
                say(
                    "The link on the course page does not point to this hub; its target link must be an address of the hub."
                ),
            )
        campus, query = self.core.campus, {}
        ways, index = campus.sources[id].courses, campus.course_index
        if launch.course is not None and (course := map_course(launch.course, ways, index)):
            query["chosen"] = course
        if self._is_server(path):
            query["next"] = path
        elif not self._is_tool(id, path):
            return path
        start = url_path_join(self.hub.base_url, "spawn")
        return f"{start}?{urlencode(query)}" if query else start

    def _path_here(self, target: str) -> str | None:
        """The path of an address of this hub, or None."""
        try:
            here, there = urlsplit(public_address(self, "")), urlsplit(target)
        except ValueError:
            return None
        if (there.scheme, there.netloc.lower()) != (here.scheme, here.netloc.lower()):
            return None
        asked = there.path + (f"?{there.query}" if there.query else "")
        base: str = self.settings["base_url"]
        # The address of the hub without its last slash is the hub too.
        return hub_path(asked if asked.startswith(base) else f"{asked}/", base) or None

    def _is_server(self, path: str) -> bool:
        """Whether a path needs somebody's own server, which may have to be started first."""
        base: str = self.settings["base_url"]
        places = ("user-redirect/", "hub/user-redirect/", "user/")
        return path.startswith(tuple(url_path_join(base, place) for place in places))

    def _is_tool(self, id: str, path: str) -> bool:
        """Whether a path means the hub as a whole."""
        base: str = self.settings["base_url"]
        own = [self.step_path(id, step) for step in ("launch", "login")]
        wholes = {base, self.hub.base_url, *(url_path_join(self.hub.base_url, one) for one in own)}
        return path.partition("?")[0].rstrip("/") in {whole.rstrip("/") for whole in wholes}


ROUTES: Final[list[Route]] = [
    (r"/edu/lti/([^/]+)/login", LaunchLogin),
    (r"/edu/lti/([^/]+)/launch", LaunchCallback),
]
