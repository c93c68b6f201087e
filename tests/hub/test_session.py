"""When a session stops, asked for by its own page: the token that reaches the server, and its owner, and nobody else."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import httpx
from bs4 import BeautifulSoup

from .browser import Browser
from .server import Hub
from .test_desk import CONFIG
from .test_start import DEMO


def test_a_server_is_told_when_it_stops_and_nobody_else_is(start_hub: Callable[..., Hub]) -> None:
    hub = start_hub(CONFIG)
    stu, tea = hub.browser(), hub.browser()
    stu.log_in("stu", "demo")
    tea.log_in("tea", "demo")
    assert stu.start(choice="ml/gpu").status_code == 302, hub.tail()
    stu.wait_for_server("stu")
    of_the_page = stu.token("stu", ["access:servers!server=stu/"])

    reply = hub.api("edu/session/stu", token=of_the_page)
    assert reply.status_code == 200, reply.text
    told = reply.json()
    left = datetime.fromisoformat(told["ends_at"]) - datetime.fromisoformat(told["now"])
    assert timedelta(0) < left <= timedelta(hours=4)
    assert (told["course"], told["profile"]) == ("ml", "gpu")
    assert told["ends_by"] == "longest-session"
    assert "(longest session)" in told["sentence"]
    assert told["warn_before"] == [600, 120]

    elsewhere = {
        "a teacher's token": tea.token("tea", None),
        "a token for other things": stu.token("stu", ["custom:edu:read"]),
        "a token for another server": stu.token("stu", ["access:servers!server=stu/second"]),
    }
    refused = {
        whose: hub.api("edu/session/stu", token=token).status_code
        for whose, token in elsewhere.items()
    }
    assert refused == {
        "a teacher's token": 404,
        "a token for other things": 403,
        "a token for another server": 404,
    }
    assert hub.api("edu/session/stu", token="nobody").status_code == 403
    assert hub.api("edu/session/nobody", token=of_the_page).status_code == 404
    # An administrator's token reaches every server; the page of a server asks for its owner alone.
    assert hub.api("edu/session/stu").status_code == 404

    headers = {"Origin": "https://evil", "Authorization": f"token {of_the_page}"}
    page = httpx.get(f"{hub.url}/hub/api/edu/session/stu", headers=headers)
    assert page.status_code == 200
    assert "Access-Control-Allow-Origin" not in page.headers
    assert page.headers["Vary"] == "Origin"


def test_a_session_goes_on_once_and_then_the_reason_is_told(
    start_hub: Callable[..., Hub], tmp_path: Path
) -> None:
    campus = DEMO.read_text().replace("longest: 2h", "longest: 9m")
    for file in ("people.csv", "passwords.txt"):
        campus = campus.replace(f": {file}", f": {DEMO.parent / file}")
    campus = campus.replace("\nceilings:\n", "\nceilings:\n  longest: 4h\n")
    (tmp_path / "campus.yaml").write_text(f"extend_times: 1\nextend_by: 30m\n{campus}")
    hub = start_hub(CONFIG.replace(repr(str(DEMO)), repr(str(tmp_path / "campus.yaml"))))
    stu = hub.browser()
    stu.log_in("stu", "demo")
    assert stu.start(choice="ml/gpu").status_code == 302, hub.tail()
    stu.wait_for_server("stu")
    token = stu.token("stu", ["access:servers!server=stu/"])
    running(hub, token)

    before = hub.api("edu/session/stu", token=token).json()
    assert before["extend"]["allowed"] is True
    assert before["extend"]["label"].startswith("Go on until ")
    reply = hub.api("edu/session/stu", token=token, method="POST")
    assert reply.status_code == 200, reply.text
    after = reply.json()
    longer = datetime.fromisoformat(after["ends_at"]) - datetime.fromisoformat(before["ends_at"])
    assert longer == timedelta(minutes=30)
    assert after["ends_by"] == "extension"
    assert after["extend"]["allowed"] is False

    again = hub.api("edu/session/stu", token=token, method="POST")
    assert again.status_code in {403, 409}
    assert again.json()["message"] == after["extend"]["sentence"]
    assert hub.api("edu/session/stu", method="POST").status_code == 404
    sees_their_own_use(stu, after["extend"]["sentence"])

    # Staff extend it up to the ceiling, by another address, whatever the student has used up.
    tea, sue = hub.browser(), hub.browser()
    tea.log_in("tea", "demo")
    sue.log_in("sue", "demo")
    now = datetime.fromisoformat(after["now"])

    def extend(token: str, until: object, course: str = "ml") -> httpx.Response:
        return hub.api(
            f"edu/courses/{course}/servers/stu", token=token, method="PATCH", json={"until": until}
        )

    of_tea, hour, day = tea.token("tea", None), timedelta(hours=1), timedelta(days=1)
    more = extend(of_tea, (now + hour).isoformat())
    assert more.status_code == 200, more.text
    assert datetime.fromisoformat(more.json()["until"]) == now + hour
    assert extend(of_tea, (now + day).isoformat()).status_code == 403
    assert extend(of_tea, "tomorrow").status_code == 400
    assert extend(of_tea, "2030-01-01T00:00:00").status_code == 400
    assert extend(of_tea, (now + hour).isoformat(), "stats").status_code == 404
    own = stu.token("stu", None)
    assert extend(own, (now + 2 * hour).isoformat()).status_code == 403
    classmate = extend(sue.token("sue", None), (now + 2 * hour).isoformat())
    assert classmate.status_code == 404


def sees_their_own_use(stu: Browser, refused: str) -> None:
    """On the hub's home page and on *My use*, where the same is refused in the same words."""
    home = stu.page("/hub/home")
    (note,), (left,) = home.select("[data-edu-warn]"), home.select("[data-edu-left]")
    assert "GPU notebook (Machine Learning)" in note.get_text(" ", strip=True)
    assert int(str(left["data-edu-left"])) > 1800
    told = stu.get("/hub/api/edu/use").json()
    (mine,) = told["sessions"]
    assert (mine["until_why"], mine["may_extend"]) == ("the extension ends", False)
    page = stu.page("/hub/edu/use")
    assert not page.select("form button")
    again = stu.post("/hub/edu/use", {"session": mine["session"]})
    assert again.status_code in {403, 409}
    alert = BeautifulSoup(again.text, "html.parser").select_one("[role=alert]")
    assert alert is not None
    assert alert.get_text(strip=True) == refused
    nobodys = stu.post("/hub/edu/use", {"session": "0" * 32})
    assert (nobodys.status_code, "Running now" in nobodys.text) == (200, True)


def running(hub: Hub, token: str) -> None:
    """Wait until the book knows that the server runs."""
    end = time.monotonic() + 120
    while hub.api("edu/session/stu", token=token).json().get("extend") is None:
        assert time.monotonic() < end, hub.tail()
        time.sleep(0.5)
