"""What the warden shows on the hub's metrics page."""

from __future__ import annotations

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge

__all__ = ["Metrics", "metrics_in"]


class Metrics:
    """The warden's metrics in one registry. Timestamps are Unix seconds; 0 means never."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"jupyterhub_edu_warden_{name}", text, ["timer"], registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"jupyterhub_edu_warden_{name}", text, labels, registry=registry)

        self.period = gauge("period_seconds", "Time between two runs of a timer")
        self.last_run = gauge("last_run_timestamp_seconds", "End of a timer's last run")
        self.last_failure = gauge("last_failure_timestamp_seconds", "A timer's last failed run")
        self.runs = counter("runs", "Runs of a timer, failed ones too", "timer")
        self.failures = counter("failures", "Failed runs of a timer", "timer")
        self.repairs = counter(
            "repairs", "What reconciliation put right, or could not", "repair", "outcome"
        )


@cache
def metrics_in(registry: CollectorRegistry) -> Metrics:
    """The metrics of this registry, registered once however often they are asked for."""
    return Metrics(registry)
