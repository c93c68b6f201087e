"""What the warden shows on the hub's metrics page. No label ever names a person."""

from __future__ import annotations

from collections import Counter as Multiset
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from itertools import product
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.allowances import GPU_HOUR, Slot
from jupyterhub_edu.domain.decide import EndRule
from jupyterhub_edu.domain.exams import share_of
from jupyterhub_edu.domain.schedule import period_span

__all__ = ["CampusMetrics", "Metrics", "campus_in", "metrics_in"]

_GPU_SECOND: Final = GPU_HOUR // 3600


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
        # From 0 on: nobody sees the rise to the first number of a line.
        for rule, outcome in product(EndRule, ("done", "failed")):
            self.stops.labels(str(rule), outcome)
        self.admitted = Counter(
            "jupyterhub_edu_admissions", "Starts admitted", ["flavor"], registry=registry
        )
        self.ended = Counter(
            "jupyterhub_edu_admissions_ended",
            "Admissions ended; estimated: nobody saw the end",
            ["flavor", "estimated"],
            registry=registry,
        )

    def know(self, timer: str, every: float) -> None:
        """Show a timer of this period in seconds, that has not run yet."""
        self.period.labels(timer).set(every)
        self.runs.labels(timer)
        self.failures.labels(timer)

    def forget(self, timer: str) -> None:
        """Show a timer no more."""
        for metric in (self.period, self.last_run, self.last_failure, self.runs, self.failures):
            with suppress(KeyError):  # older clients say that there was none
                metric.remove(timer)

    def listen(self, core: Core) -> None:
        """Count this core's admissions from now on."""
        core.book.on_admit.append(lambda one: self.admitted.labels(one.flavor).inc())
        core.book.on_end.append(
            lambda one: self.ended.labels(one.flavor, str(one.estimated).lower()).inc()
        )


class CampusMetrics(Collector):
    """How the campus stands when somebody asks; nothing is kept between.

    What belongs together is of one instant. Whoever asks for one family after another may let others have their turn on the
    event loop in between.

    Labels are keys of the campus file: at most flavors times courses lines, and of those only what is in use or owned.

    Args:
        core: None describes the metrics and has no values; may be set later.
    """

    def __init__(self, core: Core | None = None) -> None:
        self.core = core

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Work everything out of the book and the inventory; no call goes anywhere."""
        for families in (_in_use, _shares, _hours, _lines, _sources, _people):
            yield from families(self.core)


def _in_use(core: Core | None) -> Iterable[GaugeMetricFamily]:
    servers = _gauge("servers", "Servers not ended", "course", "profile", "stage")
    used = _gauge("devices_used", "Devices of admissions not ended", "flavor", "course")
    lent = _gauge("devices_on_loan", "Devices held as loans", "flavor")
    if core is not None:
        on, held = Multiset[tuple[str, ...]](), Multiset[tuple[str, ...]]()
        for one in core.book.admissions():
            on[one.course, one.granted.profile, str(one.stage)] += 1
            held[one.flavor, one.course] += one.devices
        for family, counts in ((servers, on), (used, +held)):
            for labels, count in counts.items():
                family.add_metric(labels, count)
        for flavor in _with_devices(core):
            loans = map(core.book.admission, core.book.borrowed(flavor))
            lent.add_metric([flavor], sum(one.devices for one in loans if one))
    return servers, used, lent


def _shares(core: Core | None) -> Iterable[GaugeMetricFamily]:
    """What is held for whom, and who has more than their own; an exam's counts for its course."""
    both = ("flavor", "course")
    owned = _gauge("devices_owned", "Devices that a course owns now", *both)
    free = _gauge("devices_free", "Devices that nobody holds; absent if unknown", "flavor")
    reserved = _gauge("devices_reserved", "Devices that windows and exams hold now", *both)
    borrowed = _gauge(
        "devices_borrowed", "Devices that a course uses beyond what it owns now", *both
    )
    if core is None:
        return owned, free, reserved, borrowed
    for flavor in _with_devices(core):
        if (room := core.book.free(flavor)) is not None:
            free.add_metric([flavor], room)
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
    return owned, free, reserved, borrowed


def _lines(core: Core | None) -> Iterable[GaugeMetricFamily]:
    length = _gauge("line_length", "People who wait for devices of a flavor", "flavor")
    wait = _gauge(
        "line_wait_seconds", "How long whoever waits longest has waited; 0: nobody", "flavor"
    )
    if core is None:
        return length, wait
    for flavor in _with_devices(core):
        waiting, now = [place.arrived_at for place in core.line.places(flavor)], core.clock()
        length.add_metric([flavor], len(waiting))
        wait.add_metric([flavor], (now - min(waiting, default=now)).total_seconds())
    return length, wait


def _sources(core: Core | None) -> Iterable[GaugeMetricFamily]:
    age = _gauge("source_age_seconds", "Since a source's last complete answer", "source")
    failing = _gauge("source_failing_seconds", "Since a source failed first; 0: none", "source")
    if core is None:
        return age, failing
    for source in core.campus.sources:
        health, now = core.refresher.health(source), core.clock()
        if health.answered_at is not None:
            age.add_metric([source], (now - health.answered_at).total_seconds())
        silent = (now - health.failing_since).total_seconds() if health.failing_since else 0
        failing.add_metric([source], silent)
    return age, failing


def _people(core: Core | None) -> Iterable[GaugeMetricFamily]:
    people = _gauge("people", "People with an active account here")
    if core is not None:
        people.add_metric([], sum(p.active and not p.linked_to for p in core.roll.people()))
    return (people,)


def _with_devices(core: Core) -> list[str]:
    return [flavor.key for flavor in core.campus.flavors.values() if flavor.device is not None]


def _course(core: Core, share: str) -> str:
    """The course of a share of a pool, which is the course's own or an exam's."""
    exam = core.exams.find(share.removeprefix(share_of("")))
    return exam.exam.course if exam is not None else share


def _hours(core: Core | None) -> Iterable[GaugeMetricFamily]:
    """Of all together: no line tells what one person has used."""
    labels = ("course", "period")
    limit = _gauge("allowance_gpu_seconds", "What a course has for all in a period", *labels)
    used = _gauge(
        "allowance_used_gpu_seconds",
        "What was used in the period that goes on, of a course that counts hours",
        *labels,
    )
    reserved = _gauge(
        "allowance_reserved_gpu_seconds", "What sessions hold of it besides", *labels
    )
    if core is not None:
        _count_hours(core, limit, used, reserved)
    return limit, used, reserved


def _count_hours(
    core: Core, limit: GaugeMetricFamily, used: GaugeMetricFamily, reserved: GaugeMetricFamily
) -> None:
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
            limit.add_metric(labels, pooled.amount / _GPU_SECOND)
            reserved.add_metric(labels, held[id, slot] / _GPU_SECOND)
        for period in {one.period for one in allowances if one is not None}:
            used.add_metric([id, str(period)], core.ledger.used(id, period, now) / _GPU_SECOND)


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
