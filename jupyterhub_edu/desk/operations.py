"""Declared operations: what a call of the API takes, gives and refuses, said once, at its handler.

The declaration is what is checked (scope, rate, body, query) and what is written down: the OpenAPI document, the reference
page and the tests that try every operation as everybody are made from it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jupyterhub.scopes import needs_scope

from jupyterhub_edu.domain.acts import Act

from .rates import Rate
from .reading import read_body, read_query
from .refusals import Code

__all__ = ["ALWAYS", "Media", "Operation", "operation", "operation_of"]

ALWAYS: Final = frozenset({Code.NO_ACCOUNT, Code.NOT_READY})
"""What every operation may answer."""
_DECLARED: Final = "edu_operation"


@dataclass(frozen=True, slots=True)
class Media:
    """An answer that is no JSON, such as ``text/csv`` or ``text/event-stream``."""

    type: str


@dataclass(frozen=True, slots=True)
class Operation:
    """What is declared of one operation.

    Attributes:
        scope: what a token needs.
        does: one sentence.
        answers: by status, the shape of the answer: a type, a ``Media``, or None for no body.
        takes: the shape of the body, or None.
        query: the shape of the address's arguments, or None.
        refuses: the desk's refusals, all that it can give.
        decides: the rules for servers may refuse it too, with their own reasons.
        act: what the table of acts must allow; None: everybody about themselves, or site admins where it says ``admins-only``.
        rate: how often one person may ask, or None.
    """

    scope: str
    does: str
    answers: Mapping[int, Any]
    takes: Any = None
    query: Any = None
    refuses: frozenset[Code] = frozenset()
    decides: bool = False
    act: Act | None = None
    rate: Rate | None = None


def operation(
    scope: str,
    *,
    does: str,
    answers: Mapping[int, Any],
    takes: Any = None,
    query: Any = None,
    refuses: Iterable[Code] = (),
    decides: bool = False,
    act: Act | None = None,
    rate: Rate | None = None,
) -> Callable[[Callable[..., Awaitable[None]]], Callable[..., Any]]:
    """Declare a handler's method; takes the place of ``needs_scope``. The arguments are those of ``Operation``.

    The method gets what was read as keyword arguments: ``wish``, the body, if it takes one, and ``asked``, the query, if it
    has one. What does not fit its shape is refused before the method is called, so before any object is looked up.
    """
    more = {Code.UNREADABLE} if takes is not None or query is not None else set()
    more |= {Code.TOO_LARGE} if takes is not None else set()
    more |= {Code.TOO_OFTEN} if rate is not None else set()
    declared = Operation(
        scope, does, answers, takes, query, frozenset(refuses) | more | ALWAYS, decides, act, rate
    )

    def decorate(method: Callable[..., Awaitable[None]]) -> Callable[..., Any]:
        guarded: Callable[..., Any] = needs_scope(scope)(_reading(method, declared))
        setattr(guarded, _DECLARED, declared)
        return guarded

    return decorate


def operation_of(method: object) -> Operation | None:
    """What was declared of a handler's method."""
    return getattr(method, _DECLARED, None)


def _reading(
    method: Callable[..., Awaitable[None]], declared: Operation
) -> Callable[..., Awaitable[None]]:
    @functools.wraps(method)
    async def reading(handler: Any, *args: Any, **kwargs: Any) -> None:
        if declared.rate is not None:
            declared.rate.require(handler.current_user.name)
        if declared.takes is not None:
            kwargs["wish"] = read_body(handler.request.body, declared.takes)
        if declared.query is not None:
            kwargs["asked"] = read_query(handler.request.query_arguments, declared.query)
        await method(handler, *args, **kwargs)

    # The hub binds the arguments of the address alone when it looks for what a scope is limited to.
    signature = inspect.signature(method)
    of_address = [p for p in signature.parameters.values() if p.kind is not p.KEYWORD_ONLY]
    reading.__signature__ = signature.replace(parameters=of_address)  # type: ignore[attr-defined]
    return reading
