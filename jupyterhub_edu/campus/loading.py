"""The campus file, loaded as a whole or not at all."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Any, Protocol

from pydantic import BaseModel

from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.ports import utc_now

from .checks import check
from .document import Document, Place
from .mapping import map_campus
from .mistakes import CampusError, Mistake, Path
from .models.courses import CourseModel
from .models.people import SourceModel
from .models.site import FileModel, InventoryKind
from .reading import plain_document, read
from .shape import shape
from .sources import Resolver, SourceType, shape_sources
from .windows import CalendarsRead, read_calendars

__all__ = ["Loaded", "Reading", "Settings", "load", "load_data"]

_Sources = tuple[dict[str, SourceModel], dict[str, BaseModel]]
"""What sources have in common, and each one's own settings."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the file says about the site rather than its people and courses.

    Attributes:
        store_url: database address, or None for the usual place; may hold a password, so it is not printed.
        inventory: how devices are counted.
        device_metrics: address and query of a server that measures their use; the query None: the usual one.
    """

    store_url: str | None = field(default=None, repr=False)
    inventory: InventoryKind = "auto"
    device_metrics: tuple[str, str | None] | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A campus file without mistakes.

    Attributes:
        sources: each source's settings, by its id; secrets in place, and never printed.
        files: what was read, folders and secret files included; look at them for changes.
        warnings: what works but deserves a look.
        written: the document as it was written, but for where state is kept.
        places: where each value of it stands, by its path.
        at: the instant for which it was checked, aware UTC.
        reread: reads other data in its place, with the same sources; see ``Reading``.
    """

    campus: Campus
    sources: Mapping[str, BaseModel]
    settings: Settings = Settings()
    files: tuple[FilePath, ...] = ()
    warnings: tuple[Mistake, ...] = ()
    written: Mapping[str, Any] = field(repr=False, kw_only=True)
    at: datetime = field(kw_only=True)
    places: Mapping[Path, Place] = field(repr=False, kw_only=True)
    reread: Reading = field(repr=False, kw_only=True)


class Reading(Protocol):
    """Reads a document that differs from a file's own only in its courses."""

    def __call__(self, data: dict[str, Any], now: datetime) -> Campus:
        """Read.

        Args:
            now: as in ``load``.

        Raises:
            CampusError: with all mistakes.
        """
        ...


def load(
    path: str | os.PathLike[str],
    source_types: Mapping[str, SourceType],
    *,
    environ: Mapping[str, str] = os.environ,
    now: datetime | None = None,
    kubespawner_traits: Collection[str] | None = None,
    need_secrets: bool = True,
) -> Loaded:
    """Load a campus file, or a folder of files that together are one.

    Always holds:
        - every mistake is reported, and then nothing is loaded;
        - no secret stands in a mistake, a warning or a ``repr``.

    Args:
        path: YAML or JSON; relative paths inside it start from its folder.
        source_types: the types of source that exist, by the word for ``type:``.
        environ: where ``{env: NAME}`` looks.
        now: aware UTC; what lies wholly before it is not checked for clashes.
        kubespawner_traits: names that ``kubespawner:`` may hold; None: they are not checked.
        need_secrets: False: a secret that is not there is a warning, and the sources cannot be asked.

    Raises:
        CampusError: with all mistakes.
    """
    where = FilePath(path)
    folder = where if where.is_dir() else where.parent
    document = read(where)
    loader = _Loader(
        document, source_types, folder, environ, now, kubespawner_traits, need_secrets
    )
    roots = [where] if where.is_dir() else []
    return loader.load((*roots, *document.files))


