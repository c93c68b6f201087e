"""Fill reference pages from the code that they describe.

A line ``% generated: NAME`` in a page is replaced by what the function of that name below writes, as Markdown, each
time the documentation is built. So a rule, a key or a command is described where it is made, and only there.
"""

from __future__ import annotations

import inspect
import re
import textwrap
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import typer
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from sphinx.application import Sphinx
from traitlets import HasTraits
from traitlets.utils.importstring import import_item

from jupyterhub_edu.campus.models.base import meaning
from jupyterhub_edu.campus.models.people import SourceModel
from jupyterhub_edu.campus.models.site import FileModel
from jupyterhub_edu.domain import acts, people, reasons
from jupyterhub_edu.hub.refusals import REFUSALS
from jupyterhub_edu.identity import SOURCE_TYPES
from jupyterhub_edu.identity.entra import moving as entra_moving
from jupyterhub_edu.identity.ldap import moving as ldap_moving
from jupyterhub_edu.identity.lti import moving as lti_moving
from jupyterhub_edu.identity.oidc import moving as oidc_moving
from jupyterhub_edu.warden.metrics import CampusMetrics, Metrics

_FORMER = {
    "LDAPAuthenticator": ldap_moving,
    "GenericOAuthenticator": oidc_moving,
    "AzureAdOAuthenticator": entra_moving,
    "LTI13Authenticator": lti_moving,
}
_LINE = re.compile(r"^% generated: ([a-z-]+)(?: (\S+))?$", re.MULTILINE)


def setup(app: Sphinx) -> dict[str, bool]:
    # It adds documenters and keeps nothing, but does not say that it may run in parallel.
    app.extensions["autodoc_traits"].parallel_read_safe = True
    app.connect("source-read", _fill)
    app.connect("env-get-outdated", lambda app, env, *_: _pages(Path(app.srcdir)))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _pages(folder: Path) -> list[str]:
    """Pages with generated parts; they are read again at every build."""
    return [
        page.relative_to(folder).with_suffix("").as_posix()
        for page in folder.rglob("*.md")
        if "_build" not in page.parts and _LINE.search(page.read_text())
    ]


def _fill(app: Sphinx, page: str, source: list[str]) -> None:
    source[0] = _LINE.sub(lambda found: _write(found[1], found[2]), source[0])


def _write(name: str, argument: str | None) -> str:
    lines = _PARTS[name](argument) if argument else _PARTS[name]()
    return "\n".join(lines)


# -- tables ----------------------------------------------------------------------------------------------------


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return ["", line(head), line(["---"] * len(head)), *map(line, rows), ""]


def _reasons() -> Iterator[str]:
    head = ["rule", "code", "try again", "may wait", "HTTP"]
    rows = [
        [
            str(row.number),
            f"[`{code}`](#{code})",
            _sentence(row.retry),
            "yes" if row.waitable else "no",
            str(row.status),
        ]
        for code, row in reasons.ROWS.items()
    ]
    yield from _table(head, rows)
    for code, row in reasons.ROWS.items():
        yield from [f"## {code}", ""]
        yield from (f"- {_sentence(sentence)}" for sentence in row.sentences.values())
        yield from ["", f"Who can change it: {_sentence(row.who)}.", ""]


def _extensions() -> list[str]:
    rows = [
        [f"`{code}`", _sentence(row.sentences[""]), _sentence(row.who), str(row.status)]
        for code, row in reasons.EXTEND_ROWS.items()
    ]
    return _table(["code", "in words", "who can change it", "HTTP"], rows)


def _sentence(text: str) -> str:
    """Braces name what is filled in."""
    return re.sub(r"\{(\w+)\}", r"*\1*", text)


def _acts() -> list[str]:
    columns = [*reversed(people.CourseRole), *reversed(people.SiteRole)]
    columns = [c for c in columns if any(c in row for row in acts.TABLE.values())]
    rows = [
        [f"`{act}`", *(str(row.get(column, "")) for column in columns)]
        for act, row in acts.TABLE.items()
    ]
    names = [
        f"{'site ' if isinstance(column, people.SiteRole) else ''}{column}" for column in columns
    ]
    return _table(["act", *names], rows)


