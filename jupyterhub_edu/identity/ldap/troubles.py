"""What is wrong between us and a directory, in words that name the fix: the same ones in the log and in ``check``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["plain", "say_bind", "say_connection", "say_search"]

_CONNECTION: Final[Mapping[str, str]] = {
    r"certificate is not valid for \W*([\w.:-]+)": "its certificate is not for {0}; write the name that it carries in "
    "servers, or in tls.name",
    r"certificate has expired": "its certificate has expired, unless this machine's clock is ahead; renew it at the server",
    r"certificate is not yet valid": "its certificate is not valid yet; is this machine's clock behind?",
    r"certificate verify failed": "its certificate comes from an authority that is not trusted here; name the file with that "
    "authority's certificate in tls.ca",
    r"startTLS|start_tls": "it does not take StartTLS; write ldaps:// with its port, or give it a certificate",
    r"\[SSL|ssl wrapping": "it speaks no TLS on this port; write ldap:// for StartTLS, or the port of LDAPS (636)",
    r"refused": "nothing listens there (connection refused); compare the port (ldaps:// 636, ldap:// 389), and look at "
    "firewalls",
    r"invalid server address|not known|getaddrinfo": "its name is not known here; compare servers",
    r"terminated by server": "it ends the connection without an answer; a port for LDAPS wants ldaps://",
}
"""Patterns in what ldap3 says of a connection, the telling ones first."""

_BIND: Final[Mapping[int, str]] = {
    1: "name a service account in bind",
    8: "it wants TLS: write ldaps://, or leave tls.start on",
    13: "it wants TLS: write ldaps://, or leave tls.start on",
    32: "there is no such account; compare bind.dn",
    34: "bind.dn is no name of an entry there",
    48: "name a service account in bind",
    49: "compare bind.dn and bind.password with the account there, and whether it is locked or has expired",
    53: "compare bind.dn and bind.password with the account there, and whether it is locked or has expired",
}
"""Result codes of a service account's bind (RFC 4511, appendix A)."""

_SEARCH: Final[Mapping[int, str]] = {
    1: "if it wants a bind first, name a service account in bind",
    3: "it cuts long answers off; lift the limits of the service account there",
    4: "it cuts long answers off; lift the limits of the service account there",
    10: "another server keeps that part, and referrals are not followed; name the server in servers",
    11: "it cuts long answers off; lift the limits of the service account there",
    32: "compare that name, and whether the service account may see it",
    34: "that is no name of an entry",
    50: "let the service account search there, or name one in bind",
}
"""Result codes of a search."""


def say_connection(error: Exception) -> str:
    """Why there is no connection, or no longer one; with the fix where it is known, and never with a packet's content."""
    text = str(error)
    for pattern, words in _CONNECTION.items():
        if found := re.search(pattern, text):
            return words.format(*(plain(group).rstrip(".") for group in found.groups()))
    return plain(text) or type(error).__name__


def say_bind(who: str, code: int) -> str:
    """Why the service account (``""``: an anonymous bind) is not let in."""
    told = f"the directory refuses {f'the service account {who}' if who else 'an anonymous bind'} (result {code})"
    return f"{told}; {_BIND[code]}" if code in _BIND else told


def say_search(code: int, name: str, message: str, base: str) -> str:
    """Why a search has no complete answer.

    Args:
        name: what LDAP calls the result.
        message: the server's own words.
        base: where was searched.
    """
    words = plain(message)
    told = f"{name} below {base}" + (f": {words}" if words else "")
    return f"{told}; {_SEARCH[code]}" if code in _SEARCH else told


def plain(text: str) -> str:
    """What a server said, short and on one line, for logs and people."""
    words = " ".join(text.split())[:200]
    return "".join(char if char.isprintable() else "?" for char in words)
