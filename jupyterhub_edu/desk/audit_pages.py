"""The audit as a page with a filter, as files, and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from jupyterhub.scopes import needs_scope
from tornado import web
from tornado.iostream import StreamClosedError

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.ports import AuditQuery, StoreError
from jupyterhub_edu.wire import audit as wire
from jupyterhub_edu.wire.shapes import Page

from .admins import AdminPage, Admins
from .api import API
from .audit import entry_json, lines, read_asked, read_filter, row_of
from .operations import Media, operation
from .refusals import Code, DeskError
from .scopes import ADMIN, READ

__all__ = ["AuditAPI", "AuditExportAPI", "AuditFile", "AuditPage", "audit_routes"]

_PAGE: Final = 100
_TYPES: Final = {True: "text/csv; charset=utf-8", False: "application/x-ndjson"}


class AuditPage(AdminPage):
    """``/hub/edu/campus/audit``: the newest entries that are meant, and the older ones page by page."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self) -> None:
        """Filter and page stand in the address, so that a view can be passed on."""
        core, _ = await self.admin_for(Act.AUDIT)
        arguments = {name: self.get_query_argument(name) for name in self.request.query_arguments}
        shown, query = read_filter(core, arguments)
        cursor = arguments.get("before", "")
        before = (
            int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) < 19 else None
        )
        found = await _found(core, query, before, _PAGE + 1)
        rows = [row_of(core, one) for one in found[:_PAGE]]
        older = str(rows[-1].number) if len(found) > _PAGE else ""
        await self.show_campus(
            "audit",
            "audit.html",
            rows=rows,
            filter=shown,
            is_first=before is None,
            newest=self.address("campus", "audit", **shown.arguments),
            older=self.address("campus", "audit", **shown.arguments, before=older)
            if older
            else "",
            exports={
                name: self.address("campus", "audit", f"export.{name}", **shown.arguments)
                for name in ("csv", "json")
            },
            courses=[(one.id, one.title) for one in core.campus.courses.values()],
            zone=str(core.campus.zone),
        )


class _Streams(Admins):
    """Writes files of any length."""

    async def stream(self, core: Core, query: AuditQuery, *, as_csv: bool) -> None:
        """Send all entries that are meant; a browser that goes ends it."""
        handler: Any = self
        handler.set_header("Content-Type", _TYPES[as_csv])
        handler.set_header("Cache-Control", "no-store")
        name = f"audit.{'csv' if as_csv else 'json'}"
        handler.set_header("Content-Disposition", f'attachment; filename="{name}"')
        try:
            with suppress(StreamClosedError):
                async for part in lines(core, query, as_csv=as_csv):
                    handler.write(part)
                    await handler.flush()
        except StoreError as error:
            raise DeskError(Code.NOT_READY) from error


class AuditFile(_Streams, AdminPage):
    """``/hub/edu/campus/audit/export.csv`` and ``.json``: what the page's filter means, all of it."""

    @web.authenticated
    @needs_scope(READ)
    async def get(self, format: str) -> None:
        """A download."""
        core, _ = await self.admin_for(Act.AUDIT)
        arguments = {name: self.get_query_argument(name) for name in self.request.query_arguments}
        _, query = read_filter(core, arguments)
        await self.stream(core, query, as_csv=format == "csv")


class AuditAPI(Admins, API):
    """``/hub/api/edu/audit``."""

    @operation(
        ADMIN,
        does="What was done at the desk and by the system, newest first.",
        query=wire.AuditAsked,
        answers={200: Page[wire.AuditEntry]},
        refuses={Code.ADMINS_ONLY},
        act=Act.AUDIT,
    )
    async def get(self, *, asked: wire.AuditAsked) -> None:
        """Page by page."""
        core, _ = await self.admin_for(Act.AUDIT)
        query, before = read_asked(asked)
        size = asked.get("limit", _PAGE)
        found = await _found(core, query, before, size + 1)
        last = str(found[size - 1].number) if len(found) > size else None
        answer: Page[wire.AuditEntry] = {"items": [*map(entry_json, found[:size])], "next": last}
        self.show(answer)


class AuditExportAPI(_Streams, API):
    """``/hub/api/edu/audit/export``."""

    @operation(
        ADMIN,
        does="All entries of the audit that are meant, as one file: JSON, an entry a line, or CSV.",
        query=wire.AuditExport,
        answers={200: Media("application/x-ndjson")},
        refuses={Code.ADMINS_ONLY},
        act=Act.AUDIT,
    )
    async def get(self, *, asked: wire.AuditExport) -> None:
        """Sent as it is read."""
        core, _ = await self.admin_for(Act.AUDIT)
        query, _ = read_asked(asked)
        await self.stream(core, query, as_csv=asked.get("format") == "csv")


async def _found(core: Core, query: AuditQuery, before: int | None, limit: int) -> Sequence[Any]:
    try:
        return await core.store.find_audit(query, before=before, limit=limit)
    except StoreError as error:
        raise DeskError(Code.NOT_READY) from error


def audit_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/edu/campus/audit", AuditPage),
        (r"/edu/campus/audit/export\.(csv|json)", AuditFile),
        (r"/api/edu/audit", AuditAPI),
        (r"/api/edu/audit/export", AuditExportAPI),
    )
