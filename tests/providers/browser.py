"""A browser at a provider: follows redirects, fills in the login form, and stops where the hub's callback begins."""

import ssl
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

from tests.no_tls import NO_TLS

CALLBACK = "https://hub.campus.example/hub/edu/login/src/callback"
_MOST_STEPS = 20


class LoginRefused(Exception):
    """The provider showed its form again, or an error."""


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None:
            self.action = found.get("action", "")
        if tag == "input" and self.action is not None and found.get("name"):
            self.fields[found["name"]] = found.get("value", "")


class Browser:
    """One browser with its cookies; ``ca`` is a file with an authority to trust."""

    def __init__(self, ca: str | None = None) -> None:
        self._client = httpx.Client(
            verify=ssl.create_default_context(cafile=ca) if ca else NO_TLS,
            timeout=60,
            follow_redirects=False,
            event_hooks={"response": [self._trust_loopback]},
        )

    def _trust_loopback(self, answer: httpx.Response) -> None:
        """Browsers send Secure cookies to this machine without TLS too; the jar does not know that."""
        self._client.cookies.extract_cookies(answer)
        for cookie in self._client.cookies.jar:
            cookie.secure = False

    def close(self) -> None:
        self._client.close()

    def log_in(self, url: str, login: str, password: str) -> dict[str, str]:
        """Go to a login's address and come back to the callback.

        Returns:
            The callback's parameters.

        Raises:
            LoginRefused: the provider does not send the browser back.
        """
        answer = self._client.get(url)
        filled = False
        for _ in range(_MOST_STEPS):
            if answer.is_redirect:
                target = urljoin(str(answer.url), answer.headers["location"])
                if target.startswith(CALLBACK):
                    return {
                        name: values[0]
                        for name, values in parse_qs(urlsplit(target).query).items()
                    }
                answer = self._client.get(target)
                continue
            form = _Form()
            form.feed(answer.text)
            asks = "password" in form.fields
            if answer.status_code >= 400 or form.action is None or (asks and filled):
                break
            filled = filled or asks
            known = {"username": login, "login": login, "password": password}
            data = form.fields | {name: known[name] for name in form.fields if name in known}
            answer = self._client.post(urljoin(str(answer.url), form.action), data=data)
        raise LoginRefused(f"{answer.status_code}: {answer.text[:2000]}")

    def visit(self, url: str) -> httpx.Response:
        """Go somewhere, following redirects but those to the hub."""
        answer = self._client.get(url)
        while answer.is_redirect and not answer.headers["location"].startswith(
            "https://hub.campus"
        ):
            answer = self._client.get(urljoin(str(answer.url), answer.headers["location"]))
        return answer