def _done_by() -> list[str]:
    """Every act with the calls of the API that it decides."""
    from jupyterhub_edu import desk
    from jupyterhub_edu.desk.calls import calls_of

    calls = calls_of(desk.desk_routes())
    rows = []
    for act in acts.TABLE:
        found = [f"`{one.method.upper()} {one.path}`" for one in calls if one.operation.act is act]
        rows.append([f"`{act}`", "<br>".join(found) or "*the pages alone*"])
    return _table(["act", "by the API, below `/hub/api`"], rows)


# -- the REST API ----------------------------------------------------------------------------------------------


def _calls() -> Iterator[str]:
    """Every call by its area, with links to the shapes of bodies and answers."""
    told = _document()
    areas: dict[str, list[list[str]]] = {}
    for path, methods in told["paths"].items():
        for method, one in methods.items():
            rows = areas.setdefault(one["tags"][0], [])
            rows.append(_call(f"{method.upper()} /hub/api{path}", one))
    for area, rows in sorted(areas.items()):
        yield from [f"### {area.capitalize().replace('-', ' ')}", ""]
        yield from _table(["address", "scope", "what", "takes", "answers"], rows)


def _call(address: str, told: Mapping[str, Any]) -> list[str]:
    (scope,) = (scope for one in told["security"] for scope in one["token"])
    arguments = [f"`{one['name']}`" for one in told["parameters"] if one["in"] == "query"]
    body = told.get("requestBody", {}).get("content", {}).get("application/json", {})
    takes = [_shape(body["schema"])] if body else []
    takes += [f"?{', '.join(arguments)}"] if arguments else []
    answers = [
        " ".join([status, *(_shape(one["schema"]) for one in answer.get("content", {}).values())])
        for status, answer in told["responses"].items()
        if status < "300"
    ]
    return [
        f"`{address}`",
        f"`{scope}`",
        told["summary"],
        "<br>".join(takes),
        "<br>".join(answers),
    ]


def _shapes() -> Iterator[str]:
    """Every shape with its keys."""
    for name, shape in _document()["components"]["schemas"].items():
        needed = shape.get("required", ())
        yield from [
            f"(shape-{name})=",
            f"### {name}",
            "",
            _prose(shape.get("description", "")),
            "",
        ]
        yield from _table(
            ["key", "what", ""],
            [
                [f"`{key}`", _shape(part), "" if key in needed else "may be left out"]
                for key, part in shape.get("properties", {}).items()
            ],
        )


