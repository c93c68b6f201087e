"""What would follow if more were given: facts as they would be with a grant, or with another quota."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple

from .case import Facts
from .courses import Course, Quota
from .grants import Grant, Lift
from .pools import Pool

__all__ = ["Supposed", "suppose"]

_A_YEAR: Final = timedelta(days=366)
"""Longer than any session: the end of a supposed grant is nobody's reason."""
_NO_QUOTAS: Final[Mapping[str, Quota]] = MappingProxyType({})


class Supposed(NamedTuple):
    """What is to be given in a question.

    Attributes:
        grants: to the person who asks, as an administrator may give them.
        quotas: of the course, by flavor key.
    """

    grants: tuple[Lift, ...] = ()
    quotas: Mapping[str, Quota] = _NO_QUOTAS


def suppose(facts: Facts, person: str, what: Supposed, now: datetime) -> Facts:
    """The facts of a request if that were given; nothing is changed.

    Args:
        person: the key that asks.
        now: aware UTC instant of the decision; supposed grants hold from then on.
    """
    course, pool, profile = facts.course, facts.pool, facts.profile
    if course is None:
        return facts
    grants = tuple(
        Grant(
            f"supposed-{at}", course.id, lift, now, now + _A_YEAR, "", person=person, approved=True
        )
        for at, lift in enumerate(what.grants)
    )
    quota = what.quotas.get(profile.flavor.key) if profile is not None else None
    if pool is not None and quota is not None:
        pool = _with_quota(pool, course, quota, now)
    return facts._replace(grants=(*facts.grants, *grants), pool=pool)


def _with_quota(pool: Pool, course: Course, quota: Quota, now: datetime) -> Pool:
    nominal = max(quota.nominal if course.is_open(now) else 0, pool.reserved)
    most = None if quota.borrow is None else nominal + quota.borrow
    return pool._replace(nominal=nominal, most=most)
