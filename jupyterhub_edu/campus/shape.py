"""Plain values to models: what pydantic finds wrong, in the words of the campus file, all at once."""

from __future__ import annotations

import datetime as dt
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .document import Document
from .mistakes import Path, did_you_mean, show, show_path
from .models.base import Model, meaning
from .models.site import FileModel

__all__ = ["keys_of", "most_exact", "report", "shape"]

_STAND_INS: Final[Mapping[str, Any]] = {
    "name": "?",
    "time_zone": "UTC",
    "sources": {},
    "flavors": {},
    "profiles": {},
    "courses": {},
}
_ROUNDS: Final = 20


def shape(document: Document) -> FileModel:
    """Make the model of a document; what is wrong is reported and left out.

    Always holds:
        - the result holds everything that is right on its own;
        - what is left out is named by a mistake, and nothing follows from it.
    """
    taken_out: set[Path] = set()
    for path in sorted(_empty(document.data, ()), key=_order, reverse=True):
        document.mistake(path, "is empty", "write a value, or leave the key out")
        taken_out.add(document.as_written(path))
        document.take_out(path)
    for _ in range(_ROUNDS):
        try:
            return FileModel.model_validate(document.data)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
        for detail in details:
            path = _path_in_data(detail, document.data)
            if detail["type"] != "missing" or document.as_written(path) not in taken_out:
                report(document, FileModel, detail, (), document.data)
        for path in _to_take_out(details, document.data):
            if not path[:-1] and path[0] in _STAND_INS:
                taken_out.add(path)
                stand_in = _STAND_INS[str(path[0])]
                document.data[str(path[0])] = {} if stand_in == {} else stand_in
            else:
                taken_out.add(document.as_written(path))
                document.take_out(path)
    raise AssertionError("a mistake could not be taken out")  # each round takes something out


def _to_take_out(details: list[ErrorDetails], data: Mapping[str, Any]) -> list[Path]:
    """The broken parts, later list items first, none inside another."""
    paths = set()
    for detail in details:
        path = _path_in_data(detail, data)
        if detail["type"] == "missing" and len(path) > 1:
            path = path[:-1]
        paths.add(path)
    outermost = {p for p in paths if not any(p[:at] in paths for at in range(len(p)))}
    return sorted(outermost, key=_order, reverse=True)


def _order(path: Path) -> list[tuple[bool, str, int]]:
    """Sorts items of one list by place."""
    return [(True, "", p) if isinstance(p, int) else (False, p, 0) for p in path]


