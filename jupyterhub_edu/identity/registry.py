"""The kinds of identity source that a campus file may name.

``preset`` hands this table to ``campus``, which validates each source's settings with the model and knows nothing else
about it. Of a source's keys, ``type``, ``title``, ``adopt``, ``refresh`` and ``courses`` are the campus file's own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from pydantic import BaseModel

from jupyterhub_edu.ports import Clock, IdentitySource, Safe

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


class SourceTypes(Mapping[str, SourceType]):
    """Kinds of source by the word for ``type:``, each loaded when it is asked for: a hub pays for those that its file names.

    Attributes:
        load: by word, what loads the kind.
    """

    def __init__(self, load: dict[str, Callable[[], SourceType]]) -> None:
        self.load = load

    def __getitem__(self, word: str) -> SourceType:
        return self.load[word]()

    def __contains__(self, word: object) -> bool:
        return word in self.load

    def __iter__(self) -> Iterator[str]:
        return iter(self.load)

    def __len__(self) -> int:
        return len(self.load)


@cache
def _entra() -> SourceType:
    from .entra import COURSE_FIELDS, EntraSettings, make_entra

    return SourceType(
        EntraSettings,
        lambda id, settings, world: make_entra(id, settings, world.clock, world.safe),
        "Work or school account",
        course_fields=COURSE_FIELDS,
        link_attributes=lambda settings: settings.attributes,
        needs_safe=True,
    )


@cache
def _ldap() -> SourceType:
    from .ldap import LdapSettings, LdapSource

    return SourceType(
        LdapSettings,
        lambda id, settings, world: LdapSource(id, settings, world.clock),
        "Directory account",
        link_attributes=lambda settings: settings.attributes,
    )


@cache
def _lti() -> SourceType:
    from .lti import LtiSettings, LtiSource, linked_by

    return SourceType(
        LtiSettings,
        lambda id, settings, world: LtiSource(id, settings, world.clock, world.safe),
        "Learning platform",
        course_fields=("id", "label", "title", "sourcedid", "platform"),
        link_attributes=linked_by,
        needs_safe=True,
    )


@cache
def _moodle() -> SourceType:
    from .moodle import MoodleSettings, MoodleSource

    return SourceType(
        MoodleSettings,
        lambda id, settings, world: MoodleSource(id, settings, world.clock),
        "Moodle",
        course_fields=("id", "shortname", "idnumber", "category"),
        link_attributes=lambda settings: ("idnumber",) if settings.idnumber_is_locked else (),
    )


@cache
def _oidc() -> SourceType:
    from .oidc import OidcSettings, OidcSource

    return SourceType(
        OidcSettings,
        lambda id, settings, world: OidcSource(id, settings, world.clock, world.safe),
        "Campus account",
        link_attributes=lambda settings: settings.attributes,
        needs_safe=True,
    )


@cache
def _roster() -> SourceType:
    from .roster import RosterFileSource, RosterSettings

    return SourceType(
        RosterSettings,
        lambda id, settings, world: RosterFileSource(id, settings, world.clock),
        "Course account",
        course_fields=("id",),
    )


SOURCE_TYPES: Final = SourceTypes(
    {
        "entra": _entra,
        "ldap": _ldap,
        "lti": _lti,
        "moodle": _moodle,
        "oidc": _oidc,
        "roster": _roster,
    }
)
