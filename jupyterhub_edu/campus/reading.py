"""Files to plain values. JSON goes the same way as YAML: it is YAML, but for tabs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any, Final

import yaml

from .document import Document
from .mistakes import Mistake, Path, show_path
from .yaml_nodes import DEEPEST, Builder, TooMuch

__all__ = ["plain_document", "read"]

LARGEST: Final = 1024 * 1024
"""Bytes of one file; a campus of 500 courses has about 200,000."""
_SUFFIXES: Final = {".yaml", ".yml", ".json"}


def read(path: FilePath) -> Document:
    """Read one file, or every ``*.yaml``, ``*.yml`` and ``*.json`` of a folder.

    Always holds:
        - nothing is raised for what the files hold: mistakes are collected;
        - of a folder, top-level mappings are merged; what stands in two files is a mistake that names both places.
    """
    if not path.is_dir():
        return _read_file(path)
    document = Document(name=path.name)
    files = sorted(
        file for file in path.iterdir() if file.suffix in _SUFFIXES and file.name[0] != "."
    )
    for file in files:
        _merge(document, _read_file(file))
    if not files:
        document.mistakes.append(Mistake(path.name, None, "", "no campus file in this folder"))
    return document


def _read_file(path: FilePath) -> Document:
    document = Document(name=path.name, files=[path])
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        document.mistake((), f"cannot be read: {error.strerror}")
        return document
    if len(content) > LARGEST:
        document.mistake((), "larger than 1 MiB", "split it into a folder of files")
        return document
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        document.mistakes.append(Mistake(path.name, line, "", "not UTF-8", "save it as UTF-8"))
        return document
    _read_into(document, text, is_json=path.suffix == ".json")
    return document


def _read_into(document: Document, text: str, *, is_json: bool) -> None:
    try:
        if is_json:
            json.loads(text)
            text = text.replace("\t", " ")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except json.JSONDecodeError as error:
        document.mistakes.append(
            Mistake(document.name, error.lineno, "", f"not JSON: {error.msg}")
        )
        return
    except yaml.MarkedYAMLError as error:
        document.mistakes.append(_syntax_mistake(document.name, error))
        return
    except yaml.YAMLError as error:
        first = str(error).splitlines()[0]
        document.mistake((), f"not YAML: {first}")
        return
    except RecursionError:
        document.mistake((), "nested too deeply")
        return
    if isinstance(node, yaml.MappingNode):
        builder = Builder(document)
        try:
            data = builder.build(node, ())
        except TooMuch as error:
            document.mistake((), str(error), "write it out without aliases")
        else:
            document.data = data
    elif node is None:
        document.mistake((), "the file is empty")
    else:
        document.mistake((), "not a campus file: it must hold keys such as name: and courses:")


def _syntax_mistake(name: str, error: yaml.MarkedYAMLError) -> Mistake:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    problem = error.problem or "cannot be read"
    if "'\\t'" in problem:
        return Mistake(name, line, "", "a tab in the indentation", "YAML indents with blanks only")
    if "but found another document" in problem:
        return Mistake(name, line, "", "a second document (---)", "keep one document in a file")
    fix = "quote text that holds ': '" if "mapping values are not allowed" in problem else ""
    return Mistake(name, line, "", f"not YAML: {problem}", fix)


def plain_document(data: Mapping[str, Any], name: str) -> Document:
    """Take plain values that somebody else has read; places have no lines."""
    document = Document(name=name)
    try:
        document.data = _copy(document, data, ())
    except TooMuch as error:
        document.mistake((), str(error))
    return document


def _copy(document: Document, value: Any, path: Path) -> Any:
    if len(path) > DEEPEST:
        raise TooMuch(f"nested deeper than {DEEPEST} levels")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                document.mistake((*path, str(key)), "this key is not text", "write it in quotes")
        return {
            str(key): _copy(document, below, (*path, str(key))) for key, below in value.items()
        }
    if isinstance(value, list | tuple):
        return [_copy(document, item, (*path, at)) for at, item in enumerate(value)]
    return value


def _merge(into: Document, other: Document) -> None:
    """Add another file: top-level mappings are merged, anything else may stand in one file only."""
    into.files += other.files
    into.mistakes += other.mistakes
    for key, value in other.data.items():
        mine = into.data.get(key)
        if key not in into.data:
            into.data[key] = value
        elif isinstance(mine, dict) and isinstance(value, dict):
            for name in value:
                if name in mine:
                    _clash(into, other, (key, name))
                else:
                    mine[name] = value[name]
        else:
            _clash(into, other, (key,))
    into.places = {**other.places, **into.places}


def _clash(into: Document, other: Document, path: Path) -> None:
    first, second = into.places[path], other.places[path]
    into.mistakes.append(
        Mistake(
            second.file,
            second.line,
            show_path(path),
            f"stands also in {first.file}:{first.line}",
            "keep one of them",
        )
    )
