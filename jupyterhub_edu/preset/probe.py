"""Whether a campus works where it stands: sources, store, cluster, hub; asked once, changing nothing that lasts."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from jupyterhub_edu import campus, inventory
from jupyterhub_edu.authenticator import callback_path
from jupyterhub_edu.core import ForgetfulSafe, SealedSafe
from jupyterhub_edu.core.adjustments import Adjustments
from jupyterhub_edu.core.own_courses import OwnCourses
from jupyterhub_edu.core.sync import has_rosters
from jupyterhub_edu.domain.campus import SourceInfo
from jupyterhub_edu.domain.people import CourseRef
from jupyterhub_edu.domain.rules import map_course
from jupyterhub_edu.hub import HubSealer
from jupyterhub_edu.ports import IdentitySource, Safe, StoreError, Unavailable, utc_now
from jupyterhub_edu.store import SqlStore, open_store

from .places import pod_namespace
from .wire import make_sources

__all__ = ["callbacks", "probe"]

_MOST_NAMED: Final = 3


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
    async with _safe(loaded) as safe:
        for id, (_, source) in make_sources(loaded, safe).items():
            try:
                problems = await source.check()
                yield f"source {id}", problems or await _none_is_ours(loaded, id, source)
            finally:
                await source.close()
    yield "store", await _store_problems(loaded)
    if (out := await _desk_problems(loaded)) is not None:
        yield "set at the desk", out
    kind = loaded.settings.inventory
    for finding in await inventory.check(kind, loaded.campus.flavors, pod_namespace()):
        yield (finding.sentence, []) if finding.good else ("inventory", [finding.sentence])


@asynccontextmanager
async def _safe(loaded: campus.Loaded) -> AsyncIterator[Safe]:
    """What the hub has sealed, where its store and its key are at hand; else nothing."""
    sealer = HubSealer()
    store = await _readable_store(loaded) if sealer.has_key else None
    try:
        yield SealedSafe(store, sealer) if store else ForgetfulSafe()
    finally:
        if store:
            await store.close()


async def _readable_store(loaded: campus.Loaded) -> SqlStore | None:
    """The store, open to look at; None where it cannot be, which is told of the store itself."""
    try:
        store = open_store(loaded.settings.store_url, on_kubernetes=_in_a_pod(), read_only=True)
    except StoreError:
        return None
    try:
        await store.open()
    except StoreError:
        await store.close()
        return None
    return store


async def _none_is_ours(loaded: campus.Loaded, id: str, source: IdentitySource) -> list[str]:
    """A source that knows courses, none of which is one of the campus file."""
    info: SourceInfo = loaded.campus.sources[id]
    if not has_rosters(source) or not loaded.campus.courses:
        return []
    refs = await source.courses()  # type: ignore[attr-defined]
    if isinstance(refs, Unavailable):
        return [refs.why]
    index = loaded.campus.course_index
    if not refs or any(map_course(ref, info.courses, index) for ref in refs):
        return []
    some = ", ".join(map(_named, refs[:_MOST_NAMED]))
    return [
        f"none of its courses ({len(refs)}, such as {some}) is one of the campus file; compare the source's courses, and "
        "each course's key and codes"
    ]


def _named(ref: CourseRef) -> str:
    fields = [("id", ref.id), *ref.names]
    return " ".join(f"{field}={value[:100]!r}" for field, value in fields if value)


async def _store_problems(loaded: campus.Loaded) -> list[str]:
    """Look at the store as it is, beside a hub too; where there is none yet, whether one can be made."""
    url = loaded.settings.store_url
    if url is None and not Path("jupyterhub.sqlite").exists():  # noqa: ASYNC240 - the CLI has no other work
        return []
    if (seen := await _readable_store(loaded)) is not None:
        await seen.close()
        return []
    try:
        store = open_store(url, on_kubernetes=_in_a_pod())
        await store.open()
        await store.close()
    except StoreError as error:
        return [str(error)]
    return []


async def _desk_problems(loaded: campus.Loaded) -> list[str] | None:
    """What the desk has set and this file would leave out of force; None where nothing was set, or no store is there yet."""
    url = loaded.settings.store_url
    store = None
    if url is not None or Path("jupyterhub.sqlite").exists():  # noqa: ASYNC240 - the CLI has no other work
        store = await _readable_store(loaded)
    if store is None:
        return None
    try:
        desk = Adjustments(
            lambda: loaded.campus, lambda _: None, store, utc_now, campus.arranger(loaded)
        )
        await desk.load(await OwnCourses(store).load())
    except StoreError as error:
        return [str(error)]
    finally:
        await store.close()
    set_there = {f"{one.course}: {one.field}": desk.troubles(one) for one in desk.all()}
    set_there |= {f"the desk's own course {key}": () for key in desk.courses}
    set_there |= {f"the desk's own course {key}": why for key, why in desk.out_courses.items()}
    if not set_there:
        return None
    return [
        f"{what} would not be in force: {trouble.words}"
        for what, troubles in set_there.items()
        for trouble in troubles
    ]


def _in_a_pod() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ
