"""The ports, played by objects that do what a test tells them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from jupyterhub_edu.domain.people import Identity, Person
from jupyterhub_edu.ports import (
    Answer,
    Clock,
    LiveServer,
    PodSighting,
    ServersError,
    Stock,
    Unavailable,
)
from jupyterhub_edu.ports.sources import LoginShape


class AClock:
    """Stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **amount: float) -> None:
        """``clock.pass_(minutes=5)``."""
        self.now += timedelta(**amount)


class FakeSource:
    """Answers what stands in ``answers`` by subject; with nothing there, the person as known, as of now."""

    shape: ClassVar[LoginShape] = "form"

    def __init__(self, id: str, clock: Clock) -> None:
        self.id, self._clock = id, clock
        self.answers: dict[str, Answer] = {}
        self.down = False
        self.asked: list[str] = []

    async def reread(self, person: Person) -> Answer:
        self.asked.append(person.login)
        if self.down:
            return Unavailable("it is down")
        known = Identity(person.source, person.subject, person.login, person.name, self._clock())
        return self.answers.get(person.subject, known)

    async def check(self) -> list[str]:
        return ["it is down"] if self.down else []

    async def close(self) -> None: ...


class FakeInventory:
    """Free devices of the nodes ``n1``, ``n2`` ... by flavor, or by name, as told; ``sight`` reports a pod as a watch would,
    and changes no node; ``change`` tells that ``nodes`` has changed.
    """

    kind = "cluster"

    def __init__(
        self, nodes: Mapping[str, Sequence[int]] | None = None, *, sees_pods: bool = False
    ) -> None:
        self.nodes: dict[str, Any] = {key: list(free) for key, free in (nodes or {}).items()}
        self.foreign: dict[str, int] = {}
        self.sees_pods = sees_pods
        self.alive_at: datetime | None = None
        self.seen: dict[str, PodSighting] = {}
        self.removed: list[str] = []
        self._tell: Callable[[PodSighting], None] | None = None
        self.change: Callable[[], None] = lambda: None

    async def start(
        self,
        on_sighting: Callable[[PodSighting], None],
        on_stock: Callable[[], None] = lambda: None,
    ) -> None:
        self._tell, self.change = on_sighting, on_stock

    def stock(self, flavor: str) -> Stock:
        free = self.nodes.get(flavor, ())
        if not isinstance(free, Mapping):
            free = {f"n{number}": count for number, count in enumerate(free, 1)}
        return Stock(dict(free), self.foreign.get(flavor, 0))

    def proof_of_life(self) -> datetime | None:
        return self.alive_at

    def pods(self) -> Mapping[str, PodSighting]:
        return self.seen

    def sight(self, sighting: PodSighting) -> None:
        if sighting.gone:
            self.seen.pop(sighting.admission, None)
        else:
            self.seen[sighting.admission] = sighting
        if self._tell is not None:
            self._tell(sighting)

    async def remove(self, admission: str) -> None:
        self.removed.append(admission)

    async def close(self) -> None: ...


class FakeHub:
    """The hub's servers, groups and accounts; notes what was asked of it."""

    def __init__(self, accounts: Iterable[str] = ()) -> None:
        self.accounts = set(accounts)
        self.groups: dict[str, frozenset[str]] = {}
        self.running: list[LiveServer] = []
        self.started: list[tuple[str, str, Mapping[str, Any]]] = []
        self.stopped: list[tuple[str, str]] = []
        self.active: dict[tuple[str, str], datetime] = {}
        self.logged_out: list[str] = []
        self.sessions_ended: list[str] = []
        self.broken = ""

    def _work(self) -> None:
        if self.broken:
            raise ServersError(self.broken)

    async def start(self, hub_name: str, server: str, options: Mapping[str, Any]) -> None:
        self._work()
        self.started.append((hub_name, server, options))

    async def stop(self, hub_name: str, server: str) -> None:
        self._work()
        self.stopped.append((hub_name, server))

    async def live(self) -> Sequence[LiveServer]:
        return self.running

    def activities(self, hub_names: Collection[str]) -> Mapping[tuple[str, str], datetime]:
        return {key: at for key, at in self.active.items() if key[0] in hub_names}

    def read(self, hub_name: str) -> frozenset[str]:
        return self.groups.get(hub_name, frozenset())

    async def write(self, hub_name: str, ours: Iterable[str]) -> None:
        self.groups[hub_name] = frozenset(ours)

    def exists(self, hub_name: str) -> bool:
        return hub_name in self.accounts

    async def log_out(self, hub_name: str) -> None:
        self.logged_out.append(hub_name)

    async def end_sessions(self, hub_name: str) -> None:
        self.sessions_ended.append(hub_name)


class FakeVisits:
    """Who is let in where, by the hub's shares: those of the owner and ours are the same to it, as in the hub."""

    def __init__(self) -> None:
        self.safe, self.broken = True, ""
        self.let: set[tuple[str, str, str]] = set()

    def are_safe(self) -> bool:
        return self.safe

    def may_visit(self, visitor: str, hub_name: str, server: str) -> bool:
        return (visitor, hub_name, server) in self.let

    def let_in(self, visitor: str, hub_name: str, server: str) -> None:
        if self.broken:
            raise ServersError(self.broken)
        self.let.add((visitor, hub_name, server))

    def turn_out(self, visitor: str, hub_name: str, server: str) -> None:
        self.let.discard((visitor, hub_name, server))

    def address(self, hub_name: str, server: str) -> str:
        return f"https://{hub_name}.hub.example/user/{hub_name}/"
