"""What every store refuses, in the same words."""

from __future__ import annotations

from jupyterhub_edu.domain.people import Person

__all__ = [
    "name_taken",
    "require_stand_in",
    "still_running",
    "unknown_person",
]


def name_taken(person: Person, holder: str) -> str:
    """Say why a person cannot be linked to a hub account."""
    return (
        f"The hub account {person.hub_name!r} is linked to {holder!r} and cannot be linked to "
        f"{person.key!r} too."
    )


def unknown_person(key: str) -> str:
    """Say why nothing can be kept about somebody."""
    return f"Nobody with the key {key!r} has logged in yet."


def still_running(hub_name: str) -> str:
    """Say why somebody cannot be erased now."""
    return f"{hub_name} has a server that has not ended. Stop it first."


def require_stand_in(stand_in: str) -> None:
    """Make sure that an erased person's stand-in reads as one: the audit takes no other.

    Raises:
        ValueError: it does not begin with ``erased-``.
    """
    if not stand_in.startswith("erased-"):
        raise ValueError(f"not the stand-in of an erased person: {stand_in}")
