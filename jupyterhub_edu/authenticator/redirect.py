"""Login shape "redirect": the browser goes to the source to log in and comes back with a code.

oauthenticator's handlers speak the protocol, with a delegate that knows one source; everything that is decided about the
login is EduAuthenticator's. Each source has an address of its own, a callback of its own and state cookies of its own.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from collections.abc import Mapping
from typing import Any, Final, cast

from jupyterhub.utils import url_path_join
from oauthenticator.oauth2 import (
    OAuthCallbackHandler,
    OAuthenticator,
    OAuthLoginHandler,
    _deserialize_state,
    _serialize_state,
)

from jupyterhub_edu.domain.words import say
from jupyterhub_edu.hub import Route, public_address
from jupyterhub_edu.ports import CodeGrant, Redirect, RedirectSource, Unavailable

from .arrivals import Arrival, LoginRefused, ask, hub_path, login_path

__all__ = ["ROUTES", "RedirectCallback", "RedirectLogin", "callback_path"]

_log = logging.getLogger(__name__)
_DAYS: Final = 1 / 24
"""How long a state cookie is good for: an hour to find a password."""
_MOST_TABS: Final = 5
"""Logins of one browser at one source that may be under way at once; one more forgets them."""
_LONGEST_NEXT: Final = 1500
"""Characters; what is longer would make a cookie that browsers drop."""
_NOT_NOW: Final = frozenset({"temporarily_unavailable", "server_error"})


def callback_path(source: str) -> str:
    """The callback of a source, below the hub's base address; registered at the source as redirect URI."""
    return f"{login_path(source)}/callback"


class _Delegating(Arrival):
    """Gives oauthenticator's handlers what they need to know of one source, for a step of the protocol and no longer."""

    source_id = ""
    _delegate: OAuthenticator | None = None

    @property
    def authenticator(self) -> Any:
        """The delegate during a step of the protocol, else EduAuthenticator."""
        return self._delegate or self.settings["authenticator"]

    def redirect_source(self, id: str) -> RedirectSource:
        """The source of this request."""
        source = cast(RedirectSource, self.source(id, "redirect"))
        self.source_id = id
        return source

    def state_cookie(self, state: str) -> str:
        """Name of the cookie of one login at this source; logins in several tabs do not disturb each other.

        Args:
            state: as it is sent along, or as it came back.
        """
        return f"{self.state_cookies}{hashlib.sha256(state.encode()).hexdigest()[:12]}"

    @property
    def state_cookies(self) -> str:
        """What the names of this source's state cookies begin with."""
        return f"jupyterhub-edu-state-{self.source_id}-"

    @property
    def state_cookie_path(self) -> str:
        """The cookie goes to this source's addresses alone."""
        path: str = url_path_join(self.hub.base_url, login_path(self.source_id))
        return path


class RedirectLogin(_Delegating, OAuthLoginHandler):
    """``/hub/edu/login/<source>``: on to the source, with state, code challenge and nonce."""

    _nonce = ""

    async def get(self, id: str) -> None:
        """Send the browser to the source."""
        source = self.redirect_source(id)
        answer = await ask(id, source.redirect())
        if isinstance(answer, Unavailable):
            self.core.refresher.heard(id, answer)
            raise self.unavailable(id)
        self._nonce = secrets.token_urlsafe(32) if answer.nonce else ""
        self._delegate = _delegate(
            self.settings["authenticator"],
            answer,
            public_address(self, callback_path(id)),
            {"nonce": self._nonce} if self._nonce else {},
        )
        try:
            super().get()
        finally:
            self._delegate = None

    def set_state_cookie(self, state_cookie_value: str) -> None:
        """Keep the nonce with the state, under a name of this source's own."""
        former = [name for name in self.request.cookies if name.startswith(self.state_cookies)]
        if len(former) >= _MOST_TABS:
            for name in former:
                self.clear_cookie(name, path=self.state_cookie_path)
        state = {**_deserialize_state(state_cookie_value), "nonce": self._nonce}
        self._set_cookie(
            self.state_cookie(_sent(state)),
            _serialize_state(state),
            expires_days=_DAYS,
            path=self.state_cookie_path,
            samesite="Lax",
        )

    def _get_next_url(self) -> str:
        asked = self.get_argument("next", "")
        return hub_path(asked, self.base_url) if len(asked) <= _LONGEST_NEXT else ""


