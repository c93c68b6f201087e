"""A source that can be asked who bears a login or a number, in memory; a fake.

source = FakeFinder("lms", clock)
source.people.append(an_identity("ola", source="lms", attributes={"idnumber": "1001"}))
"""

from __future__ import annotations

from collections.abc import Sequence

from jupyterhub_edu.domain.people import Identity
from jupyterhub_edu.ports import Clock, Unavailable

from .rosters import FakeRosters

__all__ = ["FakeFinder"]


class FakeFinder(FakeRosters):
    """Looks for logins and numbers in any case; ``raises`` makes it fail without an answer."""

    def __init__(self, id: str, clock: Clock) -> None:
        super().__init__(id, clock)
        self.people: list[Identity] = []
        self.looked_for: list[str] = []
        self.raises: Exception | None = None

    async def find(self, name: str) -> Sequence[Identity] | Unavailable:
        self.looked_for.append(name)
        if self.raises is not None:
            raise self.raises
        if self.down:
            return Unavailable("it is down")
        return [
            one
            for one in self.people
            if name.casefold() in {v.casefold() for v in (one.login, *one.attributes.values())}
        ]
