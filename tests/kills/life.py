"""One server's life in a process of its own: asked for, started, seen running, stopped; and the nursery of such processes.

    python -m tests.kills.life

reads a line of JSON for each life: where the store is, where the API listens, at which place to end by SIGKILL. It answers
each with a line: the signal that ended it, or the places that were passed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import kubespawner
from kubernetes_asyncio.client import CoreV1Api

import jupyterhub_edu
from jupyterhub_edu.core import Core, provide
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.courses import Quota
from jupyterhub_edu.inventory import WatchedInventory
from jupyterhub_edu.inventory.api import Api
from jupyterhub_edu.inventory.watch import Pace
from jupyterhub_edu.ports import utc_now
from jupyterhub_edu.spawner import EduSpawner
from jupyterhub_edu.store import open_store
from tests.fakes.campus import T4, a_campus, a_core, a_course, a_profile
from tests.fakes.kube import an_account, spawn, stop
from tests.fakes.kubernetes_api import HOME, connect_client
from tests.kills.places import Place, Places

__all__ = ["ASKED", "a_hub", "campus"]

ASKED = {"course": "ml", "profile": "gpu"}
PACKAGES = tuple(Path(module.__path__[0]) for module in (jupyterhub_edu, kubespawner))
_PACE = Pace(watch=30)


def campus(devices: int) -> Campus:
    """One course that owns all devices."""
    flavor = replace(T4, count=None)
    profiles = [a_profile(), a_profile("gpu", flavor=flavor)]
    return a_campus(courses=[a_course(quota={"t4": Quota(devices, 0)})], profiles=profiles)


@asynccontextmanager
async def a_hub(
    store: Path,
    socket: str,
    devices: int,
    clock: Callable[[], datetime] = utc_now,
) -> AsyncIterator[Core]:
    """The core of a hub on a SQLite file and the fake API; closed at the end."""

    async def connect() -> Api:
        return Api(await connect_client(socket), answer_seconds=30)

    here = campus(devices)
    # Its proofs lie ahead, so that a clock that is put forward does not make it stale.
    inventory = WatchedInventory(
        "cluster",
        here.flavors,
        HOME,
        connect=connect,
        clock=lambda: utc_now() + timedelta(days=1),
        pace=_PACE,
    )
    kept = open_store(f"sqlite:///{store}", clock=clock)
    core = a_core(here, store=kept, inventory=inventory, clock=clock)
    try:
        yield core
    finally:
        await core.close()


async def _live(store: Path, socket: str, devices: int, places: Places) -> None:
    client = await connect_client(socket)
    api = CoreV1Api(client)
    with (
        patch("kubespawner.spawner.load_config", lambda **how: None),
        patch("kubespawner.spawner.shared_client", lambda kind: api),
        patch("kubespawner.reflector.shared_client", lambda kind: api),
    ):
        async with a_hub(store, socket, devices) as core:
            await core.ready()
            provide(lambda: core)
            spawner = EduSpawner(
                _mock=True,
                user=an_account("ada"),
                authenticator=SimpleNamespace(jupyterhub_edu=True),
                namespace=HOME,
                events_enabled=False,
                k8s_api_request_timeout=60,  # on a busy machine too, one request makes the pod
            )
            spawner.handler = SimpleNamespace(settings={})
            with places.watching():
                await spawn(spawner, dict(ASKED))
                await core.book.settle()
                await stop(spawner)
                await core.book.settle()
            await spawner._stop_all_reflectors()
    await client.close()


def _be_born(store: str, socket: str, devices: int, kill_at: list[Any] | None) -> list[Place]:
    places = Places(PACKAGES, Place(*kill_at) if kill_at else None)
    asyncio.run(_live(Path(store), socket, devices, places))
    return places.found


def _fork(asked: dict[str, Any]) -> dict[str, Any]:
    """Live one life in a child, which has all that was imported here; nothing runs in this process meanwhile."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            found = _be_born(**asked)
            os.write(writing, json.dumps(found).encode())
            code = 0
        except BaseException:
            logging.exception("a life went wrong")
        finally:
            os._exit(code)
    os.close(writing)
    with open(reading, "rb") as told:
        places = told.read()
    _, status = os.waitpid(child, 0)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "places": json.loads(places) if places else [],
    }


def main() -> None:
    logging.basicConfig(level=logging.ERROR)
    for line in sys.stdin:
        print(json.dumps(_fork(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