def load_data(
    data: Mapping[str, Any],
    name: str,
    source_types: Mapping[str, SourceType],
    *,
    environ: Mapping[str, str] = os.environ,
    now: datetime | None = None,
    kubespawner_traits: Collection[str] | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> Loaded:
    """Load a campus that stands in other settings, such as the chart's ``custom.edu``.

    Args:
        data: the same document as the file would hold.
        name: where it stands, for mistakes; they have paths and no lines.
        folder: what relative paths start from; None: the working folder.

    Raises:
        CampusError: with all mistakes.
    """
    document = plain_document(data, name)
    base = FilePath(folder) if folder is not None else FilePath()
    return _Loader(document, source_types, base, environ, now, kubespawner_traits, True).load(())


@dataclass
class _Loader:
    document: Document
    types: Mapping[str, SourceType]
    folder: FilePath
    environ: Mapping[str, str]
    now: datetime | None
    traits: Collection[str] | None
    need_secrets: bool

    def load(self, files: tuple[FilePath, ...]) -> Loaded:
        document, now = self.document, self.now or utc_now()
        if not document.data:
            raise CampusError(document.mistakes or [document.describe((), "it is empty")])
        written = copy.deepcopy(document.data)
        resolver = Resolver(document, self.environ, self.folder, self.need_secrets)
        resolver.bring_in_store(document.data)
        model = shape(document)
        sources = shape_sources(document, model, self.types, resolver)
        calendars = CalendarsRead()
        campus, warnings, calendar_files = self.campus(
            document, model, sources, written, calendars, now, _digest(written)
        )
        url, measured = model.store.url, model.device_metrics
        return Loaded(
            campus=campus,
            sources=MappingProxyType(sources[1]),
            settings=Settings(
                url.get_secret_value() if url else None,
                model.inventory,
                (measured.url, measured.query) if measured else None,
            ),
            files=(*files, *resolver.files, *calendar_files),
            warnings=(*resolver.warnings, *warnings),
            written=MappingProxyType({k: v for k, v in written.items() if k != "store"}),
            places=MappingProxyType({(): Place(document.name, None), **document.places}),
            at=now,
            reread=_Again(self, model, sources, calendars, written, campus.digest),
        )

    def campus(
        self,
        document: Document,
        model: FileModel,
        sources: _Sources,
        written: Mapping[str, Any],
        read: CalendarsRead,
        now: datetime,
        digest: str,
        *,
        at_desk: bool = False,
    ) -> tuple[Campus, list[Mistake], tuple[FilePath, ...]]:
        common, settings = sources
        calendars, files = read_calendars(document, model, self.folder, read)
        warnings = check(
            document,
            model,
            common,
            written,
            fields={
                one.type: self.types[one.type].course_fields
                for one in common.values()
                if one.type in self.types
            },
            attributes={
                id: self.types[common[id].type].link_attributes(own)
                for id, own in settings.items()
                if id in common
            },
            calendars=calendars,
            now=now,
            traits=self.traits,
            at_desk=at_desk,
        )
        if document.mistakes:
            raise CampusError(_in_order(document))
        return map_campus(model, common, self.types, digest, calendars), warnings, files


class _Again:
    """Reads a document that differs from the file's in its courses; those that are as they were are not shaped again."""

    def __init__(
        self,
        loader: _Loader,
        model: FileModel,
        sources: _Sources,
        calendars: CalendarsRead,
        written: Mapping[str, Any],
        digest: str,
    ) -> None:
        self._loader, self._model, self._sources = loader, model, sources
        self._calendars, self._digest = calendars, digest
        self._shaped = {
            key: (written["courses"][key], course) for key, course in model.courses.items()
        }

    def __call__(self, data: dict[str, Any], now: datetime) -> Campus:
        """See ``Reading``."""
        known = {k: one[1] for k, c in data["courses"].items() if (one := self._known(k, c))}
        others = {key: course for key, course in data["courses"].items() if key not in known}
        former = self._loader.document
        rest = copy.deepcopy({**data, "courses": others})
        document = Document(rest, former.places, former.files, [], former.name)
        shaped = shape(document).courses
        if not document.mistakes:
            self._shaped |= {key: (others[key], course) for key, course in shaped.items()}
        found = {**known, **shaped}
        courses = {key: found[key] for key in data["courses"] if key in found}
        model = self._model.model_copy(update={"courses": courses})
        return self._loader.campus(
            document,
            model,
            self._sources,
            data,
            self._calendars,
            now,
            self._digest,
            at_desk=True,
        )[0]

    def _known(self, key: str, course: Mapping[str, Any]) -> tuple[Any, CourseModel] | None:
        found = self._shaped.get(key)
        if found is None:
            return None
        # 1, 1.0 and true are equal, and not the same in a file.
        same = found[0] is course or repr(found[0]) == repr(course)
        return found if same else None


def _digest(data: Mapping[str, Any]) -> str:
    """Of what was written; what secrets stand for is not in it."""
    text = json.dumps(data, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _in_order(document: Document) -> list[Mistake]:
    files = [file.name for file in document.files]

    def place(mistake: Mistake) -> tuple[int, int, str]:
        at = files.index(mistake.file) if mistake.file in files else -1
        return at, mistake.line or 0, mistake.path

    return sorted(document.mistakes, key=place)
