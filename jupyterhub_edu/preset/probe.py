"""Whether a campus works where it stands: sources, store, cluster, hub; asked once, changing nothing that lasts."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

from jupyterhub_edu import campus, inventory
from jupyterhub_edu.authenticator import callback_path
from jupyterhub_edu.core import ForgetfulSafe
from jupyterhub_edu.ports import StoreError
from jupyterhub_edu.store import open_store

from .places import pod_namespace
from .wire import make_sources

__all__ = ["callbacks", "probe"]


def callbacks(loaded: campus.Loaded) -> dict[str, str]:
    """What to register as redirect URI at each source to which browsers go: by its id, the path on the hub's host.

    Args:
        loaded: a campus file without mistakes; nothing is asked.
    """
    sources = make_sources(loaded, ForgetfulSafe())
    going = [id for id, (_, source) in sources.items() if source.shape == "redirect"]
    return {id: f"/hub/{callback_path(id)}" for id in going}


async def probe(loaded: campus.Loaded) -> AsyncIterator[tuple[str, list[str]]]:
    """Ask everything that the campus file names.

    Args:
        loaded: a campus file without mistakes.

    Yields:
        What was asked (``source ad``, ``store``, ``inventory: cluster``, ...) and the problems found, as sentences;
        none when all is well.
    """
    for id, (_, source) in make_sources(loaded, ForgetfulSafe()).items():
        try:
            yield f"source {id}", await source.check()
        finally:
            await source.close()
    yield "store", await _store_problems(loaded)
    kind = loaded.settings.inventory
    for finding in await inventory.check(kind, loaded.campus.flavors, pod_namespace()):
        yield (finding.sentence, []) if finding.good else ("inventory", [finding.sentence])


async def _store_problems(loaded: campus.Loaded) -> list[str]:
    """A hub that runs holds the store, which is no problem but is said."""
    url = loaded.settings.store_url
    if url is None and not Path("jupyterhub.sqlite").exists():  # noqa: ASYNC240 - the CLI has no other work
        return []
    try:
        store = open_store(url, on_kubernetes="KUBERNETES_SERVICE_HOST" in os.environ)
        await store.open()
        await store.close()
    except StoreError as error:
        return [str(error)]
    return []
