"""What every Store promises, asked of each: SQLite, PostgreSQL, and the one that forgets.

What only a database can do (locks, failures, migrations) is in tests/unit/store and tests/postgres.
"""

import asyncio
import itertools
from dataclasses import replace
from datetime import UTC, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings

from jupyterhub_edu.domain.admissions import Stage
from jupyterhub_edu.domain.pending import Waits
from jupyterhub_edu.domain.people import Exclusion, SiteRole
from jupyterhub_edu.ports import AuditQuery, HandChanges, StoreError
from jupyterhub_edu.store import MemoryStore
from tests.audited import audited
from tests.unit.store import values
from tests.unit.store.values import (
    DIRECTORY,
    NOW,
    STUDENT,
    TEACHER,
    a_member,
    a_pending,
    a_person,
    a_record,
    an_admission,
    an_entry,
    by_hand,
    granted,
    told,
)

# -- people and their enrolments -----------------------------------------------------------------------------------


async def test_a_new_store_is_empty(store):
    assert list(await store.load_people()) == []
    assert list(await store.load_enrolments()) == []
    assert list(await store.load_listed()) == []
    assert await store.load_rosters() == {}
    assert list(await store.load_exclusions()) == []
    assert list(await store.load_pending()) == []
    assert await store.load_secret("entra:ola") is None
    assert await store.load_pins() == {}
    assert list(await store.load_open_admissions()) == []
    assert list(await audited(store)) == []


async def test_an_answer_is_kept_with_the_person(store):
    person = a_person(site_role=SiteRole.TEACHER)
    enrolment = told(starts=NOW, ends=NOW + timedelta(days=90), answered_at=NOW)

    await store.save_answer(person, DIRECTORY, [enrolment])

    assert list(await store.load_people()) == [person]
    assert list(await store.load_enrolments()) == [enrolment]


async def test_a_later_answer_replaces_the_person_and_this_origin_alone(store):
    moodle = replace(told("physics"), origin="source:moodle")
    await store.save_answer(a_person(), DIRECTORY, [told("ml"), told("stats")])
    await store.save_answer(a_person(), "source:moodle", [moodle])
    await store.save_by_hand(HandChanges(put=[by_hand("art")]))
    await store.save_answer(a_person("kim"), DIRECTORY, [told("ml", subject="kim")])

    await store.save_answer(a_person(login="ola.n"), DIRECTORY, [told("stats", TEACHER)])

    assert {p.key: p.login for p in await store.load_people()} == {
        "ldap:ola": "ola.n",
        "ldap:kim": "kim",
    }
    assert {(e.person, e.course, e.role, e.origin) for e in await store.load_enrolments()} == {
        ("ldap:ola", "stats", TEACHER, DIRECTORY),
        ("ldap:ola", "physics", STUDENT, "source:moodle"),
        ("ldap:ola", "art", STUDENT, "manual"),
        ("ldap:kim", "ml", STUDENT, DIRECTORY),
    }


async def test_an_empty_answer_leaves_nothing_of_this_origin(store):
    await store.save_answer(a_person(), DIRECTORY, [told()])

    await store.save_answer(a_person(active=False), DIRECTORY, [])

    assert list(await store.load_enrolments()) == []
    assert [p.active for p in await store.load_people()] == [False]


async def test_a_hub_account_belongs_to_one_person(store):
    await store.save_answer(a_person("ola"), DIRECTORY, [told()])

    with pytest.raises(StoreError, match=r"'ola' is linked to 'ldap:ola'"):
        await store.save_answer(
            a_person("other", hub_name="ola"), DIRECTORY, [told(subject="other")]
        )

    assert [p.key for p in await store.load_people()] == ["ldap:ola"]
    assert [e.person for e in await store.load_enrolments()] == ["ldap:ola"]


async def test_several_identities_share_one_hub_account_where_they_are_linked(store):
    first = a_person("ola", attributes={"employeeNumber": "17"})
    linked = a_person("moodle-7", hub_name="ola", linked_to="ldap:ola")
    await store.save_answer(first, DIRECTORY, [told()])

    await store.save_answer(linked, DIRECTORY, [told("stats", subject="moodle-7")])
    await store.save_answer(first, DIRECTORY, [])

    assert list(await store.load_people()) == [linked, first]
    assert [e.course for e in await store.load_enrolments()] == ["stats"]


