"""The kinds of identity source that a campus file may name.

``preset`` hands this table to ``campus``, which validates each source's settings with the model and knows nothing else
about it. Of a source's keys, ``type``, ``title``, ``adopt`` and ``refresh`` are the campus file's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from jupyterhub_edu.ports import Clock, FormSource

from .ldap import LdapSettings, LdapSource
from .roster import RosterSettings, RosterSource

__all__ = ["SOURCE_TYPES", "SourceType"]


@dataclass(frozen=True, slots=True)
class SourceType:
    """One kind of source.

    Attributes:
        settings: model of its keys in the campus file; validated with the context ``{"folder": Path}``, the folder of
            the file in which the source stands, and with secrets already in place.
        make: builds the source from its id and valid settings; opens nothing.
        title: what the login page calls a source that has no ``title``.
    """

    settings: type[BaseModel]
    make: Callable[[str, Any, Clock], FormSource]
    title: str


SOURCE_TYPES: Final[Mapping[str, SourceType]] = {
    "ldap": SourceType(LdapSettings, LdapSource, "Directory account"),
    "roster": SourceType(RosterSettings, RosterSource, "Course account"),
}
