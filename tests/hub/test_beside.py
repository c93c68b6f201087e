"""Commands that look at the store beside a real hub that runs, without disturbing it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from jupyterhub_edu.cli import main

from .server import ROOT, Hub

DEMO = ROOT / "deploy" / "demo" / "campus.yaml"
CONFIG = f"""
import jupyterhub_edu

jupyterhub_edu.setup(c, {str(DEMO)!r}, spawner="local")
"""


def test_check_and_explain_beside_a_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(tmp_path, CONFIG)
    hub.start()
    try:
        assert hub.browser().log_in("stu", "demo").status_code == 200, hub.tail()
        monkeypatch.chdir(hub.folder)
        asked = ["explain", "--campus", str(DEMO), "--person", "demo:stu", "--course", "ml"]
        explained = CliRunner().invoke(main, asked)
        checked = CliRunner().invoke(main, ["check", "--connect", str(DEMO)])

        assert "as the hub's store has it; " in explained.stdout, explained.output
        assert "was last heard of them" in explained.stdout
        assert "store: works" in checked.stdout, checked.output
        assert hub.api("").status_code == 200, "the hub goes on"
    finally:
        hub.stop()
