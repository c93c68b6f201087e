"""Where the campus comes from: an argument, the environment, the usual place, or the z2jh chart's values."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from kubespawner import KubeSpawner

from jupyterhub_edu import campus
from jupyterhub_edu.identity import SourceType

__all__ = ["ENVIRONMENT", "USUAL_PLACE", "NoCampus", "locate"]

ENVIRONMENT: Final = "JUPYTERHUB_EDU_CAMPUS"
USUAL_PLACE: Final = Path("/etc/jupyterhub/campus.yaml")
_CHART_KEY: Final = "custom.edu"


class Place(NamedTuple):
    """Where a campus stands, in words, and a function that loads it, each time anew."""

    words: str
    load: Callable[[], campus.Loaded]


class NoCampus(Exception):
    """No campus file was given; the text says where one may stand."""


def locate(
    given: str | os.PathLike[str] | Mapping[str, Any] | None, types: Mapping[str, SourceType]
) -> Place:
    """Find the campus.

    Args:
        given: a file, a folder, the document itself, or None to look in the usual places.
        types: the kinds of source that there are.

    Raises:
        NoCampus: there is none.
    """
    traits = KubeSpawner.class_trait_names(config=True)
    if isinstance(given, Mapping):
        words = "the argument of setup"
        return Place(
            words, lambda: campus.load_data(given, words, types, kubespawner_traits=traits)
        )
    path = given or os.environ.get(ENVIRONMENT) or (USUAL_PLACE if USUAL_PLACE.exists() else None)
    if path is not None:
        return Place(os.fspath(path), lambda: campus.load(path, types, kubespawner_traits=traits))
    values = _chart_values()
    if values:
        return Place(
            _CHART_KEY,
            lambda: campus.load_data(
                _chart_values() or {}, _CHART_KEY, types, kubespawner_traits=traits
            ),
        )
    raise NoCampus(
        f"no campus file: give its path to jupyterhub_edu.setup(c, ...), set {ENVIRONMENT}, "
        f"put it at {USUAL_PLACE}, or under {_CHART_KEY} in the chart's values"
    )


def _chart_values() -> Mapping[str, Any] | None:
    """The chart's hub image carries a module that reads the values."""
    try:
        from z2jh import get_config  # type: ignore[import-not-found]  # the chart's own module
    except ImportError:
        return None
    values = get_config(_CHART_KEY)
    return values if isinstance(values, Mapping) else None