def _empty(value: Any, path: Path) -> Iterator[Path]:
    """Where nothing stands; KubeSpawner's settings may hold nothing on purpose."""
    if value is None:
        yield path
    elif isinstance(value, dict) and path[-1:] != ("kubespawner",):
        for key, below in value.items():
            yield from _empty(below, (*path, key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _empty(item, (*path, at))


def most_exact(details: list[ErrorDetails], data: Any) -> list[ErrorDetails]:
    """Leave out, of a union's findings, those about the whole where there are some about a part."""
    paths = [_path_in_data(detail, data) for detail in details]
    return [
        detail
        for detail, path in zip(details, paths, strict=True)
        if not path or not any(p[: len(path)] == path and len(p) > len(path) for p in paths)
    ]


def report(
    document: Document,
    model: type[BaseModel],
    detail: ErrorDetails,
    base: Path,
    data: Any,
    scrub: Callable[[str], str] = str,
) -> None:
    """Note one of pydantic's findings as a mistake, unless reading found one there already.

    Args:
        base: where ``data``, which ``model`` was asked to take, stands in the document.
        scrub: takes secrets out of a sentence.
    """
    path = _path_in_data(detail, data)
    full = document.as_written((*base, *path))
    if any(m.path == show_path(full) for m in document.mistakes):
        return
    raw = document.place(full).raw if full in document.places else None
    message, fix = _words(model, detail, path, _value(data, path), raw)
    document.mistake((*base, *path), scrub(message), scrub(fix))


def _path_in_data(detail: ErrorDetails, data: Any) -> Path:
    """The part of pydantic's location that exists in the data; a missing key may end it."""
    path: Path = ()
    at = data
    for part in detail["loc"]:
        if _has(at, part):
            at = at[part]
        elif not (detail["type"] == "missing" and part == detail["loc"][-1]):
            continue
        path = (*path, part)
    return path


def _has(data: Any, part: str | int) -> bool:
    if isinstance(data, list):
        return isinstance(part, int) and part < len(data)
    return isinstance(data, Mapping) and part in data


def _value(data: Any, path: Path) -> Any:
    for part in path:
        if not _has(data, part):
            return None
        data = data[part]
    return data


def _words(
    model: type[BaseModel], detail: ErrorDetails, path: Path, value: Any, raw: str | None
) -> tuple[str, str]:
    """What is wrong, and the fix."""
    context = detail.get("ctx", {})
    last = str(path[-1]) if path else ""
    match detail["type"]:
        case "missing":
            description = _description(model, path)
            return "is missing", f"add it: {description}" if description else "add it"
        case "extra_forbidden":
            return _unknown_key(model, path, last)
        case "literal_error":
            words = _words_at(model, path)
            return f"no such {_kind_of_value(path)}: {show(value)}", did_you_mean(
                str(value), words
            )
        case "string_type" | "string_sub_type":
            return _not_text(value, raw)
        case "value_error" | "assertion_error":
            message, _, fix = str(context.get("error") or detail["msg"]).partition("; ")
            return message, fix
        case "greater_than_equal" | "greater_than":
            least = context.get("ge", context.get("gt"))
            return f"{value} is too small", f"the least is {least}"
        case "less_than_equal" | "less_than":
            most = context.get("le", context.get("lt"))
            return f"{value} is too large", f"the most is {most}"
    expected = _EXPECTED.get(detail["type"])
    if expected:
        return f"must be {expected}, not {_name_of(value)}", ""
    return detail["msg"], ""


_EXPECTED: Final = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "float_type": "a number",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
    "mapping_type": "a mapping (key: value)",
    "list_type": "a list ([one, two])",
    "tuple_type": "a list ([one, two])",
    "string_too_long": "shorter text",
    "too_short": "something",
}


def _name_of(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return "text"
        case int() | float():
            return f"the number {value}"
        case dt.date():
            return f"the day {value}"
        case Mapping():
            return "a mapping" if value else "{}"
        case list():
            return "a list" if value else "[]"
    return "nothing"


def _not_text(value: Any, raw: str | None) -> tuple[str, str]:
    if isinstance(value, Mapping | list) or raw is None:
        return f"must be text, not {_name_of(value)}", ""
    return f"YAML reads {raw} as {_name_of(value)}", f'write "{raw}" in quotes'


def _unknown_key(model: type[BaseModel], path: Path, word: str) -> tuple[str, str]:
    holders = list(_models_at(model, path[:-1]))
    names = [name for holder in holders for name in keys_of(holder)]
    kinds = [holder.kind for holder in holders if issubclass(holder, Model)]
    return f"no such {kinds[0] if kinds else 'key'}", did_you_mean(word, names)


def _kind_of_value(path: Path) -> str:
    name = next((str(part) for part in reversed(path) if isinstance(part, str)), "value")
    return name.removesuffix("s").replace("_", " ")


def _description(model: type[BaseModel], path: Path) -> str:
    for holder in _models_at(model, path[:-1]):
        for name, info in holder.model_fields.items():
            if (info.alias or name) == path[-1] and (text := meaning(holder, name)):
                return text.rstrip(".")
    return ""


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys that a model takes, as they are written."""
    return [info.alias or name for name, info in model.model_fields.items()]


def _models_at(model: type[BaseModel], path: Path) -> list[type[BaseModel]]:
    """The models that may stand at a path below a model."""
    return [
        part for part in _annotations_at(model, path) if isinstance(part, type) and _is_model(part)
    ]


def _words_at(model: type[BaseModel], path: Path) -> list[str]:
    """The words that may stand at a path."""
    return [
        str(word)
        for part in _annotations_at(model, path)
        if typing.get_origin(part) is typing.Literal
        for word in typing.get_args(part)
    ]


def _annotations_at(model: type[BaseModel], path: Path) -> list[Any]:
    current: list[Any] = [model]
    for part in path:
        current = [a for outer in current for step in _step(outer, part) for a in _bare(step)]
    return current


def _step(annotation: Any, part: str | int) -> Iterator[Any]:
    """The annotations of what stands under one key or place."""
    if _is_model(annotation):
        for name, info in annotation.model_fields.items():
            if (info.alias or name) == part:
                yield info.annotation
    elif typing.get_origin(annotation) in {dict, Mapping}:
        yield typing.get_args(annotation)[1]
    elif typing.get_origin(annotation) in {list, tuple, frozenset}:
        yield typing.get_args(annotation)[0]


def _bare(annotation: Any) -> Iterator[Any]:
    """An annotation without ``Annotated``, and each member of a union."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _bare(typing.get_args(annotation)[0])
    elif origin in {typing.Union, types.UnionType}:
        for part in typing.get_args(annotation):
            yield from _bare(part)
    else:
        yield annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
