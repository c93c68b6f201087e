"""People who log in elsewhere and come back: a real Keycloak's, and a fake Moodle's."""

from __future__ import annotations

from typing import Any

from tests.directories.campus import COURSES, Campus, Somebody
from tests.fakes.moodle import FakeMoodle
from tests.fakes.moodle.site import SERVICE, Category, Course, Enrolment, Site, User
from tests.hub.browser import Browser
from tests.hub.server import Hub
from tests.providers.keycloak import Realm

from .people import SOURCE, log_in_elsewhere

__all__ = ["KeycloakPeople", "MoodlePeople"]

_SECRET, _TOKEN, _CLIENT = "EDU_TEST_CLIENT_SECRET", "EDU_TEST_MOODLE_TOKEN", "hub"
_CLIENT_SECRET = "only-for-this-run"
_CALLBACK = f"/hub/edu/login/{SOURCE}/callback"
_MOODLE_ROLES = {"student": "student", "assistant": "teacher", "teacher": "editingteacher"}
# The hub's key for what sources must remember.
_SEAL = {"JUPYTERHUB_CRYPT_KEY": "5a" * 32}


class KeycloakPeople:
    """People of a realm of a real Keycloak, in groups ``/courses/<course>/<role>s``; some in a group inside."""

    def __init__(self, realm: Realm, campus: Campus) -> None:
        self.campus, self.realm = campus, realm
        for course in COURSES:
            for role in ("student", "assistant", "teacher"):
                realm.add_group(f"/courses/{course}/{role}s")
            realm.add_group(f"/courses/{course}/students/g1")
        people = [self._row(person) for person in campus.people.values()]
        realm.admin("POST", "/partialImport", {"ifResourceExists": "FAIL", "users": people})

    def source(self) -> dict[str, Any]:
        return {
            "type": "oidc",
            "title": "Fjord account",
            "issuer": self.realm.issuer,
            "client_id": _CLIENT,
            "client_secret": {"env": _SECRET},
            "lookup": "keycloak",
        }

    def rules(self) -> list[dict[str, Any]]:
        return [
            {"source": SOURCE, "group": f"/courses/<course>/{role}s{below}", "course_role": role}
            for role in ("student", "assistant", "teacher")
            for below in ("", "/*")
        ]

    def environ(self) -> dict[str, str]:
        return {_SECRET: _CLIENT_SECRET, **_SEAL}

    def meet(self, hub: Hub) -> None:
        client = self.realm.add_client(
            _CLIENT,
            _CLIENT_SECRET,
            redirectUris=[hub.url + _CALLBACK, f"{hub.url}/*"],
            serviceAccountsEnabled=True,
        )
        self.realm.show_accounts_to(client)

    def log_in(self, browser: Browser, login: str, password: str) -> bool:
        return log_in_elsewhere(browser, login, password)

    def id_of(self, login: str) -> str:
        """Keycloak's own id of somebody."""
        found: list[dict[str, str]] = self.realm.admin(
            "GET", f"/users?username={login}&exact=true"
        )
        return found[0]["id"]

    def _row(self, person: Somebody) -> dict[str, Any]:
        return {
            "username": person.login,
            "enabled": True,
            "firstName": person.given,
            "lastName": person.family,
            "email": f"{person.login}@fjord.example",
            "emailVerified": True,
            "credentials": [{"type": "password", "value": person.password}],
            "groups": [
                f"/courses/{course}/{role}s" + ("/g1" if course in person.nested else "")
                for course, role in person.roles.items()
            ],
        }


class MoodlePeople:
    """People of a fake Moodle; who is in which course is known from its web services alone."""

    def __init__(self, moodle: FakeMoodle, campus: Campus) -> None:
        self.campus, self.moodle = campus, moodle
        moodle.site = self._site(moodle)

    def source(self) -> dict[str, Any]:
        return {
            "type": "moodle",
            "title": "Fjord account",
            "url": self.moodle.url,
            "client_id": _CLIENT,
            "client_secret": {"env": _SECRET},
            "token": {"env": _TOKEN},
            "canary": 2,
            "courses": [{"shortname": "<course>-<term>"}],
        }

    def rules(self) -> list[dict[str, Any]]:
        return []

    def environ(self) -> dict[str, str]:
        return {_SECRET: _CLIENT_SECRET, _TOKEN: self.moodle.site.token, **_SEAL}

    def meet(self, hub: Hub) -> None:
        self.moodle.site.redirect_uris = [hub.url + _CALLBACK]

    def log_in(self, browser: Browser, login: str, password: str) -> bool:
        return log_in_elsewhere(browser, login, password)

    def _site(self, moodle: FakeMoodle) -> Site:
        site = Site(client_id=_CLIENT, client_secret=_CLIENT_SECRET, wwwroot=moodle.url)
        site.categories = {1: Category(1, "Autumn")}
        site.users = {SERVICE: User(SERVICE, "wshub", "Web", "Service")}
        for id, person in enumerate(self.campus.people.values(), start=100):
            site.users[id] = User(
                id, person.login, person.given, person.family, person.password, f"SIS-{id}"
            )
        for id, course in enumerate(COURSES, start=2):
            site.courses[id] = Course(id, f"{course.upper()}-H26", course, f"2026-{course}")
            for user, person in zip(
                [u for u in site.users if u != SERVICE], self.campus.people.values(), strict=True
            ):
                if role := person.roles.get(course):
                    site.enrolments[id, user] = Enrolment([_MOODLE_ROLES[role]])
        return site
