"""A secret that a hub lets out is found, wherever it is."""

from pathlib import Path

import pytest

from .canaries import Canaries
from .server import Hub


def a_hub(folder: Path) -> Hub:
    return Hub(folder, "# canary-in-the-file", environ={"BIND_PASSWORD": "the bind password"})


@pytest.mark.parametrize("secret", ["canary-in-the-file", "the bind password"])
def test_a_secret_in_the_log_fails_the_test(tmp_path: Path, secret: str):
    hub = a_hub(tmp_path)
    hub.log.write_text(f"[D 10:00] binding with {secret}, which is wrong\n")

    with pytest.raises(AssertionError, match=r"the log, after .*binding with") as failed:
        hub.stop()
    assert secret not in str(failed.value)


def test_a_token_of_the_hub_is_a_secret_too(tmp_path: Path):
    hub = a_hub(tmp_path)
    hub.log.write_text(f"Authorization: token {hub.admin_token}\n")

    with pytest.raises(AssertionError):
        hub.stop()


def test_a_hub_that_tells_nothing_ends_in_peace(tmp_path: Path):
    hub = a_hub(tmp_path)
    hub.log.write_text("[D 10:00] binding\n")
    hub.stop()


def test_each_place_is_told_once():
    canaries = Canaries({})
    canaries.add("a long secret", "short")
    canaries.look("the page /hub/home", "<p>short</p>")
    canaries.require_none()
    canaries.look("the page /hub/home", "<p>a long secret</p>")
    with pytest.raises(AssertionError, match="the page /hub/home"):
        canaries.require_none()
    canaries.require_none()
