"""People who log in, start a server and wait for it, each in a browser of their own; some of them misbehave."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, CookieJar, TCPConnector

from benchmarks.ticker import PATH
from tests.hub.server import Hub

__all__ = ["Crowd", "Failed", "ask", "browser", "log_in", "start", "stop_all"]

_LONGEST = ClientTimeout(total=600)
_AS_A_BROWSER = {"Sec-Fetch-Mode": "navigate"}
_STAYS, _RECONNECTS, _CLICKS_TWICE = 0.8, 0.1, 0.1
"""Parts of a crowd: who never logs out, whose connection to their server breaks, who presses Start twice."""


class Failed(Exception):
    """Somebody has no server; the text says what the hub said."""


@dataclass
class Crowd:
    """So many people who come within so many seconds, one after the other.

    Attributes:
        seconds: from the first who came to the last whose server was ready.
        ready: seconds from opening the log-in page to a server that is ready, of each who got one.
        failed: what went wrong, in words.
    """

    people: list[tuple[str, str]]
    within: float
    seed: int = 20261121
    seconds: float = 0.0
    ready: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    async def come(self, hub: Hub, choices: Mapping[str, str]) -> None:
        """Let them come; returns when everybody has a server or has failed.

        Args:
            choices: what each chooses on the start page, by login.
        """
        chance, began = random.Random(self.seed), time.perf_counter()
        pause = self.within / len(self.people)
        async with asyncio.TaskGroup() as group:
            for at, (login, password) in enumerate(self.people):
                await asyncio.sleep(max(0.0, began + at * pause - time.perf_counter()))
                habits = chance.random(), chance.random(), chance.random()
                someone = self._someone(hub, login, password, choices[login], habits)
                group.create_task(someone)
        self.seconds = time.perf_counter() - began

    async def _someone(
        self,
        hub: Hub,
        login: str,
        password: str,
        choice: str,
        habits: tuple[float, float, float],
    ) -> None:
        stays, reconnects, clicks_twice = habits
        began = time.perf_counter()
        try:
            async with browser(hub) as session:
                await log_in(session, login, password)
                await start(session, login, choice, twice=clicks_twice < _CLICKS_TWICE)
                self.ready.append(time.perf_counter() - began)
                if reconnects < _RECONNECTS:
                    await _lose_connection(session, login)
                if stays >= _STAYS:
                    async with session.get("/hub/logout") as answer:
                        await answer.read()
        except (ClientError, TimeoutError, Failed) as error:
            self.failed.append(f"{login}: {type(error).__name__}: {error}")


@asynccontextmanager
async def browser(hub: Hub) -> AsyncIterator[ClientSession]:
    """A browser of somebody's own."""
    jar = CookieJar(unsafe=True, quote_cookie=False)  # an address without a name is unsafe
    async with ClientSession(
        hub.url, cookie_jar=jar, headers=_AS_A_BROWSER, timeout=_LONGEST
    ) as session:
        yield session


async def log_in(session: ClientSession, login: str, password: str) -> None:
    """Log in by the form.

    Raises:
        Failed: the hub did not let them in.
    """
    async with session.get("/hub/login") as page:
        await page.read()
    fields = {"username": login, "password": password, "_xsrf": _xsrf(session)}
    async with session.post("/hub/login", data=fields, allow_redirects=False) as answer:
        await answer.read()
        if answer.status != 302:
            raise Failed(f"log-in answered {answer.status}")


async def start(session: ClientSession, login: str, choice: str, *, twice: bool = False) -> None:
    """Open the start page, press Start, and wait as the hub's page does; returns when the server is ready.

    Raises:
        Failed: it did not start.
    """
    async with session.get("/hub/spawn") as page:
        await page.read()
    presses = [_press(session, choice) for _ in range(1 + twice)]
    answers = await asyncio.gather(*presses, return_exceptions=True)
    # Of two presses a plain hub may answer one with an error; what counts is the server.
    if all(answers) and (error := answers[0]) is not None:
        raise error
    headers = {"Accept": "text/event-stream", "Sec-Fetch-Mode": "cors"}
    path = f"/hub/api/users/{login}/server/progress"
    for _ in range(600):
        async with session.get(path, params={"_xsrf": _xsrf(session)}, headers=headers) as told:
            if told.status == 200:
                async for line in told.content:
                    if line.startswith(b"data:") and _is_ready(json.loads(line[5:])):
                        return
        await asyncio.sleep(0.5)
    raise Failed("never ready")


async def _press(session: ClientSession, choice: str) -> None:
    """Submit the start page; where the hub is busy, again when it says."""
    while True:
        fields = {"choice": choice, "_xsrf": _xsrf(session)}
        async with session.post("/hub/spawn", data=fields, allow_redirects=False) as answer:
            text = await answer.text()
            if answer.status == 429:
                await asyncio.sleep(float(answer.headers.get("Retry-After", "5")))
                continue
            # A second click finds the start under way.
            if answer.status not in {200, 302, 400}:
                said = " ".join(re.findall(r"<p[^>]*>([^<]*)</p>", text))
                raise Failed(f"start answered {answer.status}: {said[:300]}")
            return


def _is_ready(event: Mapping[str, Any]) -> bool:
    if event.get("failed"):
        raise Failed(str(event.get("message")))
    return bool(event.get("ready"))


async def _lose_connection(session: ClientSession, login: str) -> None:
    """A connection to the server breaks without a goodbye, and there is a new one."""
    for _ in range(2):
        socket = await session.ws_connect(f"/user/{login}/api/kernels/0/channels")
        await socket.send_str("ping")
        await socket.receive(timeout=60)
        transport = socket.get_extra_info("transport")
        if transport is not None:
            transport.abort()


async def ask(hub: Hub, *, settled: bool = False) -> dict[str, float]:
    """What the ticker in the hub says, ``settled`` once garbage is collected; see ``ticker.py``."""
    async with (
        ClientSession(hub.url, timeout=_LONGEST) as watcher,
        watcher.get(f"/hub{PATH}", params={"settled": "1"} if settled else {}) as answer,
    ):
        found: dict[str, float] = await answer.json()
    return found


async def stop_all(hub: Hub, logins: list[str], at_once: int = 20) -> None:
    """Stop these people's servers; returns when the hub has let go of all."""
    turns = asyncio.Semaphore(at_once)
    headers = {"Authorization": f"token {hub.admin_token}"}
    async with ClientSession(
        hub.url, headers=headers, connector=TCPConnector(limit=0), timeout=_LONGEST
    ) as admin:

        async def stop(login: str) -> None:
            async with turns:
                status = 202
                while status == 202:
                    async with admin.delete(f"/hub/api/users/{login}/server") as answer:
                        await answer.read()
                        status = answer.status
                    await asyncio.sleep(0.2 * (status == 202))

        await asyncio.gather(*map(stop, logins))


def _xsrf(session: ClientSession) -> str:
    return next((cookie.value for cookie in session.cookie_jar if cookie.key == "_xsrf"), "")
