"""What administrators see of the sources and their rosters, and letting a sync through; JSON alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.rosters import Comparison, Move, Standing
from jupyterhub_edu.core.sync import CourseSync
from jupyterhub_edu.domain.campus import SourceInfo

__all__ = ["source_json", "sync_json"]


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
    held = state.held
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
