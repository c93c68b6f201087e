"""The campus as it stands now, worked out from the book and the inventory: JSON that the page is made from, too."""

from __future__ import annotations

from collections import Counter

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.slices import in_slices
from jupyterhub_edu.domain.balance import Share, State
from jupyterhub_edu.domain.exams import share_of
from jupyterhub_edu.domain.pools import Holding
from jupyterhub_edu.domain.profiles import Flavor
from jupyterhub_edu.wire import campus as wire

from .wishes import iso

__all__ = ["campus_json"]

_NOTHING = Share()


async def campus_json(core: Core) -> wire.Campus:
    """All pools, nodes and lines; a step at a time, so each flavor is of one instant and all of them nearly."""
    people = 0
    async for person in in_slices(list(core.roll.people())):
        people += person.active and not person.linked_to
    flavors = [one for one in core.campus.flavors.values() if one.device is not None]
    return {
        "name": core.campus.name,
        "time_zone": core.campus.zone.key,
        "courses": len(core.campus.courses),
        "people": people,
        "servers": len(core.book.admissions()),
        "requests": len(core.requests.waiting()),
        "flavors": [await _flavor(core, one) for one in flavors],
    }


async def _flavor(core: Core, flavor: Flavor) -> wire.Flavor:
    now, state = core.clock(), core.book.state(flavor.key)
    free, spare = core.book.free(flavor.key), core.book.borrowed(flavor.key)
    places = core.line.places(flavor.key)
    waits = [now - place.arrived_at for place in places]
    waiting = Counter(place.request.course for place in places)
    return {
        "flavor": flavor.key,
        "title": flavor.title,
        "free": free,
        "used": core.book.used(flavor.key),
        "heard": state.fresh,
        "waiting": len(places),
        "longest_wait_seconds": int(max(waits).total_seconds()) if waits else None,
        "shares": _shares(core, state, waiting),
        "nodes": await _nodes(core, state, spare),
    }


def _shares(core: Core, state: State, waiting: Counter[str]) -> list[wire.Share]:
    """Of every course that owns, holds or waits for something; in the campus file's order, exams behind their course."""
    keys = {*state.used, *waiting, *(key for key, one in state.shares.items() if one.nominal)}
    found = []
    for key in keys:
        exam, course = _course_of(core, key)
        share, used = state.shares.get(key, _NOTHING), state.used.get(key, 0)
        told: wire.Share = {
            "course": course,
            "exam": exam,
            "owns": share.nominal,
            "reserved": share.reserved,
            "used": used,
            "borrowed": max(0, used - share.nominal),
            "may_borrow": share.borrow,
            "waiting": waiting[key],
        }
        if used or share.nominal or waiting[key]:
            found.append(told)
    order = {id: at for at, id in enumerate(core.campus.courses)}
    return sorted(found, key=lambda one: (order.get(one["course"], len(order)), one["exam"]))


async def _nodes(core: Core, state: State, spare: frozenset[str]) -> list[wire.Node]:
    """Each node with whose sessions are on it, by name; those that no node shows yet come last."""
    on: dict[str | None, list[wire.Holder]] = {name: [] for name in sorted(state.nodes)}
    # Where nobody looks at pods, all machines are one.
    unseen_on = None if core.inventory.sees_pods else ""
    async for holding in in_slices(list(state.holdings.values())):
        node = unseen_on if holding.node is None else holding.node
        on.setdefault(node, []).append(_holder(core, holding, spare))
    elsewhere = on.pop(None, [])
    nodes: list[wire.Node] = [
        {
            "name": name,
            # On machines that are not told apart sessions stand that nobody has seen.
            "free": (state.nodes.get(name) if name else max(0, state.room))
            if state.fresh
            else None,
            "sessions": sorted(sessions, key=lambda one: (one["since"], one["session"])),
        }
        for name, sessions in on.items()
    ]
    unseen: wire.Node = {"name": None, "free": None, "sessions": elsewhere}
    return [*nodes, *([unseen] if elsewhere else [])]


def _holder(core: Core, holding: Holding, spare: frozenset[str]) -> wire.Holder:
    admission = core.book.admission(holding.id)
    _, course = _course_of(core, holding.course)
    return {
        "session": holding.id,
        "user": admission.hub_name if admission is not None else "",
        "course": course,
        "devices": holding.devices,
        "spare": holding.id in spare,
        "since": holding.since.isoformat(),
        "ends_at": iso(holding.ends_at),
    }


def _course_of(core: Core, share: str) -> tuple[bool, str]:
    """Whether a share of a pool is an exam's, and its course."""
    exam = core.exams.find(share.removeprefix(share_of("")))
    return (True, exam.exam.course) if exam is not None else (False, share)
