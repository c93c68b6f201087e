"""The JSON Schema of the campus file, for editors; made from the models that read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel

from .models.people import SourceModel
from .models.site import FileModel
from .sources import SourceType

__all__ = ["json_schema"]

_Node = dict[str, Any]
_OUTSIDE: Final = "#/$defs/Secret"
_SHORT: Final[Mapping[str, _Node]] = {
    "QuotaModel": {"type": "integer", "minimum": 0},
    "PersonModel": {"type": "string"},
    "DaysModel": {"type": "string", "format": "date"},
}
"""What may stand in short for a mapping."""


def json_schema(source_types: Mapping[str, SourceType]) -> dict[str, Any]:
    """Describe the whole file, the settings of each type of source included.

    Always holds:
        - every key has a title and a description;
        - a file that the schema refuses has a mistake; the checks of meaning find more.

    Source:
        JSON Schema, draft 2020-12.
    """
    schema = FileModel.model_json_schema()
    for name, short in _SHORT.items():
        whole = schema["$defs"][name]
        schema["$defs"][name] = {"title": whole["title"], "anyOf": [short, whole]}
    schema["$defs"]["Secret"] = _secret()
    types = [_source(word, kind.settings, schema["$defs"]) for word, kind in source_types.items()]
    schema["properties"]["sources"]["additionalProperties"] = {"oneOf": types}
    _tidy(schema)
    address = schema["$defs"]["StoreModel"]["properties"]["url"]
    address["anyOf"] = [{"type": "string"}, {"$ref": address.pop("$ref")}]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Campus file of jupyterhub-edu",
    }


def _secret() -> _Node:
    def only(key: str, description: str) -> _Node:
        return {
            "type": "object",
            "properties": {key: {"type": "string", "description": description}},
            "required": [key],
            "additionalProperties": False,
        }

    return {
        "title": "Secret",
        "description": "Comes from outside the file.",
        "oneOf": [
            only("env", "Name of an environment variable of the hub."),
            only("file", "Path of a file, from the folder of the campus file."),
        ],
    }


def _source(word: str, settings: type[BaseModel], definitions: _Node) -> _Node:
    """One type of source: what all sources have, and its own settings."""
    own = settings.model_json_schema(ref_template=f"#/$defs/{word}.{{model}}")
    for name, definition in own.pop("$defs", {}).items():
        definitions[f"{word}.{name}"] = definition
    common = SourceModel.model_json_schema()
    kind = {**common["properties"]["type"], "const": word}
    definitions[word] = {
        "title": word,
        "description": own.get("description", ""),
        "type": "object",
        "properties": {**common["properties"], "type": kind, **own.get("properties", {})},
        "required": ["type", *own.get("required", [])],
        "additionalProperties": False,
    }
    return {"$ref": f"#/$defs/{word}"}


def _tidy(schema: _Node) -> None:
    """Put the file's spelling in the place of pydantic's: secrets, titles, no inner defaults."""
    for node in list(_nodes(schema)):
        default = node.get("default")
        if not isinstance(default, bool | int):
            node.pop("default", None)
        if node.get("format") == "password":
            for key in ("format", "type", "writeOnly"):
                node.pop(key, None)
            node["$ref"] = _OUTSIDE
        for key, below in node.get("properties", {}).items():
            below.setdefault("title", key.replace("_", " ").capitalize())
            if "description" not in below and "$ref" in below:
                meant = schema["$defs"][below["$ref"].rpartition("/")[2]]
                below["description"] = meant.get("description", "")


def _nodes(node: Any) -> Iterator[_Node]:
    """Every schema inside a schema; what stands under ``properties`` and ``$defs`` are names."""
    if isinstance(node, list):
        for item in node:
            yield from _nodes(item)
    elif isinstance(node, dict):
        yield node
        for key, below in node.items():
            if key in {"properties", "$defs"}:
                for schema in below.values():
                    yield from _nodes(schema)
            elif key not in {"default", "examples", "const", "enum", "required"}:
                yield from _nodes(below)
