"""People who are typed by number or login on a real hub of either version: found, several, or waiting over a restart."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from .server import Hub
from .test_start import DEMO, SERVERS_AT_ONCE

CONFIG = """
import jupyterhub_edu

jupyterhub_edu.setup(c, {campus!r}, spawner="local")
"""
SECOND = "  second: {type: roster, title: Other, people: others.csv, passwords: passwords.txt}\n"
HOSTILE = "<img src=x onerror=alert(1)>/../{{7*7}} '\";--"


def make_campus(folder: Path) -> str:
    """The demo's campus with a second source, which has another Nils."""
    folder.mkdir()
    for file in DEMO.parent.iterdir():
        (folder / file.name).write_text(file.read_text())
    text = DEMO.read_text().replace("\nflavors:", f"{SECOND}\nflavors:", 1)
    (folder / "campus.yaml").write_text(text)
    (folder / "others.csv").write_text(
        "person,name,course,course_role\nnils,Nils Other,,\n", encoding="utf-8"
    )
    return str(folder / "campus.yaml")


def add_a_person(folder: Path, login: str) -> None:
    """Write somebody into the source's files, with everybody's password."""
    people, passwords = (folder / name for name in ("people.csv", "passwords.txt"))
    people.write_text(f"{people.read_text().rstrip()}\n{login},Nina Newcomer,,\n")
    lines = passwords.read_text().splitlines()
    stu = next(line for line in lines if line.startswith("stu:"))
    passwords.write_text("\n".join([*lines, f"{login}:{stu.partition(':')[2]}"]) + "\n")


def token(hub: Hub, name: str) -> str:
    browser = hub.browser()
    browser.log_in(name, "demo", source="demo")
    return browser.token(name, None)


def codes(reply: httpx.Response) -> tuple[int, list[Any]]:
    return reply.status_code, [reason["code"] for reason in reply.json()["reasons"]]


@pytest.mark.timeout(400)
def test_what_is_typed_is_found_or_waits_until_its_person_is_known(
    start_hub: Callable[..., Hub], tmp_path: Path
) -> None:
    folder = tmp_path / "campus"
    hub = start_hub(CONFIG.format(campus=make_campus(folder)) + SERVERS_AT_ONCE)
    teacher, assistant, admin, other = (
        token(hub, name) for name in ("tea", "asa", "admin", "ian")
    )

    def ask(
        method: str, body: Any = None, token: str = teacher, course: str = "ml", who: str = ""
    ) -> httpx.Response:
        path = f"edu/courses/{course}/people" + (f"/{quote(who, safe='')}" if who else "")
        return hub.api(path, token=token, method=method, json=body)

    def add(who: str, **more: Any) -> httpx.Response:
        return ask("POST", {"person": who, "role": "student", **more})

    def shown() -> Any:
        listed = ask("GET")
        assert listed.status_code == 200, listed.text
        return listed.json()

    # Who is in the course is seen by whoever may add people to it, and of others nothing.
    names = {one["user"] or one["login"]: one["name"] for one in shown()["people"]}
    assert names["asa"] == "Asa Assistant"
    assert "nils" not in names
    assert codes(ask("GET", token=assistant)) == (403, ["not-yours-to-give"])
    assert codes(ask("GET", token=other)) == (404, ["no-such-course"])

    # Several, one, nobody.
    assert codes(add("nils")) == (409, ["several-people"])
    assert (add("demo:nils").status_code, add("demo:nils").json()) == (
        201,
        {"person": "demo:nils"},
    )
    assert codes(add("a\nb")) == (400, ["unreadable"])
    for who, code in (
        ("nina", "nobody-known"),
        ("nina@demo.example", "e-mail-address"),
        (HOSTILE, "nobody-known"),
    ):
        waits = add(who, why="comes late", ends="2036-01-01T00:00:00+00:00")
        assert waits.status_code == 202, waits.text
        assert waits.headers["Content-Type"] == "application/json"
        pending = waits.json()["pending"]
        assert waits.json()["person"] is None
        assert (pending["typed"], pending["by"], pending["reason"]["code"]) == (who, "tea", code)
        assert pending["reason"]["sentence"]
    kept_out = ask("POST", {"person": "nora", "exclude": True})
    assert (kept_out.status_code, kept_out.json()["pending"]["exclude"]) == (202, True)
    assert codes(ask("POST", {"person": "nina", "role": "student"}, assistant)) == (
        403,
        ["not-yours-to-give"],
    )
    assert ask("GET", token=other, course="intro").json()["pending"] == []

    # It is kept, and taken back.
    hub.kill()
    hub.start()
    typed = [one["typed"] for one in shown()["pending"]]
    assert typed == ["nina", "nina@demo.example", HOSTILE, "nora"]
    hostile = shown()["pending"][2]["id"]
    for who in ("NINA@demo.example", hostile, "nora"):
        assert ask("DELETE", who=who).status_code == 204, who
        assert codes(ask("DELETE", who=who)) == (404, ["no-such-person"])
    assert codes(ask("DELETE", who="nina", token=other)) == (404, ["no-such-course"])

    # Once the source knows her she is enrolled, as it was typed.
    add_a_person(folder, "nina")
    synced = hub.api("edu/sources/demo/sync", token=admin, method="POST", json={})
    assert synced.status_code == 200, synced.text
    end = time.monotonic() + 120
    while shown()["pending"]:
        assert time.monotonic() < end, shown()
        time.sleep(0.2)
    nina = next(one for one in shown()["people"] if one["person"] == "demo:nina")
    assert (nina["user"], nina["login"], nina["name"]) == (None, "nina", "Nina Newcomer")
    (enrolment,) = nina["enrolments"]
    assert enrolment == {
        "role": "student",
        "origin": "manual",
        "starts": None,
        "ends": "2036-01-01T00:00:00+00:00",
        "answered_at": None,
        "by": "tea",
        "why": "comes late",
        "sections": [],
    }
    own = hub.api("edu/courses", token=token(hub, "nina")).json()["items"]
    assert [(course["id"], course["role"]) for course in own] == [("ml", "student")]
