"""An exam from beginning to end, by the API alone, with the clock of the wall."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from .server import Hub
from .test_desk import CONFIG
from .test_start import DEMO

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
EXAMS = "edu/courses/ml/exams"
SHARING = """
c.JupyterHub.load_roles.append(
    {"name": "sharers", "scopes": ["shares!user", "read:users:name"], "groups": ["edu:ml:student"]}
)
"""


def test_a_teacher_holds_an_exam(start_hub: Callable[..., Hub], tmp_path: Path) -> None:
    campus = DEMO.read_text()
    for file in ("people.csv", "passwords.txt"):
        campus = campus.replace(f": {file}", f": {DEMO.parent / file}")
    campus = f"warn_at: [2s]\n{campus}"
    (tmp_path / "campus.yaml").write_text(campus)
    config = CONFIG.replace(repr(str(DEMO)), repr(str(tmp_path / "campus.yaml")))
    hub = start_hub(config + SHARING)
    tea, stu, sue = (logged_in(hub, name) for name in ("tea", "stu", "sue"))
    teacher, student = tea.token("tea", None), stu.token("stu", None)

    # A grant on the way: given, refused above the ceiling in words, taken back; a student gives nothing.
    wish = {"hours": 5, "person": "stu", "ends": (datetime.now(UTC) + HOUR).isoformat()}
    given = hub.api("edu/courses/ml/grants", token=teacher, method="POST", json=wish)
    assert given.status_code == 201, given.text
    above = hub.api("edu/courses/ml/grants", token=teacher, method="POST", json=wish)
    assert above.status_code == 403
    assert above.json()["reasons"][0]["who"] == "an administrator can give it"
    assert hub.api("edu/courses/ml/grants", token=student).status_code == 403
    one = f"edu/courses/ml/grants/{given.json()['id']}"
    assert hub.api(one, token=teacher, method="DELETE").status_code == 204

    # The student works, and has shared the server with a classmate.
    assert stu.start(choice="ml/notebook").status_code == 302, hub.tail()
    stu.wait_for_server("stu")
    shared = hub.api("shares/stu/", token=student, method="POST", json={"user": "sue"})
    assert shared.status_code == 200, shared.text

    # Prepared: a rehearsal first, which keeps nothing.
    begins = datetime.now(UTC) + HOUR
    wish = {
        "starts": begins.isoformat(),
        "ends": (begins + HOUR).isoformat(),
        "profile": "notebook",
        "image": "registry.example/exam:1",
        "participants": ["stu", "sue"],
    }
    told = hub.api(EXAMS, token=teacher, method="POST", json={**wish, "dry_run": True})
    assert told.status_code == 200, told.text
    stopped = {one["user"]: one["stopped"] for one in told.json()["rehearsal"]["people"]}
    assert stopped == {"stu": 1, "sue": 0}
    assert hub.api(EXAMS, token=teacher).json()["exams"] == []
    assert hub.api(EXAMS, token=student, method="POST", json=wish).status_code == 403
    made = hub.api(EXAMS, token=teacher, method="POST", json=wish)
    assert made.status_code == 201, made.text
    exam = f"{EXAMS}/{made.json()['id']}"

    # It begins, now: the other server is stopped, and only the exam's starts, which is shared with nobody.
    begun = hub.api(f"{exam}/begin", token=teacher, method="POST", json={})
    assert begun.json()["phase"] == "running", begun.text
    until(lambda: not servers(hub, "stu"), hub)
    refused = stu.start(choice="ml/gpu")
    assert "You take part in an exam" in refused.text
    assert stu.start(choice="ml/notebook").status_code == 302, hub.tail()
    stu.wait_for_server("stu")
    assert hub.api("shares/stu/", token=student).json()["items"] == []
    for kind in ("shares", "share-codes"):
        again = hub.api(
            f"{kind}/stu/",
            token=student,
            method="POST",
            json={"user": "sue"} if kind == "shares" else {},
        )
        assert again.status_code in {403, 409}, again.text
        assert "shared with nobody" in again.json()["message"]

    # Extra time moves one end; the protocol says who started from where, and who has not.
    extra = hub.api(exam, token=teacher, method="PATCH", json={"extra": {"stu": 30}})
    assert extra.status_code == 200, extra.text
    (session,) = hub.api("edu/courses/ml/servers", token=teacher).json()["items"]
    ends = datetime.fromisoformat(session["until"])
    assert abs(ends - (begins + 1.5 * HOUR)) < SECOND
    protocol = hub.api(f"{exam}/protocol", token=teacher).json()
    assert [(one["user"], one["address"]) for one in protocol["started"]] == [("stu", "127.0.0.1")]
    assert [one["user"] for one in protocol["not_started"]] == ["sue"]

    # Ended: its server is stopped after the warning, and everything starts again.
    assert hub.api(f"{exam}/end", token=teacher, method="POST", json={}).status_code == 200
    until(lambda: not servers(hub, "stu"), hub)
    assert sue.start(choice="ml/notebook").status_code == 302, hub.tail()
    sue.wait_for_server("sue")


def logged_in(hub: Hub, name: str) -> Any:
    browser = hub.browser()
    browser.log_in(name, "demo")
    return browser


def servers(hub: Hub, name: str) -> dict[str, Any]:
    found: dict[str, Any] = hub.api(f"users/{name}").json()["servers"]
    return found


def until(holds: Callable[[], bool], hub: Hub) -> None:
    """Wait for something that happens by itself."""
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline, hub.tail()
        time.sleep(0.3)
