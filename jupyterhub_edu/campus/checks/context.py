"""What every check needs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from jupyterhub_edu.domain.words import say

from ..document import Document
from ..mistakes import Mistake, Path, did_you_mean, nearest, show, show_path
from ..models.catalogue import FlavorModel
from ..models.people import SourceModel
from ..models.site import FileModel
from ..windows import Calendars

__all__ = ["Checker"]


@dataclass
class Checker:
    """One run of the checks over one document.

    Attributes:
        model: what is right on its own.
        written: everything, as it was written.
        fields: of the courses that each type of source states, by the type's word.
        attributes: that link rules may compare, by the id of a source whose settings are right.
        calendars: what was read of those that windows name.
        at_desk: this is the file with what the desk has set: what nobody can have any more is no mistake.
    """

    document: Document
    model: FileModel
    sources: Mapping[str, SourceModel]
    written: Mapping[str, Any]
    fields: Mapping[str, tuple[str, ...]]
    attributes: Mapping[str, Collection[str]]
    calendars: Calendars
    now: datetime
    traits: Collection[str] | None
    at_desk: bool = False
    warnings: list[Mistake] = field(default_factory=list)
    _misspelt: dict[str, list[str | None]] = field(default_factory=dict)

    def wrong(self, path: Path, message: str, fix: str = "", discreet: str = "") -> None:
        """Note a mistake.

        Args:
            discreet: the message without other courses, where it names some.
        """
        self.document.mistake(path, message, fix, discreet)

    def lacks(self, path: Path, message: str, fix: str = "") -> None:
        """Note that something is not there, unless it is there and broken: that has been told."""
        whole = show_path(self.document.as_written(path))
        if not any(m.path.startswith(whole) for m in self.document.mistakes):
            self.wrong(path, message, fix)

    def warn(self, path: Path, message: str, fix: str = "") -> None:
        """Note a warning."""
        self.warnings.append(self.document.describe(path, message, fix))

    def known(self, path: Path, kind: str, word: str, among: str | Iterable[str]) -> bool:
        """Whether a word names something; a mistake if not.

        Args:
            kind: what it should name, such as ``profile``; a word that is marked for translation.
            among: a top-level key of the file, or the words themselves.
        """
        words = self.keys(among) if isinstance(among, str) else list(among)
        if word in words:
            return True
        self.wrong(
            path,
            say("no such {kind}: {word}", kind=say(kind), word=show(word)),
            did_you_mean(word, sorted(words)),
        )
        self._misspelt.setdefault(kind, []).append(nearest(word, words))
        return False

    def is_missed(self, kind: str, word: str) -> bool:
        """Whether some misspelt word may have meant this one."""
        meant = self._misspelt.get(kind, [])
        return word in meant or None in meant

    def keys(self, name: str) -> list[str]:
        """The keys of a top-level mapping as written, those of broken entries too."""
        value = self.written.get(name)
        return list(value) if isinstance(value, Mapping) else []

    def flavor(self, key: str) -> FlavorModel | None:
        """A flavor that is right on its own."""
        return self.model.flavors.get(key)

    def counts_devices(self, path: Path, flavor: str) -> bool:
        """Whether a flavor has devices, so that a number may stand at this path; a mistake if not."""
        found = self.flavor(flavor)
        if found is None or found.device is not None:
            return True
        self.wrong(
            path,
            say("counts devices, and {flavor} has none", flavor=f"flavors.{flavor}"),
            say("take it out"),
        )
        return False

    @cached_property
    def zone(self) -> ZoneInfo:
        """The campus's zone; UTC where the file names none that exists."""
        try:
            return ZoneInfo(self.model.time_zone)
        except (LookupError, OSError, ValueError):
            return ZoneInfo("UTC")
