"""Tokens that somebody hostile might make; none is accepted, neither by the checker nor as a login.

Each row makes a token of an issuer whose keys the attacker has seen (they are public) but does not hold; where a row
signs with the issuer's own key, it is a true token for another purpose, time or audience.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jupyterhub_edu.identity.tokens import BadToken, KeySet, TokenChecker
from jupyterhub_edu.ports import Denied, Login, Unavailable
from tests.fakes.oidc import ISSUER, AProvider, World
from tests.fakes.tokens import AnIssuer, FakeWeb, forge, part, private_key, public_jwk

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
NONCE = "n-1"
CERTS = AProvider.url("certs")
THIEF = private_key("RSA", 99)
EVIL = "https://evil.example"

Row = Callable[[AnIssuer, dict[str, Any]], str]


def signed(**changed: Any) -> Row:
    """The issuer's own signature on claims that are not right; None leaves one out."""

    def make(issuer: AnIssuer, claims: dict[str, Any]) -> str:
        changes = {k: v for k, v in (claims | changed).items() if v is not None}
        return forge(issuer.header(), changes, issuer.key)

    return make


def headed(key: Any = None, algorithm: str = "RS256", **header: Any) -> Row:
    """Right claims under this header, signed with the thief's key or another."""

    def make(issuer: AnIssuer, claims: dict[str, Any]) -> str:
        return forge(issuer.header(**header), claims, key or THIEF, algorithm)

    return make


def honest_with(**header: Any) -> Row:
    """Right claims and the issuer's own signature over a header that is not right."""
    return lambda issuer, claims: forge(issuer.header(**header), claims, issuer.key)


def unsigned(algorithm: Any) -> Row:
    return lambda issuer, claims: forge(issuer.header(alg=algorithm), claims)


def hmac_with(secret: Callable[[AnIssuer], bytes], algorithm: str = "HS256") -> Row:
    """Signed with something public as if it were a shared secret."""

    def make(issuer: AnIssuer, claims: dict[str, Any]) -> str:
        body = f"{part(issuer.header(alg=algorithm))}.{part(claims)}"
        return f"{body}.{part(hmac.new(secret(issuer), body.encode(), hashlib.sha256).digest())}"

    return make


def pem(issuer: AnIssuer) -> bytes:
    return issuer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def der(issuer: AnIssuer) -> bytes:
    return issuer.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def modulus(issuer: AnIssuer) -> bytes:
    return public_jwk(issuer.key)["n"].encode()


def raw(header: str | None = None, claims: str | None = None) -> Row:
    """Octets of one's own in the place of header or claims, signed by the issuer."""

    def make(issuer: AnIssuer, honest: dict[str, Any]) -> str:
        return forge(
            header.encode() if header is not None else issuer.header(),
            claims.encode() if claims is not None else honest,
            issuer.key,
        )

    return make


def changed(how: Callable[[str], str]) -> Row:
    """A true token, changed on the way."""
    return lambda issuer, claims: how(forge(issuer.header(), claims, issuer.key))


def other_payload(token: str) -> str:
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return ".".join([header, part(claims | {"sub": "admin"}), signature])


def flipped(token: str) -> str:
    head, _, signature = token.rpartition(".")
    return f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def twice(name: str, value: Any) -> Row:
    """Claims in which one member stands twice, the honest one last."""

    def make(issuer: AnIssuer, claims: dict[str, Any]) -> str:
        text = "{" + f"{json.dumps(name)}: {json.dumps(value)}, " + json.dumps(claims)[1:]
        return forge(issuer.header(), text.encode(), issuer.key)

    return make


def two_heads(issuer: AnIssuer, claims: dict[str, Any]) -> str:
    text = '{"alg": "none", ' + json.dumps(issuer.header())[1:]
    return forge(text.encode(), claims, issuer.key)


