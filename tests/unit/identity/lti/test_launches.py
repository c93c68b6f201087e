"""What a launch proves, what it says, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from jupyterhub_edu.domain.people import CourseClaim, CourseRef, CourseRole
from jupyterhub_edu.ports import Denied, Launch, LaunchRequest, Redirect, Unavailable
from tests.fakes.lti.platform import CLAIM, NRPS
from tests.fakes.people import as_person
from tests.fakes.tokens import forge, private_key, reply

from .conftest import NOW, a_request, launch, launched

TEACHER, ASSISTANT, STUDENT = CourseRole.TEACHER, CourseRole.ASSISTANT, CourseRole.STUDENT
V2 = "http://purl.imsglobal.org/vocab/lis/v2/"
ML = CourseRef(
    "moodle/2",
    (
        ("label", "ml"),
        ("title", "Machine Learning"),
        ("sourcedid", "2026-ML-01"),
        ("platform", "moodle"),
    ),
)


def roles(identity: Any) -> set[CourseRole]:
    return {claim.role for claim in identity.claims}


# -- beginning -----------------------------------------------------------------------------------------------------


def test_a_browser_is_sent_back_with_what_the_platform_wants_to_see_again(make, moodle) -> None:
    request = a_request(moodle)
    redirect = make().begin(request)

    assert isinstance(redirect, Redirect)
    assert redirect.authorize_url == "https://moodle.school.example/mod/lti/auth.php"
    assert redirect.client_id == "hub-at-school"
    assert redirect.scope == ("openid",)
    assert redirect.nonce
    assert not redirect.pkce
    assert redirect.extra == {
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "login_hint": "3",
        "lti_message_hint": request.message_hint,
    }


@pytest.mark.parametrize(
    ("issuer", "client_id"),
    [
        ("https://evil.example", "hub-at-school"),
        ("https://moodle.school.example/", "hub-at-school"),
        ("https://moodle.school.example", "another"),
        ("", ""),
    ],
    ids=["another issuer", "a slash more", "another client id", "nothing"],
)
def test_a_platform_that_is_not_known_is_sent_nowhere(make, issuer: str, client_id: str) -> None:
    found = make().begin(LaunchRequest(issuer, "3", "https://hub.example/", client_id))
    assert isinstance(found, Denied)


def test_a_client_id_left_out_is_no_riddle_with_one_registration(make, moodle) -> None:
    redirect = make().begin(LaunchRequest(moodle.url, "3", "https://hub.example/"))
    assert isinstance(redirect, Redirect)


def test_with_two_registrations_at_one_platform_it_is(make, moodle, web, clock) -> None:
    source = make(
        {"platforms": {"a": moodle.settings(client_id="a"), "b": moodle.settings(client_id="b")}}
    )
    request = LaunchRequest(moodle.url, "3", "https://hub.example/")
    assert isinstance(source.begin(request), Denied)


# -- what a launch says --------------------------------------------------------------------------------------------


async def test_moodle_says_who_and_where(make, moodle) -> None:
    answer = await launch(make(), moodle)

    assert isinstance(answer, Launch)
    identity = answer.login.identity
    assert identity.key == "lms:moodle/3"
    assert (identity.login, identity.name, identity.at) == ("stu", "Stu Student", NOW)
    assert identity.claims == {CourseClaim(ML, STUDENT)}
    assert identity.covers == frozenset({ML})
    assert identity.groups == frozenset()
    assert identity.attributes == {}
    assert answer.course == ML
    assert answer.target == moodle.tool.target
    assert answer.login.auth_state["sub"] == "3"


async def test_link_rules_get_a_number_that_nobody_can_change(make, moodle) -> None:
    source = make(moodle={"sourcedid_is_locked": True})
    assert (await launched(source, moodle)).attributes == {"person_sourcedid": "SIS-1001"}


async def test_the_same_number_on_two_platforms_is_two_people(make, moodle, canvas) -> None:
    source = make()
    one, other = await launched(source, moodle), await launched(source, canvas)

    assert one.key != other.key
    assert {claim.course.id for claim in (*one.claims, *other.claims)} == {"moodle/2", "canvas/2"}


ROLES: dict[str, tuple[str, str, set[CourseRole]]] = {
    "a student of Moodle": ("moodle", "stu", {STUDENT}),
    "a teacher of Moodle is an assistant, for an assistant is called so too": (
        "moodle",
        "tea",
        {ASSISTANT},
    ),
    "an assistant of Moodle": ("moodle", "ann", {ASSISTANT}),
    "Moodle's administrator": ("moodle", "root", {ASSISTANT}),
    "a student of Canvas": ("canvas", "stu", {STUDENT}),
    "a teacher of Canvas": ("canvas", "tea", {TEACHER}),
    "an assistant of Canvas": ("canvas", "ann", {ASSISTANT}),
    "somebody of Canvas who is in other courses only": ("canvas", "root", set()),
}


@pytest.mark.parametrize(("platform", "user", "given"), ROLES.values(), ids=ROLES)
async def test_role(
    request: pytest.FixtureRequest, make, platform: str, user: str, given: set[CourseRole]
) -> None:
    identity = await launched(make(), request.getfixturevalue(platform), user)
    assert roles(identity) == given
    assert identity.covers, "a launch that gives nothing says so"


@pytest.mark.parametrize("setting", ["teacher", "assistant", "roster"])
async def test_an_instructor_is_what_the_setting_says(make, moodle, setting: str) -> None:
    source = make(moodle={"instructor": setting})
    found = {user: roles(await launched(source, moodle, user)) for user in ("tea", "ann", "stu")}

    assert (
        found
        == {
            "teacher": {"tea": {TEACHER}, "ann": {TEACHER}, "stu": {STUDENT}},
            "assistant": {"tea": {ASSISTANT}, "ann": {ASSISTANT}, "stu": {STUDENT}},
            "roster": {"tea": {TEACHER}, "ann": {ASSISTANT}, "stu": {STUDENT}},
        }[setting]
    )


async def test_while_the_roster_is_silent_an_instructor_is_given_less_and_loses_nothing(
    make, moodle
) -> None:
    source = make(moodle={"instructor": "roster"})
    assert roles(await launched(source, moodle, "tea")) == {TEACHER}
    moodle.clock.pass_(minutes=5)
    moodle.fault[moodle.dialect.roster.format("2")] = lambda: reply({}, 404)

    identity = await launched(source, moodle, "tea")
    assert roles(identity) == {ASSISTANT}
    assert identity.covers == frozenset(), "what was known of the course stays"


async def test_institution_roles_are_external_groups_and_give_no_course(make, canvas) -> None:
    identity = await launched(make(), canvas, "tea")
    assert identity.groups == frozenset({"institution/Instructor", "system/User"})


async def test_a_launch_from_outside_any_course_says_nothing_of_courses(make, moodle) -> None:
    answer = await launch(
        make(), moodle, "stu", None, **{f"{CLAIM}roles": [f"{V2}membership#Instructor"]}
    )

    assert isinstance(answer, Launch)
    assert answer.course is None
    assert answer.login.identity.claims == frozenset()
    assert answer.login.identity.covers == frozenset()


async def test_nobody_is_known_by_an_e_mail_address(make, moodle) -> None:
    source = make()
    one = await launched(source, moodle, "stu", email="tea@school.example")
    other = await launched(source, moodle, "tea", email="tea@school.example")
    assert one.key != other.key
    assert "@" not in one.login + other.login


@pytest.mark.parametrize(
    ("login", "claims", "name"),
    [
        ("sub", {}, "3"),
        ("lis.person_sourcedid", {}, "SIS-1001"),
        ("custom.who", {f"{CLAIM}custom": {"who": " stu1 "}}, "stu1"),
    ],
)
async def test_the_login_comes_from_the_claim_that_is_named(
    make, moodle, login: str, claims: dict[str, Any], name: str
) -> None:
    source = make(moodle={"login": login, "sourcedid_is_locked": True})
    identity = await launched(source, moodle, **claims)
    assert identity.login == name
    assert identity.subject == "moodle/3"


@pytest.mark.parametrize(
    "custom",
    [{}, {"who": "$User.username"}, {"who": ""}, {"who": None}, {"who": ["stu"]}, {"who": "a\nb"}],
    ids=["absent", "not filled in", "empty", "null", "a list", "two lines"],
)
async def test_a_login_that_is_absent_is_refused_and_nothing_stands_in_for_it(
    make, moodle, custom: dict[str, Any]
) -> None:
    claims: dict[str, Any] = {f"{CLAIM}custom": custom}
    answer = await launch(make(moodle={"login": "custom.who"}), moodle, **claims)
    assert isinstance(answer, Denied)
    assert "custom.who" in answer.why


# -- what is refused -----------------------------------------------------------------------------------------------

BAD: dict[str, dict[str, Any]] = {
    "another nonce": {"nonce": "m"},
    "no nonce": {"nonce": None},
    "another audience": {"aud": "other"},
    "us among others, made for another": {"aud": ["hub-at-school", "other"], "azp": "other"},
    "us among others, nobody named": {"aud": ["hub-at-school", "other"]},
    "another issuer": {"iss": "https://evil.example"},
    "another platform of ours": {"iss": "https://school.instructure.example"},
    "expired": {"exp": int(NOW.timestamp()) - 61},
    "made in the future": {"iat": int(NOW.timestamp()) + 61},
    "nobody": {"sub": None},
    "an empty subject": {"sub": ""},
    "a subject that is a number": {"sub": 3},
    "a subject without end": {"sub": "3" * 256},
    "LTI 1.1": {f"{CLAIM}version": "LTI-1p0"},
    "no version": {f"{CLAIM}version": None},
    "a deep link": {f"{CLAIM}message_type": "LtiDeepLinkingRequest"},
    "no message": {f"{CLAIM}message_type": None},
    "another deployment": {f"{CLAIM}deployment_id": "2"},
    "no deployment": {f"{CLAIM}deployment_id": None},
    "a deployment that is a list": {f"{CLAIM}deployment_id": ["1"]},
    "no target": {f"{CLAIM}target_link_uri": None},
    "a target without end": {f"{CLAIM}target_link_uri": "https://hub.example/" + "x" * 4096},
    "no roles": {f"{CLAIM}roles": None},
    "roles that are text": {f"{CLAIM}roles": f"{V2}membership#Instructor"},
    "roles that are an object": {f"{CLAIM}roles": {"Instructor": True}},
    "no link": {f"{CLAIM}resource_link": None},
    "a link that is text": {f"{CLAIM}resource_link": "1"},
    "a course that is text": {f"{CLAIM}context": "2"},
    "a course without id": {f"{CLAIM}context": {"label": "ml"}},
    "a course whose id is a number": {f"{CLAIM}context": {"id": 2}},
    "a course whose id has no end": {f"{CLAIM}context": {"id": "2" * 256}},
    "a course whose id has a line break": {f"{CLAIM}context": {"id": "2\n"}},
    "custom parameters that are a list": {f"{CLAIM}custom": ["login=root"]},
    "names of the school that are text": {f"{CLAIM}lis": "SIS-1"},
    "the maker's own part as a list": {f"{CLAIM}ext": []},
}


@pytest.mark.parametrize("claims", BAD.values(), ids=BAD)
async def test_a_bad_launch_is_denied(make, moodle, claims: dict[str, Any]) -> None:
    source = make()
    assert isinstance(await launch(source, moodle, "tea", **claims), Denied)
    assert await source.courses() == [], "nothing of it is remembered"


async def test_a_launch_of_another_deployment_than_was_begun_is_denied(make, moodle) -> None:
    source = make(moodle={"deployments": ["1", "2"]})
    answer = await launch(source, moodle, **{f"{CLAIM}deployment_id": "2"})
    assert isinstance(answer, Denied)


async def test_any_deployment_is_any(make, moodle) -> None:
    moodle.tool.deployments = ("77",)
    assert (await launched(make(moodle={"deployments": "any"}), moodle)).login == "stu"


async def test_a_token_of_one_platform_answers_no_question_to_another(
    make, moodle, canvas
) -> None:
    token = canvas.issuer.token(**canvas.claims("tea", "2", nonce="n"))
    assert isinstance(await make().launched(a_request(moodle), token, "n"), Denied)


async def test_the_platforms_key_may_turn_and_a_strangers_is_none(make, moodle, clock) -> None:
    source = make()
    await launched(source, moodle)
    moodle.issuer.rotate()
    clock.pass_(minutes=2)
    await launched(source, moodle)

    stranger = forge(
        moodle.issuer.header(),
        moodle.issuer.claims(**moodle.claims("tea", nonce="n")),
        private_key("RSA", 99),
    )
    assert isinstance(await source.launched(a_request(moodle), stranger, "n"), Denied)


async def test_while_the_keys_cannot_be_had_nothing_is_concluded(make, moodle, web) -> None:
    source = make()
    web.down = True
    assert isinstance(await launch(source, moodle), Unavailable)
    web.down = False


async def test_a_platform_taken_out_meanwhile_is_denied(make, moodle, canvas) -> None:
    source = make({"platforms": {"canvas": canvas.settings()}})
    assert isinstance(await launch(source, moodle), Denied)


async def test_hostile_names_stay_text(make, moodle) -> None:
    evil = "<img src=x onerror=alert(1)>{{ 7*7 }} \"'"
    context = {"id": evil, "label": evil, "title": evil}
    identity = await launched(make(), moodle, name=evil, **{f"{CLAIM}context": context})
    assert identity.name == evil
    (claim,) = identity.claims
    assert claim.course.id == f"moodle/{evil}"


async def test_a_rosters_address_elsewhere_is_never_called(make, moodle, web) -> None:
    source = make()
    away = {"context_memberships_url": "https://evil.example/members"}
    identity = await launched(source, moodle, **{NRPS: away})
    answer = await source.reread(as_person(identity))
    assert isinstance(answer, Unavailable)
    assert "not the platform's" in answer.why
