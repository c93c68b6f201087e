"""The document of the whole API: complete, and true of what the desk knows."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import jsonschema
import pytest

from jupyterhub_edu.desk import desk_routes
from jupyterhub_edu.desk.calls import calls_of
from jupyterhub_edu.desk.openapi import document
from jupyterhub_edu.desk.refusals import ROWS
from jupyterhub_edu.desk.scopes import ADMIN, READ
from jupyterhub_edu.domain.acts import Act

ROUTES = desk_routes()
CALLS = calls_of(
    ROUTES
)  # fails, and says what to write, where a route of the API declares nothing
DOCUMENT = document(ROUTES)
READING = frozenset({"get"})


def test_every_call_has_a_name_of_its_own() -> None:
    twice = [name for name, times in Counter(call.id for call in CALLS).items() if times > 1]
    assert twice == [], (
        "two handlers for one address, or arguments of one address named differently"
    )


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.id)
def test_a_declaration_is_whole(call: Any) -> None:
    declared, where = call.operation, f"{call.handler.__name__}.{call.method}"
    assert declared.does.endswith("."), f"{where}: does= is a sentence"
    assert declared.answers, f"{where}: say answers="
    assert declared.refuses <= ROWS.keys()
    assert (declared.scope == READ) <= (call.method in READING), f"{where}: changes with READ"
    if call.path.startswith("/edu/courses/{course}"):
        codes = set(map(str, declared.refuses))
        assert "no-such-course" in codes, f"{where}: refuses= must have Code.NO_SUCH_COURSE"
        assert declared.act or declared.scope == ADMIN, f"{where}: which act of the table is it?"
    if declared.takes is not None:
        config = getattr(declared.takes, "__pydantic_config__", {})
        assert config.get("extra") == "forbid", f"{where}: decorate {declared.takes} with @strict"


def test_every_reference_leads_somewhere_and_every_schema_is_one() -> None:
    shapes = DOCUMENT["components"]["schemas"]
    known = {f"#/components/schemas/{name}" for name in shapes}
    assert set(_references(DOCUMENT)) <= known
    for shape in shapes.values():
        jsonschema.Draft202012Validator.check_schema(shape)


def test_one_name_is_one_shape() -> None:
    long = [
        name for name in DOCUMENT["components"]["schemas"] if name.startswith("jupyterhub_edu")
    ]
    assert long == [], "two shapes of wire/ have the same name: clients see it, so rename one"


def test_the_document_is_plain_json() -> None:
    assert json.loads(json.dumps(DOCUMENT)) == DOCUMENT


def test_who_looks_up_an_act_finds_what_it_is_done_by() -> None:
    declared = {call.operation.act for call in CALLS}
    assert {Act.SEE, Act.STOP, Act.EXTEND, Act.ENROL, Act.GRANT, Act.EXAM, Act.USAGE} <= declared


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        mine = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return mine + [one for inner in value.values() for one in _references(inner)]
    if isinstance(value, list):
        return [one for inner in value for one in _references(inner)]
    return []