HOSTILE: dict[str, Row] = {
    # signature
    "no signature, alg none": unsigned("none"),
    "no signature, alg None": unsigned("None"),
    "no signature, alg nOnE": unsigned("nOnE"),
    "no signature, alg empty": unsigned(""),
    "no signature, alg null": raw('{"alg": null, "kid": "key-0"}'),
    "no signature under a true header": lambda i, c: forge(i.header(), c),
    "no alg at all": raw('{"kid": "key-0"}'),
    "alg a list": raw('{"alg": ["RS256"], "kid": "key-0"}'),
    "alg a number": raw('{"alg": 256, "kid": "key-0"}'),
    "another key's signature": headed(),
    "another key's signature by PS256": headed(algorithm="PS256", alg="PS256"),
    "an elliptic key's signature": headed(private_key("P-256", 99), "ES256", alg="ES256"),
    "an Ed25519 key's signature": headed(private_key("Ed25519", 99), "EdDSA", alg="EdDSA"),
    "ES256K": headed(alg="ES256K"),
    "an algorithm that the key does not state": lambda i, c: forge(
        i.header(alg="RS512"), c, i.key, "RS512"
    ),
    "a header that states another algorithm than was used": lambda i, c: forge(
        i.header(alg="RS512"), c, i.key, "RS256"
    ),
    "a flipped octet in the signature": changed(flipped),
    "a signature cut short": changed(lambda t: t[:-20]),
    "another payload under the signature": changed(other_payload),
    # the public key as a shared secret
    "HS256 with the public key as PEM": hmac_with(pem),
    "HS256 with the public key as DER": hmac_with(der),
    "HS256 with the modulus": hmac_with(modulus),
    "HS256 with an empty secret": hmac_with(lambda _: b""),
    "HS256 with the client's name": hmac_with(lambda _: b"hub"),
    "HS256 with the client's secret": hmac_with(lambda _: b"sesame:1"),
    "HS384 with the public key": hmac_with(pem, "HS384"),
    # tricks with key ids and addresses of keys
    "a key id that nobody has": honest_with(kid="other"),
    "a key id that is a path": headed(kid="../../dev/null"),
    "a key id that is SQL": headed(kid="x' UNION SELECT 'key"),
    "a key id that is an address": headed(kid=f"{EVIL}/keys"),
    "a key id that is a number": honest_with(kid=0),
    "a key id that is a list": honest_with(kid=["key-0"]),
    "no key id, another key": headed(kid=None),
    "an address of other keys (jku)": headed(jku=f"{EVIL}/keys"),
    "an address of a certificate (x5u)": headed(x5u=f"{EVIL}/cert"),
    "a key of its own (jwk)": headed(jwk=public_jwk(THIEF)),
    "a certificate of its own (x5c)": headed(x5c=["MIIB"]),
    "a key of its own under a new id": headed(kid="mine", jwk=public_jwk(THIEF, "mine")),
    # what must be understood or refused
    "a critical member that nobody knows": honest_with(crit=["exp"]),
    "an unencoded payload (b64)": honest_with(b64=False, crit=["b64"]),
    "a compressed payload (zip)": honest_with(zip="DEF"),
    "an access token (at+jwt)": honest_with(typ="at+jwt"),
    "a logout token as a login": honest_with(typ="logout+jwt"),
    "a typ that is a number": honest_with(typ=1),
    # audience and issuer
    "another audience": signed(aud="other"),
    "no audience": signed(aud=None),
    "an empty audience": signed(aud=""),
    "an empty list of audiences": signed(aud=[]),
    "an audience that only contains ours": signed(aud="hub2"),
    "an audience in other letters": signed(aud="HUB"),
    "an audience that is an object": signed(aud={"hub": 1}),
    "audiences without ours": signed(aud=["a", "b"], azp="hub"),
    "several audiences, made for nobody": signed(aud=["hub", "other"]),
    "several audiences, made for another": signed(aud=["hub", "other"], azp="other"),
    "one audience, made for another": signed(azp="other"),
    "another issuer": signed(iss=EVIL),
    "another realm of the same host": signed(iss=ISSUER.replace("/uni", "/other")),
    "an issuer with a slash more": signed(iss=f"{ISSUER}/"),
    "an issuer in other letters": signed(iss=ISSUER.upper()),
    "an issuer that goes on": signed(iss=f"{ISSUER}.evil.example"),
    "no issuer": signed(iss=None),
    "an issuer that is a list": signed(iss=[ISSUER]),
    # times
    "expired": signed(exp=SECONDS - 61),
    "no end": signed(exp=None),
    "an end that is a text": signed(exp=str(SECONDS + 300)),
    "an end that is true": signed(exp=True),
    "an end beyond numbers": raw(
        claims=json.dumps(
            {"iss": ISSUER, "aud": "hub", "sub": "s", "iat": SECONDS, "nonce": NONCE}
        )[:-1]
        + ', "exp": 1e999}'
    ),
    "made in the future": signed(iat=SECONDS + 61),
    "no time of making": signed(iat=None),
    "not valid yet": signed(nbf=SECONDS + 61),
    "not valid before a text": signed(nbf="now"),
    "not valid before nothing": raw(
        claims=json.dumps(
            {"iss": ISSUER, "aud": "hub", "sub": "s", "iat": SECONDS, "exp": SECONDS + 9}
            | {"nonce": NONCE, "nbf": None}
        )
    ),
    # nonce
    "no nonce": signed(nonce=None),
    "another browser's nonce": signed(nonce="n-2"),
    "a nonce that begins right": signed(nonce="n-10"),
    "a nonce in a list": signed(nonce=[NONCE]),
    "a nonce that is true": signed(nonce=True),
    # who
    "nobody": signed(sub=None),
    "an empty subject": signed(sub=""),
    "a blank subject": signed(sub="  "),
    "a subject that is a number": signed(sub=17),
    "a subject that is a list": signed(sub=["sub-ola"]),
    "a subject without end": signed(sub="x" * 256),
    "a subject with a NUL": signed(sub="sub-ola\0"),
    "a subject with a line in it": signed(sub="sub-ola\nadmin"),
    "a subject that turns the text around": signed(sub="sub-\u202eola"),
    # form
    "a subject that stands twice": twice("sub", "admin"),
    "an audience that stands twice": twice("aud", "other"),
    "an end that stands twice": twice("exp", SECONDS + 10**9),
    "an alg that stands twice": two_heads,
    "a payload that is a list": raw(claims="[1]"),
    "a payload that is a text": raw(claims='"sub-ola"'),
    "a payload that is no JSON": raw(claims="sub=sub-ola"),
    "a payload that is not UTF-8": lambda i, c: forge(i.header(), b'{"sub": "\xff"}', i.key),
    "a payload with NaN": raw(claims='{"exp": NaN}'),
    "a payload as deep as a well": raw(claims="[" * 50_000),
    "a header that is a list": raw("[]"),
    "a header that is no JSON": raw("alg=RS256"),
    "nothing": lambda i, c: "",
    "two dots": lambda i, c: "..",
    "one part": lambda i, c: part(i.header()),
    "two parts": changed(lambda t: t.rpartition(".")[0]),
    "four parts": changed(lambda t: f"{t}.x"),
    "five parts, as if it were encrypted": changed(lambda t: f"{t}.x.y"),
    "blanks in it": changed(lambda t: t.replace(".", ". ")),
    "signs that are not ASCII": changed(lambda t: f"{t}é"),
    "padding in the middle": changed(lambda t: t.replace(".", "==.")),
    "a quarter of a megabyte": signed(junk="x" * (256 << 10)),
}
assert len(HOSTILE) >= 60


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
async def test_no_hostile_token_is_accepted(make: Row):
    world = World(NOW)
    issuer = world.provider.issuer
    claims = issuer.claims(sub="sub-ola", nonce=NONCE, preferred_username="ola")
    token = make(issuer, claims)
    keys = KeySet(world.provider, CERTS, world.clock)
    checker = TokenChecker(keys, issuer=ISSUER, audience="hub", clock=world.clock)

    with pytest.raises(BadToken) as caught:
        await checker.check(token, nonce=NONCE)
    assert len(str(caught.value)) < 200

    world.provider.add("ola")
    world.provider.makes = lambda **_: token
    answer = await world.source.redeem(world.provider.code("ola", NONCE))
    assert isinstance(answer, Denied)
    assert await world.safe.load("kc:sub-ola") is None


