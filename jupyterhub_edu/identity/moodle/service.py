"""Moodle's web services over REST: one function a call, errors in replies with status 200."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from pydantic import SecretStr

from jupyterhub_edu.identity.web import NoAnswer, Reply, Web

from .rows import parse

__all__ = ["Refused", "Service"]

_AT_ONCE: Final = 4
"""Calls under way; a Moodle serves each with a process of its own."""
_PIECE: Final = 256 * 1024
"""Octets of JSON that can be read without holding the event loop."""
_FIXES: Final[Mapping[str, str]] = {
    "invalidtoken": "the token is not known or has expired; make one under Server > Web services > Manage tokens",
    "accessexception": "either the service lacks the function, or the account's role lacks webservice/rest:use, or the "
    "token has just expired or is restricted to other addresses",
    "nopermissions": "the account's role lacks a capability, moodle/course:viewparticipants or "
    "moodle/course:enrolreview as a rule",
    "errorcoursecontextnotvalid": "the account's role lacks moodle/course:view, or moodle/course:viewhiddencourses for a "
    "hidden course; assign the role in the system context",
    "invalidrecord": "there is no such course",
    "sitepolicynotagreed": "log in to Moodle once as the web-service account and agree to the site policy",
    "usernotfullysetup": "fill in the profile of the web-service account",
    "wsaccessusersuspended": "the web-service account is suspended",
    "wsaccessuserexpired": "the password of the web-service account has expired",
}
_T = TypeVar("_T")


class Refused(NoAnswer):
    """Moodle answered with an error, by which nothing is said about anybody.

    Attributes:
        code: Moodle's ``errorcode``, the one thing about its errors that neither release nor language changes.
    """

    def __init__(self, function: str, code: str) -> None:
        super().__init__(
            f"{function}: {_FIXES.get(code, 'Moodle answers with an error')} ({code})"
        )
        self.code = code


class Service:
    """Calls functions with a token, which goes in the body and so into no log of a web server."""

    def __init__(self, web: Web, root: str, token: SecretStr, timeout: float) -> None:
        self._web, self._token, self._timeout = web, token, timeout
        self._address = f"{root}/webservice/rest/server.php"
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def call(self, kind: type[_T], function: str, **arguments: Any) -> _T:
        """Call a function.

        Args:
            kind: what the reply must be, for pydantic.
            arguments: as the function wants them; lists and mappings are sent as PHP reads them.

        Raises:
            Refused: Moodle says why not.
            NoAnswer: no reply, or none that makes sense.
        """
        form = {
            "wstoken": self._token.get_secret_value(),
            "wsfunction": function,
            "moodlewsrestformat": "json",
            **dict(_flat(arguments)),
        }
        async with self._turns:
            try:
                reply = await self._web.post(self._address, form, deadline=self._timeout)
            except NoAnswer as error:
                raise _told(error) from None
        if reply.status != 200:
            raise _told(NoAnswer(f"{self._address} answers {reply.status}", reply.status))
        data = await _read(reply)
        if isinstance(data, dict) and isinstance(code := data.get("errorcode"), str):
            raise Refused(function, code if code.isalnum() and len(code) <= 64 else "unknown")
        return parse(kind, data, function)


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Names as PHP reads them: ``options[0][name]``."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{name}[{key}]" if name else str(key))
    elif isinstance(value, list | tuple):
        for at, item in enumerate(value):
            yield from _flat(item, f"{name}[{at}]")
    else:
        yield name, str(int(value)) if isinstance(value, bool) else str(value)


def _told(error: NoAnswer) -> NoAnswer:
    """The same, with what a Moodle means by it."""
    meanings = {
        503: "Moodle is in maintenance mode, or too busy",
        404: "no Moodle lives at this address; url is what config.php calls wwwroot",
        403: "web services or their protocol REST are switched off; see Server > Web services > Overview",
    }
    meaning = meanings.get(error.status or 0)
    return NoAnswer(f"{error.why}: {meaning}", error.status) if meaning else error


async def _read(reply: Reply) -> Any:
    """Parse a reply; a long one element by element, so that others have their turn."""
    if len(reply.body) <= _PIECE:
        return reply.json()
    try:
        return await _read_long(reply.body.decode())
    except (ValueError, RecursionError):
        raise NoAnswer(f"{reply.url} sends something that is not JSON", reply.status) from None


async def _read_long(text: str) -> Any:
    """Parse ``[…]`` or ``{"courses": […], …}`` with a pause now and then.

    Raises:
        ValueError: neither of them.
    """
    decoder = json.JSONDecoder()
    start = text.find("[")
    if start < 0 or "".join(text[:start].split()) not in {"", '{"courses":'}:
        raise ValueError("neither a list nor courses")
    items: list[Any] = []
    at, paused = _skip(text, start + 1), start
    while text[at] != "]":
        item, at = decoder.raw_decode(text, at)
        items.append(item)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
        elif text[at] != "]":
            raise ValueError("no comma")
        if at - paused > _PIECE:
            await asyncio.sleep(0)
            paused = at
    rest = json.loads(text[:start] + "[]" + text[at + 1 :])
    return {**rest, "courses": items} if isinstance(rest, dict) else items


def _skip(text: str, at: int) -> int:
    """The next place that is not blank.

    Raises:
        ValueError: the text ends.
    """
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    if at >= len(text):
        raise ValueError("cut short")
    return at
