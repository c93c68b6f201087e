"""Log-in by the Moodle plugin ``local_oauth``.

What is odd about it, and why little of OAuth 2.0 is used: it loses ``redirect_uri`` when somebody has to log in to Moodle
first, and then takes the registered one; it ignores PKCE, knows neither nonce nor ID token, calls JSON ``text/html``, and
hands out a refresh token that it does not accept. What it says about a person is who it is, nothing about courses.

Source:
    github.com/projectestac/moodle-local_oauth, login.php, token.php, user_info.php
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from jupyterhub_edu.core.patience import Patience
from jupyterhub_edu.identity.web import NoAnswer, Reply, Web, with_fix
from jupyterhub_edu.ports import CodeGrant, Denied, Redirect, Unavailable

from .rows import parse
from .settings import MoodleSettings

__all__ = ["WAY", "Account", "Plugin"]

WAY: Final = "compare url, and see that this machine may go there"
"""What to do where nobody answers."""

_LOGIN_SECONDS: Final = 2.5
_PAGE: Final = "Site administration > Server > OAuth provider settings"
_FAULTS: Final[Mapping[str, str]] = {
    "invalid_client": f"Moodle does not know the hub by this client_id and client_secret; compare them with {_PAGE}",
    "redirect_uri_mismatch": "the address of the hub's callback is not the one that Moodle has; register exactly one, "
    f"this one, at {_PAGE}",
    "unsupported_grant_type": f"Moodle does not let the hub exchange codes; add authorization_code at {_PAGE}",
    "invalid_scope": f"Moodle does not give the hub the scope user_info; add it at {_PAGE}",
    "insufficient_scope": f"Moodle does not give the hub the scope user_info; add it at {_PAGE}",
}


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the plugin says somebody is; all of it hostile text but for the number."""

    id: int
    username: str
    name: str
    idnumber: str


class _Info(BaseModel):
    """``user_info.php``, where ids are strings."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    id: int = Field(gt=0)
    username: str = Field(min_length=1)
    idnumber: str = ""
    firstname: str = ""
    lastname: str = ""


class Plugin:
    """The plugin of one Moodle."""

    def __init__(self, web: Web, settings: MoodleSettings) -> None:
        self._web, self._settings = web, settings
        self._base = f"{settings.root}/local/oauth"

    def redirect(self) -> Redirect:
        """Where a browser logs in."""
        return Redirect(
            f"{self._base}/login.php",
            self._settings.client_id,
            scope=("user_info",),
            pkce=False,
            nonce=False,
        )

    async def redeem(self, grant: CodeGrant) -> Account | Denied | Unavailable:
        """Exchange a code for an account, in two calls that together take 2.5 seconds at most.

        A code that the plugin does not take is Denied; whatever else goes wrong is Unavailable.
        """
        try:
            async with Patience(_LOGIN_SECONDS):
                reply = await self._exchange(grant.code, grant.redirect_uri)
                if reply.status != 200:
                    return _refused(reply)
                token = _word(reply.json(), "access_token")
                reply = await self._web.post(
                    f"{self._base}/user_info.php", {"access_token": token}
                )
                if reply.status != 200:
                    return _refused(reply)
                info = parse(_Info, reply.json(), "user_info.php")
        except NoAnswer as error:
            return Unavailable(str(error))
        except TimeoutError:
            return Unavailable(f"{self._base} does not answer within {_LOGIN_SECONDS:g} s")
        name = f"{info.firstname} {info.lastname}".strip()
        return Account(info.id, info.username, name or info.username, info.idnumber.strip())

    async def check(self) -> list[str]:
        """See whether the plugin is there and knows the hub, by a code that nobody was given."""
        try:
            reply = await self._exchange("0" * 40, "")
            said = _error(reply)
        except NoAnswer as error:
            return [error.why if error.status else with_fix(error.why, WAY)]
        return [] if said == "invalid_grant" else [_refused(reply).why]

    async def _exchange(self, code: str, redirect_uri: str) -> Reply:
        # Secrets go in the body: many web servers do not hand a header Authorization on to PHP.
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self._settings.client_id,
            "client_secret": self._settings.client_secret.get_secret_value(),
        }
        return await self._web.post(f"{self._base}/token.php", form, deadline=_LOGIN_SECONDS)


def _refused(reply: Reply) -> Denied | Unavailable:
    """What a refusal means.

    Raises:
        NoAnswer: it is none of the plugin's.
    """
    error = _error(reply)
    if error == "invalid_grant":
        return Denied("a code that Moodle did not give the hub, or not just now")
    return Unavailable(_FAULTS.get(error, f"Moodle's plugin local_oauth refuses ({error})"))


def _error(reply: Reply) -> str:
    if reply.status == 404:
        raise NoAnswer(
            f"{reply.url} is not there; install the plugin local_oauth in Moodle, and write in url what config.php calls wwwroot",
            404,
        )
    error = _word(reply.json(), "error")
    return error if error.replace("_", "").isalnum() and len(error) <= 64 else "no known error"


def _word(data: Any, key: str) -> str:
    """One text of a reply.

    Raises:
        NoAnswer: it is not there.
    """
    value = data.get(key) if isinstance(data, dict) else None
    if not isinstance(value, str) or not value:
        raise NoAnswer(f"Moodle's plugin local_oauth sends no {key}")
    return value
