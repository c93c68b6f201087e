"""A live platform in the place of the fake, by the environment; nothing in it is changed, and nobody is launched.

LTI_KIND        moodle or canvas
LTI_URL         its address, such as https://moodle.example.edu
LTI_CLIENT_ID   of the tool that is registered there
LTI_DEPLOYMENT  its deployment id
LTI_KEY         file with the private key, PEM, whose public half that tool has registered
LTI_ROSTER      a course's id and its roster's address, with a space between them
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jupyterhub_edu.core import ForgetfulSafe
from jupyterhub_edu.identity.lti import LtiSettings, LtiSource
from jupyterhub_edu.identity.lti.claims import Context
from jupyterhub_edu.identity.lti.memory import Memory
from jupyterhub_edu.ports import utc_now

__all__ = ["live_source"]


async def live_source() -> LtiSource:
    """A source ``src`` for the platform ``live``, which remembers the course as if somebody had launched from it."""
    platform: dict[str, Any] = {
        "kind": os.environ["LTI_KIND"],
        "url": os.environ["LTI_URL"],
        "client_id": os.environ["LTI_CLIENT_ID"],
        "deployments": [os.environ["LTI_DEPLOYMENT"]],
    }
    safe = ForgetfulSafe()
    await safe.save("src:.key", {"pem": Path(os.environ["LTI_KEY"]).read_text()})  # noqa: ASYNC240 - once, in a test
    id, _, url = os.environ["LTI_ROSTER"].partition(" ")
    await Memory("src", safe).note_context("live", Context(id, (), url))
    settings = LtiSettings.model_validate({"platforms": {"live": platform}})
    return LtiSource("src", settings, utc_now, safe)
