import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import argon2
import pytest

from jupyterhub_edu.domain.people import (
    CourseClaim,
    CourseRef,
    CourseRole,
    Identity,
    Person,
    Roster,
)
from jupyterhub_edu.identity import roster
from jupyterhub_edu.identity.roster import RosterFileSource, RosterSettings, hash_password
from jupyterhub_edu.identity.roster_files import RosterMistakes, parse_passwords, parse_people
from jupyterhub_edu.ports import Denied, Gone, Unavailable
from tests.said import assert_said, said

HEADER = "person,name,course,course_role\n"
START = datetime(2026, 11, 21, 10, tzinfo=UTC)
HASH = hash_password("sesame")
PATH = Path("people.csv")


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


class Files:
    """The two files; each write is a change that is seen."""

    def __init__(self, folder: Path) -> None:
        self.people, self.passwords = folder / "people.csv", folder / "passwords"
        self._changes = 0
        self.write(
            self.people, HEADER + "ann,Ann Berg,ml,student\nann,Ann Berg,stat,teacher\nben,,,\n"
        )
        self.write(self.passwords, f"# visitors\n\nann:{HASH}\n")

    def write(self, path: Path, content: str | bytes) -> None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        self._changes += 1
        os.utime(path, ns=(self._changes * 10**9, self._changes * 10**9))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
async def source(files: Files) -> AsyncIterator[RosterFileSource]:
    settings = RosterSettings(people=files.people, passwords=files.passwords)
    source = RosterFileSource("visitors", settings, Clock())
    yield source
    await source.close()


def known(name: str) -> Person:
    return Person(f"visitors:{name}", name, "visitors", name, name, name, None, True, START)


async def test_a_login_states_name_and_courses(source):
    answer = await source.authenticate("ann", "sesame")

    assert isinstance(answer, Identity)
    assert (answer.key, answer.login, answer.name) == ("visitors:ann", "ann", "Ann Berg")
    assert answer.claims == {
        CourseClaim(CourseRef("ml"), CourseRole.STUDENT),
        CourseClaim(CourseRef("stat"), CourseRole.TEACHER),
    }


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("ann", "wrong"),
        ("ann", ""),
        ("ann", " \x00"),
        ("ben", "sesame"),
        ("zoe", "sesame"),
        ("Ann", "sesame"),
    ],
)
async def test_anything_else_is_denied(source, login, password):
    assert isinstance(await source.authenticate(login, password), Denied)


def test_what_an_unknown_name_is_checked_against_costs_what_a_hash_of_ours_costs() -> None:
    ours, nobodys = hash_password("x"), roster._NOBODYS_HASH
    assert argon2.extract_parameters(nobodys) == argon2.extract_parameters(ours)
    with pytest.raises(argon2.exceptions.VerifyMismatchError):
        argon2.PasswordHasher().verify(nobodys, "nobody")


async def test_an_unknown_name_is_checked_against_a_hash_too(source, monkeypatch):
    checked: list[str | None] = []

    def note(hashed: str | None, password: str) -> bool:
        checked.append(hashed)
        return False

    monkeypatch.setattr(roster, "_is_right", note)
    await source.authenticate("zoe", "sesame")

    assert checked == [None]


async def test_a_changed_file_counts_at_once(source, files):
    files.write(files.people, HEADER + "ann,Ann Lund,intro,assistant\n")

    answer = await source.reread(known("ann"))
    assert isinstance(answer, Identity)
    assert answer.name == "Ann Lund"
    assert answer.claims == frozenset({CourseClaim(CourseRef("intro"), CourseRole.ASSISTANT)})
    assert isinstance(await source.reread(known("ben")), Gone)


BROKEN = {
    "another encoding": HEADER.encode() + "zoë,Zoë,,\n".encode("latin-1"),
    "a wrong role": (HEADER + "ann,Ann,ml,studnet\n").encode(),
    "nothing at all": b"",
}


@pytest.mark.parametrize("case", BROKEN)
async def test_a_broken_file_is_unknown_and_the_one_before_lets_people_in(source, files, case):
    before = await source.authenticate("ann", "sesame")
    files.write(files.people, BROKEN[case])

    for _ in range(2):
        assert isinstance(await source.reread(known("ann")), Unavailable)
        assert isinstance(await source.reread(known("gone")), Unavailable)
        assert await source.authenticate("ann", "sesame") == before, "with the age that it has"
        assert isinstance(await source.authenticate("ann", "wrong"), Unavailable)
    files.write(files.people, HEADER + "ann,Ann Berg,,\n")
    assert isinstance(await source.reread(known("ann")), Identity)


