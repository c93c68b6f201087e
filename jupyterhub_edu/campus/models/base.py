"""What every mapping of the campus file has in common."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic_core import CoreSchema

__all__ = ["Model", "meaning"]


class Model(BaseModel):
    """A mapping of the campus file: only these keys, no guessing of types.

    What a key means is the text behind it. It is read when it is asked for, by a schema or for a mistake: a hub does
    not read its own source at every start.

    Attributes:
        kind: what a key of it is called in a mistake.
    """

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        arbitrary_types_allowed=True,
        model_title_generator=lambda model: model.__name__.removesuffix("Model"),
    )
    kind: ClassVar[str] = "key"

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Say in the schema what each key means."""
        schema = handler(core_schema)
        keys = handler.resolve_ref_schema(schema).get("properties", {})
        for name, info in cls.model_fields.items():
            if text := meaning(cls, name):
                keys[info.alias or name]["description"] = text
        return schema


def meaning(model: type[BaseModel], name: str) -> str:
    """What a key of a model means, by the name of its field; may be empty."""
    return model.model_fields[name].description or _texts(model).get(name, "")


@cache
def _texts(model: type[BaseModel]) -> Mapping[str, str]:
    """The text behind each key of a model, those of the models that it stands on included."""
    found = dict[str, str]()
    for cls in reversed(model.__mro__):
        if issubclass(cls, Model):
            found |= _texts_in(inspect.getsource(cls))
    return found


def _texts_in(source: str) -> dict[str, str]:
    (body,) = (one.body for one in ast.parse(source).body if isinstance(one, ast.ClassDef))
    found = {}
    for key, behind in pairwise(body):
        match key, behind:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = inspect.cleandoc(text)
    return found
