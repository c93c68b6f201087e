"""A real PostgreSQL for tests.

Fixtures:

    postgres_server  (session) the host of a private server, started at first use
    own_postgres     a server for one test alone, to stop and start
    postgres_url     a new, empty database on it, for SQLAlchemy and for JupyterHub's db_url
"""

import itertools
from collections.abc import Iterator

import pytest

from tests.needs import require
from tests.postgres.server import Postgres, database_url, find_binaries, running_postgres

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    binaries = require(find_binaries(), "PostgreSQL", "apt install postgresql")
    with running_postgres(binaries) as server:
        yield server.host


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    binaries = require(find_binaries(), "PostgreSQL", "apt install postgresql")
    with running_postgres(binaries) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    import psycopg

    name = f"test_{next(_numbers)}"
    with psycopg.connect(
        host=postgres_server, user="edu", dbname="postgres", autocommit=True
    ) as maintenance:
        maintenance.execute(f"CREATE DATABASE {name}")
        yield database_url(postgres_server, name)
        maintenance.execute(f"DROP DATABASE {name} WITH (FORCE)")
