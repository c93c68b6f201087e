"""The npm package ``oidc-provider`` as a process: a certified provider that is strict where Keycloak is lenient."""

import contextlib
import json
from pathlib import Path
from typing import Any

import httpx

from tests.directories.process import ServerProcess, answers, free_port
from tests.no_tls import NO_TLS
from tests.providers.browser import CALLBACK

SECRET = "only for this run: +/=%&"
_CLIENT = {
    "client_id": "hub",
    "client_secret": SECRET,
    "redirect_uris": [CALLBACK],
    "post_logout_redirect_uris": ["https://hub.campus.example/hub/logged-out"],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
}


class OidcProvider:
    """A provider with accounts that tests add.

    Args:
        folder: with the package and the server.
        node: the program.
        client: changes of the client's metadata.
        settings: changes of the provider's configuration, as it names them.
    """

    def __init__(
        self,
        folder: Path,
        node: Path,
        client: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
    ) -> None:
        self.process = ServerProcess("oidc-provider")
        self._folder, self._node = folder, node
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        config = {"clients": [_CLIENT | (client or {})], "settings": settings or {}}
        (self.process.folder / "config.json").write_text(json.dumps(config))

    def start(self) -> None:
        """Start it.

        Raises:
            RuntimeError: it did not start.
        """
        config = str(self.process.folder / "config.json")
        command = [str(self._node), str(self._folder / "server.mjs"), str(self.port), config]
        self.process.launch(command, self._is_ready)

    def set_account(self, login: str, claims: dict[str, Any] | None) -> None:
        """Add or change an account; None removes it."""
        self._control("accounts", {login: claims})

    def end_sessions(self, login: str) -> None:
        """End what somebody's last login was granted."""
        self._control("sessions", {"login": login})

    def _control(self, what: str, body: Any) -> None:
        url = f"{self.issuer}/control/{what}"
        httpx.post(url, json=body, timeout=60, verify=NO_TLS).raise_for_status()

    def _is_ready(self) -> bool:
        if not answers("127.0.0.1", self.port):
            return False
        with contextlib.suppress(httpx.HTTPError):
            url = f"{self.issuer}/.well-known/openid-configuration"
            return httpx.get(url, timeout=30, verify=NO_TLS).status_code == 200
        return False
