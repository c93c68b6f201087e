"""Sealing with the hub's key: what another key sealed is missing, an old key still opens, no key is an error."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from jupyterhub.crypto import CryptKeeper

from jupyterhub_edu.hub import HubSealer
from jupyterhub_edu.ports import StoreError

ONE, TWO = b"1" * 32, b"2" * 32
SECRET = {"name": "kc:ada", "secret": {"refresh_token": "zoë"}}


@pytest.fixture(autouse=True)
def keeper() -> Iterator[CryptKeeper]:
    CryptKeeper.clear_instance()
    yield CryptKeeper.instance(keys=[ONE])
    CryptKeeper.clear_instance()


async def test_what_was_sealed_opens() -> None:
    sealed = await HubSealer().seal(SECRET)
    assert b"kc:ada" not in sealed
    assert await HubSealer().open(sealed) == SECRET


async def test_an_old_key_behind_the_new_one_still_opens(keeper: CryptKeeper) -> None:
    sealed = await HubSealer().seal(SECRET)
    keeper.keys = [TWO, ONE]
    assert await HubSealer().open(sealed) == SECRET


@pytest.mark.parametrize("keys", [[TWO], []], ids=["another key", "no key"])
async def test_without_the_key_nothing_opens(keeper: CryptKeeper, keys: list[bytes]) -> None:
    sealed = await HubSealer().seal(SECRET)
    keeper.keys = keys
    assert await HubSealer().open(sealed) is None


@pytest.mark.parametrize("damaged", [b"", b"x", b"\xff" * 100])
async def test_what_is_damaged_does_not_open(damaged: bytes) -> None:
    assert await HubSealer().open(damaged) is None


async def test_without_a_key_nothing_is_sealed(keeper: CryptKeeper) -> None:
    assert HubSealer().has_key
    keeper.keys = []
    assert not HubSealer().has_key
    with pytest.raises(StoreError, match="JUPYTERHUB_CRYPT_KEY"):
        await HubSealer().seal(SECRET)
