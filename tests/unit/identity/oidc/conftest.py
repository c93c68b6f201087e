"""A provider and a source: fixture ``world``."""

from datetime import UTC, datetime

import pytest

from tests.fakes.oidc import World

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    return World(NOW)
