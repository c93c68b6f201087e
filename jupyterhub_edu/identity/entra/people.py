"""What an ID token says about somebody, in our words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from .settings import EntraSettings, parse_guid

__all__ = ["GUEST", "Somebody", "map_claims", "map_login", "subject_of", "tenant_and_object"]

GUEST: Final = "guest"
"""The external group of people whose home is another tenant."""
_ROLE: Final = "role/"
_MARK: Final = "#EXT#"
_MOST: Final = 10_000
_LONGEST_NAME: Final = 256
_LONGEST_ROLE: Final = 256


@dataclass(frozen=True, slots=True)
class Somebody:
    """What an ID token says.

    Attributes:
        tenant, object_id: GUIDs in lower case; together they never change.
        marks: external groups that need no look-up: app roles as ``role/<value>``, and ``guest``.
        groups: ids of groups; None if the token does not hold them.
        attributes: what link rules compare.
    """

    tenant: str
    object_id: str
    login: str
    name: str
    marks: frozenset[str]
    groups: frozenset[str] | None
    attributes: Mapping[str, str]

    @property
    def subject(self) -> str:
        """The immutable id."""
        return subject_of(self.tenant, self.object_id)


def subject_of(tenant: str, object_id: str) -> str:
    """The immutable id of a person, ``<tenant>/<object id>``."""
    return f"{tenant}/{object_id}"


def tenant_and_object(subject: str) -> tuple[str, str] | None:
    """The two halves of a subject; None if it is none of ours."""
    tenant, _, object_id = subject.partition("/")
    return (tenant, object_id) if parse_guid(tenant) and parse_guid(object_id) else None


def map_claims(claims: Mapping[str, Any], settings: EntraSettings) -> Somebody | str:
    """Translate verified claims.

    Always holds:
        - e-mail, names and userPrincipalName decide nothing but what the account is called;
        - a groups claim that is not a list of GUIDs is not said, never empty.

    Returns:
        Somebody; or what is wrong with the claims, as the end of a sentence.

    Source:
        id-token-claims-reference.md; optional-claims-reference.md (acct, upn).
    """
    tenant, object_id = parse_guid(claims.get("tid")), parse_guid(claims.get("oid"))
    if tenant is None or object_id is None:
        return "it has no tid or oid that is a GUID"
    if claims.get("ver") != "2.0":
        return "it is no token of version 2.0"
    guest = _is_guest(claims, tenant)
    login = _login(claims, settings, guest=guest)
    if login is None:
        return f"it has no {settings.login_claim}"
    roles = _texts(claims.get("roles", []))
    if roles is None:
        return "its roles are no list of texts"
    name = claims.get("name")
    marks = {f"{_ROLE}{role}" for role in roles} | ({GUEST} if guest else set())
    return Somebody(
        tenant,
        object_id,
        login,
        name[:_LONGEST_NAME] if isinstance(name, str) and name.strip() else login,
        frozenset(marks),
        _groups(claims),
        {
            ours: value
            for ours, claim in settings.attributes.items()
            if isinstance(value := claims.get(claim), str) and 0 < len(value) <= _LONGEST_NAME
        },
    )


def map_login(stated: str, domain: str | None, *, guest: bool) -> str:
    """The login name for a name as Entra spells it.

    Always holds:
        - a guest is called ``guest-<home address>``, so that nobody from elsewhere, whose home may call them anything,
          has the login of one of the campus's own people;
        - only the campus's own domain is left off, and never a guest's.

    Args:
        stated: ``preferred_username`` or userPrincipalName; a guest's as in ``ann_home.example#EXT#@fjord.example``.

    Example:
        >>> map_login("ann_home.example#EXT#@fjord.onmicrosoft.com", "fjord.example", guest=True)
        'guest-ann@home.example'
    """
    name = stated.strip()
    head, mark, _ = name.partition(_MARK)
    if mark:
        user, _, home = head.rpartition("_")
        name = f"{user}@{home}" if user and home else head
    if guest or mark:
        return f"guest-{name}"
    user, _, home = name.rpartition("@")
    return user if user and domain and home.lower() == domain else name


def _login(claims: Mapping[str, Any], settings: EntraSettings, *, guest: bool) -> str | None:
    stated = claims.get(settings.login_claim)
    if settings.login_claim == "oid" or not isinstance(stated, str) or not stated.strip():
        return parse_guid(stated)
    return map_login(stated, settings.login_domain, guest=guest)


def _is_guest(claims: Mapping[str, Any], tenant: str) -> bool:
    """By the optional claim ``acct`` where it is; else by who authenticated the person, or by the name's form."""
    if claims.get("acct") in (0, 1, "0", "1"):
        return str(claims["acct"]) == "1"
    if any(_MARK in str(claims.get(claim, "")) for claim in ("preferred_username", "upn")):
        return True
    provider = claims.get("idp")
    return provider is not None and tenant not in _path_of(provider)


def _path_of(address: object) -> list[str]:
    try:
        return urlsplit(str(address)).path.lower().split("/")
    except ValueError:
        return []


def _groups(claims: Mapping[str, Any]) -> frozenset[str] | None:
    """Ids in the token; None for an overage, no claim, and anything that is not ids alone."""
    if "_claim_names" in claims or "hasgroups" in claims or "groups" not in claims:
        return None
    listed = _texts(claims["groups"])
    ids = frozenset(filter(None, map(parse_guid, listed or ())))
    return ids if listed is not None and len(ids) == len(set(listed)) else None


def _texts(value: object) -> list[str] | None:
    if not isinstance(value, list) or len(value) > _MOST:
        return None
    if not all(isinstance(one, str) and 0 < len(one) <= _LONGEST_ROLE for one in value):
        return None
    return value
