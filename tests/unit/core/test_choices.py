import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.core.choices import (
    Unreadable,
    Wish,
    keep,
    map_wish,
    parse_fields,
    parse_wish,
)
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.reasons import Code

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda below: st.lists(below) | st.dictionaries(st.text(), below),
    max_leaves=8,
)

READABLE = {
    "nothing": (None, Wish()),
    "an empty object": ({}, Wish()),
    "every key empty": ({"course": None, "profile": "", "options": None}, Wish()),
    "a course alone": ({"course": "ml"}, Wish("ml")),
    "everything": (
        {"course": "ml", "profile": "gpu", "options": {"devices": "two"}},
        Wish("ml", "gpu", {"devices": "two"}),
    ),
    "what the hub remembered": (
        {"edu": {"course": "ml", "options": {"devices": "two"}}},
        Wish("ml", None, {"devices": "two"}),
    ),
    "letters of any script": ({"profile": "größe"}, Wish(profile="größe")),
}


@pytest.mark.parametrize(("value", "wish"), READABLE.values(), ids=READABLE)
def test_user_options_that_can_be_read(value, wish):
    assert parse_wish(value) == wish


UNREADABLE = {
    "a list": [],
    "a list of pairs": [["course", "ml"]],
    "a text": "ml",
    "a number": 5,
    "false, which is not nothing": False,
    "an unknown key": {"image": "evil:latest"},
    "KubeSpawner's spelling": {"profile": "gpu", "image--unlisted-choice": "evil"},
    "a trait": {"course": "ml", "mem_limit": "1T"},
    "a course that is a number": {"course": 5},
    "a course that is a list": {"course": ["ml"]},
    "a profile that is an object": {"profile": {"key": "gpu"}},
    "a profile that is true": {"profile": True},
    "options that are a list": {"options": ["devices"]},
    "options that are a text": {"options": "devices"},
    "an option that is a number": {"options": {"devices": 2}},
    "an option that is null": {"options": {"devices": None}},
    "an option that is an object": {"options": {"devices": {"devices": 8}}},
    "an empty option": {"options": {"devices": ""}},
    "an option without a name": {"options": {"": "two"}},
    "a very long course": {"course": "m" * 129},
    "a line break for the log": {"course": "ml\n[I] all is well"},
    "a control character": {"profile": "gpu\x00"},
    "half a surrogate pair": {"profile": "\ud800"},
    "text that turns around": {"profile": "\u202egpu"},
    "our key twice": {"edu": {"edu": {"course": "ml"}}},
    "our key beside others": {"edu": {"course": "ml"}, "profile": "gpu"},
    "a thousand options": {"options": {str(n): "x" for n in range(1000)}},
}


@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE)
def test_user_options_that_are_refused(value):
    with pytest.raises(Unreadable) as refused:
        parse_wish(value)

    assert refused.value.reason.code is Code.OPTION_INVALID
    assert refused.value.reason.status == 400
    assert refused.value.reason.sentence.isprintable()


KEPT = {
    "a choice goes under our key": ({"profile": "gpu"}, {"edu": {"profile": "gpu"}}),
    "a second start keeps it": ({"edu": {"profile": "gpu"}}, {"edu": {"profile": "gpu"}}),
    "no choice stays none": ({}, {}),
    "nothing stays nothing": (None, None),
}


@pytest.mark.parametrize(("options", "kept"), KEPT.values(), ids=KEPT)
def test_what_the_hub_remembers_means_nothing_to_another_spawner(options, kept):
    assert keep(options) == kept
    assert parse_wish(kept) == parse_wish(options)


def read(parse):
    """What was read, or the words of the refusal; anything else than those two fails."""
    try:
        return parse()
    except Unreadable as refused:
        return refused.reason.sentence


@given(ANY_JSON)
def test_any_json_is_read_or_refused(value):
    wish = read(lambda: parse_wish(value))

    texts = [wish]
    if isinstance(wish, Wish):
        texts = [wish.course, wish.profile, *wish.options, *wish.options.values()]
    assert all(text is None or (text.isprintable() and 0 < len(text) <= 128) for text in texts)