async def test_an_answer_holds_nothing_of_somebody_else_or_another_origin(store):
    for stray in (told(subject="kim"), by_hand()):
        with pytest.raises(ValueError, match="not an enrolment of ldap:ola"):
            await store.save_answer(a_person(), DIRECTORY, [told("stats"), stray])

    assert list(await store.load_people()) == []


async def test_a_manual_enrolment_is_replaced_by_course_and_role(store):
    await store.save_answer(a_person(), DIRECTORY, [told()])
    later = by_hand(ends=NOW)
    await store.save_by_hand(HandChanges(put=[by_hand()]))
    await store.save_by_hand(HandChanges(put=[by_hand(role=TEACHER)]))

    await store.save_by_hand(HandChanges(put=[later]))

    assert sorted(await store.load_enrolments(), key=lambda e: (e.origin, e.role)) == [
        later,
        by_hand(role=TEACHER),
        told(),
    ]


async def test_removing_a_manual_enrolment_leaves_every_other(store):
    await store.save_answer(a_person(), DIRECTORY, [told()])
    await store.save_by_hand(HandChanges(put=[by_hand(ends=NOW)]))
    await store.save_by_hand(HandChanges(put=[by_hand(role=TEACHER)]))

    await store.save_by_hand(HandChanges(drop=[by_hand()]))
    await store.save_by_hand(HandChanges(drop=[by_hand()]))

    assert {(e.origin, e.role) for e in await store.load_enrolments()} == {
        (DIRECTORY, STUDENT),
        ("manual", TEACHER),
    }


async def test_an_enrolment_by_hand_waits_for_somebody_who_never_logged_in(store):
    waiting = by_hand(why="a guest lecturer", sections=frozenset({"A", "B"}))

    await store.save_by_hand(HandChanges(put=[waiting]))

    assert list(await store.load_enrolments()) == [waiting]
    assert list(await store.load_people()) == []


async def test_nobody_is_pinned_who_never_logged_in(store):
    with pytest.raises(StoreError, match="Nobody with the key 'ldap:ola'"):
        await store.pin("ldap:ola", "ldap:ola")

    assert await store.load_pins() == {}


async def test_the_first_pin_stays(store):
    await store.save_answer(a_person("ola"), DIRECTORY, [])
    await store.save_answer(a_person("kim"), DIRECTORY, [])

    await store.pin("ldap:boss", "ldap:ola")
    await store.pin("ldap:boss", "ldap:kim")

    assert await store.load_pins() == {"ldap:boss": "ldap:ola"}


# -- rosters -------------------------------------------------------------------------------------------------------


async def _heard(store):
    return {(e.person, e.course, e.origin) for e in await store.load_enrolments()}


async def test_a_roster_is_kept_before_anybody_logs_in(store):
    roster = [told(subject="ola"), told(role=TEACHER, subject="kim", sections=frozenset({"A"}))]

    await store.save_roster(DIRECTORY, "ml", NOW, [a_member("ola"), a_member("kim")], roster)

    assert list(await store.load_people()) == []
    assert list(await store.load_listed()) == [a_member("kim"), a_member("ola")]
    assert {(e.person, e.role, e.sections) for e in await store.load_enrolments()} == {
        ("ldap:ola", STUDENT, frozenset()),
        ("ldap:kim", TEACHER, frozenset({"A"})),
    }


async def test_a_roster_replaces_this_origin_in_this_course_alone(store):
    moodle = "source:moodle"
    await store.save_roster(DIRECTORY, "ml", NOW, [], [told("ml"), told("ml", subject="kim")])
    await store.save_roster(DIRECTORY, "stats", NOW, [], [told("stats")])
    await store.save_roster(moodle, "ml", NOW, [], [replace(told("ml"), origin=moodle)])
    await store.save_by_hand(HandChanges(put=[by_hand("ml")]))

    await store.save_roster(DIRECTORY, "ml", NOW, [], [told("ml", subject="eva")])

    assert await _heard(store) == {
        ("ldap:eva", "ml", DIRECTORY),
        ("ldap:ola", "stats", DIRECTORY),
        ("ldap:ola", "ml", moodle),
        ("ldap:ola", "ml", "manual"),
    }


