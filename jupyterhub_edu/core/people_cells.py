"""Single cells of a list of people: what spreadsheets make of numbers, days and text is undone where it means one thing."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.schedule import local_instant
from jupyterhub_edu.domain.words import say

__all__ = [
    "CellMistake",
    "first_of",
    "last_of",
    "person_of",
    "role_of",
    "text_of",
    "yes_of",
]

_LONGEST: Final = 255
_ROLES: Final = {
    **{str(role): role for role in CourseRole},
    "ta": CourseRole.ASSISTANT,
    "teaching assistant": CourseRole.ASSISTANT,
}
_YES: Final = frozenset({"yes", "y", "true", "1", "x"})
_NO: Final = frozenset({"", "no", "n", "false", "0", "-"})
_FORMULA_TEXT: Final = re.compile(r'="([^"]*)"')
_SHORTENED: Final = re.compile(r"\d+([.,]\d+)?[eE]\+?\d+", re.ASCII)
_WITH_POINT: Final = re.compile(r"\d+[.,]0+", re.ASCII)
_DAY: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)
_DOTTED: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", re.ASCII)
_EXCEL_ERRORS: Final = ("#N/A", "#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!", "###")
_LAST_YEAR: Final = 9000
"""Years beyond are mistyped, and near the last year that a date can hold a time zone would reach over it."""


class CellMistake(Exception):
    """A cell, or a line, that cannot be read; with the way out."""

    def __init__(self, what: str, fix: str) -> None:
        self.what, self.fix = what, fix
        super().__init__(what)


def text_of(cell: str, column: str) -> str:
    """What stands in a cell, without what spreadsheets put around text.

    Raises:
        CellMistake: an error or a formula of the spreadsheet, signs that cannot be seen, or too long.
    """
    text = unicodedata.normalize("NFC", cell).strip().strip("\ufeff\u200b").strip()
    if found := _FORMULA_TEXT.fullmatch(text):
        text = found[1].strip()
    if text[:1] == "'" and text[1:2] and (text[1] in "=+-@" or text[1].isdigit()):
        text = text[
            1:
        ].strip()  # so that a spreadsheet takes it for text; our own export does it too
    elif text[:1] == "=":
        raise CellMistake(
            say("In {column} stands a formula.", column=repr(column)), say("Put its value there.")
        )
    if text.startswith(_EXCEL_ERRORS):
        what = say(
            "In {column} stands {text}, an error of the spreadsheet.",
            column=repr(column),
            text=repr(text[:20]),
        )
        raise CellMistake(what, say("Mend the cell."))
    if not text.isprintable():
        what = say("In {column} stands a sign that cannot be seen.", column=repr(column))
        raise CellMistake(what, say("Type the cell anew."))
    if len(text) > _LONGEST:
        what = say(
            "What stands in {column} is longer than {longest} letters.",
            column=repr(column),
            longest=_LONGEST,
        )
        raise CellMistake(what, say("Shorten it."))
    return text


def person_of(text: str) -> str:
    """Who is meant, as it was typed.

    Raises:
        CellMistake: nothing that anybody is called, or a number that a spreadsheet has rounded.
    """
    if not any(map(str.isalnum, text)):
        what = (
            say("It does not say who.")
            if not text
            else say("{text} is nobody's number or login.", text=repr(text))
        )
        raise CellMistake(what, say("Write a student number, a login, or take the line out."))
    if _SHORTENED.fullmatch(text) and not text.isdigit():
        raise CellMistake(
            say("{text} is a long number that the spreadsheet has shortened.", text=repr(text)),
            say("Make the column text in the spreadsheet, and put the numbers in anew."),
        )
    if _WITH_POINT.fullmatch(text):
        whole = re.split("[.,]", text)[0]
        raise CellMistake(
            say("{text} is no student number.", text=repr(text)),
            say("Write {whole}.", whole=repr(whole)),
        )
    return text


def role_of(text: str) -> CourseRole:
    """A course role by its word, in any case.

    Raises:
        CellMistake: it is none.
    """
    role = _ROLES.get(text.casefold())
    if role is None:
        words = ", ".join(str(role) for role in sorted(CourseRole, reverse=True))
        raise CellMistake(
            say("There is no role {text}.", text=repr(text[:80])),
            say("Write one of {words}.", words=words),
        )
    return role


def yes_of(text: str) -> bool:
    """Yes or no; an empty cell is no.

    Raises:
        CellMistake: it is neither.
    """
    folded = text.casefold()
    if folded not in _YES | _NO:
        what = say("{text} does not say whether somebody is kept out.", text=repr(text[:80]))
        raise CellMistake(what, say("Write yes or no."))
    return folded in _YES


def first_of(text: str, zone: ZoneInfo) -> datetime | None:
    """The first instant of a day, or an instant with its zone; None for an empty cell.

    Raises:
        CellMistake: it is neither.
    """
    return _instant(text, zone, timedelta(0))


def last_of(text: str, zone: ZoneInfo) -> datetime | None:
    """The first instant after a last day, or an instant with its zone; None for an empty cell.

    Raises:
        CellMistake: it is neither.
    """
    return _instant(text, zone, timedelta(days=1))


def _instant(text: str, zone: ZoneInfo, further: timedelta) -> datetime | None:
    if not text:
        return None
    try:
        day = _day(text)
        if day is not None:
            return local_instant(day + further, time(), zone)
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise _no_day(text) from None
    if at.tzinfo is None or not 1900 <= at.year <= _LAST_YEAR:
        raise _no_day(text)
    return at.astimezone(UTC)


def _day(text: str) -> date | None:
    if found := _DAY.fullmatch(text):
        year, month, day = map(int, found.groups())
    elif found := _DOTTED.fullmatch(text):
        day, month, year = map(int, found.groups())
    else:
        return None
    if not 1900 <= year <= _LAST_YEAR:
        raise ValueError(year)
    return date(year, month, day)


def _no_day(text: str) -> CellMistake:
    if text.isdigit():
        what = say("{text} is how a spreadsheet counts days.", text=repr(text[:80]))
    elif "/" in text:
        what = say(
            "{text} can be two days: the month may stand first or second.", text=repr(text[:80])
        )
    else:
        what = say("{text} is no day.", text=repr(text[:80]))
    return CellMistake(what, say("Write year-month-day: 2026-12-31."))
