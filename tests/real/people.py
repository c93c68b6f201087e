"""Where a school's people log in: what the campus file says of it, and what a browser does there."""

from __future__ import annotations

from typing import Any, Protocol
from urllib.parse import urljoin

import httpx
from bs4 import BeautifulSoup

from tests.directories.campus import Campus
from tests.directories.directory import Directory
from tests.hub.browser import Browser
from tests.hub.server import Hub

__all__ = ["SOURCE", "DirectoryPeople", "People", "log_in_elsewhere"]

SOURCE = "fjord"
"""The source's id in the campus file."""
ENDS = {"": "student", "-ta": "assistant", "-staff": "teacher"}
"""How a group's name ends after the course's, and what it gives."""
_BIND_PASSWORD = "EDU_TEST_BIND_PASSWORD"
_MOST_PAGES = 8


class People(Protocol):
    """One source and everybody whom it knows."""

    @property
    def campus(self) -> Campus:
        """Everybody, with their passwords and roles."""
        ...

    def source(self) -> dict[str, Any]:
        """Its settings in the campus file."""
        ...

    def rules(self) -> list[dict[str, Any]]:
        """The campus file's rules over its groups."""
        ...

    def environ(self) -> dict[str, str]:
        """Secrets that the settings name."""
        ...

    def meet(self, hub: Hub) -> None:
        """Learn the hub's address, before it starts."""
        ...

    def log_in(self, browser: Browser, login: str, password: str) -> bool:
        """Log in; whether the hub let them in."""
        ...


class DirectoryPeople:
    """People of a real LDAP directory, who log in by the hub's own form."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    @property
    def campus(self) -> Campus:
        return self._directory.campus

    def source(self) -> dict[str, Any]:
        bind = {"dn": self._directory.bind_dn, "password": {"env": _BIND_PASSWORD}}
        return {
            "type": "ldap",
            "title": "Fjord account",
            **self._directory.settings(bind=bind, nested=True),
        }

    def rules(self) -> list[dict[str, Any]]:
        return [
            {"source": SOURCE, "group": f"CN=<course>{end},OU=<term>,*", "course_role": role}
            for end, role in ENDS.items()
        ]

    def environ(self) -> dict[str, str]:
        return {_BIND_PASSWORD: self._directory.bind_password}

    def meet(self, hub: Hub) -> None:
        """A directory need not know the hub."""

    def log_in(self, browser: Browser, login: str, password: str) -> bool:
        return browser.log_in(login, password).status_code == 200


def log_in_elsewhere(browser: Browser, login: str, password: str, source: str = SOURCE) -> bool:
    """Log in where the hub sends the browser to: fill in what is asked for, once, until it is back at the hub.

    Raises:
        RuntimeError: the source shows pages without end.
    """
    fill = {"username": login, "login": login, "password": password}
    page, filled = browser.get(f"/hub/edu/login/{source}"), False
    for _ in range(_MOST_PAGES):
        if str(page.url).startswith(browser.url):
            return page.status_code == 200
        form = BeautifulSoup(page.text, "html.parser").find("form")
        assert form is not None, f"{page.status_code} {page.url}\n{page.text[:2000]}"
        buttons = [one for one in form.select("button, [type=submit]") if one.get("name")]
        named = [one for one in form.select("input[name]") if one not in buttons] + buttons[:1]
        fields = {str(one["name"]): str(one.get("value", "")) for one in named}
        if "password" in fields:
            if filled:
                return False
            filled = True
        fields |= {name: text for name, text in fill.items() if name in fields}
        page = _submit(browser, urljoin(str(page.url), str(form.get("action") or "")), fields)
    raise RuntimeError(f"no way back to the hub: {page.url}")


def _submit(browser: Browser, url: str, fields: dict[str, str]) -> httpx.Response:
    return browser.elsewhere("POST", url, data=fields)
