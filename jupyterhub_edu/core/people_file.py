"""Reading a list of people that staff hand in as CSV: strictly, with the line and the way out for each mistake.

Pure: the same bytes give the same answer, and no bytes raise.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.words import say

from .people_cells import CellMistake, first_of, last_of, person_of, role_of, text_of, yes_of

__all__ = ["MOST_BYTES", "MOST_ROWS", "Column", "Mistake", "Sheet", "Wish", "read_people"]

MOST_BYTES: Final = 2**20
MOST_ROWS: Final = 5000
_MOST_MISTAKES: Final = 200
"""Told of one file: who made so many has made one of them again and again."""
_DELIMITERS: Final = ",;\t|"


class Column(StrEnum):
    """What is read of a file, by the word that stands for it in ours."""

    PERSON = "person"
    ROLE = "role"
    EXCLUDE = "exclude"
    STARTS = "starts"
    ENDS = "ends"
    WHY = "why"


_WORDS: Final[Mapping[str, Column]] = {
    **dict.fromkeys(("exclude", "excluded", "keep out", "kept out"), Column.EXCLUDE),
    **dict.fromkeys(("role", "course role", "course_role"), Column.ROLE),
    **dict.fromkeys(("starts", "start", "from", "first day", "start date"), Column.STARTS),
    **dict.fromkeys(("ends", "end", "until", "to", "last day", "end date"), Column.ENDS),
    **dict.fromkeys(("why", "reason", "comment", "note"), Column.WHY),
}
_PERSONS: Final = (
    *("person", "student number", "student no", "student id", "number", "id number", "idnumber"),
    *("matriculation number", "login", "login name", "username", "user name", "user", "account"),
    *("id", "e-mail", "email", "email address", "e-mail address", "mail"),
)
"""What a column may be called that says who somebody is; of several the first of these is read."""
_UNREAD: Final = frozenset(
    {
        *("name", "full name", "first name", "last name", "surname", "given name", "family name"),
        *("groups", "group", "sections", "section", "institution", "department", "phone", "city"),
        *("last access", "last access to course", "roles", "status", "country", "program", "key"),
        *("origin", "added by", "logged in", "asked"),
    }
)
"""Columns that other programs, and our own export, write beside; they are left unread, and said."""
_NOT_TEXT: Final = (
    (b"PK\x03\x04", say("an Excel or LibreOffice workbook")),
    (b"\xd0\xcf\x11\xe0", say("an old Excel workbook")),
    (b"%PDF", say("a PDF document")),
)


@dataclass(frozen=True, slots=True)
class Mistake:
    """What cannot be read, and how to mend it; plain text, parts of it as it stands in the file.

    Attributes:
        line: of the file, from 1.
    """

    line: int
    what: str
    fix: str


@dataclass(frozen=True, slots=True)
class Wish:
    """One line of a file.

    Attributes:
        typed: a student number, a login, an address or ``source:login``; hostile text.
        role: what they are to be in the course; None: they are to be kept out.
        starts, ends: first instant, and first instant after (aware UTC).
    """

    line: int
    typed: str
    role: CourseRole | None
    starts: datetime | None = None
    ends: datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that could be read as a whole.

    Attributes:
        columns: what it says; of dates and reasons that it has no column for it says nothing.
        unread: titles of columns that are left alone.
        encoding: as which it was read.
    """

    wishes: Sequence[Wish]
    columns: frozenset[Column]
    unread: Sequence[str] = ()
    encoding: str = "utf-8"


class _CannotRead(Exception):
    """Nothing of the file can be read beyond this."""

    def __init__(self, line: int, what: str, fix: str) -> None:
        self.mistake = Mistake(line, what, fix)
        super().__init__(what)


