"""How much may be sent at once: who sends more is told so, before any of it is kept in memory."""

from __future__ import annotations

from typing import Any, Final

from tornado import httputil, web
from tornado.routing import Matcher, Rule

from .api import API
from .frame import Page
from .refusals import Code, DeskError

__all__ = ["LARGEST", "size_routes"]

LARGEST: Final = 8 * 2**20
"""Bytes of a body: the largest list of people, were every letter of it escaped."""


class _Larger(Matcher):
    """Matches a request whose body is larger; one that does not say its length is cut off there by the web server."""

    def match(self, request: httputil.HTTPServerRequest) -> dict[str, Any] | None:
        length = request.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) > LARGEST:
            return {}
        connection: Any = request.connection
        connection.set_max_body_size(LARGEST)
        return None


class _TooLarge:
    """Lets what is sent go by, and refuses it then.

    To answer and hang up before would keep browsers and proxies, which send first and listen then, from showing the answer.
    """

    def check_xsrf_cookie(self) -> None:
        """Nothing to check: nothing is done."""

    def data_received(self, chunk: bytes) -> None:
        """Throw it away."""

    async def refuse(self, *_: str) -> None:
        """Refuse.

        Raises:
            DeskError: always.
        """
        raise DeskError(Code.TOO_LARGE)

    get = head = post = put = patch = delete = refuse


@web.stream_request_body
class TooLargePage(_TooLarge, Page):
    """In the place of every page."""


@web.stream_request_body
class TooLargeAPI(_TooLarge, API):
    """In the place of every call."""


def size_routes() -> list[tuple[str, list[Rule]]]:
    """For ``hub.add_routes``, before all others; what is not too large goes on to those."""
    return [
        (r"/api/edu/.*", [Rule(_Larger(), TooLargeAPI)]),
        (r"/(?:edu|login|spawn)\b.*", [Rule(_Larger(), TooLargePage)]),
    ]
