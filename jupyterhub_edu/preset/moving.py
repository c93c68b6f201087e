"""Moving over: what stands under ``c.LDAPAuthenticator``, ``c.LTI13Authenticator``... fills the sources of that type."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, create_model, model_validator
from traitlets.config.loader import LazyConfigValue

from jupyterhub_edu.identity import SOURCE_TYPES, SourceType, SourceTypes

__all__ = ["Refusals", "source_types"]

_OURS: Final = "EduAuthenticator"
_Translate = Callable[[Mapping[str, Any]], dict[str, Any] | list[str]]


@dataclass(frozen=True, slots=True)
class _Former:
    """An authenticator that was there before.

    Attributes:
        section: where its options stand.
        load: loads its traits and what they become, with all that the kind of source rests on.
        known_by_name: its traits have names that no other's have, so that under our own section too they are its.
    """

    section: str
    load: Callable[[], tuple[Mapping[str, str], _Translate]]
    known_by_name: bool = False


def _ldap() -> tuple[Mapping[str, str], _Translate]:
    from jupyterhub_edu.identity.ldap import moving

    return moving.TRAITS, moving.from_ldapauthenticator


def _oidc() -> tuple[Mapping[str, str], _Translate]:
    from jupyterhub_edu.identity.oidc import moving

    return moving.TRAITS, moving.from_genericoauthenticator


def _entra() -> tuple[Mapping[str, str], _Translate]:
    from jupyterhub_edu.identity.entra import moving

    return moving.TRAITS, lambda options: moving.from_azuread(options, os.environ)


def _lti() -> tuple[Mapping[str, str], _Translate]:
    from jupyterhub_edu.identity.lti import moving

    return moving.TRAITS, moving.from_ltiauthenticator


_FORMER: Final[Mapping[str, _Former]] = {
    "ldap": _Former("LDAPAuthenticator", _ldap, known_by_name=True),
    # OAuthenticator's traits have names that others have too, so that only the own section tells whose they are.
    "oidc": _Former("GenericOAuthenticator", _oidc),
    "entra": _Former("AzureAdOAuthenticator", _entra),
    "lti": _Former("LTI13Authenticator", _lti, known_by_name=True),
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
    load, refusals = dict(SOURCE_TYPES.load), []
    for kind, former in _FORMER.items():
        settings = _translated(c, former)
        if isinstance(settings, list):
            refusals += [f"{former.section}.{refusal}" for refusal in settings]
        elif settings:
            load[kind] = _filled(SOURCE_TYPES[kind], settings)
    if refusals:
        raise Refusals("\n".join(refusals))
    return SourceTypes(load)


def _translated(c: Any, former: _Former) -> dict[str, Any] | list[str]:
    """What the options become that are set under the former authenticator's name or ours, or every refusal."""
    sections = [former.section, *([_OURS] if former.known_by_name else [])]
    if not any(section in c for section in sections):
        return {}
    traits, translate = former.load()
    options = {
        name: value.get_value([]) if isinstance(value, LazyConfigValue) else value
        for section in sections
        if section in c
        for name, value in c[section].items()
        if section == former.section or name in traits
    }
    return translate(options) if options else {}


def _filled(kind: SourceType, settings: Mapping[str, Any]) -> Callable[[], SourceType]:
    """Loads the same kind of source, its model with starting values."""

    def fill(cls: type[BaseModel], data: Any) -> Any:
        return {**settings, **data} if isinstance(data, dict) else data

    method: Any = classmethod(fill)
    validators: Any = {"fill": model_validator(mode="before")(method)}
    name, base = kind.settings.__name__, kind.settings
    model = create_model(name, __base__=base, __validators__=validators)
    filled = dataclasses.replace(kind, settings=model)
    return lambda: filled