async def test_an_empty_roster_leaves_nobody(store):
    await store.save_roster(DIRECTORY, "ml", NOW, [a_member()], [told()])

    await store.save_roster(DIRECTORY, "ml", NOW, [], [])

    assert await _heard(store) == set()
    assert list(await store.load_listed()) == []


async def test_who_is_in_another_course_still_is_remembered_by_name(store):
    await store.save_roster(DIRECTORY, "ml", NOW, [a_member()], [told("ml")])
    await store.save_roster(DIRECTORY, "stats", NOW, [a_member(name="Ola N")], [told("stats")])

    await store.save_roster(DIRECTORY, "ml", NOW, [], [])
    assert list(await store.load_listed()) == [a_member(name="Ola N")]

    await store.save_roster(DIRECTORY, "stats", NOW, [], [])
    assert list(await store.load_listed()) == []


async def test_who_logs_in_is_a_person_and_no_longer_a_name_in_a_roster(store):
    await store.save_roster(DIRECTORY, "ml", NOW, [a_member()], [told()])

    await store.save_answer(a_person(), DIRECTORY, [told()])
    assert list(await store.load_listed()) == []

    await store.save_roster(DIRECTORY, "ml", NOW, [a_member()], [told()])
    assert list(await store.load_listed()) == []


async def test_a_roster_holds_nothing_of_another_course_or_origin(store):
    await store.save_roster(DIRECTORY, "ml", NOW, [], [told()])

    for stray in (told("stats"), by_hand()):
        with pytest.raises(ValueError, match="not an enrolment in ml from source:ldap"):
            await store.save_roster(DIRECTORY, "ml", NOW, [], [told(subject="kim"), stray])

    assert await _heard(store) == {("ldap:ola", "ml", DIRECTORY)}


async def test_the_age_of_a_roster_is_kept_even_where_nobody_is_in_it(store):
    later = NOW + timedelta(minutes=15)
    await store.save_roster(DIRECTORY, "ml", NOW, [], [])
    await store.save_roster(DIRECTORY, "stats", NOW, [], [told("stats")])

    await store.touch_roster(DIRECTORY, "stats", later)

    assert await store.load_rosters() == {(DIRECTORY, "ml"): NOW, (DIRECTORY, "stats"): later}
    assert await _heard(store) == {("ldap:ola", "stats", DIRECTORY)}


async def test_an_exclusion_is_replaced_by_person_and_course(store):
    first = Exclusion("ldap:ola", "ml", "turid", "until the appeal", NOW)
    other = Exclusion("ldap:ola", "stats", "turid")
    await store.save_by_hand(HandChanges(put=[first]))
    await store.save_by_hand(HandChanges(put=[other]))

    await store.save_by_hand(HandChanges(put=[replace(first, why="for good", until=None)]))
    assert list(await store.load_exclusions()) == [
        replace(first, why="for good", until=None),
        other,
    ]

    await store.save_by_hand(HandChanges(drop=[Exclusion("ldap:ola", "ml", "")]))
    await store.save_by_hand(HandChanges(drop=[Exclusion("ldap:nobody", "ml", "")]))
    assert list(await store.load_exclusions()) == [other]


async def test_what_is_changed_by_hand_in_one_step_is_kept_with_its_entries(store):
    gone, left = by_hand(ends=NOW), by_hand("stats", subject="kim")
    former = Exclusion("ldap:tor", "ml", "turid")
    for one, names in ((gone, a_member()), (left, a_member("kim", "Kim"))):
        await store.save_by_hand(HandChanges(put=[one], listed=[names]))
    await store.save_by_hand(HandChanges(put=[former]))
    await store.save_pending(a_pending(1))
    await store.save_records([a_record(1), a_record(2)])

    new = by_hand(subject="per", why="late")
    excluded = Exclusion("ldap:kim", "ml", "turid", until=NOW)
    changes = HandChanges(
        put=[new, excluded, a_pending(2)],
        drop=[gone, former, a_pending(1), by_hand("not there")],
        listed=[a_member("per", "Per")],
        records=[a_record(2, body={}), a_record(3, whose="ldap:per")],
        forget=[("grant", a_record(1).id)],
        entries=[an_entry("enrol"), an_entry("exclude")],
    )
    await store.save_by_hand(changes)

    assert {*await store.load_enrolments()} == {left, new}
    assert list(await store.load_listed()) == [a_member("kim", "Kim"), a_member("per", "Per")]
    assert list(await store.load_exclusions()) == [excluded]
    assert list(await store.load_pending()) == [a_pending(2)]
    assert list(await store.load_records("grant")) == [
        a_record(2, body={}),
        a_record(3, whose="ldap:per"),
    ]
    assert [one.act for one in await audited(store)] == ["exclude", "enrol"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"put": [by_hand(why="a\0b")]},
        {"listed": [a_member(name="a\0b")]},
        {"records": [a_record(id="a\0b")]},
        {"entries": [an_entry("a\0b")]},
    ],
    ids=["enrolment", "name", "record", "entry"],
)
async def test_changes_by_hand_are_kept_all_or_not_at_all(store, wrong):
    await store.save_by_hand(HandChanges(put=[by_hand()]))
    some = {"drop": [by_hand()], "put": [by_hand("stats")], "entries": [an_entry()]}
    some |= {key: [*some.get(key, []), *values] for key, values in wrong.items()}
    with pytest.raises(StoreError):
        await store.save_by_hand(HandChanges(**some))
    assert list(await store.load_enrolments()) == [by_hand()]
    assert list(await audited(store)) == []


