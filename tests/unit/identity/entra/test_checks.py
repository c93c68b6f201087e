"""``check --connect`` tells what is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.fakes.entra import FakeEntra, Reply
from tests.said import assert_said, said

from .conftest import World

EVERYTHING = {"User.Read.All", "EduRoster.Read.All", "Application.Read.All"}


def _nothing(fake: FakeEntra) -> None: ...


def _expired(fake: FakeEntra) -> None:
    fake.app.secrets = dict.fromkeys(fake.app.secrets, fake.clock() - timedelta(days=1))


def _ends_soon(fake: FakeEntra) -> None:
    fake.app.secrets = dict.fromkeys(fake.app.secrets, fake.clock() + timedelta(days=3))


def _lacks(permission: str) -> Callable[[FakeEntra], None]:
    return lambda fake: fake.app.permissions.discard(permission)


def _no_groups_claim(fake: FakeEntra) -> None:
    fake.app.group_claims = None


def _no_callback(fake: FakeEntra) -> None:
    fake.app.redirect_uris.clear()


def _clock_off(fake: FakeEntra) -> None:
    answer = fake.services["authority"].answer
    ahead = {"Date": "Sat, 01 Jan 2000 00:00:00 GMT"}

    def late(request: Any) -> Reply:
        reply = answer(request)
        return Reply(reply.status, reply.body, {**reply.headers, **ahead})

    fake.services["authority"].answer = late  # type: ignore[method-assign]


def _another_cloud(fake: FakeEntra) -> None:
    fake.meddle = lambda service, request: (
        Reply.of(200, {"issuer": "https://login.microsoftonline.us/x/v2.0"})
        if "openid-configuration" in request.path
        else None
    )


def _disabled(fake: FakeEntra) -> None:
    content = {"error": "unauthorized_client", "error_codes": [7000112]}
    fake.meddle = lambda service, request: (
        Reply.of(400, content) if request.method == "POST" else None
    )


def _silent(fake: FakeEntra) -> None:
    fake.silent.add("authority")


def _graph_silent(fake: FakeEntra) -> None:
    fake.silent.add("graph")


def _no_keys(fake: FakeEntra) -> None:
    fake.meddle = lambda service, request: (
        Reply.of(200, {"keys": []}) if request.path.endswith("/keys") else None
    )


GUID = "11111111-1111-1111-1111-111111111111"
CASES: dict[str, tuple[Callable[[FakeEntra], None], dict[str, Any]]] = {
    "the tenant is wrong": (_nothing, {"tenant": GUID}),
    "the application is wrong": (_nothing, {"client_id": GUID}),
    "the secret is wrong": (_nothing, {"client_secret": "wrong"}),
    "the secret has expired": (_expired, {}),
    "the secret ends soon": (_ends_soon, {}),
    "the application is disabled": (_disabled, {}),
    "User.Read.All is missing": (_lacks("User.Read.All"), {}),
    "EduRoster.Read.All is missing": (_lacks("EduRoster.Read.All"), {"education": True}),
    "there are no classes": (_nothing, {"education": True}),
    "no groups claim is emitted": (_no_groups_claim, {}),
    "no callback is registered": (_no_callback, {}),
    "our clock is off": (_clock_off, {}),
    "the cloud is another": (_another_cloud, {}),
    "Entra cannot be reached": (_silent, {}),
    "Graph cannot be reached": (_graph_silent, {}),
    "there are no keys": (_no_keys, {}),
    "`authority` is misspelt": (_nothing, {"authority": "https://login.wrong.example"}),
}
SAID = said("Entra ID")


@pytest.mark.parametrize("mistake", CASES)
async def test_a_mistake_is_told_with_its_fix(fake: FakeEntra, mistake: str):
    spoil, changes = CASES[mistake]
    fake.app.permissions = set(EVERYTHING)
    spoil(fake)
    problems = await World(fake, **({"app_permissions": True} | changes)).source.check()

    assert len(problems) == 1, problems
    assert_said(SAID[mistake], problems)
    assert "canary" not in problems[0]


def test_the_page_has_these_rows_and_no_others():
    assert set(SAID) == set(CASES)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"app_permissions": True},
        {"app_permissions": True, "education": True},
        {"groups": "none", "app_permissions": True},
        {"tenant": "organizations", "both": True},
    ],
    ids=str,
)
async def test_what_works_has_nothing_to_say(fake: FakeEntra, changes: dict[str, Any]):
    changes = dict(changes)
    fake.app.permissions = set(EVERYTHING)
    fake.app.group_claims = None if changes.get("groups") else fake.app.group_claims
    fake.tenant.add_class("ML")
    if changes.pop("both", False):
        changes["tenants"] = [fake.tenant.id, fake.other.id]

    assert await World(fake, **changes).source.check() == []


async def test_who_may_not_read_the_registration_is_not_blamed(fake: FakeEntra):
    fake.app.permissions = {"User.Read.All"}
    _no_groups_claim(fake)

    assert await World(fake, app_permissions=True).source.check() == []
