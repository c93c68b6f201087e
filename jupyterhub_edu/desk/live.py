"""Courses that are looked at live: worked out once for each course and step, however many look.

A course's board looks at what the core says has changed, at most once in ``_PACE`` seconds, and sends each viewer what is
other than what they were last sent. Nothing is kept of a course at which nobody looks.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.slices import in_slices, slices
from jupyterhub_edu.domain.acts import Act, decide_act

from .board import (
    BoardRow,
    DevicesRow,
    LineRow,
    MessageRow,
    board_row,
    devices_rows,
    line_rows,
    message_rows,
)
from .parts import Change, Parts
from .sweeps import SweepRow, sweep_row

__all__ = [
    "GROUPS",
    "LIVE",
    "Face",
    "LiveBoard",
    "LiveBoards",
    "Rest",
    "Rights",
    "Shown",
    "Viewer",
    "rights_of",
]

_log = logging.getLogger(__name__)
_PACE: Final = 1.5
"""Seconds from the beginning of one step to that of the next: with what a step takes, a change is seen within two."""
_LOOK_AGAIN: Final = 15.0
"""Seconds after which everything is looked at anew, for what nobody tells of, and everybody is sent something."""
_LINGER: Final = 10.0
"""Seconds for which a course is looked at that nobody looks at any more: a page that was loaded opens its stream."""
_AT_ONCE: Final = 25
"""Rows that are made, or viewers who are sent something, before others get their turn on the event loop."""
_NAMES: Final = 100
"""Accounts about which the hub's database is asked at a time."""


class Rights(NamedTuple):
    """What somebody who sees everybody in a course may do there."""

    stop: bool
    extend: bool
    start_for: bool
    message: bool
    help: bool = False


def rights_of(core: Core, hub_name: str, course: str) -> Rights | None:
    """What an account may do in a course now; None: it does not see everybody there, or there is none such."""
    person, taught = core.roll.by_hub_name(hub_name), core.campus.courses.get(course)
    if person is None or taught is None:
        return None
    roles = core.roles(person, course)  # once: each event to each who looks asks all of this
    if not decide_act(Act.SEE, *roles):
        return None
    return Rights(
        decide_act(Act.STOP, *roles),
        decide_act(Act.EXTEND, *roles, within_ceiling=True),
        decide_act(Act.START_FOR, *roles),
        decide_act(Act.MESSAGE, *roles),
        decide_act(Act.HELP, *roles, allowed=taught.assistants_help),
    )


class Rest(NamedTuple):
    """All that is shown of a course beside its sessions."""

    on: int = 0
    devices: tuple[DevicesRow, ...] = ()
    line: tuple[LineRow, ...] = ()
    waiting: int = 0
    messages: tuple[MessageRow, ...] = ()
    sweeps: tuple[SweepRow, ...] = ()


GROUPS: Final[Mapping[str, Callable[[Rest], object]]] = MappingProxyType(
    {
        "sums": lambda rest: (rest.on, rest.waiting, rest.devices),
        "line": lambda rest: (rest.line, rest.waiting),
        "news": lambda rest: (rest.messages, rest.sweeps),
    }
)
"""What is shown together, and of what: each is shown anew when that is other than it was."""


class Face(Protocol):
    """How a board is shown: as fragments of a page in one language, or as JSON."""

    def row(self, row: BoardRow) -> Any:
        """One session."""
        ...

    def group(self, name: str, rest: Rest) -> Any:
        """One of ``GROUPS``."""
        ...

    def event(self, change: Change[Any], at: datetime) -> str:
        """One event of the stream, without its id."""
        ...

    def farewell(self) -> str:
        """The last event, for somebody whose right to look has ended."""
        ...


class Shown:
    """A board as one face shows it.

    Attributes:
        epoch: a version means something only beside this.
    """

    def __init__(self, face: Face) -> None:
        self.face, self.parts, self.epoch = face, Parts[Any](), secrets.token_hex(6)
        self._events: dict[tuple[int, bool], str] = {}
        self._former: Rest | None = None

    async def put(
        self, rows: Iterable[tuple[str, BoardRow]], gone: Iterable[str], rest: Rest
    ) -> None:
        """Show these rows as they are, some no longer, and what else has changed."""
        parts = {id: self.face.row(row) async for id, row in in_slices(rows, _AT_ONCE)}
        for name, of in GROUPS.items():
            if self._former is None or of(self._former) != of(rest):
                parts[name] = self.face.group(name, rest)
        self._former = rest
        self._events.clear()
        self.parts.put(parts, gone)

    def event(self, version: int, at: datetime, *, always: bool) -> str:
        """What somebody is sent who has this version; the same text for all who have it."""
        found = self._events.get((version, always))
        if found is None:
            change = self.parts.since(version)
            text = self.face.event(change, at) if change or always else ""
            found = f"id: {self.mark}\n{text}" if text else ""
            self._events[version, always] = found
        return found

    @property
    def mark(self) -> str:
        """Epoch and version, as events and pages carry them."""
        return f"{self.epoch}.{self.parts.version}"

    def version_of(self, id: str) -> int:
        """The version that an event's id, or a page, speaks of; -1: none of this face."""
        epoch, _, version = id.partition(".")
        return int(version) if epoch == self.epoch and version.isdecimal() else -1

    def forget_events(self) -> None:
        """Make the next events anew, of what is there then."""
        self._events.clear()


