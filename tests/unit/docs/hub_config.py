"""A ``jupyterhub_config.py`` run as the hub would run it, without a hub."""

from __future__ import annotations

import jupyterhub.app
import jupyterhub.auth
import jupyterhub.httpclient
import jupyterhub.spawner
import kubespawner
import ldapauthenticator
import oauthenticator.azuread
import oauthenticator.generic
import pytest
from traitlets.config import Config

from jupyterhub_edu.authenticator import EduAuthenticator
from jupyterhub_edu.preset import configure
from jupyterhub_edu.spawner import EduLocalSpawner, EduSpawner

from .blocks import ROOT

_CLASSES = {
    cls.__name__: cls
    for cls in (
        jupyterhub.app.JupyterHub,
        jupyterhub.auth.Authenticator,
        jupyterhub.httpclient.JupyterHubHTTPClient,
        jupyterhub.spawner.Spawner,
        kubespawner.KubeSpawner,
        ldapauthenticator.LDAPAuthenticator,
        oauthenticator.azuread.AzureAdOAuthenticator,
        oauthenticator.generic.GenericOAuthenticator,
        EduAuthenticator,
        EduLocalSpawner,
        EduSpawner,
    )
}


def run_config(text: str, campus: str, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Run a configuration, and look for traits that do not exist; ``setup`` leaves nothing behind in this process.

    Args:
        campus: the campus file that it finds, from the root of the repository.
    """
    monkeypatch.setenv("JUPYTERHUB_EDU_CAMPUS", str(ROOT / campus))
    for secret in ("HUB_LDAP_PASSWORD", "PROMETHEUS_TOKEN"):
        monkeypatch.setenv(secret, "secret")
    for name in ("provide", "add_check", "add_routes"):
        monkeypatch.setattr(configure, name, lambda _: None)
    config = Config()
    names = {"c": config, "get_config": lambda: config}
    exec(compile(text, "jupyterhub_config.py", "exec", dont_inherit=True), names)  # noqa: S102 - that is what the hub does
    for section, traits in config.items():
        known = _CLASSES[section].class_trait_names(config=True)
        assert [name for name in traits if name not in known] == [], section
    return config
