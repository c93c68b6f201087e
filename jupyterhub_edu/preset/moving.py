"""Moving over: what stands under ``c.LDAPAuthenticator``, ``c.LTI13Authenticator``... fills the sources of that type."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, create_model, model_validator
from traitlets.config.loader import LazyConfigValue

from jupyterhub_edu.identity import SOURCE_TYPES, SourceType
from jupyterhub_edu.identity.entra import moving as entra
from jupyterhub_edu.identity.ldap import moving as ldap
from jupyterhub_edu.identity.lti import moving as lti
from jupyterhub_edu.identity.oidc import moving as oidc

__all__ = ["Refusals", "source_types"]

_OURS: Final = "EduAuthenticator"


@dataclass(frozen=True, slots=True)
class _Former:
    """An authenticator that was there before: its section, its traits, and what they become."""

    section: str
    traits: Mapping[str, str]
    translate: Callable[[Mapping[str, Any]], dict[str, Any] | list[str]]


_FORMER: Final[Mapping[str, _Former]] = {
    "ldap": _Former("LDAPAuthenticator", ldap.TRAITS, ldap.from_ldapauthenticator),
    # OAuthenticator's traits have names that others have too, so that only the own section tells whose they are.
    "oidc": _Former("GenericOAuthenticator", {}, oidc.from_genericoauthenticator),
    "entra": _Former(
        "AzureAdOAuthenticator", {}, lambda options: entra.from_azuread(options, os.environ)
    ),
    "lti": _Former("LTI13Authenticator", lti.TRAITS, lti.from_ltiauthenticator),
}
"""By the type of source that they fill."""


class Refusals(ValueError):
    """Options that cannot mean the same here; the text names each with its successor."""


def source_types(c: Any) -> Mapping[str, SourceType]:
    """The kinds of source, with the options of a former authenticator in this configuration as starting values.

    Always holds:
        - what a source says in the campus file wins over what stands in the configuration;
        - every option works or is refused with its successor; none is ignored.

    Raises:
        Refusals: with all of them.
    """
    types, refusals = dict(SOURCE_TYPES), []
    for kind, former in _FORMER.items():
        options = _options(c, former)
        settings = former.translate(options) if options else {}
        if isinstance(settings, list):
            refusals += [f"{former.section}.{refusal}" for refusal in settings]
        elif settings:
            filled = _filled(types[kind].settings, settings)
            types[kind] = dataclasses.replace(types[kind], settings=filled)
    if refusals:
        raise Refusals("\n".join(refusals))
    return types


def _options(c: Any, former: _Former) -> dict[str, Any]:
    """The options that are set, under the former authenticator's name or ours."""
    return {
        name: value.get_value([]) if isinstance(value, LazyConfigValue) else value
        for section in (former.section, _OURS)
        if section in c
        for name, value in c[section].items()
        if section == former.section or name in former.traits
    }


def _filled(model: type[BaseModel], settings: Mapping[str, Any]) -> type[BaseModel]:
    """The same model with starting values."""

    def fill(cls: type[BaseModel], data: Any) -> Any:
        return {**settings, **data} if isinstance(data, dict) else data

    method: Any = classmethod(fill)
    validators: Any = {"fill": model_validator(mode="before")(method)}
    return create_model(model.__name__, __base__=model, __validators__=validators)