@pytest.mark.parametrize("how", ["put", "drop"])
async def test_what_a_source_says_is_not_changed_by_hand(store, how):
    await store.save_answer(a_person(), DIRECTORY, [told()])
    with pytest.raises(ValueError, match="not a manual enrolment: source:ldap"):
        await store.save_by_hand(HandChanges(**{how: [told()]}))
    assert list(await store.load_enrolments()) == [told()]


# -- secrets -------------------------------------------------------------------------------------------------------


async def test_a_secret_is_any_bytes_and_the_last_ones(store):
    await store.save_secret("entra:ola", b"first")
    await store.save_secret("entra:kim", b"another")
    await store.save_secret("entra:ola", bytes(range(256)))

    assert await store.load_secret("entra:ola") == bytes(range(256))

    await store.save_secret("entra:ola", None)
    await store.save_secret("entra:ola", None)
    assert await store.load_secret("entra:ola") is None
    assert await store.load_secret("entra:kim") == b"another"


# -- what waits for somebody ---------------------------------------------------------------------------------------


async def test_what_waits_is_kept_by_id_oldest_first(store):
    later = a_pending(1, role=None, ends=NOW, why="until the appeal")
    first = a_pending(2, at=NOW - timedelta(days=1), starts=NOW, typed="ldap:ola")
    for pending in (later, first):
        await store.save_pending(pending)
    assert await store.load_pending() == [first, later]

    silent = replace(first, waits=Waits.SILENT)
    await store.save_pending(silent)
    assert await store.load_pending() == [silent, later]

    for _ in range(2):
        await store.remove_pending(first.id)
    assert await store.load_pending() == [later]


async def test_who_is_added_by_hand_has_a_name_until_they_come_or_are_in_no_course(store):
    await store.save_by_hand(HandChanges(put=[by_hand()], listed=[a_member()]))
    await store.save_by_hand(HandChanges(put=[by_hand("stats")], listed=[a_member(name="Ola N.")]))
    assert await store.load_listed() == [a_member(name="Ola N.")]

    await store.save_by_hand(HandChanges(drop=[by_hand()]))
    assert await store.load_listed() == [a_member(name="Ola N.")]
    await store.save_by_hand(HandChanges(drop=[by_hand("stats")]))
    assert await store.load_listed() == []

    await store.save_answer(a_person(), DIRECTORY, [])
    await store.save_by_hand(HandChanges(put=[by_hand()], listed=[a_member()]))
    assert await store.load_listed() == []


# -- admissions ----------------------------------------------------------------------------------------------------


async def test_an_admission_goes_through_its_stages_under_one_id(store):
    reserved = an_admission()
    running = replace(reserved, stage=Stage.RUNNING, running_at=NOW)
    ended = replace(running, stage=Stage.ENDED, ended_at=NOW, estimated=True)
    for admission in (reserved, running):
        await store.save_admission(admission)
        assert list(await store.load_open_admissions()) == [admission]

    await store.save_admission(ended)

    assert list(await store.load_open_admissions()) == []
    assert await store.find_admission(reserved.id) == ended


