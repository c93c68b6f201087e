"""People as the hub knows them."""

from jupyterhub_edu.domain.people import Identity, Person

__all__ = ["as_person"]


def as_person(identity: Identity) -> Person:
    """The person whom the hub knows after a login."""
    return Person(
        key=identity.key,
        hub_name=identity.login,
        source=identity.source,
        subject=identity.subject,
        login=identity.login,
        name=identity.name,
        site_role=None,
        active=True,
        answered_at=identity.at,
    )
