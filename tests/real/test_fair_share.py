"""The fair share, told as one story: two courses, four devices, one real cluster, and a hub that is killed twice.

The hub's clock is moved on where people would wait for half an hour; the cluster's is not. So what is charged in the end is
what the pods themselves say they ran.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.cluster import Kubernetes
from tests.directories.slapd import Slapd
from tests.hub.clock import SLEEPS, HubClock
from tests.hub.server import BRISKLY

from .pod_log import PodLog
from .school import School, until
from .story import Story

ZONE = ZoneInfo("Europe/Oslo")
MINUTE = timedelta(minutes=1)
OPENS_AFTER = 75 * MINUTE
_JUST_BEGUN = 3.0
"""Seconds in which what a server does might be its own beginning."""


@pytest.fixture
def clock(tmp_path: Any) -> HubClock:
    return HubClock(tmp_path / "clock")


@pytest.fixture
def four_gpus(cluster: Kubernetes) -> Iterator[None]:
    cluster.set_gpus(4)
    yield
    cluster.set_gpus(2)


def shared(opens: datetime) -> Callable[[dict[str, Any]], None]:
    """Two courses with two devices each; ml's class meets, and stat may use what ml leaves idle."""

    def change(campus: dict[str, Any]) -> None:
        local = opens.astimezone(ZONE)
        campus |= {"extend_by": "1h", "extend_times": 1}
        campus["flavors"]["gpu"]["count"] = 4
        gpu = campus["profiles"]["gpu"]
        gpu["longest"] = "8h"
        campus["profiles"]["short"] = {**gpu, "title": "Short GPU notebook", "longest": "1h"}
        everybody = ("student", "assistant", "teacher")
        campus["courses"]["stat"] |= {
            "title": "Statistics",
            "offers": {role: ["gpu", "short"] for role in everybody},
            "quota": {"gpu": {"nominal": 2, "borrow": 2}},
            "allowance": {"person": "2h per term"},
        }
        campus["courses"]["ml"] |= {
            "offers": {role: ["notebook", "gpu"] for role in everybody},
            "quota": {"gpu": {"nominal": 2, "borrow": 0}},
            "windows": [
                {
                    "title": "Lab",
                    "dates": [local.date()],
                    "from": f"{local:%H:%M}",
                    "until": f"{local + 2 * timedelta(hours=1):%H:%M}",
                    "reserve": {"gpu": 2},
                    "lead_time": "15m",
                }
            ],
        }

    return change


@pytest.mark.timeout(1200)
def test_the_fair_share(
    clock: HubClock,
    four_gpus: None,
    slapd: Slapd,
    open_school: Any,
    tell_story: Any,
    cluster: Kubernetes,
) -> None:
    story: Story = tell_story("the fair share: two courses, four devices")
    opens = (datetime.now(UTC) + OPENS_AFTER).replace(second=0, microsecond=0)
    school: School = open_school(
        slapd,
        "6.1",
        sees_cluster=True,
        config=BRISKLY + SLEEPS,
        change=shared(opens),
        environ=clock.environ(),
    )
    told = Told(school, clock, story)
    with PodLog(cluster, school.namespace) as pods:
        told.stat_borrows()
        told.one_more_hour_is_granted_once()
        told.the_class_gets_its_devices_back(opens)
        told.who_waits_is_started()
        told.a_budget_runs_out()
        told.an_exam_closes_everything_else()
        told.the_ledger_matches(pods)


