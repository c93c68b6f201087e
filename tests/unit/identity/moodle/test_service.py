"""What is sent to a web service, and what its reply is taken for."""

import json
from typing import Any
from unittest.mock import AsyncMock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from jupyterhub_edu.identity.moodle import service as module
from jupyterhub_edu.identity.moodle.rows import EnrolledCourse, Member, UserRow
from jupyterhub_edu.identity.moodle.service import Refused, Service
from jupyterhub_edu.identity.web import NoAnswer, Reply
from tests.fakes.moodle.php import parse_form

URL = "https://moodle.example.edu"


def service(body: bytes | Exception, status: int = 200) -> tuple[Service, AsyncMock]:
    """A service whose Moodle says this to everything."""
    web = AsyncMock()
    if isinstance(body, Exception):
        web.post.side_effect = body
    else:
        web.post.return_value = Reply(status, {}, body, f"{URL}/webservice/rest/server.php")
    return Service(web, URL, SecretStr("sesame"), 10), web


async def test_arguments_arrive_in_php_as_they_were_meant():
    asked, web = service(b"[]")
    options = [{"name": "onlyactive", "value": 1}, {"name": "sortby", "value": "id"}]
    await asked.call(list[Member], "f", courseid=2, options=options, values=[3, 4], count=False)
    address, form = web.post.await_args.args
    assert address == f"{URL}/webservice/rest/server.php"
    assert parse_form(form.items()) == {
        "wstoken": "sesame",
        "wsfunction": "f",
        "moodlewsrestformat": "json",
        "courseid": "2",
        "options": {
            "0": {"name": "onlyactive", "value": "1"},
            "1": {"name": "sortby", "value": "id"},
        },
        "values": {"0": "3", "1": "4"},
        "count": "0",
    }


ERRORS = {
    "a token that is not known": ("invalidtoken", "the token is not known"),
    "a capability": ("nopermissions", "lacks a capability"),
    "an error nobody has heard of": ("newerror", "newerror"),
    "a code that is no word": ("<script>alert(1)</script>", "unknown"),
    "a code without end": ("x" * 10_000, "unknown"),
}


@pytest.mark.parametrize(("code", "words"), ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("exception", ["moodle_exception", "core\\exception\\moodle_exception"])
async def test_an_error_with_status_200_is_a_refusal_by_its_code(code, words, exception):
    said = {"exception": exception, "errorcode": code, "message": "Zugriff <b>verweigert</b>"}
    asked, _ = service(json.dumps(said).encode())
    with pytest.raises(Refused) as refused:
        await asked.call(list[Member], "f")
    assert words in str(refused.value)
    assert "Zugriff" not in str(refused.value)
    assert "<" not in str(refused.value)


NOT_ROWS: dict[str, bytes] = {
    "nothing": b"",
    "a page": b"<!DOCTYPE html>",
    "null": b"null",
    "a mapping": b"{}",
    "a list of lists": b"[[]]",
    "a number for an id that is none": b'[{"id": "x", "username": "a", "fullname": "A", "suspended": false}]',
    "no name": b'[{"id": 1, "username": "", "fullname": "A", "suspended": false}]',
    "no word of suspension": b'[{"id": 1, "username": "a", "fullname": "A"}]',
    "half": b'[{"id": 1, "username": "a", "full',
    "a long page": b"<" * 300_000,
    "a long list without end": b"[" + b"1," * 200_000,
    "a long list without commas": b"[" + b"1 " * 200_000 + b"]",
    "a deep well": b"[" * 400_000,
    "something after the end": b"[" + b"1," * 200_000 + b"1] 2",
    "another mapping": b'{"users": [' + b"1," * 200_000 + b"1]}",
}


@pytest.mark.parametrize("body", NOT_ROWS.values(), ids=NOT_ROWS)
async def test_what_is_not_as_expected_is_no_answer(body):
    asked, _ = service(body)
    with pytest.raises(NoAnswer):
        await asked.call(list[UserRow], "f")


async def test_a_row_that_lacks_what_a_capability_shows_names_it():
    asked, _ = service(b'[{"id": 3, "fullname": "sesame", "roles": []}]')
    with pytest.raises(NoAnswer, match="viewalldetails") as refused:
        await asked.call(list[Member], "f")
    assert "sesame" not in str(refused.value)


STATUSES = {"403": (403, "switched off"), "404": (404, "wwwroot"), "418": (418, "418")}


@pytest.mark.parametrize(("status", "words"), STATUSES.values(), ids=STATUSES)
async def test_another_status_says_what_a_moodle_means_by_it(status, words):
    asked, _ = service(b"<h1>No</h1>", status)
    with pytest.raises(NoAnswer, match=words):
        await asked.call(list[Member], "f")


async def test_maintenance_mode_is_called_so():
    asked, _ = service(NoAnswer(f"{URL} answers 503", 503))
    with pytest.raises(NoAnswer, match="maintenance mode"):
        await asked.call(list[Member], "f")


async def test_formatted_names_lose_the_marks_of_html():
    row = {"id": 2, "shortname": "R&amp;D &lt;1&gt;", "idnumber": "R&amp;D", "visible": 1}
    asked, _ = service(json.dumps([row | {"category": 1}]).encode())
    (course,) = await asked.call(list[EnrolledCourse], "f")
    assert (course.shortname, course.idnumber) == ("R&D <1>", "R&amp;D")


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(
    items=st.lists(ANY, max_size=8),
    warnings=st.none() | st.lists(ANY, max_size=3),
    indent=st.sampled_from([None, 1]),
    ascii=st.booleans(),
)
async def test_a_long_reply_read_in_pieces_is_the_same(items, warnings, indent, ascii):
    data: Any = items if warnings is None else {"courses": items, "warnings": warnings}
    text = json.dumps(data, indent=indent, ensure_ascii=ascii)
    assert await module._read_long(text) == data


@given(st.text(alphabet='[]{}",: 1ntruecosl\\', max_size=40))
async def test_a_long_reply_is_read_right_or_refused(text):
    try:
        read = await module._read_long(text)
    except ValueError:
        return
    assert read == json.loads(text)
