"""A source of logins by redirect, asked by a browser as if it had a form."""

import asyncio
from typing import Any, ClassVar
from urllib.parse import urlencode

from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.identity import SOURCE_TYPES, Surroundings
from jupyterhub_edu.identity.oidc import OidcSource
from jupyterhub_edu.ports import (
    Answer,
    CodeGrant,
    Denied,
    Gone,
    Login,
    Safe,
    Unavailable,
    utc_now,
)
from jupyterhub_edu.ports.sources import LoginShape
from tests.providers.browser import CALLBACK, Browser, LoginRefused

SECRET = "s3cret: +/=%&é"
_NONCE, _VERIFIER = "n-0S6_WzA2Mj", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636, appendix B


class ThroughBrowser:
    """An OpenID source whose redirect and callback a browser makes, so that a name and a password log in."""

    shape: ClassVar[LoginShape] = "form"

    def __init__(self, safe: Safe, **settings: Any) -> None:
        kind = SOURCE_TYPES["oidc"]
        made = kind.settings.model_validate(
            {"client_id": "hub", "client_secret": SECRET} | settings
        )
        self.source: OidcSource = kind.make("src", made, Surroundings(utc_now, safe))  # type: ignore[assignment]

    @property
    def id(self) -> str:
        return self.source.id

    async def authenticate(self, login: str, password: str) -> Answer | Denied:
        answer = await self.log_in(login, password)
        return answer.identity if isinstance(answer, Login) else answer

    async def log_in(
        self, login: str, password: str, browser: Browser | None = None
    ) -> Login | Gone | Denied | Unavailable:
        """Log in with a browser, a new one unless one is given."""
        grant = await self.grant(login, password, browser)
        return await self.source.redeem(grant) if isinstance(grant, CodeGrant) else grant

    async def grant(
        self, login: str, password: str, browser: Browser | None = None
    ) -> CodeGrant | Denied | Unavailable:
        """What the browser brings back."""
        redirect = await self.source.redirect()
        if isinstance(redirect, Unavailable):
            return redirect
        query = {
            "client_id": redirect.client_id,
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": " ".join(redirect.scope),
            "state": "x",
            "nonce": _NONCE,
            "code_challenge": _CHALLENGE,
            "code_challenge_method": "S256",
            **redirect.extra,
        }
        used = browser or Browser()
        try:
            url = f"{redirect.authorize_url}?{urlencode(query)}"
            back = await asyncio.to_thread(used.log_in, url, login, password)
        except LoginRefused as refused:
            return Denied(str(refused)[:200])
        finally:
            if browser is None:
                used.close()
        if "code" not in back:
            return Denied(str(back))
        return CodeGrant(back["code"], CALLBACK, _VERIFIER, _NONCE, back.get("iss", ""))

    async def reread(self, person: Person) -> Answer:
        return await self.source.reread(person)

    async def check(self) -> list[str]:
        return await self.source.check()

    async def close(self) -> None:
        await self.source.close()
