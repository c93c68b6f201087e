"""The fake platform keeps to what platforms keep to: ltiauthenticator's own checks pass, and bad questions are refused."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from ltiauthenticator.lti13.validator import LTI13LaunchValidator

from jupyterhub_edu.ports import utc_now
from tests.fakes.lti import CANVAS, MOODLE, Dialect, FakePlatform
from tests.fakes.lti.platform import CLAIM, NRPS_SCOPE

V2 = "http://purl.imsglobal.org/vocab/lis/v2/"


def asked(platform: FakePlatform, user: str = "stu", **changed: str) -> dict[str, str]:
    sent = platform.initiation(user)
    honest = {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": platform.tool.client_id,
        "redirect_uri": platform.tool.redirect_uris[0],
        "login_hint": sent["login_hint"],
        "lti_message_hint": sent["lti_message_hint"],
        "state": "s",
        "nonce": "n",
    }
    return honest | changed


def decoded(platform: FakePlatform, token: str) -> dict[str, Any]:
    key = jwt.PyJWKSet.from_dict(platform.issuer.jwks())[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(
        token, key.key, algorithms=["RS256"], audience=platform.tool.client_id
    )
    return claims


@pytest.mark.parametrize("dialect", [MOODLE, CANVAS], ids=["moodle", "canvas"])
def test_a_launch_is_what_ltiauthenticator_accepts(dialect: Dialect) -> None:
    platform = FakePlatform(dialect, clock=utc_now)
    form = platform.respond(asked(platform))
    claims = decoded(platform, form["id_token"])

    assert form["state"] == "s"
    assert claims["nonce"] == "n"
    LTI13LaunchValidator().validate_id_token(claims)
    assert claims["exp"] - claims["iat"] == dialect.lives


def test_keys_turn() -> None:
    platform = FakePlatform(clock=utc_now)
    before = platform.issuer.jwks()
    platform.issuer.rotate()
    assert platform.issuer.jwks() != before
    decoded(platform, platform.respond(asked(platform))["id_token"])


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "another flow": ({"response_type": "code"}, "invalid_request"),
    "an answer in the address": ({"response_mode": "query"}, "invalid_request"),
    "more than openid": ({"scope": "openid email"}, "invalid_request"),
    "no nonce": ({"nonce": ""}, "invalid_request"),
    "another client": ({"client_id": "x"}, "unauthorized_client"),
    "somebody else's hint": ({"login_hint": "38"}, "login_required"),
    "a hint of no launch": ({"lti_message_hint": "x"}, "login_required"),
}


@pytest.mark.parametrize(("changed", "error"), WRONG.values(), ids=WRONG)
def test_a_bad_question_is_refused(changed: dict[str, str], error: str) -> None:
    platform = FakePlatform()
    form = platform.respond(asked(platform, **changed))
    assert (form["error"], form["state"]) == (error, "s")
    assert "id_token" not in form


def test_who_is_not_logged_in_there_is_not_launched() -> None:
    platform = FakePlatform()
    assert platform.respond(asked(platform), "")["error"] == "login_required"
    assert platform.respond(asked(platform), "tea")["error"] == "login_required"


def test_moodle_says_what_was_recorded() -> None:
    moodle = FakePlatform(MOODLE)
    moodle.tool.custom.update(username="$User.username", unknown="$Nope.nothing")
    said = {user: moodle.claims(user)[f"{CLAIM}roles"] for user in ("stu", "ann", "tea", "root")}

    assert said["stu"] == [f"{V2}membership#Learner"]
    assert said["ann"] == said["tea"] == [f"{V2}membership#Instructor"]
    assert f"{V2}system/person#Administrator" in said["root"]
    claims = moodle.claims("stu")
    assert claims[f"{CLAIM}ext"]["user_username"] == "stu"
    assert claims[f"{CLAIM}context"]["type"] == ["CourseSection"]
    assert claims[f"{CLAIM}custom"] == {"username": "stu", "unknown": "$Nope.nothing"}


async def test_an_access_token_needs_the_tools_signature() -> None:
    moodle = FakePlatform(MOODLE)
    form = {"grant_type": "client_credentials", "scope": NRPS_SCOPE, "client_assertion": "a.b.c"}
    for changed, error in (
        ({}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ):
        reply = await moodle.answer("POST", MOODLE.token, {}, {}, {**form, **changed})
        assert (reply.status, json.loads(reply.body)["error"]) == (400, error)
        assert reply.headers["Content-Type"].startswith("text/html"), "Moodle calls it so"


async def test_a_roster_needs_an_access_token() -> None:
    moodle = FakePlatform(MOODLE)
    for headers in ({}, {"authorization": "Bearer x"}):
        reply = await moodle.answer("GET", MOODLE.roster.format("2"), {}, headers, {})
        assert reply.status == 401


def test_a_suspended_enrolment_is_absent_in_moodle_and_inactive_in_canvas() -> None:
    shown: dict[str, list[str]] = {}
    for dialect in (MOODLE, CANVAS):
        platform = FakePlatform(dialect)
        platform.courses["2"].suspended.add("sue")
        rows = platform._members(platform.courses["2"])
        shown[dialect.kind] = [row["status"] for row in rows if row["user_id"] == "4"]
    assert shown == {"moodle": [], "canvas": ["Inactive"]}
