"""The contracts of setup.cfg forbid packages by name; this holds for every package, named or not."""

import sys

import grimp
import pytest

FLOORS_WITHOUT_THIRD_PARTIES = ("domain", "ports", "core")


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph("jupyterhub_edu", include_external_packages=True, cache_dir=None)


@pytest.mark.parametrize("floor", FLOORS_WITHOUT_THIRD_PARTIES)
def test_floors_0_to_2_import_the_standard_library_and_nothing_else(graph, floor):
    root = f"jupyterhub_edu.{floor}"
    imported = {
        target.partition(".")[0]
        for module in {root, *graph.find_descendants(root)}
        for target in graph.find_modules_directly_imported_by(module)
    }

    assert imported - {"jupyterhub_edu"} <= sys.stdlib_module_names
