"""Microsoft Graph: what it says, whole or not at all, within one budget."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from jupyterhub_edu.core.patience import Patience
from jupyterhub_edu.identity.web import NoAnswer, Reply, Web

from .budget import Budget

__all__ = ["Bearer", "Forbidden", "Graph", "NotThere", "text"]

_MOST_PAGES: Final = 1_000
_EVENTUAL: Final = {"ConsistencyLevel": "eventual"}
_MEMBERSHIPS: Final = 2
"""Units of one page of memberships; that ``$select`` may make it cheaper is not counted on."""
_CHANGES: Final = 2
"""Units of one page of changes, as of a page of people; what it really costs is not published."""


class NotThere(Exception):
    """Graph says that the tenant has no such object."""


class Forbidden(NoAnswer):
    """Graph does not show this to who asks."""


class Bearer(Protocol):
    """Whose access token a question is asked with."""

    async def token(self) -> str:
        """A token that should be good.

        Raises:
            NoAnswer: there is none to be had.
        """
        ...

    def reject(self, token: str) -> bool:
        """Graph does not take this token; whether another may be had."""
        ...


class Graph:
    """One source's questions to Graph, as whomever it speaks for.

    Always holds:
        - a list is complete, or there is none;
        - tokens go to Graph's own origin only, whatever stands in an answer.

    Source:
        user-list-transitivememberof.md, educationuser-list-taughtclasses.md, throttling.md, paging.md.
    """

    def __init__(self, web: Web, url: str, budget: Budget) -> None:
        self._web, self._base, self._budget = web, f"{url}/v1.0", budget

    async def groups_of(self, object_id: str, bearer: Bearer, patience: float) -> frozenset[str]:
        """Ids of the groups that somebody is in, directly or not.

        Raises:
            NoAnswer, NotThere
        """
        path = f"/users/{object_id}/transitiveMemberOf/microsoft.graph.group"
        query = {"$select": "id", "$count": "true", "$top": "999"}
        rows = await self.list_of(path, query, bearer, patience, units=_MEMBERSHIPS)
        return frozenset(text(row, "id").lower() for row in rows)

    async def list_of(
        self,
        path: str,
        query: Mapping[str, str],
        bearer: Bearer,
        patience: float,
        *,
        units: int = 1,
        aside: bool = False,
    ) -> list[Mapping[str, Any]]:
        """Every page of a list.

        Args:
            path: below ``/v1.0``.
            patience: seconds for all pages together.
            units: cost of each page.
            aside: nobody waits for this.

        Raises:
            NoAnswer: a page is missing, or the list has no end.
            NotThere: the tenant has no such object.
        """
        found, _ = await self._pages(path, query, bearer, patience, units=units, aside=aside)
        return found

    async def changes(
        self, where: str, query: Mapping[str, str] | None, bearer: Bearer, patience: float
    ) -> tuple[list[Mapping[str, Any]], str]:
        """Every page of what has changed, and where to ask for what will change from now on.

        Args:
            where: path of a delta function, below ``/v1.0``; or what an earlier call returned, and then without a query.
            patience: seconds for all pages together.

        Raises:
            NoAnswer: a page is missing, or Graph no longer knows from where to count (410).
            NotThere: the tenant has no such object.

        Source:
            delta-query-overview.md; group-delta.md; user-delta.md.
        """
        found, last = await self._pages(where, query, bearer, patience, units=_CHANGES, aside=True)
        link = self._link(last, "@odata.deltaLink", where)
        if link is None:
            raise NoAnswer("Graph's list of changes does not say how to go on")
        return found, link

    async def one(
        self, path: str, query: Mapping[str, str], bearer: Bearer, patience: float
    ) -> Mapping[str, Any]:
        """One object, or the first page of a list.

        Raises:
            NoAnswer, NotThere
        """
        url = f"{self._base}{path}"
        async with _limit(path, patience) as limit:
            return await self._get(url, query, bearer, limit, units=2, aside=False)

    async def _pages(
        self,
        where: str,
        query: Mapping[str, str] | None,
        bearer: Bearer,
        patience: float,
        *,
        units: int,
        aside: bool,
    ) -> tuple[list[Mapping[str, Any]], Mapping[str, Any]]:
        """The rows of all pages, and the last page."""
        found: list[Mapping[str, Any]] = []
        seen: set[str] = set()
        path = where.removeprefix(self._base).partition("?")[0]
        url: str | None = where if where.startswith(f"{self._base}/") else f"{self._base}{where}"
        page: Mapping[str, Any] = {}
        params = query
        async with _limit(path, patience) as limit:
            while url:
                if url in seen or len(seen) >= _MOST_PAGES:
                    raise NoAnswer(f"Graph's list {path} has no end")
                seen.add(url)
                page = await self._get(url, params, bearer, limit, units=units, aside=aside)
                rows, params = page.get("value"), None
                if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
                    raise NoAnswer(f"Graph's list {path} is none")
                found += rows
                url = self._link(page, "@odata.nextLink", path)
        return found, page

    def _link(self, page: Mapping[str, Any], name: str, path: str) -> str | None:
        """An address to go on at, followed as it is, if it is Graph's."""
        url = page.get(name)
        if url is None:
            return None
        if not isinstance(url, str) or not url.startswith(f"{self._base}/"):
            raise NoAnswer(f"Graph's list {path} goes on at another place, which is not followed")
        return url

    async def _get(
        self,
        url: str,
        params: Mapping[str, str] | None,
        bearer: Bearer,
        limit: Patience,
        *,
        units: int,
        aside: bool,
    ) -> Mapping[str, Any]:
        rejected = False
        while True:
            token = await bearer.token()
            await self._budget.take(units, limit.left(), aside=aside)
            headers = {
                **_EVENTUAL,
                "Authorization": f"Bearer {token}",
                "x-ms-throttle-priority": "low" if aside else "high",
            }
            left = max(limit.left(), 0.05)
            reply = await self._web.get(url, params=params, headers=headers, deadline=left)
            if reply.status == 429:
                self._budget.refused(reply.headers.get("Retry-After"))
            elif reply.status == 401 and not rejected and bearer.reject(token):
                rejected = True
            else:
                self._budget.heard()
                return _content(reply)


@asynccontextmanager
async def _limit(path: str, seconds: float) -> AsyncIterator[Patience]:
    """For so many seconds; whatever takes longer is no answer."""
    try:
        async with Patience(seconds) as limit:
            yield limit
    except TimeoutError:
        raise NoAnswer(f"Graph does not answer about {path} within {seconds:.3g} s") from None


def _content(reply: Reply) -> Mapping[str, Any]:
    place = urlsplit(reply.url).path
    if reply.status == 403:
        raise Forbidden(f"Graph does not show {place}; a permission is missing", 403)
    content = reply.json()
    if not isinstance(content, Mapping):
        raise NoAnswer(f"Graph's answer about {place} makes no sense")
    if reply.status == 404 and _code(content) == "Request_ResourceNotFound":
        raise NotThere(place)
    if reply.status != 200:
        raise NoAnswer(f"Graph answers {reply.status} about {place}", reply.status)
    return content


def _code(content: Mapping[str, Any]) -> object:
    error = content.get("error")
    return error.get("code") if isinstance(error, Mapping) else None


def text(row: Mapping[str, Any], key: str) -> str:
    """A text of a row that must be there.

    Raises:
        NoAnswer: it is not.
    """
    found = row.get(key)
    if not isinstance(found, str) or not found:
        raise NoAnswer(f"Graph's list has a row without {key}")
    return found
