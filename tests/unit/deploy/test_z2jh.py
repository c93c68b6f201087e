"""What we ship for the zero-to-jupyterhub chart fits the chart, the hub, and itself."""

from __future__ import annotations

import copy
import re
from typing import Any

import jsonschema
import pytest
import yaml

from tests.unit.docs.blocks import ROOT
from tests.unit.docs.hub_config import run_config

from .chart import chart_schema

Z2JH = ROOT / "deploy/z2jh"
CAMPUS = (Z2JH / "campus.yaml").read_text()


@pytest.fixture
def values() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((Z2JH / "values.yaml").read_text())
    return found


def with_campus(values: dict[str, Any]) -> dict[str, Any]:
    """As Helm merges ``--set-file hub.extraFiles.campus.stringData=campus.yaml``."""
    merged = copy.deepcopy(values)
    merged["hub"]["extraFiles"]["campus"]["stringData"] = CAMPUS
    return merged


def test_the_values_fit_the_chart(values: dict[str, Any]) -> None:
    jsonschema.validate(values, chart_schema())
    jsonschema.validate(with_campus(values), chart_schema())


def test_the_campus_may_stand_in_the_values_as_well(values: dict[str, Any]) -> None:
    jsonschema.validate({**values, "custom": {"edu": yaml.safe_load(CAMPUS)}}, chart_schema())


def test_a_misspelt_value_does_not_fit(values: dict[str, Any]) -> None:
    values["hub"]["extraFile"] = {}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, chart_schema())


def test_the_one_line_switches_us_on(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = values["hub"]["extraConfig"].values()
    config = run_config(line, "deploy/z2jh/campus.yaml", monkeypatch)
    assert config.JupyterHub.spawner_class == "jupyterhub_edu.spawner.EduSpawner"
    assert "\n" not in line.strip()


def test_every_secret_of_the_campus_is_brought_by_the_values(values: dict[str, Any]) -> None:
    assert set(re.findall(r"env: (\w+)", CAMPUS)) <= set(values["hub"]["extraEnv"])


def test_no_pod_gets_a_privileged_container(values: dict[str, Any]) -> None:
    assert values["singleuser"]["cloudMetadata"]["blockWithIptables"] is False
    policy = values["singleuser"]["networkPolicy"]
    assert policy["enabled"] is True
    assert policy["egressAllowRules"]["cloudMetadataServer"] is False


def test_the_role_lists_and_watches_and_no_more() -> None:
    documents = list(yaml.safe_load_all((Z2JH / "rbac.yaml").read_text()))
    (role,) = (found for found in documents if found["kind"] == "ClusterRole")
    verbs = {verb for rule in role["rules"] for verb in rule["verbs"]}
    assert verbs == {"list", "watch"}
