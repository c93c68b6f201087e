"""The REST API for administrators of the site: sources, rosters, and what is kept of a person."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from jupyterhub.scopes import needs_scope

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.privacy import CannotErase, Dossier, erase, find_dossier
from jupyterhub_edu.domain.people import Person, SiteRole
from jupyterhub_edu.ports import AuditEntry, StoreError

from .api import API
from .refusals import Code, DeskError
from .scopes import MANAGE, READ
from .sources import source_json, sync_json

__all__ = ["AdminAPI", "PersonAPI", "SourcesAPI", "SyncAPI", "admin_routes"]

_WISHES = {"course": str, "accept": bool, "dry_run": bool}


class AdminAPI(API):
    """JSON for site admins alone, looked up anew for each request."""

    async def admin_core(self) -> tuple[Core, Person]:
        """The core, and the admin who asks.

        Raises:
            DeskError: it is not ready, or who asks is no site admin.
        """
        core = await self.ready_core()
        person = self.require_person(core)
        if core.roll.site_role(person) is not SiteRole.ADMIN:
            raise DeskError(Code.ADMINS_ONLY)
        return core, person


class SourcesAPI(AdminAPI):
    """``/hub/api/edu/sources``."""

    @needs_scope(READ)
    async def get(self) -> None:
        """Every source: whether it answers, and how its rosters stand."""
        core, _ = await self.admin_core()
        found = [source_json(core, source) for source in core.campus.sources.values()]
        self.write(json.dumps(found))


class SyncAPI(AdminAPI):
    """``/hub/api/edu/sources/<source>/sync``."""

    @needs_scope(MANAGE)
    async def post(self, source: str) -> None:
        """Read the rosters of a source now, of one course or all; answers when it has been done."""
        core, admin = await self.admin_core()
        wish = self._wish()
        course = self._course(core, wish.get("course"))
        accept, dry = wish.get("accept", False), wish.get("dry_run", False)
        if source not in {info.id for info in core.syncer.sources()}:
            raise DeskError(Code.NO_SUCH_SOURCE)
        if accept and (course is None or dry):
            raise DeskError(Code.UNREADABLE)
        if not dry:
            await self._write_down(core, admin, source, course, accept=accept)
        found = await core.syncer.run(source, course, accept=accept, dry=dry)
        answer = {"error": core.syncer.state(source).error, "courses": [*map(sync_json, found)]}
        self.write(json.dumps(answer))

    def _wish(self) -> dict[str, Any]:
        try:
            wish = json.loads(self.request.body or b"{}")
        except ValueError:
            wish = None
        known = isinstance(wish, dict) and all(
            isinstance(value, _WISHES.get(key, ())) for key, value in wish.items()
        )
        if not known:
            raise DeskError(Code.UNREADABLE)
        return dict(wish)

    @staticmethod
    def _course(core: Core, name: str | None) -> str | None:
        """A course by its id, key or code."""
        if name is None or name in core.campus.courses:
            return name
        named = core.campus.course_index.get(name.casefold(), ())
        if len(named) != 1:
            raise DeskError(Code.NO_SUCH_SOURCE)
        return named[0].id

    async def _write_down(
        self, core: Core, admin: Person, source: str, course: str | None, *, accept: bool
    ) -> None:
        entry = AuditEntry(
            core.clock(),
            admin.hub_name,
            "accept-roster" if accept else "sync",
            course=course or "",
            address=self.request.remote_ip or "",
            details={"source": source},
        )
        try:
            await core.store.append_audit(entry)
        except StoreError as error:
            raise DeskError(Code.NOT_WRITTEN) from error


class PersonAPI(AdminAPI):
    """``/hub/api/edu/people/<account or key>``."""

    @needs_scope(READ)
    async def get(self, who: str) -> None:
        """Everything that is kept of somebody."""
        core, _ = await self.admin_core()
        self.write(json.dumps((await self._find(core, who)).as_json()))

    @needs_scope(MANAGE)
    async def delete(self, who: str) -> None:
        """Erase somebody; the hub's own account and their files are not ours."""
        core, admin = await self.admin_core()
        found = await self._find(core, who)
        address = self.request.remote_ip or ""
        try:
            stand_in = await erase(
                core.roll, core.store, found, core.clock, admin.hub_name, address
            )
        except (CannotErase, StoreError) as error:
            self.log.warning("%s was not erased: %s", who, error)
            raise DeskError(Code.NOT_ERASED) from error
        core.ledger.forget(found.hub_name)
        core.spared.forget(found.hub_name)
        core.grants.forget(found.keys, found.hub_name, stand_in)
        core.exams.forget(found.keys, found.hub_name, stand_in)
        core.requests.forget(found.keys, found.hub_name, stand_in)
        self.write(json.dumps({"erased_as": stand_in}))

    async def _find(self, core: Core, who: str) -> Dossier:
        found = await find_dossier(core.roll, core.store, who)
        if found is None:
            raise DeskError(Code.NO_SUCH_PERSON)
        return found


def admin_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    return (
        (r"/api/edu/sources", SourcesAPI),
        (r"/api/edu/sources/([^/]+)/sync", SyncAPI),
        (r"/api/edu/people/([^/]+)", PersonAPI),
    )
