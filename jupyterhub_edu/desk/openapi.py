"""The OpenAPI document of the API, made from the routes and what their handlers declare."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from http.client import responses
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from jupyterhub_edu._version import __version__
from jupyterhub_edu.domain import reasons
from jupyterhub_edu.wire.shapes import Problem

from .api import API
from .calls import Call, calls_of
from .operations import Media, operation
from .reading import adapter
from .refusals import ROWS, Code
from .scopes import CUSTOM_SCOPES, READ

__all__ = ["OpenAPI", "document", "openapi_routes"]

_SHAPES: Final = "#/components/schemas/{model}"
_DECIDED: Final = (400, 403, 409, 503)
"""What the hub answers where the rules for servers refuse."""
_INTRODUCTION: Final = (
    "Whatever the pages of jupyterhub-edu show and do. A token's scopes limit it on top of what its owner may; "
    "instants are ISO 8601 with their zone, in answers UTC."
)
_TOO_FEW_SCOPES: Final = (
    "The hub refuses: no such token, or one without the scope; or who asks may not."
)


class _Plain(GenerateJsonSchema):
    """Without titles that only say a key again."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def document(routes: Iterable[tuple[str, type]], url: str = "/hub/api") -> dict[str, Any]:
    """The document.

    Args:
        url: of the hub's API.
    """
    calls = calls_of(routes)
    schemas, shapes = _schemas(calls)
    paths: dict[str, dict[str, Any]] = {}
    for call in calls:
        paths.setdefault(call.path, {})[call.method] = _operation(call, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "jupyterhub-edu",
            "version": __version__,
            "description": _INTRODUCTION,
            "license": {"name": "BSD-3-Clause", "identifier": "BSD-3-Clause"},
        },
        "servers": [{"url": url}],
        "paths": paths,
        "components": {
            "schemas": shapes,
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "token TOKEN. Scopes: "
                    + "; ".join(
                        f"{name}: {one['description']}" for name, one in CUSTOM_SCOPES.items()
                    ),
                }
            },
        },
    }


# -- shapes --------------------------------------------------------------------------------------------------------


def _schemas(calls: Sequence[Call]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """A schema for every shape that is named, and the components that they refer to."""
    named = {_key(Problem): Problem}
    for call in calls:
        declared = call.operation
        for shape in (declared.takes, declared.query, *declared.answers.values()):
            if shape is not None and not isinstance(shape, Media):
                named[_key(shape)] = shape
    inputs = [(key, "validation", adapter(shape)) for key, shape in named.items()]
    found, defined = TypeAdapter.json_schemas(
        inputs,  # type: ignore[arg-type]  # the mode is one of the words
        ref_template=_SHAPES,
        schema_generator=_Plain,
    )
    shapes = {name: _words(shape) for name, shape in sorted(defined.get("$defs", {}).items())}
    return {key: schema for (key, _), schema in found.items()}, shapes


def _key(shape: Any) -> str:
    module = getattr(shape, "__module__", "")
    return f"{module}.{shape!r}"


def _words(shape: dict[str, Any]) -> dict[str, Any]:
    """With its description as Markdown."""
    if "description" in shape:
        shape["description"] = shape["description"].replace("``", "`")
    return shape


# -- operations ----------------------------------------------------------------------------------------------------


def _operation(call: Call, schemas: Mapping[str, Any]) -> dict[str, Any]:
    declared = call.operation
    parameters = [
        *(_in_path(name, words) for name, words in call.parameters.items()),
        *(_in_query(declared.query, schemas) if declared.query is not None else ()),
    ]
    if Code.STALE in declared.refuses:
        parameters.append(_IF_MATCH)
    told: dict[str, Any] = {
        "operationId": call.id,
        "tags": [call.area],
        "summary": declared.does,
        "description": call.more,
        "security": [{"token": [declared.scope]}],
        "parameters": parameters,
        "responses": {**_answers(call, schemas), **_refusals(call)},
    }
    if declared.act is not None:
        told["x-act"] = str(declared.act)
    if declared.takes is not None:
        content = {"application/json": {"schema": schemas[_key(declared.takes)]}}
        told["requestBody"] = {"required": True, "content": content}
    if declared.rate is not None:
        within = int(declared.rate.within.total_seconds())
        told["x-rate"] = {"calls": declared.rate.most, "seconds": within}
    return told


_IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 500},
    "description": "The ETag of what you were shown; answers 412 with what is there now if it is another by now.",
}


