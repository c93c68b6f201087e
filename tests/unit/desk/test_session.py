"""Which pages of other domains may read about a session: those of exactly this user's own domain."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from jupyterhub_edu.desk.session import SessionAPI


def hook(name: str, domain: str, kind: str) -> str:
    assert kind == "user"
    return f"{name.lower()}.{domain}"


HOSTS = {
    "no domains of their own": ("", None),
    "each their own": ("https://hub.example", "https://ada.hub.example"),
    "with a port": ("http://hub.example:8000", "http://ada.hub.example:8000"),
}


@pytest.mark.parametrize(("host", "origin"), HOSTS.values(), ids=HOSTS)
def test_origin(host: str, origin: str | None) -> None:
    settings = {"subdomain_host": host, "subdomain_hook": hook, "domain": "hub.example"}
    handler = cast(Any, SimpleNamespace(settings=settings))
    assert SessionAPI._origin_of(handler, "Ada") == origin
