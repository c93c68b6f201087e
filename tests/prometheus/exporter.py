"""A fake of NVIDIA's DCGM exporter: its names, labels and format, and no device behind them.

Source:
    NVIDIA, DCGM exporter: ``etc/default-counters.csv``, the labels of its Kubernetes mode (``namespace``, ``pod``,
    ``container``) and of slices (``GPU_I_ID``, ``GPU_I_PROFILE``).
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

__all__ = ["BLANK", "ENGINE", "UTIL", "FakeExporter", "Told", "page", "past"]

UTIL: Final = "DCGM_FI_DEV_GPU_UTIL"
ENGINE: Final = "DCGM_FI_PROF_GR_ENGINE_ACTIVE"
BLANK: Final = 9223372036854775794.0
"""What older exporters write where a device has no value."""
_STEP: Final = 0.5
"""Minutes between two samples of the past."""
_LONGEST: Final = 20.0


@dataclass(frozen=True)
class Told:
    """What an exporter tells of one device, or of one slice of it.

    Attributes:
        use: its use so many minutes ago, or None where nothing was told; 0 minutes ago is now.
        metric: the name of the metric.
        slice: the number of a MIG device's slice; ``""``: a whole device.
        exporter: which exporter tells it.
        pod: who holds the device; ``""``: nobody, or the exporter does not know.
    """

    use: Callable[[float], float | None]
    metric: str = UTIL
    slice: str = ""
    exporter: str = "honored"
    gpu: int = 0
    pod: str = ""

    def labels(self) -> Mapping[str, str]:
        """As the exporter writes them."""
        found = {
            "gpu": str(self.gpu),
            "UUID": f"GPU-{self.gpu:08d}-0000-0000-0000-000000000000",
            "device": f"nvidia{self.gpu}",
            "modelName": "A fake device",
            "Hostname": "node1",
        }
        if self.slice:
            found |= {"GPU_I_PROFILE": "1g.5gb", "GPU_I_ID": self.slice}
        if self.pod:
            found |= {"container": "notebook", "namespace": "hub", "pod": self.pod}
        return found


def page(told: Iterable[Told]) -> str:
    """What an exporter tells now."""
    lines = (
        _line(one.metric, one.labels(), now) for one in told if (now := one.use(0)) is not None
    )
    return "".join(f"{line}\n" for line in lines)


def past(told: Iterable[Told], stored: Callable[[Told], Mapping[str, str]], now: float) -> str:
    """What was told until now, in OpenMetrics.

    Args:
        stored: the labels of one as a Prometheus has kept them.
        now: Unix seconds.
    """
    families = defaultdict[str, list[str]](list)
    for one in told:
        for step in range(int(_LONGEST / _STEP), -1, -1):
            ago = max(step * _STEP, 0.01)
            if (use := one.use(ago)) is not None:
                at = f" {now - 60 * ago:.3f}"
                families[one.metric].append(_line(one.metric, stored(one), use) + at)
    lines = [line for name, found in families.items() for line in (f"# TYPE {name} gauge", *found)]
    return "\n".join([*lines, "# EOF", ""])


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    told = ",".join(f'{key}="{said}"' for key, said in labels.items())
    return f"{name}{{{told}}} {value:.9g}"


class FakeExporter:
    """Answers ``/metrics`` with a page, on a port of loopback and a thread of its own."""

    def __init__(self, text: str) -> None:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = text.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.place = f"127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Answer nobody more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
