"""The two files of a roster.

The people's file is CSV in UTF-8 with the header ``person,name,course,course_role``; a person stands in it once for each
course, or once with course and role left empty. The passwords' file holds one ``person:hash`` a line, with an argon2
hash as ``hash_password`` makes it; empty lines and lines that begin with ``#`` do not count.
"""

from __future__ import annotations

import csv
import difflib
import io
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import argon2

from jupyterhub_edu.domain.people import CourseClaim, CourseRef, CourseRole

__all__ = ["RosterMistakes", "RosterPerson", "parse_passwords", "parse_people"]

_HEADER: Final = ["person", "name", "course", "course_role"]
_ROLES: Final = {str(role): role for role in CourseRole}
_MOST_TOLD: Final = 20
_NO_HASH: Final = "not an argon2 hash; make one with jupyterhub-edu hash-password"


class RosterMistakes(ValueError):
    """A file cannot be used; the text names every mistake with its line."""

    def __init__(self, path: Path, mistakes: list[str]) -> None:
        told = mistakes[:_MOST_TOLD]
        if more := len(mistakes) - len(told):
            told.append(f"and {more} more")
        super().__init__(f"{path}: " + "; ".join(told))


@dataclass(frozen=True, slots=True)
class RosterPerson:
    """One person as the file has them."""

    name: str
    claims: frozenset[CourseClaim]


def parse_people(path: Path, octets: bytes) -> dict[str, RosterPerson]:
    """Parse the people's file.

    Returns:
        People by the person column's value, NFC.

    Raises:
        RosterMistakes: wrong encoding, quoting, header, role; all of them with their lines.
    """
    rows, mistakes = _rows(_decode(path, octets))
    names: dict[str, str] = {}
    claims: dict[str, set[CourseClaim]] = {}
    for line, row in rows:
        if problem := _problem(row):
            mistakes.append(f"line {line}: {problem}")
            continue
        person, name, course, role = (unicodedata.normalize("NFC", cell.strip()) for cell in row)
        if names.setdefault(person, name) != name:
            mistakes.append(
                f"line {line}: {person} was called {names[person]!r} before; give one name"
            )
        claims.setdefault(person, set())
        if course:
            claims[person].add(CourseClaim(CourseRef(course), _ROLES[role]))
    if mistakes:
        raise RosterMistakes(path, mistakes)
    return {
        person: RosterPerson(name or person, frozenset(claims[person]))
        for person, name in names.items()
    }


def parse_passwords(path: Path, octets: bytes) -> dict[str, str]:
    """Parse the passwords' file into hashes by person.

    Raises:
        RosterMistakes: a line that is no ``person:hash``, a hash that is not argon2, a person twice; never the hash.
    """
    hashes: dict[str, str] = {}
    mistakes: list[str] = []
    for number, line in enumerate(_decode(path, octets).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        person, colon, hashed = line.rpartition(":")
        person = unicodedata.normalize("NFC", person.strip())
        if not colon or not person:
            mistakes.append(f"line {number}: write person:hash")
        elif not _is_argon2(hashed.strip()):
            mistakes.append(f"line {number}: {_NO_HASH}")
        elif person in hashes:
            mistakes.append(f"line {number}: {person} stands here twice; take one out")
        hashes[person] = hashed.strip()
    if mistakes:
        raise RosterMistakes(path, mistakes)
    return hashes


def _decode(path: Path, octets: bytes) -> str:
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets[: error.start].count(b"\n") + 1
        raise RosterMistakes(path, [f"line {line}: not UTF-8; save the file as UTF-8"]) from None


def _rows(text: str) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """Rows below the header with the line on which each begins, and what is wrong with the file's form."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((line, row))
            line = reader.line_num + 1
    except csv.Error as error:
        return [], [f"line {line}: {error}; a cell that begins with a quote must end with one"]
    if not rows or [cell.strip().lower() for cell in rows[0][1]] != _HEADER:
        return [], [f"line 1: the header must be {','.join(_HEADER)}, with commas"]
    return rows[1:], []


def _problem(row: list[str]) -> str | None:
    if len(row) != len(_HEADER):
        return f"{len(row)} cells instead of {len(_HEADER)}; a cell with a comma needs quotes"
    person, _, course, role = (cell.strip() for cell in row)
    if not person or not person.isprintable():
        return "no person, or one with signs that cannot be seen; write what people type"
    if bool(course) != bool(role):
        return "a course and a course role belong together; fill in both, or none"
    if role and role not in _ROLES:
        near = difflib.get_close_matches(role.lower(), _ROLES, 1) or list(_ROLES)
        return f"no such course role: {role}; did you mean {' or '.join(near)}?"
    return None


def _is_argon2(hashed: str) -> bool:
    try:
        argon2.extract_parameters(hashed)
    except argon2.exceptions.InvalidHashError:
        return False
    return True
