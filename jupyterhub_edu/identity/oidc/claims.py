"""What a provider's claims say of a person. Pure; everything in them is hostile text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from jupyterhub_edu.domain.people import Identity

from .settings import OidcSettings

__all__ = ["MISSING", "Missing", "Reading", "Refusal", "Unclear", "find", "lacks", "read_identity"]

MISSING: Final = object()
_LONGEST_TEXT: Final = 512
_MOST_MEMBERS: Final = 5_000


class Refusal(Exception):
    """The claims say no; the text why."""


class Unclear(Exception):
    """The claims do not say who this is; the text names the setting."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A claim that does not say what it should.

    Attributes:
        key: dotted.
        sentence: for staff and the log; begins with the key and names the way out.
        is_absent: it is not there at all, which may mean that it would be empty.
    """

    key: str
    sentence: str
    is_absent: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What documents say of one person.

    Attributes:
        known: the person with the groups that were stated.
        seen: keys of the claims that state groups or roles.
        missing: those that do not.
    """

    known: Identity
    seen: tuple[str, ...]
    missing: tuple[Missing, ...]

    def identity(self, *, complete: bool) -> Identity:
        """The person; with no word about groups unless what was stated is all."""
        return self.known if complete else replace(self.known, groups=None)


def find(claims: Mapping[str, Any], key: str) -> Any:
    """A claim by dotted key.

    A name that itself has dots in it (``https://campus.example/groups``, a client called ``hub.test``) is found too; the
    longest name wins.

    Returns:
        ``MISSING`` if there is none.
    """
    if key in claims:
        return claims[key]
    parts = key.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        inner = claims.get(".".join(parts[:cut]))
        if isinstance(inner, Mapping):
            found = find(inner, ".".join(parts[cut:]))
            if found is not MISSING:
                return found
    return MISSING


def lacks(claims: Mapping[str, Any], settings: OidcSettings) -> bool:
    """Whether a claim that the settings name is missing, so that it is worth asking for userinfo."""
    wanted = (
        *(settings.login_claim, settings.name_claim),
        *(*settings.groups_claims, *settings.roles_claims, *settings.attributes.values()),
    )
    return any(find(claims, key) is MISSING for key in wanted)


def read_identity(
    source: str, settings: OidcSettings, documents: Sequence[Mapping[str, Any]], at: datetime
) -> Reading:
    """Read a person out of verified claims.

    Args:
        documents: the ID token's claims, then userinfo's where its ``sub`` is the same.

    Raises:
        Refusal: an e-mail address as login that is not verified.
        Unclear: no login name.
    """
    login = _login(settings.login_claim, documents)
    prefixes = tuple(f"{key}:" for key in settings.roles_claims)
    names: set[str] = set()
    missing: list[Missing] = []
    seen: list[str] = []
    for key in (*settings.groups_claims, *settings.roles_claims):
        listed = _members(documents, key)
        if isinstance(listed, Missing):
            missing.append(listed)
        elif listed is not None:
            seen.append(key)
            is_role = key in settings.roles_claims
            # Whoever may name a group must not be able to name a role.
            names |= (
                {f"{key}:{role}" for role in listed}
                if is_role
                else {name for name in listed if not name.startswith(prefixes)}
            )
    attributes = {name: _text(documents, claim) for name, claim in settings.attributes.items()}
    known = Identity(
        source=source,
        subject=documents[0]["sub"],
        login=login,
        name=_text(documents, settings.name_claim) or login,
        at=at,
        groups=frozenset(names),
        attributes={name: value for name, value in attributes.items() if value},
    )
    return Reading(known, tuple(seen), tuple(missing))


def _members(documents: Sequence[Mapping[str, Any]], key: str) -> list[str] | Missing | None:
    """What a claim lists, in the first document that has it.

    Returns:
        None inside a claim that is there: Keycloak leaves clients out in which a person has no role.
    """
    found = next((x for d in documents if (x := find(d, key)) is not MISSING), MISSING)
    if found is MISSING:
        if any(isinstance(d.get(head), Mapping) for d in documents for head in _heads(key)):
            return None
        return Missing(
            key, f"{key} is in no token; if people are in groups, add the claim there", True
        )
    if isinstance(found, str):
        found = [found] if found else []
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        return Missing(key, f"{key} is no list of names; choose another claim", False)
    if len(found) > _MOST_MEMBERS:
        return Missing(key, f"{key} lists more than {_MOST_MEMBERS} names", False)
    return [name for name in found if name.strip()]


def _login(key: str, documents: Sequence[Mapping[str, Any]]) -> str:
    for claims in documents:
        login = find(claims, key)
        if login is MISSING:
            continue
        if not isinstance(login, str) or not login.strip() or len(login) > _LONGEST_TEXT:
            raise Unclear(f"{key} is no login name; choose another login_claim")
        # The proof must come from the document that has the address: one speaks of its own address only.
        if key == "email" and claims.get("email_verified") is not True:
            raise Refusal("the e-mail address is not verified by the provider")
        return login.strip()
    raise Unclear(f"{key} is in no token; add it at the provider, or choose another login_claim")


def _text(documents: Sequence[Mapping[str, Any]], key: str) -> str:
    for claims in documents:
        found = find(claims, key)
        if isinstance(found, int) and not isinstance(found, bool):
            found = str(found)
        if isinstance(found, str) and found.strip():
            return found.strip()[:_LONGEST_TEXT]
    return ""


def _heads(key: str) -> list[str]:
    """Every beginning of a dotted key."""
    parts = key.split(".")
    return [".".join(parts[:cut]) for cut in range(1, len(parts))]
