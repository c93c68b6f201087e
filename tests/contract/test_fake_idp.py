"""The fake provider that logs people in on a real hub: what it holds a hub to."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from jupyterhub_edu.core import ForgetfulSafe
from jupyterhub_edu.identity import Surroundings
from jupyterhub_edu.ports import CodeGrant, Denied, Gone, Login, Unavailable
from tests.fakes.campus import NOW, a_person
from tests.fakes.idp import FakeIdp, FakeIdpSettings, FakeIdpSource

BACK = "http://hub.example/hub/edu/login/kc/callback"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(b"verifier").digest()).decode().rstrip("=")
ASKED = {
    "redirect_uri": BACK,
    "state": "a+b",
    "nonce": "n",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture
def idp() -> Iterator[FakeIdp]:
    idp = FakeIdp()
    yield idp
    idp.close()


@pytest.fixture
def source(idp: FakeIdp) -> FakeIdpSource:
    world = Surroundings(lambda: NOW, ForgetfulSafe())
    return FakeIdpSource("kc", FakeIdpSettings(url=idp.url), world)


def authorize(idp: FakeIdp) -> httpx.URL:
    return httpx.URL(httpx.get(f"{idp.url}/authorize", params=ASKED).headers["Location"])


def a_grant(idp: FakeIdp, **other: Any) -> CodeGrant:
    code = authorize(idp).params["code"]
    return replace(CodeGrant(code, BACK, verifier="verifier", nonce="n"), **other)


async def test_the_browser_comes_back_with_its_state_and_a_code(idp: FakeIdp) -> None:
    back = authorize(idp)
    assert str(back).startswith(BACK)
    assert back.params["state"] == "a+b"


async def test_a_code_is_good_once(idp: FakeIdp, source: FakeIdpSource) -> None:
    grant = a_grant(idp)
    login = await source.redeem(grant)
    assert isinstance(login, Login)
    assert login.identity.key == "kc:id-ada"
    assert isinstance(await source.redeem(grant), Denied)


WRONG = {
    "another verifier": {"verifier": "x"},
    "no verifier": {"verifier": ""},
    "another nonce": {"nonce": "x"},
    "no nonce": {"nonce": ""},
    "another callback": {"redirect_uri": BACK + "/"},
    "another code": {"code": "x"},
}


@pytest.mark.parametrize("other", WRONG.values(), ids=WRONG)
async def test_a_code_is_good_only_with_what_belongs_to_it(
    idp: FakeIdp, source: FakeIdpSource, other: dict[str, str]
) -> None:
    assert isinstance(await source.redeem(a_grant(idp, **other)), Denied)


async def test_a_disabled_account_is_gone_at_the_login_and_after(
    idp: FakeIdp, source: FakeIdpSource
) -> None:
    idp.disabled.add("ada")
    gone = await source.redeem(a_grant(idp))
    assert isinstance(gone, Gone)
    assert gone.subject == "id-ada"
    assert isinstance(await source.reread(a_person("ada", source="kc")), Gone)


def test_an_error_may_be_escaped_as_moodle_does(idp: FakeIdp) -> None:
    idp.error, idp.html = "access_denied", True
    back = authorize(idp)
    assert back.params["error"] == "access_denied"
    assert back.params["amp;state"] == "a+b"


async def test_silence_is_no_answer(idp: FakeIdp, source: FakeIdpSource) -> None:
    grant = a_grant(idp)
    idp.silent = True
    assert isinstance(await source.redeem(grant), Unavailable)


async def test_a_log_out_token_is_good_once(source: FakeIdpSource) -> None:
    assert await source.logged_out("bye:id-ada:1") == "kc:id-ada"
    assert await source.logged_out("bye:id-ada:1") is None
    assert await source.logged_out("something") is None


def test_it_runs_alone() -> None:
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "tests.fakes.idp"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx.get(f"{url}/authorize", params=ASKED).status_code == 302
        process.terminate()
