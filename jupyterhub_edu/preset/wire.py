"""Ports meet adapters: from a loaded campus file and a running hub to the core and its timers."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from jupyterhub_edu import campus, desk
from jupyterhub_edu.core import Core, SealedSafe
from jupyterhub_edu.hub import (
    HubAccounts,
    HubGroups,
    HubSealer,
    HubServers,
    HubVisits,
    HubWatching,
    attach,
    attached,
)
from jupyterhub_edu.identity import SOURCE_TYPES, Surroundings
from jupyterhub_edu.inventory import (
    USUAL_QUERY,
    CountedInventory,
    Kind,
    MeasuredDevices,
    WatchedInventory,
    open_inventory,
)
from jupyterhub_edu.ports import CannotArrange, IdentitySource, Safe, StoreError, utc_now
from jupyterhub_edu.store import SqlStore, open_store
from jupyterhub_edu.warden import Timer, Warden, default_timers, roster_timers

from .places import pod_namespace

__all__ = ["Wiring", "make_sources"]

_log = logging.getLogger("jupyterhub_edu")
_LOOK_EVERY = 10.0


def make_sources(
    loaded: campus.Loaded,
    safe: Safe,
    former: Mapping[str, tuple[Any, IdentitySource]] | None = None,
) -> dict[str, tuple[Any, IdentitySource]]:
    """Make the sources of a campus file; one whose settings have not changed is kept with its connections."""
    sources = {}
    for id, settings in loaded.sources.items():
        kept = (former or {}).get(id)
        if kept is not None and kept[0] == settings:
            sources[id] = kept
        else:
            type_ = loaded.campus.sources[id].type
            sources[id] = (
                settings,
                SOURCE_TYPES[type_].make(id, settings, Surroundings(utc_now, safe)),
            )
    return sources


class Wiring:
    """Everything that is made once per hub process.

    Args:
        load: loads the campus file anew.
        loaded: the campus file as it was when the hub was configured.
        token: our service's API token.
        store, inventory: deviations from the campus file.
    """

    def __init__(
        self,
        load: Callable[[], campus.Loaded],
        loaded: campus.Loaded,
        token: str,
        *,
        store: str | None = None,
        inventory: Kind | None = None,
    ) -> None:
        self._load, self._loaded, self._token = load, loaded, token
        self._store_url = store or loaded.settings.store_url
        self._inventory_kind = inventory or loaded.settings.inventory
        self._store: SqlStore | None = None
        self._sealer = HubSealer()
        self._sources: dict[str, tuple[Any, IdentitySource]] = {}
        self._core: Core | None = None
        self._inventory: CountedInventory | WatchedInventory | None = None
        self._warden: Warden | None = None
        self._watch = campus.FileWatch(loaded.files)

    def store_holes(self, app: Any) -> list[str]:
        """Open the store before the hub opens its doors: a hub that cannot remember must not start."""
        attach(app)
        failure: list[StoreError] = []

        def open_it() -> None:
            try:
                self._store = self._make_store(app)
                asyncio.run(self._store.open())
            except StoreError as error:
                failure.append(error)

        thread = threading.Thread(target=open_it)
        thread.start()
        thread.join()
        return [f"the store cannot be used: {error}" for error in failure]

    def key_holes(self) -> list[str]:
        """Sources that keep secrets, in a hub that has nothing to seal them with."""
        return self._key_holes(self._loaded)

    def make_core(self) -> Core:
        """Make the core; on the hub's loop, once the hub is attached."""
        app = attached().app
        loaded = self._loaded
        store = self._store or self._make_store(app)
        self._sources = make_sources(loaded, SealedSafe(store, self._sealer))
        self._inventory = open_inventory(
            self._inventory_kind,
            loaded.campus.flavors,
            pod_namespace(_kubespawner(app).get("namespace", "")),
            tolerate=_tolerated(app),
        )
        self._core = Core(
            loaded.campus,
            sources={id: source for id, (_, source) in self._sources.items()},
            store=store,
            inventory=self._inventory,
            servers=HubServers(self._token),
            groups=HubGroups(),
            accounts=HubAccounts(),
            visits=HubVisits(),
            arrange=campus.arranger(loaded),
        )
        self._core.configuration = lambda: campus.settings_of(self._loaded)
        reload_timer = Timer("campus-file", _LOOK_EVERY, self._reload_if_changed)
        watching = HubWatching()
        self._core.book.on_end.append(watching.forget)
        timers = default_timers(self._core, watching, MeasuredDevices(self._measured))
        self._warden = Warden(self._core, [*timers, reload_timer])
        self._warden.keep_beside(roster_timers(self._core))
        self._core.begin().add_done_callback(self._begun)
        return self._core

    async def reload(self) -> bool:
        """Put a changed campus file in force, as a whole or not at all.

        Returns:
            Whether the new file is in force.
        """
        assert self._core is not None  # noqa: S101 - only the warden and the signal call this, after make_core
        async with self._core.adjustments.turn:
            return await self._reload(self._core)

    async def _reload(self, core: Core) -> bool:
        try:
            loaded = await asyncio.to_thread(self._load)
            weighed = await core.adjustments.weigh(arrange=campus.arranger(loaded))
        except (campus.CampusError, CannotArrange) as error:
            _log.error("the campus file has mistakes; the former one stays in force:\n%s", error)
            return False
        if holes := self._key_holes(loaded):
            _log.error("the former campus file stays in force: %s", "; ".join(holes))
            return False
        safe = SealedSafe(core.store, self._sealer)
        self._sources = make_sources(loaded, safe, self._sources)
        core.adjustments.take(weighed)
        gone = core.replace_campus(
            weighed.arranged.campus, {id: source for id, (_, source) in self._sources.items()}
        )
        self._loaded, self._watch = loaded, campus.FileWatch(loaded.files)
        if self._warden is not None:
            self._warden.keep_beside(roster_timers(core))
        if self._inventory is not None:
            self._inventory.set_flavors(loaded.campus.flavors)
        for source in gone:
            await source.close()
        _log.info("the campus file was reloaded: %d courses", len(loaded.campus.courses))
        return True

    def _measured(self) -> tuple[str, str, timedelta] | None:
        """Where the use of devices is measured, with which query, and within which time."""
        place, idle_after = self._loaded.settings.device_metrics, self._loaded.campus.idle_after
        if place is None or idle_after is None:
            return None
        url, query = place
        return url, query or USUAL_QUERY, idle_after

    def _key_holes(self, loaded: campus.Loaded) -> list[str]:
        kinds = {id: source.type for id, source in loaded.campus.sources.items()}
        needing = [id for id, kind in kinds.items() if SOURCE_TYPES[kind].needs_safe]
        if not needing or self._sealer.has_key:
            return []
        return [
            f"the hub has no key to seal what it must remember of {', '.join(needing)}; set JUPYTERHUB_CRYPT_KEY in "
            "its environment (openssl rand -hex 32), the same at every start; the z2jh chart makes one by itself"
        ]

    async def _reload_if_changed(self) -> None:
        if self._watch.changed():
            await self.reload()

    def _begun(self, task: asyncio.Task[None]) -> None:
        """The core is ready: let the timers run. A core that cannot start ends the hub."""
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            _log.critical("jupyterhub-edu cannot start: %s", error, exc_info=error)
            os.kill(os.getpid(), signal.SIGTERM)
            return
        if self._warden is not None:
            self._warden.start()
        desk.compile_templates(attached().app.tornado_settings)
        # What is loaded by now stays. Looked through again and again for garbage, it would hold every request up for up to
        # half a second at a time.
        gc.freeze()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, lambda: loop.create_task(self.reload()))

    def _make_store(self, app: Any) -> SqlStore:
        return open_store(
            self._store_url,
            hub_db_url=app.db_url,
            on_kubernetes="KUBERNETES_SERVICE_HOST" in os.environ,
        )


def _kubespawner(app: Any) -> Any:
    """KubeSpawner's section of the hub's configuration; empty where there is none."""
    return app.config.get("KubeSpawner", {})


def _tolerated(app: Any) -> list[str]:
    """Keys of taints that every pod of the hub tolerates."""
    configured = _kubespawner(app).get("tolerations") or []
    listed = configured.values() if isinstance(configured, dict) else configured
    return [toleration["key"] for toleration in listed if "key" in toleration]
