"""The main job, end to end: people of a real directory or provider in, the right server on a real cluster out.

Each story runs on one version of the hub with one kind of source and one kind of rights on the cluster. Moodle is a fake.
"""

from __future__ import annotations

import pytest

from .people import People
from .school import GPU, School
from .story import Story

PLACES = {
    "hub 6.1, OpenLDAP, the stock chart's rights": ("6.1", "slapd", False),
    "hub 5.5, Samba AD, rights from rbac.yaml": ("5.5", "samba_ad", True),
    "hub 6.1, Keycloak, rights from rbac.yaml": ("6.1", "keycloak", True),
    "hub 5.5, Keycloak, the stock chart's rights": ("5.5", "keycloak", False),
    "hub 6.1, a fake Moodle, rights from rbac.yaml": ("6.1", "moodle", True),
    "hub 5.5, a fake Moodle, the stock chart's rights": ("5.5", "moodle", False),
}


@pytest.mark.parametrize("place", PLACES)
def test_the_main_job(place, people_of, open_school, tell_story):
    version, kind, sees_cluster = PLACES[place]
    story: Story = tell_story(f"the main job: {place}")
    people: People = people_of(kind)
    story.tell(f"{kind} holds {len(people.campus.people)} people in 3 courses")
    school: School = open_school(people, version, sees_cluster=sees_cluster)
    story.tell(f"hub {version} runs with a service account of namespace {school.namespace}")
    expected = "cluster" if sees_cluster else "namespace"
    assert f"inventory: {expected}," in school.hub.log.read_text()
    story.tell(f"what it may see makes the inventory: {expected}")

    they_log_in_and_see_their_courses(school, story)
    two_gpus_are_taken(school, story)
    the_third_is_refused(school, story)
    the_teacher_stops_one_and_the_next_starts(school, story)
    a_killed_hub_comes_back_to_the_same_book(school, story)

    for login in ("a-ml", "n-ml"):
        school.stop(login)
    assert school.who_is_on("t-ml") == []
    story.tell("both stop; nobody is on, and no pod is left")


def they_log_in_and_see_their_courses(school: School, story: Story) -> None:
    assert not school.people.log_in(school.hub.browser(), "s-ml", "not the password")
    story.tell("a wrong password is refused")
    assert school.cards("s-ml") == {"Machine Learning": {"Notebook": "", "GPU notebook": ""}}
    assert school.cards("s-intro") == {"INTRO": {"Notebook": ""}}
    assert school.cards("n-ml").keys() == {"Machine Learning"}
    story.tell("each sees the own course and its profiles, by a group inside a group too")
    refused = school.start("s-intro", "intro/gpu")
    assert refused.status_code == 403
    assert "gpu is not offered to you as student in INTRO." in refused.text
    assert school.pods() == {}
    story.tell("a GPU that the course does not offer is refused, and no pod is made")


def two_gpus_are_taken(school: School, story: Story) -> None:
    for login in ("s-ml", "a-ml"):
        assert school.start(login, "ml/gpu").status_code == 302, school.hub.tail()
        assert "JupyterLab" in school.lab(login).text
        story.tell(f"{login} starts a GPU notebook; JupyterLab answers through the hub's proxy")
        as_granted(school, login)
        story.tell(f"{login}'s pod: 1 {GPU} on {school.cluster.node_name}, as granted, restricted")
    assert school.contents("s-ml", "notes.txt", "mine") == "mine"
    story.tell("s-ml writes a file into the home volume")


def as_granted(school: School, login: str) -> None:
    """Compare a running pod with the campus file."""
    pod = school.pods()[login]
    spec, notebook = pod["spec"], pod["spec"]["containers"][0]
    assert pod["status"]["phase"] == "Running"
    assert spec["nodeName"] == school.cluster.node_name
    assert notebook["resources"] == {
        "limits": {"cpu": "2", "memory": str(2**30), GPU: "1"},
        "requests": {"cpu": "100m", "memory": str(192 * 2**20), GPU: "1"},
    }
    session = next(one for one in school.sessions("t-ml") if one["user"] == login)
    labels = pod["metadata"]["labels"]
    assert {key: value for key, value in labels.items() if key.startswith("jupyterhub-edu/")} == {
        "jupyterhub-edu/course": "ml",
        "jupyterhub-edu/profile": "gpu",
        "jupyterhub-edu/flavor": "gpu",
        "jupyterhub-edu/admission": session["session"],
    }
    assert notebook["image"] == school.cluster.notebook_image
    assert {"name": "MODE", "value": "gpu"} in notebook["env"]
    assert spec["automountServiceAccountToken"] is False
    assert not any("serviceaccount" in mount["mountPath"] for mount in notebook["volumeMounts"])
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert notebook["securityContext"]["allowPrivilegeEscalation"] is False
    assert notebook["securityContext"]["capabilities"]["drop"] == ["ALL"]


FULL = "All Tesla that Machine Learning may use now are in use."


def the_third_is_refused(school: School, story: Story) -> None:
    assert school.cards("n-ml")["Machine Learning"]["GPU notebook"].startswith(FULL)
    refused = school.start_by_rest("n-ml", "ml/gpu")
    assert refused.status_code == 409
    assert int(refused.headers["Retry-After"]) > 0
    first = refused.json()["reasons"][0]
    assert (first["code"], first["sentence"]) == ("course-quota", FULL)
    assert first["retry_at"]
    story.tell(f"n-ml is refused: 409 {first['code']}, try again at {first['retry_at']}")
    assert sorted(school.pods()) == ["a-ml", "s-ml"]


def the_teacher_stops_one_and_the_next_starts(school: School, story: Story) -> None:
    assert school.who_is_on("t-ml") == ["s-ml", "a-ml"]
    said = school.stop_at_the_desk("t-ml", "s-ml")
    assert "(s-ml)" in said
    story.tell(f"the teacher stops s-ml at the desk: {said}")
    assert school.start("n-ml", "ml/gpu").status_code == 302, school.hub.tail()
    assert sorted(school.pods()) == ["a-ml", "n-ml"]
    as_granted(school, "n-ml")
    story.tell("n-ml starts at once, with s-ml's GPU")


def a_killed_hub_comes_back_to_the_same_book(school: School, story: Story) -> None:
    pages = "t-ml", "n-ml", "s-intro"
    before = [(school.who_is_on(login), school.sessions(login)) for login in pages[:2]]
    pods = {login: pod["metadata"]["uid"] for login, pod in school.pods().items()}
    school.hub.kill()
    story.tell("the hub is killed")
    school.hub.start()
    assert [(school.who_is_on(login), school.sessions(login)) for login in pages[:2]] == before
    assert {login: pod["metadata"]["uid"] for login, pod in school.pods().items()} == pods
    story.tell("it comes back: the same sessions on the page and in the API, the same pods")
    refused = school.start_by_rest("s-ml", "ml/gpu")
    assert refused.status_code == 409
    assert FULL in refused.text
    assert "JupyterLab" in school.lab("n-ml").text
    story.tell("s-ml is refused as before, and n-ml's JupyterLab still answers")
