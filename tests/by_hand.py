"""People put into courses and kept out of them by hand, where who did it is not the matter."""

from __future__ import annotations

from jupyterhub_edu.core.roll import Roll
from jupyterhub_edu.domain.people import Enrolment, Exclusion
from jupyterhub_edu.ports import HandChanges

__all__ = ["drop_by_hand", "put_by_hand"]


async def put_by_hand(roll: Roll, *what: Enrolment | Exclusion) -> None:
    await roll.change_by_hand(HandChanges(put=what))


async def drop_by_hand(roll: Roll, *what: Enrolment | Exclusion) -> None:
    await roll.change_by_hand(HandChanges(drop=what))
