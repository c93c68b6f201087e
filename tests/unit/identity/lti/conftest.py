"""A source that knows one platform of each dialect, in this process.

Fixtures:

    clock   stands still until it is moved
    moodle, canvas   fake platforms, the hub registered as their tool
    web     the source's way to them; ``down`` cuts it
    safe    what the source keeps
    make    makes the source anew (a restart), with changed settings of platforms by name
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from jupyterhub_edu.core import ForgetfulSafe
from jupyterhub_edu.domain.people import Identity
from jupyterhub_edu.identity.lti import LtiSettings, LtiSource
from jupyterhub_edu.ports import Launch, LaunchRequest
from tests.fakes.lti import CANVAS, MOODLE, FakePlatform, PlatformWeb
from tests.fakes.tokens import private_key
from tests.fakes.world import AClock

NOW = datetime(2026, 11, 3, 10, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> AClock:
    return AClock(NOW)


@pytest.fixture
def moodle(clock: AClock) -> FakePlatform:
    return FakePlatform(MOODLE, url="https://moodle.school.example", clock=clock)


@pytest.fixture
def canvas(clock: AClock) -> FakePlatform:
    platform = FakePlatform(CANVAS, url="https://school.instructure.example", clock=clock)
    platform.tool.custom["login"] = "$Canvas.user.loginId"
    return platform


@pytest.fixture
def web(moodle: FakePlatform, canvas: FakePlatform) -> PlatformWeb:
    return PlatformWeb(moodle, canvas)


@pytest.fixture
def safe() -> ForgetfulSafe:
    """With a key in it: making one takes a while."""
    safe = ForgetfulSafe()
    pem = private_key("RSA", 50).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    safe._kept["lms:.key"] = {"pem": pem.decode()}
    return safe


@pytest.fixture
def make(
    moodle: FakePlatform,
    canvas: FakePlatform,
    web: PlatformWeb,
    safe: ForgetfulSafe,
    clock: AClock,
) -> Callable[..., LtiSource]:
    def one(settings: dict[str, Any] | None = None, **platforms: Any) -> LtiSource:
        keys = {
            "platforms": {
                "moodle": moodle.settings(**platforms.get("moodle", {})),
                "canvas": canvas.settings(**platforms.get("canvas", {})),
            },
            **(settings or {}),
        }
        source = LtiSource("lms", LtiSettings.model_validate(keys), clock, safe, web)
        moodle.tool.keyset = canvas.tool.keyset = source.keyset
        return source

    return one


def a_request(platform: FakePlatform, user: str = "stu", course: str = "2") -> LaunchRequest:
    sent = platform.initiation(user, course)
    return LaunchRequest(
        sent["iss"],
        sent["login_hint"],
        sent["target_link_uri"],
        sent["client_id"],
        sent["lti_deployment_id"],
        sent["lti_message_hint"],
    )


async def launch(
    source: LtiSource,
    platform: FakePlatform,
    user: str = "stu",
    course: str | None = "2",
    **claims: Any,
) -> Any:
    """Launch as this person from this course, with these claims changed."""
    said = platform.claims(user, course, **{"nonce": "n", **claims})
    token = platform.issuer.token(**said)
    return await source.launched(a_request(platform, user, course or "2"), token, "n")


async def launched(*args: Any, **kwargs: Any) -> Identity:
    """The identity of a launch that must succeed."""
    answer = await launch(*args, **kwargs)
    assert isinstance(answer, Launch), answer
    return answer.login.identity
