"""P5: drawing the start page with 20 profiles of 8 options, against KubeSpawner's own form of the same choices.

Goal: within 1 ms. Ours also decides about each profile and counts what is free; KubeSpawner's form does neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from bs4 import BeautifulSoup

from jupyterhub_edu.core.choices import Wish
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.spawner import page
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

from .pairs import alternate, percentile, time_each, time_once

PROFILES, OPTIONS, CHOICES, PAGES = 20, 8, 3, 20
KEYS = [f"p{n}" for n in range(PROFILES)]


def run() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        theirs, ours = asyncio.run(_both(patch))
        assert _counts(ours()) == _counts(theirs()) == (PROFILES, PROFILES * OPTIONS)
        pages = time_each([ours] * 50 * PAGES)
        return {
            "name": "P5 start page",
            "unit": "ms",
            "baseline": "KubeSpawner's form",
            "rows": [
                {
                    "what": f"a page of {PROFILES} profiles and {PROFILES * OPTIONS} selects",
                    **alternate(partial(_milliseconds, theirs), partial(_milliseconds, ours)),
                    "p50": percentile(pages, 50) / 1000,
                    "p99": percentile(pages, 99) / 1000,
                }
            ],
        }


async def _both(patch: pytest.MonkeyPatch) -> tuple[Callable[[], str], Callable[[], str]]:
    """KubeSpawner's form and our page, as functions that draw them."""
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
        lambda: str(spawner._render_options_form(profile_list)),
        lambda: page.render(page.view(core, ada, Wish())),
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
    """How many radios and selects a page has."""
    soup = BeautifulSoup(html, "html.parser")
    return len(soup.select("input[type=radio]")), len(soup.select("select"))


def _milliseconds(draw: Callable[[], str]) -> float:
    return time_once(draw, PAGES) / 1000