class Told:
    """The story's steps, each told once it has been checked."""

    def __init__(self, school: School, clock: HubClock, story: Story) -> None:
        self.school, self.clock, self.story = school, clock, story

    # -- what people do and see --------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The hub's time."""
        return datetime.now(UTC) + self.clock.ahead

    def move_to(self, instant: datetime) -> None:
        """Move the hub's clock on to an instant."""
        self.clock.move(instant - self.now)
        self.story.tell(f"-- the hub's clock is moved on to {_clock(instant)} --")

    def ask(self, login: str, method: str, path: str, **how: Any) -> httpx.Response:
        """Call the API as somebody, with all that a token of theirs may."""
        scopes = ["custom:edu:read", "custom:edu:manage", "servers!user", "access:servers!user"]
        token = self.school.browser(login).token(login, scopes)
        return self.school.hub.api(path, method=method, token=token, **how)

    def start(self, login: str, choice: str) -> None:
        """Start from the start page, and work."""
        assert self.school.start(login, choice).status_code == 302
        self.work(login)

    def work(self, login: str) -> None:
        """Save a file when the server has just begun: one that nobody opens is stopped after ten minutes."""
        time.sleep(_JUST_BEGUN)
        self.school.contents(login, "notes.txt", "mine")

    def session(self, login: str) -> dict[str, Any]:
        """What JupyterLab shows somebody of their session; nothing if they have none."""
        reply = self.ask(login, "GET", f"edu/session/{login}")
        return dict(reply.json()) if reply.status_code == 200 else {}

    def ends(self, login: str) -> datetime:
        """When somebody's session ends."""
        return datetime.fromisoformat(self.session(login)["ends_at"])

    def place(self, login: str) -> dict[str, Any]:
        """How somebody stands in the line."""
        return dict(self.ask(login, "GET", "edu/line").json())

    def shares(self, course: str) -> dict[str, str]:
        """Who is on in a course, each with own or spare devices."""
        return {one["user"]: one["share"] for one in self.school.sessions(f"t-{course}", course)}

    def gone(self, login: str) -> None:
        """Wait until somebody's pod is gone, and book and hub know it."""

        def known() -> bool:
            servers = self.school.hub.api(f"users/{login}").json().get("servers")
            return login not in self.school.pods() and not servers and not self.session(login)

        until(
            known,
            f"{login}'s server to stop\n{self.school.hub.tail()}",
        )

    def kill_the_hub(self) -> None:
        """SIGKILL, and the same hub again."""
        self.school.hub.kill()
        self.school.hub.start()

    # -- the story ---------------------------------------------------------------------------------------------

    def stat_borrows(self) -> None:
        for login, choice in (("s-stat", "short"), ("n-stat", "gpu"), ("a-stat", "gpu")):
            self.start(login, f"stat/{choice}")
        assert self.shares("stat") == {"s-stat": "own", "n-stat": "own", "a-stat": "spare"}
        self.story.tell(
            "three of Statistics start: two on its own devices, a-stat on a spare one of ml's"
        )

    def one_more_hour_is_granted_once(self) -> None:
        ends = self.ends("s-stat")
        early = self.ask("s-stat", "POST", "edu/session/s-stat")
        assert early.status_code == 409, early.text
        self.move_to(ends - 9 * MINUTE)
        label = until(lambda: (self.session("s-stat")["extend"] or {}).get("label"), "the button")
        granted = self.ask("s-stat", "POST", "edu/session/s-stat")
        assert granted.status_code == 200, granted.text
        assert self.ends("s-stat") > ends + 50 * MINUTE
        self.story.tell(
            f"s-stat, warned, presses “{label}” and goes on until {_clock(self.ends('s-stat'))}"
        )
        again = self.ask("s-stat", "POST", "edu/session/s-stat")
        assert again.status_code == 409, again.text
        self.story.tell(f"a second time is refused: {again.json()['message']}")

    def the_class_gets_its_devices_back(self, opens: datetime) -> None:
        assert not self.session("a-stat")["ends_by"].startswith("reclaim")
        self.move_to(opens - 5 * MINUTE + timedelta(seconds=2))
        until(lambda: self.session("a-stat")["ends_by"] == "reclaimed", "a-stat to be warned")
        ends = self.ends("a-stat")
        self.story.tell(
            f"ml's class comes near; a-stat reads: {self.session('a-stat')['sentence']}"
        )
        self.kill_the_hub()
        assert (self.session("a-stat")["ends_by"], self.ends("a-stat")) == ("reclaimed", ends)
        self.story.tell("the hub is killed, and comes back with the same warning")
        self.move_to(ends)
        self.gone("a-stat")
        assert sorted(self.school.pods()) == ["n-stat", "s-stat"]
        self.story.tell("a-stat's server is stopped; those on their own devices go on")

    def who_waits_is_started(self) -> None:
        for login in ("s-ml", "a-ml"):
            self.start(login, "ml/gpu")
        assert self.shares("ml") == {"s-ml": "own", "a-ml": "own"}
        self.story.tell("the class begins: s-ml and a-ml start at once")
        wish = {"course": "ml", "profile": "gpu"}
        joined = self.ask("n-ml", "POST", "edu/line", json=wish)
        assert joined.status_code == 201, joined.text
        assert self.place("n-ml")["phase"] == "waiting"
        self.story.tell(
            f"n-ml takes a place in the line: {joined.json()['reasons'][0]['sentence']}"
        )
        self.kill_the_hub()
        assert self.place("n-ml")["phase"] == "waiting"
        assert "n-ml" not in self.school.pods()
        self.story.tell("the hub is killed again; n-ml still stands in the line")
        self.school.stop_at_the_desk("t-ml", "a-ml")
        self.gone("a-ml")
        self.story.tell("the teacher stops a-ml's server")
        until(lambda: self.session("n-ml"), "n-ml's turn")
        assert "JupyterLab" in self.school.lab("n-ml").text
        self.work("n-ml")
        assert self.shares("ml") == {"s-ml": "own", "n-ml": "own"}
        self.story.tell("n-ml's server starts by itself, and JupyterLab answers")

    def a_budget_runs_out(self) -> None:
        session = self.session("n-stat")
        assert session["ends_by"] == "allowance"
        self.story.tell(f"n-stat reads: {session['sentence']}")
        self.move_to(self.ends("n-stat"))
        self.gone("n-stat")
        self.story.tell(
            "n-stat's two hours of the term are over, and the server is stopped in mid-session"
        )

    def an_exam_closes_everything_else(self) -> None:
        begins = self.now + 30 * MINUTE
        wish = {
            "starts": begins.isoformat(),
            "ends": (begins + 60 * MINUTE).isoformat(),
            "profile": "gpu",
            "image": self.school.cluster.notebook_image,
            "participants": ["s-ml", "n-ml"],
            "extra": {"n-ml": 15},
        }
        prepared = self.ask("t-ml", "POST", "edu/courses/ml/exams", json=wish)
        assert prepared.status_code == 201, prepared.text
        assert prepared.json()["rehearsal"]["will_not_start"] == 0
        until(lambda: self.session("s-ml")["ends_by"] == "exam-start", "s-ml's end to move")
        self.story.tell(f"t-ml prepares an exam; s-ml reads: {self.session('s-ml')['sentence']}")
        self.move_to(begins + timedelta(seconds=1))
        for login in ("s-ml", "n-ml"):
            self.gone(login)
        self.story.tell("the exam begins: the servers of both who take part are stopped")
        refused = self.school.start_by_rest("s-ml", "ml/notebook")
        assert [one["code"] for one in refused.json()["reasons"]] == ["exam-running"]
        self.story.tell(f"s-ml asks for something else: {refused.json()['message']}")
        self.start("s-ml", "ml/gpu")
        assert self.session("s-ml")["ends_by"] == "exam-end"
        self.story.tell(f"s-ml starts the exam's server: {self.session('s-ml')['sentence']}")
        exam = prepared.json()["id"]
        sat = self.ask("t-ml", "GET", f"edu/courses/ml/exams/{exam}/protocol").json()
        assert [one["user"] for one in sat["started"]] == ["s-ml"]
        assert [one["user"] for one in sat["not_started"]] == ["n-ml"]

    def the_ledger_matches(self, pods: PodLog) -> None:
        for login in sorted(self.school.pods()):
            self.school.stop(login)
        until(lambda: all(run.ended for run in pods.runs()), "the last pod's own end")
        ran: dict[str, timedelta] = {}
        for run in pods.runs():
            ran[run.hub_name] = ran.get(run.hub_name, timedelta(0)) + run.length
        charged = {
            row["person"]: timedelta(milliseconds=row["running_ms"])
            for course in ("ml", "stat")
            for row in self.ask(
                f"t-{course}", "GET", f"edu/usage?course={course}&by=person"
            ).json()["rows"]
        }
        assert charged == ran
        total = sum(ran.values(), timedelta(0))
        self.story.tell(
            f"{len(pods.runs())} pods ran {total} by their own clocks: so says the ledger, to the second"
        )


def _clock(instant: datetime) -> str:
    return f"{instant.astimezone(ZONE):%H:%M}"
