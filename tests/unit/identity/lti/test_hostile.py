"""The hostile tokens that every checker is held to, as launches; and launches without end."""

from __future__ import annotations

from typing import Any

import pytest

from jupyterhub_edu.core import ForgetfulSafe
from jupyterhub_edu.identity.lti import LtiSettings, LtiSource
from jupyterhub_edu.ports import Denied, Launch
from tests.fakes.lti import FakePlatform, PlatformWeb
from tests.fakes.world import AClock
from tests.unit.identity.test_hostile_tokens import HOSTILE, NONCE, NOW

from .conftest import a_request


class Attacked:
    def __init__(self) -> None:
        clock = AClock(NOW)
        self.platform = FakePlatform(url="https://lms.school.example", clock=clock)
        settings = LtiSettings.model_validate({"platforms": {"lms": self.platform.settings()}})
        self.safe = ForgetfulSafe()
        self.source = LtiSource("lti", settings, clock, self.safe, PlatformWeb(self.platform))

    @property
    def claims(self) -> dict[str, Any]:
        issuer = self.platform.issuer
        return issuer.claims(**self.platform.claims("tea", nonce=NONCE))

    async def launch(self, token: Any) -> Any:
        return await self.source.launched(a_request(self.platform), token, NONCE)


async def test_an_honest_launch_of_that_platform_is_one() -> None:
    world = Attacked()
    assert isinstance(await world.launch(world.platform.issuer.token(**world.claims)), Launch)


@pytest.mark.parametrize("case", HOSTILE)
async def test_no_hostile_token_is_a_launch(case: str) -> None:
    world = Attacked()
    token = HOSTILE[case](world.platform.issuer, world.claims)

    assert isinstance(await world.launch(token), Denied)
    assert await world.source.courses() == []
    assert not world.safe._kept, "nothing of it is remembered"


async def test_bad_launches_without_end_leave_nothing_and_ask_for_keys_once() -> None:
    world = Attacked()
    bad = [HOSTILE[case](world.platform.issuer, world.claims) for case in list(HOSTILE)[:10]]
    for _ in range(100):
        for token in bad:
            await world.launch(token)
    assert not world.safe._kept
    assert world.platform.asked.count(world.platform.dialect.keys) <= 1
