"""What an honest token proves, and how few questions an issuer is asked for its keys."""

import asyncio
from datetime import UTC, datetime

import pytest

from jupyterhub_edu.identity.tokens import ALGORITHMS, BadToken, KeySet, TokenChecker
from jupyterhub_edu.identity.web import NoAnswer
from tests.fakes.tokens import AnIssuer, FakeWeb, forge, private_key, public_jwk
from tests.fakes.world import AClock

URL = "https://login.campus.example/keys"


@pytest.fixture
def clock():
    return AClock(datetime(2026, 11, 21, 12, tzinfo=UTC))


@pytest.fixture
def issuer(clock):
    return AnIssuer(clock)


@pytest.fixture
def web(issuer):
    return FakeWeb({URL: lambda _: issuer.jwks()})


@pytest.fixture
def keys(web, clock):
    return KeySet(web, URL, clock)


@pytest.fixture
def checker(keys, issuer, clock):
    return TokenChecker(keys, issuer=issuer.issuer, audience="hub", clock=clock)


@pytest.mark.parametrize("kind", ["RSA", "P-256", "P-384", "P-521", "Ed25519"])
async def test_a_key_of_each_kind_signs(kind, clock):
    issuer = AnIssuer(clock, kind=kind)
    keys = KeySet(FakeWeb({URL: issuer.jwks()}), URL, clock)
    checker = TokenChecker(keys, issuer=issuer.issuer, audience="hub", clock=clock)

    assert (await checker.check(issuer.token(name="Zoë")))["name"] == "Zoë"


@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if name[1] == "S"][:6])
async def test_a_key_that_states_no_algorithm_may_make_any_of_its_kind(algorithm, issuer, clock):
    web = FakeWeb({URL: {"keys": [public_jwk(issuer.key, "key-0")]}})
    checker = TokenChecker(
        KeySet(web, URL, clock), issuer=issuer.issuer, audience="hub", clock=clock
    )
    token = forge(issuer.header(alg=algorithm), issuer.claims(), issuer.key, algorithm)

    assert (await checker.check(token))["sub"] == "f3a1"


HONEST = {
    "nothing special": {},
    "one audience in a list": {"aud": ["hub"]},
    "several audiences, made for us": {"aud": ["account", "hub"], "azp": "hub"},
    "a clock that is a minute behind ours": {"exp": -59},
    "a clock that is a minute ahead of ours": {"iat": 59, "nbf": 59},
    "times with fractions": {"exp": 300.5},
}


@pytest.mark.parametrize("claims", HONEST.values(), ids=HONEST)
async def test_honest_tokens_pass(claims, issuer, checker, clock):
    now = int(clock().timestamp())
    moved = {
        name: now + value if isinstance(value, int | float) else value
        for name, value in claims.items()
    }

    assert (await checker.check(issuer.token(**moved)))["sub"] == "f3a1"


async def test_the_issuer_may_be_told_from_the_claims(issuer, keys, clock):
    checker = TokenChecker(
        keys, issuer=lambda claims: claims["tid"] == "t1", audience="hub", clock=clock
    )

    assert await checker.check(issuer.token(tid="t1"))
    with pytest.raises(BadToken, match="another issuer"):
        await checker.check(issuer.token(tid="t2"))


async def test_a_token_without_a_key_id_is_the_only_keys(issuer, checker, web):
    token = forge(issuer.header(kid=None), issuer.claims(), issuer.key)
    assert await checker.check(token)

    other = public_jwk(private_key("RSA", 7), "seven", alg="RS256")
    web.answers[URL] = {"keys": [*issuer.jwks()["keys"], other]}
    fresh = KeySet(web, URL, issuer.clock)
    with pytest.raises(BadToken):
        await fresh.find(None, "RS256")


# -- keys --------------------------------------------------------------------------------------------------------------


async def test_a_thousand_logins_ask_once_for_the_keys_and_once_for_each_rotation(
    issuer, checker, web, clock
):
    async def slowly(_):
        await asyncio.sleep(0)
        return issuer.jwks()

    web.answers[URL] = slowly
    for rotation in range(3):
        tokens = [issuer.token(sub=f"p{number}") for number in range(1000)]
        found = await asyncio.gather(*map(checker.check, tokens))
        assert len({claims["sub"] for claims in found}) == 1000
        assert web.count(URL) == rotation + 1
        issuer.rotate()
        clock.pass_(minutes=2)


async def test_unknown_keys_ask_at_most_once_a_minute(issuer, checker, web, clock):
    await checker.check(issuer.token())
    for second in range(120):
        clock.pass_(seconds=1)
        stranger = forge(issuer.header(kid=f"x{second}"), issuer.claims(), private_key("RSA", 7))
        with pytest.raises(BadToken):
            await checker.check(stranger)

    assert web.count(URL) <= 1 + 2


async def test_keys_stay_in_use_while_the_issuer_is_silent(issuer, checker, web, clock):
    await checker.check(issuer.token())
    web.answers[URL] = NoAnswer("it is down")
    clock.pass_(hours=5)

    assert await checker.check(issuer.token())
    with pytest.raises(NoAnswer, match="it is down"):
        await checker.check(forge(issuer.header(kid="new"), issuer.claims(), issuer.key))
    assert await checker.check(issuer.token())


async def test_a_key_that_the_issuer_withdrew_is_forgotten_within_the_hour(
    issuer, checker, web, clock, keys
):
    old = issuer.token(exp=int(clock().timestamp()) + 9000)
    await checker.check(old)
    issuer.rotate()
    clock.pass_(hours=1)
    await checker.check(old)  # asks aside, and does not wait
    await keys.fetch()

    with pytest.raises(BadToken):
        await checker.check(old)


@pytest.mark.parametrize(
    "sent",
    [b"<html>", [], {"keys": []}, {"keys": {"a": 1}}, {}, NoAnswer("down")],
    ids=["a page", "a list", "no key", "not a list", "no keys member", "silence"],
)
async def test_without_keys_there_is_no_answer(sent, issuer, checker, web):
    web.answers[URL] = sent

    with pytest.raises(NoAnswer):
        await checker.check(issuer.token())


async def test_a_cancelled_login_does_not_take_the_keys_from_the_others(issuer, checker, web):
    go = asyncio.Event()

    async def when_told(_):
        await go.wait()
        return issuer.jwks()

    web.answers[URL] = when_told
    first, second = (asyncio.create_task(checker.check(issuer.token())) for _ in range(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    go.set()

    assert (await second)["sub"] == "f3a1"
    assert web.count(URL) == 1
