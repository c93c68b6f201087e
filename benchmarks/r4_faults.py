"""R4: what others' logins cost while one source is broken, beside the same while it works.

Pages of five people at a time have them read again, ten times a second each, at one source, which is well or has one of
eight faults; meanwhile others log in at a real slapd, in the same process. What is told is their 99th percentile. The sources are those of the contract suite: the
slapd stands behind a relay, Entra, Moodle and the LTI platform are fakes.

    python -m benchmarks faults
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.pairs import alternate, percentile
from jupyterhub_edu.core.refresh import Refresher
from jupyterhub_edu.domain.people import Identity, Person
from jupyterhub_edu.ports import utc_now
from tests.contract.sources import SUBJECTS
from tests.contract.sources.directory import DirectorySubject
from tests.contract.sources.subject import School
from tests.directories.campus import Campus, Somebody, make_campus
from tests.directories.slapd import Slapd

SOURCES = ("groupOfNames", "Entra ID", "Moodle", "LTI 1.3")
AT_ONCE = 5
LOGINS = 150
PAIRS = 5
_ALWAYS = timedelta.min
"""The sources' own clocks run ahead, so that they answer from no memory."""


class _Fixtures(dict[str, Any]):
    """What pytest would hand to a subject."""

    def getfixturevalue(self, name: str) -> Any:
        return self[name]


def run() -> dict[str, Any]:
    """Measure every source under every fault."""
    slapd = Slapd(make_campus(seed=4))
    rows: list[dict[str, Any]] = []
    try:
        slapd.open()
        for name in SOURCES:
            with tempfile.TemporaryDirectory() as folder:
                given = _Fixtures(fjord=slapd.campus, slapd=slapd, tmp_path=Path(folder))
                rows += _rows(name, slapd, given)
    finally:
        slapd.process.remove()
    return {
        "name": "r4_faults",
        "unit": "ms, 99th percentile of a login by another source",
        "baseline": "the same while the source works",
        "rows": rows,
    }


def _rows(name: str, slapd: Slapd, given: _Fixtures) -> list[dict[str, Any]]:
    kind = SUBJECTS[name]
    with asyncio.Runner() as runner:
        opened = kind.open(given)  # type: ignore[arg-type]
        subject = runner.run(opened.__aenter__())
        others = DirectorySubject(slapd)
        try:
            school = School(subject, subject.make(patient=False))
            known = [runner.run(school.arrive(person))[1] for person in _some(subject.campus)]
            measured = {
                fault: alternate(
                    lambda: runner.run(_p99(school, known, others, "")),
                    lambda fault=fault: runner.run(_p99(school, known, others, fault)),  # type: ignore[misc]
                    PAIRS,
                )
                for fault in kind.faults
            }
        finally:
            runner.run(others.close())
            runner.run(opened.__aexit__(None, None, None))
    against = {"source": name, "against": kind.against}
    return [{**against, "fault": fault, **found} for fault, found in measured.items()]


def _some(campus: Campus) -> list[Somebody]:
    """People who are in a course."""
    return [person for person in campus.people.values() if person.roles][:AT_ONCE]


async def _p99(
    school: School, known: Sequence[Person], others: DirectorySubject, fault: str
) -> float:
    person = others.campus.some("student")
    took = []
    with school.subject.fault(fault) if fault else contextlib.nullcontext():
        affected = [asyncio.create_task(_ask_on(school, one)) for one in known]
        for _ in range(LOGINS):
            start = time.perf_counter()
            answer = await others.present((person.login, person.password))
            took.append((time.perf_counter() - start) * 1000)
            assert isinstance(answer, Identity), answer
        for task in affected:
            task.cancel()
        await asyncio.gather(*affected, return_exceptions=True)
    return percentile(sorted(took), 99)


async def _ask_on(school: School, known: Person) -> None:
    """As the hub asks for each request of somebody whose last answer is old."""
    core = school.core
    refresher = Refresher(core.refresher.sources, lambda: core.campus, core.roll, utc_now)
    while True:
        school.subject.forget()
        await refresher.freshen(known, younger_than=_ALWAYS)
        await asyncio.sleep(0.1)
