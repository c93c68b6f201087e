"""Real OpenID providers for tests.

Fixtures:

    keycloak        (session) a Keycloak; each module makes a realm of its own in it
    new_provider    a function that starts an ``oidc-provider`` with the given peculiarities; stopped with the test
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.needs import require
from tests.providers.keycloak import Keycloak
from tests.providers.oidc_provider import OidcProvider
from tests.providers.programs import (
    ProviderUnavailable,
    keycloak_folder,
    node,
    oidc_provider_folder,
)


@pytest.fixture(scope="session")
def keycloak() -> Iterator[Keycloak]:
    server = Keycloak(_had(keycloak_folder, "Keycloak"))
    try:
        server.start()
        yield server
    finally:
        server.process.remove()


@pytest.fixture
def new_provider() -> Iterator[Callable[..., OidcProvider]]:
    folder = _had(oidc_provider_folder, "oidc-provider")
    started: list[OidcProvider] = []

    def start(**peculiar: Any) -> OidcProvider:
        server = OidcProvider(folder, node(), **peculiar)
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.process.remove()


def _had(get: Callable[[], Any], what: str) -> Any:
    try:
        return get()
    except ProviderUnavailable as why:
        return require(None, what, str(why))