async def test_a_file_that_is_not_there_is_unknown_and_comes_back(source, files):
    await source.reread(known("ann"))
    away = files.people.rename(files.people.with_suffix(".away"))
    assert isinstance(await source.reread(known("ann")), Unavailable)
    away.rename(files.people)

    assert isinstance(await source.reread(known("ann")), Identity)


async def test_never_read_is_unknown(tmp_path):
    settings = RosterSettings(people=tmp_path / "none.csv", passwords=tmp_path / "none")
    source = RosterFileSource("visitors", settings, Clock())

    assert isinstance(await source.authenticate("ann", "sesame"), Unavailable)
    assert isinstance(await source.reread(known("ann")), Unavailable)
    assert "none.csv" in (await source.check())[0]
    await source.close()


async def test_check_names_passwords_of_nobody(source, files):
    assert await source.check() == []
    files.write(files.passwords, f"ann:{HASH}\nzoe:{HASH}\n")

    (problem,) = await source.check()
    assert problem.startswith(f"{files.passwords}: zoe does not stand in {files.people}")


WRONG: dict[str, tuple[str, str | bytes | None]] = {
    "there is no such file": ("people", None),
    "it is not in UTF-8": ("people", HEADER.encode() + "zoë,Zoë,,\n".encode("latin-1")),
    "it has no header": ("people", "ann,Ann,ml,student\n"),
    "it was saved with semicolons": ("people", HEADER.replace(",", ";") + "ann;Ann;ml;student\n"),
    "a role is misspelt": ("people", HEADER + "ann,Ann,ml,studnet\n"),
    "a course has no role": ("people", HEADER + "ann,Ann,ml,\n"),
    "a name with a comma has no quotes": ("people", HEADER + "ann,Berg, Ann,ml,student\n"),
    "a quote has no end": ("people", HEADER + 'ann,"Ann,ml,student\n'),
    "a person has two names": ("people", HEADER + "ann,Ann,ml,student\nann,Anna,stat,student\n"),
    "a person has no login": ("people", HEADER + ",Ann,ml,student\n"),
    "a password is written plainly": ("passwords", "ann:sesame\n"),
    "a hash belongs to nobody": ("passwords", HASH.replace(":", "") + "\n"),
    "somebody has two passwords": ("passwords", f"ann:{HASH}\nann:{HASH}\n"),
    "a password is for nobody": ("passwords", f"ann:{HASH}\nzoe:{HASH}\n"),
}
SAID = said("Roster files")


@pytest.mark.parametrize("mistake", WRONG)
async def test_a_mistake_is_told_with_its_fix(source, files, mistake):
    which, content = WRONG[mistake]
    if content is None:
        files.people.unlink()
    else:
        files.write(getattr(files, which), content)
    problems = await source.check()

    assert_said(SAID[mistake], problems)
    assert "sesame" not in str(problems)
    assert HASH not in str(problems)


def test_the_page_has_these_rows_and_no_others():
    assert set(SAID) == set(WRONG)


READ = {
    "UTF-8": "zoë,Zoë,ml,student\n".encode(),
    "UTF-8 with BOM": "zoë,Zoë,ml,student\n".encode(),
    "decomposed letters": "zoe\u0308,Zoe\u0308,ml,student\n".encode(),
    "Windows line ends": "zoë,Zoë,ml,student\r\n".encode(),
    "no line end": "zoë,Zoë,ml,student".encode(),
    "blanks and empty lines": "\n zoë , Zoë , ml , student \n,,,\n".encode(),
    "quotes": '"zoë","Zoë","ml","student"\n'.encode(),
}


@pytest.mark.parametrize("case", READ)
def test_the_same_person_in_many_files(case):
    mark = b"\xef\xbb\xbf" if "BOM" in case else b""
    people = parse_people(PATH, mark + HEADER.encode() + READ[case])

    assert list(people) == ["zoë"]
    assert people["zoë"].name == "Zoë"
    assert people["zoë"].claims == {CourseClaim(CourseRef("ml"), CourseRole.STUDENT)}


