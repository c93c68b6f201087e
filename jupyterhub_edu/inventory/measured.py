"""What a Prometheus measures of devices, by the pods that hold them."""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

import aiohttp

__all__ = ["USUAL_QUERY", "MeasuredDevices", "read_vector"]

_log = logging.getLogger(__name__)
_USE: Final = (
    "max by (namespace, pod) (label_replace(label_replace("
    '(max_over_time(DCGM_FI_DEV_GPU_UTIL{GPU_I_ID=""}[%(time)s])'
    " or max_over_time(DCGM_FI_PROF_GR_ENGINE_ACTIVE[%(time)s])) <= 100,"
    ' "pod", "$1", "exported_pod", "(.+)"), "namespace", "$1", "exported_namespace", "(.+)"))'
)
"""The highest use of each pod's devices over a time.

A slice of a MIG device always has a utilization of 0, whatever it does: of slices only the engine's use counts. What an
exporter writes where it has no value is far above 100. Where a Prometheus keeps its own labels of an exporter
(``honor_labels: false``), the exporter's are called ``exported_``.

Source:
    NVIDIA, DCGM, field identifiers and blank values; DCGM exporter, issue 216. Prometheus, configuration, ``honor_labels``.
"""
_HIGHEST: Final = _USE % {"time": "$idle"}
_LATELY: Final = _USE % {"time": "5m"}
USUAL_QUERY: Final = (
    f"{_HIGHEST} > 0 or ({_HIGHEST} and"
    f" count_over_time({_LATELY}[$idle:2m]) == scalar(count_over_time(vector(1)[$idle:2m])))"
)
"""The highest use of each pod's devices, as NVIDIA's DCGM exporter tells it.

Use is told of whoever was seen to use theirs; no use only where the exporter has spoken of them all the time, but for gaps of up
to five minutes: what a Prometheus that was away has not seen is not known. It is looked at every two minutes of that time, so that
a thousand devices are answered for within seconds.
"""
_WITHIN: Final = 10.0
_MOST: Final = 4 << 20
_NOTHING: Final[Mapping[str, bool]] = MappingProxyType({})


class MeasuredDevices:
    """Implements ``ports.Devices`` by Prometheus's HTTP API.

    Always holds:
        - a call ends within ten seconds with at most 4 MiB read; redirects are not followed;
        - whatever is not a complete answer says nothing of any pod.

    Args:
        place: the server's address, the query, and how long a device may be idle, as the campus file in force has them;
            None: nothing is measured.
    """

    def __init__(
        self, place: Callable[[], tuple[str, str, timedelta] | None], within: float = _WITHIN
    ) -> None:
        self._place, self._within = place, within

    async def worked(self) -> Mapping[str, bool] | None:
        """Whether a pod's devices have been at work lately, by ``namespace/name``."""
        place = self._place()
        if place is None:
            return None
        url, query, idle_after = place
        seconds = int(idle_after.total_seconds())
        asked = {"query": query.replace("$idle", f"{seconds}s")}
        try:
            async with asyncio.timeout(self._within):
                body = await _fetch(f"{url.rstrip('/')}/api/v1/query", asked)
            return read_vector(json.loads(body))
        except TimeoutError:
            why = f"no answer within {self._within:g} s"
        except (aiohttp.ClientError, OSError, ValueError, RecursionError) as error:
            why = f"{type(error).__name__}: {error}"
        _log.warning("the use of devices is not known: %s: %s", url, why)
        return _NOTHING


async def _fetch(url: str, params: Mapping[str, str]) -> bytes:
    """One answer's body.

    Raises:
        ValueError: it is no answer, or too long.
    """
    async with (
        aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            headers={"Accept-Encoding": "identity"},
        ) as session,
        session.get(url, params=params, allow_redirects=False) as reply,
    ):
        body = bytearray()
        async for chunk in reply.content.iter_any():
            body += chunk
            if len(body) > _MOST:
                raise ValueError(f"more than {_MOST} octets")
        if reply.status != 200:
            raise ValueError(f"it answers {reply.status}: {bytes(body[:200])!r}")
        return bytes(body)


def read_vector(answer: Any) -> Mapping[str, bool]:
    """Read an instant vector with the labels ``namespace`` and ``pod``; anything above zero is work.

    Raises:
        ValueError: it is none.

    Source:
        Prometheus, HTTP API, "Instant queries" and "Instant vectors".
    """
    try:
        if answer["status"] != "success" or answer["data"]["resultType"] != "vector":
            raise ValueError(f"no instant vector: {answer.get('error', '')}")
        if answer.get("warnings"):
            raise ValueError(f"not all of it: {answer['warnings']}")
        found: dict[str, bool] = {}
        for sample in answer["data"]["result"]:
            labels, value = sample["metric"], float(sample["value"][1])
            if not math.isnan(value) and "pod" in labels and "namespace" in labels:
                pod = f"{labels['namespace']}/{labels['pod']}"
                found[pod] = found.get(pod, False) or value > 0
        return MappingProxyType(found)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"no instant vector: {type(error).__name__}") from None
