"""Fixtures of the contract suites.

campus_realm    (session) a realm of Keycloak with people of the campus, behind a relay
store           each Store in turn, new and open
"""

from collections.abc import Iterator

import pytest

from jupyterhub_edu.ports import Store
from jupyterhub_edu.store import MemoryStore, open_store
from tests.contract.sources.oidc import CampusRealm
from tests.directories.campus import Campus
from tests.providers.keycloak import Keycloak


@pytest.fixture(scope="session")
def campus_realm(
    keycloak: Keycloak, fjord: Campus, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CampusRealm]:
    realm = CampusRealm(keycloak, fjord, tmp_path_factory.mktemp("realm"))
    yield realm
    realm.close()


def _make(kind, request, tmp_path) -> Store:
    if kind == "memory":
        return MemoryStore()
    if kind == "sqlite":
        return open_store(f"sqlite:///{tmp_path}/edu.sqlite")
    return open_store(request.getfixturevalue("postgres_url"))


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.real)])
async def store(request, tmp_path):
    made = _make(request.param, request, tmp_path)
    await made.open()
    yield made
    await made.close()
