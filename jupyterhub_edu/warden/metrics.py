"""What the warden shows on the hub's metrics page. No label ever names a person."""

from __future__ import annotations

from collections import Counter as Multiset
from collections.abc import Iterator
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.allowances import GPU_HOUR, Slot
from jupyterhub_edu.domain.exams import share_of
from jupyterhub_edu.domain.schedule import period_span

__all__ = ["CampusMetrics", "Metrics", "campus_in", "metrics_in"]


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
        self.stops = counter(
            "stops", "Stops at the end of a session, by the rule that set it", "rule", "outcome"
        )
        self.admitted = Counter(
            "jupyterhub_edu_admissions", "Starts admitted", ["flavor"], registry=registry
        )
        self.ended = Counter(
            "jupyterhub_edu_admissions_ended",
            "Admissions ended; estimated: nobody saw the end",
            ["flavor", "estimated"],
            registry=registry,
        )

    def listen(self, core: Core) -> None:
        """Count this core's admissions from now on."""
        core.book.on_admit.append(lambda one: self.admitted.labels(one.flavor).inc())
        core.book.on_end.append(
            lambda one: self.ended.labels(one.flavor, str(one.estimated).lower()).inc()
        )


class CampusMetrics(Collector):
    """How the campus stands at the instant at which somebody asks; nothing is kept between.

    Labels are keys of the campus file: at most flavors times courses lines, and of those only what is in use or owned.

    Args:
        core: None describes the metrics and has no values; may be set later.
    """

    def __init__(self, core: Core | None = None) -> None:
        self.core = core

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Work everything out of the book and the inventory; no call goes anywhere."""
        servers = _gauge("servers", "Servers not ended", "course", "profile", "stage")
        used = _gauge("devices_used", "Devices of admissions not ended", "flavor", "course")
        owned = _gauge("devices_owned", "Devices that a course owns now", "flavor", "course")
        free = _gauge("devices_free", "Devices that nobody holds; absent if unknown", "flavor")
        lent = _gauge("devices_on_loan", "Devices held as loans", "flavor")
        reserved = _gauge(
            "devices_reserved", "Devices that windows and exams hold now", "flavor", "course"
        )
        borrowed = _gauge(
            "devices_borrowed",
            "Devices that a course uses beyond what it owns now",
            "flavor",
            "course",
        )
        length = _gauge("line_length", "People who wait for devices of a flavor", "flavor")
        wait = _gauge(
            "line_wait_seconds", "How long whoever waits longest has waited; 0: nobody", "flavor"
        )
        hours = _hours()
        age = _gauge("source_age_seconds", "Since a source's last complete answer", "source")
        failing = _gauge(
            "source_failing_seconds", "Since a source failed first; 0: none", "source"
        )
        people = _gauge("people", "People with an active account here")
        if (core := self.core) is not None:
            self._count(core, servers, used, lent)
            for flavor in (f.key for f in core.campus.flavors.values() if f.device is not None):
                if (room := core.book.free(flavor)) is not None:
                    free.add_metric([flavor], room)
                self._share(core, flavor, owned, reserved, borrowed)
                waiting = [place.arrived_at for place in core.line.places(flavor)]
                now = core.clock()
                length.add_metric([flavor], len(waiting))
                wait.add_metric([flavor], (now - min(waiting, default=now)).total_seconds())
            _count_hours(core, *hours)
            for source in core.campus.sources:
                health, now = core.refresher.health(source), core.clock()
                if health.answered_at is not None:
                    age.add_metric([source], (now - health.answered_at).total_seconds())
                silent = (
                    (now - health.failing_since).total_seconds() if health.failing_since else 0
                )
                failing.add_metric([source], silent)
            people.add_metric([], sum(p.active and not p.linked_to for p in core.roll.people()))
        yield from (servers, used, owned, free, lent, reserved, borrowed, *hours)
        yield from (length, wait, age, failing, people)

    def _share(
        self,
        core: Core,
        flavor: str,
        owned: GaugeMetricFamily,
        reserved: GaugeMetricFamily,
        borrowed: GaugeMetricFamily,
    ) -> None:
        """What is held for whom, and who has more than their own; an exam's counts for its course."""
        own, held, more = Multiset[str](), Multiset[str](), Multiset[str]()
        parts = core.book.shares.of(flavor, core.clock())
        for key, share in parts.items():
            own[_course(core, key)] += share.nominal
            held[_course(core, key)] += share.reserved
        for key, used in core.book.state(flavor).used.items():
            nominal = parts[key].nominal if key in parts else 0
            more[_course(core, key)] += max(0, used - nominal)
        for family, counts in ((owned, own), (reserved, held), (borrowed, more)):
            for course, devices in (+counts).items():
                family.add_metric([flavor, course], devices)

    def _count(
        self,
        core: Core,
        servers: GaugeMetricFamily,
        used: GaugeMetricFamily,
        lent: GaugeMetricFamily,
    ) -> None:
        admissions, held = core.book.admissions(), Multiset[tuple[str, ...]]()
        on = Multiset((one.course, one.granted.profile, str(one.stage)) for one in admissions)
        for one in admissions:
            held[one.flavor, one.course] += one.devices
        for family, counts in ((servers, on), (used, +held)):
            for labels, count in counts.items():
                family.add_metric(labels, count)
        for flavor in core.campus.flavors.values():
            if flavor.device is not None:
                loans = map(core.book.admission, core.book.borrowed(flavor.key))
                lent.add_metric([flavor.key], sum(one.devices for one in loans if one))


def _course(core: Core, share: str) -> str:
    """The course of a share of a pool, which is the course's own or an exam's."""
    exam = core.exams.find(share.removeprefix(share_of("")))
    return exam.exam.course if exam is not None else share


def _hours() -> tuple[GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
    labels = ("course", "period")
    return (
        _gauge("allowance_gpu_hours", "What a course has for all in a period", *labels),
        _gauge(
            "allowance_used_gpu_hours",
            "What was used in the period that goes on, of a course that counts hours",
            *labels,
        ),
        _gauge("allowance_reserved_gpu_hours", "What sessions hold of it besides", *labels),
    )


def _count_hours(
    core: Core, limit: GaugeMetricFamily, used: GaugeMetricFamily, reserved: GaugeMetricFamily
) -> None:
    """Of all together: no line tells what one person has used."""
    now, zone, held = core.clock(), core.campus.zone, Multiset[tuple[str, Slot]]()
    for one in core.book.admissions():
        drawn = one.reserved.course if one.reserved is not None else None
        for slot, amount in (drawn or {}).items():
            held[one.course, slot] += amount
    for id, course in core.campus.courses.items():
        allowances = course.allowances
        if (pooled := allowances.course) is not None:
            labels, period = [id, str(pooled.period)], pooled.period
            slot = period_span(period, now, zone, course.term_span).starts
            limit.add_metric(labels, pooled.amount / GPU_HOUR)
            reserved.add_metric(labels, held[id, slot] / GPU_HOUR)
        for period in {one.period for one in allowances if one is not None}:
            used.add_metric([id, str(period)], core.ledger.used(id, period, now) / GPU_HOUR)


@cache
def metrics_in(registry: CollectorRegistry) -> Metrics:
    """The metrics of this registry, registered once however often they are asked for."""
    return Metrics(registry)


@cache
def campus_in(registry: CollectorRegistry) -> CampusMetrics:
    """The campus's metrics in this registry; they have values once their ``core`` is set."""
    metrics = CampusMetrics()
    registry.register(metrics)
    return metrics


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"jupyterhub_edu_{name}", text, labels=labels)
