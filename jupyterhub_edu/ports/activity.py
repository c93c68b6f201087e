"""Whether a server and its devices are in use, as they say themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

__all__ = ["Activity", "Devices", "Watching"]


@dataclass(frozen=True, slots=True)
class Activity:
    """What one server says of its use; its person can make it say anything.

    Attributes:
        worked_at: when one of its kernels or terminals was last at work, aware UTC and not after now; None: it has none.
        opened: whether anybody has opened it since it began.
        pod: ``namespace/name``, or ``""`` for a server that is no pod.
    """

    worked_at: datetime | None
    opened: bool
    pod: str = ""


class Watching(Protocol):
    """Asks servers, and is no activity itself."""

    async def activity(self, admission: str, hub_name: str, server: str) -> Activity | None:
        """What the server of an admission says now; None: it is not up, or says nothing that can be used.

        Bounded in time and size; nothing that a server sends makes it raise.
        """
        ...


class Devices(Protocol):
    """What is measured of devices."""

    async def worked(self) -> Mapping[str, bool] | None:
        """Whether a pod's devices have been at work lately, by ``namespace/name``; a pod left out: not known.

        Returns:
            None where nothing is measured. No answer is an empty mapping: then nothing is known of any pod.
        """
        ...
