"""What the hub says is running, for whoever must not touch another server than they mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.ports import LiveServer

__all__ = ["Live"]


class Live:
    """What the hub says is running or pending, at one look."""

    def __init__(self, live: Iterable[LiveServer]) -> None:
        self._servers: Mapping[tuple[str, str], LiveServer] = {
            (server.hub_name, server.server): server for server in live
        }
        self._admissions = {server.admission for server in self._servers.values()}

    def has(self, admission: Admission) -> bool:
        """Whether this admission may have a server."""
        return self.claims(admission.id, admission.hub_name, admission.server)

    def claims(self, admission: str, hub_name: str, server: str) -> bool:
        """The same by name; a server under way, or one that does not say whose it is, claims what bears its name."""
        found = self._servers.get((hub_name, server))
        unsure = found is not None and (found.pending is not None or found.admission is None)
        return unsure or admission in self._admissions

    def runs(self, admission: Admission) -> bool:
        """Whether exactly this admission's server is up, and nothing is under way with it."""
        found = self._servers.get((admission.hub_name, admission.server))
        return (
            found is not None and found.pending is None and found.admission in {None, admission.id}
        )
