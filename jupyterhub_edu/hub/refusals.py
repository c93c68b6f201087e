"""A refusal as each version of the hub can show it: same words on pages and in JSON, never counted as a failure."""

from __future__ import annotations

from typing import Any, Final, cast

import jupyterhub
from prometheus_client import Counter
from tornado import web

from jupyterhub_edu.domain.decide import Decision
from jupyterhub_edu.domain.reasons import Code
from jupyterhub_edu.ports import utc_now

__all__ = ["REFUSALS", "late_refusal", "reasons_json", "refusal", "refusal_json"]

_RETRY_UNKNOWN = 60

REFUSALS: Final = Counter(
    "jupyterhub_edu_refusals", "Starts refused; one for several reasons counts in each", ["reason"]
)
for _code in Code:
    REFUSALS.labels(str(_code))  # from 0 on: nobody sees the rise to the first number of a line


def refusal(decision: Decision) -> Exception:
    """The exception to raise for a refused start, before the hub begins the spawn.

    Always holds:
        - status 400, 403, 409 or 503, with ``Retry-After`` in seconds where waiting may help;
        - ``jupyterhub_message`` holds the sentences as plain text; ``edu_decision`` the decision itself.
    """
    for code in {reason.code for reason in decision.reasons}:
        REFUSALS.labels(str(code)).inc()
    message = decision.sentence
    error: Any
    if jupyterhub.version_info[0] >= 6:
        from jupyterhub.spawner import SpawnException

        error = SpawnException(message, reason="refused", status_code=decision.status)
    else:
        error = web.HTTPError(decision.status, "%s", message)
    error.jupyterhub_message = message
    error.headers = _headers(decision)
    error.edu_decision = decision
    return cast(Exception, error)


def late_refusal(spawner: Any, decision: Decision) -> Exception:
    """The exception to raise inside a spawn that the hub has already begun.

    JupyterHub 5 adds one to its count of consecutive failures for every exception inside a spawn; one is taken off
    first, so that refusals alone never stop the hub.
    """
    handler = getattr(spawner, "handler", None)
    if jupyterhub.version_info[0] < 6 and handler is not None:
        handler.settings["failure_count"] = handler.settings.get("failure_count", 0) - 1
    return refusal(decision)


def reasons_json(decision: Decision) -> list[dict[str, str | None]]:
    """The reasons for JSON answers."""
    return [
        {
            "code": str(reason.code),
            "sentence": reason.sentence,
            "who": reason.who,
            "retry_at": reason.retry_at.isoformat() if reason.retry_at else None,
        }
        for reason in decision.reasons
    ]


def refusal_json(decision: Decision) -> dict[str, object]:
    """JupyterHub's shape of an error, with our reasons."""
    return {
        "status": decision.status,
        "message": decision.sentence,
        "reasons": reasons_json(decision),
    }


def _headers(decision: Decision) -> dict[str, str]:
    if decision.status not in {409, 503}:
        return {}
    if decision.retry_at is None:
        return {"Retry-After": str(_RETRY_UNKNOWN)}
    return {"Retry-After": str(max(1, round((decision.retry_at - utc_now()).total_seconds())))}
