"""A change is told once, however it was made."""

import os

import pytest

from jupyterhub_edu.campus import FileWatch


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "campus.yaml"
    file.write_text("one", encoding="utf-8")
    return file


def replace_by_rename(file):
    """As editors do: the same size and, on purpose, the same time."""
    before = file.stat()
    new = file.with_suffix(".new")
    new.write_text("two", encoding="utf-8")
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    new.replace(file)


CHANGES = {
    "written anew": lambda file: file.write_text("longer", encoding="utf-8"),
    "touched": lambda file: os.utime(file, (1, 1)),
    "renamed over": replace_by_rename,
    "taken away": lambda file: file.unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_file_is_told_once(file, change):
    watch = FileWatch([file])
    assert not watch.changed()

    change(file)

    assert watch.changed()
    assert not watch.changed()


def test_the_swapped_link_of_a_config_map_is_a_change(tmp_path):
    for version in ("..1", "..2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "campus.yaml").write_text("same", encoding="utf-8")
    link, file = tmp_path / "..data", tmp_path / "campus.yaml"
    link.symlink_to("..1")
    file.symlink_to("..data/campus.yaml")
    watch = FileWatch([file])

    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").replace(link)

    assert watch.changed()


def test_a_new_file_in_a_folder_is_a_change(file):
    watch = FileWatch([file.parent])

    (file.parent / "more.yaml").write_text("", encoding="utf-8")

    assert watch.changed()


def test_a_file_that_comes_is_a_change(tmp_path):
    watch = FileWatch([tmp_path / "campus.yaml"])
    assert not watch.changed()

    (tmp_path / "campus.yaml").write_text("", encoding="utf-8")

    assert watch.changed()
