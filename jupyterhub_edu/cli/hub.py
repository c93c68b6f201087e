"""Asking a hub that runs, by the client, with the rights of the token in the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from jupyterhub_edu.client import Client, Refused, Unreachable
from jupyterhub_edu.client.calling import TOKEN, URL

__all__ = ["HubSaysNo", "ask_hub", "is_a_hub_named"]


class HubSaysNo(Exception):
    """The hub refused, or does not answer; the text says why."""


def is_a_hub_named() -> bool:
    """Whether the environment names a hub and a token for it."""
    return bool(os.environ.get(URL) and os.environ.get(TOKEN))


async def ask_hub(method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Call one of our addresses and give back the JSON.

    Args:
        path: below ``edu/``, quoted.

    Raises:
        HubSaysNo: it refused, or does not answer.
    """
    # A sync of many courses takes minutes. Nothing else runs meanwhile, so that it may block.
    try:
        return Client(timeout=None).call(method, path, body)
    except (Refused, Unreachable, ValueError) as error:
        raise HubSaysNo(str(error)) from error
