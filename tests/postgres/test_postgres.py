import os
import pwd

import pytest
import sqlalchemy

pytestmark = pytest.mark.real


def _scalar(url: str, statement: str) -> object:
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            return connection.execute(sqlalchemy.text(statement)).scalar()
    finally:
        engine.dispose()


def test_the_database_answers_in_unicode(postgres_url):
    assert _scalar(postgres_url, "SELECT lower('KÜNSTLICHE')") == "künstliche"


def test_every_test_gets_an_empty_database_of_its_own(postgres_url):
    count = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"

    assert _scalar(postgres_url, count) == 0


def test_it_listens_on_no_network(postgres_url):
    assert _scalar(postgres_url, "SHOW listen_addresses") == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_starts_it_as_somebody_else(postgres_server):
    owner = pwd.getpwuid(os.stat(postgres_server).st_uid).pw_name

    assert owner in {"postgres", "nobody"}
