"""P5: drawing the start page with 20 profiles of 8 options, against KubeSpawner's own form of the same choices.

Ours also decides about each profile and counts what is free; KubeSpawner's does neither.

    python -m benchmarks.p5_start_page
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from statistics import median, quantiles
from types import SimpleNamespace
from typing import Any

import pytest
from bs4 import BeautifulSoup

from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.spawner import page
from jupyterhub_edu.spawner.choices import Wish
from tests.fakes.campus import (
    T4,
    a_campus,
    a_choice,
    a_core,
    a_course,
    a_profile,
    an_option,
    enrol,
)
from tests.fakes.kube import FakeCluster, a_kube_spawner

PROFILES, OPTIONS, CHOICES, PAIRS, PAGES = 20, 8, 3, 15, 20
KEYS = [f"p{n}" for n in range(PROFILES)]


def run() -> dict[str, Any]:
    """Measure both sides in turn, after showing that both offer the same choices."""
    with pytest.MonkeyPatch.context() as patch:
        ours, theirs = asyncio.run(_both(patch))
        assert _counts(ours()) == _counts(theirs()) == (PROFILES, PROFILES * OPTIONS)
        pairs = [(_pages(theirs), _pages(ours)) for _ in range(PAIRS)]
    ratios = [median(b) / median(a) for a, b in pairs]
    all_ours = sorted(ms for _, b in pairs for ms in b)
    return {
        "radios_and_selects": _counts(ours()),
        "kubespawner_ms": median(ms for a, _ in pairs for ms in a),
        "ours_ms": median(all_ours),
        "ours_p99_ms": quantiles(all_ours, n=100)[98],
        "ratio": {"median": median(ratios), "least": min(ratios), "most": max(ratios)},
    }


async def _both(patch: pytest.MonkeyPatch) -> tuple[Callable[[], str], Callable[[], str]]:
    options = [
        an_option(f"o{n}", *[a_choice(f"c{m}") for m in range(CHOICES)]) for n in range(OPTIONS)
    ]
    campus = a_campus(
        profiles=[a_profile(key, flavor=T4, options=options) for key in KEYS],
        courses=[a_course(offers={CourseRole.STUDENT: tuple(KEYS)})],
    )
    core = a_core(campus)
    ada = await enrol(core, "ada", ml=CourseRole.STUDENT)
    spawner = a_kube_spawner(FakeCluster(), patch, user_options={})
    profile_list = [_as_kubespawner_says_it(key) for key in KEYS]
    return (
        lambda: page.render(page.view(core, ada, Wish())),
        lambda: str(spawner._render_options_form(profile_list)),
    )


def _as_kubespawner_says_it(key: str) -> dict[str, Any]:
    choices = {f"c{m}": {"display_name": f"C{m}"} for m in range(CHOICES)}
    return {
        "display_name": key,
        "slug": key,
        "profile_options": {
            f"o{n}": {"display_name": f"O{n}", "choices": choices} for n in range(OPTIONS)
        },
    }


def _counts(html: str) -> tuple[int, int]:
    soup = BeautifulSoup(html, "html.parser")
    # KubeSpawner's selects have one more choice where a free text is allowed: not here.
    return len(soup.select("input[type=radio]")), len(soup.select("select"))


def _pages(draw: Callable[[], str]) -> list[float]:
    """Milliseconds of this thread's own work for each page, so that a busy machine is not measured."""
    took = []
    for _ in range(PAGES):
        began = time.thread_time()
        draw()
        took.append((time.thread_time() - began) * 1000)
    return took


def main() -> None:
    found = SimpleNamespace(**run())
    radios, selects = found.radios_and_selects
    ratio = found.ratio
    print(f"start page, {radios} profiles, {selects} selects")
    print(f"  KubeSpawner's form   {found.kubespawner_ms:.2f} ms")
    print(f"  ours, with decisions {found.ours_ms:.2f} ms (p99 {found.ours_p99_ms:.2f} ms)")
    print(
        f"  ours / KubeSpawner's {ratio['median']:.2f}x ({ratio['least']:.2f} to {ratio['most']:.2f})"
    )


if __name__ == "__main__":
    main()