async def test_an_admission_that_has_ended_is_never_changed_again(store):
    ended = an_admission(stage=Stage.ENDED, ended_at=NOW)
    await store.save_admission(ended)

    await store.save_admission(an_admission(stage=Stage.RUNNING))
    await store.save_admission(replace(ended, ended_at=NOW + timedelta(hours=1)))

    assert await store.find_admission(ended.id) == ended
    assert list(await store.load_open_admissions()) == []


async def test_open_admissions_come_oldest_first(store):
    for number, minutes in ((1, 5), (2, 0), (3, 5), (4, 1)):
        at = NOW + timedelta(minutes=minutes)
        await store.save_admission(an_admission(number, reserved_at=at))

    found = await store.load_open_admissions()

    assert [int(a.id, 16) for a in found] == [2, 4, 1, 3]


async def test_an_admission_that_nobody_made_is_none(store):
    assert await store.find_admission("f" * 32) is None


async def test_calls_are_carried_out_in_the_order_in_which_they_were_made(store):
    reserved = an_admission()
    running = replace(reserved, stage=Stage.RUNNING, running_at=NOW)

    await asyncio.gather(
        *(store.save_admission(an_admission(number)) for number in range(2, 300)),
        store.save_admission(reserved),
        store.save_admission(running),
    )

    assert await store.find_admission(reserved.id) == running
    assert len(await store.load_open_admissions()) == 299


async def test_one_call_that_fails_takes_none_of_its_neighbours_with_it(store):
    await store.save_answer(a_person("ola"), DIRECTORY, [])

    outcomes = await asyncio.gather(
        store.save_admission(an_admission(1)),
        store.save_answer(a_person("thief", hub_name="ola"), DIRECTORY, []),
        store.append_audit(an_entry()),
        store.pin("ldap:nobody", "ldap:nobody"),
        store.save_admission(an_admission(2)),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes] == [
        type(None),
        StoreError,
        type(None),
        StoreError,
        type(None),
    ]
    assert len(await store.load_open_admissions()) == 2
    assert list(await audited(store)) == [an_entry()]
    assert [p.key for p in await store.load_people()] == ["ldap:ola"]


# -- audit ---------------------------------------------------------------------------------------------------------


async def test_a_change_of_a_session_is_written_down_with_it_or_not_at_all(store):
    await store.save_admission(an_admission(), an_entry(target="kept"))
    with pytest.raises(StoreError):
        await store.save_admission(an_admission(2), an_entry(target="\0"))

    assert [e.target for e in await audited(store)] == ["kept"]
    assert [a.id for a in await store.load_open_admissions()] == [an_admission().id]


ASKED = {
    "all, newest first": (AuditQuery(), ["5", "4", "3", "2", "1"]),
    "a course's own": (AuditQuery(course="ml"), ["3", "1"]),
    "of no course": (AuditQuery(course=""), ["5"]),
    "one act": (AuditQuery(act="grant"), ["2"]),
    "by somebody": (AuditQuery(actor="kim"), ["4", "3"]),
    "by the system itself": (AuditQuery(actor=""), ["5"]),
    "by somebody or about them": (AuditQuery(about="3"), ["3"]),
    "since an instant": (AuditQuery(since=NOW + timedelta(hours=3)), ["5", "4", "3"]),
    "until an instant": (AuditQuery(until=NOW + timedelta(hours=3)), ["2", "1"]),
    "all of it together": (AuditQuery("stats", actor="kim", since=NOW), ["4"]),
    "nothing": (AuditQuery(course="nosuch"), []),
}


@pytest.mark.parametrize(("query", "found"), ASKED.values(), ids=ASKED)
async def test_the_audit_is_searched_and_paged(store, query, found):
    for number, what in enumerate(
        (
            {"course": "ml"},
            {"course": "stats", "act": "grant"},
            {"course": "ml", "actor": "kim"},
            {"course": "stats", "actor": "kim"},
            {"course": "", "actor": ""},
        ),
        1,
    ):
        at = NOW + timedelta(hours=number)
        await store.append_audit(an_entry(**{"at": at, "target": str(number), **what}))

    assert [one.entry.target for one in await store.find_audit(query)] == found
    paged, before = [], None
    while page := await store.find_audit(query, before=before, limit=2):
        paged += [one.entry.target for one in page]
        before = page[-1].number
    assert paged == found
    assert list(await store.find_audit(query, limit=0)) == []


# -- records -------------------------------------------------------------------------------------------------------


