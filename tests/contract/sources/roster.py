"""The roster file as a subject: files of this machine, written anew for each change."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from jupyterhub_edu.identity.roster import hash_password
from jupyterhub_edu.ports import Answer, Denied
from tests.contract.sources.directory import FORM_FORGERIES
from tests.contract.sources.subject import Kind, Subject, closing
from tests.directories.campus import Campus, Somebody

_hashed = cache(hash_password)
_BROKEN: Final[Mapping[str, bytes]] = {
    "garbage": bytes(range(256)),
    "truncated": b"person,name,course,course_role\ns1,\xc3",
    "wrong type": b"<!DOCTYPE html><title>Welcome to our Wi-Fi</title>",
}


class RosterSubject(Subject[tuple[str, str]]):
    """People and passwords in two files; a login name there is the immutable id too."""

    source_type = "roster"

    def __init__(self, campus: Campus, folder: Path) -> None:
        self.people, self.passwords = folder / "people.csv", folder / "passwords"
        self.roles = {login: dict(person.roles) for login, person in campus.people.items()}
        super().__init__(campus)
        cast = [campus.some(role) for role in ("student", "assistant", "teacher")]
        lines = [f"{p.login}:{_hashed(p.password)}" for p in (*cast, campus.both)]
        self.passwords.write_text("\n".join(lines))
        self._write()

    def keys(self) -> dict[str, Any]:
        return {"people": self.people, "passwords": self.passwords}

    @property
    def patience(self) -> dict[str, Any]:
        return {}

    @property
    def course_fields(self) -> Sequence[str]:
        return ("id",)

    async def fetch(
        self, person: Somebody, way: str = "", typed: str | None = None
    ) -> tuple[str, str]:
        return typed or person.login, person.password

    async def present(self, ticket: tuple[str, str], source: Any = None) -> Answer | Denied:
        answer: Answer | Denied = await (source or self.source).authenticate(*ticket)
        return answer

    async def forge(self, how: str, person: Somebody) -> Answer | Denied:
        return await self.present(FORM_FORGERIES[how](person))

    def _write(self) -> None:
        rows = ["person,name,course,course_role"]
        for login, roles in self.roles.items():
            name = self.campus.people[login].name
            for course, role in roles.items() or {"": ""}.items():
                rows.append(f'{login},"{name}",{course},{role}')
        self.people.write_text("\n".join(rows), encoding="utf-8")

    @contextlib.contextmanager
    def _entry(self, login: str, roles: dict[str, str] | None) -> Iterator[None]:
        before = self.roles.copy()
        self.roles.pop(login)
        if roles is not None:
            self.roles[login] = roles
        self._write()
        try:
            yield
        finally:
            self.roles = before
            self._write()

    def without(self, person: Somebody, course: str) -> contextlib.AbstractContextManager[None]:
        left = {key: role for key, role in self.roles[person.login].items() if key != course}
        return self._entry(person.login, left)

    def with_(self, person: Somebody, course: str) -> contextlib.AbstractContextManager[None]:
        return self._entry(person.login, {**self.roles[person.login], course: "student"})

    def disabled(self, person: Somebody) -> contextlib.AbstractContextManager[None]:
        return self._entry(person.login, None)

    deleted = disabled

    @contextlib.contextmanager
    def newcomer(self) -> Iterator[Somebody]:
        """Somebody who has a password."""
        yield self.campus.some("student")

    def renamed(self, person: Somebody, new: str) -> contextlib.AbstractContextManager[None]:
        raise NotImplementedError("the name is the id")

    @contextlib.contextmanager
    def fault(self, kind: str) -> Iterator[None]:
        if kind == "refuse":
            self.people.unlink()
        else:
            self.people.write_bytes(_BROKEN[kind])
        try:
            yield
        finally:
            self._write()


@contextlib.asynccontextmanager
async def _opened(want: pytest.FixtureRequest) -> AsyncIterator[Subject[Any]]:
    folder = want.getfixturevalue("tmp_path") / "roster"
    folder.mkdir()
    async with closing(RosterSubject(want.getfixturevalue("fjord"), folder)) as subject:
        yield subject


KINDS: Final[Mapping[str, Kind]] = {
    "roster file": Kind(
        _opened,
        "files",
        forgeries=tuple(FORM_FORGERIES),
        faults=("refuse", *_BROKEN),
        finds=True,
        renames=False,
    ),
}