def read_people(data: bytes, role: CourseRole, zone: ZoneInfo) -> Sheet | Sequence[Mistake]:
    """Read a file of people.

    Always holds:
        - no bytes raise: they give a sheet, or mistakes with their lines, in the order of the lines;
        - a line is read as a whole or is a mistake; nothing is guessed that could mean two things.

    Args:
        role: of those lines that do not say one.
        zone: whose days the dates are.
    """
    try:
        text, encoding = _decode(data)
        return _read(text, encoding, role, zone)
    except _CannotRead as error:
        return [error.mistake]


def _decode(data: bytes) -> tuple[str, str]:
    if len(data) > MOST_BYTES:
        raise _CannotRead(
            1,
            say("The file has more than {most_bytes} MiB.", most_bytes=MOST_BYTES // 2**20),
            say("Hand in the columns that are read alone, or the people in several files."),
        )
    for magic, what in _NOT_TEXT:
        if data.startswith(magic):
            raise _CannotRead(
                1, say("This is {what}.", what=what), say("Save it as CSV UTF-8 and hand in that.")
            )
    encoding = _encoding(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = say(
            "The byte 0x{data} is no letter in {encoding}.",
            data=f"{data[error.start]:02x}",
            encoding=encoding,
        )
        raise _CannotRead(line, what, say("Save the file as CSV UTF-8.")) from error
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise _CannotRead(
            line, say("There is a NUL in it, so this is no text."), say("Save it as CSV UTF-8.")
        )
    return text, encoding.removesuffix("-sig")


def _encoding(data: bytes) -> str:
    """Excel writes UTF-8 with a mark, UTF-16 ("Unicode text"), or the code page of Windows."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _read(text: str, encoding: str, role: CourseRole, zone: ZoneInfo) -> Sheet | Sequence[Mistake]:
    skipped, text, delimiter = _delimiter(text)
    lines = _lines(text, delimiter, skipped)
    head_line, head = next(lines, (1, []))
    columns, unread = _columns(head_line, head)
    mistakes: list[Mistake] = []
    wishes: list[Wish] = []
    first: dict[str, Wish] = {}
    try:
        for line, cells in lines:
            if len(wishes) + len(mistakes) >= MOST_ROWS:
                raise _CannotRead(
                    line,
                    say("There are more than {most_rows} people.", most_rows=MOST_ROWS),
                    say("Make several files of it."),
                )
            try:
                wish = _wish(line, cells, len(head), columns, role, zone)
                _require_once(wish, first)
            except CellMistake as error:
                mistakes.append(Mistake(line, error.what, error.fix))
                if len(mistakes) == _MOST_MISTAKES:
                    break
                continue
            if first[_name(wish)] is wish:
                wishes.append(wish)
    except _CannotRead as error:
        mistakes.append(error.mistake)
    if not (mistakes or wishes):
        what = say("There is nobody in it: no line follows the one that names the columns.")
        mistakes.append(Mistake(head_line, what, say("Write one person on each line.")))
    return mistakes or Sheet(wishes, frozenset(columns), unread, encoding)


def _delimiter(text: str) -> tuple[int, str, str]:
    """Lines to leave out, the rest, and what stands between cells: what Excel's first line says, or knows most titles."""
    first, _, rest = text.partition("\n")
    said = first.strip().strip('"').casefold()
    if said.startswith("sep=") and len(said) == 5:
        return 1, rest, said[-1]
    start = next((line for line in text.splitlines() if line.strip(_DELIMITERS + " ")), "")

    def known(delimiter: str) -> int:
        return sum(_title(cell) in _ALL_WORDS for cell in start.split(delimiter))

    return 0, text, max(_DELIMITERS, key=lambda one: (known(one), start.count(one)))


def _lines(text: str, delimiter: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Lines with something on them, by the number of their first line; the header comes first."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = skipped + reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise _CannotRead(
                skipped + max(reader.line_num, 1),
                say("The quotation marks are not right ({error}).", error=error),
                say(
                    'A quotation mark inside a cell is written twice, and the cell between two: "say ""x""".'
                ),
            ) from error
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield line, cells


def _columns(line: int, head: Sequence[str]) -> tuple[dict[Column, int], tuple[str, ...]]:
    """Where each column stands, and the titles of those that are not read."""
    titles = [_title(cell) for cell in head]
    found: dict[Column, int] = {}
    unread: list[str] = []
    for at, title in enumerate(titles):
        column = _WORDS.get(title)
        if column is not None and column in found:
            what = say(
                "Two columns say the same: {one} and {other}.",
                one=repr(head[found[column]]),
                other=repr(head[at]),
            )
            raise _CannotRead(line, what, say("Take one of them out."))
        if column is not None:
            found[column] = at
        elif title and title not in _PERSONS:
            _require_harmless(line, head[at], title)
            unread.append(head[at].strip())
    who = [titles.index(word) for word in _PERSONS if word in titles]
    if not who:
        what = say("The first line does not name a column that says who somebody is.")
        raise _CannotRead(
            line,
            what,
            say("Write the names of the columns on the first line: person, role, ends."),
        )
    found[Column.PERSON] = who[0]
    unread += [head[at].strip() for at in who[1:]]
    return found, tuple(unread)


def _require_harmless(line: int, spelt: str, title: str) -> None:
    """A column that nobody knows may be one that is misspelt, and then everything else would be read without it."""
    if title in _UNREAD:
        return
    near = get_close_matches(title, [*_WORDS, *_PERSONS], 1, 0.75)
    fix = (
        say("Call it {near}, or take it out.", near=repr(near[0])) if near else say("Take it out.")
    )
    raise _CannotRead(line, say("There is no column {name}.", name=repr(spelt.strip()[:80])), fix)


def _wish(
    line: int,
    cells: Sequence[str],
    width: int,
    columns: Mapping[Column, int],
    role: CourseRole,
    zone: ZoneInfo,
) -> Wish:
    if any(cell.strip() for cell in cells[width:]):
        raise CellMistake(
            say(
                "There are {cells} cells, and {width} columns have names.",
                cells=len(cells),
                width=width,
            ),
            say("Put a text that holds the sign between cells into quotation marks."),
        )

    def cell(column: Column) -> str:
        at = columns.get(column, width)
        return text_of(cells[at], str(column)) if at < len(cells) else ""

    typed = person_of(cell(Column.PERSON))
    is_out = yes_of(cell(Column.EXCLUDE))
    said = cell(Column.ROLE)
    starts = first_of(cell(Column.STARTS), zone)
    ends = last_of(cell(Column.ENDS), zone)
    if is_out and starts is not None:
        raise CellMistake(
            say("Whoever is kept out is kept out from now on."), say("Leave the first day empty.")
        )
    if starts is not None and ends is not None and ends <= starts:
        raise CellMistake(say("It ends before it begins."), say("Change one of the two days."))
    its = None if is_out else role_of(said) if said else role
    return Wish(line, typed, its, starts, ends, cell(Column.WHY))


def _require_once(wish: Wish, first: dict[str, Wish]) -> None:
    """Who stands there twice must be wished the same."""
    former = first.setdefault(_name(wish), wish)
    mine = (wish.role, wish.starts, wish.ends, wish.why)
    if (former.role, former.starts, former.ends, former.why) != mine:
        raise CellMistake(
            say(
                "{typed} stands on line {line} too, and differently.",
                typed=repr(wish.typed),
                line=former.line,
            ),
            say("Take one of the two lines out."),
        )


def _name(wish: Wish) -> str:
    return wish.typed.casefold()


def _title(cell: str) -> str:
    folded = (
        unicodedata.normalize("NFC", cell).casefold().replace("\u00a0", " ").strip(" \"'\ufeff*:")
    )
    return " ".join(folded.split())


_ALL_WORDS: Final = frozenset({*_WORDS, *_PERSONS, *_UNREAD})
