"""What ``check --connect`` says of a directory; the typical mistakes are made with real ones in ``tests/real``."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import Any

import pytest

from jupyterhub_edu.identity.ldap import LdapSettings
from jupyterhub_edu.identity.ldap.active_directory import ActiveDirectory
from jupyterhub_edu.identity.ldap.checking import check_directory
from jupyterhub_edu.identity.ldap.troubles import say_bind, say_connection, say_search
from tests.said import assert_said, said

from .fakes import SETTINGS, FakeDirectory, entry

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SAID = said("Active Directory")
GUID = bytes(range(16))
HIDDEN: dict[str, dict[str, Any]] = {
    "tokenGroups may not be read": {"userAccountControl": "512"},
    "userAccountControl may not be read": {},
}


@pytest.mark.parametrize("mistake", HIDDEN)
async def test_what_the_account_may_not_read_in_active_directory(mistake: str):
    settings = LdapSettings.model_validate(SETTINGS | {"schema": "active-directory"})
    known: dict[str, Any] = {
        "objectClass": "user",
        "sAMAccountName": "ann",
        "displayName": "Ann",
        "objectGUID": GUID,
    }
    ann = entry("CN=ann,ou=People,dc=x", **known, **HIDDEN[mistake])
    group = entry("CN=ml,ou=Groups,dc=x", objectClass="group")
    ask = FakeDirectory([ann, group]).ask
    problems = await check_directory(settings, ActiveDirectory(settings), ask, NOW)

    assert len(problems) == 1
    assert_said(SAID[mistake], problems)


CONNECTIONS = {
    "an expired certificate": (
        ssl.SSLError("certificate verify failed: certificate has expired (_ssl.c:1006)"),
        "renew it at the server",
    ),
    "a certificate of tomorrow": (
        ssl.SSLError("certificate verify failed: certificate is not yet valid (_ssl.c:1006)"),
        "is this machine's clock behind?",
    ),
    "an address that the certificate does not have": (
        ssl.SSLError("IP address mismatch, certificate is not valid for '10.0.0.1'. (_ssl.c:1006)"),
        "its certificate is not for 10.0.0.1; write the name",
    ),
    "no StartTLS": (OSError("startTLS failed - protocolError"), "write ldaps://"),
    "something else": (OSError("a\nb"), "a b"),
    "something without words": (OSError(), "OSError"),
}  # fmt: skip


@pytest.mark.parametrize(("error", "words"), CONNECTIONS.values(), ids=CONNECTIONS)
def test_a_connection_that_fails(error: Exception, words: str):
    assert words in say_connection(error)


def test_a_result_that_means_nothing_in_particular_is_told_by_its_number():
    assert say_bind("", 80) == "the directory refuses an anonymous bind (result 80)"
    assert say_search(80, "other", "out of \n luck", "dc=x") == "other below dc=x: out of luck"


def test_a_referral_names_the_fix():
    assert "name the server in servers" in say_search(10, "referral", "", "dc=x")
