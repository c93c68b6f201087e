"""The sealed safe: what lies in the store is sealed, opens under its own name, and is missing when it cannot be opened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from jupyterhub_edu.core import SealedSafe
from jupyterhub_edu.ports import StoreError
from jupyterhub_edu.store.memory import MemoryStore

SECRET = {"refresh_token": "r-1234"}


class AnyKey:
    """Seals by turning the text round; with another key it opens nothing."""

    def __init__(self, key: str = "k") -> None:
        self.key = key

    async def seal(self, secret: Mapping[str, object]) -> bytes:
        if not self.key:
            raise StoreError("no key")
        return f"{self.key}{json.dumps(dict(secret))[::-1]}".encode()

    async def open(self, sealed: bytes) -> Mapping[str, Any] | None:
        text = sealed.decode()
        opened: dict[str, Any] = json.loads(text[1:][::-1])
        return opened if text[0] == self.key else None


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


async def test_what_was_kept_comes_back_and_lies_sealed(store: MemoryStore) -> None:
    safe = SealedSafe(store, AnyKey())
    await safe.save("kc:ada", SECRET)
    assert await safe.load("kc:ada") == SECRET
    sealed = await store.load_secret("kc:ada")
    assert sealed is not None
    assert b"r-1234" not in sealed


async def test_nothing_was_kept(store: MemoryStore) -> None:
    assert await SealedSafe(store, AnyKey()).load("kc:ada") is None


async def test_none_forgets(store: MemoryStore) -> None:
    safe = SealedSafe(store, AnyKey())
    await safe.save("kc:ada", SECRET)
    await safe.save("kc:ada", None)
    assert await store.load_secret("kc:ada") is None


async def test_another_key_opens_nothing(store: MemoryStore) -> None:
    await SealedSafe(store, AnyKey("k")).save("kc:ada", SECRET)
    assert await SealedSafe(store, AnyKey("x")).load("kc:ada") is None


async def test_a_row_that_changed_places_opens_nothing(store: MemoryStore) -> None:
    safe = SealedSafe(store, AnyKey())
    await safe.save("kc:ada", SECRET)
    await store.save_secret("kc:bob", await store.load_secret("kc:ada"))
    assert await safe.load("kc:bob") is None


async def test_without_a_key_nothing_is_kept(store: MemoryStore) -> None:
    with pytest.raises(StoreError):
        await SealedSafe(store, AnyKey("")).save("kc:ada", SECRET)
    assert await store.load_secret("kc:ada") is None
