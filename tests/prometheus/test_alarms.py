"""The alarms of the documentation ring; that they are silent on a hub that is well is seen in tests/hub."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.prometheus.promises import questions
from tests.prometheus.server import Prometheus

WRONG = {
    'up{job="jupyterhub"}': lambda now, ago: 0,
    'jupyterhub_edu_source_failing_seconds{source="ad"}': lambda now, ago: 400,
    'jupyterhub_edu_warden_failures_total{timer="sources"}': lambda now, ago: 20 - ago,
    'jupyterhub_edu_warden_last_run_timestamp_seconds{timer="idle"}': lambda now, ago: now - 7200,
    'jupyterhub_edu_warden_period_seconds{timer="idle"}': lambda now, ago: 30,
    "jupyterhub_edu_people": lambda now, ago: 900,
}
"""What is told so many minutes ago: no hub, a silent source, a timer that fails, one that hangs, no word of the cluster."""


def test_every_alarm_rings_where_all_is_wrong(
    start_prometheus: Callable[..., Prometheus],
) -> None:
    now = int(time.time())
    lines = [
        f"{series} {told(now, ago)} {now - 60 * ago}"
        for series, told in WRONG.items()
        for ago in range(20, -1, -1)
    ]
    prometheus = start_prometheus(past="\n".join([*lines, "# EOF", ""]))
    assert [one for one in questions("alarm") if not prometheus.query(one)] == []
