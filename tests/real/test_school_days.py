"""What a school sees on other days: several roles, people who leave, a directory that is down, an administrator's hooks."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.directories.slapd import Slapd

from .school import School, until

HOOKS = """
async def before(spawner):
    spawner.environment["HOOK_SAYS"] = f"hello {spawner.user.name}"


def change_pod(spawner, pod):
    pod.metadata.annotations["fjord.example/hook"] = "was here"
    return pod


def after_login(authenticator, handler, model):
    with open("logins", "a") as file:
        print(model["name"], sorted(model["groups"]), file=file)
    return model


c.Spawner.pre_spawn_hook = before
c.KubeSpawner.modify_pod_hook = change_pod
c.Authenticator.post_auth_hook = after_login
"""


@pytest.fixture(scope="module")
def school(slapd: Slapd, open_school: Any) -> School:
    """A hub 5.5 with OpenLDAP and the stock chart's rights."""
    opened: School = open_school(slapd, "5.5", config=HOOKS)
    return opened


def roles(school: School, login: str) -> dict[str, tuple[str, bool]]:
    """By course: the role, and whether everybody who is on is seen."""
    token = school.browser(login).token(login, ["custom:edu:read"])
    rows = school.hub.api("edu/courses", token=token).json()["items"]
    return {row["id"]: (row["role"], row["sees_everybody"]) for row in rows}


def test_a_teacher_of_one_course_studies_another(school: School) -> None:
    assert school.cards("both") == {
        "Machine Learning": {"Notebook": "", "GPU notebook": ""},
        "STAT": {"Notebook": ""},
    }
    assert roles(school, "both") == {"ml": ("teacher", True), "stat": ("student", False)}
    assert school.start("both", "stat/gpu").status_code == 403
    outside = school.browser("both").get("/hub/edu/courses/intro")
    assert outside.status_code == 404
    groups = school.hub.api("users/both").json()["groups"]
    assert sorted(groups) == ["edu:ml:teacher", "edu:stat:student"]


@pytest.fixture(scope="module")
def pod(school: School) -> Any:
    """The pod of s-intro."""
    assert school.start("s-intro", "intro/notebook").status_code == 302, school.hub.tail()
    yield school.pods()["s-intro"]
    school.stop("s-intro")


def test_the_administrators_pre_spawn_hook_runs(pod: dict[str, Any]) -> None:
    env = pod["spec"]["containers"][0]["env"]
    assert {"name": "HOOK_SAYS", "value": "hello s-intro"} in env


def test_the_administrators_modify_pod_hook_runs(pod: dict[str, Any]) -> None:
    assert pod["metadata"]["annotations"]["fjord.example/hook"] == "was here"


def test_the_administrators_post_auth_hook_runs(school: School, pod: dict[str, Any]) -> None:
    logins = (school.hub.folder / "logins").read_text().splitlines()
    assert "s-intro ['edu:intro:student']" in logins


def test_who_leaves_the_group_starts_nothing_new(
    school: School, slapd: Slapd, tell_story: Any
) -> None:
    story = tell_story("removed from the group in slapd (hub 5.5)")
    assert school.start("s-stat", "stat/notebook").status_code == 302, school.hub.tail()
    pod = school.pods()["s-stat"]["metadata"]["uid"]
    story.tell("s-stat, a student of stat by the directory, starts a notebook")

    def groups() -> list[str]:
        found: list[str] = school.hub.api("users/s-stat").json()["groups"]
        return found

    assert groups() == ["edu:stat:student"]
    slapd.remove_from_group("s-stat", "stat")
    began = time.monotonic()
    try:
        until(lambda: groups() == [], "the hub group to go")
        story.tell(f"{time.monotonic() - began:.0f} s after the removal the hub group is gone")
        assert school.pods()["s-stat"]["metadata"]["uid"] == pod
        assert "JupyterLab" in school.lab("s-stat").text
        story.tell("the server that runs goes on, until s-stat stops it")
        school.stop("s-stat")
        refused = school.start_by_rest("s-stat", "stat/notebook")
        assert refused.status_code == 403
        assert [one["code"] for one in refused.json()["reasons"]] == ["not-enrolled"]
        assert school.cards("s-stat") == {}
        assert roles(school, "s-stat") == {}
        story.tell(f"a start is refused: {refused.json()['message']}")
    finally:
        slapd.add_to_group("s-stat", "stat")
    until(
        lambda: school.start("s-stat", "stat/notebook").status_code == 302, "a start to be taken"
    )
    school.stop("s-stat")
    story.tell("back in the group, s-stat starts again")


def test_a_directory_that_is_down_takes_nothing_away(
    school: School, slapd: Slapd, tell_story: Any
) -> None:
    story = tell_story("slapd stopped (hub 5.5)")
    assert school.start("a-ml", "ml/gpu").status_code == 302, school.hub.tail()
    school.browser("s-ml")
    pod = school.pods()["a-ml"]["metadata"]["uid"]
    assert school.notice("a-ml") == ""
    with slapd.stopped():
        story.tell("a-ml has a server, s-ml is logged in; slapd is stopped")
        notice = until(lambda: school.notice("s-ml"), "the page to say so")
        assert notice.startswith("Fjord account has not answered since ")
        story.tell(f"the start page says: {notice}")
        desk = school.browser("s-ml").get("/hub/edu/").text
        assert notice.split(";")[0] in desk
        assert school.pods()["a-ml"]["metadata"]["uid"] == pod
        assert "JupyterLab" in school.lab("a-ml").text
        assert school.who_is_on("a-ml") == ["a-ml"]
        story.tell("a-ml's server goes on")
        assert school.start("s-ml", "ml/gpu").status_code == 302, school.hub.tail()
        story.tell("s-ml starts a GPU notebook: what was known is fresh enough")
        assert school.hub.api("users/s-ml").json()["groups"] == ["edu:ml:student"]
        person = slapd.campus.people["t-stat"]
        refused = school.hub.browser().log_in(person.login, person.password)
        assert refused.status_code == 503
        assert "Fjord account does not answer at the moment" in refused.text
        story.tell("a new login is told to try again: 503")
    until(lambda: not school.notice("s-ml"), "the page to say nothing")
    story.tell("slapd is back, and the page says nothing")
    for login in ("a-ml", "s-ml"):
        school.stop(login)
