"""``jupyterhub-edu person``: everything that is kept of somebody, to be handed over or erased."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jupyterhub_edu import campus
from jupyterhub_edu.campus import CampusError
from jupyterhub_edu.identity import SOURCE_TYPES
from jupyterhub_edu.ports import StoreError, utc_now

from .check import print_mistakes
from .hub import HubSaysNo, ask_hub, is_a_hub_named
from .output import BAD, GOOD, NOTE, say, say_json

__all__ = ["erase_person", "export_person"]


class Nobody(Exception):
    """Nothing is kept of such a person."""


def export_person(file: Path | None, who: str) -> bool:
    """Print everything that is kept of somebody, as JSON, and say whether there was anything."""
    try:
        say_json(asyncio.run(_export(file, who)))
    except Exception as error:
        return _failed(error)
    return True


def erase_person(file: Path | None, who: str, *, sure: bool) -> bool:
    """Erase somebody after a question, and say whether it was done."""
    import typer

    if not sure:
        say(("This cannot be taken back. ", NOTE), "The hub's own account and files stay.")
        if not typer.confirm(f"Erase everything that is kept of {who}?", default=False, err=True):
            return False
    try:
        stand_in = asyncio.run(_erase(file, who))
    except Exception as error:
        return _failed(error)
    say((f"{who} is erased", GOOD), f"; sessions and the audit call them {stand_in}")
    return True


async def _export(file: Path | None, who: str) -> Any:
    if is_a_hub_named():
        return await ask_hub("GET", f"people/{quote(who, safe='')}")
    from jupyterhub_edu.core.privacy import find_dossier
    from jupyterhub_edu.preset import offline

    async with offline(_load(file), read_only=True) as world:
        found = await find_dossier(world.roll, world.store, who)
    if found is None:
        raise Nobody(f"nothing is kept of {who}")
    return found.as_json()


async def _erase(file: Path | None, who: str) -> str:
    if is_a_hub_named():
        answer = await ask_hub("DELETE", f"people/{quote(who, safe='')}")
        return str(answer["erased_as"])
    from jupyterhub_edu.core.privacy import erase, find_dossier
    from jupyterhub_edu.preset import offline

    async with offline(_load(file), read_only=False) as world:
        found = await find_dossier(world.roll, world.store, who)
        if found is None:
            raise Nobody(f"nothing is kept of {who}")
        return await erase(world.roll, world.store, found, utc_now)


def _load(file: Path | None) -> campus.Loaded:
    if file is None:
        raise Nobody(
            "name the campus file with --campus, or a running hub with JUPYTERHUB_API_URL and JUPYTERHUB_API_TOKEN"
        )
    return campus.load(file, SOURCE_TYPES, need_secrets=False)


def _failed(error: Exception) -> bool:
    """Say what went wrong in words; what nobody foresaw is raised again."""
    from jupyterhub_edu.core.privacy import CannotErase

    if isinstance(error, CampusError):
        print_mistakes(error.mistakes)
    elif isinstance(error, HubSaysNo | Nobody | StoreError | CannotErase):
        say((str(error), BAD), error=True)
    else:
        raise error
    return False
