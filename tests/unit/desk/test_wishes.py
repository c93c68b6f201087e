"""What the API for grants and exams reads, and what it refuses."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.core.exam_wishes import ExamWish
from jupyterhub_edu.core.named import NotNamed
from jupyterhub_edu.desk.exams import read_wish
from jupyterhub_edu.desk.grants import read_lift
from jupyterhub_edu.desk.reading import read_body
from jupyterhub_edu.desk.refusals import Code, DeskError
from jupyterhub_edu.desk.wishes import done
from jupyterhub_edu.domain.allowances import GPU_HOUR
from jupyterhub_edu.domain.grants import Cap, Hours, Lift, Longest, Offer
from jupyterhub_edu.wire.exams import ExamWish as ExamBody
from jupyterhub_edu.wire.grants import GrantWish

GIVEN: dict[str, tuple[dict[str, Any], Lift]] = {
    "hours": ({"hours": 10}, Hours(10 * GPU_HOUR)),
    "parts of an hour": ({"hours": 0.125}, Hours(GPU_HOUR // 8)),
    "a profile": ({"offer": "gpu"}, Offer("gpu")),
    "servers": ({"servers": 2}, Cap(2)),
    "devices": ({"devices": 2, "flavor": "t4"}, Cap(2, "t4")),
    "a longer session": (
        {"longest": 480, "profile": "gpu"},
        Longest("gpu", timedelta(hours=8)),
    ),
}
NOTHING: dict[str, dict[str, Any]] = {
    "nothing": {},
    "two things": {"hours": 1, "offer": "gpu"},
    "hours with a profile": {"hours": 1, "profile": "gpu"},
    "hours as text": {"hours": "1"},
    "hours that are true": {"hours": True},
    "less than none": {"hours": -1},
    "no number": {"hours": float("nan")},
    "without end": {"hours": float("inf")},
    "thousandths of thousandths": {"hours": 0.0001},
    "devices of nothing": {"devices": 2},
    "a flavor alone": {"flavor": "t4"},
    "half a server": {"servers": 1.5},
    "a server that is true": {"servers": True},
    "a longer session of nothing": {"longest": 480},
    "one that is negative": {"longest": -1, "profile": "gpu"},
    "one of centuries": {"longest": 10**9, "profile": "gpu"},
    "a profile that is a list": {"offer": ["gpu"]},
    "text nobody types": {"offer": "gpu\n"},
}


def lift(wish: Any) -> Lift:
    return read_lift(read_body(json.dumps(wish).encode(), GrantWish))


@pytest.mark.parametrize(("wish", "what"), GIVEN.values(), ids=GIVEN)
def test_one_thing_is_given(wish: dict[str, Any], what: Lift) -> None:
    assert lift({**wish, "person": "ada", "why": "ill"}) == what


@pytest.mark.parametrize("wish", NOTHING.values(), ids=NOTHING)
def test_anything_else_is_unreadable(wish: dict[str, Any]) -> None:
    with pytest.raises(DeskError) as refusal:
        lift(wish)
    assert refusal.value.code is Code.UNREADABLE


def exam(wish: Any) -> ExamWish:
    return read_wish(read_body(json.dumps(wish).encode(), ExamBody))


def test_an_exam_is_read_whole() -> None:
    wish = {
        "starts": "2026-11-24T10:00:00+01:00",
        "ends": "2026-11-24T11:00:00Z",
        "profile": "gpu",
        "image": "registry/exam:1",
        "options": {"size": "small"},
        "participants": ["ada"],
        "extra": {"ada": 30},
    }
    assert exam(wish) == ExamWish(
        datetime(2026, 11, 24, 9, tzinfo=UTC),
        datetime(2026, 11, 24, 11, tzinfo=UTC),
        "gpu",
        "registry/exam:1",
        {"size": "small"},
        ("ada",),
        {"ada": timedelta(minutes=30)},
    )
    assert exam({}) == ExamWish()
    assert exam({"participants": []}).participants == ()
    more = {"title": "Midterm", "section": "b", "everybody": True}
    assert exam(more) == ExamWish(title="Midterm", section="b", everybody=True)


UNREADABLE: dict[str, dict[str, Any]] = {
    "an instant without a zone": {"starts": "2026-11-24T10:00:00"},
    "a number of seconds": {"starts": 1700000000},
    "a day": {"ends": "tomorrow"},
    "a name for a list": {"participants": "ada"},
    "a number for a name": {"participants": [7]},
    "a list for extra time": {"extra": ["ada"]},
    "extra time as text": {"extra": {"ada": "30"}},
    "time taken away": {"extra": {"ada": -1}},
    "options as a list": {"options": []},
    "a choice that is a number": {"options": {"size": 1}},
    "a profile that is a number": {"profile": 1},
}


@pytest.mark.parametrize("wish", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_of_an_exam_is_refused(wish: dict[str, Any]) -> None:
    with pytest.raises(DeskError) as refusal:
        exam(wish)
    assert refusal.value.code is Code.UNREADABLE


KEYS = frozenset(
    ["starts", "ends", "profile", "image", "options", "participants", "extra", "hours", "offer"]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(KEYS)), ANYTHING))
def test_any_json_is_read_or_refused(wish: dict[str, Any]) -> None:
    with suppress(DeskError):
        exam(wish)
    with suppress(DeskError):
        lift(wish)


async def test_a_refusal_says_what_the_act_says() -> None:
    async def refused() -> None:
        raise NotNamed(["x"])

    with pytest.raises(DeskError) as refusal:
        await done(refused(), {NotNamed: Code.NOT_IN_COURSE})
    assert refusal.value.as_json()["message"] == (
        "Nobody in the course has this account, login, student number or name, or several people have. Not found: x."
    )
