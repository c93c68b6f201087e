"""The campus file with what the desk has set on top of it, read by the same loader."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from jupyterhub_edu.domain.adjustments import Adjustment, merged
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.names import make_course_id
from jupyterhub_edu.domain.words import join_words, say
from jupyterhub_edu.ports import Arrange, Arranged, CannotArrange, Trouble, TroubleKind

from .loading import Loaded
from .mistakes import CampusError, Mistake, Path, show_path

__all__ = ["arranger"]

_Courses = Mapping[str, Mapping[str, Any]]


def arranger(loaded: Loaded) -> Arrange:
    """What puts adjustments and courses of the desk's own on top of a file that has been loaded."""
    return _Arranger(loaded)


class _Piece(NamedTuple):
    """One thing that the desk has set: an adjustment, or with None a course of its own, by its key."""

    key: str
    adjustment: Adjustment | None

    @property
    def path(self) -> Path:
        """Where it stands in the document."""
        field = self.adjustment.field if self.adjustment is not None else ""
        return ("courses", self.key, *(field.split(".", 1) if field else ()))


class _Arranger:
    def __init__(self, loaded: Loaded) -> None:
        self._campus, self._reread, self._data = loaded.campus, loaded.reread, loaded.written
        self._at = loaded.at
        self._written = {key: _plain(course) for key, course in loaded.written["courses"].items()}
        self._defaults = _plain(loaded.written.get("course_defaults", {}))
        self._ids = frozenset(map(make_course_id, self._written))

    def __call__(
        self, courses: _Courses, adjustments: Sequence[Adjustment], now: dt.datetime
    ) -> Arranged:
        try:
            return self._arrange(courses, adjustments, now)
        except _FileItself:
            # A file that was right may be wrong later: the last of its dated windows is over. That is nobody's doing.
            try:
                return self._arrange(courses, adjustments, self._at)
            except _FileItself as error:
                raise CannotArrange(str(error)) from error

    def _arrange(
        self, courses: _Courses, adjustments: Sequence[Adjustment], now: dt.datetime
    ) -> Arranged:
        out: dict[str, tuple[Trouble, ...]] = {}
        out_courses: dict[str, tuple[Trouble, ...]] = {}
        own = dict(courses)
        for key in courses:
            if make_course_id(key) in self._ids:
                out_courses[key] = (_gone(say("The campus file has a course of this key now.")),)
                del own[key]
        campus = None
        while campus is None:
            keys = {make_course_id(key): key for key in (*self._written, *own)}
            gone = [a for a in adjustments if a.id not in out and a.course not in keys]
            out |= {a.id: (_gone(say("There is no such course any more.")),) for a in gone}
            on_top = [_Piece(key, None) for key in own]
            on_top += [_Piece(keys[a.course], a) for a in adjustments if a.id not in out]
            try:
                campus = self._read(on_top, own, now)
                blamed = []
            except CampusError as error:
                blamed = _blamed(on_top, error.mistakes) or self._first_wrong(on_top, own, now)
            for piece, troubles in blamed:
                if piece.adjustment is not None:
                    out[piece.adjustment.id] = troubles
                else:
                    out_courses[piece.key] = troubles
                    del own[piece.key]
        written = {make_course_id(key): course for key, course in self._written.items()}
        written |= {make_course_id(key): course for key, course in own.items()}
        return Arranged(
            campus,
            MappingProxyType(written),
            MappingProxyType(self._defaults),
            MappingProxyType(out),
            MappingProxyType(out_courses),
        )

    def _read(self, on_top: Iterable[_Piece], own: _Courses, now: dt.datetime) -> Campus:
        data = dict(self._data["courses"])
        for key, adjustment in (pieces := list(on_top)):
            if adjustment is None:
                data[key] = own[key]
            else:
                data[key] = merged(data[key], adjustment.field, adjustment.value)
        if not pieces:
            return self._campus
        return self._reread({**self._data, "courses": data}, now)

    def _first_wrong(
        self, on_top: Sequence[_Piece], own: _Courses, now: dt.datetime
    ) -> list[tuple[_Piece, tuple[Trouble, ...]]]:
        """The first with which the file has mistakes, where none stands in what is wrong: the later one gives way."""
        try:
            self._reread(dict(self._data), now)
        except CampusError as error:
            raise _FileItself(str(error)) from error
        right, wrong, mistakes = 0, len(on_top), list[Mistake]()
        while wrong - right > 1 or not mistakes:
            middle = wrong if not mistakes else (right + wrong) // 2
            try:
                self._read(on_top[:middle], own, now)
                right = middle
            except CampusError as error:
                wrong, mistakes = middle, error.mistakes
        piece = on_top[wrong - 1]
        return [(piece, _troubles(piece, mistakes))]


class _FileItself(Exception):
    """The file alone has mistakes by now."""


def _blamed(
    on_top: Iterable[_Piece], mistakes: Sequence[Mistake]
) -> list[tuple[_Piece, tuple[Trouble, ...]]]:
    """Those in which a mistake stands; a course of its own only for what none of its adjustments is to blame for.

    A clash of several courses is told where one of them stands, which need not be the one that came last.
    """
    found = []
    left = [mistake for mistake in mistakes if not mistake.discreet]
    for piece in sorted(on_top, key=lambda one: one.adjustment is None):
        mine = [mistake for mistake in left if _stands_in(mistake, piece.path)]
        left = [mistake for mistake in left if mistake not in mine]
        if mine:
            found.append((piece, _troubles(piece, mine)))
    return found


def _stands_in(mistake: Mistake, path: Path) -> bool:
    whole = show_path(path)
    rest = mistake.path.removeprefix(whole)
    return mistake.path.startswith(whole) and rest[:1] in ("", ".", "[")


def _troubles(piece: _Piece, mistakes: Iterable[Mistake]) -> tuple[Trouble, ...]:
    course = show_path(("courses", piece.key))
    found = []
    for mistake in mistakes:
        inside = _stands_in(mistake, ("courses", piece.key))
        place = mistake.path.removeprefix(course).removeprefix(".") if inside else mistake.path
        elsewhere = not inside and mistake.path.startswith("courses.")
        discreet = mistake.discreet or mistake.message
        if elsewhere and not mistake.discreet:
            discreet = say("it does not fit with what another course has")
        found.append(
            Trouble(
                TroubleKind.MISTAKE,
                _sentence(place, mistake.message, mistake.fix),
                _sentence("" if elsewhere else place, discreet, "" if elsewhere else mistake.fix),
            )
        )
    return tuple(found)


def _sentence(place: str, message: str, fix: str) -> str:
    what = join_words([message, fix], "; ") if fix else message
    return join_words([place, what], ": ") if place else what


def _gone(words: str) -> Trouble:
    return Trouble(TroubleKind.GONE, words)


def _plain(value: Any) -> Any:
    """Values of the file as JSON has them: YAML knows days."""
    return json.loads(json.dumps(value, default=_spell))


def _spell(value: object) -> str:
    return value.isoformat() if isinstance(value, dt.date) else str(value)