def _shape(schema: Mapping[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#shape-{name})"
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{word}`" for word in schema.get("enum", [schema.get("const")]))
    if "anyOf" in schema:
        return " or ".join(map(_shape, schema["anyOf"]))
    words = _JSON.get(schema.get("format", "") or schema.get("type", ""), "anything")
    if schema.get("type") == "array":
        return f"list of {_shape(schema['items'])}"
    if "maximum" in schema:
        words = f"{words}, {schema.get('minimum', 0)} to {schema['maximum']}"
    return words


_JSON = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
    "object": "object",
    "date-time": "instant",
    "date": "day",
}


@cache
def _document() -> dict[str, Any]:
    from jupyterhub_edu import desk
    from jupyterhub_edu.desk.openapi import document

    return document(desk.desk_routes())


def _scopes() -> list[str]:
    from jupyterhub_edu import desk

    rows = [
        [f"`{scope}`", str(about["description"])] for scope, about in desk.CUSTOM_SCOPES.items()
    ]
    return _table(["scope", "what a token with it may do"], rows)


def _desk() -> list[str]:
    from jupyterhub_edu.desk.refusals import ROWS

    rows = [[f"`{code}`", row.sentence, row.who, str(row.status)] for code, row in ROWS.items()]
    return _table(["code", "in words", "who can change it", "HTTP"], rows)


def _waiting() -> list[str]:
    from jupyterhub_edu.domain.pending import WORDS

    rows = [[f"`{code}`", words.sentence, words.who] for code, words in WORDS.items()]
    return _table(["code", "in words", "who can change it"], rows)


def _moving(section: str = "LDAPAuthenticator") -> list[str]:
    """What each option of a former authenticator becomes."""
    traits = _FORMER[section].TRAITS
    rows = [[f"`{trait}`", _plain(successor)] for trait, successor in traits.items()]
    return _table([f"`{section}`", "in the source"], rows)


def _plain(text: str) -> str:
    """Braces and angle brackets as they are."""
    return text.replace("{", "\\{").replace("<", "\\<")


def _metrics() -> list[str]:
    registry = CollectorRegistry()
    Metrics(registry)
    registry.register(CampusMetrics())
    registry.register(REFUSALS)
    rows = [
        [
            f"`{metric.name}{'_total' if metric.type == 'counter' else ''}`",
            metric.type,
            metric.documentation,
        ]
        for metric in registry.collect()
    ]
    return _table(["metric", "type", "what it says"], rows)


# -- the campus file -------------------------------------------------------------------------------------------


def _campus() -> Iterator[str]:
    """Every key of the campus file, one table for each kind of mapping, in the order of their first use."""
    yield from _mapping("The file itself", FileModel)
    for model, where in _below(FileModel, ""):
        yield f"(campus-{model.__name__})="
        yield from _mapping(where, model)


def _source(word: str = "") -> Iterator[str]:
    """The keys of one kind of source; without a word, those that every source has."""
    model = SOURCE_TYPES[word].settings if word else SourceModel
    yield from _keys(model)
    for inner, where in _below(model, ""):
        yield from ["", f"`{where}:`", *_keys(inner)]


def _mapping(title: str, model: type[BaseModel]) -> Iterator[str]:
    shown = title if model is FileModel else f"`{title}`"
    yield from [f"## {shown}", "", _prose(inspect.getdoc(model) or ""), *_keys(model)]


def _keys(model: type[BaseModel]) -> list[str]:
    rows = [
        [f"`{info.alias or name}`", _kind(info), _default(info), _prose(meaning(model, name))]
        for name, info in model.model_fields.items()
    ]
    if model.model_config.get("extra") == "allow":
        rows.append(["*flavor*", "whole number", "no cap", "Devices of this flavor."])
    return _table(["key", "what", "left out", "meaning"], rows)


def _below(model: type[BaseModel], path: str) -> Iterator[tuple[type[BaseModel], str]]:
    """The models inside a model with the place of each, each once."""
    seen: set[type[BaseModel]] = set()
    waiting = [(model, path)]
    while waiting:
        outer, at = waiting.pop(0)
        for name, info in outer.model_fields.items():
            key = f"{at}.{info.alias or name}" if at else (info.alias or name)
            for inner, step in _models(info.annotation):
                if inner not in seen:
                    seen.add(inner)
                    yield inner, key + step
                    waiting.append((inner, key + step))


def _models(annotation: Any) -> Iterator[tuple[type[BaseModel], str]]:
    """Models inside an annotation, and how one gets there from the key."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, ""
        return
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in {dict, Mapping}:
        yield from ((model, f".‹name›{step}") for model, step in _models(parts[1]))
    elif origin is list:
        yield from ((model, f"[]{step}") for model, step in _models(parts[0]))
    else:
        for part in parts:
            yield from _models(part)


def _kind(info: FieldInfo) -> str:
    examples = _schema_of(info).get("examples")
    words = _words(info.annotation)
    if examples:
        return "such as " + ", ".join(f"`{example}`" for example in examples)
    return words


def _schema_of(info: FieldInfo) -> Mapping[str, Any]:
    for part in (*info.metadata, *_metadata(info.annotation)):
        schema = getattr(part, "json_schema", None)
        if isinstance(schema, Mapping):
            return schema
    return {}


def _metadata(annotation: Any) -> Iterator[Any]:
    if typing.get_origin(annotation) is typing.Annotated:
        yield from annotation.__metadata__
    for part in typing.get_args(annotation):
        yield from _metadata(part)


_PLAIN = {str: "text", int: "whole number", float: "length of time", bool: "true or false"}


def _words(annotation: Any) -> str:
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if origin is typing.Annotated:
        return _words(parts[0])
    if origin in {typing.Union, types.UnionType}:
        told = [_words(part) for part in parts if part is not type(None)]
        return " or ".join(told)
    if origin is list:
        return f"list of {_words(parts[0])}"
    if origin in {dict, Mapping}:
        return "mapping" if parts[1] is Any else f"by name: {_words(parts[1])}"
    if annotation is SecretStr:
        return "`{env: NAME}` or `{file: PATH}`"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping"
    if isinstance(annotation, type) and issubclass(annotation, Path):
        return "path, from the campus file's folder"
    return _PLAIN.get(annotation, "text")


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "**required**"
    default = info.default
    if default in (None, "", PydanticUndefined) or isinstance(default, dict | list | BaseModel):
        return ""
    if isinstance(default, bool):
        return "`true`" if default else "`false`"
    if hasattr(default, "total_seconds"):
        return f"`{_length(int(default.total_seconds()))}`"
    return f"`{default}`"


def _length(seconds: int) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _prose(text: str) -> str:
    """A docstring as one line of Markdown: its first paragraph, with single backticks and safe angle brackets."""
    text = " ".join(text.split("\n\n")[0].split()).replace("``", "`")
    outside = text.split("`")
    outside[::2] = [part.replace("<", "\\<") for part in outside[::2]]
    return "`".join(outside)


# -- classes that the hub configures ----------------------------------------------------------------------------


def _configurable(path: str = "") -> Iterator[str]:
    """A class and the traits that are its own; those of upstream's classes are documented upstream."""
    found = import_item(path)
    yield from ["```{eval-rst}", f".. autoclass:: {path}", ""]
    for base in found.mro():
        if base.__module__.startswith("jupyterhub_edu."):
            own = base.class_own_traits(config=True) if issubclass(base, HasTraits) else {}
            yield from (f".. autotrait:: {path}.{name}\n" for name in sorted(own))
    yield "```"


# -- the command line ------------------------------------------------------------------------------------------


def _cli() -> Iterator[str]:
    """Typer brings a copy of click of its own, so parameters are asked by their attributes, not by their class."""
    from jupyterhub_edu.cli import main

    for name, command in _commands(typer.main.get_command(main)):
        usage = " ".join(["jupyterhub-edu", name, *map(_in_usage, command.params)])
        lines = textwrap.wrap(usage, 88, subsequent_indent="    ", break_on_hyphens=False)
        yield from [f"## {name}", "", "```text", *lines, "```", "", _prose(command.help or "")]
        rows = [[f"`{_spelt(one)}`", _prose(one.help or "")] for one in command.params]
        yield from _table(["argument", "meaning"], rows) if rows else [""]


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def _spelt(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    value = "" if parameter.is_flag else f" {parameter.metavar or parameter.name.upper()}"
    return ", ".join(parameter.opts) + value


def _in_usage(parameter: Any) -> str:
    return _spelt(parameter) if parameter.required else f"[{_spelt(parameter)}]"


_PARTS: Mapping[str, Callable[..., Any]] = {
    "acts": _acts,
    "calls": _calls,
    "campus": _campus,
    "cli": _cli,
    "configurable": _configurable,
    "desk": _desk,
    "done-by": _done_by,
    "extensions": _extensions,
    "metrics": _metrics,
    "moving": _moving,
    "reasons": _reasons,
    "scopes": _scopes,
    "shapes": _shapes,
    "source": _source,
    "waiting": _waiting,
}