class RedirectCallback(_Delegating, OAuthCallbackHandler):
    """``/hub/edu/login/<source>/callback``: back from the source."""

    async def get(self, id: str) -> None:
        """Redeem the code, once it is sure that this browser asked for it."""
        # Tornado logs the address with every error; the code stands in its query.
        self.request.uri = self.request.path
        source = self.redirect_source(id)
        state = self._checked_state()
        self._check_error(id)
        grant = CodeGrant(
            code=self.get_argument("code", ""),
            redirect_uri=public_address(self, callback_path(id)),
            verifier=state.get("code_verifier", ""),
            nonce=state.get("nonce", ""),
            issuer=self.get_argument("iss", ""),
        )
        if not grant.code:
            raise LoginRefused(
                400, say("This is no valid request to sign in; please start again.")
            )
        answer = await ask(id, source.redeem(grant))
        await self.arrive(id, answer, state.get("next_url") or "")

    def get_state_cookie(self) -> str:
        """The state as it was kept; good for one use."""
        kept = self.get_secure_cookie(self.state_cookie(self.get_state_url()), max_age_days=_DAYS)
        self._clear_state()
        return (kept or b"").decode("utf8", "replace")

    def get_state_url(self) -> str:
        """The state as it came back; Moodle's ``local_oauth`` escapes the separators of its errors as for HTML."""
        state: str = self.get_argument("state", "") or self.get_argument("amp;state", "")
        return state

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """An error too uses the state up."""
        if self.source_id:
            self._clear_state()
        super().write_error(status_code, **kwargs)

    def _checked_state(self) -> Mapping[str, str]:
        """The state of this browser, if it is the one that came back.

        Raises:
            LoginRefused: there is none (another browser, too long ago, used up), or it is another one.
        """
        kept = self.get_state_cookie()
        state: dict[str, str] = _deserialize_state(kept) if kept else {}
        came = self.get_state_url()
        if not kept or not hmac.compare_digest(_sent(state).encode(), came.encode()):
            raise LoginRefused(
                400,
                say(
                    "This login was begun in another browser or window, or too long ago; please start again."
                ),
            )
        return state

    def _check_error(self, id: str) -> None:
        """What the source says in words is hostile text and stays in the log."""
        error = self.get_argument("error", "")
        if not error:
            return
        _log.warning("source %s sent somebody back with error %r", id, error[:80])
        if error in _NOT_NOW:
            raise self.unavailable(id)
        raise LoginRefused(
            403, say("{source} did not sign you in, or you did not agree.", source=self.title(id))
        )

    def _clear_state(self) -> None:
        self.clear_cookie(self.state_cookie(self.get_state_url()), path=self.state_cookie_path)


def _sent(state: Mapping[str, object]) -> str:
    """The state as oauthenticator sends it along."""
    sent: str = _serialize_state({"state_id": state.get("state_id")})
    return sent


def _delegate(
    authenticator: Any, answer: Redirect, callback: str, more: Mapping[str, str]
) -> OAuthenticator:
    """What oauthenticator's handlers need to know; made for one step, so that it is never older than its source."""
    return OAuthenticator(
        parent=authenticator,
        authorize_url=answer.authorize_url,
        client_id=answer.client_id,
        scope=list(answer.scope),
        enable_pkce=answer.pkce,
        extra_authorize_params={**answer.extra, **more},
        oauth_callback_url=callback,
    )


ROUTES: Final[list[Route]] = [
    (r"/edu/login/([^/]+)", RedirectLogin),
    (r"/edu/login/([^/]+)/callback", RedirectCallback),
]
