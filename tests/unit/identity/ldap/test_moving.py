"""Every trait of LDAPAuthenticator works here or is refused with its successor."""

import enum
import ssl
from typing import Any

import pytest

from jupyterhub_edu.identity.ldap import TRAITS, LdapSettings, from_ldapauthenticator

DIRECT = {"server_address": "ldap.example", "bind_dn_template": "uid={username},ou=People,dc=x"}
LOOKUP = {
    "server_address": "ad.example",
    "lookup_dn": True,
    "user_search_base": "OU=People,DC=x",
    "user_attribute": "sAMAccountName",
    "lookup_dn_search_user": "CN=hub,DC=x",
    "lookup_dn_search_password": "sesame",
}


class Strategy(enum.Enum):
    before_bind = 1
    on_connect = 2
    insecure = 3


# Trait, what is set beside the base, and the key of ours with its value.
WORKS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("server_address", DIRECT, {}, {"servers": ["ldap://ldap.example:389"]}),
    ("server_address", DIRECT, {"server_address": "::1"}, {"servers": ["ldap://[::1]:389"]}),
    ("server_port", DIRECT, {"server_port": 1389}, {"servers": ["ldap://ldap.example:1389"]}),
    ("use_ssl", DIRECT, {"use_ssl": True}, {"servers": ["ldaps://ldap.example:636"]}),
    ("use_ssl", DIRECT, {"use_ssl": False}, {"servers": ["ldap://ldap.example:389"]}),
    (
        "tls_strategy",
        DIRECT,
        {"tls_strategy": "on_connect"},
        {"servers": ["ldaps://ldap.example:636"]},
    ),
    ("tls_strategy", DIRECT, {"tls_strategy": Strategy.before_bind}, {"tls": {"start": True}}),
    ("tls_strategy", DIRECT, {"tls_strategy": Strategy.insecure}, {"tls": {"start": False}}),
    (
        "tls_kwargs",
        DIRECT,
        {
            "tls_kwargs": {
                "ca_certs_file": "ca.pem",
                "validate": ssl.CERT_REQUIRED,
                "valid_names": ["n"],
            }
        },
        {"tls": {"ca": "ca.pem", "verify": True, "name": "n", "start": True}},
    ),
    (
        "tls_kwargs",
        DIRECT,
        {"tls_kwargs": {"local_certificate_file": "c", "local_private_key_file": "k", "sni": "n"}},
        {"tls": {"certificate": "c", "key": "k", "name": "n", "start": True}},
    ),
    (
        "tls_kwargs",
        DIRECT,
        {"tls_kwargs": {"validate": ssl.CERT_NONE}},
        {"tls": {"verify": False, "start": True}},
    ),
    (
        "bind_dn_template",
        DIRECT,
        {},
        {"people": "ou=People,dc=x", "user_attribute": "uid", "bind": "anonymous"},
    ),
    ("bind_dn_template", DIRECT, {"bind_dn_template": ["cn={username},dc=x"]}, {"people": "dc=x"}),
    (
        "allowed_groups",
        DIRECT,
        {"allowed_groups": ["cn=a,ou=G,dc=x", "cn=b,OU=g,dc=x"]},
        {"allowed_groups": ["cn=a,ou=G,dc=x", "cn=b,OU=g,dc=x"], "groups": "OU=G,DC=x"},
    ),
    ("allowed_groups", DIRECT, {"allowed_groups": None}, {}),
    ("allowed_groups", DIRECT, {"allowed_groups": []}, {}),
    (
        "group_search_filter",
        DIRECT,
        {"group_search_filter": "(|(member={userdn})(memberUid={uid}))"},
        {"group_attributes": ["member", "memberUid"]},
    ),
    (
        "group_search_filter",
        DIRECT,
        {"group_search_filter": "(member={userdn})"},
        {"group_attributes": ["member"]},
    ),
    (
        "group_attributes",
        DIRECT,
        {"group_attributes": ["uniqueMember"]},
        {"group_attributes": ["uniqueMember"]},
    ),
    ("valid_username_regex", DIRECT, {"valid_username_regex": r"^[a-z][.a-z0-9_-]*$"}, {}),
    ("lookup_dn", LOOKUP, {}, {"schema": "active-directory", "nested": False}),
    ("user_search_base", LOOKUP, {}, {"people": "OU=People,DC=x"}),
    (
        "user_attribute",
        LOOKUP,
        {"user_attribute": "uid"},
        {"user_attribute": "uid", "schema": "openldap"},
    ),
    ("lookup_dn_search_filter", LOOKUP, {"lookup_dn_search_filter": "({login_attr}={login})"}, {}),
    (
        "lookup_dn_search_filter",
        LOOKUP,
        {"lookup_dn_search_filter": "(&({login_attr}={login})(objectClass=user))"},
        {"person_filter": "(&(objectClass=*)(objectClass=user))"},
    ),
    ("lookup_dn_search_user", LOOKUP, {}, {"bind": {"dn": "CN=hub,DC=x", "password": "sesame"}}),
    (
        "lookup_dn_search_password",
        LOOKUP,
        {},
        {"bind": {"dn": "CN=hub,DC=x", "password": "sesame"}},
    ),
    ("lookup_dn_user_dn_attribute", LOOKUP, {"lookup_dn_user_dn_attribute": "cn"}, {}),
    (
        "use_lookup_dn_username",
        LOOKUP,
        {"lookup_dn_user_dn_attribute": "cn", "use_lookup_dn_username": True},
        {"username_attribute": "cn"},
    ),
    ("escape_userdn", LOOKUP, {"escape_userdn": True}, {}),
    (
        "search_filter",
        LOOKUP,
        {"search_filter": "(&(objectClass=user)({userattr}={username}))"},
        {"person_filter": "(&(objectClass=user)(objectClass=*))"},
    ),
    ("attributes", LOOKUP, {"attributes": ["cn"]}, {}),
    ("auth_state_attributes", LOOKUP, {"auth_state_attributes": []}, {}),
]


