"""Moving over from LDAPAuthenticator: what stands under ``c.LDAPAuthenticator`` fills sources of type ``ldap``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, create_model, model_validator
from traitlets.config.loader import LazyConfigValue

from jupyterhub_edu.identity import SOURCE_TYPES, SourceType
from jupyterhub_edu.identity.ldap.moving import TRAITS, from_ldapauthenticator

__all__ = ["Refusals", "source_types"]

_SECTIONS = ("LDAPAuthenticator", "EduAuthenticator")


class Refusals(ValueError):
    """Options that cannot mean the same here; the text names each with its successor."""


def source_types(c: Any) -> Mapping[str, SourceType]:
    """The kinds of source, ``ldap`` with LDAPAuthenticator's options of this configuration as its starting values.

    Always holds:
        - what a source says in the campus file wins over what stands in the configuration;
        - every option works or is refused with its successor; none is ignored.

    Raises:
        Refusals: with all of them.
    """
    options = _options(c)
    if not options:
        return SOURCE_TYPES
    settings = from_ldapauthenticator(options)
    if isinstance(settings, list):
        raise Refusals("\n".join(settings))
    ldap = SOURCE_TYPES["ldap"]
    return {
        **SOURCE_TYPES,
        "ldap": dataclasses.replace(ldap, settings=_filled(ldap.settings, settings)),
    }


def _options(c: Any) -> dict[str, Any]:
    """LDAPAuthenticator's options that are set, under its own name or ours."""
    return {
        name: value.get_value([]) if isinstance(value, LazyConfigValue) else value
        for section in _SECTIONS
        if section in c
        for name, value in c[section].items()
        if section == "LDAPAuthenticator" or name in TRAITS
    }


def _filled(model: type[BaseModel], settings: Mapping[str, Any]) -> type[BaseModel]:
    """The same model with starting values."""

    def fill(cls: type[BaseModel], data: Any) -> Any:
        return {**settings, **data} if isinstance(data, dict) else data

    method: Any = classmethod(fill)
    validators: Any = {"fill": model_validator(mode="before")(method)}
    return create_model(model.__name__, __base__=model, __validators__=validators)
