"""The settings of the sources, each by the model of its type, with secrets brought in from outside the file."""

from __future__ import annotations

import typing
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr, ValidationError

from .document import Document
from .mistakes import Mistake, Path, did_you_mean, show
from .models.people import SourceModel
from .models.site import FileModel
from .shape import keys_of, most_exact, report

__all__ = ["Resolver", "SourceType", "shape_sources", "sounds_secret"]

_COMMON: Final = frozenset(keys_of(SourceModel))
_LARGEST_SECRET: Final = 64 * 1024
_SECRET_WORDS: Final = ("password", "secret", "token", "private_key")
_M = TypeVar("_M", bound=BaseModel)
_REFERENCES: Final = ({"env"}, {"file"})


class SourceType(Protocol):
    """What the campus file needs to know of a type of source."""

    @property
    def settings(self) -> type[BaseModel]:
        """The model of its settings, validated with the context ``{"folder": Path}``; a password is a ``SecretStr``."""
        ...

    @property
    def title(self) -> str:
        """What a source is called that has no title."""
        ...

    @property
    def course_fields(self) -> tuple[str, ...]:
        """Fields of the courses that it states; none if it states none."""
        ...

    @property
    def link_attributes(self) -> Callable[[Any], Collection[str]]:
        """Which attributes of people link rules may compare, by valid settings."""
        ...


@dataclass
class Resolver:
    """Brings in what stands outside the file: secrets and the files that settings name.

    Attributes:
        environ: where ``{env: NAME}`` looks.
        folder: what relative paths start from; None: none may be relative.
        need_secrets: a secret that is not there is a mistake; else a warning, and its value is not usable.
        values: what must never be printed.
        files: the files that secrets were read from, for watching.
    """

    document: Document
    environ: Mapping[str, str]
    folder: FilePath | None
    need_secrets: bool = True
    values: set[str] = field(default_factory=set)
    files: list[FilePath] = field(default_factory=list)
    warnings: list[Mistake] = field(default_factory=list)

    def bring_in(
        self, model: type[BaseModel], data: Mapping[str, Any], path: Path
    ) -> dict[str, Any]:
        """Copy settings with every ``{env: NAME}`` and ``{file: PATH}`` replaced by a ``SecretStr``.

        Plain text where a secret belongs is a mistake; the text is recorded and never shown.
        """
        out = dict(data)
        for name, info in model.model_fields.items():
            key = info.alias or name
            if key not in data:
                continue
            kinds = list(_kinds(info.annotation))
            if SecretStr in kinds or (str in kinds and sounds_secret(key)):
                secret = self._secret(data[key], (*path, key))
                out[key] = secret if SecretStr in kinds else _open(secret)
            else:
                out[key] = self._below(kinds, data[key], (*path, key))
        return out

    def bring_in_store(self, data: Mapping[str, Any]) -> None:
        """Bring in the store's address; one without a password may stand in the file."""
        store = data.get("store")
        url = store.get("url") if isinstance(store, dict) else None
        if isinstance(store, dict) and isinstance(url, str | Mapping):
            plain = isinstance(url, str) and not _has_password(url)
            store["url"] = SecretStr(str(url)) if plain else self._secret(url, ("store", "url"))

    def scrub(self, text: str) -> str:
        """A text without any secret."""
        for value in sorted(self.values, key=len, reverse=True):
            text = text.replace(value, "***")
        return text

    def _below(self, kinds: list[Any], value: Any, path: Path) -> Any:
        models = [kind for kind in kinds if issubclass(kind, BaseModel)]
        if not models:
            return _open(self._secret(value, path)) if _is_reference(value) else value
        if isinstance(value, list):
            return [self._below(kinds, item, (*path, at)) for at, item in enumerate(value)]
        if isinstance(value, Mapping):
            for model in models:
                value = self.bring_in(model, value, path)
        return value

    def _secret(self, value: Any, path: Path) -> Any:
        if isinstance(value, SecretStr) or value is None:
            return value
        if _is_reference(value):
            ((kind, name),) = value.items()
            text = self._from_env(name, path) if kind == "env" else self._from_file(name, path)
            if text:
                self.values.add(text)
            return SecretStr(text or "not-set")
        if isinstance(value, str):
            self.values.add(value)
            self.document.mistake(
                path, "a secret in clear text", "write {env: NAME} or {file: PATH}"
            )
        else:
            self.document.mistake(path, "not a secret", "write {env: NAME} or {file: PATH}")
        return SecretStr("not-set")

    def _from_env(self, name: str, path: Path) -> str | None:
        text = self.environ.get(name)
        if not text:
            self._absent(path, f"the environment variable {show(name)} is not set")
        return text

    def _from_file(self, name: str, path: Path) -> str | None:
        file = (self.folder or FilePath()) / name
        self.files.append(file)
        try:
            with file.open(encoding="utf-8") as lines:
                text = lines.read(_LARGEST_SECRET).rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            self._absent(path, f"the secret file {show(name)} cannot be read: {why}")
            return None
        if not text:
            self._absent(path, f"the secret file {show(name)} is empty")
        return text

    def _absent(self, path: Path, message: str) -> None:
        if self.need_secrets:
            self.document.mistake(path, message)
        else:
            self.warnings.append(self.document.describe(path, message))


