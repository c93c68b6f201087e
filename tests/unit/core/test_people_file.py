"""Reading lists of people: what spreadsheets make of them, and any bytes at all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from jupyterhub_edu.core.people_file import (
    MOST_BYTES,
    MOST_ROWS,
    Column,
    Mistake,
    Sheet,
    Wish,
    read_people,
)
from jupyterhub_edu.domain.people import CourseRole

OSLO = ZoneInfo("Europe/Oslo")
STUDENT, ASSISTANT = CourseRole.STUDENT, CourseRole.ASSISTANT


def read(data: bytes | str) -> Sheet | Sequence[Mistake]:
    return read_people(data.encode() if isinstance(data, str) else data, STUDENT, OSLO)


def sheet(data: bytes | str) -> Sheet:
    found = read(data)
    assert isinstance(found, Sheet), found
    return found


def typed(data: bytes | str) -> list[str]:
    return [wish.typed for wish in sheet(data).wishes]


def mistakes(data: bytes | str) -> list[tuple[int, str]]:
    found = read(data)
    assert not isinstance(found, Sheet)
    assert all(one.fix for one in found)
    return [(one.line, one.what) for one in found]


def test_columns_may_stand_in_any_order_and_be_called_by_several_words() -> None:
    found = sheet("Last day;ROLE;Student number;Name\n2026-12-31;Assistant;1001;Ada\n;;1002;Bob\n")
    assert found.wishes == [
        Wish(2, "1001", ASSISTANT, ends=datetime(2026, 12, 31, 23, tzinfo=UTC)),
        Wish(3, "1002", STUDENT),
    ]
    assert found.columns == {Column.PERSON, Column.ROLE, Column.ENDS}
    assert found.unread == ("Name",)


def test_of_several_columns_that_say_who_the_surest_is_read() -> None:
    found = sheet("Email,Username,ID number\na@x.example,ada,1001\n")
    assert [wish.typed for wish in found.wishes] == ["1001"]
    assert found.unread == ("Username", "Email")


def test_days_are_the_campus_s_and_the_last_one_counts() -> None:
    (wish,) = sheet("person,from,until\nada,2026-10-25,25.10.2026\n").wishes
    assert wish.starts == datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert wish.ends == datetime(2026, 10, 25, 23, tzinfo=UTC)


def test_who_is_kept_out_has_no_role() -> None:
    (out, stays) = sheet("login,exclude,why\nada,yes,copied\nbob,no,\n").wishes
    assert (out.role, out.why, stays.role) == (None, "copied", STUDENT)


HABITS: dict[str, bytes | str] = {
    "a mark before UTF-8": "\ufeffperson,role\n0012,\n",
    "Unicode text of Excel": "person\trole\r\n0012\t\r\n".encode("utf-16"),
    "the same in the other order": b"\xfe\xff" + "person\trole\r\n0012\t\r\n".encode("utf-16-be"),
    "a first line that says the delimiter": "sep=;\nperson;role\n0012;student\n",
    "the same in quotation marks": '"sep=|"\r\nperson|role\r\n0012|student\r\n',
    "semicolons": "person;why\n0012;one, two\n",
    "text as a formula": 'person,role\n"=""0012""",\n',
    "an apostrophe before a number": "person\n'0012\n",
    "empty lines and cells at the end": ";;;\n\nperson;role;;\n\n0012;;;\n;;;\n\n",
    "blanks that do not break": "person,role\n\u00a00012\u00a0, student \n",
    "old line ends of a Mac": "person,role\r0012,student\r",
    "quoted titles": '"Person","Role"\n"0012","student"\n',
    "the same line twice": "person\n0012\n0012\n",
    "one column alone": "person\n0012",
}


@pytest.mark.parametrize("data", HABITS.values(), ids=HABITS.keys())
def test_habits_of_spreadsheets_are_understood(data: bytes | str) -> None:
    assert typed(data) == ["0012"]


def test_the_code_page_of_windows_is_read_and_said() -> None:
    found = sheet("person,why\nåse,på besøk\n".encode("cp1252"))
    assert ([wish.typed for wish in found.wishes], found.encoding) == (["åse"], "cp1252")


