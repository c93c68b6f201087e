"""A browser without scripts: cookies, forms, the XSRF token, redirects."""

from __future__ import annotations

import time
from collections.abc import Callable
from http.cookiejar import Cookie
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
from bs4 import BeautifulSoup

from tests.no_tls import NO_TLS

__all__ = ["Browser", "host_of"]


class Browser:
    """Speaks to one hub as a person's browser does.

    Args:
        url: the hub's public address, without a trailing slash.
        look: is shown every page, by its address and its text.
    """

    def __init__(self, url: str, look: Callable[[str, str], None] | None = None) -> None:
        self.url, self._look = url, look
        self._client = httpx.Client(
            base_url=url,
            follow_redirects=True,
            timeout=60,
            verify=NO_TLS,
            headers={"Sec-Fetch-Mode": "navigate"},
            event_hooks={"response": [self._trust_loopback, self._show]},
        )

    def _trust_loopback(self, answer: httpx.Response) -> None:
        """Browsers send Secure cookies to this machine without TLS too, which the jar does not know; not the hub's."""
        if not str(answer.url).startswith(self.url):
            for cookie in answer.cookies.jar:
                cookie.secure = False
                self._client.cookies.jar.set_cookie(cookie)

    def _show(self, answer: httpx.Response) -> None:
        if self._look is not None and "text/html" in answer.headers.get("Content-Type", ""):
            answer.read()
            self._look(f"the page {answer.url.path}", answer.text)

    def close(self) -> None:
        """Close the browser."""
        self._client.close()

    @property
    def xsrf(self) -> str:
        """The XSRF token of the hub's own cookie."""
        found = [
            c.value
            for c in self._client.cookies.jar
            if c.name == "_xsrf" and c.path.startswith(f"{urlsplit(self.url).path}/hub")
        ]
        return found[-1] if found and found[-1] else ""

    @property
    def cookies(self) -> list[Cookie]:
        """Every cookie that the browser holds."""
        return list(self._client.cookies.jar)

    def raw(self, method: str, path: str, **how: Any) -> httpx.Response:
        """A request exactly as given, beside the browser's cookies; redirects are not followed."""
        return self._client.request(method, path, follow_redirects=False, **how)

    def get(self, path: str, **how: Any) -> httpx.Response:
        """Open a page, redirects followed."""
        return self._client.get(path, **how)

    def post(self, path: str, fields: dict[str, Any] | None = None, **how: Any) -> httpx.Response:
        """Submit a form, with the XSRF token that the form would have carried."""
        return self._client.post(path, data={"_xsrf": self.xsrf, **(fields or {})}, **how)

    def elsewhere(self, method: str, url: str, **how: Any) -> httpx.Response:
        """A request to another server, as a form there would make it, redirects followed, back to the hub too."""
        return self._client.request(method, url, **how)

    def page(self, path: str) -> BeautifulSoup:
        """Open a page and parse it."""
        return BeautifulSoup(self.get(path).text, "html.parser")

    def log_in(self, username: str, password: str, **fields: str) -> httpx.Response:
        """Log in by the form; the answer after all redirects."""
        self.get("/hub/login")
        return self.post("/hub/login", {"username": username, "password": password, **fields})

    def token(self, hub_name: str, scopes: list[str] | None = None) -> str:
        """Make an API token for the person who is logged in, by the cookie as the token page does."""
        body: dict[str, Any] = {"note": "test"}
        if scopes is not None:
            body["scopes"] = scopes
        reply = self._client.post(
            f"/hub/api/users/{hub_name}/tokens",
            json=body,
            headers={"X-XSRFToken": self.xsrf, "Referer": f"{self.url}/hub/home"},
        )
        reply.raise_for_status()
        token: str = reply.json()["token"]
        return token

    def start(self, **fields: str) -> httpx.Response:
        """Submit the start page's form; redirects are not followed, so 302 means that the start was taken."""
        self.get("/hub/spawn")
        return self.post("/hub/spawn", fields, follow_redirects=False)

    def wait_for_server(self, hub_name: str, within: float = 120) -> httpx.Response:
        """Wait until JupyterLab answers through the proxy, logged in by the hub.

        Raises:
            TimeoutError: it did not, in time; the text holds the last answer.
        """
        end = time.monotonic() + within
        while True:
            reply = self.get(f"/user/{hub_name}/lab")
            if reply.status_code == 200 and reply.url.path == f"/user/{hub_name}/lab":
                return reply
            if time.monotonic() > end:
                raise TimeoutError(f"no Lab: {reply.status_code} {reply.url}\n{reply.text[:500]}")
            time.sleep(0.2)


def host_of(location: str, page: str) -> str:
    """The host to which a browser goes from a page: it drops tabs and line ends, and reads a backslash as a slash."""
    location = location.strip("".join(map(chr, range(33))))
    for sign in "\t\r\n":
        location = location.replace(sign, "")
    location = location.replace("\\", "/")
    if location.startswith("//"):
        location = "//" + location.lstrip("/")
    return urlsplit(urljoin(page, location)).netloc
