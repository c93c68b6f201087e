"""The rows of ``views`` as the REST API gives them. Instants are ISO 8601 with their zone, in UTC."""

from __future__ import annotations

from jupyterhub_edu.wire import courses as wire

from .views import CourseRow, Membership, Moment, SessionRow

__all__ = ["course_json", "session_json"]


def course_json(row: CourseRow) -> wire.Course:
    """One course."""
    return {
        "id": row.id,
        "title": row.title,
        "role": row.role,
        "state": row.state,
        "starts": _iso(row.starts),
        "ends": _iso(row.ends),
        "enrolments": [_membership(membership) for membership in row.memberships],
        "sees_everybody": row.sees_all,
        "sessions": row.on,
        "devices": [
            {"flavor": device.flavor, "used": device.used, "own": device.own}
            for device in row.devices
        ],
    }


def session_json(row: SessionRow) -> wire.Session:
    """One session."""
    return {
        "session": row.admission,
        "user": row.user,
        "name": row.name,
        "server": row.server,
        "profile": row.profile,
        "flavor": row.flavor,
        "devices": row.devices,
        "share": row.share,
        "state": row.state,
        "since": row.since.iso,
        "until": _iso(row.until),
        "may_stop": row.may_stop,
    }


def _membership(membership: Membership) -> wire.Membership:
    return {
        "role": membership.role,
        "origin": membership.origin,
        "starts": _iso(membership.starts),
        "ends": _iso(membership.ends),
    }


def _iso(moment: Moment | None) -> str | None:
    return moment.iso if moment is not None else None
