"""A small campus file to change.

Fixtures:

    campus_folder   folder with campus.yaml (SMALL), people.csv and passwords.txt
    load            load(old, new, ...) replaces texts in SMALL and loads it
    mistakes        the same, returning the mistakes as lines of text; [] if there are none
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jupyterhub_edu import campus
from jupyterhub_edu.identity import SOURCE_TYPES

NOW = datetime(2026, 11, 3, 10, 0, tzinfo=UTC)
TRAITS = frozenset({"environment", "volumes", "volume_mounts", "image_pull_secrets"})
ENVIRON = {"LDAP_PASSWORD": "hunter2-of-the-directory", "EMPTY": ""}

SMALL = """\
name: Fjord
time_zone: Europe/Oslo
admins: ["ad:kari"]
stale_after: 12h
sources:
  ad:
    type: ldap
    servers: ["ldaps://ad.example"]
    schema: active-directory
    people: "OU=People,DC=example"
    groups: "OU=Courses,DC=example"
    bind: {dn: "CN=hub,DC=example", password: {env: LDAP_PASSWORD}}
    adopt: true
  roster:
    type: roster
    people: people.csv
    passwords: passwords.txt
rules:
  - {source: ad, group: "CN=Staff,*", site_role: teacher}
  - {source: ad, group: "CN=<course>,OU=<term>,*", course_role: student}
terms:
  h26: {from: 2026-08-17, until: 2026-12-18}
flavors:
  cpu: {}
  t4:
    device: nvidia.com/gpu
    count: 4
profiles:
  notebook:
    flavor: cpu
    cpu: {guarantee: 0.5, limit: 2}
    memory: {guarantee: 512Mi, limit: 2Gi}
    image: example/notebook:2026
    longest: 8h
  gpu:
    flavor: t4
    devices: 1
    cpu: {limit: 4}
    memory: {limit: 16Gi}
    options:
      devices:
        default: one
        choices:
          one: {devices: 1}
          two: {devices: 2, course_roles: [teacher]}
    kubespawner: {environment: {A: b}}
course_defaults:
  offers:
    student: [notebook]
    teacher: [notebook, gpu]
  caps:
    student: {servers: 1, t4: 1}
caps: {servers: 3, t4: 2}
courses:
  ml:
    term: h26
    codes: [INF4490]
    people: {teacher: ["ad:ola"]}
    quota: {t4: {nominal: 2, borrow: 1}}
  intro:
    term: h26
    quota: {t4: 2}
"""


@pytest.fixture
def campus_folder(tmp_path: Path) -> Path:
    (tmp_path / "campus.yaml").write_text(SMALL, encoding="utf-8")
    (tmp_path / "people.csv").write_text("person,name,course,course_role\n", encoding="utf-8")
    (tmp_path / "passwords.txt").write_text("", encoding="utf-8")
    return tmp_path


@pytest.fixture
def load(campus_folder: Path) -> Callable[..., campus.Loaded]:
    def load(*changes: str, text: str = SMALL, **kwargs) -> campus.Loaded:
        for old, new in zip(changes[::2], changes[1::2], strict=True):
            assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
            text = text.replace(old, new)
        file = campus_folder / "campus.yaml"
        file.write_text(text, encoding="utf-8")
        usual = {"environ": ENVIRON, "now": NOW, "kubespawner_traits": TRAITS}
        return campus.load(file, SOURCE_TYPES, **{**usual, **kwargs})

    return load


@pytest.fixture
def mistakes(load) -> Callable[..., list[str]]:
    def mistakes(*changes: str, **kwargs) -> list[str]:
        try:
            load(*changes, **kwargs)
        except campus.CampusError as error:
            return [str(mistake) for mistake in error.mistakes]
        return []

    return mistakes
