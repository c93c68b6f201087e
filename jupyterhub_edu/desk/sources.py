"""What administrators see of the sources and their rosters, and letting a sync through; JSON alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.rosters import Comparison, Move, Standing
from jupyterhub_edu.core.sync_states import CourseSync
from jupyterhub_edu.domain.campus import SourceInfo
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.ports import AuditEntry, StoreError

from .refusals import Code, DeskError

__all__ = ["has_rosters_of", "source_json", "sync_json", "write_sync_down"]


def has_rosters_of(core: Core, source: str) -> bool:
    """Whether there is a source of this id with rosters."""
    return source in {info.id for info in core.syncer.sources()}


async def write_sync_down(
    core: Core, admin: Person, source: str, course: str | None, address: str, *, accept: bool
) -> None:
    """Write down, before it is done, that somebody has rosters read, or lets one through.

    Raises:
        DeskError: it could not be written down.
    """
    act, details = "accept-roster" if accept else "sync", {"source": source}
    entry = AuditEntry(core.clock(), admin.hub_name, act, course or "", "", address, details)
    try:
        await core.store.append_audit(entry)
    except StoreError as error:
        raise DeskError(Code.NOT_WRITTEN) from error


def source_json(core: Core, source: SourceInfo) -> dict[str, object]:
    """One source: whether it answers, and how its rosters stand; ``rosters`` is None where it has none."""
    has_rosters = source in core.syncer.sources()
    health = core.refresher.health(source.id)
    return {
        "id": source.id,
        "title": source.title,
        "type": source.type,
        "answered_at": _iso(health.answered_at),
        "failing_since": _iso(health.failing_since),
        "why": health.why,
        "rosters": _rosters_json(core, source) if has_rosters else None,
    }


def _rosters_json(core: Core, source: SourceInfo) -> dict[str, object]:
    state = core.syncer.state(source.id)
    return {
        "every_seconds": int(source.sync.total_seconds()),
        "guard_percent": source.guard,
        "running": state.running,
        "began_at": _iso(state.began_at),
        "ended_at": _iso(state.ended_at),
        "error": state.error,
        "unmapped": state.unmapped,
        "courses": [_course_json(one) for one in core.syncer.states(source.id)],
    }


def _course_json(state: CourseSync) -> dict[str, object]:
    held, last = state.held, state.last
    return {
        "course": state.course,
        "people": state.people,
        "complete_at": _iso(state.complete_at),
        "running": state.running,
        "error": state.error,
        "held": held is not None,
        "held_since": _iso(held.since) if held else None,
        "would_add": held.would_add if held else None,
        "would_lose": held.would_lose if held else None,
        "last_change": {**last._asdict(), "at": last.at.isoformat()} if last else None,
    }


def sync_json(state: CourseSync) -> dict[str, object]:
    """What one sync changed in one course, or would."""
    return {
        **_course_json(state),
        **(_comparison_json(state.comparison) if state.comparison else {}),
    }


def _comparison_json(comparison: Comparison) -> Mapping[str, object]:
    """Who comes, who goes, who changes; logins and names are text from outside."""
    kinds = {
        "added": comparison.added,
        "gone": comparison.gone,
        "changed": comparison.changed,
    }
    return {
        kind: [_move_json(move) for move in sorted(moves, key=lambda one: one.login)]
        for kind, moves in kinds.items()
    }


def _move_json(move: Move) -> dict[str, object]:
    return {
        "person": move.key,
        "login": move.login,
        "name": move.name,
        "before": _standing_json(move.before),
        "after": _standing_json(move.after),
    }


def _standing_json(standing: Standing) -> list[dict[str, object]]:
    return [
        {"role": str(role), "sections": sorted(sections)}
        for role, sections in sorted(standing, key=lambda one: one[0])
    ]


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
