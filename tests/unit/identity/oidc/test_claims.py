"""Dotted keys, and what is made of them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from jupyterhub_edu.identity.oidc import OidcSettings
from jupyterhub_edu.identity.oidc.claims import MISSING, find, read_identity

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CLAIMS: dict[str, Any] = {
    "sub": "s",
    "preferred_username": "ola",
    "plain": 1,
    "a": {"b": {"c": 2}, "b.c": 3, "x": None},
    "https://campus.example/groups": ["g"],
    "resource_access": {"hub.test": {"roles": ["r"]}, "account": {"roles": ["view"]}},
}
FOUND = {
    "plain": 1,
    "a.b.c": 3,
    "a.b": {"c": 2},
    "a.x": None,
    "https://campus.example/groups": ["g"],
    "resource_access.hub.test.roles": ["r"],
    "nothing": MISSING,
    "plain.deeper": MISSING,
    "a.b.d": MISSING,
}


@pytest.mark.parametrize(("key", "value"), FOUND.items(), ids=FOUND)
def test_find(key, value):
    assert find(CLAIMS, key) == value


def read(*documents: dict[str, Any], **settings: Any):
    made = OidcSettings.model_validate(
        {"issuer": "https://x.example", "client_id": "hub"} | settings
    )
    return read_identity("src", made, documents, NOW)


def test_no_role_in_a_client_is_an_answer_where_other_clients_are_told():
    reading = read(CLAIMS, groups_claims=[], roles_claims=["resource_access.hub.roles"])

    assert reading.identity(complete=True).groups == frozenset()
    assert (reading.seen, reading.missing) == ((), ())


def test_no_word_about_clients_at_all_is_none():
    reading = read(
        {"sub": "s", "preferred_username": "ola"},
        groups_claims=[],
        roles_claims=["resource_access.hub.roles"],
    )

    assert [missing.is_absent for missing in reading.missing] == [True]
    assert reading.identity(complete=False).groups is None


def test_equal_roles_of_two_clients_are_two():
    claims = CLAIMS | {
        "resource_access": {"a": {"roles": ["teacher"]}, "b": {"roles": ["teacher"]}},
        "groups": ["teacher"],
    }
    keys = ["resource_access.a.roles", "resource_access.b.roles"]
    groups = read(claims, roles_claims=keys).known.groups

    assert groups == frozenset({"teacher", *(f"{key}:teacher" for key in keys)})


def test_the_first_document_counts_where_both_say():
    known = read(
        CLAIMS | {"groups": ["from the token"]}, {"sub": "s", "groups": ["from userinfo"]}
    ).known

    assert known.groups == frozenset({"from the token"})


def test_attributes_are_texts_and_numbers_that_are_there():
    wanted = {"employee": "employeeNumber", "card": "card", "flag": "flag", "none": "nothing"}
    claims = CLAIMS | {"employeeNumber": 4711, "card": " C-1 ", "flag": True}

    assert read(claims, attributes=wanted).known.attributes == {"employee": "4711", "card": "C-1"}


def test_without_a_name_the_login_is_shown():
    assert read(CLAIMS).known.name == "ola"
