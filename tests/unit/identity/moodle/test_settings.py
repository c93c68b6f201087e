"""The keys of a Moodle: what is refused says what to write."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.identity import SOURCE_TYPES
from jupyterhub_edu.identity.moodle import MoodleSettings

KEYS: dict[str, Any] = {
    "url": "https://moodle.example.edu/",
    "client_id": "jupyterhub",
    "client_secret": "sesame-of-the-client",
    "token": "sesame-of-the-service",
    "canary": 2,
}
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "plain HTTP": ({"url": "http://moodle.example.edu"}, "insecure: i-know"),
    "a page of Moodle": ({"url": "https://moodle.example.edu/login/index.php"}, "one page"),
    "an address with a query": ({"url": "https://moodle.example.edu/?lang=en"}, "one page"),
    "no address": ({"url": "moodle.example.edu"}, "write https://host/path"),
    "the front page as canary": ({"canary": 1}, "greater than 1"),
    "no canary": ({"canary": None}, "canary"),
    "a role that is none of ours": ({"roles": {"tutor": "boss"}}, "teacher"),
    "admin by a role": ({"roles": {"manager": "admin"}}, "teacher"),
    "no roles at all": ({"roles": {}}, "at least 1"),
    "no categories at all": ({"categories": []}, "at least 1"),
    "a category that is none": ({"categories": [0]}, "greater than 0"),
    "seconds without their unit": ({"timeout": 3}, "say the unit: 3s"),
    "a file that is not there": ({"ca": "nowhere.pem"}, "there is no file"),
    "a key that is unknown": ({"canari": 2}, "canari"),
}


@pytest.mark.parametrize(("changes", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_refused_without_a_secret(changes, words):
    with pytest.raises(ValidationError) as refused:
        MoodleSettings.model_validate(KEYS | changes)
    assert words in str(refused.value)
    assert "sesame" not in str(refused.value)


RIGHT: dict[str, dict[str, Any]] = {
    "as it should be": {},
    "below a path": {"url": "https://www.example.edu/moodle"},
    "on this machine": {"url": "http://127.0.0.1:8080"},
    "plain HTTP that somebody accepts": {"url": "http://moodle.example", "insecure": "i-know"},
}


@pytest.mark.parametrize("changes", RIGHT.values(), ids=RIGHT)
def test_what_is_right_is_taken(changes):
    settings = MoodleSettings.model_validate(KEYS | changes)
    assert not settings.root.endswith("/")
    assert "sesame" not in repr(settings)


def test_moodle_calls_the_assistant_teacher():
    assert MoodleSettings.model_validate(KEYS).course_roles == {
        "editingteacher": CourseRole.TEACHER,
        "teacher": CourseRole.ASSISTANT,
        "student": CourseRole.STUDENT,
    }


def test_roles_that_are_given_stand_alone():
    settings = MoodleSettings.model_validate(KEYS | {"roles": {"tutor": "observer"}})
    assert settings.course_roles == {"tutor": CourseRole.OBSERVER}


def test_a_file_of_certificates_starts_from_the_folder_of_the_campus_file(tmp_path: Path):
    (tmp_path / "ca.pem").touch()
    settings = MoodleSettings.model_validate(KEYS | {"ca": "ca.pem"}, context={"folder": tmp_path})
    assert settings.ca == tmp_path / "ca.pem"


@pytest.mark.parametrize(("locked", "given"), [(True, ["idnumber"]), (False, [])])
def test_links_get_the_number_that_nobody_can_change(locked, given):
    settings = MoodleSettings.model_validate(KEYS | {"idnumber_is_locked": locked})
    assert list(SOURCE_TYPES["moodle"].link_attributes(settings)) == given
