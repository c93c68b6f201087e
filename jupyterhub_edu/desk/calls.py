"""Every call of the API: its address as a template, its method, and what its handler declares."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from tornado import web

from .operations import Operation, operation_of

__all__ = ["METHODS", "Call", "Undeclared", "calls_of"]

METHODS: Final = ("get", "post", "put", "patch", "delete")
_API: Final = "/api/edu/"
_LAST: Final = re.compile(r"\(\?:(/\(.*\))\)\?$")
_GROUP: Final = re.compile(r"\(([^()]+)\)")
_WORDS: Final = re.compile(r"[a-z0-9|-]+")
_NAMES: Final = {"who": "person", "hub_name": "user"}
_SUFFIX: Final = re.compile(r"_(id|name)$")


class Undeclared(Exception):
    """A method of the API that says nothing of itself; the text says what to write."""


class Call(NamedTuple):
    """One method of one address.

    Attributes:
        path: below the hub's API, such as ``/edu/courses/{course}/grants``.
        parameters: of the path, in order; to some only certain words are allowed.
        handler: the class.
    """

    method: str
    path: str
    parameters: Mapping[str, tuple[str, ...]]
    handler: type
    operation: Operation
    more: str

    @property
    def id(self) -> str:
        """A name of its own: ``get_courses_course_grants``."""
        return "_".join([self.method, *re.findall("[a-z0-9]+", self.path.removeprefix("/edu"))])

    @property
    def area(self) -> str:
        """What it is about: of a course its part, else the first word."""
        words: list[str] = re.findall(r"/([a-z-]+)", self.path.removeprefix("/edu"))
        return words[1] if words[0] == "courses" and len(words) > 1 else words[0]


def calls_of(routes: Iterable[tuple[str, type]]) -> list[Call]:
    """Every call of the API among these routes, by address.

    Raises:
        Undeclared: a method has no ``@operation``.
    """
    found = [
        call
        for pattern, handler in routes
        if pattern.startswith(_API)
        for method in METHODS
        if (function := _method(handler, method)) is not None
        for call in _calls(pattern, handler, method, function)
    ]
    return sorted(found, key=lambda call: (call.path, METHODS.index(call.method)))


def _method(handler: type, method: str) -> Any:
    """The handler's own method, or None where it has none."""
    function = getattr(handler, method, None)
    return None if function is getattr(web.RequestHandler, method) else function


def _calls(pattern: str, handler: type, method: str, function: Any) -> Iterator[Call]:
    declared = operation_of(function)
    if declared is None:
        raise Undeclared(
            f"{handler.__module__}.{handler.__name__}.{method} answers {pattern} and declares nothing: write "
            "@operation(SCOPE, does=..., answers={200: ...}) from jupyterhub_edu.desk.operations in place of @needs_scope"
        )
    names = [_name(one.name) for one in _of_address(function)]
    more = " ".join((inspect.getdoc(function) or "").split())
    for template in _templates(pattern.removeprefix("/api").replace("\\.", ".")):
        parameters: dict[str, tuple[str, ...]] = {}

        def put(group: re.Match[str], into: dict[str, tuple[str, ...]] = parameters) -> str:
            name = names[len(into)]
            into[name] = tuple(group[1].split("|")) if _WORDS.fullmatch(group[1]) else ()
            return f"{{{name}}}"

        path = _GROUP.sub(put, template)
        yield Call(method, path, parameters, handler, declared, more)


def _of_address(function: Any) -> list[inspect.Parameter]:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return [one for one in parameters if one.kind is not one.KEYWORD_ONLY]


def _name(argument: str) -> str:
    return _NAMES.get(argument) or _SUFFIX.sub("", argument)


def _templates(pattern: str) -> Iterator[str]:
    """The pattern without and with what may be left out at its end."""
    last = _LAST.search(pattern)
    yield pattern[: last.start()] if last else pattern.removesuffix("/?")
    if last:
        yield pattern[: last.start()] + last[1]
