"""What every mapping of the campus file has in common."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

__all__ = ["Model"]


class Model(BaseModel):
    """A mapping of the campus file: only these keys, no guessing of types.

    Attributes:
        kind: what a key of it is called in a mistake.
    """

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        arbitrary_types_allowed=True,
        use_attribute_docstrings=True,
        model_title_generator=lambda model: model.__name__.removesuffix("Model"),
    )
    kind: ClassVar[str] = "key"
