"""The client itself: what is asked about all courses, and one client for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast
from urllib.parse import quote

from jupyterhub_edu.wire.courses import Course
from jupyterhub_edu.wire.explain import Explained, ExplainQuery
from jupyterhub_edu.wire.line import LineWish, Place
from jupyterhub_edu.wire.sources import Source, SyncAnswer, SyncWish
from jupyterhub_edu.wire.usage import UsageAnswer, UsageQuery, Use

from .calling import Caller
from .of_course import CourseClient, pages

__all__ = ["Client"]


class Client(Caller):
    """One hub, with the rights of the token's owner as far as its scopes go. The arguments are those of ``Caller``."""

    def courses(self) -> Iterator[Course]:
        """One's own courses, by id; all of them for administrators of the site."""
        return pages(self, "courses")

    def course(self, id: str) -> CourseClient:
        """One course; nothing is asked yet."""
        return CourseClient(self, id)

    def use(self) -> Use:
        """One's own sessions, what is left of the hours, and what was used."""
        return cast(Use, self.call("GET", "use"))

    def usage(self, query: UsageQuery | None = None) -> UsageAnswer:
        """What ended sessions used."""
        return cast(UsageAnswer, self.call("GET", "usage", query=query))

    def place(self) -> Place:
        """How one stands in line."""
        return cast(Place, self.call("GET", "line"))

    def join_line(self, wish: LineWish) -> Place:
        """Take a place for a server of one's own."""
        return cast(Place, self.call("POST", "line", wish))

    def leave_line(self) -> None:
        """Give one's place up."""
        self.call("DELETE", "line")

    def explain(self, query: ExplainQuery) -> Explained:
        """What somebody may start in a course, and why not the rest."""
        return cast(Explained, self.call("GET", "explain", query=query))

    def sources(self) -> Sequence[Source]:
        """Every source, and how its rosters stand; for administrators."""
        return cast(Sequence[Source], self.call("GET", "sources"))

    def sync(self, source: str, wish: SyncWish | None = None) -> SyncAnswer:
        """Read the rosters of a source now; for administrators."""
        path = f"sources/{quote(source, safe='')}/sync"
        return cast(SyncAnswer, self.call("POST", path, wish or {}))

    def document(self) -> dict[str, Any]:
        """The OpenAPI document of everything else that ``call`` can ask for."""
        return cast(dict[str, Any], self.call("GET", "openapi.json"))
