"""Text to plain values, with the place of each and YAML's traps named as such.

JSON goes the same way: it is YAML, but for tabs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Final

import yaml

from .mistakes import Mistake, Path, show, show_path

__all__ = ["Document", "Place", "plain_document", "read"]

LARGEST: Final = 1024 * 1024
"""Bytes of one file; a campus of 500 courses has about 200,000."""
MOST_NODES: Final = 200_000
"""Values in one file after its aliases are followed."""
DEEPEST: Final = 40
_SUFFIXES: Final = {".yaml", ".yml", ".json"}

_TRUE_OR_FALSE: Final = re.compile(r"true|True|TRUE|false|False|FALSE")
_DECIMAL: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL_POINT: Final = re.compile(r"[-+]?[0-9]+\.[0-9]+")
_TAG: Final = "tag:yaml.org,2002:"
_KINDS: Final = {
    "bool": "a truth value",
    "int": "a number",
    "float": "a number",
    "timestamp": "a date",
    "null": "nothing",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands, and how it is written if it is a plain scalar."""

    file: str
    line: int | None
    raw: str | None = None


@dataclass
class Document:
    """What was read.

    Attributes:
        data: mappings, lists and scalars; every key is text.
        places: of every path.
        files: what was read, for watching.
    """

    data: dict[str, Any] = field(default_factory=dict)
    places: dict[Path, Place] = field(default_factory=dict)
    files: list[FilePath] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    name: str = ""
    _kept: dict[Path, list[int]] = field(default_factory=dict)

    def place(self, path: Path) -> Place:
        """The place of a path as written, or of the nearest thing around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(self.name, None))

    def as_written(self, path: Path) -> Path:
        """A path of ``data`` as it now is, counted as in the file: broken items have been taken out of lists."""
        written: Path = ()
        for part in path:
            kept = self._kept.get(written, ())
            moved = isinstance(part, int) and part < len(kept)
            written = (*written, kept[int(part)] if moved else part)
        return written

    def take_out(self, path: Path) -> None:
        """Take what stands at a path out of ``data``, so that the rest can be looked at."""
        parent: Any = self.data
        for part in path[:-1]:
            parent = parent[part]
        if isinstance(parent, list):
            written = self.as_written(path[:-1])
            self._kept.setdefault(written, list(range(len(parent)))).pop(int(path[-1]))
        del parent[path[-1]]

    def mistake(self, path: Path, message: str, fix: str = "", discreet: str = "") -> None:
        """Note a mistake at a path of ``data`` as it now is."""
        self.mistakes.append(self.describe(path, message, fix, discreet))

    def describe(self, path: Path, message: str, fix: str = "", discreet: str = "") -> Mistake:
        """Say something about a path of ``data`` as it now is."""
        path = self.as_written(path)
        place = self.place(path)
        return Mistake(place.file, place.line, show_path(path), message, fix, discreet)


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


def plain_document(data: Mapping[str, Any], name: str) -> Document:
    """Take plain values that somebody else has read; places have no lines."""
    document = Document(name=name)
    try:
        document.data = _copy(document, data, ())
    except _TooMuch as error:
        document.mistake((), str(error))
    return document


def _copy(document: Document, value: Any, path: Path) -> Any:
    if len(path) > DEEPEST:
        raise _TooMuch(f"nested deeper than {DEEPEST} levels")
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
        builder = _Builder(document)
        try:
            data = builder.build(node, ())
        except _TooMuch as error:
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


class _TooMuch(Exception):
    """Aliases make more of the file than a campus can be."""


class _Builder:
    """Builds plain values from nodes and notes the place of each."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._count = 0
        self._open: set[int] = set()
        self._scalars = yaml.constructor.SafeConstructor()

    def build(self, node: yaml.Node, path: Path) -> Any:
        """Build the value of one node."""
        self._count += 1
        if self._count > MOST_NODES:
            raise _TooMuch(f"aliases make more than {MOST_NODES} values of it")
        if id(node) in self._open:
            raise _TooMuch("an alias holds itself")
        if len(path) > DEEPEST:
            raise _TooMuch(f"nested deeper than {DEEPEST} levels")
        raw = node.value if isinstance(node, yaml.ScalarNode) and not node.style else None
        self._note(path, node, raw)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self.build(item, (*path, at)) for at, item in enumerate(node.value)]
            return self._scalar(node, path) if isinstance(node, yaml.ScalarNode) else None
        finally:
            self._open.discard(id(node))

    def _note(self, path: Path, node: yaml.Node, raw: str | None = None) -> None:
        place = Place(self._document.name, node.start_mark.line + 1, raw)
        self._document.places[path] = place

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                continue
            key = self._key(key_node, path)
            line = key_node.start_mark.line + 1
            if key in lines:
                self._note((*path, key), key_node)
                self._document.mistake(
                    (*path, key), f"stands twice; first in line {lines[key]}", "keep one of them"
                )
                continue
            lines[key] = line
            found[key] = self.build(value_node, (*path, key))
            raw = self._document.places[(*path, key)].raw
            self._note((*path, key), key_node, raw)
        for key_node, value_node in self._merged(node):
            key = self._key(key_node, path)
            if key not in found:
                found[key] = self.build(value_node, (*path, key))
        return found

    def _merged(self, node: yaml.MappingNode) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        """The pairs that ``<<: *alias`` brings in, nearest first."""
        for key_node, value_node in node.value:
            if key_node.tag != f"{_TAG}merge":
                continue
            several = isinstance(value_node, yaml.SequenceNode)
            for source in value_node.value if several else [value_node]:
                if isinstance(source, yaml.MappingNode):
                    yield from source.value
                    yield from self._merged(source)

    def _key(self, node: yaml.Node, path: Path) -> str:
        if not isinstance(node, yaml.ScalarNode):
            self._note((*path, "?"), node)
            self._document.mistake((*path, "?"), "a key must be text")
            return "?"
        key = str(node.value)
        kind = node.tag.removeprefix(_TAG)
        if kind != "str" and not node.style:
            self._note((*path, key), node)
            self._document.mistake(
                (*path, key),
                f"YAML reads this key as {_KINDS.get(kind, kind)}",
                f'write "{key}" in quotes',
            )
        return key

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        kind, raw = node.tag.removeprefix(_TAG), str(node.value)
        trap = _trap(kind, raw)
        if trap:
            self._document.mistake(path, *trap)
            return raw
        try:
            match kind:
                case "str":
                    # JSON writes signs beyond the first plane as two halves.
                    return raw.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
                case "timestamp":
                    return self._scalars.construct_yaml_timestamp(node)
                case "bool":
                    return raw.lower() == "true"
                case "int":
                    return int(raw)
                case "float":
                    return float(raw)
                case "null":
                    return None
        except ValueError:
            self._document.mistake(path, f"no such day: {show(raw)}", "look at the calendar")
            return raw
        tag = node.tag.replace(_TAG, "!!")
        self._document.mistake(path, f"a tag that is not allowed here: {show(tag)}", "take it out")
        return raw


def _trap(kind: str, raw: str) -> tuple[str, str] | None:
    """Name a scalar that YAML reads as something that nobody meant, with what to write."""
    quoted = f'"{raw}"'
    if kind == "bool" and not _TRUE_OR_FALSE.fullmatch(raw):
        value = "true" if raw.lower() in {"yes", "on", "y"} else "false"
        return f"YAML reads {raw} as {value}", f"write {value}, or {quoted} if text is meant"
    if kind in {"int", "float"} and ":" in raw:
        return f"YAML reads {raw} as a number in base 60", f"write {quoted}"
    if kind == "int" and not _DECIMAL.fullmatch(raw):
        try:
            value = str(int(raw.replace("_", ""), 8 if raw.lstrip("+-")[:2].isdigit() else 0))
        except ValueError:
            return f"YAML reads {raw} as a number of another base", f"write {quoted}"
        return f"YAML reads {raw} as {value}", f"write {value}, or {quoted} if text is meant"
    if kind == "float" and not _DECIMAL_POINT.fullmatch(raw):
        return f"YAML reads {raw} as a number", f"write it out, or {quoted} if text is meant"
    return None


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
