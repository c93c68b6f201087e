import sqlite3

import pytest

from jupyterhub_edu.domain.people import Exclusion
from jupyterhub_edu.ports import AuditQuery, HandChanges, StoreError
from tests.unit.store.values import DIRECTORY, a_pending, a_person, an_admission, an_entry, told

_SPOILT = {
    "a site role of another version": (
        "UPDATE edu_people SET site_role = 'dean'",
        "load_people",
        "'ldap:ola' of the table edu_people .*'dean' is none of guest, student",
    ),
    "an instant that is text": (
        "UPDATE edu_people SET answered_at = 'yesterday'",
        "load_people",
        "'ldap:ola' of the table edu_people .*'yesterday' is not a whole number",
    ),
    "an instant after the end of time": (
        "UPDATE edu_people SET answered_at = 9000000000000000000",
        "load_people",
        "'ldap:ola' of the table edu_people",
    ),
    "a course role in capitals": (
        "UPDATE edu_enrolments SET role = 'Student'",
        "load_enrolments",
        "'ldap:ola', 'ml', 'Student', 'source:ldap' of the table edu_enrolments",
    ),
    "sections that are no list": (
        "UPDATE edu_enrolments SET sections = '{}'",
        "load_enrolments",
        "'ldap:ola', 'ml', 'student', 'source:ldap' of the table edu_enrolments .*not a JSON list",
    ),
    "a section that is a number": (
        "UPDATE edu_enrolments SET sections = '[3]'",
        "load_enrolments",
        "3 is not text",
    ),
    "an attribute that is a number": (
        """UPDATE edu_people SET attributes = '{"employeeNumber": 3}'""",
        "load_people",
        "3 is not text",
    ),
    "an exclusion without end that ends": (
        "UPDATE edu_exclusions SET until = 'never'",
        "load_exclusions",
        "'ldap:ola', 'ml' of the table edu_exclusions .*'never' is not a whole number",
    ),
    "a reason to wait of another version": (
        "UPDATE edu_pending SET waits = 'why not'",
        "load_pending",
        "'0{31}1' of the table edu_pending .*'why not' is none of nobody-known",
    ),
    "a stage of another version": (
        "UPDATE edu_admissions SET stage = 'paused'",
        "load_open_admissions",
        "'0{31}1' of the table edu_admissions .*'paused' is none of reserved, running, warned, ended",
    ),
    "a rule of another version": (
        "UPDATE edu_admissions SET ends_by = 'exam'",
        "load_open_admissions",
        "'0{31}1' of the table edu_admissions .*'exam' is none of",
    ),
    "granted amounts that are no JSON": (
        "UPDATE edu_admissions SET granted = 'much'",
        "load_open_admissions",
        "'0{31}1' of the table edu_admissions",
    ),
    "granted amounts that are a list": (
        "UPDATE edu_admissions SET granted = '[]'",
        "load_open_admissions",
        "is not a JSON object",
    ),
    "half a device": (
        "UPDATE edu_admissions SET granted = json_set(granted, '$.devices', 0.5)",
        "load_open_admissions",
        "0.5 is not a whole number",
    ),
    "true devices": (
        "UPDATE edu_admissions SET granted = json_set(granted, '$.devices', json('true'))",
        "load_open_admissions",
        "True is not a whole number",
    ),
    "no devices at all": (
        "UPDATE edu_admissions SET granted = json_remove(granted, '$.devices')",
        "load_open_admissions",
        "'devices' is missing",
    ),
    "an option that is a number": (
        "UPDATE edu_admissions SET granted = json_set(granted, '$.options.size', 3)",
        "load_open_admissions",
        "3 is not text",
    ),
    "details that are no object": (
        "DROP TRIGGER edu_audit_no_update; UPDATE edu_audit SET details = '3'",
        "find_audit",
        "The row 1 of the table edu_audit",
    ),
}


_ASKED = {"find_audit": (AuditQuery(),)}


@pytest.mark.parametrize(("spoil", "load", "why"), _SPOILT.values(), ids=_SPOILT)
async def test_a_row_that_cannot_be_read_is_named(store, tmp_path, spoil, load, why):
    await store.save_answer(a_person(), DIRECTORY, [told()])
    await store.save_admission(an_admission())
    await store.append_audit(an_entry())
    await store.save_by_hand(HandChanges(put=[Exclusion("ldap:ola", "ml", "turid")]))
    await store.save_pending(a_pending())
    await getattr(store, load)(*_ASKED.get(load, ()))
    with sqlite3.connect(tmp_path / "edu.sqlite") as shell:
        shell.executescript(spoil)
    shell.close()

    with pytest.raises(StoreError, match=why):
        await getattr(store, load)(*_ASKED.get(load, ()))
