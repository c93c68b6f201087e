"""Graph's delta functions for groups and people: what has changed since a token was given out.

Copied from what is published: ``$deltatoken=latest`` counts from now, ``$select`` is part of the token, relationships come
as ``members@delta`` with ``@removed`` for who is gone, changes come in pages, a token that is not known any more is 410.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from .directory import Tenant, User
from .http import Request

_State = Mapping[str, Mapping[str, Any]]
"""What was selected of each object, by id."""


class Changes:
    """The tokens that are out.

    Attributes:
        page: most objects of a page.
    """

    def __init__(self, origin: Callable[[], str]) -> None:
        self._origin = origin
        self._given: dict[str, tuple[str, list[str], _State]] = {}
        self._rest: dict[str, tuple[list[dict[str, Any]], str]] = {}
        self.page = 200

    def forget(self) -> None:
        """Know none of the tokens any more."""
        self._given.clear()

    def answer(self, request: Request, path: str, tenant: Tenant) -> dict[str, Any] | None:
        """One page; None for a token that is not known."""
        skip = request.query.get("$skiptoken", "")
        if skip:
            rows, token = self._rest.pop(skip, ([], ""))
            return self._page(request.path, rows, token) if token else None
        token = request.query.get("$deltatoken", "")
        before: _State = {}
        selected = request.query.get("$select", "").split(",")
        if token and token != "latest":
            if token not in self._given:
                return None
            of, selected, before = self._given[token]
            assert of == path
        now = _STATES[path](tenant, selected)
        new = secrets.token_hex(8)
        self._given[new] = (path, selected, now)
        rows = [] if token == "latest" else list(_rows(before, now))
        return self._page(request.path, rows, new)

    def _page(self, path: str, rows: list[dict[str, Any]], token: str) -> dict[str, Any]:
        where = f"{self._origin()}{path}"
        content: dict[str, Any] = {"value": rows[: self.page]}
        if rest := rows[self.page :]:
            skip = secrets.token_hex(8)
            self._rest[skip] = rest, token
            return {"@odata.nextLink": f"{where}?$skiptoken={skip}", **content}
        return {"@odata.deltaLink": f"{where}?$deltatoken={token}", **content}


def _rows(before: _State, now: _State) -> Any:
    for id in sorted(before.keys() - now.keys()):
        yield {"id": id, "@removed": {"reason": "changed"}}
    for id, values in now.items():
        former = before.get(id, {})
        if former != values:
            yield {"id": id, **dict(_shown(former, values))}


def _shown(former: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    for name, value in values.items():
        if not isinstance(value, frozenset):
            yield name, value
            continue
        known = former.get(name, frozenset())
        gone = [{"id": id, "@removed": {"reason": "deleted"}} for id in sorted(known - value)]
        if moves := [*gone, *({"id": id} for id in sorted(value - known))]:
            kind = {"@odata.type": "#microsoft.graph.user"}
            yield f"{name}@delta", [kind | move for move in moves]


def _groups(tenant: Tenant, selected: list[str]) -> _State:
    members: dict[str, set[str]] = {id: set() for id in tenant.groups}
    for user in tenant.users.values():
        for id in user.groups:
            members[id].add(user.id)
    owners: dict[str, set[str]] = {}
    for id, found in tenant.classes.items():
        # A class is its group; a test may change the one without the other.
        members[id], owners[id] = set(found.members), set(found.teachers)
    return {
        id: {
            name: frozenset(values)
            for name, values in (("members", members[id]), ("owners", owners.get(id, ())))
            if name in selected
        }
        for id in tenant.groups
    }


def _users(tenant: Tenant, selected: list[str]) -> _State:
    def shown(user: User) -> dict[str, Any]:
        return {
            "accountEnabled": user.enabled,
            "displayName": user.name,
            "userPrincipalName": user.upn,
        }

    return {
        user.id: {name: value for name, value in shown(user).items() if name in selected}
        for user in tenant.users.values()
    }


_STATES: Mapping[str, Callable[[Tenant, list[str]], _State]] = {
    "/groups/delta": _groups,
    "/users/delta": _users,
}
