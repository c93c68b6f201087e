"""Every await and every commit that is passed, found while the code runs; nobody lists them by hand."""

from __future__ import annotations

import dis
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple
from unittest.mock import patch

from sqlalchemy.engine.default import DefaultDialect

import jupyterhub_edu

__all__ = ["Place", "Places"]

_ASYNCHRONOUS = CO_COROUTINE | CO_ASYNC_GENERATOR
_BEFORE, _WAITING, _AFTER = "before", "waiting", "after"
_COMMIT, _COMMIT_SECONDS = "commit", 0.2
"""A commit takes a while: what is in order only on a quick disk is not."""


class Place(NamedTuple):
    """A moment at which a process may end: a place in the code, and how many times it had been passed before.

    Attributes:
        where: module, line and function; ``commit`` for the database.
        when: before the await or commit, while it is waited for, or after it.
    """

    where: str
    when: str
    times: int = 0

    def __str__(self) -> str:
        return f"{self.when} {self.where}" + (f", passed {self.times} times" * bool(self.times))


class Places:
    """Notes the places that are passed, or ends the process at one of them.

    Args:
        packages: folders; awaits in their code count. Every commit counts.
        kill_at: end this process there, by SIGKILL; None: only note.
        times: passages of one await that are told apart; a loop passes its own for ever. Each commit is one of its own.
    """

    def __init__(
        self,
        packages: tuple[Path, ...] = (Path(jupyterhub_edu.__file__).parent,),
        kill_at: Place | None = None,
        times: int = 2,
    ) -> None:
        self._prefixes = tuple(f"{package}{os.sep}" for package in packages)
        self._kill_at, self._times = kill_at, times
        self._passed: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._unwinding = False
        self.found: list[Place] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch this thread's coroutines, and commits on any thread."""
        commit = DefaultDialect.do_commit

        def do_commit(dialect: Any, connection: Any) -> None:
            self._pass(_COMMIT, _BEFORE)
            time.sleep(_COMMIT_SECONDS)
            commit(dialect, connection)
            self._pass(_COMMIT, _AFTER)

        with patch.object(DefaultDialect, "do_commit", do_commit):
            sys.settrace(self._enter)
            try:
                yield
            finally:
                sys.settrace(None)

    def _enter(self, frame: FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        if not code.co_flags & _ASYNCHRONOUS or not code.co_filename.startswith(self._prefixes):
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return self._step

    def _step(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "opcode" and (when := _moments(frame.f_code).get(frame.f_lasti)):
            # Whoever awaits somebody that waits comes to wait in the same moment.
            if not (when == _WAITING and self._unwinding):
                self._pass(_name(frame), when)
            self._unwinding = when == _WAITING
        return self._step

    def _pass(self, where: str, when: str) -> None:
        with self._lock:
            times = self._passed[where, when]
            self._passed[where, when] += 1
            if times < self._times or where == _COMMIT:
                self.found.append(place := Place(where, when, times))
                if place == self._kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)


@cache
def _moments(code: CodeType) -> dict[int, str]:
    """Offsets at which an await begins, is waited for, and has its answer."""
    found: dict[int, str] = {}
    for instruction in dis.get_instructions(code):
        if instruction.opname == "GET_AWAITABLE":
            found[instruction.offset] = _BEFORE
        elif instruction.opname == "SEND":
            found[instruction.argval] = _AFTER
        elif instruction.opname == "YIELD_VALUE":
            found.setdefault(instruction.offset, _WAITING)
    return found


def _name(frame: FrameType) -> str:
    code = frame.f_code
    module = ".".join(Path(code.co_filename).with_suffix("").parts[-2:])
    return f"{module}:{frame.f_lineno} {code.co_qualname}"