def shape_sources(
    document: Document, model: FileModel, types: Mapping[str, SourceType], resolver: Resolver
) -> tuple[dict[str, SourceModel], dict[str, BaseModel]]:
    """Make what all sources have in common, and each one's own settings; what is wrong is reported."""
    common: dict[str, SourceModel] = {}
    settings: dict[str, BaseModel] = {}
    for id, data in model.sources.items():
        path: Path = ("sources", id)
        shared = {key: value for key, value in data.items() if key in _COMMON}
        own = {key: value for key, value in data.items() if key not in _COMMON}
        found = _validate(document, SourceModel, shared, path, resolver)
        if found is not None:
            common[id] = found
        name = data.get("type")
        if not isinstance(name, str):
            continue
        kind = types.get(name)
        if kind is None:
            message = f"no such source type: {show(name)}"
            document.mistake((*path, "type"), message, did_you_mean(name, types))
            continue
        _unknown_keys(document, kind.settings, own, path)
        made = _validate(document, kind.settings, own, path, resolver)
        if made is not None:
            settings[id] = made
    return common, settings


def _unknown_keys(
    document: Document, model: type[BaseModel], data: dict[str, Any], path: Path
) -> None:
    """Report and take out the keys that the type of source does not have."""
    words = [*_COMMON, *keys_of(model)]
    for key in [key for key in data if key not in words]:
        document.mistake((*path, key), "no such key", did_you_mean(key, words))
        del data[key]


def _validate(
    document: Document, model: type[_M], data: dict[str, Any], path: Path, resolver: Resolver
) -> _M | None:
    try:
        return model.model_validate(
            resolver.bring_in(model, data, path), context={"folder": resolver.folder}
        )
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    for detail in most_exact(details, data):
        report(document, model, detail, path, data, resolver.scrub)
    return None


def _kinds(annotation: Any) -> Iterator[type]:
    """The classes that an annotation is made of; of a mapping, those of its values."""
    parts = typing.get_args(annotation)
    if isinstance(annotation, type) and not parts:
        yield annotation
    for part in parts[1:] if typing.get_origin(annotation) in {dict, Mapping} else parts:
        yield from _kinds(part)


def _is_reference(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and set(value) in _REFERENCES
        and all(isinstance(name, str) and name for name in value.values())
    )


def _has_password(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.password is not None or "password=" in parts.query
    except ValueError:
        return True


def _open(secret: Any) -> Any:
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret


def sounds_secret(key: str) -> bool:
    """Whether a key of this name holds a secret, by its name."""
    return key.lower().endswith(_SECRET_WORDS)
