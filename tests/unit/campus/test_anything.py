"""Whatever somebody writes into the file, the answer is a campus or a list of mistakes: nothing else comes out."""

import copy
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu import campus
from jupyterhub_edu.identity import SOURCE_TYPES

from .conftest import ENVIRON, NOW, SMALL, TRAITS

GOOD = yaml.safe_load(SMALL)
NOTHINGS: list[Any] = [None, 0, "", [], {}, [[]], {"": ""}, [None], {"limit": None}]
STRANGE = [-1, 1.5, True, 10**30, float("nan"), {"x": 1}, {"env": "NO"}]
TEXTS = ["x", "a:b", "\x07", "<course>", "{", "2026-13-01"]
JUNK = st.sampled_from([*NOTHINGS, *STRANGE, *TEXTS])
KEYS = st.sampled_from(["x", "teacher", "", "from", "cpu", "ml", "t4", "site", "4490"])


def paths(value: Any, path: tuple = ()) -> list[tuple]:
    below: Any = value.items() if isinstance(value, dict) else ()
    below = enumerate(value) if isinstance(value, list) else below
    return [path, *(p for key, item in below for p in paths(item, (*path, key)))]


@st.composite
def broken(draw) -> dict:
    """The small campus after one to six accidents: a value replaced, a key lost, a key renamed."""
    data = copy.deepcopy(GOOD)
    for _ in range(draw(st.integers(1, 6))):
        known = paths(data)[1:]
        if not known:
            break
        *outer, last = draw(st.sampled_from(known))
        holder = data
        for key in outer:
            holder = holder[key]
        accident = draw(st.sampled_from(["replace", "lose", "rename"]))
        if accident == "replace" or not isinstance(holder, dict):
            holder[last] = copy.deepcopy(draw(JUNK))
        elif accident == "lose":
            del holder[last]
        else:
            holder[draw(KEYS)] = holder.pop(last)
    return data


@given(broken())
def test_a_campus_or_mistakes(data):
    try:
        loaded = campus.load_data(
            data,
            "custom.edu",
            SOURCE_TYPES,
            environ=ENVIRON,
            now=NOW,
            kubespawner_traits=TRAITS,
            folder=Path("/nowhere"),
        )
    except campus.CampusError as error:
        told = [(mistake.path, mistake.message) for mistake in error.mistakes]
        assert told
        assert len(set(told)) == len(told), "the same is told twice"
    else:
        assert set(loaded.sources) == set(loaded.campus.sources)
        assert loaded.campus.courses
