"""People, enrolments and admissions with defaults, and strategies for any of them."""

import string
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st

from jupyterhub_edu.domain.admissions import Admission, Stage
from jupyterhub_edu.domain.allowances import Reserved
from jupyterhub_edu.domain.decide import EndRule
from jupyterhub_edu.domain.pending import Pending, Waits
from jupyterhub_edu.domain.people import (
    MANUAL,
    CourseRole,
    Enrolment,
    Exclusion,
    Listed,
    Person,
    SiteRole,
    person_key,
    source_origin,
)
from jupyterhub_edu.domain.profiles import Amounts, Granted
from jupyterhub_edu.domain.quantities import Cpu, Memory
from jupyterhub_edu.ports import AuditEntry, Record

NOW = datetime(2026, 3, 2, 9, 30, 0, 123_456, tzinfo=UTC)
STUDENT, TEACHER = CourseRole.STUDENT, CourseRole.TEACHER
DIRECTORY = source_origin("ldap")

OF_THE_FIRST_SCHEMA = (
    "INSERT INTO edu_people VALUES "
    "('ldap:ola', 'ola', 'ldap', 'ola', 'ola', 'Ola', 'teacher', true, 1000000)",
    "INSERT INTO edu_enrolments VALUES "
    "('ldap:ola', 'ml', 'student', 'source:ldap', NULL, NULL, 1000000, '')",
    "INSERT INTO edu_pins VALUES ('ldap:ola', 'ldap:ola')",
    "INSERT INTO edu_audit VALUES (1, 1000000, 'ola', 'stop', 'ml', 'kim', '::1', '{}')",
)


def a_person(subject="ola", **changes):
    known = {
        "key": person_key("ldap", subject),
        "hub_name": subject,
        "source": "ldap",
        "subject": subject,
        "login": subject,
        "name": subject.title(),
        "site_role": None,
        "active": True,
        "answered_at": NOW,
    }
    return Person(**(known | changes))


def told(course="ml", role=STUDENT, subject="ola", **changes):
    return Enrolment(person_key("ldap", subject), course, role, DIRECTORY, **changes)


def by_hand(course="ml", role=STUDENT, subject="ola", **changes):
    return Enrolment(person_key("ldap", subject), course, role, MANUAL, by="turid", **changes)


def a_member(subject="ola", name="Ola"):
    return Listed(person_key("ldap", subject), subject, name)


def a_pending(number=1, **changes):
    known: dict[str, Any] = {
        "id": f"{number:032x}",
        "course": "ml",
        "typed": "1001",
        "role": STUDENT,
        "by": "turid",
        "at": NOW,
        "waits": Waits.NOBODY,
    }
    return Pending(**(known | changes))


def a_record(number=1, kind="grant", **changes):
    known: dict[str, Any] = {"kind": kind, "id": f"{number:032x}", "body": {"hours": 3}}
    return Record(**(known | changes))


def granted(**changes):
    amounts = Amounts(Cpu(500), Cpu(2000), Memory(2**30), Memory(2**32), devices=1)
    known = Granted("gpu", "gpu-a100", amounts, "lab:1", MappingProxyType({"size": "large"}))
    return known._replace(**changes)


def an_admission(number=1, **changes):
    known = {
        "id": f"{number:032x}",
        "person": person_key("ldap", "ola"),
        "hub_name": "ola",
        "server": "",
        "course": "ml",
        "role": STUDENT,
        "granted": granted(),
        "own": True,
        "reserved_at": NOW,
        "ends_at": NOW.replace(hour=12),
        "ends_by": EndRule.LONGEST,
    }
    return Admission(**(known | changes))


def an_entry(act="stop", course="ml", **changes):
    return AuditEntry(**({"at": NOW, "actor": "turid", "act": act, "course": course} | changes))


def _optional(strategy):
    return st.none() | strategy


# What every database can keep: any text but NUL and halves of surrogate pairs.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
# In JSON even those can be kept, escaped.
any_texts = st.text(max_size=20)
# Offsets rather than zones: an hour that a zone repeats or skips equals no instant of another zone.
offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(
    NOW.replace(year=2, tzinfo=None), NOW.replace(year=9998, tzinfo=None), timezones=offsets
)
wholes = st.integers(0, 2**62)
ids = st.text("abcdef" + string.digits, min_size=32, max_size=32)
amounts = st.builds(
    Amounts,
    st.builds(Cpu, wholes),
    st.builds(Cpu, wholes),
    st.builds(Memory, wholes),
    st.builds(Memory, wholes),
    st.integers(0, 10_000),
)
drawn = st.dictionaries(instants | any_texts, wholes, max_size=3)
admissions = st.builds(
    Admission,
    id=ids,
    person=texts,
    hub_name=texts,
    server=texts,
    course=texts,
    role=st.sampled_from(CourseRole),
    granted=st.builds(
        Granted,
        any_texts,
        any_texts,
        amounts,
        _optional(any_texts),
        st.dictionaries(any_texts, any_texts, max_size=3),
        _optional(any_texts),
    ),
    own=st.booleans(),
    reserved_at=instants,
    ends_at=_optional(instants),
    ends_by=_optional(st.sampled_from(EndRule)),
    stage=st.sampled_from(Stage),
    running_at=_optional(instants),
    ended_at=_optional(instants),
    estimated=st.booleans(),
    weight=st.integers(0, 100_000),
    reserved=_optional(st.builds(Reserved, _optional(drawn), _optional(drawn))),
    extended=st.integers(0, 100),
)
people = st.builds(
    Person,
    key=texts,
    hub_name=texts,
    source=texts,
    subject=texts,
    login=texts,
    name=texts,
    site_role=_optional(st.sampled_from(SiteRole)),
    active=st.booleans(),
    answered_at=instants,
    linked_to=_optional(texts),
    attributes=st.dictionaries(any_texts, any_texts, max_size=3),
)
enrolments = st.builds(
    Enrolment,
    person=texts,
    course=texts,
    role=st.sampled_from(CourseRole),
    origin=texts,
    starts=_optional(instants),
    ends=_optional(instants),
    answered_at=_optional(instants),
    by=texts,
    sections=st.frozensets(any_texts, max_size=3),
    why=texts,
)
exclusions = st.builds(
    Exclusion, person=texts, course=texts, by=texts, why=texts, until=_optional(instants)
)
pending = st.builds(
    Pending,
    id=ids,
    course=texts,
    typed=texts,
    role=_optional(st.sampled_from(CourseRole)),
    by=texts,
    at=instants,
    waits=st.sampled_from(Waits),
    starts=_optional(instants),
    ends=_optional(instants),
    why=texts,
)
entries = st.builds(
    AuditEntry,
    at=instants,
    actor=texts,
    act=texts,
    course=texts,
    target=texts,
    address=texts,
    details=st.dictionaries(any_texts, any_texts | st.none() | st.integers(), max_size=3),
)
