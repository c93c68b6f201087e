"""Who follows how somebody stands: told soon near the front, less often far behind, and of a turn at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jupyterhub_edu.core.following import Followers, _pause
from jupyterhub_edu.ports import Phase
from tests.fakes.line import a_standing

PACES = {
    "next": (0, 0.5, 1),
    "near the front": (10, 0.5, 1),
    "in the middle": (40, 2, 4),
    "far behind": (150, 7.5, 15),
    "at the end of a long line": (5000, 7.5, 15),
}


@pytest.mark.parametrize(("ahead", "least", "most"), PACES.values(), ids=PACES)
def test_how_soon_a_change_is_told(ahead, least, most):
    pauses = [_pause(a_standing(ahead=ahead)) for _ in range(200)]
    assert least <= min(pauses) < max(pauses) <= most


async def test_a_turn_is_told_at_once_however_far_behind_one_was():
    now: Any = a_standing(ahead=5000)
    followers = Followers(lambda _: now, lambda _: now.phase)
    changes: Any = followers.follow("ada")
    assert (await anext(changes)).ahead == 5000
    coming = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    now = a_standing(Phase.STARTING)
    followers.tell("ada")
    async with asyncio.timeout(5):
        assert (await coming).phase is Phase.STARTING
    await changes.aclose()
    assert len(followers) == 0
