"""Fixtures of the contract suites.

campus_realm    (session) a realm of Keycloak with people of the campus, behind a relay
"""

from collections.abc import Iterator

import pytest

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
