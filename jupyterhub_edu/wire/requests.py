"""What teachers ask of administrators: things above a ceiling, and the answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from .shapes import Instant, Rule, Text, TypedDict, strict

__all__ = ["Request", "RequestAnswer", "RequestWish"]

_Wish = Annotated[dict[str, Any], Rule(lambda wish: len(wish) <= 50, "too many keys")]
_Kind = Literal["adjust", "grant", "window", "exam"]


class _Asked(TypedDict):
    kind: _Kind
    wish: _Wish


@strict
class RequestWish(_Asked, total=False):
    """Something to be asked for; ``wish`` is the body that would do it: of a grant, an exam, a limit or a window."""

    why: Text


class _Answered(TypedDict):
    approve: bool


@strict
class RequestAnswer(_Answered, total=False):
    """Yes does what was asked for; ``words`` are for whoever asked."""

    words: Text


class Request(TypedDict):
    """A request; ``what`` says it in words. People in ``wish`` are named by their keys.

    ``state`` is open, approved, refused or withdrawn; what is approved has been done.
    """

    id: str
    course: str
    kind: _Kind
    what: str
    wish: dict[str, Any]
    by: str
    at: Instant
    why: str
    state: Literal["open", "approved", "refused", "withdrawn"]
    answered_by: NotRequired[str]
    answered_at: NotRequired[Instant]
    words: NotRequired[str]
