"""Names that are safe and distinct: hub accounts, hub groups, course ids."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

from .people import CourseRole, SiteRole

__all__ = [
    "GROUP_PREFIX",
    "course_group",
    "is_our_group",
    "make_course_id",
    "map_username",
    "site_group",
]

GROUP_PREFIX: Final = "edu:"
_SLUG: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f/\\?#%<>\"'`]")


def make_course_id(key: str) -> str:
    """Make the id of a course from its key in the campus file.

    Always holds:
        - the result is a lower-case slug of 1 to 48 characters, valid as a Kubernetes label value;
        - a key that is such a slug is its own id;
        - distinct keys give distinct ids (an altered key carries ``--`` and 64 bits of its SHA-256).
    """
    if len(key) <= 48 and _SLUG.fullmatch(key):
        return key
    plain = unicodedata.normalize("NFKD", key).encode("ascii", "ignore").decode().lower()
    stem = "-".join(re.findall(r"[a-z0-9]+", plain))[:30].rstrip("-") or "course"
    return f"{stem}--{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def map_username(login: str) -> str | None:
    """The hub account name for a login as the source spells it, or None if it can have none.

    Always holds:
        - one spelling per person: case-folded, NFC, surrounding blanks removed; ``f(f(x)) == f(x)``;
        - no control characters, blanks, slashes, quotes, ``%``, ``?``, ``#``; not ``.`` or ``..``; 1-128 characters.

    Source:
        The Unicode Standard, D145: canonical caseless matching.
    """
    name = unicodedata.normalize("NFC", unicodedata.normalize("NFD", login.strip()).casefold())
    if not name or len(name) > 128 or name in {".", ".."} or _FORBIDDEN.search(name):
        return None
    if any(unicodedata.category(char)[0] in "CZ" for char in name):
        return None
    return name


def course_group(course: str, role: CourseRole) -> str:
    """The hub group of a course role, for others to read: ``edu:<course id>:<course role>``."""
    return f"{GROUP_PREFIX}{course}:{role}"


def site_group(role: SiteRole) -> str:
    """The hub group of a site role: ``edu:site:<site role>``. No course may have the id ``site``."""
    return f"{GROUP_PREFIX}site:{role}"


def is_our_group(name: str) -> bool:
    """Whether a hub group is written by us; every other group is left as it is."""
    return name.startswith(GROUP_PREFIX)
