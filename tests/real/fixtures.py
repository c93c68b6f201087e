"""Fixtures of whole runs on real servers.

- ``tell_story``: ``story = tell_story("title")``, then ``story.tell(line)`` after each step; printed at the end of the
  run too, whether or not output is captured.
- ``directory``: a function that gives the session's directory of a kind, "slapd" or "samba_ad"; started when asked for.
- ``people_of``: a function that gives the same people at a source of a kind: those two, "keycloak" or "moodle".
- ``open_school``: a function that starts a hub on the cluster for the people of a directory; ended with the module.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.cluster import Kubernetes
from tests.directories.campus import Campus
from tests.directories.directory import Directory
from tests.fakes.moodle import FakeMoodle
from tests.hub.server import VERSIONS
from tests.needs import require

from .elsewhere import KeycloakPeople, MoodlePeople
from .people import DirectoryPeople, People
from .school import School
from .story import TOLD, Story

_CHEAP_HASHES = "hashAlgorithm(pbkdf2-sha256) and hashIterations(1)"

__all__ = ["directory", "open_school", "people_of", "tell_story"]


@pytest.fixture
def tell_story(request: pytest.FixtureRequest) -> Callable[[str], Story]:
    """Begin a story that stands in the run's output."""

    def begin(title: str) -> Story:
        story = Story(title)
        request.config.stash.setdefault(TOLD, []).append(story)
        return story

    return begin


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the stories of this run."""
    for story in config.stash.get(TOLD, []):
        terminalreporter.section(story.title)
        for line in story.lines:
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def directory(request: pytest.FixtureRequest) -> Callable[[str], Directory]:
    """Give a running directory by the name of its fixture."""

    def get(kind: str) -> Directory:
        found: Directory = request.getfixturevalue(kind)
        return found

    return get


@pytest.fixture(scope="module")
def people_of(
    request: pytest.FixtureRequest, fjord: Campus, directory: Callable[[str], Directory]
) -> Iterator[Callable[[str], People]]:
    """Give the campus's people at a source of a kind: a directory's, or a Keycloak's or a fake Moodle's of this module."""
    with contextlib.ExitStack() as opened:

        def get(kind: str) -> People:
            if kind == "keycloak":
                realm = request.getfixturevalue("keycloak").realm(
                    f"fjord-{uuid.uuid4().hex[:6]}", passwordPolicy=_CHEAP_HASHES
                )
                return KeycloakPeople(realm, fjord)
            if kind == "moodle":
                return MoodlePeople(opened.enter_context(FakeMoodle()), fjord)
            return DirectoryPeople(directory(kind))

        yield get


@pytest.fixture(scope="module")
def open_school(
    cluster: Kubernetes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., School]]:
    """Open schools, each with a namespace and a hub of its own; two GPUs for all of them."""
    cluster.set_gpus(2)
    with contextlib.ExitStack() as opened:

        def open_(people: People | Directory, version: str, **how: object) -> School:
            require(
                (VERSIONS[version] / "bin" / "jupyterhub").exists(),
                f"JupyterHub {version}",
                "run `make test` once",
            )
            folder = tmp_path_factory.mktemp("school")
            people = DirectoryPeople(people) if isinstance(people, Directory) else people
            school = School(folder, cluster, people, version, **how)  # type: ignore[arg-type]
            opened.callback(school.close)
            school.open()
            return school

        yield open_
