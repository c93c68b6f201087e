"""What a person's choice comes to: the catalogue's amounts, nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.profiles import Granted, choose
from jupyterhub_edu.domain.quantities import Cpu, Memory
from tests.fakes.campus import (
    GIB,
    T4,
    a_choice,
    a_profile,
    an_option,
    some_amounts,
)

STUDENT, TEACHER = CourseRole.STUDENT, CourseRole.TEACHER
SIZE = an_option(
    "size",
    a_choice("small"),
    a_choice("large", cpu_limit=Cpu(8000), memory_limit=Memory(16 * GIB), devices=2),
    a_choice("huge", devices=4, course_roles=frozenset({CourseRole.ASSISTANT})),
)
IMAGE = an_option(
    "image",
    a_choice("plain"),
    a_choice("torch", image="registry.example/torch:2", cpu_limit=Cpu(4000)),
)
GPU = a_profile("gpu", flavor=T4, image="registry.example/gpu:1", options=[SIZE, IMAGE])


def granted(options: dict[str, str], **kwargs: Any) -> Granted:
    chosen = choose(GPU, options, kwargs.pop("role", STUDENT), **kwargs)
    assert isinstance(chosen, Granted)
    return chosen


def wrong(options: dict[str, str], role: CourseRole = STUDENT) -> list[str]:
    chosen = choose(GPU, options, role)
    assert isinstance(chosen, list)
    return [reason.sentence for reason in chosen]


def test_what_is_left_out_takes_its_default() -> None:
    chosen = granted({})
    assert (chosen.profile, chosen.flavor) == ("gpu", "t4")
    assert chosen.options == {"size": "small", "image": "plain"}
    assert chosen.amounts == GPU.amounts


def test_a_choice_changes_only_what_it_sets() -> None:
    amounts = granted({"size": "large"}).amounts
    assert amounts == some_amounts(2, cpu=(250, 8000), memory=(GIB // 2, 16 * GIB))


def test_of_two_choices_that_set_the_same_the_later_option_counts() -> None:
    assert granted({"size": "large", "image": "torch"}).amounts.cpu_limit == Cpu(4000)


IMAGES: dict[str, tuple[dict[str, str], str | None, str]] = {
    "the profile's": ({}, None, "registry.example/gpu:1"),
    "the course's before the profile's": ({}, "registry.example/ml:1", "registry.example/ml:1"),
    "the choice's before both": (
        {"image": "torch"},
        "registry.example/ml:1",
        "registry.example/torch:2",
    ),
}


@pytest.mark.parametrize(("options", "course_image", "image"), IMAGES.values(), ids=IMAGES)
def test_image(options: dict[str, str], course_image: str | None, image: str) -> None:
    assert granted(options, course_image=course_image).image == image


WRONG: dict[str, tuple[dict[str, str], list[str]]] = {
    "an unknown option": ({"colour": "red"}, ["There is no option colour here."]),
    "an unknown choice names those that are open": (
        {"size": "9"},
        ["Size cannot be 9; choose one of: small, large."],
    ),
    "a choice of another course role": (
        {"size": "huge"},
        ["Size Huge is not open to you as student."],
    ),
    "keys are compared as they are": (
        {"size": "Large"},
        ["Size cannot be Large; choose one of: small, large."],
    ),
    "all at once": (
        {"colour": "red", "image": "{size}", "size": ""},
        [
            "There is no option colour here.",
            "Size cannot be ; choose one of: small, large.",
            "Image cannot be {size}; choose one of: plain, torch.",
        ],
    ),
}


@pytest.mark.parametrize(("options", "sentences"), WRONG.values(), ids=WRONG)
def test_wrong(options: dict[str, str], sentences: list[str]) -> None:
    assert wrong(options) == sentences


@pytest.mark.parametrize("role", [CourseRole.ASSISTANT, TEACHER], ids=str)
def test_a_stronger_role_may_take_what_a_weaker_one_may(role: CourseRole) -> None:
    assert granted({"size": "huge"}, role=role).amounts.devices == 4


def test_a_default_that_is_not_open_to_somebody_is_refused_and_not_replaced() -> None:
    staff_first = an_option("size", a_choice("big", course_roles=frozenset({TEACHER})))
    chosen = choose(a_profile(options=[staff_first]), {}, STUDENT)
    assert isinstance(chosen, list)


@given(
    st.dictionaries(
        st.sampled_from(["size", "image", "cpu_limit", "flavor"]) | st.text(max_size=5),
        st.sampled_from(["small", "large", "huge", "plain", "torch"]) | st.text(max_size=5),
        max_size=4,
    ),
    st.sampled_from(CourseRole),
)
def test_nothing_outside_the_catalogue_is_granted(
    options: dict[str, str], role: CourseRole
) -> None:
    chosen = choose(GPU, options, role)
    if isinstance(chosen, list):
        assert chosen
        return
    assert set(options) <= set(GPU.options) == set(chosen.options)
    assert all(value in GPU.options[key].choices for key, value in chosen.options.items())
    assert all(chosen.options[key] == value for key, value in options.items())
    assert chosen.amounts.devices in {1, 2, 4 if role >= CourseRole.ASSISTANT else 1}
    assert chosen.image in {GPU.image, "registry.example/torch:2"}