MISTAKES = {
    "another encoding": (HEADER.encode() + b"a,A,,\nb,\xe9,,\n", "line 3: not UTF-8"),
    "UTF-16": ((HEADER + "a,A,,\n").encode("utf-16"), "line 1: not UTF-8"),
    "no header": (
        b"ann,Ann,ml,student\n",
        "line 1: the header must be person,name,course,course_role",
    ),
    "semicolons": (b"person;name;course;course_role\n", "line 1: the header must be"),
    "a quote without end": (HEADER.encode() + b'a,A,,\nb,"B,,\n', "line 3: "),
    "a quote inside": (HEADER.encode() + b'a,"A"x,,\n', "line 2: "),
    "too few cells": (HEADER.encode() + b"a,A\n", "line 2: 2 cells instead of 4"),
    "no person": (HEADER.encode() + b",A,ml,student\n", "line 2: no person"),
    "a hidden sign": (
        HEADER.encode() + "a\u200b,A,,\n".encode(),
        "line 2: no person, or one with signs",
    ),
    "a misspelt role": (
        HEADER.encode() + b"a,A,ml,studnet\n",
        "line 2: no such course role: studnet; did you mean student?",
    ),
    "a capital role": (HEADER.encode() + b"a,A,ml,Teacher\n", "did you mean teacher?"),
    "a role for no course": (
        HEADER.encode() + b"a,A,,student\n",
        "line 2: a course and a course role belong together",
    ),
    "a course without role": (
        HEADER.encode() + b"a,A,ml,\n",
        "line 2: a course and a course role belong together",
    ),
    "two names": (
        HEADER.encode() + b"a,A,ml,student\na,B,x,student\n",
        "line 3: a was called 'A' before",
    ),
    "a mistake after a cell of two lines": (
        HEADER.encode() + b'a,"A\nA",,\nb,B\n',
        "line 4: 2 cells",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_named_with_its_line(case):
    content, words = MISTAKES[case]
    with pytest.raises(RosterMistakes) as mistakes:
        parse_people(PATH, content)

    assert words in str(mistakes.value)


def test_all_mistakes_are_told_at_once_but_not_without_end():
    with pytest.raises(RosterMistakes) as mistakes:
        parse_people(PATH, HEADER.encode() + b"a,A\n" * 100)

    assert str(mistakes.value).count("cells") == 20
    assert "and 80 more" in str(mistakes.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ann", "line 1: write person:hash"),
        (":x", "line 1: write person:hash"),
        ("ann:sesame", "line 1: not an argon2 hash"),
        ("ann:$2y$05$abcdefghijklmnopqrstuv", "line 1: not an argon2 hash"),
        (f"ann:{HASH}\nann:{HASH}", "line 2: ann stands here twice"),
    ],
)
def test_a_passwords_file_is_argon2_or_refused(line, words):
    with pytest.raises(RosterMistakes) as mistakes:
        parse_passwords(Path("passwords"), line.encode())

    assert words in str(mistakes.value)
    assert "sesame" not in str(mistakes.value)
    assert HASH not in str(mistakes.value)


async def test_the_people_of_every_course_are_known_before_they_log_in(source, files):
    files.write(
        files.people, HEADER + "ann,Ann,ml,student\nann,Ann,ml,teacher\nben,Ben,ml,student\n"
    )
    courses = await source.courses()
    assert courses == [CourseRef("ml")]

    ml = await source.roster(CourseRef("ml"))
    assert isinstance(ml, Roster)
    assert {(m.subject, m.name, *m.roles) for m in ml.members} == {
        ("ann", "Ann", CourseRole.STUDENT),
        ("ann", "Ann", CourseRole.TEACHER),
        ("ben", "Ben", CourseRole.STUDENT),
    }
    assert await source.roster(CourseRef("nosuch")) == Roster(
        CourseRef("nosuch"), (), START + timedelta(minutes=3)
    )


async def test_a_roster_follows_the_file_and_a_broken_file_is_no_roster(source, files):
    await source.courses()
    files.write(files.people, HEADER + "ben,Ben,stat,student\n")
    assert await source.courses() == [CourseRef("stat")]

    files.write(files.people, HEADER + "ben,Ben,stat,dean\n")
    for answer in (await source.courses(), await source.roster(CourseRef("stat"))):
        assert isinstance(answer, Unavailable)
        assert "no such course role: dean" in answer.why