async def test_the_same_claims_signed_honestly_are_accepted():
    """Each row is refused for what it changes, not for what all rows share."""
    world = World(NOW)
    world.provider.add("ola")

    assert isinstance(await world.source.redeem(world.provider.code("ola", NONCE)), Login)


async def test_a_token_is_no_login_twice():
    world = World(NOW)
    world.provider.add("ola")
    grant = world.provider.code("ola", NONCE)
    assert isinstance(await world.source.redeem(grant), Login)

    assert isinstance(await world.source.redeem(grant), Denied)


@pytest.mark.parametrize("token", [None, 7, ["x"], {"a": 1}, True], ids=repr)
async def test_an_id_token_that_is_no_text_is_no_login(token):
    world = World(NOW)
    world.provider.add("ola")
    world.provider.makes = lambda **_: token

    assert isinstance(await world.source.redeem(world.provider.code("ola", NONCE)), Denied)


# -- keys that must not count ------------------------------------------------------------------------------------------

KEYS: dict[str, Callable[[], dict[str, Any]]] = {
    "a shared secret": lambda: {"kty": "oct", "kid": "key-0", "k": "c2VzYW1l"},
    "a key of 1024 bits": lambda: public_jwk(private_key("small RSA"), "key-0"),
    "a key for encryption": lambda: public_jwk(private_key(), "key-0", use="enc"),
    "a key that states a symmetric algorithm": lambda: public_jwk(
        private_key(), "key-0", alg="HS256"
    ),
    "a key on another curve": lambda: {
        "kty": "EC",
        "crv": "secp256k1",
        "kid": "key-0",
        "x": "AA",
        "y": "AA",
    },
    "a key that is no key": lambda: {"kty": "RSA", "kid": "key-0", "n": "AA", "e": ""},
    "a key of a kind in a list": lambda: {"kty": ["RSA"], "kid": "key-0"},
    "a text": lambda: "key-0",  # type: ignore[dict-item,return-value]
}


