"""Telling listeners of a change: one that fails is written to the log and keeps nobody else from hearing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

__all__ = ["call_all"]

_log = logging.getLogger(__name__)
_Told = TypeVar("_Told")


def call_all(listeners: Iterable[Callable[[_Told], None]], told: _Told, about: str) -> None:
    """Call every listener, whatever the others raise.

    Args:
        told: what each is called with.
        about: whom or what it concerns, for the log.
    """
    for listener in listeners:
        try:
            listener(told)
        except Exception:
            _log.exception("a listener failed for %s", about)
