"""The rows of a board as the REST API gives them. Instants are ISO 8601 with their zone, in UTC."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from jupyterhub_edu.wire import board as wire

from .board import BoardRow, DevicesRow, LineRow, MessageRow
from .live import GROUPS, Rest
from .parts import Change
from .sweeps import SweepRow
from .views import Moment

__all__ = ["JsonFace", "message_json", "rest_json", "row_json", "sweep_json"]


class JsonFace:
    """A board as JSON, the same for everybody who may see it."""

    def row(self, row: BoardRow) -> wire.OnNow:
        """One session."""
        return row_json(row)

    def group(self, name: str, rest: Rest) -> dict[str, Any]:
        """What is said of a group, by its keys in the answer."""
        return {key: told for key, told in rest_json(rest).items() if key in _KEYS[name]}

    def event(self, change: Change[Any], at: datetime) -> str:
        """``board``: what has changed."""
        told = {**change.new, **change.other}
        news: dict[str, Any] = {
            "at": at.isoformat(),
            "all": change.all,
            "sessions": [shown for name, shown in told.items() if name not in GROUPS],
            "gone": change.gone,
        }
        for name in GROUPS:
            news |= told.get(name, {})
        return f"event: board\ndata: {json.dumps(news)}\n\n"

    def farewell(self) -> str:
        """``over``: nothing more comes."""
        return "event: over\ndata: {}\n\n"


_KEYS = {
    "sums": {"devices"},
    "line": {"line", "waiting"},
    "news": {"messages", "stops"},
}


def rest_json(rest: Rest) -> dict[str, Any]:
    """Everything but the sessions."""
    return {
        "devices": [_devices(row) for row in rest.devices],
        "line": [_waits(row) for row in rest.line],
        "waiting": rest.waiting,
        "messages": [message_json(row) for row in rest.messages],
        "stops": [sweep_json(row) for row in rest.sweeps],
    }


def row_json(row: BoardRow) -> wire.OnNow:
    """One session."""
    session = row.session
    return {
        "session": session.admission,
        "user": session.user,
        "name": session.name,
        "server": session.server,
        "sections": list(row.sections),
        "profile": session.profile,
        "flavor": session.flavor,
        "devices": session.devices,
        "share": session.share,
        "state": session.state,
        "since": session.since.iso,
        "until": _iso(session.until),
        "until_why": session.until_why,
        "active": row.active.iso,
        "use": row.use,
        "idle_since": _iso(row.idle_since),
        "seen": _iso(row.seen),
    }


def _devices(row: DevicesRow) -> wire.Devices:
    return {
        "flavor": row.flavor,
        "title": row.title,
        "own": row.own,
        "reserved": row.reserved,
        "used": row.used,
        "borrowed": row.borrowed,
        "lent": row.lent,
        "free": row.free,
    }


def _waits(row: LineRow) -> wire.InLine:
    return {
        "user": row.user,
        "name": row.name,
        "profile": row.profile,
        "flavor": row.flavor,
        "devices": row.devices,
        "phase": row.phase,
        "place": row.place,
        "since": row.since.iso,
        "expected": _iso(row.expected),
    }


def message_json(row: MessageRow) -> wire.Message:
    """One message."""
    return {
        "id": row.message.id,
        "whom": str(row.message.whom),
        "to": row.to,
        "text": row.message.text,
        "by": row.message.by,
        "at": row.at.iso,
        "ends": row.ends.iso,
    }


def sweep_json(row: SweepRow) -> wire.Sweep:
    """How far stops of many are."""
    return {
        "id": row.id,
        "whom": "section" if row.section else "all",
        "section": row.section,
        "by": row.by,
        "at": row.at.iso,
        "meant": row.meant,
        "stopped": row.stopped,
        "failed": row.failed,
        "over": row.over,
    }


def _iso(moment: Moment | None) -> str | None:
    return moment.iso if moment is not None else None
