"""A real Keycloak as a process, and realms in it, made and changed through its admin REST API."""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.directories.process import ServerProcess, answers, free_port
from tests.no_tls import NO_TLS

_ADMIN = ("admin", "only-for-this-run")
_GROUPS_MAPPER = {
    "name": "groups",
    "protocol": "openid-connect",
    "protocolMapper": "oidc-group-membership-mapper",
    "config": {
        "claim.name": "groups",
        "full.path": "true",
        "id.token.claim": "true",
        "access.token.claim": "false",
        "userinfo.token.claim": "true",
    },
}
_CLIENT_ROLES_MAPPER = {
    "name": "client roles",
    "protocol": "openid-connect",
    "protocolMapper": "oidc-usermodel-client-role-mapper",
    "config": {
        "claim.name": "resource_access.${client_id}.roles",
        "jsonType.label": "String",
        "multivalued": "true",
        "id.token.claim": "true",
        "userinfo.token.claim": "true",
    },
}
_REALM_ROLES_MAPPER = {
    "name": "realm roles",
    "protocol": "openid-connect",
    "protocolMapper": "oidc-usermodel-realm-role-mapper",
    "config": {
        "claim.name": "realm_access.roles",
        "jsonType.label": "String",
        "multivalued": "true",
        "id.token.claim": "true",
        "userinfo.token.claim": "true",
    },
}
MAPPERS = {
    "groups": _GROUPS_MAPPER,
    "client roles": _CLIENT_ROLES_MAPPER,
    "realm roles": _REALM_ROLES_MAPPER,
}


class Keycloak:
    """One server for a whole test run; each module makes realms of its own."""

    def __init__(self, home: Path) -> None:
        self.process = ServerProcess("keycloak", start_seconds=300)
        self._home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._token, self._token_until = "", 0.0

    def start(self) -> None:
        """Start from a copy of the built folder, for Keycloak writes into its own.

        Raises:
            RuntimeError: it did not start.
        """
        copy = self.process.folder / "keycloak"
        if not copy.exists():
            same_disk = self._home.stat().st_dev == self.process.folder.stat().st_dev
            how = ["--link"] if same_disk else []
            subprocess.run(["cp", "--archive", *how, self._home, copy], check=True)
        environment = {
            "JAVA": str(self._mortal_java()),
            "KC_BOOTSTRAP_ADMIN_USERNAME": _ADMIN[0],
            "KC_BOOTSTRAP_ADMIN_PASSWORD": _ADMIN[1],
            "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1",
        }
        command = [
            *("env", *(f"{name}={value}" for name, value in environment.items())),
            *(str(copy / "bin/kc.sh"), "start", "--optimized", "--http-enabled=true"),
            *("--hostname-strict=false", "--http-host=127.0.0.1", f"--http-port={self.port}"),
            "--log-level=warn",
        ]
        self.process.launch(command, self._is_ready)

    def _mortal_java(self) -> Path:
        """Java that dies with Keycloak's script, which runs it as a child and may be killed without a word to it."""
        home = os.environ.get("JAVA_HOME")
        java = f"{home}/bin/java" if home else "java"
        script = self.process.folder / "java"
        script.write_text(f'#!/bin/sh\nexec setpriv --pdeathsig KILL -- "{java}" "$@"\n')
        script.chmod(0o755)
        return script

    def realm(self, name: str, **settings: Any) -> "Realm":
        """Make a realm."""
        self.admin("POST", "", {"realm": name, "enabled": True, "sslRequired": "none", **settings})
        return Realm(self, name)

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """Call the admin REST API below ``/admin/realms``; the answer's JSON, or its Location."""
        answer = httpx.request(
            method,
            f"{self.url}/admin/realms{path}",
            json=body,
            headers={"Authorization": f"Bearer {self._admin_token()}"},
            timeout=60,
            verify=NO_TLS,
        )
        if answer.is_error:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else answer.headers.get("location", "")

    def _admin_token(self) -> str:
        """A token of the administrator's; Keycloak's live a minute."""
        if time.monotonic() > self._token_until:
            name, password = _ADMIN
            answer = httpx.post(
                f"{self.url}/realms/master/protocol/openid-connect/token",
                data={
                    "grant_type": "password",
                    "client_id": "admin-cli",
                    "username": name,
                    "password": password,
                },
                timeout=60,
                verify=NO_TLS,
            )
            self._token = str(answer.raise_for_status().json()["access_token"])
            self._token_until = time.monotonic() + 30
        return self._token

    def _is_ready(self) -> bool:
        if not answers("127.0.0.1", self.port):
            return False
        with contextlib.suppress(httpx.HTTPError):
            url = f"{self.url}/realms/master"
            return httpx.get(url, timeout=30, verify=NO_TLS).status_code == 200
        return False