@pytest.mark.parametrize(("trait", "base", "changes", "expected"), WORKS)
def test_it_works_as_before(trait, base, changes, expected):
    config = base | changes
    found = from_ldapauthenticator(config)

    assert isinstance(found, dict), found
    assert expected.items() <= found.items()
    assert trait in TRAITS


REFUSED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("server_address", DIRECT, {"server_address": ""}),
    ("tls_strategy", DIRECT, {"tls_strategy": "maybe"}),
    ("tls_kwargs", DIRECT, {"tls_kwargs": {"ciphers": "ALL"}}),
    ("tls_kwargs", DIRECT, {"tls_kwargs": {"version": 3}}),
    ("tls_kwargs", DIRECT, {"tls_kwargs": {"valid_names": ["a", "b"]}}),
    ("bind_dn_template", DIRECT, {"bind_dn_template": "{username}@ad.example"}),
    ("bind_dn_template", DIRECT, {"bind_dn_template": "EXAD\\{username}"}),
    (
        "bind_dn_template",
        DIRECT,
        {"bind_dn_template": ["uid={username},ou=a", "uid={username},ou=b"]},
    ),
    ("bind_dn_template", DIRECT, {"bind_dn_template": []}),
    ("user_search_base", LOOKUP, {"user_search_base": None}),
    ("user_attribute", LOOKUP, {"user_attribute": None}),
    ("lookup_dn_search_user", LOOKUP, {"lookup_dn_search_user": "hub@ad.example"}),
    ("lookup_dn_search_user", LOOKUP, {"lookup_dn_search_password": None}),
    (
        "lookup_dn_search_filter",
        LOOKUP,
        {"lookup_dn_search_filter": "(|({login_attr}={login})(mail={login}))"},
    ),
    (
        "lookup_dn_search_filter",
        LOOKUP,
        {"lookup_dn_search_filter": "(|({login_attr}={login})(cn=x))"},
    ),
    ("search_filter", LOOKUP, {"search_filter": "(memberOf=cn={username})"}),
    ("lookup_dn_user_dn_attribute", LOOKUP, {"use_lookup_dn_username": True}),
    (
        "group_search_filter",
        DIRECT,
        {"group_search_filter": "(&(objectClass=group)(member={userdn}))"},
    ),
    ("group_search_filter", DIRECT, {"group_search_filter": "(memberUid={userdn})"}),
    ("allowed_groups", DIRECT, {"allowed_groups": ["staff"]}),
    ("allowed_groups", DIRECT, {"allowed_groups": ["cn=a,dc=x", "cn=b,dc=y"]}),
    ("valid_username_regex", DIRECT, {"valid_username_regex": "^s[0-9]+$"}),
    ("auth_state_attributes", DIRECT, {"auth_state_attributes": ["mail"]}),
    ("lookup_dn_serach_user", DIRECT, {"lookup_dn_serach_user": "a misspelt option"}),
]


@pytest.mark.parametrize(("trait", "base", "changes"), REFUSED)
def test_it_is_refused_by_name(trait, base, changes):
    found = from_ldapauthenticator(base | changes)

    assert isinstance(found, list)
    assert [sentence.partition(":")[0] for sentence in found] == [trait]


def test_every_refusal_is_told_at_once():
    found = from_ldapauthenticator({"valid_username_regex": "x", "tls_kwargs": {"ciphers": "x"}})

    assert {sentence.partition(":")[0] for sentence in found} == {
        "server_address",
        "bind_dn_template",
        "valid_username_regex",
    }


def test_the_table_is_the_traits_of_the_release_that_is_installed():
    from jupyterhub.auth import Authenticator
    from ldapauthenticator import LDAPAuthenticator

    own = set(LDAPAuthenticator.class_traits(config=True)) - set(
        Authenticator.class_traits(config=True)
    )

    assert own == set(TRAITS)
    assert {trait for trait, *_ in WORKS} == own, "a row for each"


@pytest.mark.parametrize("config", [DIRECT, LOOKUP])
def test_the_result_is_a_source(config):
    found = from_ldapauthenticator(config)

    assert LdapSettings.model_validate(found).servers
