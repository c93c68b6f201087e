"""How long a server may believe what the hub last said about a visitor."""

from __future__ import annotations

import pytest

from jupyterhub_edu.spawner.arguments import with_short_memory

SERVER = ["jupyterhub-singleuser"]
OURS = "--HubOAuth.cache_max_age=30"

# command, arguments of the configuration, arguments of the server
ROWS: dict[str, tuple[list[str], list[str], list[str]]] = {
    "half a minute": (SERVER, ["--debug"], ["--debug", OURS]),
    "by its whole path too": (["/opt/conda/bin/jupyterhub-singleuser"], [], [OURS]),
    "behind a program that starts it": (["start.sh", "jupyterhub-singleuser"], [], [OURS]),
    "not longer": (SERVER, ["--HubOAuth.cache_max_age=300"], [OURS]),
    "shorter where the administrator wants it": (
        SERVER,
        ["--HubOAuth.cache_max_age=5"],
        ["--HubOAuth.cache_max_age=5"],
    ),
    "under its older name too": (
        SERVER,
        ["--HubAuth.cache_max_age=5"],
        ["--HubOAuth.cache_max_age=5"],
    ),
    "what is no number counts for nothing": (SERVER, ["--HubOAuth.cache_max_age=x"], [OURS]),
    "another program is left alone": (["jhsingle-native-proxy"], ["--port=1"], ["--port=1"]),
    "an image that decides is left alone": ([], [], []),
}


@pytest.mark.parametrize(("command", "args", "told"), ROWS.values(), ids=ROWS)
def test_arguments(command: list[str], args: list[str], told: list[str]) -> None:
    assert with_short_memory(command, args) == told
    assert with_short_memory(command, told) == told
