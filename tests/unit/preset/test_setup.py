"""What the one line sets, what it leaves alone, and where it finds the campus."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyterhub.httpclient import JupyterHubHTTPClient
from traitlets.config import Config

import jupyterhub_edu
from jupyterhub_edu import desk
from jupyterhub_edu.core import provide
from jupyterhub_edu.hub import running
from jupyterhub_edu.preset import locate

DEMO = Path(__file__).parents[3] / "deploy" / "demo" / "campus.yaml"


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of one configuration reaches the next."""
    monkeypatch.setattr(running, "_routes", [])
    monkeypatch.setattr(running, "_checks", [])
    monkeypatch.delenv(locate.ENVIRONMENT, raising=False)
    yield
    provide(None)


def as_hub_reads(section: Any, name: str, empty: Any) -> Any:
    """The value that the trait would get."""
    value = section[name]
    return value.get_value(empty) if hasattr(value, "get_value") else value


def test_an_empty_configuration_gets_classes_service_role_scopes_and_templates() -> None:
    c = Config()
    jupyterhub_edu.setup(c, str(DEMO), spawner="local")
    hub = c.JupyterHub
    assert hub.authenticator_class.endswith("EduAuthenticator")
    assert hub.spawner_class.endswith("EduLocalSpawner")
    assert [service["name"] for service in as_hub_reads(hub, "services", [])] == ["jupyterhub-edu"]
    assert [role["name"] for role in as_hub_reads(hub, "load_roles", [])] == ["jupyterhub-edu"]
    assert str(desk.TEMPLATES) in as_hub_reads(hub, "template_paths", [])
    assert set(desk.CUSTOM_SCOPES) <= set(hub.custom_scopes)
    assert set(desk.CUSTOM_SCOPES) <= set(hub.extra_user_scopes)


def test_what_stands_in_the_configuration_stays() -> None:
    c = Config()
    c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
    c.JupyterHub.services = [{"name": "culler"}]
    c.JupyterHub.load_roles = [{"name": "culler"}]
    c.JupyterHub.template_paths = ["/mine"]
    c.JupyterHub.custom_scopes = {"custom:mine:read": {"description": "mine"}}
    c.JupyterHub.extra_user_scopes = {"custom:mine:read"}
    jupyterhub_edu.setup(c, DEMO)
    hub = c.JupyterHub
    assert hub.spawner_class.endswith("EduSpawner")
    assert [service["name"] for service in hub.services] == ["culler", "jupyterhub-edu"]
    assert [role["name"] for role in hub.load_roles] == ["culler", "jupyterhub-edu"]
    assert hub.template_paths[0] == "/mine"
    assert "custom:mine:read" in hub.custom_scopes
    assert "custom:mine:read" in hub.extra_user_scopes


CONNECTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing is set": ({}, {"force_close": True}),
    "something else is": ({"limit": 9}, {"limit": 9, "force_close": True}),
    "they are to be kept": ({"force_close": False}, {"force_close": False}),
    "they are to be kept for so long": ({"keepalive_timeout": 2}, {"keepalive_timeout": 2}),
}


@pytest.mark.parametrize("lazily", [False, True])
@pytest.mark.parametrize(("own", "options"), CONNECTIONS.values(), ids=CONNECTIONS)
async def test_the_hub_keeps_no_connection_to_its_proxy(
    own: dict[str, Any], options: dict[str, Any], lazily: bool
) -> None:
    c = Config()
    if lazily:
        c.JupyterHubHTTPClient.connector_options.update(own)
    elif own:
        c.JupyterHubHTTPClient.connector_options = own
    jupyterhub_edu.setup(c, DEMO)
    client = JupyterHubHTTPClient(config=c)
    assert client.connector_options == options
    connector = client._new_connector()
    assert connector.force_close is options.get("force_close", False)
    await connector.close()


def test_on_hub_5_the_user_role_keeps_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyterhub.version_info", (5, 5, 0))
    fresh, own = Config(), Config()
    own.JupyterHub.load_roles = [{"name": "user", "scopes": ["self", "shares!user"]}]
    jupyterhub_edu.setup(fresh, DEMO)
    jupyterhub_edu.setup(own, DEMO)
    scopes = sorted(desk.CUSTOM_SCOPES)
    roles = {role["name"]: role for role in as_hub_reads(fresh.JupyterHub, "load_roles", [])}
    assert roles["user"]["scopes"] == ["self", *scopes]
    assert own.JupyterHub.load_roles[0]["scopes"] == ["self", "shares!user", *scopes]


def test_the_environment_names_the_campus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(locate.ENVIRONMENT, str(DEMO))
    jupyterhub_edu.setup(Config())


def test_the_document_itself_may_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="mistakes"):
        jupyterhub_edu.setup(Config(), {"nmae": "Fjord"})


REFUSED = {
    "no campus file": ({}, "no campus file"),
    "a campus file that is not there": (
        {"campus": "/nowhere/campus.yaml"},
        "/nowhere/campus.yaml",
    ),
    "an unknown spawner": ({"campus": DEMO, "spawner": "swarm"}, "spawner='swarm' is not known"),
}


@pytest.mark.parametrize(("how", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(how: dict[str, Any], words: str) -> None:
    how = dict(how)
    campus = how.pop("campus", None)
    with pytest.raises(SystemExit, match=words):
        jupyterhub_edu.setup(Config(), campus, **how)


def test_a_hub_loads_no_source_that_its_campus_file_does_not_name() -> None:
    code = (
        "import sys, jupyterhub_edu; from traitlets.config import Config; "
        f"jupyterhub_edu.setup(Config(), {str(DEMO)!r}, spawner='local'); "
        "known = ('ldap3', *(f'jupyterhub_edu.identity.{kind}' for kind in jupyterhub_edu.identity.SOURCE_TYPES)); "
        "print([name for name in known if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['jupyterhub_edu.identity.roster']\n"
