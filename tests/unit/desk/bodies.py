"""Bodies that a shape reads, made from its schema: the least of it, all of it, and one for each word that it knows.

A schema that says less than its check (``Rule``) gives ``examples=[...]`` there; they come first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from jupyterhub_edu.desk.reading import adapter

__all__ = ["bodies", "example"]

_TEXTS: Final[Mapping[str, str]] = {
    "date-time": "2026-11-20T10:00:00+00:00",
    "date": "2026-11-20",
    "time": "10:00",
    "uri": "https://example.org/",
}


def bodies(shape: Any) -> list[Any]:
    """Distinct bodies of a shape, the least first; ``[None]`` for a call that takes none."""
    if shape is None:
        return [None]
    schema = adapter(shape).json_schema()
    found: list[Any] = []
    for body in _several(schema, schema.get("$defs", {})):
        if body not in found:
            found.append(body)
    return found


def example(schema: Mapping[str, Any], shapes: Mapping[str, Any], *, whole: bool = True) -> Any:
    """A value of a schema.

    Args:
        shapes: what it refers to, by name.
        whole: with every key, else with those that it must have.
    """
    if "$ref" in schema:
        return example(shapes[schema["$ref"].rpartition("/")[2]], shapes, whole=whole)
    for word in ("examples", "enum"):
        if schema.get(word):
            return schema[word][0]
    if "const" in schema:
        return schema["const"]
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return example(schema[word][0], shapes, whole=whole)
    return _by_type(schema, shapes, whole)


def _several(schema: Mapping[str, Any], shapes: Mapping[str, Any]) -> Iterator[Any]:
    if "$ref" in schema:
        schema = shapes[schema["$ref"].rpartition("/")[2]]
    least = example(schema, shapes, whole=False)
    yield least
    yield example(schema, shapes)
    for key, part in schema.get("properties", {}).items():
        for word in part.get("enum", ()):
            yield {**least, key: word}
        yield {**least, key: example(part, shapes)}


def _by_type(schema: Mapping[str, Any], shapes: Mapping[str, Any], whole: bool) -> Any:
    match schema.get("type"):
        case "object":
            needed = schema.get("required", ())
            return {
                key: example(part, shapes, whole=whole)
                for key, part in schema.get("properties", {}).items()
                if whole or key in needed
            }
        case "array":
            return [example(schema["items"], shapes, whole=whole)] if whole else []
        case "integer" | "number":
            return schema.get("minimum", 0) + 1
        case "boolean":
            return True
        case "null":
            return None
    return _TEXTS.get(schema.get("format", ""), "x")
