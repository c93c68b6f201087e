"""One thing that the warden does and that may fail: logged and counted either way, and never in the way of the next."""

from __future__ import annotations

import logging
from collections.abc import Awaitable

from prometheus_client import Counter

from jupyterhub_edu.ports import ServersError, StoreError

__all__ = ["attempt"]


async def attempt(
    work: Awaitable[None],
    sentence: str,
    log: logging.Logger,
    outcomes: Counter,
    label: str,
    *,
    done: int = logging.INFO,
) -> Exception | None:
    """Do it; what kept it from being done, or None.

    Args:
        sentence: what it is about, for the log.
        outcomes: counted with ``label`` and ``done`` or ``failed``.
        done: the log's level where it was done.
    """
    try:
        await work
    except Exception as error:
        known = isinstance(error, ServersError | StoreError)
        log.log(
            logging.WARNING if known else logging.ERROR,
            "%s: not done, tried again: %s",
            sentence,
            error,
            exc_info=None if known else error,
        )
        outcomes.labels(label, "failed").inc()
        return error
    log.log(done, "%s", sentence)
    outcomes.labels(label, "done").inc()
    return None
