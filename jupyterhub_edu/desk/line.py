"""How somebody stands in the waiting line, in words and as JSON. All text is plain: whoever shows it escapes it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from jupyterhub.utils import url_path_join

from jupyterhub_edu.core import Core, current_core
from jupyterhub_edu.domain.decide import Decision
from jupyterhub_edu.domain.idle import CONNECT_WITHIN
from jupyterhub_edu.domain.line import Estimate
from jupyterhub_edu.domain.reasons import Reason
from jupyterhub_edu.domain.words import say, say_count
from jupyterhub_edu.hub import reasons_json
from jupyterhub_edu.ports import Phase, Standing

from . import views
from .views import Moment

__all__ = ["NO_PLACE", "LineView", "Why", "line_json", "line_note", "line_view", "way_on"]

_SENTENCES: Final = {
    Phase.STARTING: say("Your server is being made ready. This page goes on to it by itself."),
    Phase.SOON: say(
        "The hub starts many servers just now. Yours is started by itself as soon as the hub takes more; nothing need be done."
    ),
    Phase.STARTED: say(
        "If you do not see it yet, go on to it here. If it has stopped since, start it again."
    ),
}


class Why(NamedTuple):
    """One reason: why not, what to do or who can change it, and when to try again."""

    sentence: str
    way_out: str
    when: Moment | None


class LineView(NamedTuple):
    """How somebody stands, for a page.

    Attributes:
        phase: one of ``Phase``, or ``none``.
        what: what was asked for, in words.
        sentence: what a person must know first; empty where the heading says it all.
        expected: when it may start, with what that rests on; empty once nothing is waited for.
        since: when they took their place.
        again: instead of waiting they may start anew.
        open_within: minutes within which the server must be opened once it runs, or 0.
    """

    phase: str
    heading: str
    sentence: str = ""
    what: str = ""
    expected: str = ""
    since: Moment | None = None
    reasons: tuple[Why, ...] = ()
    may_leave: bool = False
    again: bool = False
    open_within: int = 0


NO_PLACE: Final = LineView("none", say("You stand in no line"), again=True)


def line_view(core: Core, standing: Standing | None) -> LineView:
    """How somebody stands now."""
    if standing is None:
        return NO_PLACE
    phase, place = standing.phase, standing.place
    waits = phase is Phase.WAITING
    return LineView(
        phase=str(phase),
        heading=standing.words,
        sentence=_struck(core, standing) if phase is Phase.STRUCK else _SENTENCES.get(phase, ""),
        what=_what(core, standing),
        expected=_expected(core, standing.estimate) if waits else "",
        since=views.instant(place.arrived_at, core) if waits or phase is Phase.SOON else None,
        reasons=tuple(_why(core, reason) for reason in standing.reasons),
        may_leave=waits or phase is Phase.SOON,
        again=phase in {Phase.STARTED, Phase.STRUCK},
        open_within=int(CONNECT_WITHIN.total_seconds()) // 60 if place.devices else 0,
    )


def line_note(user: Any) -> str:
    """One's place in a few words, for the frame of every page of the hub; empty for those who wait for nothing.

    Args:
        user: the hub's account, or None.
    """
    standing = current_core().line.standing(user.name) if user is not None else None
    return standing.note if standing is not None else ""


def line_json(core: Core, standing: Standing) -> dict[str, object]:
    """How somebody stands, for programs. Instants are ISO 8601 in UTC."""
    place, estimate = standing.place, standing.estimate
    return {
        "id": place.id,
        "phase": str(standing.phase),
        "course": place.course,
        "profile": place.request.profile,
        "options": dict(place.request.options),
        "server": standing.server,
        "flavor": place.flavor,
        "devices": place.devices,
        "since": place.arrived_at.isoformat(),
        "ahead": standing.ahead,
        "estimate": _estimate_json(core, estimate) if estimate is not None else None,
        "reasons": reasons_json(Decision(None, standing.reasons)),
    }


def way_on(user: Any, standing: Standing | None, base_url: str, *, ready: bool = False) -> str:
    """Address of the hub's spawn-pending page for a server whose turn has come; ``""`` while the hub does not start it.

    Args:
        user: the hub's account.
        ready: only if the server answers already.
    """
    if standing is None or standing.phase not in {Phase.STARTING, Phase.STARTED}:
        return ""
    spawner = user.spawners.get(standing.server)
    if spawner is None or not (spawner.ready or (spawner.pending == "spawn" and not ready)):
        return ""
    parts = [user.escaped_name, *([quote(standing.server, safe="")] if standing.server else [])]
    path: str = url_path_join(base_url, "spawn-pending", *parts)
    return path


def _estimate_json(core: Core, estimate: Estimate) -> dict[str, object]:
    return {
        "at": estimate.at.isoformat() if estimate.at is not None else None,
        "planned_ends": estimate.ends,
        "sentence": _expected(core, estimate),
    }


def _expected(core: Core, estimate: Estimate | None) -> str:
    """When it may start, and what that rests on."""
    if estimate is None or estimate.at is None:
        return say(
            "cannot be told: of the sessions that must end first, too few have a planned end"
        )
    if not estimate.ends:
        return say("at any moment")
    at = _about(estimate.at, core)
    return say_count(
        estimate.ends,
        "about {at}, when 1 session is planned to end",
        "about {at}, when {n} sessions are planned to end",
        at=at,
    )


def _about(at: datetime, core: Core) -> str:
    """To the minute, and never in the past."""
    return views.instant(max(at, core.clock()), core).text


def _what(core: Core, standing: Standing) -> str:
    place = standing.place
    course = core.roll.course(core.roll.person(place.person), place.request.course)
    profile = core.campus.profiles.get(place.request.profile or "")
    flavor = core.campus.flavors.get(place.flavor)
    parts = [profile.title if profile else place.request.profile or ""]
    if place.devices:
        parts.append(f"{place.devices} × {flavor.title if flavor else place.flavor}")
    where = course.title if course else place.request.course
    return say("{what} in {where}", what=", ".join(part for part in parts if part), where=where)


def _struck(core: Core, standing: Standing) -> str:
    if standing.reasons:
        return say("Your server was not started, and your place is given up:")
    asked = (
        say("ask {contact}", contact=core.campus.contact)
        if core.campus.contact
        else say("ask an administrator")
    )
    return say(
        "Your server did not start. Try it once more; if that fails too, {asked}.", asked=asked
    )


def _why(core: Core, reason: Reason) -> Why:
    when = views.instant(reason.retry_at, core) if reason.retry_at is not None else None
    return Why(reason.sentence, reason.way_out, when)
