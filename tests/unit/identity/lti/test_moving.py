"""Every trait of LTI13Authenticator works here or is refused with its successor."""

from typing import Any

import pytest
from ltiauthenticator.lti13.auth import LTI13Authenticator

from jupyterhub_edu.identity.lti import LtiSettings
from jupyterhub_edu.identity.lti.moving import TRAITS, from_ltiauthenticator

BASE = {
    "authorize_url": "https://lms.example.edu/auth",
    "client_id": "abc",
    "issuer": "https://lms.example.edu",
    "jwks_endpoint": "https://lms.example.edu/keys",
    "username_key": "custom_uname",
}

WORKS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("authorize_url", {}, {"authorize": "https://lms.example.edu/auth"}),
    ("issuer", {}, {"issuer": "https://lms.example.edu"}),
    ("jwks_endpoint", {}, {"keys": "https://lms.example.edu/keys"}),
    ("client_id", {}, {"client_id": "abc"}),
    ("client_id", {"client_id": {"abc"}}, {"client_id": "abc"}),
    ("client_id", {"client_id": ["abc"]}, {"client_id": "abc"}),
    ("username_key", {}, {"login": "custom.uname"}),
    ("username_key", {"username_key": "sub"}, {"login": "sub"}),
    ("username_key", {"username_key": ""}, {"login": "sub"}),
    ("jwks_algorithms", {"jwks_algorithms": ["RS256"]}, {}),
    ("uri_scheme", {"uri_scheme": "auto"}, {}),
]
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("authorize_url", {"authorize_url": ""}, "platforms.lms.authorize"),
    ("issuer", {"issuer": ""}, "platforms.lms.issuer"),
    ("jwks_endpoint", {"jwks_endpoint": ""}, "platforms.lms.keys"),
    ("client_id", {"client_id": {"a", "b"}}, "a platform of its own"),
    ("client_id", {"client_id": set()}, "exactly one"),
    ("username_key", {"username_key": "email"}, "platforms.lms.login"),
    ("username_key", {"username_key": "given_name"}, "platforms.lms.login"),
    ("jwks_algorithms", {"jwks_algorithms": ["HS256"]}, "HS256"),
    ("uri_scheme", {"uri_scheme": "https"}, "public_url"),
    ("no_such", {"no_such": 1}, "no such option"),
]


@pytest.mark.parametrize(("trait", "changed", "keys"), WORKS)
def test_works(trait: str, changed: dict[str, Any], keys: dict[str, Any]) -> None:
    found = from_ltiauthenticator(BASE | changed)

    assert isinstance(found, dict)
    assert found["platforms"]["lms"].items() >= keys.items()
    LtiSettings.model_validate(found)


@pytest.mark.parametrize(("trait", "changed", "words"), REFUSED)
def test_refused(trait: str, changed: dict[str, Any], words: str) -> None:
    found = from_ltiauthenticator(BASE | changed)

    assert isinstance(found, list)
    assert [one for one in found if one.startswith(f"{trait}: ") and words in one]


def test_the_default_name_is_an_e_mail_address_and_cannot_stay() -> None:
    found = from_ltiauthenticator({k: v for k, v in BASE.items() if k != "username_key"})

    assert isinstance(found, list)
    assert "changes hands" in found[0]


def test_what_the_tool_is_called_stays() -> None:
    found = from_ltiauthenticator(BASE | {"tool_name": "Lab", "tool_description": "Ours"})

    assert isinstance(found, dict)
    assert (found["tool_name"], found["tool_description"]) == ("Lab", "Ours")


def test_no_trait_is_forgotten() -> None:
    own = LTI13Authenticator.class_own_traits(config=True)
    assert set(TRAITS) == set(own)
    assert {row[0] for row in WORKS} | {row[0] for row in REFUSED if row[0] in own} | {
        "tool_name",
        "tool_description",
    } == set(own)
