"""Typical mistakes about a directory, made with real ones: ``check --connect`` says each in words that name the fix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.directories.directory import Directory
from tests.directories.samba import SambaAd
from tests.directories.slapd import BLIND_DN, SUFFIX, Slapd
from tests.said import assert_said, said

from .test_directories import make_source

_SHOW_REFERRALS = ("2.16.840.1.113730.3.4.2", True, None)  # ManageDsaIT, RFC 3296

Changes = dict[str, Any]


def bind(directory: Directory, **changes: str) -> Changes:
    return {"bind": {"dn": directory.bind_dn, "password": directory.bind_password, **changes}}


def server(scheme: str, url: str) -> Changes:
    """The port of an address, spoken to in another way."""
    return {"servers": [f"{scheme}://127.0.0.1:{urlsplit(url).port}"]}


LDAP: dict[str, Callable[[Slapd], Changes]] = {
    "the service account's password is wrong": lambda s: bind(s, password="wrong"),
    "the service account has another name": lambda s: bind(s, dn=f"cn=hubb,{SUFFIX}"),
    "the directory tells strangers nothing": lambda s: {"bind": "anonymous"},
    "the service account may read nothing": lambda s: bind(s, dn=BLIND_DN),
    "the server's authority is not trusted": lambda s: {"tls": None},
    "the certificate has another name": lambda s: {"tls": {"ca": s.ca, "name": "ldap.example.org"}},
    "nothing listens on the port": lambda s: {"servers": ["ldaps://127.0.0.1:1"]},
    "the server's name is misspelt": lambda s: {"servers": ["ldaps://directory.invalid"]},
    "`ldaps://` on the port of `ldap://`": lambda s: server("ldaps", s.plain_url),
    "`ldap://` on the port of `ldaps://`": lambda s: server("ldap", s.url),
    "people stand below another entry": lambda s: {"people": f"ou=Staff,{SUFFIX}"},
    "groups stand below another entry": lambda s: {"groups": f"ou=Courses,{SUFFIX}"},
    "`schema` is another directory's": lambda s: {"schema": "active-directory"},
    "nobody fits the filter": lambda s: {"person_filter": "(employeeType=student)"},
    "nobody has the id attribute": lambda s: {"id_attribute": "ipaUniqueID"},
    "nobody has what people type": lambda s: {"user_attribute": "mail"},
    "nobody has what links compare": lambda s: {"attributes": ["employeeNumber"]},
    "groups list their members otherwise": lambda s: {"group_attributes": ["memberURL"]},
    "the group that may log in is misspelt": lambda s: {"allowed_groups": [f"cn=jupyter,{s.groups}"]},
}  # fmt: skip
SAID = said("LDAP")


@pytest.mark.parametrize("mistake", LDAP)
async def test_a_mistake_about_openldap(slapd: Slapd, mistake: str):
    source = make_source(slapd, **LDAP[mistake](slapd))
    problems = await source.check()
    await source.close()

    assert_said(SAID[mistake], problems)
    assert slapd.bind_password not in str(problems)


@pytest.fixture
def referral(slapd: Slapd) -> Iterator[None]:
    """A part of the people is another server's."""
    dn = f"ou=Elsewhere,{slapd.people}"
    with slapd.administrator() as administrator:
        to = {"ref": "ldap://other.example/ou=People,dc=other"}
        administrator.add(dn, ["referral", "extensibleObject"], {"ou": "Elsewhere", **to})
        yield
        administrator.delete(dn, controls=[_SHOW_REFERRALS])


ELSEWHERE = "another server has a part of the people"


@pytest.mark.usefixtures("referral")
async def test_a_part_that_another_server_has(slapd: Slapd):
    source = make_source(slapd, person_filter="(uid=nobody)")
    problems = await source.check()
    await source.close()

    assert_said(SAID[ELSEWHERE], problems)


AD: dict[str, Callable[[SambaAd], Changes]] = {
    "the service account's password is wrong": lambda s: bind(s, password="wrong"),
    "no TLS, where the domain demands it": lambda s: {"servers": [f"ldap://{s.host}"], "tls": None},
    "no service account": lambda s: {"bind": "anonymous"},
    "people stand below another entry": lambda s: {"people": f"OU=Persons,{s.people}"},
    "groups stand elsewhere": lambda s: {"groups": s.people},
    "`schema` is another directory's": lambda s: {"schema": "openldap"},
}  # fmt: skip
SAID_AD = said("Active Directory")
UNIT = ("tokenGroups may not be read", "userAccountControl may not be read")
"""Tried without a server: Samba shows them to everybody."""


@pytest.mark.parametrize("mistake", AD)
async def test_a_mistake_about_active_directory(samba_ad: SambaAd, mistake: str):
    source = make_source(samba_ad, **AD[mistake](samba_ad))
    problems = await source.check()
    await source.close()

    assert_said(SAID_AD[mistake], problems)
    assert samba_ad.bind_password not in str(problems)


def test_the_page_has_these_rows_and_no_others():
    assert set(SAID) == {*LDAP, ELSEWHERE}
    assert set(SAID_AD) == {*AD, *UNIT}