async def test_records_are_kept_by_kind_and_id(store):
    other = a_record(kind="exam", body={"of": ["ola", None, 1.5, {"deep": True}]}, by="turid")
    second, first = a_record(2, whose="ldap:ola"), a_record(1)
    await store.save_records([second, first, other])
    assert list(await store.load_records("grant")) == [first, second]
    assert list(await store.load_records("exam")) == [other]
    assert list(await store.load_records("nosuch")) == []

    assert list(await store.load_records_of(["ldap:ola", "ldap:kim"])) == [second]

    changed = a_record(1, body={"hours": 4}, by="turid")
    await store.save_records([changed], [("grant", second.id), ("grant", "not there")], an_entry())
    assert list(await store.load_records("grant")) == [changed]
    assert list(await store.load_records("exam")) == [other]
    assert await audited(store) == [an_entry()]


async def test_what_led_to_it_is_written_down_in_front_of_it(store):
    led, did = an_entry(act="approve-request"), an_entry(act="grant")
    await store.save_records([a_record()], (), did, [led])
    await store.save_records([a_record(2)], before=[led])
    assert await audited(store) == [led, did, led]  # the newest first


async def test_what_is_dropped_and_put_at_once_is_there(store):
    await store.save_records([a_record()])
    await store.save_records([a_record(body={})], [("grant", a_record().id)])
    assert list(await store.load_records("grant")) == [a_record(body={})]


@pytest.mark.parametrize(
    ("put", "entry", "before"),
    [
        ([a_record(), a_record(2, kind="\0")], an_entry(), []),
        ([a_record(), a_record(2, body={"at": NOW})], an_entry(), []),
        ([a_record(), a_record(2, body={"hours": float("nan")})], an_entry(), []),
        ([a_record()], an_entry(target="\0"), [an_entry()]),
        ([a_record()], an_entry(), [an_entry(), an_entry(target="\0")]),
    ],
    ids=[
        "a kind with NUL",
        "an instant in a body",
        "no number in a body",
        "a bad entry",
        "a bad entry before it",
    ],
)
async def test_records_are_kept_all_or_none(store, put, entry, before):
    await store.save_records([a_record(3)])
    with pytest.raises(StoreError, match="was not kept"):
        await store.save_records(put, [("grant", a_record(3).id)], entry, before)
    assert list(await store.load_records("grant")) == [a_record(3)]
    assert list(await audited(store)) == []


# -- what is kept of one person ------------------------------------------------------------------------------------


async def test_what_is_kept_of_one_account_is_found(store):
    old = an_admission(2, stage=Stage.ENDED, reserved_at=NOW - timedelta(days=1), ended_at=NOW)
    for admission in (an_admission(1), old, an_admission(3, hub_name="kim")):
        await store.save_admission(admission)
    for entry in (an_entry(target="ola"), an_entry(target="kim"), an_entry(actor="ola")):
        await store.append_audit(entry)

    assert await store.load_admissions_of("ola") == [old, an_admission(1)]
    assert [(e.actor, e.target) for e in await store.load_audit_of("ola")] == [
        ("turid", "ola"),
        ("ola", ""),
    ]


