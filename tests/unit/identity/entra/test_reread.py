"""Reading people again: who is gone, and what says nothing about anybody."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta

import pytest

from jupyterhub_edu.domain.people import Identity
from jupyterhub_edu.identity.entra.refusals import DEAD_TOKENS, FIXES, GONE
from jupyterhub_edu.ports import Answer, Gone, StoreError, Unavailable
from tests.fakes.entra import FakeEntra, Reply, User
from tests.fakes.people import as_person

from .conftest import World


async def test_a_reread_takes_one_call_and_hears_of_every_change(world: World, fake: FakeEntra):
    known = await world.login("ola")
    fake.person("ola").groups.clear()
    fake.person("ola").groups.add(fake.group_id("intro-staff"))
    fake.person("ola").roles[:] = ["Manager"]
    fake.requests.clear()

    answer = await world.reread(known)
    assert isinstance(answer, Identity)
    assert answer.groups == frozenset({fake.group_id("intro-staff"), "role/Manager"})
    assert fake.requests == [f"authority POST /{fake.tenant.id}/oauth2/v2.0/token"]


async def test_rereads_go_on_for_months(world: World, fake: FakeEntra):
    known = await world.login("ann")
    for _ in range(6):
        fake.clock.forward(days=60)
        fake.app.secrets = dict.fromkeys(fake.app.secrets, fake.clock() + timedelta(days=1))
        assert isinstance(await world.reread(known), Identity)


async def test_another_hub_process_goes_on_where_one_ended(world: World):
    known = await world.login("ann")

    assert isinstance(await world.reread(known, world.make()), Identity)


def _disabled(fake: FakeEntra, user: User) -> None:
    fake.disable(user)


def _deleted(fake: FakeEntra, user: User) -> None:
    fake.tenant.delete(user)


def _unassigned(fake: FakeEntra, user: User) -> None:
    fake.app.assignment_required = True
    user.assigned = False


def _revoked(fake: FakeEntra, user: User) -> None:
    fake.revoke(user)


def _away(fake: FakeEntra, user: User) -> None:
    fake.clock.forward(days=91)


def _revoked_and_disabled(fake: FakeEntra, user: User) -> None:
    fake.revoke(user)
    fake.disable(user)


def _revoked_and_deleted(fake: FakeEntra, user: User) -> None:
    fake.revoke(user)
    fake.tenant.delete(user)


def _consent_withdrawn(fake: FakeEntra, user: User) -> None:
    fake.app.delegated.clear()


def _secret_changed(fake: FakeEntra, user: User) -> None:
    fake.app.secrets.clear()


def _app_deleted(fake: FakeEntra, user: User) -> None:
    fake.app.id = "11111111-1111-1111-1111-111111111111"


def _nothing(fake: FakeEntra, user: User) -> None: ...


Event = Callable[[FakeEntra, User], None]
YES, NO, SOURCE, SESSION = "yes", "gone", "unknown: source", "unknown: session"
TRUTH: dict[str, tuple[Event, str, str]] = {
    # what happened: by the person's refresh token alone; with the app's own permissions
    "nothing": (_nothing, YES, YES),
    "the account was disabled": (_disabled, NO, NO),
    "the account was deleted": (_deleted, NO, NO),
    "the assignment to the app was taken away": (_unassigned, NO, NO),
    "all sessions were revoked": (_revoked, SESSION, SESSION),
    "revoked and disabled": (_revoked_and_disabled, NO, NO),
    "revoked and deleted": (_revoked_and_deleted, NO, NO),
    "ninety days went by": (_away, SESSION, SESSION),
    "consent was withdrawn": (_consent_withdrawn, SOURCE, SOURCE),
    "the client secret was changed": (_secret_changed, SOURCE, SOURCE),
    "the app was deleted": (_app_deleted, SOURCE, SOURCE),
}


def told(answer: Answer) -> str:
    if isinstance(answer, Unavailable):
        return f"unknown: {answer.about}"
    return "gone" if isinstance(answer, Gone) else "yes"


@pytest.mark.parametrize("app_permissions", [False, True], ids=["delegated", "app"])
@pytest.mark.parametrize("case", TRUTH)
async def test_what_a_reread_concludes(fake: FakeEntra, case: str, app_permissions: bool):
    fake.app.permissions = {"User.Read.All"}
    world = World(fake, app_permissions=app_permissions or None)
    known, others = await world.login("ann"), await world.login("ola")
    happens, alone, as_app = TRUTH[case]
    happens(fake, fake.person("ann"))

    answer = await world.reread(known)
    assert told(answer) == (as_app if app_permissions else alone), answer
    assert not isinstance(await world.reread(others), Gone)


@pytest.mark.parametrize("event", [_disabled, _deleted])
async def test_whose_refresh_token_is_lost_is_still_seen_to_be_gone_by_the_app(
    fake: FakeEntra, event: Event
):
    fake.app.permissions = {"User.Read.All"}
    world, alone = World(fake, app_permissions=True), World(fake)
    known = await world.login("ann")
    await world.safe.save(f"entra:{known.subject}", None)

    assert told(await world.reread(known)) == "unknown: person"
    event(fake, fake.person("ann"))
    assert told(await world.reread(known)) == "gone"
    assert told(await alone.reread(known)) == "unknown: person"


async def test_whose_session_was_revoked_is_seen_to_be_gone_later(fake: FakeEntra):
    fake.app.permissions = {"User.Read.All"}
    world = World(fake, app_permissions=True)
    known = await world.login("ann")
    fake.revoke(fake.person("ann"))
    assert told(await world.reread(known)) == SESSION
    fake.disable(fake.person("ann"))

    assert told(await world.reread(known)) == NO


async def test_without_the_permission_the_app_concludes_nothing(fake: FakeEntra):
    world = World(fake, app_permissions=True)
    known = await world.login("ann")
    fake.revoke(fake.person("ann"))
    fake.disable(fake.person("ann"))
    fake.meddle = lambda service, request: (
        Reply.of(400, {"error": "invalid_grant", "error_codes": [50173]})
        if request.form.get("grant_type") == "refresh_token"
        else None
    )

    assert told(await world.reread(known)) == SESSION


async def test_a_safe_that_does_not_answer_concludes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    known = await world.login("ann")

    async def broken(*_: object) -> None:
        raise StoreError("the store is away")

    monkeypatch.setattr(world.safe, "load", broken)
    assert told(await world.reread(known)) == SOURCE
    monkeypatch.setattr(world.safe, "save", broken)
    assert (await world.login("ann")).key == known.key


async def test_enabled_again_is_back_without_a_new_login(world: World, fake: FakeEntra):
    known = await world.login("ann")
    fake.disable(fake.person("ann"))
    assert isinstance(await world.reread(known), Gone)
    fake.person("ann").enabled = True

    assert isinstance(await world.reread(known), Identity)


async def test_a_refresh_token_that_is_dead_is_not_tried_again(world: World, fake: FakeEntra):
    known = await world.login("ann")
    fake.revoke(fake.person("ann"))
    await world.reread(known)
    fake.requests.clear()

    assert told(await world.reread(known, world.make())) == SESSION
    assert fake.requests == []
    await world.login("ann")
    assert isinstance(await world.reread(known), Identity)


@pytest.mark.parametrize("number", [0, 50053, 50055, 50076, 50079, 53003, 50196, 70000, 999999])
async def test_no_other_number_takes_anything_from_anybody(
    world: World, fake: FakeEntra, number: int
):
    known = await world.login("ann")
    content = {"error": "invalid_grant", "error_codes": [number]}
    fake.meddle = lambda service, request: Reply.of(400, content)

    assert isinstance(await world.reread(known), Unavailable)


@pytest.mark.parametrize("number", sorted(GONE))
async def test_each_number_of_the_table_is_gone(world: World, fake: FakeEntra, number: int):
    known = await world.login("ann")
    content = {"error": "invalid_grant", "error_codes": [number]}
    fake.meddle = lambda service, request: Reply.of(400, content)

    answer = await world.reread(known)
    assert isinstance(answer, Gone)
    assert answer.why == GONE[number]


def test_no_number_means_two_things():
    assert not set(GONE) & set(FIXES)
    assert not set(GONE) & DEAD_TOKENS


async def test_an_answer_about_somebody_else_is_none(world: World, fake: FakeEntra):
    known = await world.login("ann")
    fake.bend = lambda token: token | {"oid": fake.person("ola").id}

    assert isinstance(await world.reread(known), Unavailable)


@pytest.mark.parametrize("subject", ["", "ann", "../x/y", "no/guid", "a/b/c"])
async def test_a_subject_that_is_none_of_ours_is_asked_about_nobody(
    world: World, fake: FakeEntra, subject: str
):
    known = dataclasses.replace(await world.login("ann"), subject=subject)
    fake.requests.clear()

    assert isinstance(await world.reread(known), Unavailable)
    assert fake.requests == []


async def test_a_wrong_tenant_in_the_settings_makes_nobody_gone(fake: FakeEntra):
    """Entra says "does not exist in this directory" about everybody there; people are asked about at their own."""
    right = World(fake)
    known = await right.login("ann")
    wrong = right.make(tenant=fake.other.id)
    both = right.make(tenant="organizations", tenants=[fake.tenant.id, fake.other.id])

    assert isinstance(await wrong.reread(as_person(known)), Unavailable)
    assert isinstance(await both.reread(as_person(known)), Identity)
