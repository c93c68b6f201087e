"""What is supposed counts in a decision as if it had been given, and changes nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from jupyterhub_edu.domain.allowances import GPU_HOUR
from jupyterhub_edu.domain.case import Facts, Held, StartRequest
from jupyterhub_edu.domain.courses import Caps, Quota
from jupyterhub_edu.domain.decide import decide_start
from jupyterhub_edu.domain.grants import Cap, Hours, Longest, Offer
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.pools import Pool
from jupyterhub_edu.domain.suppose import Supposed, suppose
from tests.fakes.campus import NOW, T4, a_course, a_profile, an_enrolment

REQUEST = StartRequest("ad:id-ada", "ml", "gpu")
GPU = a_profile("gpu", flavor=T4)
FULL = Pool((1,), 0, 1, used=1, used_here=1, nominal=1, most=1, claimed=1)
"""Of two devices this course owns and uses one, and may borrow none."""
HELD = FULL._replace(claimed=2)
"""The other one is held for another course's window."""


def facts(**changes: object) -> Facts:
    plain = Facts(
        a_course(),
        (an_enrolment(),),
        GPU,
        Held(),
        Caps(),
        Pool((2,), 0, 2, used=0, used_here=0, nominal=0, most=None, claimed=0),
        timedelta(hours=12),
    )
    return plain._replace(**changes)  # type: ignore[arg-type]


def codes(known: Facts, what: Supposed) -> list[str]:
    decision = decide_start(REQUEST, suppose(known, REQUEST.person, what, NOW), NOW)
    return [str(reason.code) for reason in decision.reasons]


NOT_OFFERED = facts(course=a_course(offers={CourseRole.STUDENT: ("notebook",)}))
CAPPED = facts(
    course=a_course(caps={CourseRole.STUDENT: Caps(devices={"t4": 0})}), held=Held(servers=1)
)
LIFTED = {
    "an offer lets them start it": (NOT_OFFERED, Supposed((Offer("gpu"),)), []),
    "the offer of another profile does not": (
        NOT_OFFERED,
        Supposed((Offer("big"),)),
        ["profile-not-offered"],
    ),
    "a cap on devices is lifted": (CAPPED, Supposed((Cap(1, "t4"),)), []),
    "a cap on servers is another one": (CAPPED, Supposed((Cap(9),)), ["person-cap"]),
    "a larger quota makes it own": (facts(pool=FULL), Supposed(quotas={"t4": Quota(2, 0)}), []),
    "so does more to borrow": (facts(pool=FULL), Supposed(quotas={"t4": Quota(1, 1)}), []),
    "neither takes what is held for others": (
        facts(pool=HELD),
        Supposed(quotas={"t4": Quota(2, 1)}),
        ["pool-reserved"],
    ),
    "the quota of another flavor changes nothing": (
        facts(pool=FULL),
        Supposed(quotas={"a100": Quota(2)}),
        ["course-quota"],
    ),
}


@pytest.mark.parametrize(("known", "what", "expected"), LIFTED.values(), ids=LIFTED)
def test_what_is_supposed_lifts_what_it_names(
    known: Facts, what: Supposed, expected: list[str]
) -> None:
    assert codes(known, what) == expected
    assert codes(known, Supposed()) != []


def test_a_supposed_length_ends_later() -> None:
    known = facts(profile=replace(GPU, longest=timedelta(hours=1)))
    what = Supposed((Longest("gpu", timedelta(hours=8)), Hours(GPU_HOUR)))
    decision = decide_start(REQUEST, suppose(known, REQUEST.person, what, NOW), NOW)
    assert decision.start is not None
    assert decision.start.ends_at == NOW + timedelta(hours=8)


def test_a_closed_course_owns_nothing_however_large_its_quota() -> None:
    closed = facts(course=a_course(ends=NOW), pool=FULL._replace(nominal=0))
    supposed = suppose(closed, REQUEST.person, Supposed(quotas={"t4": Quota(9)}), NOW)
    assert supposed.pool is not None
    assert supposed.pool.nominal == 0


def test_a_supposed_quota_keeps_nothing_from_others() -> None:
    supposed = suppose(facts(pool=FULL), REQUEST.person, Supposed(quotas={"t4": Quota(2, 3)}), NOW)
    assert supposed.pool == FULL._replace(nominal=2, most=5)
