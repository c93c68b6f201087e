import copy
from types import MappingProxyType

import pytest

from jupyterhub_edu.spawner.merging import merge, merge_setting, thaw

MERGED = {
    "keys of both": ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
    "the later one wins": ({"a": 1}, {"a": 2}, {"a": 2}),
    "deep down as well": ({"a": {"b": 1, "c": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
    "None takes a key out": ({"a": 1, "b": 1}, {"a": None}, {"b": 1}),
    "a list is replaced": ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
    "another kind is replaced": ({"a": {"b": 1}}, {"a": 5}, {"a": 5}),
    "frozen values are thawed": (
        MappingProxyType({"a": (1,)}),
        MappingProxyType({"b": MappingProxyType({"c": (2,)})}),
        {"a": [1], "b": {"c": [2]}},
    ),
}


@pytest.mark.parametrize(("base", "more", "merged"), MERGED.values(), ids=MERGED)
def test_one_value_on_top_of_another(base, more, merged):
    assert merge(base, more) == merged


HOME = {"name": "home", "persistentVolumeClaim": {"claimName": "claim"}}
SHM = {"name": "shm", "emptyDir": {}}
COLLECTED = {
    "lists are joined": ("volumes", [HOME], [SHM], [HOME, SHM]),
    "a mapping is added to a list in the order of its keys": (
        "volumes",
        [HOME],
        {"b": {"emptyDir": {}}, "a": {"emptyDir": {}}},
        [HOME, {"name": "a", "emptyDir": {}}, {"name": "b", "emptyDir": {}}],
    ),
    "a list is added to a mapping": (
        "volumes",
        {"home": HOME},
        [SHM],
        {"home": HOME, "added-0": SHM},
    ),
    "mappings are merged": (
        "volumes",
        {"home": HOME},
        {"shm": {"emptyDir": {}}},
        {"home": HOME, "shm": SHM},
    ),
    "a name that is given stays": (
        "volume_mounts",
        [],
        {"data": {"name": "home", "mountPath": "/data"}},
        [{"name": "home", "mountPath": "/data"}],
    ),
    "None takes one out of a mapping": ("volumes", {"home": HOME}, {"home": None}, {}),
    "pull secrets are collected": ("image_pull_secrets", ["a"], ["b"], ["a", "b"]),
    "one pull secret is a list of one": ("image_pull_secrets", "old", "new", ["old", "new"]),
    "nothing configured": ("volumes", None, [SHM], [SHM]),
    "another list is replaced": ("args", ["--a"], ["--b"], ["--b"]),
    "a plain value is replaced": ("start_timeout", 60, 600, 600),
    "an environment is merged": ("environment", {"A": "1"}, {"B": "2"}, {"A": "1", "B": "2"}),
}


@pytest.mark.parametrize(("name", "base", "more", "result"), COLLECTED.values(), ids=COLLECTED)
def test_a_setting_on_top_of_the_one_in_force(name, base, more, result):
    before = copy.deepcopy((base, more))

    assert merge_setting(name, base, more) == result
    assert (base, more) == before


def test_a_copy_shares_nothing():
    shared = {"a": [{"b": 1}]}

    copied = thaw(shared)
    copied["a"][0]["b"] = 2

    assert shared == {"a": [{"b": 1}]}
