"""Real directories for tests.

Fixtures:

    fjord           (session) the campus that all of them hold; its seed is printed, EDU_CAMPUS_SEED repeats it
    slapd           (session) OpenLDAP with groupOfNames, groupOfUniqueNames and posixGroup
    slapd_bis       (session) OpenLDAP with the schema rfc2307bis
    samba_ad        (session) Samba as an Active Directory

They are shared: a test that changes something puts it back.
"""

import os
import random
from collections.abc import Iterator
from typing import TypeVar

import pytest

from tests.directories.campus import Campus, make_campus
from tests.directories.samba import SambaAd, find_samba
from tests.directories.slapd import Slapd, find_slapd
from tests.needs import require

Server = TypeVar("Server", Slapd, SambaAd)
_SEED = int(os.environ.get("EDU_CAMPUS_SEED") or random.SystemRandom().randrange(10**6))


def pytest_report_header() -> str:
    return f"campus of the directories: EDU_CAMPUS_SEED={_SEED}"


@pytest.fixture(scope="session")
def fjord() -> Campus:
    return make_campus(_SEED)


@pytest.fixture(scope="session")
def slapd(fjord: Campus) -> Iterator[Slapd]:
    require(find_slapd(), "slapd", "apt install slapd")
    yield from _until_done(Slapd(fjord))


@pytest.fixture(scope="session")
def slapd_bis(fjord: Campus) -> Iterator[Slapd]:
    require(find_slapd(), "slapd", "apt install slapd")
    yield from _until_done(Slapd(fjord, "rfc2307bis"))


@pytest.fixture(scope="session")
def samba_ad(fjord: Campus) -> Iterator[SambaAd]:
    how = "apt install samba-ad-dc samba-ad-provision samba-dsdb-modules winbind, and be root"
    require(find_samba() if os.geteuid() == 0 else None, "Samba as a domain controller", how)
    yield from _until_done(SambaAd(fjord))


def _until_done(server: Server) -> Iterator[Server]:
    try:
        server.open()
        yield server
    finally:
        server.process.remove()
