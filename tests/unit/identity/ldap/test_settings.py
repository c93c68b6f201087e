import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from jupyterhub_edu.identity import SOURCE_TYPES
from jupyterhub_edu.identity.ldap import LdapSettings
from jupyterhub_edu.identity.ldap.settings import parse_address

SAFE = {
    "servers": ["ldaps://ad1.fjord.example", "ldap://ad2.fjord.example:3389"],
    "schema": "active-directory",
    "people": "OU=People,DC=fjord,DC=example",
    "groups": "OU=Courses,DC=fjord,DC=example",
    "bind": {"dn": "CN=hub,DC=fjord,DC=example", "password": "sesame-open"},
}


def settings(**changes: Any) -> LdapSettings:
    return LdapSettings.model_validate(
        {k: v for k, v in (SAFE | changes).items() if v is not None}
    )


def test_safe_settings_are_accepted():
    accepted = settings()

    assert [str(address) for address in accepted.addresses] == [
        "ldaps://ad1.fjord.example:636",
        "ldap://ad2.fjord.example:3389",
    ]
    assert accepted.user_attribute == "sAMAccountName"
    assert accepted.nested is True


@pytest.mark.parametrize(
    ("schema", "names"),
    [
        ("openldap", ("uid", "uid", "entryUUID", "cn", False)),
        (
            "active-directory",
            ("sAMAccountName", "sAMAccountName", "objectGUID", "displayName", True),
        ),
    ],
)
def test_the_schema_sets_the_names(schema, names):
    found = settings(schema=schema)

    assert names == (
        found.user_attribute,
        found.username_attribute,
        found.id_attribute,
        found.name_attribute,
        found.nested,
    )


def test_each_name_may_be_overridden():
    found = settings(
        schema="openldap",
        user_attribute="mail",
        username_attribute="uid",
        id_attribute="nsUniqueId",
        nested=True,
    )

    assert (found.user_attribute, found.username_attribute) == ("mail", "uid")
    assert (found.id_attribute, found.nested) == ("nsUniqueId", True)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no TLS": (
        {"servers": ["ldap://x.example"], "tls": {"start": False}},
        "write ldaps:// or leave tls.start on",
    ),
    "one of two without TLS": (
        {"tls": {"start": False}},
        "ldap://ad2.fjord.example:3389 without TLS",
    ),
    "any certificate": ({"tls": {"verify": False}}, "tls.ca"),
    "no server": ({"servers": []}, "at least 1 item"),
    "no address": ({"servers": ["ad1.fjord.example"]}, "write ldaps://host"),
    "http": ({"servers": ["https://x"]}, "write ldaps://host"),
    "an address with a search": ({"servers": ["ldaps://x/dc=y"]}, "people and groups"),
    "a password in the address": ({"servers": ["ldaps://me:pw@x"]}, "write ldaps://host"),
    "the whole directory": ({"people": " "}, "whole directory"),
    "people not by name": ({"people": "People"}, "not a distinguished name"),
    "an empty service password": ({"bind": {"dn": "cn=x", "password": ""}}, "anonymous bind"),
    "a blank service password": ({"bind": {"dn": "cn=x", "password": " \x00"}}, "anonymous bind"),
    "no service account": ({"bind": None}, "bind"),
    "an empty allow-list": ({"allowed_groups": []}, "reads like everyone"),
    "an allow-list elsewhere": (
        {"allowed_groups": ["cn=a,dc=other"]},
        "set groups to an entry above",
    ),
    "an allow-list without groups": ({"groups": None, "allowed_groups": ["cn=a"]}, "set groups"),
    "a broken filter": ({"person_filter": "(uid=a"}, "not a search filter"),
    "a filter without parentheses": ({"person_filter": "uid=a"}, "(objectClass=person)"),
    "a hostile attribute": ({"user_attribute": "uid=*)(x"}, "pattern"),
    "no group attribute": ({"group_attributes": []}, "at least 1 item"),
    "an unknown schema": ({"schema": "ad"}, "active-directory"),
    "an unknown key": ({"server": "x"}, "Extra inputs"),
    "an unknown key of tls": ({"tls": {"validate": False}}, "Extra inputs"),
    "insecure by another word": ({"insecure": "yes"}, "i-know"),
    "a time without unit": ({"timeout": 3}, "say the unit: 3s"),
    "a time too long": ({"timeout": "90s"}, "less than or equal to 30"),
    "no time": ({"timeout": "0s"}, "greater than or equal"),
    "a key without certificate": ({"tls": {"key": "x.pem"}}, "key without certificate"),
    "an authority that is not there": (
        {"tls": {"ca": "nowhere.pem"}},
        "there is no file nowhere.pem",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_unsafe_or_senseless_is_refused_with_the_fix(case):
    changes, message = REFUSED[case]
    with pytest.raises(ValidationError, match=re.escape(message)) as refused:
        settings(**changes)

    assert "sesame-open" not in str(refused.value)


ALLOWED: dict[str, dict[str, Any]] = {
    "plain on loopback": {
        "servers": ["ldap://127.0.0.1:3389", "ldap://[::1]", "ldap://localhost"]
    },
    "plain, knowingly": {"tls": {"start": False}, "insecure": "i-know"},
    "unverified, knowingly": {"tls": {"verify": False}, "insecure": "i-know"},
    "anonymous": {"bind": "anonymous"},
    "milliseconds": {"timeout": "800ms"},
}


@pytest.mark.parametrize("case", ALLOWED)
def test_what_is_meant_is_allowed(case):
    assert settings(**ALLOWED[case]).servers


def test_starttls_is_the_rule_and_loopback_the_exception():
    rule, forced = settings(), settings(tls={"start": True})

    assert rule.is_encrypted(parse_address("ldap://x.example"))
    assert not rule.is_encrypted(parse_address("ldap://127.0.0.1"))
    assert forced.is_encrypted(parse_address("ldap://127.0.0.1"))


def test_a_password_is_not_shown():
    assert "sesame-open" not in repr(settings()) + str(settings().model_dump())


def test_files_are_looked_for_beside_the_campus_file(tmp_path: Path):
    (tmp_path / "ca.pem").touch()
    keys = SAFE | {"tls": {"ca": "ca.pem"}}
    found = LdapSettings.model_validate(keys, context={"folder": tmp_path})

    assert found.tls.ca == tmp_path / "ca.pem"


@pytest.mark.parametrize("kind", SOURCE_TYPES)
def test_every_key_of_every_source_is_described(kind):
    def described(schema: dict[str, Any]) -> bool:
        fields = schema.get("properties", {})
        return all(field.get("description") for field in fields.values())

    schema = SOURCE_TYPES[kind].settings.model_json_schema()

    assert described(schema)
    assert all(described(inner) for inner in schema.get("$defs", {}).values())