MISTAKES: dict[str, tuple[bytes | str, list[tuple[int, str]]]] = {
    "nothing": (b"", [(1, "The first line does not name a column that says who somebody is.")]),
    "titles alone": (
        "person,role\n",
        [(1, "There is nobody in it: no line follows the one that names the columns.")],
    ),
    "no titles": ("ada\nbob\n", [(1, "There is no column 'ada'.")]),
    "a misspelt title": ("person,exlude\nada,yes\n", [(1, "There is no column 'exlude'.")]),
    "two columns for one thing": (
        "person,from,start\nada,,\n",
        [(1, "Two columns say the same: 'from' and 'start'.")],
    ),
    "a workbook": (b"PK\x03\x04rest", [(1, "This is an Excel or LibreOffice workbook.")]),
    "a byte that is no letter": (
        b"person\nada\nb\x81\n",
        [(3, "The byte 0x81 is no letter in cp1252.")],
    ),
    "too large": (b"x" * (MOST_BYTES + 1), [(1, "The file has more than 1 MiB.")]),
    "too many": (
        "person\n" + "".join(f"s{n}\n" for n in range(MOST_ROWS + 1)),
        [(MOST_ROWS + 2, "There are more than 5000 people.")],
    ),
    "a quotation mark too few": (
        'person,why\nada,"late\nbob,\n',
        [(3, "The quotation marks are not right (unexpected end of data).")],
    ),
    "a text with the delimiter in it": (
        "person,why\nada,late, and ill\n",
        [(2, "There are 3 cells, and 2 columns have names.")],
    ),
    "a number that was shortened": (
        "person\n1.23457E+11\n",
        [(2, "'1.23457E+11' is a long number that the spreadsheet has shortened.")],
    ),
    "a number with a point": ("person\n1001.0\n", [(2, "'1001.0' is no student number.")]),
    "a formula": ("person\n=A1+1\n", [(2, "In 'person' stands a formula.")]),
    "an error of the spreadsheet": (
        "person\n#N/A\n",
        [(2, "In 'person' stands '#N/A', an error of the spreadsheet.")],
    ),
    "a sign that cannot be seen": (
        "person\nad\u202ea\n",
        [(2, "In 'person' stands a sign that cannot be seen.")],
    ),
    "a role that nobody has": ("person,role\nada,boss\n", [(2, "There is no role 'boss'.")]),
    "days and their order, each on its line": (
        "person,from,until\na,,12/31/2026\nb,,46022\nc,2026-02-30,\nd,2026-03-02,2026-03-01\n,,\ne,,\n",
        [
            (2, "'12/31/2026' can be two days: the month may stand first or second."),
            (3, "'46022' is how a spreadsheet counts days."),
            (4, "'2026-02-30' is no day."),
            (5, "It ends before it begins."),
        ],
    ),
    "nobody, on a line that says something": (
        "person,role\n,student\n",
        [(2, "It does not say who.")],
    ),
    "somebody twice, differently": (
        "person,role\nAda,student\nada,assistant\n",
        [(3, "'ada' stands on line 2 too, and differently.")],
    ),
    "kept out from a day on": (
        "person,exclude,from\nada,x,2026-12-01\n",
        [(2, "Whoever is kept out is kept out from now on.")],
    ),
}


@pytest.mark.parametrize(("data", "told"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_have_their_lines(data: bytes | str, told: list[tuple[int, str]]) -> None:
    assert mistakes(data) == told


def test_a_cell_over_several_lines_counts_by_its_first() -> None:
    assert mistakes('person,why\nada,"a\nb"\nbob,\n,x\n') == [
        (2, "In 'why' stands a sign that cannot be seen."),
        (5, "It does not say who."),
    ]


LINES = some.lists(
    some.lists(
        some.sampled_from(
            [
                "person",
                "role",
                "until",
                "ada",
                "1001",
                "student",
                "2026-12-31",
                "",
                '"',
                "=1",
                "\r",
            ]
        )
        | some.text(max_size=12),
        max_size=5,
    ),
    max_size=6,
)


def check(data: bytes) -> None:
    found = read(data)
    if isinstance(found, Sheet):
        assert found.wishes
        assert all(wish.typed.strip() and wish.typed.isprintable() for wish in found.wishes)
        assert all(wish.line > 1 for wish in found.wishes)
        return
    assert found
    lines = [one.line for one in found]
    assert lines == sorted(lines)
    assert all(one.line >= 1 and one.what and one.fix for one in found)


@given(some.binary(max_size=300))
def test_any_bytes_give_people_or_mistakes(data: bytes) -> None:
    check(data)


@given(
    LINES,
    some.sampled_from([",", ";", "\t", "|"]),
    some.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    some.sampled_from(["", "sep=;\n", "person\n", "person,role,until\n"]),
)
def test_any_lines_give_people_or_mistakes(
    lines: list[list[str]], delimiter: str, encoding: str, head: str
) -> None:
    text = head + "\n".join(delimiter.join(cells) for cells in lines)
    check(text.encode(encoding, "ignore"))