class Viewer:
    """One stream.

    Args:
        name: the hub account that looks.
        rights: what it may do, as the face shows it; None where the face shows no acts.
        send: writes text to the browser; what it returns is done when that has gone.
    """

    def __init__(
        self,
        name: str,
        shown: Shown,
        version: int,
        rights: Rights | None,
        send: Callable[[str], Awaitable[None]],
    ) -> None:
        self.name, self.shown, self.version, self.rights = name, shown, version, rights
        self._send = send
        self._under_way: asyncio.Future[None] | None = None
        self.missed = False
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_busy(self) -> bool:
        """What it was sent last has not gone yet."""
        return self._under_way is not None

    def send(self, text: str, done: Callable[[], None]) -> None:
        """Send something, and wait for nothing."""
        try:
            sent = asyncio.ensure_future(self._send(text))
        except Exception:  # the browser has gone
            self.end()
            return
        self._under_way = sent

        def gone(future: asyncio.Future[None]) -> None:
            self._under_way = None
            if future.cancelled() or future.exception() is not None:
                self.end()
            done()

        if sent.done():
            gone(sent)
        else:
            sent.add_done_callback(gone)

    def end(self) -> None:
        """It looks no more."""
        if not self.ended.done():
            self.ended.set_result(None)


class LiveBoard:
    """One course that is looked at.

    Always holds:
        - two steps are at least ``_PACE`` seconds apart, and whoever looks is sent the last state, whatever they missed;
        - before each event it is asked anew whether its viewer may still look; nothing is sent to one who may not;
        - one whose browser is slow holds up nobody.
    """

    def __init__(self, core: Core, course: str) -> None:
        self.core, self.course = core, course
        self.users = 0
        self.over = False
        self.viewers: set[Viewer] = set()
        self._watch = core.boards.watch(course)
        self._rows: dict[str, BoardRow] = {}
        self._rest = Rest()
        self._active: dict[tuple[str, str], datetime] = {}
        self._borrowed: dict[str, frozenset[str]] = {}
        self._faces: dict[Hashable, Shown] = {}
        self._turn = asyncio.Lock()
        loop = asyncio.get_running_loop()
        self._first: asyncio.Future[None] = loop.create_future()
        self.left_at = loop.time()
        self._task = loop.create_task(self._run(), name=f"board-{course}")

    async def ready(self) -> None:
        """Wait until everything has been looked at once."""
        await asyncio.shield(self._first)

    async def catch_up(self) -> None:
        """Look at once at what has changed, for a page that is loaded; whoever follows is told by the next step."""
        if self._watch.changed.is_set():
            await self._step(everything=False)
            self._watch.changed.set()

    async def shown_as(self, key: Hashable, make: Callable[[], Face]) -> Shown:
        """The board as a face shows it; made once for all whose key is the same."""
        async with self._turn:
            if (shown := self._faces.get(key)) is None:
                shown = Shown(make())
                await shown.put(self._sorted(), (), self._rest)
                self._faces[key] = shown
            return shown

    def state(self) -> tuple[list[BoardRow], Rest]:
        """The rows as they were last looked at."""
        return [row for _, row in self._sorted()], self._rest

    async def close(self) -> None:
        """Look no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    # -- steps -------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            began = full_at = loop.time()
            await self._step(everything=True)
            self._first.set_result(None)
            while not self._watch.over and (self.users or loop.time() < self.left_at + _LINGER):
                await asyncio.sleep(max(0.0, began + _PACE - loop.time()))
                if not self._watch.changed.is_set():
                    await self._wait(full_at + _LOOK_AGAIN)
                began = loop.time()
                everything = began >= full_at + _LOOK_AGAIN
                full_at = began if everything else full_at
                await self._step(everything=everything)
                await self._tell(always=everything)
        except Exception:
            _log.exception("the board of %s has ended; whoever looks comes again", self.course)
        finally:
            self.over = True
            self.core.boards.end(self._watch)
            if not self._first.done():
                self._first.set_result(None)
            for viewer in self.viewers:
                viewer.end()

    async def _wait(self, until: float) -> None:
        """Until something has changed, at most until an instant of the loop's clock."""
        if not self.users:
            until = min(until, self.left_at + _LINGER)
        try:
            async with asyncio.timeout_at(until):
                await self._watch.changed.wait()
        except TimeoutError:
            pass

    async def _step(self, *, everything: bool) -> None:
        """Look at what has changed, and let every face show it."""
        async with self._turn:
            watch, core = self._watch, self.core
            touched = set(watch.sessions)
            devices, line, news = (
                everything or changed for changed in (watch.devices, watch.line, watch.news)
            )
            watch.clear()
            if everything:
                touched = {one.id for one in core.book.admissions(self.course)} | set(self._rows)
                await self._read_activities()
            if devices:
                touched |= self._lent_otherwise()
            changed, gone = await self._look_at(touched)
            self._rest = self._look_at_rest(devices=devices, line=line, news=news)
            for shown in self._faces.values():
                await shown.put(changed.items(), gone, self._rest)

    async def _look_at(self, ids: Iterable[str]) -> tuple[dict[str, BoardRow], list[str]]:
        """The rows of these sessions that are other than they were, in their order, and those that are gone."""
        core, changed, gone = self.core, dict[str, BoardRow](), list[str]()
        # What changes meanwhile is told, and looked at in the next step.
        borrowed = cache(core.book.borrowed)
        async for id in in_slices(ids, _AT_ONCE):
            admission = core.book.admission(id)
            if admission is None:
                if self._rows.pop(id, None) is not None:
                    gone.append(id)
                continue
            active = self._active.get((admission.hub_name, admission.server))
            row = board_row(core, admission, active, borrowed)
            if self._rows.get(id) != row:
                self._rows[id] = changed[id] = row
        return dict(sorted(changed.items(), key=lambda pair: pair[1].order)), gone

    def _look_at_rest(self, *, devices: bool, line: bool, news: bool) -> Rest:
        rest, core = self._rest._replace(on=len(self._rows)), self.core
        if self.course not in core.campus.courses:
            return Rest(on=rest.on)
        if devices:
            rows = devices_rows(core, self.course)
            self._watch.flavors = frozenset(row.flavor for row in rows)
            rest = rest._replace(devices=tuple(rows))
        if line:
            waiting, count = line_rows(core, self.course)
            rest = rest._replace(line=tuple(waiting), waiting=count)
        if news:
            rest = rest._replace(
                messages=tuple(message_rows(core, self.course)),
                sweeps=tuple(sweep_row(core, one) for one in core.sweeps.of(self.course)),
            )
        return rest

    def _lent_otherwise(self) -> set[str]:
        """The sessions of the course whose devices are borrowed now and were not, or the other way round."""
        found = set[str]()
        for flavor in {row.session.flavor for row in self._rows.values() if row.session.devices}:
            now = self.core.book.borrowed(flavor)
            before = self._borrowed.get(flavor, frozenset())
            if now is not before:
                found |= (now ^ before) & self._rows.keys()
                self._borrowed[flavor] = now
        return found

    async def _read_activities(self) -> None:
        names = sorted({one.hub_name for one in self.core.book.admissions(self.course)})
        self._active = {}
        async for some in slices(names, _NAMES):
            self._active.update(self.core.servers.activities(some))

    def _sorted(self) -> list[tuple[str, BoardRow]]:
        return sorted(self._rows.items(), key=lambda pair: pair[1].order)

    # -- viewers -----------------------------------------------------------------------------------------------

    async def _tell(self, *, always: bool) -> None:
        """Send every viewer what they lack.

        Args:
            always: also those who lack nothing, so that they know that somebody is there.
        """
        at = self.core.clock()
        for shown in self._faces.values():
            shown.forget_events()
        async for viewer in in_slices(list(self.viewers), _AT_ONCE):
            self.tell(viewer, at, always=always)

    def tell(self, viewer: Viewer, at: datetime, *, always: bool) -> None:
        """Send one viewer what they lack, if they may still look."""
        if viewer.ended.done():
            return
        rights = rights_of(self.core, viewer.name, self.course)
        if rights is None:
            viewer.send(viewer.shown.face.farewell(), viewer.end)
            viewer.end()
            return
        if viewer.rights is not None and rights != viewer.rights:
            viewer.end()  # it comes again, and is shown what it may do now
            return
        if viewer.is_busy:
            viewer.missed = True
            return
        if event := viewer.shown.event(viewer.version, at, always=always):
            viewer.version = viewer.shown.parts.version
            viewer.send(event, lambda: self._caught_up(viewer))

    def _caught_up(self, viewer: Viewer) -> None:
        """Its browser takes more now: what it has missed comes with the next step."""
        if viewer.missed:
            viewer.missed = False
            self._watch.changed.set()


class LiveBoards:
    """The courses that are looked at in this hub process.

    Attributes:
        open: streams by account.
    """

    def __init__(self) -> None:
        self._boards: dict[str, LiveBoard] = {}
        self.open: Counter[str] = Counter()

    @asynccontextmanager
    async def looking(self, core: Core, course: str) -> AsyncIterator[LiveBoard]:
        """Look at a course; it is looked at as long as somebody does, and a moment longer."""
        board = self._boards.get(course)
        if board is None or board.over or board.core is not core:
            board = self._boards[course] = LiveBoard(core, course)
        board.users += 1
        try:
            await board.ready()
            yield board
        finally:
            board.users -= 1
            board.left_at = asyncio.get_running_loop().time()
            self._boards = {id: one for id, one in self._boards.items() if not one.over}

    async def close(self) -> None:
        """Look at nothing any more."""
        for board in list(self._boards.values()):
            await board.close()
        self._boards.clear()


LIVE: Final = LiveBoards()
"""Those of this hub process."""