@pytest.mark.parametrize("make", KEYS.values(), ids=KEYS)
async def test_keys_that_prove_nothing_do_not_count(make):
    world = World(NOW)
    world.provider.answers[CERTS] = {"keys": [make()]}
    world.provider.add("ola")

    assert isinstance(await world.source.redeem(world.provider.code("ola", NONCE)), Unavailable)


async def test_two_keys_of_one_id_prove_nothing():
    issuer = AnIssuer(lambda: NOW)
    keys = [public_jwk(issuer.key, "key-0"), public_jwk(THIEF, "key-0")]
    found = KeySet(FakeWeb({CERTS: {"keys": keys}}), CERTS, lambda: NOW)

    with pytest.raises(BadToken):
        await found.find("key-0", "RS256")


# -- claims that must not count ----------------------------------------------------------------------------------------

GROUPS: dict[str, Any] = {
    "an object": {"/courses/ml/teachers": True},
    "a number": 7,
    "true": True,
    "a list with a number": ["/courses/ml/teachers", 7],
    "a list in a list": [["/courses/ml/teachers"]],
    "too many": ["x"] * 5001,
}


@pytest.mark.parametrize("groups", GROUPS.values(), ids=GROUPS)
async def test_what_is_no_list_of_names_says_nothing_of_groups(groups):
    world = World(NOW)
    world.provider.add("ola")
    world.provider.id_token = {"groups": groups}

    assert (await world.log_in("ola")).groups is None


async def test_a_text_is_one_group_and_not_its_letters():
    world = World(NOW)
    world.provider.add("ola")
    world.provider.id_token = {"groups": "teacher"}

    assert (await world.log_in("ola")).groups == frozenset({"teacher"})


async def test_no_group_can_be_named_like_a_role():
    world = World(NOW, roles_claims=["realm_access.roles"])
    world.provider.add("ola", realm_access={"roles": ["student"]})
    world.provider.id_token = {"groups": ["realm_access.roles:admin", "/x"]}

    assert (await world.log_in("ola")).groups == frozenset({"realm_access.roles:student", "/x"})


@pytest.mark.parametrize("verified", [None, False, "true", 1, "yes"], ids=repr)
async def test_an_address_that_is_not_verified_names_no_account(verified):
    world = World(NOW, login_claim="email")
    world.provider.add("ola", email="rector@campus.example", email_verified=verified)

    assert isinstance(await world.source.redeem(world.provider.code("ola")), Denied)


async def test_one_documents_proof_is_not_for_anothers_address():
    world = World(NOW, login_claim="email")
    world.provider.add("ola", email="rector@campus.example")
    world.provider.id_token = {"email": None, "email_verified": True}

    assert isinstance(await world.source.redeem(world.provider.code("ola")), Denied)

    world.provider.userinfo_claims = {"email_verified": True}
    assert (await world.log_in("ola")).login == "rector@campus.example"


@pytest.mark.parametrize("login", ["", "  ", 7, ["ola"], "x" * 513, {"a": 1}], ids=repr)
async def test_what_is_no_login_name_is_no_login(login):
    world = World(NOW)
    world.provider.add("ola")
    world.provider.id_token = {"preferred_username": login}

    assert isinstance(await world.source.redeem(world.provider.code("ola")), Unavailable)
