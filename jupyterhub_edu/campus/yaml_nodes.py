"""Nodes of YAML to plain values, with the place of each and YAML's traps named as such."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from .document import Document, Place
from .mistakes import Path, show

__all__ = ["DEEPEST", "Builder", "TooMuch"]

MOST_NODES: Final = 200_000
"""Values in one file after its aliases are followed."""
DEEPEST: Final = 40

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


class TooMuch(Exception):
    """Aliases make more of the file than a campus can be."""


class Builder:
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
            raise TooMuch(f"aliases make more than {MOST_NODES} values of it")
        if id(node) in self._open:
            raise TooMuch("an alias holds itself")
        if len(path) > DEEPEST:
            raise TooMuch(f"nested deeper than {DEEPEST} levels")
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