def _in_path(name: str, words: Sequence[str]) -> dict[str, Any]:
    schema = {"type": "string", "enum": [*words]} if words else {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _in_query(shape: Any, schemas: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    schema = _resolved(schemas[_key(shape)], shape)
    needed = schema.get("required", ())
    for name, kind in schema["properties"].items():
        yield {"name": name, "in": "query", "required": name in needed, "schema": kind}


def _resolved(schema: Mapping[str, Any], shape: Any) -> Mapping[str, Any]:
    """The object itself, where the document would refer to it."""
    return (
        schema if "properties" in schema else adapter(shape).json_schema(schema_generator=_Plain)
    )


def _answers(call: Call, schemas: Mapping[str, Any]) -> dict[str, Any]:
    return {
        str(status): _answer(status, shape, schemas)
        for status, shape in call.operation.answers.items()
    }


def _answer(status: int, shape: Any, schemas: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"description": responses[status]}
    if isinstance(shape, Media):
        # Of a stream the schema is that of one event.
        kind = "object" if shape.type == "text/event-stream" else "string"
        told["content"] = {shape.type: {"schema": {"type": kind}}}
    elif shape is not None:
        told["content"] = {"application/json": {"schema": schemas[_key(shape)]}}
    return told


def _refusals(call: Call) -> dict[str, Any]:
    """Refusals by status, each with the codes that may stand in it."""
    declared = call.operation
    codes: dict[int, set[str]] = {403: set()}
    for code in declared.refuses:
        codes.setdefault(ROWS[code].status, set()).add(str(code))
    if declared.decides:
        words = {str(code) for code in (*reasons.ROWS, *reasons.EXTEND_ROWS)}
        for status in _DECIDED:
            codes.setdefault(status, set()).update(words)
    return {
        str(status): _refusal(status, sorted(found)) for status, found in sorted(codes.items())
    }


def _refusal(status: int, codes: Sequence[str]) -> dict[str, Any]:
    described = [f"`{code}`: {ROWS[Code(code)].sentence}" for code in codes if code in _OURS]
    if status == 403:
        described.insert(0, _TOO_FEW_SCOPES)
    known = {"properties": {"reasons": {"items": {"properties": {"code": {"enum": [*codes]}}}}}}
    schema = {"allOf": [{"$ref": _SHAPES.format(model=Problem.__name__)}, known]}
    told: dict[str, Any] = {
        "description": " ".join(described) or responses[status],
        "content": {"application/json": {"schema": schema}},
    }
    if status in {409, 429, 503}:
        after = {"schema": {"type": "integer"}, "description": "Seconds, where waiting may help."}
        told["headers"] = {"Retry-After": after}
    return told


_OURS: Final = frozenset(map(str, Code))


# -- served --------------------------------------------------------------------------------------------------------


class OpenAPI(API):
    """``/hub/api/edu/openapi.json``."""

    @operation(READ, does="This document.", answers={200: dict[str, Any]})
    async def get(self) -> None:
        """OpenAPI 3.1."""
        # Made once, beside the loop: it takes longer than others should wait.
        self.finish(await asyncio.to_thread(_text, f"{self.hub.base_url}api"))


@cache
def _text(url: str) -> str:
    from .routes import desk_routes

    return json.dumps(document(desk_routes(), url))


def openapi_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return ((r"/api/edu/openapi\.json", OpenAPI),)
