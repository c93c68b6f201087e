"""Platforms as they stand in the campus file: what is known of a kind, and what is refused with its fix."""

from typing import Any

import pytest
from pydantic import ValidationError

from jupyterhub_edu.identity import SOURCE_TYPES
from jupyterhub_edu.identity.lti import LtiSettings

MOODLE = {
    "kind": "moodle",
    "url": "https://moodle.example.edu/",
    "client_id": "abc",
    "deployments": ["1"],
}
CANVAS = {
    "kind": "canvas",
    "url": "https://uni.instructure.com",
    "client_id": "10000000000001",
    "deployments": ["1:abc"],
}
OTHER = {
    "kind": "other",
    "issuer": "https://lms.example.edu",
    "client_id": "abc",
    "deployments": "any",
    "authorize": "https://lms.example.edu/auth",
    "keys": "https://lms.example.edu/keys",
    "login": "custom.username",
}


def settings(**platforms: dict[str, Any]) -> LtiSettings:
    return LtiSettings.model_validate({"platforms": platforms})


def test_moodles_addresses_follow_from_its_own() -> None:
    moodle = settings(lms=MOODLE).platforms["lms"]

    assert moodle.issuer == "https://moodle.example.edu"
    assert moodle.authorize == "https://moodle.example.edu/mod/lti/auth.php"
    assert moodle.keys == "https://moodle.example.edu/mod/lti/certs.php"
    assert moodle.token == "https://moodle.example.edu/mod/lti/token.php"
    assert (moodle.login, moodle.instructor) == ("ext.user_username", "assistant")
    assert moodle.framing == ("https://moodle.example.edu",)


def test_canvas_is_called_alike_everywhere_and_its_pages_are_the_schools() -> None:
    canvas = settings(lms=CANVAS).platforms["lms"]

    assert canvas.issuer == "https://canvas.instructure.com"
    assert canvas.instructor == "teacher"
    assert canvas.token == "https://uni.instructure.com/login/oauth2/token", "the school's own"
    assert "https://uni.instructure.com" in canvas.framing
    assert "https://uni.instructure.com" in canvas.origins


def test_what_is_known_of_a_kind_may_be_overridden() -> None:
    moodle = settings(
        lms={**MOODLE, "issuer": "https://old.example.edu", "instructor": "roster"}
    ).platforms["lms"]

    assert moodle.issuer == "https://old.example.edu"
    assert moodle.instructor == "roster"
    assert "https://old.example.edu" not in moodle.framing


def test_further_origins_may_frame() -> None:
    moodle = settings(lms={**MOODLE, "frames": ["https://portal.example.edu/"]}).platforms["lms"]

    assert moodle.framing == ("https://moodle.example.edu", "https://portal.example.edu")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no platform": ({"platforms": {}}, "at least 1"),
    "a name with a slash": ({"platforms": {"a/b": MOODLE}}, "pattern"),
    "moodle without its address": (
        {"platforms": {"lms": {**MOODLE, "url": None}}},
        "url is needed for moodle",
    ),
    "another kind without keys": (
        {"platforms": {"lms": {**OTHER, "keys": ""}}},
        "keys is needed",
    ),
    "another kind without a login": (
        {"platforms": {"lms": {**OTHER, "login": None}}},
        "login is needed",
    ),
    "an e-mail address as login": (
        {"platforms": {"lms": {**OTHER, "login": "email"}}},
        "changes hands",
    ),
    "an e-mail address under another name": (
        {"platforms": {"lms": {**OTHER, "login": "custom.user_email"}}},
        "changes hands",
    ),
    "a display name as login": ({"platforms": {"lms": {**OTHER, "login": "name"}}}, "pattern"),
    "a login that people may change": (
        {"platforms": {"lms": {**MOODLE, "login": "lis.person_sourcedid"}}},
        "lock it at the platform",
    ),
    "no deployments": ({"platforms": {"lms": {**MOODLE, "deployments": []}}}, "at least 1"),
    "deployments left out": (
        {"platforms": {"lms": {k: v for k, v in MOODLE.items() if k != "deployments"}}},
        "deployments",
    ),
    "every school of one Canvas": (
        {"platforms": {"lms": {**CANVAS, "deployments": "any"}}},
        "every school",
    ),
    "plain http": (
        {"platforms": {"lms": {**MOODLE, "url": "http://moodle.example.edu"}}},
        "without TLS",
    ),
    "plain http for the keys alone": (
        {"platforms": {"lms": {**MOODLE, "keys": "http://moodle.example.edu/keys"}}},
        "without TLS",
    ),
    "a frame that is a page": (
        {"platforms": {"lms": {**MOODLE, "frames": ["https://x.example/page"]}}},
        "no origin",
    ),
    "any page may frame": ({"platforms": {"lms": {**MOODLE, "frames": ["*"]}}}, "no origin"),
    "the same registration twice": (
        {"platforms": {"a": MOODLE, "b": MOODLE}},
        "the same issuer and client id",
    ),
    "a key that is none": ({"platforms": {"lms": {**MOODLE, "secret": "x"}}}, "secret"),
}


@pytest.mark.parametrize(("keys", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        LtiSettings.model_validate(keys)


def test_plain_http_is_for_whoever_knows_and_for_this_very_machine() -> None:
    plain = {**MOODLE, "url": "http://moodle.example.edu"}
    LtiSettings.model_validate({"platforms": {"lms": plain}, "insecure": "i-know"})
    settings(lms={**MOODLE, "url": "http://127.0.0.1:8070"})


@pytest.mark.parametrize(("locked", "given"), [(True, ["person_sourcedid"]), (False, [])])
def test_links_get_the_number_that_nobody_can_change(locked, given):
    made = settings(moodle=MOODLE, other=OTHER | {"sourcedid_is_locked": locked})
    assert list(SOURCE_TYPES["lti"].link_attributes(made)) == given
