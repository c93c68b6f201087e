"""LDAPAuthenticator's options go on working, or are refused with their successor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from traitlets.config import Config

from jupyterhub_edu import campus
from jupyterhub_edu.core import provide
from jupyterhub_edu.preset.moving import Refusals, source_types


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    yield
    provide(None)


def an_old_hub(**more: Any) -> Config:
    c = Config()
    c.LDAPAuthenticator.server_address = "ldap.fjord.example"
    c.LDAPAuthenticator.tls_strategy = "on_connect"
    c.LDAPAuthenticator.bind_dn_template = "uid={username},ou=People,dc=fjord,dc=example"
    for name, value in more.items():
        c.LDAPAuthenticator[name] = value
    return c


def load(c: Config, **source: Any) -> campus.Loaded:
    document = {
        "name": "Fjord",
        "time_zone": "Europe/Oslo",
        "contact": "it@fjord.example",
        "sources": {
            "ldap": {
                "type": "ldap",
                "adopt": True,
                "groups": "ou=Courses,dc=fjord,dc=example",
                **source,
            }
        },
        "rules": [{"source": "ldap", "group": "CN=<course>,*", "course_role": "student"}],
        "flavors": {"cpu": {}},
        "profiles": {
            "notebook": {
                "title": "Notebook",
                "flavor": "cpu",
                "cpu": {"guarantee": 0.5, "limit": 1},
                "memory": {"guarantee": "1Gi", "limit": "2Gi"},
                "image": "quay.io/jupyter/base-notebook:2026-10-01",
            }
        },
        "course_defaults": {"offers": {"student": ["notebook"]}},
        "courses": {"ml": {"title": "Machine Learning"}},
    }
    return campus.load_data(document, "test", source_types(c))


def test_the_options_of_the_configuration_fill_the_source() -> None:
    settings: Any = load(an_old_hub()).sources["ldap"]
    assert [str(server) for server in settings.servers] == ["ldaps://ldap.fjord.example:636"]
    assert settings.people == "ou=People,dc=fjord,dc=example"


def test_what_the_campus_file_says_wins() -> None:
    settings: Any = load(an_old_hub(), servers=["ldaps://new.fjord.example"]).sources["ldap"]
    assert [str(server) for server in settings.servers] == ["ldaps://new.fjord.example"]


def test_without_such_options_nothing_is_filled() -> None:
    with pytest.raises(campus.CampusError, match="servers"):
        load(Config())


def test_every_option_that_cannot_stay_is_named() -> None:
    with pytest.raises(Refusals) as refused:
        source_types(an_old_hub(auth_state_attributes=["mail"], no_such_option=1))
    assert "auth_state_attributes" in str(refused.value)
    assert "no_such_option" in str(refused.value)


def an_old_azure_hub(**more: Any) -> Config:
    c = Config()
    c.AzureAdOAuthenticator.tenant_id = "8f1c2d3e-0000-4000-8000-000000000001"
    c.AzureAdOAuthenticator.client_id = "8f1c2d3e-0000-4000-8000-000000000002"
    c.AzureAdOAuthenticator.client_secret = "a~secret-value"
    c.AzureAdOAuthenticator.username_claim = "preferred_username"
    for name, value in more.items():
        c.AzureAdOAuthenticator[name] = value
    return c


def test_azureads_options_fill_a_source_of_type_entra() -> None:
    kind = source_types(an_old_azure_hub())["entra"]
    settings: Any = kind.settings.model_validate({"login_domain": "fjord.example"})
    assert settings.tenant == "8f1c2d3e-0000-4000-8000-000000000001"
    assert settings.login_domain == "fjord.example"


def test_azureads_display_names_cannot_stay() -> None:
    with pytest.raises(Refusals, match=r"AzureAdOAuthenticator.username_claim: .* login_claim"):
        source_types(an_old_azure_hub(username_claim="name"))


def test_what_stands_under_our_own_name_is_not_taken_for_azureads() -> None:
    c = an_old_azure_hub()
    c.EduAuthenticator.allow_existing_users = True
    c.EduAuthenticator.custom_403_message = "No."
    source_types(c)


def an_old_lti_hub(**more: Any) -> Config:
    c = Config()
    c.LTI13Authenticator.issuer = "https://moodle.fjord.example"
    c.LTI13Authenticator.authorize_url = "https://moodle.fjord.example/mod/lti/auth.php"
    c.LTI13Authenticator.jwks_endpoint = "https://moodle.fjord.example/mod/lti/certs.php"
    c.LTI13Authenticator.client_id = {"AbC123"}
    c.LTI13Authenticator.username_key = "custom_uname"
    for name, value in more.items():
        c.LTI13Authenticator[name] = value
    return c


def test_ltiauthenticators_options_fill_a_source_of_type_lti() -> None:
    kind = source_types(an_old_lti_hub(tool_name="Lab"))["lti"]
    settings: Any = kind.settings.model_validate({})
    assert settings.platforms["lms"].keys == "https://moodle.fjord.example/mod/lti/certs.php"
    assert settings.platforms["lms"].login == "custom.uname"
    assert settings.tool_name == "Lab"


def test_refusals_name_the_authenticator_that_they_are_of() -> None:
    c = an_old_hub(no_such_option=1)
    c.merge(an_old_lti_hub(username_key="email"))
    with pytest.raises(Refusals) as refused:
        source_types(c)
    assert "LDAPAuthenticator.no_such_option" in str(refused.value)
    assert "LTI13Authenticator.username_key" in str(refused.value)
