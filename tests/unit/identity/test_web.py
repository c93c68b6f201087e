"""Addresses that are safe to call, and bodies that are JSON."""

import pytest

from jupyterhub_edu.identity.web import NoAnswer, Reply, require_https

GOOD = {
    "https": ("https://login.example/realms/uni", None),
    "http to this machine by number": ("http://127.0.0.1:8080/realms/uni", None),
    "http to this machine by its sixth number": ("http://[::1]:8080", None),
    "http to this machine by name": ("http://localhost/x", None),
    "http that somebody accepts": ("http://moodle.example", "i-know"),
}
BAD = {
    "http": "http://login.example",
    "http to a host that only sounds near": "http://localhost.evil.example",
    "http to a number that only looks near": "http://127.0.0.1.evil.example",
    "another scheme": "ldap://login.example",
    "a file": "file:///etc/passwd",
    "no host": "https:///realms",
    "no scheme": "login.example/realms",
    "a password in it": "https://me:secret@login.example",
    "nothing": "",
}


@pytest.mark.parametrize(("url", "insecure"), GOOD.values(), ids=GOOD)
def test_an_address_that_is_safe_is_returned_as_it_is(url, insecure):
    assert require_https(url, insecure) == url


@pytest.mark.parametrize("url", BAD.values(), ids=BAD)
def test_an_address_that_is_not_names_the_way_out(url):
    with pytest.raises(ValueError, match="https://"):
        require_https(url)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"\xff", b"[" * 100_000],
    ids=["empty", "a page", "octets", "a deep well"],
)
def test_what_is_not_json_is_no_answer(body):
    with pytest.raises(NoAnswer, match=r"https://x/y sends something that is not JSON"):
        Reply(200, {}, body, "https://x/y").json()


def test_a_body_stays_out_of_the_repr():
    assert "sesame" not in repr(Reply(200, {}, b"sesame"))
