"""A file with what the desk has set on top: who is to blame for a mistake, and what time does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from jupyterhub_edu import campus
from jupyterhub_edu.domain.adjustments import Adjustment
from jupyterhub_edu.domain.people import CourseRole
from tests.unit.campus.conftest import NOW


def adjusted(*fields: tuple[str, str, Any]) -> list[Adjustment]:
    """Set in this order."""
    return [
        Adjustment(course, field, value, "tea", NOW + timedelta(seconds=at))
        for at, (course, field, value) in enumerate(fields)
    ]


def out(arranged: Any) -> dict[str, str]:
    return {id: "; ".join(one.words for one in why) for id, why in arranged.out.items()}


def test_with_nothing_on_top_it_is_the_very_campus_of_the_file(load):
    loaded = load()

    assert campus.arranger(loaded)({}, [], NOW).campus is loaded.campus


def test_a_file_that_time_has_made_wrong_is_read_as_it_was(load):
    loaded = load(
        "  intro:\n    term: h26\n",
        '  intro:\n    windows: [{dates: [2026-11-04], from: "10:00", until: "12:00", reserve: {t4: 1}}]\n',
    )
    arrange = campus.arranger(loaded)

    arranged = arrange({}, adjusted(("ml", "title", "X")), NOW + timedelta(days=9))

    assert arranged.campus.courses["ml"].title == "X"
    assert arranged.out == {}


def test_a_mistake_elsewhere_is_blamed_on_the_first_with_which_there_is_one(load):
    text = (
        "codes: [INF4490]",
        "offers: {student: [gpu]}\n    windows: [{days: [Tue], only: [gpu]}]",
    )
    arrange = campus.arranger(load(*text))
    set_there = adjusted(
        ("ml", "title", "X"),
        ("ml", "offers.teacher", ["notebook"]),
        ("ml", "offers.student", ["notebook"]),
        ("intro", "title", "Y"),
    )

    arranged = arrange({}, set_there, NOW)

    assert out(arranged) == {
        "ml/offers.student": "windows[0].only[0]: the course offers gpu to nobody; take it out, or offer it"
    }
    assert arranged.campus.courses["intro"].title == "Y"


def test_what_nobody_can_have_any_more_is_no_mistake_at_the_desk(load):
    arrange = campus.arranger(load())
    offers: list[tuple[str, str, list[str]]] = [
        ("ml", "offers.teacher", []),
        ("intro", "offers.teacher", []),
    ]

    arranged = arrange({}, adjusted(*offers), NOW)

    assert out(arranged) == {}
    assert CourseRole.TEACHER not in arranged.campus.courses["ml"].offers


def test_a_choice_that_its_takers_may_not_take_is_one(load):
    loaded = load("default: one", "default: two")
    arrange = campus.arranger(loaded)

    arranged = arrange({}, adjusted(("ml", "offers.student", ["gpu"])), NOW)

    assert out(arranged) == {
        "ml/offers.student": "profiles.gpu.options.devices.default: student of ml may not take two; choose a default "
        "that is open to everybody who has the profile"
    }


def test_two_mistakes_take_out_two(load):
    arrange = campus.arranger(load())
    set_there = adjusted(("ml", "offers.student", ["x"]), ("intro", "caps.student", {"y": 1}))

    arranged = arrange({}, [*set_there, *adjusted(("ml", "title", "X"))], NOW)

    assert list(arranged.out) == ["ml/offers.student", "intro/caps.student"]
    assert arranged.campus.courses["ml"].title == "X"
    assert arranged.written["ml"]["term"] == "h26"
    assert arranged.defaults["offers"]["student"] == ["notebook"]
