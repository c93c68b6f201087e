"""Fixtures:

url    where a SQLite store may be, in a folder of the test's own
store  opened there
"""

import pytest

from jupyterhub_edu.store import open_store


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/edu.sqlite"


@pytest.fixture
async def store(url):
    made = open_store(url)
    await made.open()
    yield made
    await made.close()
