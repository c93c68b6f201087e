"""``window``, ``people`` and ``stop``: what the hub is asked, and what is said of its answer."""

from __future__ import annotations

from typing import Any

import pytest

from jupyterhub_edu.cli import asking, people, stop, window

WINDOWS = {
    "windows": [
        {"id": "w1", "window": {"days": ["tue"], "from": "10:15"}, "in_file": True},
    ]
}
WAITS = {"id": "p1", "typed": "ola", "reason": {"sentence": "No source knows anybody by this."}}
MEMBERS = {
    "people": [{"person": "ad:1", "user": "ada", "name": "Ada", "role": "student"}],
    "next": "more",
    "excluded": [{"person": "ad:9", "by": "tea"}],
    "pending": [WAITS],
}
REST = {
    "people": [{"person": "ad:2", "user": None, "name": None, "role": None}],
    "next": None,
    "excluded": [],
    "pending": [],
}
ANSWERS: dict[tuple[str, str], Any] = {
    ("GET", "windows"): WINDOWS,
    ("POST", "windows"): WINDOWS,
    ("DELETE", "windows/w1"): {"windows": []},
    ("GET", "people?limit=500&q=a"): MEMBERS,
    ("GET", "people?limit=500&q=a&cursor=more"): REST,
    ("POST", "people"): {"person": "ad:1"},
    ("DELETE", "people/ola"): None,
    ("GET", "grants"): {"time_zone": "Europe/Oslo"},
    ("DELETE", "servers/ada"): None,
    ("DELETE", "servers/ada/lab"): None,
    ("POST", "stops"): {"meant": 3},
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, Any]]:
    """A hub that answers; what it was asked."""
    calls: list[tuple[str, str, Any]] = []

    async def ask_hub(method: str, path: str, body: Any = None) -> Any:
        calls.append((method, path.removeprefix("courses/ml/"), body))
        return ANSWERS[calls[-1][:2]]

    for module in (asking, people, stop, window):
        monkeypatch.setattr(module, "ask_hub", ask_hub)
    monkeypatch.setattr(asking, "is_a_hub_named", lambda: True)
    return calls


TUESDAY = {"days": ["tue"], "from": "10:15", "reserve": {"t4": 2}}
CALLS: dict[str, tuple[list[str], tuple[str, str, Any], str]] = {
    "windows are listed": (["window", "list"], ("GET", "windows", None), '{"days": ["tue"]'),
    "a window is added": (
        ["window", "set", '{days: [tue], from: "10:15", reserve: {t4: 2}}', "--why", "lab"],
        ("POST", "windows", {"window": TUESDAY, "why": "lab"}),
        "in the campus file w1",
    ),
    "a day is text": (
        ["window", "set", "{date: 2026-11-24}", "--instead-of", "w1"],
        ("POST", "windows", {"window": {"date": "2026-11-24"}, "why": "", "instead_of": "w1"}),
        "w1",
    ),
    "a window is taken away": (
        ["window", "drop", "w1"],
        ("DELETE", "windows/w1", None),
        "taken away",
    ),
    "somebody is added, in the campus's time": (
        ["people", "add", "ada", "--role", "assistant", "--until", "2026-11-24T12:00"],
        (
            "POST",
            "people",
            {
                "person": "ada",
                "role": "assistant",
                "why": "",
                "ends": "2026-11-24T11:00:00+00:00",
            },
        ),
        "done: ad:1",
    ),
    "somebody is kept out": (
        ["people", "exclude", "ada", "--why", "appeal"],
        ("POST", "people", {"person": "ada", "exclude": True, "why": "appeal"}),
        "done: ad:1",
    ),
    "what was done is taken back": (
        ["people", "take-back", "ola"],
        ("DELETE", "people/ola", None),
        "taken back",
    ),
    "a server is stopped": (["stop", "ada"], ("DELETE", "servers/ada", None), "it stops"),
    "a named one is": (["stop", "ada", "lab"], ("DELETE", "servers/ada/lab", None), "it stops"),
    "a section's are": (["stop", "--section", "A"], ("POST", "stops", {"section": "A"}), "3 are"),
    "all are": (["stop", "--all"], ("POST", "stops", {"all": True}), "3 are being stopped"),
}


@pytest.mark.parametrize(("words", "call", "said"), CALLS.values(), ids=CALLS)
def test_a_command_is_a_call(
    run: Any, asked: list[Any], words: list[str], call: tuple[str, str, Any], said: str
) -> None:
    place = 1 if words[0] == "stop" else 2
    result = run(*words[:place], "ml", *words[place:])
    assert result.exit_code == 0, result.output
    assert asked[-1] == call
    assert said in " ".join(result.stdout.split())


def test_people_are_listed_to_the_last_page(run: Any, asked: list[Any]) -> None:
    told = run("people", "list", "ml", "--search", "a").stdout
    assert "ada (Ada), student" in told
    assert "ad:2, not in it now" in told
    assert "ad:9: kept out by tea" in told
    assert "ola waits: No source knows anybody by this." in told


@pytest.mark.parametrize("wish", ["[tue]", "{", "2026-11-24", "&a [*a]"])
def test_what_is_no_window_is_not_asked_for(run: Any, asked: list[Any], wish: str) -> None:
    assert run("window", "set", "ml", wish).exit_code == 2
    assert asked == []


@pytest.mark.parametrize("whose", [[], ["ada", "--all"], ["--all", "--section", "A"]])
def test_all_are_stopped_only_when_that_is_said(
    run: Any, asked: list[Any], whose: list[str]
) -> None:
    result = run("stop", "ml", *whose)
    assert (result.exit_code, asked) == (2, [])
    assert "say whose" in result.stderr