class Realm:
    """One realm: people, groups, roles and clients."""

    def __init__(self, keycloak: Keycloak, name: str) -> None:
        self.keycloak, self.name = keycloak, name
        self.issuer = f"{keycloak.url}/realms/{name}"
        self._groups: dict[str, str] = {}

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        return self.keycloak.admin(method, f"/{self.name}{path}", body)

    def add_client(
        self, id: str, secret: str, mappers: tuple[str, ...] = tuple(MAPPERS), **settings: Any
    ) -> str:
        """Add a confidential client; its own id in Keycloak."""
        made = self.admin(
            "POST",
            "/clients",
            {
                "clientId": id,
                "secret": secret,
                "redirectUris": ["https://hub.campus.example/*"],
                "attributes": {"post.logout.redirect.uris": "+", **settings.pop("attributes", {})},
                "protocolMappers": [MAPPERS[name] for name in mappers],
                **settings,
            },
        )
        return str(made).rpartition("/")[2]

    def show_accounts_to(self, client: str) -> None:
        """Let a client with a service account see the realm's accounts by the admin API; ``client`` is its own id."""
        account = self.admin("GET", f"/clients/{client}/service-account-user")["id"]
        management = self.admin("GET", "/clients?clientId=realm-management")[0]["id"]
        role = self.admin("GET", f"/clients/{management}/roles/view-users")
        self.admin("POST", f"/users/{account}/role-mappings/clients/{management}", [role])

    def add_group(self, path: str) -> str:
        """Add a group with those above it; its id."""
        if path in self._groups:
            return self._groups[path]
        above, _, name = path.rpartition("/")
        where = f"/groups/{self.add_group(above)}/children" if above else "/groups"
        made = self.admin("POST", where, {"name": name})
        id = made["id"] if isinstance(made, dict) else str(made).rpartition("/")[2]
        self._groups[path] = id
        return id

    def add_person(self, login: str, password: str, name: str = "", **more: Any) -> str:
        """Add somebody who may log in at once; their id, which becomes ``sub``."""
        first, _, last = (name or login).partition(" ")
        made = self.admin(
            "POST",
            "/users",
            {
                "username": login,
                "enabled": True,
                "firstName": first,
                "lastName": last or first,
                "email": f"{login}@campus.example",
                "emailVerified": True,
                "credentials": [{"type": "password", "value": password}],
                **more,
            },
        )
        return str(made).rpartition("/")[2]

    def join(self, person: str, group: str) -> None:
        self.admin("PUT", f"/users/{person}/groups/{self.add_group(group)}", {})

    def leave(self, person: str, group: str) -> None:
        self.admin("DELETE", f"/users/{person}/groups/{self._groups[group]}")

    def change(self, person: str, **values: Any) -> None:
        """Change values of a person, such as ``enabled``."""
        known = self.admin("GET", f"/users/{person}")
        self.admin("PUT", f"/users/{person}", {**known, **values})

    def end_sessions(self, person: str) -> None:
        self.admin("POST", f"/users/{person}/logout")

    def delete(self, person: str) -> None:
        self.admin("DELETE", f"/users/{person}")

    @contextlib.contextmanager
    def disabled(self, person: str) -> Iterator[None]:
        self.change(person, enabled=False)
        try:
            yield
        finally:
            self.change(person, enabled=True)


def find_java() -> str | None:
    """Java, of which Keycloak needs 17 or newer."""
    home = os.environ.get("JAVA_HOME")
    own = Path(home) / "bin/java" if home else None
    return str(own) if own and own.exists() else shutil.which("java")