async def test_who_is_erased_leaves_no_name_and_others_everything(store):
    for subject in ("ola", "kim"):
        key = f"ldap:{subject}"
        await store.save_answer(a_person(subject), DIRECTORY, [told(subject=subject)])
        await store.pin(key, key)
        await store.save_by_hand(HandChanges(put=[Exclusion(key, "ml", "ola")]))
        await store.save_secret(key, b"sealed")
        await store.save_secret(f"ldap:sid of-{subject}", b"sealed too", key)
        await store.append_audit(an_entry(actor=subject, target="kim", address="::1"))
    await store.save_by_hand(HandChanges(put=[replace(by_hand(subject="kim"), by="ola")]))
    await store.append_audit(an_entry(target="ola"))
    await store.append_audit(an_entry(target="ldap:ola"))
    await store.save_admission(an_admission(stage=Stage.ENDED, ended_at=NOW, server="olas"))
    await store.save_pending(a_pending(1, typed="ola"))
    await store.save_pending(a_pending(2, by="ola"))
    await store.save_records([a_record(1, whose="ldap:ola"), a_record(2, by="ola"), a_record(3)])

    await store.erase(["ldap:ola"], "ola", "erased-1", [a_pending(1).id])

    assert await store.load_pending() == [a_pending(2, by="erased-1")]
    assert list(await store.load_records("grant")) == [a_record(2, by="erased-1"), a_record(3)]

    assert [p.key for p in await store.load_people()] == ["ldap:kim"]
    assert {(e.person, e.by) for e in await store.load_enrolments()} == {
        ("ldap:kim", ""),
        ("ldap:kim", "erased-1"),
    }
    assert await store.load_pins() == {"ldap:kim": "ldap:kim"}
    assert [(e.person, e.by) for e in await store.load_exclusions()] == [("ldap:kim", "erased-1")]
    for name, kept in (("ola", None), ("kim", b"sealed")):
        assert await store.load_secret(f"ldap:{name}") == kept
    for name, kept in (("ola", None), ("kim", b"sealed too")):
        assert await store.load_secret(f"ldap:sid of-{name}") == kept
    assert [(e.actor, e.target, e.address) for e in await audited(store)] == [
        ("turid", "erased-1", ""),
        ("turid", "erased-1", ""),
        ("kim", "kim", "::1"),
        ("erased-1", "kim", "erased-1"),
    ]
    (session,) = await store.load_admissions_of("erased-1")
    assert (session.person, session.server, session.course) == ("erased-1", "", "ml")


async def test_who_never_logged_in_is_erased_from_the_rosters(store):
    roster = [told(), told(subject="kim")]
    await store.save_roster(DIRECTORY, "ml", NOW, [a_member("ola"), a_member("kim")], roster)
    await store.append_audit(an_entry(actor=""))

    await store.erase(["ldap:ola"], "", "erased-1", ["not there"])

    assert [entry.key for entry in await store.load_listed()] == ["ldap:kim"]
    assert await _heard(store) == {("ldap:kim", "ml", DIRECTORY)}
    assert await audited(store) == [an_entry(actor="")]


async def test_nobody_is_erased_while_they_have_a_server(store):
    await store.save_answer(a_person(), DIRECTORY, [told()])
    await store.save_admission(an_admission())

    with pytest.raises(StoreError, match="ola has a server that has not ended"):
        await store.erase(["ldap:ola"], "ola", "erased-1")

    assert await store.load_people() == [a_person()]


async def test_nobody_is_erased_into_somebody_else(store):
    with pytest.raises(ValueError, match="not the stand-in"):
        await store.erase(["ldap:ola"], "ola", "kim")


# -- values --------------------------------------------------------------------------------------------------------

_UNKEPT = {
    "NUL in a name": (lambda s: s.save_answer(a_person(name="a\0b"), DIRECTORY, []), "NUL"),
    "half a surrogate pair in a login": (
        lambda s: s.save_answer(a_person(login="\ud800"), DIRECTORY, []),
        "surrogate",
    ),
    "NUL in an enrolment": (
        lambda s: s.save_answer(a_person(), DIRECTORY, [told("m\0l")]),
        "NUL",
    ),
    "NUL in a reason": (
        lambda s: s.save_by_hand(HandChanges(put=[by_hand(why="\0")])),
        "NUL",
    ),
    "NUL in a roster": (
        lambda s: s.save_roster(DIRECTORY, "ml", NOW, [a_member(name="\0")], []),
        "NUL",
    ),
    "NUL in an exclusion": (
        lambda s: s.save_by_hand(HandChanges(put=[Exclusion("ldap:ola", "ml", "\0")])),
        "NUL",
    ),
    "NUL in what was typed": (lambda s: s.save_pending(a_pending(typed="\0")), "NUL"),
    "NUL in the names of somebody added by hand": (
        lambda s: s.save_by_hand(HandChanges(put=[by_hand()], listed=[a_member(name="\0")])),
        "NUL",
    ),
    "NUL in the name of a secret": (lambda s: s.save_secret("\0", b""), "NUL"),
    "NUL in whose secret it is": (lambda s: s.save_secret("a", b"", "\0"), "NUL"),
    "NUL in a pin": (lambda s: s.pin("ldap:\0", "ldap:ola"), "NUL"),
    "NUL in a server's name": (lambda s: s.save_admission(an_admission(server="\0")), "NUL"),
    "NUL in the audit": (lambda s: s.append_audit(an_entry(target="\0")), "NUL"),
    "an answer without a time zone": (
        lambda s: s.save_answer(a_person(answered_at=NOW.replace(tzinfo=None)), DIRECTORY, []),
        "time zone",
    ),
    "a start without a time zone": (
        lambda s: s.save_admission(an_admission(reserved_at=NOW.replace(tzinfo=None))),
        "time zone",
    ),
}


