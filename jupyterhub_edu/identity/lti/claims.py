"""The claims of a launch, read once and bounded; everything in them is hostile text.

Source:
    LTI Core 1.3, section 5 (message claims); Names and Role Provisioning Services 2.0, section 3.6.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from jupyterhub_edu.domain.people import CourseRef
from jupyterhub_edu.identity.tokens import BadToken

__all__ = ["Context", "LaunchClaims", "parse_launch", "present"]

_CLAIM: Final = "https://purl.imsglobal.org/spec/lti/claim/"
_NAMES_AND_ROLES: Final = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
_LONGEST_ID: Final = 255
_LONGEST_NAME: Final = 512
_LONGEST_URL: Final = 2048
_TITLES: Final = ("label", "title")


@dataclass(frozen=True, slots=True)
class Context:
    """The course that a launch comes from.

    Attributes:
        roster: where Names and Roles tells who is in it, or ``""``.
    """

    id: str
    names: tuple[tuple[str, str], ...] = ()
    roster: str = ""

    def ref(self, platform: str) -> CourseRef:
        """The course as the source names it: ids of several platforms are never the same."""
        return CourseRef(f"{platform}/{self.id}", (*self.names, ("platform", platform)))


@dataclass(frozen=True, slots=True)
class LaunchClaims:
    """What a launch said.

    Attributes:
        subject: the platform's immutable id for the person.
        target: where it wants to go; to be checked before anybody is sent there.
        roles: as they came.
        named: other values by their dotted names (``ext.user_username``); absent ones are not there.
    """

    subject: str
    name: str
    deployment: str
    target: str
    roles: tuple[object, ...]
    context: Context | None
    named: Mapping[str, str] = field(repr=False)


def present(value: object) -> str:
    """A value that may be a name; ``""`` for what is absent: a custom value that still has its ``$`` was never filled in."""
    if not isinstance(value, str) or len(value) > _LONGEST_NAME or not value.isprintable():
        return ""
    value = value.strip()
    return "" if value.startswith("$") else value


def parse_launch(claims: Mapping[str, Any]) -> LaunchClaims:
    """Read the claims of a token that has been checked.

    Raises:
        BadToken: it is no launch of LTI 1.3, or a part of it is not what it has to be.
    """
    if claims.get(f"{_CLAIM}version") != "1.3.0":
        raise BadToken("it is no message of LTI 1.3")
    if claims.get(f"{_CLAIM}message_type") != "LtiResourceLinkRequest":
        raise BadToken("it is no launch of a link in a course")
    roles = claims.get(f"{_CLAIM}roles")
    if not isinstance(roles, list):
        raise BadToken("its roles are no list")
    link = _object(claims, "resource_link")
    if link is None or not _text(link.get("id")):
        raise BadToken("it names no link")
    return LaunchClaims(
        subject=_require(claims, "sub"),
        name=present(claims.get("name")),
        deployment=_require(claims, f"{_CLAIM}deployment_id"),
        target=_require(claims, f"{_CLAIM}target_link_uri", _LONGEST_URL),
        roles=tuple(roles),
        context=_context(claims),
        named=_named(claims),
    )


def _context(claims: Mapping[str, Any]) -> Context | None:
    found = _object(claims, "context")
    if found is None:
        return None
    id = _text(found.get("id"))
    if not id:
        raise BadToken("its course has no id")
    lis = _object(claims, "lis") or {}
    sourced = lis.get("course_section_sourcedid") or lis.get("course_offering_sourcedid")
    names = [(key, present(found.get(key))) for key in _TITLES]
    names.append(("sourcedid", present(sourced)))
    service = claims.get(_NAMES_AND_ROLES)
    roster = service.get("context_memberships_url") if isinstance(service, dict) else None
    return Context(id, tuple((k, v) for k, v in names if v), _text(roster, _LONGEST_URL))


def _named(claims: Mapping[str, Any]) -> dict[str, str]:
    return {
        f"{part}.{key}": value
        for part in ("ext", "lis", "custom")
        for key, raw in (_object(claims, part) or {}).items()
        if (value := present(raw))
    }


def _object(claims: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """One of the claims that are objects; None if it is not there.

    Raises:
        BadToken: it is there and no object.
    """
    found = claims.get(f"{_CLAIM}{name}")
    if found is not None and not isinstance(found, dict):
        raise BadToken(f"its {name} is no object")
    return found


def _text(value: object, longest: int = _LONGEST_ID) -> str:
    fits = isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()
    return value if fits and isinstance(value, str) else ""


def _require(claims: Mapping[str, Any], name: str, longest: int = _LONGEST_ID) -> str:
    value = _text(claims.get(name), longest)
    if not value:
        raise BadToken(f"it has no {name.rpartition('/')[2]}")
    return value
