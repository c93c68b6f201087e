"""Asking a hub that runs, by its REST API, with the token of an administrator."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

__all__ = ["HubSaysNo", "ask_hub", "is_a_hub_named"]

_URL: Final = "JUPYTERHUB_API_URL"
_TOKEN: Final = "JUPYTERHUB_API_TOKEN"  # noqa: S105 - the name of a variable


class HubSaysNo(Exception):
    """The hub refused, or does not answer; the text says why."""


def is_a_hub_named() -> bool:
    """Whether the environment names a hub and a token for it."""
    return bool(os.environ.get(_URL) and os.environ.get(_TOKEN))


async def ask_hub(method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Call one of our addresses and give back the JSON.

    Args:
        path: below ``edu/``, quoted.

    Raises:
        HubSaysNo: it refused, or does not answer.
    """
    import aiohttp

    url = os.environ[_URL].rstrip("/")
    headers = {"Authorization": f"token {os.environ[_TOKEN]}"}
    if urlsplit(url).scheme not in {"http", "https"}:
        raise HubSaysNo(f"{_URL} is no http or https address")
    # A sync of many courses takes minutes; only the connection must not.
    patience = aiohttp.ClientTimeout(total=None, connect=10)
    try:
        async with (
            aiohttp.ClientSession(headers=headers, timeout=patience) as session,
            session.request(
                method, f"{url}/edu/{path}", json=body, allow_redirects=False
            ) as response,
        ):
            if response.status == 204:
                return None
            answer = await response.json()
            if response.status >= 300:
                raise HubSaysNo(str(answer.get("message") or f"status {response.status}"))
            return answer
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise HubSaysNo(f"the hub does not answer at {url}: {error}") from error
