"""What sources' HTTP promises, against servers on this machine that misbehave in one way each."""

import asyncio
import contextlib
import ssl
import subprocess

import pytest

from jupyterhub_edu.identity.web import NoAnswer, Web
from tests.listening import listening

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


@pytest.fixture
async def serve():
    """Start a server that says these octets to whoever asks, then closes; gives its address."""
    async with contextlib.AsyncExitStack() as opened:

        async def start(says, tls=None):
            async def answer(reader, writer):
                request = await reader.readuntil(b"\r\n\r\n")
                await says(request, writer) if callable(says) else writer.write(says)

            where = await opened.enter_async_context(listening(answer, tls))
            return f"{'https' if tls else 'http'}://{where}/x"

        yield start


@pytest.fixture
async def web():
    async with Web(deadline=1.0, most_bytes=1000) as one:
        yield one


async def silent(_, writer):
    await asyncio.sleep(60)


async def dripping(_, writer):
    for octet in HEAD:
        writer.write(bytes([octet]))
        await writer.drain()
        await asyncio.sleep(0.1)


async def resetting(_, writer):
    writer.transport.abort()


async def endless(_, writer):
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(100):
        writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
        await writer.drain()


FAULTS = {
    "silence": (silent, "does not answer within 1 s"),
    "an octet now and then": (dripping, "does not answer within 1 s"),
    "a reset": (resetting, "without an answer"),
    "an end before the beginning": (b"", "without an answer"),
    "something that is not HTTP": (b"220 mail.example ESMTP\r\n\r\n", "not HTTP"),
    "half of what was promised": (HEAD + b"Content-Length: 900\r\n\r\nhalf", "cut short"),
    "more than anybody needs": (endless, "more than 1000 octets"),
    "its own trouble": (
        b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
        "answers 503",
    ),
    "a way to elsewhere": (
        b"HTTP/1.1 302 Found\r\nLocation: https://evil.example/?t=1\r\nContent-Length: 0\r\n\r\n",
        "redirects to https://evil.example:443, which is not followed",
    ),
    "a way in circles": (
        b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
        "circles|not followed",
    ),
    "a packed bomb's label on plain text": (
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nhalf",
        "not HTTP|cut short",
    ),
}


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(("says", "why"), FAULTS.values(), ids=FAULTS)
async def test_a_fault_is_no_answer_and_its_sentence_holds_no_secret(
    says, why, method, serve, web
):
    url = await serve(says)
    call = (
        web.get(url, params={"token": "sesame"})
        if method == "get"
        else web.post(url, {"token": "sesame"}, auth=("hub", "sesame"))
    )

    with pytest.raises(NoAnswer, match=why) as caught:
        await call
    assert "sesame" not in str(caught.value)


async def test_a_server_that_is_not_there_is_no_answer(serve, web):
    with pytest.raises(NoAnswer, match="cannot be reached: "):
        await web.get("http://127.0.0.1:1/x")


async def test_a_name_that_nobody_has_is_no_answer(web):
    with pytest.raises(NoAnswer, match=r"cannot be found|cannot be reached"):
        await web.get("http://no-such-host.invalid/x", deadline=5)


async def test_a_refusal_is_a_reply_whatever_its_type_says(serve, web):
    body = b'{"error":"invalid_grant"}'
    url = await serve(
        b"HTTP/1.1 400 Bad\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s"
        % (len(body), body)
    )

    reply = await web.post(url, {"grant_type": "refresh_token"})
    assert (reply.status, reply.json()) == (400, {"error": "invalid_grant"})
    assert reply.headers["content-type"] == "text/html"


async def test_a_redirect_within_the_same_origin_is_followed_and_no_cookie_is_kept(serve, web):
    asked = []

    async def moved(request, writer):
        asked.append(request)
        if b"/y" in request.splitlines()[0]:
            writer.write(HEAD + b"Content-Length: 2\r\n\r\n{}")
        else:
            writer.write(
                b"HTTP/1.1 302 Found\r\nLocation: /y\r\nSet-Cookie: s=1\r\nContent-Length: 0\r\n\r\n"
            )

    url = await serve(moved)
    assert (await web.get(url, params={"a": "b"})).json() == {}
    assert len(asked) == 2
    assert b"Cookie" not in asked[1]


async def test_a_certificate_is_verified_against_the_file_that_is_named(serve, tmp_path, web):
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(  # noqa: ASYNC221 - nothing else goes on yet
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
         "-subj", "/CN=campus", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    url = await serve(HEAD + b"Content-Length: 2\r\n\r\n{}", tls=context)

    with pytest.raises(NoAnswer, match="cannot be trusted"):
        await web.get(url)
    async with Web(deadline=5, ca_file=certificate) as trusting:
        assert (await trusting.get(url)).status == 200
        with pytest.raises(NoAnswer, match="cannot be trusted"):
            await trusting.get(url.replace("127.0.0.1", "localhost"))


async def test_a_silent_server_holds_nobody_else_up(serve, web):
    dead, alive = await serve(silent), await serve(HEAD + b"Content-Length: 2\r\n\r\n{}")
    waiting = [asyncio.create_task(web.get(dead)) for _ in range(20)]
    await asyncio.sleep(0)

    assert (await web.get(alive)).status == 200
    assert not any(task.done() for task in waiting)
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_after_the_end_there_is_no_answer(web):
    await web.close()

    with pytest.raises(NoAnswer, match="closed"):
        await web.get("http://127.0.0.1:1/x")
