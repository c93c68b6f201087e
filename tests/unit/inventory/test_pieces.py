"""Long lists are read object by object."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.inventory.pieces import Breather, read_list

OBJECTS = st.lists(st.dictionaries(st.text(), st.integers() | st.text() | st.none()))


def read(body: bytes) -> tuple[dict, list[dict]]:
    items: list[dict] = []
    metadata = asyncio.run(read_list(body, items.append, Breather()))
    return metadata, items


@given(items=OBJECTS, indent=st.none() | st.integers(0, 3), ascii_only=st.booleans())
def test_it_reads_what_json_reads(items, indent, ascii_only):
    whole = {"kind": "PodList", "items": items, "metadata": {"resourceVersion": "7"}}
    body = json.dumps(whole, indent=indent, ensure_ascii=ascii_only).encode()
    assert read(body) == ({"resourceVersion": "7"}, items)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"items": null, "metadata": {"resourceVersion": "7"}}', id="null items"),
        pytest.param(b'{"metadata": {"resourceVersion": "7"}}', id="no items"),
    ],
)
def test_a_list_of_nothing(body):
    assert read(body) == ({"resourceVersion": "7"}, [])


GOOD = json.dumps({"kind": "PodList", "items": [{"a": 1}, {"b": []}], "metadata": {"v": "7"}})


@given(st.integers(0, len(GOOD) - 1))
def test_a_list_that_was_cut_off_anywhere_is_no_list(end):
    with pytest.raises(ValueError):  # noqa: PT011 the words are the decoder's own
        read(GOOD[:end].encode())


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"<html>", b'{"items" [}', b"\xff{}", b'{"items":[1 2]}']
)
def test_what_is_no_list_is_refused(body):
    with pytest.raises(ValueError):  # noqa: PT011 the words are the decoder's own
        read(body)


async def test_others_have_their_turn_while_a_long_list_is_read():
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    items = [{"spec": {"n": list(range(50))}}] * 20_000
    await read_list(json.dumps({"items": items}).encode(), lambda item: None, Breather())
    task.cancel()
    assert turns > 1