FIELDS = {
    "nothing": ({}, {}),
    "the card that was chosen": ({"choice": ["ml/gpu"]}, {"course": "ml", "profile": "gpu"}),
    "its selects, not those of other cards": (
        {
            "choice": ["ml/gpu"],
            "option:ml/gpu/devices": ["two"],
            "option:ml/big/devices": ["eight"],
            "option:db/gpu/devices": ["one"],
        },
        {"course": "ml", "profile": "gpu", "options": {"devices": "two"}},
    ),
    "a button to wait, whatever else is chosen": (
        {"choice": ["ml/notebook"], "wait": ["ml/gpu"], "option:ml/gpu/devices": ["two"]},
        {"course": "ml", "profile": "gpu", "options": {"devices": "two"}},
    ),
    "with the form's token": (
        {"_xsrf": ["secret"], "choice": ["ml/gpu"]},
        {"course": "ml", "profile": "gpu"},
    ),
    "a link": (
        {"course": ["ml"], "profile": ["gpu"], "devices": ["two"]},
        {"course": "ml", "profile": "gpu", "options": {"devices": "two"}},
    ),
    "a link to a profile alone": ({"profile": ["gpu"]}, {"profile": "gpu"}),
}


@pytest.mark.parametrize(("fields", "options"), FIELDS.values(), ids=FIELDS)
def test_fields_that_can_be_read(fields, options):
    found = parse_fields(fields)

    assert found == options
    assert json.loads(json.dumps(found)) == found


BAD_FIELDS = {
    "a choice without a profile": {"choice": ["ml"]},
    "a choice without a course": {"choice": ["/gpu"]},
    "a choice of nothing": {"choice": [""]},
    "two buttons": {"wait": ["ml/gpu", "ml/big"]},
    "two choices": {"choice": ["ml/gpu", "ml/notebook"]},
    "no value at all": {"choice": []},
    "a field of KubeSpawner's beside a choice": {"choice": ["ml/gpu"], "profile": ["big"]},
    "an unknown field beside a choice": {"choice": ["ml/gpu"], "mem_limit": ["1T"]},
    "an option twice": {"choice": ["ml/gpu"], "option:ml/gpu/devices": ["one", "two"]},
    "an option without a name": {"choice": ["ml/gpu"], "option:ml/gpu/": ["two"]},
    "an uploaded file": {"choice": ["ml/gpu"], "option:ml/gpu/x_file": [{"body": b"..."}]},
    "a file in a link": {"profile_file": [{"body": b"..."}]},
    "no list": {"course": "ml"},
    "a line break": {"course": ["ml\nx"]},
}


@pytest.mark.parametrize("fields", BAD_FIELDS.values(), ids=BAD_FIELDS)
def test_fields_that_are_refused(fields):
    with pytest.raises(Unreadable):
        parse_fields(fields)


@given(st.dictionaries(st.text(), st.lists(st.text() | st.binary()) | st.text()))
def test_any_fields_are_read_or_refused(fields):
    assert read(lambda: parse_wish(parse_fields(fields)))


def test_a_course_left_out_is_the_only_one():
    assert map_wish(Wish(), "p", {"ml": "Learning"}) == StartRequest("p", "ml")


def test_a_course_that_was_named_is_asked_for_even_if_it_is_none_of_them():
    assert map_wish(Wish("db"), "p", {"ml": "Learning"}) == StartRequest("p", "db")


def test_of_several_courses_none_is_guessed():
    reason: Any = map_wish(Wish(profile="gpu"), "p", {"ml": "Learning", "db": "Data"})

    assert (reason.status, reason.sentence) == (400, "Choose a course: Learning (ml), Data (db).")


def test_without_a_course_nothing_can_be_meant():
    reason: Any = map_wish(Wish(), "p", {}, "it@uni.example")

    assert (reason.status, reason.sentence) == (403, "You are not enrolled in any course here.")
