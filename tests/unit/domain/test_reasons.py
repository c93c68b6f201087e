"""The words of refusals: whole sentences on every variant, and values stay text."""

from __future__ import annotations

from string import Formatter

import pytest

from jupyterhub_edu.domain.reasons import (
    EXTEND_ROWS,
    ROWS,
    Code,
    ExtendCode,
    Reason,
    Row,
    who_can_change,
)
from tests.fakes.campus import NOW

HOSTILE = "<b>{contact} {0.__class__} %s {{x}}"
ALL: dict[Code | ExtendCode, Row] = {**ROWS, **EXTEND_ROWS}  # type: ignore[dict-item]
VARIANTS = [(code, variant) for code, row in ALL.items() for variant in row.sentences]
STATUSES = {
    Code.NOT_ENROLLED: 403,
    Code.ROSTER_STALE: 503,
    Code.COURSE_CLOSED: 403,
    Code.PROFILE_NOT_OFFERED: 403,
    Code.OPTION_INVALID: 400,
    Code.EXAM_RUNNING: 403,
    Code.OUTSIDE_WINDOW: 403,
    Code.PERSON_CAP: 409,
    Code.COURSE_QUOTA: 409,
    Code.POOL_RESERVED: 409,
    Code.PERSON_ALLOWANCE: 403,
    Code.COURSE_ALLOWANCE: 403,
    Code.NO_CAPACITY: 409,
    Code.INVENTORY_STALE: 503,
}
WAITABLE = {
    Code.COURSE_QUOTA,
    Code.POOL_RESERVED,
    Code.NO_CAPACITY,
    Code.INVENTORY_STALE,
}


def names(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


@pytest.mark.parametrize(("code", "variant"), VARIANTS, ids=lambda part: str(part) or "usual")
def test_a_sentence_holds_its_values_as_they_are_and_ends(
    code: Code | ExtendCode, variant: str
) -> None:
    wanted = names(ALL[code].sentences[variant])
    sentence = Reason(code, variant, dict.fromkeys(wanted, HOSTILE)).sentence
    assert sentence.count(HOSTILE) == len(wanted)
    assert sentence.endswith(".")


@pytest.mark.parametrize("code", Code, ids=str)
def test_status_and_waiting_are_the_pages(code: Code) -> None:
    reason = Reason(code)
    assert (reason.status, reason.waitable) == (STATUSES[code], code in WAITABLE)


def test_what_is_never_possible_is_policy_and_not_worth_waiting_for() -> None:
    reason = Reason(Code.COURSE_QUOTA, "never", retry_at=NOW)
    assert (reason.status, reason.waitable) == (403, False)


@pytest.mark.parametrize(
    "code",
    [Code.COURSE_CLOSED, Code.COURSE_QUOTA, Code.NO_CAPACITY, Code.INVENTORY_STALE],
    ids=str,
)
def test_the_contact_is_named_where_staff_must_act(code: Code) -> None:
    assert who_can_change(code, "it@test.example").endswith(" (it@test.example)")
    assert who_can_change(code) == ROWS[code].who


@pytest.mark.parametrize("code", [Code.OPTION_INVALID, Code.PERSON_CAP], ids=str)
def test_nobody_is_sent_to_staff_for_what_they_can_change_themselves(code: Code) -> None:
    assert "it@test.example" not in who_can_change(code, "it@test.example")


def test_every_refused_extension_has_its_row_and_none_is_waited_for() -> None:
    assert list(EXTEND_ROWS) == list(ExtendCode)
    assert not any(Reason(code).waitable for code in ExtendCode)
    assert not {str(code) for code in ExtendCode} & {str(code) for code in Code}
