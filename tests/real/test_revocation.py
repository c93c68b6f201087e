"""What a real Keycloak takes away is gone at the hub within a minute; what it disables or deletes is closed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from .elsewhere import KeycloakPeople
from .people import People
from .school import School, until
from .story import Story


def test_keycloak_takes_away_a_course_and_then_an_account(
    people_of: Callable[[str], People], open_school: Callable[..., School], tell_story: Any
) -> None:
    story: Story = tell_story("taken away at Keycloak (hub 6.1)")
    people = people_of("keycloak")
    assert isinstance(people, KeycloakPeople)
    school = open_school(people, "6.1", sees_cluster=True)
    assert school.start("s-ml", "ml/gpu").status_code == 302, school.hub.tail()
    assert school.start("a-ml", "ml/notebook").status_code == 302, school.hub.tail()
    story.tell("s-ml has a GPU notebook, a-ml a notebook; refresh is 10s")
    a_course_is_taken_away(school, people, story)
    an_account_is_disabled(school, people, story)
    an_account_is_deleted(school, people, story)


def a_course_is_taken_away(school: School, people: KeycloakPeople, story: Story) -> None:
    """Keycloak leaves the claim out for somebody's last group; a-ml's tokens show that it still sends it."""

    def groups() -> list[str]:
        found: list[str] = school.hub.api("users/s-ml").json()["groups"]
        return found

    assert groups() == ["edu:ml:student"]
    people.realm.leave(people.id_of("s-ml"), "/courses/ml/students")
    began = time.monotonic()
    until(lambda: groups() == [], "the hub group to go")
    story.tell(
        f"{time.monotonic() - began:.0f} s after the removal from the group the hub group is gone"
    )
    assert "JupyterLab" in school.lab("s-ml").text
    story.tell("the server that runs goes on")
    school.stop("s-ml")
    refused = school.start_by_rest("s-ml", "ml/gpu")
    assert refused.status_code == 403
    assert [one["code"] for one in refused.json()["reasons"]] == ["not-enrolled"]
    assert school.cards("s-ml") == {}
    story.tell(f"no new start: {refused.json()['message']}")


def an_account_is_disabled(school: School, people: KeycloakPeople, story: Story) -> None:
    token = school.browser("a-ml").token("a-ml")
    assert school.hub.api("user", token=token).status_code == 200
    with people.realm.disabled(people.id_of("a-ml")):
        began = time.monotonic()
        until(
            lambda: school.hub.api("user", token=token).status_code in {401, 403},
            "a-ml's token to die",
        )
        story.tell(f"{time.monotonic() - began:.0f} s after a-ml was disabled the token is dead")
        page = school.browser("a-ml").raw("GET", "/hub/home")
        assert page.status_code == 302
        assert "/hub/login" in page.headers["location"]
        story.tell("the cookie is dead too")
        until(lambda: "a-ml" not in school.pods(), "a-ml's pod to go")
        story.tell(f"{time.monotonic() - began:.0f} s after: the server is stopped, the pod gone")
        password = people.campus.people["a-ml"].password
        assert not people.log_in(school.hub.browser(), "a-ml", password)
        story.tell("a new log-in is refused at Keycloak")
    assert people.log_in(school.hub.browser(), "a-ml", people.campus.people["a-ml"].password)
    story.tell("enabled again, a-ml logs in as before")


def an_account_is_deleted(school: School, people: KeycloakPeople, story: Story) -> None:
    """To the refresh token it looks like a session that has ended; the look-up tells them apart."""
    for login in ("t-ml", "t-stat"):
        assert school.start(login, f"{login[2:]}/notebook").status_code == 302, school.hub.tail()
    people.realm.end_sessions(people.id_of("t-stat"))
    people.realm.delete(people.id_of("t-ml"))
    began = time.monotonic()
    until(lambda: "t-ml" not in school.pods(), "t-ml's pod to go")
    story.tell(f"{time.monotonic() - began:.0f} s after t-ml was deleted the server is stopped")
    page = school.browser("t-ml").raw("GET", "/hub/home")
    assert page.status_code == 302
    assert "/hub/login" in page.headers["location"]
    assert "t-stat" in school.pods()
    story.tell("t-stat, whose session at Keycloak has ended too, keeps the server")
