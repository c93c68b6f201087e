"""Requests and answers as plain values, so that the fake needs no socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """One request.

    Attributes:
        path: decoded, without the query.
        headers: by lower-case name.
        form: the fields of a form that was posted.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    origin: str = ""

    @classmethod
    def of(
        cls,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Request:
        parts = urlsplit(url)
        return cls(
            method,
            parts.path,
            dict(parse_qsl(parts.query)) | dict(params or {}),
            {name.lower(): value for name, value in (headers or {}).items()},
            dict(form or {}),
            f"{parts.scheme}://{parts.netloc}",
        )

    @property
    def bearer(self) -> str:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme == "Bearer" else ""


@dataclass(frozen=True)
class Reply:
    """One answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, status: int, content: Any, headers: Mapping[str, str] | None = None) -> Reply:
        stated = {"Content-Type": "application/json; charset=utf-8"}
        return cls(status, json.dumps(content).encode(), stated | dict(headers or {}))

    @classmethod
    def to(cls, url: str) -> Reply:
        return cls(302, b"", {"Location": url})

    def json(self) -> Any:
        return json.loads(self.body)
