"""The REST API for administrators of the site: sources, rosters, and what is kept of a person."""

from __future__ import annotations

from collections.abc import Sequence

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.privacy import CannotErase, Dossier, erase, find_dossier
from jupyterhub_edu.domain.people import Person, SiteRole
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import StoreError
from jupyterhub_edu.wire import sources as wire

from .api import API
from .operations import operation
from .rates import EXPENSIVE
from .refusals import Code, DeskError
from .scopes import ADMIN
from .sources import has_rosters_of, source_json, sync_json, write_sync_down

__all__ = ["AdminAPI", "PersonAPI", "SourcesAPI", "SyncAPI", "admin_routes"]


class AdminAPI(API):
    """JSON for site admins alone, looked up anew for each request."""

    async def admin_core(self) -> tuple[Core, Person]:
        """The core, and the admin who asks.

        Raises:
            DeskError: it is not ready, or who asks is no site admin.
        """
        core, person = await self.who_asks()
        if core.roll.site_role(person) is not SiteRole.ADMIN:
            raise DeskError(Code.ADMINS_ONLY)
        return core, person


class SourcesAPI(AdminAPI):
    """``/hub/api/edu/sources``."""

    @operation(
        ADMIN,
        does="Every source: whether it answers, and how its rosters stand.",
        answers={200: list[wire.Source]},
        refuses={Code.ADMINS_ONLY},
    )
    async def get(self) -> None:
        """In the campus file's order."""
        core, _ = await self.admin_core()
        self.show([source_json(core, source) for source in core.campus.sources.values()])


class SyncAPI(AdminAPI):
    """``/hub/api/edu/sources/<source>/sync``."""

    @operation(
        ADMIN,
        does="Read the rosters of a source now, of one course or all; answers when it has been done.",
        takes=wire.SyncWish,
        answers={200: wire.SyncAnswer},
        refuses={Code.ADMINS_ONLY, Code.NO_SUCH_SOURCE, Code.NOT_WRITTEN},
        rate=EXPENSIVE,
    )
    async def post(self, source: str, *, wish: wire.SyncWish) -> None:
        """Only what the guard holds of one course can be accepted."""
        core, admin = await self.admin_core()
        course = self._course(core, wish.get("course"))
        accept, dry = wish.get("accept", False), wish.get("dry_run", False)
        if not has_rosters_of(core, source):
            raise DeskError(Code.NO_SUCH_SOURCE)
        if accept and (course is None or dry):
            raise DeskError(
                Code.UNREADABLE, say("Accept goes with one course, and without dry_run.")
            )
        if not dry:
            address = self.from_where
            await write_sync_down(core, admin, source, course, address, accept=accept)
        found = await core.syncer.run(source, course, accept=accept, dry=dry)
        self.show({"error": core.syncer.state(source).error, "courses": [*map(sync_json, found)]})

    @staticmethod
    def _course(core: Core, name: str | None) -> str | None:
        """A course by its id, key or code."""
        if name is None or name in core.campus.courses:
            return name
        named = core.campus.course_index.get(name.casefold(), ())
        if len(named) != 1:
            raise DeskError(Code.NO_SUCH_SOURCE)
        return named[0].id


class PersonAPI(AdminAPI):
    """``/hub/api/edu/people/<account or key>``."""

    @operation(
        ADMIN,
        does="Everything that is kept of somebody.",
        answers={200: wire.Dossier},
        refuses={Code.ADMINS_ONLY, Code.NO_SUCH_PERSON},
        rate=EXPENSIVE,
    )
    async def get(self, who: str) -> None:
        """By the name of their account or by a key."""
        core, _ = await self.admin_core()
        self.show((await self._find(core, who)).as_json())

    @operation(
        ADMIN,
        does="Erase somebody; the hub's own account and their files are not ours.",
        answers={200: wire.Erased},
        refuses={Code.ADMINS_ONLY, Code.NO_SUCH_PERSON, Code.NOT_ERASED},
    )
    async def delete(self, who: str) -> None:
        """By the name of their account or by a key."""
        core, admin = await self.admin_core()
        found = await self._find(core, who)
        address = self.from_where
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
        core.helps.forget(found.keys, found.hub_name, stand_in)
        await core.adjustments.forget(found.hub_name, stand_in)
        core.messages.forget(found.keys, found.hub_name, stand_in)
        core.imports.forget(found.keys, found.hub_name, stand_in)
        core.exams.forget(found.keys, found.hub_name, stand_in)
        core.joins.forget(found.keys, found.hub_name, stand_in)
        core.class_starts.forget(found.keys, found.hub_name, stand_in)
        core.sweeps.forget(found.hub_name, stand_in)
        core.requests.forget(found.keys, found.hub_name, stand_in)
        core.own_courses.forget(found.hub_name, stand_in)
        self.show({"erased_as": stand_in})

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
