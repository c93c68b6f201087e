"""A live tenant in the place of the fake, by the environment; nothing in it is changed.

ENTRA_TENANT           Directory (tenant) ID
ENTRA_CLIENT_ID        Application (client) ID of an app with the redirect URI http://localhost:8765/callback
ENTRA_CLIENT_SECRET    value of a client secret of it
ENTRA_APP_PERMISSIONS  set if the app has User.Read.All and EduRoster.Read.All of its own
ENTRA_SUBJECT          <tenant>/<object id> of somebody who has logged in to the app
ENTRA_REFRESH_TOKEN    the refresh token of that login

The last two come from ``python -m tests.fakes.entra.live``, which asks for one login in a browser.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from typing import Any

from jupyterhub_edu.core import ForgetfulSafe
from jupyterhub_edu.identity.entra import EntraSettings, EntraSource
from jupyterhub_edu.ports import Login, Redirect, utc_now

from .fake import address, grant_of

CALLBACK = "http://localhost:8765/callback"
_NAMES = ("TENANT", "CLIENT_ID", "CLIENT_SECRET")


def settings() -> dict[str, Any]:
    """Settings of a source for it."""
    found: dict[str, Any] = {name.lower(): os.environ[f"ENTRA_{name}"] for name in _NAMES}
    if os.environ.get("ENTRA_APP_PERMISSIONS"):
        found |= {"app_permissions": True, "education": True}
    return found


async def main() -> None:
    safe = ForgetfulSafe()
    source = EntraSource("entra", EntraSettings.model_validate(settings()), utc_now, safe)
    verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    redirect = await source.redirect()
    assert isinstance(redirect, Redirect)
    print("Log in here:\n", address(redirect, CALLBACK, verifier, nonce))
    came = await asyncio.to_thread(input, "The address that the browser then shows: ")
    answer = await source.redeem(grant_of(came.strip(), CALLBACK, verifier, nonce))
    await source.close()
    assert isinstance(answer, Login), answer
    kept = await safe.load(f"entra:{answer.identity.subject}") or {}
    print(f"ENTRA_SUBJECT={answer.identity.subject}\nENTRA_REFRESH_TOKEN={kept['token']}")


if __name__ == "__main__":
    asyncio.run(main())
