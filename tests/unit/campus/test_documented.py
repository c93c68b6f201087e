"""The documented campus file has no mistake, and the schema agrees with what reads it."""

import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml
from kubespawner import KubeSpawner

from jupyterhub_edu import campus
from jupyterhub_edu.campus.models.site import FileModel
from jupyterhub_edu.identity import SOURCE_TYPES

from .conftest import SMALL

FILE = Path(__file__).parents[3] / "docs" / "campus.yaml"
ENVIRON = {"HUB_LDAP_PASSWORD": "x", "EDU_STORE_URL": "sqlite:////edu.sqlite"}
TRAITS = frozenset(KubeSpawner.class_trait_names(config=True))


@pytest.fixture(scope="module")
def schema():
    return campus.json_schema(SOURCE_TYPES)


def plain(text: str) -> object:
    """What an editor hands to a schema: days are text."""
    return json.loads(json.dumps(yaml.safe_load(text), default=str))


def test_it_has_no_mistake_and_no_warning():
    loaded = campus.load(FILE, SOURCE_TYPES, environ=ENVIRON, kubespawner_traits=TRAITS)

    assert loaded.warnings == ()


def test_it_shows_every_key_of_the_file():
    shown = yaml.safe_load(FILE.read_text(encoding="utf-8"))

    assert set(shown) == {field.alias or name for name, field in FileModel.model_fields.items()}


def test_the_schema_takes_it(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(plain(FILE.read_text(encoding="utf-8")), schema)
    jsonschema.validate(plain(SMALL), schema)


REFUSED = {
    "a key that does not exist": ("count: 4", "cuont: 4"),
    "a course role that does not exist": ("student: [notebook]", "students: [notebook]"),
    "a type of source that does not exist": ("type: roster", "type: rooster"),
    "a key that a source's type does not have": ("adopt: true", "adpt: true"),
    "a password in clear text": ("{env: LDAP_PASSWORD}", "hunter2"),
    "a number where text belongs": ("codes: [INF4490]", "codes: [6.0001]"),
    "a time without unit": ("stale_after: 12h", "stale_after: 12"),
    "no course": (SMALL[SMALL.index("courses:\n") :], "courses: {}"),
}


@pytest.mark.parametrize(("old", "new"), REFUSED.values(), ids=REFUSED)
def test_the_schema_refuses(schema, old, new):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plain(SMALL.replace(old, new)), schema)


def keys(node: object, path: str = "") -> Iterator[tuple[str, dict]]:
    if isinstance(node, dict):
        for key, below in node.items():
            if key == "properties":
                for name, schema in below.items():
                    yield f"{path}.{name}", schema
                    yield from keys(schema, f"{path}.{name}")
            else:
                yield from keys(below, f"{path}.{key}")
    elif isinstance(node, list):
        for item in node:
            yield from keys(item, path)


def test_every_key_has_a_title_and_a_description(schema):
    bare = [
        path
        for path, key in keys(schema)
        if not (key.get("title") and key.get("description")) and "Secret" not in path
    ]

    assert bare == []
