"""A browser with somebody in front of it, as far as Moodle's login and consent pages need one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self
from urllib.parse import urljoin

import aiohttp
from bs4 import BeautifulSoup, Tag

_MOST_STEPS = 12


class Browser:
    """Keeps cookies, follows redirects within Moodle, fills in forms.

    Attributes:
        consents: whether the consent page is answered with yes.
        pages: forms that were shown: ``login``, ``consent``.
        seen: addresses in the order in which they were asked for.
    """

    def __init__(self, url: str) -> None:
        self.url, self.consents = url, True
        self.pages: list[str] = []
        self.seen: list[str] = []
        self._http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def log_in(self, query: Mapping[str, str], username: str, password: str) -> str:
        """Go to the plugin and do what it asks.

        Returns:
            The address outside Moodle to which the browser is sent, with the code or an error; ``""`` if it is not.
        """
        reply = await self._go("GET", f"{self.url}/local/oauth/login.php", params=dict(query))
        for _ in range(_MOST_STEPS):
            if isinstance(reply, str):
                if not reply.startswith(f"{self.url}/"):
                    return reply
                reply = await self._go("GET", reply)
                continue
            form = reply.find("form")
            if not isinstance(form, Tag):
                return ""
            values = {
                str(field["name"]): str(field.get("value", "")) for field in form.find_all("input")
            }
            if form.get("id") == "login":
                if "login" in self.pages:
                    return ""
                self.pages.append("login")
                values |= {"username": username, "password": password}
            else:
                self.pages.append("consent")
                values["submitbutton" if self.consents else "cancel"] = "1"
            target = urljoin(self.url, str(form["action"]))
            reply = await self._go("POST", target, data=values)
        return ""

    async def _go(self, method: str, url: str, **sent: object) -> str | BeautifulSoup:
        """One step: where it leads to, or the page that is shown."""
        async with self._http.request(method, url, allow_redirects=False, **sent) as reply:  # type: ignore[arg-type]
            self.seen.append(str(reply.url))
            if reply.status in {301, 302, 303}:
                return urljoin(url, reply.headers["Location"])
            return BeautifulSoup(await reply.text(), "html.parser")
