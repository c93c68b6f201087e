"""The REST API for grants: what staff give to people of their course beside what the campus file says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from fractions import Fraction
from typing import Any, Final

from jupyterhub.scopes import needs_scope

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.giving import (
    AboveCeiling,
    CannotGive,
    Giving,
    GivingNotYours,
    NoSuchGrant,
    Whom,
    words,
)
from jupyterhub_edu.core.named import NotNamed
from jupyterhub_edu.core.rosters import in_slices
from jupyterhub_edu.domain.allowances import GPU_HOUR, gpu_hours
from jupyterhub_edu.domain.grants import Cap, Grant, Hours, Lift, Longest, Offer
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.ports import StoreError

from .api import API
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .wishes import body_of, done, instant, iso, minutes, text

__all__ = ["GrantAPI", "GrantsAPI", "grant_routes", "names_json", "read_lift"]

_REFUSALS: Final[Mapping[type[Exception], Code]] = {
    GivingNotYours: Code.NOT_YOUR_GRANTS,
    AboveCeiling: Code.ABOVE_CEILING,
    CannotGive: Code.CANNOT_GIVE,
    NoSuchGrant: Code.NO_SUCH_GRANT,
    NotNamed: Code.NOT_IN_COURSE,
    StoreError: Code.NOT_WRITTEN,
}
_WHAT: Final = frozenset({"hours", "offer", "servers", "devices", "flavor", "longest", "profile"})
_KEYS: Final = _WHAT | {"person", "section", "starts", "ends", "why"}
_MINUTE: Final = timedelta(minutes=1)


class _GivingAPI(API):
    """One course's grants, by whoever takes part in it; what they may there is looked up anew for each request."""

    async def giving(self, course_id: str) -> tuple[Core, Giving, str]:
        core = await self.ready_core()
        viewer = self.require_person(core)
        course = self.require_course(core, viewer, course_id)
        return core, Giving(core, viewer, course.id, self.request.remote_ip or ""), course.id


class GrantsAPI(_GivingAPI):
    """``/hub/api/edu/courses/<course>/grants``."""

    @needs_scope(READ)
    async def get(self, course_id: str) -> None:
        """Every grant of the course, ended ones too, with what a teacher gives alone; for whoever may give."""
        core, giving, course = await self.giving(course_id)
        try:
            giving.require_may_give()
        except GivingNotYours as error:
            raise DeskError(Code.NOT_YOUR_GRANTS) from error
        taken = core.spared.most(core.book.admissions(course))
        grants = [_grant_json(core, one, taken) async for one in in_slices(core.grants.of(course))]
        ceilings = core.campus.ceilings
        longest = ceilings.longest // _MINUTE if ceilings.longest is not None else None
        answer = {
            "time_zone": core.campus.zone.key,
            "ceilings": {
                "hours": float(gpu_hours(ceilings.hours)),
                "offer": sorted(ceilings.profiles),
                "servers": ceilings.servers,
                "devices": dict(ceilings.devices),
                "longest": longest,
            },
            "grants": grants,
        }
        self.write(json.dumps(answer))

    @needs_scope(MANAGE)
    async def post(self, course_id: str) -> None:
        """Give something; 201 with the grant."""
        core, giving, _ = await self.giving(course_id)
        wish = body_of(self.request.body, _KEYS)
        whom = Whom(
            None if wish.get("person") is None else text(wish["person"]),
            None if wish.get("section") is None else text(wish["section"]),
        )
        act = giving.give(
            read_lift(wish),
            whom,
            starts=instant(wish.get("starts")),
            ends=instant(wish.get("ends")),
            why=text(wish.get("why", "")),
        )
        grant = await done(act, _REFUSALS)
        self.set_status(201)
        self.write(json.dumps(_grant_json(core, grant, {})))


class GrantAPI(_GivingAPI):
    """``/hub/api/edu/courses/<course>/grants/<grant>``."""

    @needs_scope(MANAGE)
    async def delete(self, course_id: str, grant: str) -> None:
        """Take it back: 204, or 200 with what is left because it has been used."""
        core, giving, _ = await self.giving(course_id)
        left = await done(giving.take_back(grant), _REFUSALS)
        if left is None:
            self.set_status(204)
        else:
            taken = core.spared.most(core.book.admissions(left.course))
            self.write(json.dumps(_grant_json(core, left, taken)))


def read_lift(wish: Mapping[str, Any]) -> Lift:
    """The one thing that is to be given.

    Raises:
        DeskError: it is none, or several.
    """
    match {key: value for key, value in wish.items() if key in _WHAT}:
        case {"hours": int() | float() as hours, **rest} if not rest and type(hours) is not bool:
            return Hours(_usage(hours))
        case {"offer": str() as profile, **rest} if not rest:
            return Offer(text(profile))
        case {"servers": int() as most, **rest} if not rest and type(most) is int:
            return Cap(_count(most))
        case {"devices": int() as most, "flavor": str() as flavor, **rest} if (
            not rest and type(most) is int
        ):
            return Cap(_count(most), text(flavor))
        case {"longest": int() as longest, "profile": str() as profile, **rest} if not rest:
            return Longest(text(profile), minutes(longest))
    raise DeskError(Code.UNREADABLE)


def _usage(hours: float) -> int:
    """GPU hours as usage, at most three decimals."""
    if not 0 <= hours <= 1_000_000:
        raise DeskError(Code.UNREADABLE)
    thousandths = Fraction(str(hours)) * 1000
    if thousandths.denominator != 1:
        raise DeskError(Code.UNREADABLE)
    return int(thousandths) * GPU_HOUR // 1000


def _count(most: int) -> int:
    if not 0 <= most <= 1_000_000:
        raise DeskError(Code.UNREADABLE)
    return most


def _grant_json(core: Core, grant: Grant, taken: Mapping[str, int]) -> dict[str, object]:
    """One grant; names are hostile text.

    Args:
        taken: of hours, by the grant's id.
    """
    found: dict[str, object] = {
        "id": grant.id,
        "what": words(grant.what),
        **_lift_json(grant.what),
        "person": names_json(core, grant.person) if grant.person is not None else None,
        "section": grant.section,
        "starts": iso(grant.starts),
        "ends": iso(grant.ends),
        "by": grant.by,
        "why": grant.why,
        "approved": grant.approved,
    }
    if isinstance(grant.what, Hours):
        found["taken"] = float(gpu_hours(taken.get(grant.id, 0)))
    return found


def _lift_json(what: Lift) -> dict[str, object]:
    match what:
        case Hours(amount):
            return {"hours": float(gpu_hours(amount))}
        case Offer(profile):
            return {"offer": profile}
        case Cap(most, None):
            return {"servers": most}
        case Cap(most, flavor):
            return {"devices": most, "flavor": flavor}
        case Longest(profile, length):
            return {"longest": length // _MINUTE, "profile": profile}


def names_json(core: Core, key: str) -> dict[str, str | None]:
    """Who somebody of the course is; account and name are null for those of whom none is known."""
    known = core.roll.person(key) or core.roll.rosters.listed(key)
    return {
        "person": key,
        "user": known.hub_name if isinstance(known, Person) else None,
        "name": known.name if known is not None else None,
    }


def grant_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/api/edu/courses/([^/]+)/grants", GrantsAPI),
        (r"/api/edu/courses/([^/]+)/grants/([^/]+)", GrantAPI),
    )
