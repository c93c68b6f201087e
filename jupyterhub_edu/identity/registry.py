"""The kinds of identity source that a campus file may name.

``preset`` hands this table to ``campus``, which validates each source's settings with the model and knows nothing else
about it. Of a source's keys, ``type``, ``title``, ``adopt``, ``refresh`` and ``courses`` are the campus file's own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from jupyterhub_edu.ports import Clock, IdentitySource, Safe

from .entra import COURSE_FIELDS, EntraSettings, make_entra
from .ldap import LdapSettings, LdapSource
from .lti import LtiSettings, LtiSource, linked_by
from .moodle import MoodleSettings, MoodleSource
from .oidc import OidcSettings, OidcSource
from .roster import RosterFileSource, RosterSettings

__all__ = ["SOURCE_TYPES", "SourceType", "Surroundings"]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every source is given beside its settings."""

    clock: Clock
    safe: Safe


@dataclass(frozen=True, slots=True)
class SourceType:
    """One kind of source.

    Attributes:
        settings: model of its keys in the campus file; validated with the context ``{"folder": Path}``, the folder of
            the file in which the source stands, and with secrets already in place.
        make: builds the source from its id and valid settings; opens nothing.
        title: what the login page calls a source that has no ``title``.
        course_fields: fields of the courses that it states itself; none if it knows only groups.
        link_attributes: which attributes of people link rules may compare, by the source's settings.
        needs_safe: it keeps secrets, so that the hub must have a key to seal them with.
    """

    settings: type[BaseModel]
    make: Callable[[str, Any, Surroundings], IdentitySource]
    title: str
    course_fields: tuple[str, ...] = ()
    link_attributes: Callable[[Any], Collection[str]] = lambda settings: ()
    needs_safe: bool = False


SOURCE_TYPES: Final[Mapping[str, SourceType]] = {
    "entra": SourceType(
        EntraSettings,
        lambda id, settings, world: make_entra(id, settings, world.clock, world.safe),
        "Work or school account",
        course_fields=COURSE_FIELDS,
        link_attributes=lambda settings: settings.attributes,
        needs_safe=True,
    ),
    "ldap": SourceType(
        LdapSettings,
        lambda id, settings, world: LdapSource(id, settings, world.clock),
        "Directory account",
        link_attributes=lambda settings: settings.attributes,
    ),
    "lti": SourceType(
        LtiSettings,
        lambda id, settings, world: LtiSource(id, settings, world.clock, world.safe),
        "Learning platform",
        course_fields=("id", "label", "title", "sourcedid", "platform"),
        link_attributes=linked_by,
        needs_safe=True,
    ),
    "moodle": SourceType(
        MoodleSettings,
        lambda id, settings, world: MoodleSource(id, settings, world.clock),
        "Moodle",
        course_fields=("id", "shortname", "idnumber", "category"),
        link_attributes=lambda settings: ("idnumber",) if settings.idnumber_is_locked else (),
    ),
    "oidc": SourceType(
        OidcSettings,
        lambda id, settings, world: OidcSource(id, settings, world.clock, world.safe),
        "Campus account",
        link_attributes=lambda settings: settings.attributes,
        needs_safe=True,
    ),
    "roster": SourceType(
        RosterSettings,
        lambda id, settings, world: RosterFileSource(id, settings, world.clock),
        "Course account",
        course_fields=("id",),
    ),
}
