"""What a launch or a roster gives on one platform: pure, and the lower of two where a platform does not tell them apart."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final

from jupyterhub_edu.domain.people import CourseClaim, CourseRole
from jupyterhub_edu.identity.tokens import BadToken
from jupyterhub_edu.ports import LaunchRequest

from .claims import Context, LaunchClaims
from .memory import Visit
from .roles import map_roles
from .rosters import RosterEntry
from .settings import LtiSettings, PlatformSettings

__all__ = [
    "CUSTOM",
    "check_deployment",
    "in_course",
    "linked_by",
    "linking",
    "listed_roles",
    "lowered",
]

CUSTOM: Final[Mapping[str, Mapping[str, str]]] = {
    "canvas": {"login": "$Canvas.user.loginId"},
    "moodle": {},
    "other": {"username": "$User.username"},
}
"""Parameters that a platform of each kind is to fill in."""
_LINKING: Final = "person_sourcedid"


def check_deployment(
    platform: PlatformSettings, request: LaunchRequest, claims: LaunchClaims
) -> None:
    """Check that a launch is of a deployment that may launch, and of the one that it was begun for.

    Raises:
        BadToken: it is not.
    """
    allowed = platform.deployments
    if allowed != "any" and claims.deployment not in allowed:
        raise BadToken(
            f"its deployment {claims.deployment[:64]!r} is not one of deployments in the campus file; add it there"
        )
    if request.deployment and not hmac.compare_digest(
        request.deployment.encode(), claims.deployment.encode()
    ):
        raise BadToken("it is of another deployment than the launch that was begun")


def lowered(roles: frozenset[CourseRole]) -> frozenset[CourseRole]:
    """The same roles with an assistant in the place of a teacher."""
    return (roles - {CourseRole.TEACHER}) | {CourseRole.ASSISTANT}


def listed_roles(
    platform: PlatformSettings, listed: RosterEntry, visit: Visit | None
) -> frozenset[CourseRole]:
    """What a roster gives.

    Args:
        visit: a launch as Instructor that still counts. Moodle's rosters call assistants learners; whoever both was an
            Instructor and is a Learner there is an assistant.
    """
    roles = map_roles(listed.roles)
    if CourseRole.TEACHER in roles and platform.instructor == "assistant":
        return lowered(roles)
    if visit is not None and platform.kind == "moodle" and CourseRole.STUDENT in roles:
        more = CourseRole.TEACHER if platform.instructor == "teacher" else CourseRole.ASSISTANT
        return (roles - {CourseRole.STUDENT}) | {more}
    return roles


def in_course(
    platform: str, context: Context | None, roles: frozenset[CourseRole], *, sure: bool
) -> dict[str, Any]:
    """A launch's course roles as the fields ``claims`` and ``covers`` of an Identity.

    Args:
        sure: whether that is all that is known; else what was known before stays beside it.
    """
    if context is None:
        return {"covers": frozenset()}
    ref = context.ref(platform)
    return {
        "claims": frozenset(CourseClaim(ref, role) for role in roles),
        "covers": frozenset({ref} if sure else ()),
    }


def linking(platform: PlatformSettings, claims: LaunchClaims) -> Mapping[str, str]:
    """What link rules may compare: the number that the school's records have for the person, where nobody can change it."""
    number = claims.named.get("lis.person_sourcedid") if platform.sourcedid_is_locked else None
    return MappingProxyType({_LINKING: number} if number else {})


def linked_by(settings: LtiSettings) -> Collection[str]:
    """The attributes that link rules may compare; none where no platform vouches for its numbers."""
    locked = any(platform.sourcedid_is_locked for platform in settings.platforms.values())
    return (_LINKING,) if locked else ()
