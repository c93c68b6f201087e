"""The REST API for grants: what staff give to people of their course beside what the campus file says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from fractions import Fraction
from typing import Any, Final

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
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.allowances import GPU_HOUR, gpu_hours
from jupyterhub_edu.domain.grants import Cap, Grant, Hours, Lift, Longest, Offer
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import StoreError
from jupyterhub_edu.wire import grants as wire
from jupyterhub_edu.wire.shapes import Named, Paged

from .api import API
from .operations import operation
from .paging import page_of
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .wishes import done, instant

__all__ = ["GRANT_REFUSALS", "GrantAPI", "GrantsAPI", "grant_routes", "names_json", "read_lift"]

GRANT_REFUSALS: Final[Mapping[type[Exception], Code]] = {
    GivingNotYours: Code.NOT_YOUR_GRANTS,
    AboveCeiling: Code.ABOVE_CEILING,
    CannotGive: Code.CANNOT_GIVE,
    NoSuchGrant: Code.NO_SUCH_GRANT,
    NotNamed: Code.NOT_IN_COURSE,
    StoreError: Code.NOT_WRITTEN,
}
_WHAT: Final = frozenset({"hours", "offer", "servers", "devices", "flavor", "longest", "profile"})
_MINUTE: Final = timedelta(minutes=1)


class _GivingAPI(API):
    """One course's grants, by whoever takes part in it; what they may there is looked up anew for each request."""

    async def giving(self, course_id: str) -> tuple[Core, Giving, str]:
        core, viewer, course = await self.course_of(course_id)
        return core, Giving(core, viewer, course.id, self.from_where), course.id


class GrantsAPI(_GivingAPI):
    """``/hub/api/edu/courses/<course>/grants``."""

    @operation(
        READ,
        does="The grants of the course by their start, ended ones too, and what teachers give alone.",
        query=Paged,
        answers={200: wire.Grants},
        refuses={Code.NO_SUCH_COURSE, Code.NOT_YOUR_GRANTS},
        act=Act.GRANT,
    )
    async def get(self, course_id: str, *, asked: Paged) -> None:
        """For whoever may give."""
        core, giving, course = await self.giving(course_id)
        try:
            giving.require_may_give()
        except GivingNotYours as error:
            raise DeskError(Code.NOT_YOUR_GRANTS) from error
        taken = core.spared.most(core.book.admissions(course))
        rows, more = page_of(
            core.grants.of(course), asked, lambda one: (one.starts.isoformat(), one.id)
        )
        ceilings = core.campus.ceilings
        longest = ceilings.longest // _MINUTE if ceilings.longest is not None else None
        answer: wire.Grants = {
            "time_zone": core.campus.zone.key,
            "ceilings": {
                "hours": float(gpu_hours(ceilings.hours)),
                "offer": sorted(ceilings.profiles),
                "servers": ceilings.servers,
                "devices": dict(ceilings.devices),
                "longest": longest,
            },
            "grants": [_shown(core, one, taken) for one in rows],
            "next": more,
        }
        self.show(answer)

    @operation(
        MANAGE,
        does="Give one thing to a person, a section or everybody.",
        takes=wire.GrantWish,
        answers={201: wire.Grant},
        refuses={Code.NO_SUCH_COURSE, *GRANT_REFUSALS.values()},
        act=Act.GRANT,
    )
    async def post(self, course_id: str, *, wish: wire.GrantWish) -> None:
        """Never above a ceiling, but for administrators."""
        core, giving, _ = await self.giving(course_id)
        act = giving.give(
            read_lift(wish),
            Whom(wish.get("person"), wish.get("section")),
            starts=instant(wish.get("starts")),
            ends=instant(wish.get("ends")),
            why=wish.get("why", ""),
        )
        grant = await done(act, GRANT_REFUSALS)
        self.show(_shown(core, grant, {}), 201)


class GrantAPI(_GivingAPI):
    """``/hub/api/edu/courses/<course>/grants/<grant>``."""

    @operation(
        MANAGE,
        does="Take a grant back: 204, or 200 with what is left because it has been used.",
        answers={200: wire.Grant, 204: None},
        refuses={Code.NO_SUCH_COURSE, *GRANT_REFUSALS.values()},
        act=Act.GRANT,
    )
    async def delete(self, course_id: str, grant: str) -> None:
        """What was used stays used."""
        core, giving, _ = await self.giving(course_id)
        left = await done(giving.take_back(grant), GRANT_REFUSALS)
        if left is None:
            self.set_status(204)
        else:
            taken = core.spared.most(core.book.admissions(left.course))
            self.show(_shown(core, left, taken))


def read_lift(wish: wire.GrantWish) -> Lift:
    """The one thing that is to be given.

    Raises:
        DeskError: it is none, or several.
    """
    match {key: value for key, value in wish.items() if key in _WHAT}:
        case {"hours": float() | int() as hours, **rest} if not rest:
            return Hours(int(Fraction(str(hours)) * GPU_HOUR))
        case {"offer": str() as profile, **rest} if not rest:
            return Offer(profile)
        case {"servers": int() as most, **rest} if not rest:
            return Cap(most)
        case {"devices": int() as most, "flavor": str() as flavor, **rest} if not rest:
            return Cap(most, flavor)
        case {"longest": int() as longest, "profile": str() as profile, **rest} if not rest:
            return Longest(profile, longest * _MINUTE)
    raise DeskError(Code.UNREADABLE, say("Say one thing to give."))


def _shown(core: Core, grant: Grant, taken: Mapping[str, int]) -> wire.Grant:
    """One grant; names are hostile text.

    Args:
        taken: of hours, by the grant's id.
    """
    found: wire.Grant = {
        "id": grant.id,
        "what": words(grant.what),
        "person": names_json(core, grant.person) if grant.person is not None else None,
        "section": grant.section,
        "starts": grant.starts.isoformat(),
        "ends": grant.ends.isoformat(),
        "by": grant.by,
        "why": grant.why,
        "approved": grant.approved,
    }
    if isinstance(grant.what, Hours):
        found["taken"] = float(gpu_hours(taken.get(grant.id, 0)))
    found.update(_lift_json(grant.what))
    return found


def _lift_json(what: Lift) -> Any:
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


def names_json(core: Core, key: str) -> Named:
    """Who somebody of the course is; account and name are null for those of whom none is known."""
    known = core.roll.known(key)
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
