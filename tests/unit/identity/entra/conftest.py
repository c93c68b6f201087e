"""An Entra source that asks a fake; no sockets.

Fixtures:

    fake   FakeEntra with ann (a student), ola (staff, app role Teacher) and gjest (a guest); eve is of another tenant
    world  how to make sources that ask it, log people in and read them again
"""

from __future__ import annotations

from typing import Any

import pytest

from jupyterhub_edu.core import ForgetfulSafe
from jupyterhub_edu.domain.people import Identity
from jupyterhub_edu.identity.entra import EntraSettings, EntraSource, make_entra
from jupyterhub_edu.ports import Answer, Denied, Gone, Login, Unavailable
from tests.fakes.entra import FakeEntra, FakeWeb, User
from tests.fakes.people import as_person


class World:
    """One fake, one safe, one source."""

    def __init__(self, fake: FakeEntra, **changes: Any) -> None:
        self.fake, self.safe = fake, ForgetfulSafe()
        self.web = FakeWeb(fake)
        self.source = self.make(**changes)

    def make(self, **changes: Any) -> Any:
        settings = EntraSettings.model_validate(self.fake.settings(**changes))
        source = make_entra("entra", settings, self.fake.clock, self.safe)
        return type(source)(
            "entra",
            settings,
            self.fake.clock,
            self.safe,
            web=self.web,
            now=self.fake.clock.seconds,
        )

    async def try_login(self, who: str, source: Any = None) -> Login | Gone | Denied | Unavailable:
        source = source or self.source
        return await source.redeem(self.fake.browse(await source.redirect(), who))

    async def login(self, who: str, source: Any = None) -> Identity:
        answer = await self.try_login(who, source)
        assert isinstance(answer, Login), answer
        return answer.identity

    async def reread(self, identity: Identity, source: EntraSource | None = None) -> Answer:
        return await (source or self.source).reread(as_person(identity))

    def user(self, who: str) -> User:
        return self.fake.person(who)


@pytest.fixture
def fake() -> FakeEntra:
    return FakeEntra()


@pytest.fixture
def world(fake: FakeEntra) -> World:
    return World(fake)
