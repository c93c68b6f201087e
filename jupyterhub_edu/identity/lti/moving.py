"""Moving over from ltiauthenticator: what each option of its LTI13Authenticator becomes here.

Every trait of ltiauthenticator 1.6.3 for LTI 1.3 stands in ``TRAITS``; each works, or is refused with its successor. What
changes for the better without being asked for: keys are fetched once and not at every launch, nobody is known by an
e-mail address, courses and roles are read, and launches work from a frame.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from jupyterhub_edu.identity.former import Refused, Step, translate
from jupyterhub_edu.identity.tokens import ALGORITHMS

__all__ = ["PLATFORM", "TRAITS", "from_ltiauthenticator"]

PLATFORM: Final = "lms"
"""The name that the one platform of ltiauthenticator gets here."""

TRAITS: Final[Mapping[str, str]] = {
    "authorize_url": "platforms.lms.authorize",
    "client_id": "platforms.lms.client_id",
    "issuer": "platforms.lms.issuer",
    "jwks_endpoint": "platforms.lms.keys",
    "jwks_algorithms": "nothing: every kind of signature that needs a private key is accepted",
    "username_key": "platforms.lms.login, such as custom.NAME for custom_NAME; never an e-mail address",
    "uri_scheme": "nothing: c.JupyterHub.public_url says how the hub is reached",
    "tool_name": "tool_name",
    "tool_description": "tool_description",
}
"""Each trait with what it becomes in the campus file."""

_CUSTOM: Final = re.compile(r"custom_([A-Za-z0-9_]{1,64})")


def from_ltiauthenticator(config: Mapping[str, Any]) -> dict[str, Any] | list[str]:
    """Translate LTI13Authenticator's options into the keys of a source of type ``lti``.

    Args:
        config: values by trait, as set under ``c.LTI13Authenticator`` or ``c.EduAuthenticator``.

    Returns:
        Keys for the campus file, yet to be validated; or every refusal, as sentences that begin with the trait's name.
    """
    unknown = (
        f"{name}: LTI13Authenticator has no such option" for name in config if name not in TRAITS
    )
    platform = translate(config, _STEPS, unknown)
    if isinstance(platform, list):
        return platform
    platform = {"kind": "other", "deployments": "any", **platform}
    tool = {key: config[key] for key in ("tool_name", "tool_description") if config.get(key)}
    return {"platforms": {PLATFORM: platform}, **tool}


def _addresses(config: Mapping[str, Any]) -> dict[str, Any]:
    names = {"authorize_url": "authorize", "issuer": "issuer", "jwks_endpoint": "keys"}
    missing = [trait for trait in names if not config.get(trait)]
    if missing:
        raise Refused(f"{missing[0]}: not set; write it as {TRAITS[missing[0]]}")
    return {key: config[trait] for trait, key in names.items()}


def _client_id(config: Mapping[str, Any]) -> dict[str, Any]:
    given = config.get("client_id") or ()
    ids = [given] if isinstance(given, str) else sorted(given)
    if len(ids) != 1:
        raise Refused(
            "client_id: exactly one is understood; write every registration as a platform of its own, with its client_id"
        )
    return {"client_id": ids[0]}


def _login(config: Mapping[str, Any]) -> dict[str, Any]:
    key = config.get("username_key", "email") or "sub"
    if key == "sub":
        return {"login": "sub"}
    if found := _CUSTOM.fullmatch(key):
        return {"login": f"custom.{found[1]}"}
    raise Refused(
        f"username_key: {key} (the default is email) changes hands or names several people; set {TRAITS['username_key']}"
    )


def _algorithms(config: Mapping[str, Any]) -> dict[str, Any]:
    others = set(config.get("jwks_algorithms") or ()) - set(ALGORITHMS)
    if others:
        raise Refused(
            f"jwks_algorithms: {', '.join(sorted(others))} cannot be accepted; leave it out"
        )
    return {}


def _scheme(config: Mapping[str, Any]) -> dict[str, Any]:
    if config.get("uri_scheme", "auto") != "auto":
        raise Refused(
            "uri_scheme: set c.JupyterHub.public_url to the address that browsers use, with its scheme"
        )
    return {}


_STEPS: Final[tuple[Step, ...]] = (
    _addresses,
    _client_id,
    _login,
    _algorithms,
    _scheme,
)