@pytest.mark.parametrize(("call", "why"), _UNKEPT.values(), ids=_UNKEPT)
async def test_what_not_every_database_could_keep_is_refused_by_all(store, call, why):
    with pytest.raises(StoreError, match=f"was not kept: .*{why}"):
        await call(store)

    assert list(await store.load_people()) == []
    assert list(await store.load_enrolments()) == []
    assert list(await store.load_exclusions()) == []
    assert list(await store.load_pending()) == []
    assert list(await store.load_open_admissions()) == []
    assert list(await audited(store)) == []


async def test_instants_come_back_as_utc(store):
    oslo = timezone(timedelta(hours=1))
    await store.save_admission(an_admission(reserved_at=NOW.astimezone(oslo)))

    (found,) = await store.load_open_admissions()

    assert found.reserved_at == NOW
    assert isinstance(store, MemoryStore) or found.reserved_at.tzinfo is UTC


@pytest.mark.parametrize(
    "name",
    [
        "'; DROP TABLE edu_people; --",
        "<script>alert(1)</script>",
        "{{ 7 * 7 }} %s %(x)s :x ? \\",
        "Ünïcødé \u202e\u200b 名前 🐘",
        "e\u0301 is not \u00e9",
        "",
    ],
    ids=["sql", "html", "templates", "unicode", "decomposed", "empty"],
)
async def test_hostile_text_is_text(store, name):
    person = a_person(name=name, login=name)
    admission = an_admission(server=name, granted=granted(options={name: name}, image=name))
    entry = an_entry(target=name, details={name: name, "n": 1, "none": None})
    await store.save_answer(person, DIRECTORY, [told(course=name)])
    await store.pin(name, person.key)
    await store.save_admission(admission)
    await store.append_audit(entry)

    assert list(await store.load_people()) == [person]
    assert [e.course for e in await store.load_enrolments()] == [name]
    assert await store.load_pins() == {name: person.key}
    assert await store.find_admission(admission.id) == admission
    assert list(await audited(store)) == [entry]


_few = settings(
    max_examples=max(10, settings().max_examples // 4),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_numbers = itertools.count(1)


@pytest.fixture
def ask(store):
    """Ask the store from a test that is not async itself, as Hypothesis needs."""
    with asyncio.Runner() as runner:
        yield runner.run


@_few
@given(admission=values.admissions)
def test_any_admission_comes_back_as_it_was(ask, store, admission):
    admission = replace(admission, id=f"{next(_numbers):032x}")

    ask(store.save_admission(admission))

    assert ask(store.find_admission(admission.id)) == admission
    assert (admission in ask(store.load_open_admissions())) is (admission.stage is not Stage.ENDED)


@_few
@given(person=values.people, enrolment=values.enrolments)
def test_any_person_and_enrolment_come_back_as_they_were(ask, store, person, enrolment):
    person = replace(person, key=f"ldap:{next(_numbers)}", hub_name=f"ola{next(_numbers)}")
    enrolment = replace(enrolment, person=person.key)

    ask(store.save_answer(person, enrolment.origin, [enrolment]))

    assert person in ask(store.load_people())
    assert enrolment in ask(store.load_enrolments())


@_few
@given(entry=values.entries)
def test_any_audit_entry_comes_back_as_it_was(ask, store, entry):
    ask(store.append_audit(entry))

    assert ask(audited(store, limit=1)) == [entry]


@_few
@given(exclusion=values.exclusions)
def test_any_exclusion_comes_back_as_it_was(ask, store, exclusion):
    exclusion = replace(exclusion, person=f"ldap:{next(_numbers)}")

    ask(store.save_by_hand(HandChanges(put=[exclusion])))

    assert exclusion in ask(store.load_exclusions())


@_few
@given(pending=values.pending)
def test_any_pending_entry_comes_back_as_it_was(ask, store, pending):
    pending = replace(pending, id=f"{next(_numbers):032x}")

    ask(store.save_pending(pending))

    assert pending in ask(store.load_pending())
