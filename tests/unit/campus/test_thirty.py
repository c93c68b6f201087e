"""Thirty mistakes planted in one file: one run reports each with its line and its fix, and nothing else."""

import pytest

from jupyterhub_edu import campus
from jupyterhub_edu.identity import SOURCE_TYPES

from .conftest import NOW, TRAITS

# A line that ends in `# N` holds the N-th planted mistake.
FILE = """\
name: Fjord
time_zone: Europe/Olso                                    # 1
contat: it@fjord.example                                  # 2
admins: ["ad:*", kari]                                    # 3 4
stale_after: 60d                                          # 5
sources:
  ad:
    type: ldap
    servers: ["ldap://ad.example"]
    schema: active-directory
    people: "OU=People,DC=example"
    groups: "OU=Courses,DC=example"
    bind: {dn: "CN=hub,DC=example", password: hunter2}    # 6
    adopt: yes                                            # 7
  guests:
    type: rooster                                         # 8
rules:
  - {source: da, group: "CN=Staff,*", site_role: teacher} # 9
  - {source: ad, group: "*", course_role: teacher, course: ml}    # 10
  - {source: ad, group: "CN=Admins,*", site_role: admin}  # 11
  - {source: ad, group: "CN=*<course>,*", course_role: student}   # 12
terms:
  h26: {from: 2026-08-17, until: 2026-02-30}              # 13
flavors:
  cpu: {}
  t4: {device: nvidia.com/gpu, count: 4, locked: 6}         # 14
  old: {}                                                 # 15
profiles:
  notebook:
    flavor: cpu
    cpu: {guarantee: 3, limit: 2}                         # 16
    memory: {limit: 2gb}                                  # 17
    image: example/notebook                               # 18
    longest: 90d                                          # 19
  gpu:
    flavor: t4
    devices: 1
    cpu: {guarantee: 2}                                   # 20
    memory: {limit: 16Gi}
    options:
      devices:
        default: three                                    # 21
        choices:
          one: {devices: 1}
          two: {devices: 2, course_roles: [techer]}       # 22
    kubespawner: {mem_limit: 3G, enviroment: {A: b}}      # 23 24
course_defaults:
  offers: {students: [notebook], teacher: [notebook, gpu]}        # 25
courses:
  ml:
    codes: [6.0001, 010]                                  # 26 27
    quota: {t4: 3, cpu: 1}                                # 28
  6.0002:                                                 # 29
    quota: {t4: 2}                                        # 30
"""


@pytest.fixture
def reported(tmp_path):
    file = tmp_path / "campus.yaml"
    file.write_text(FILE, encoding="utf-8")
    with pytest.raises(campus.CampusError) as error:
        campus.load(file, SOURCE_TYPES, environ={}, now=NOW, kubespawner_traits=TRAITS)
    return error.value.mistakes


def test_each_planted_mistake_is_reported_in_its_line(reported):
    planted = [
        line
        for line, text in enumerate(FILE.splitlines(), start=1)
        for _ in text.partition("#")[2].split()
    ]

    assert len(planted) == 30
    assert sorted(mistake.line for mistake in reported) == planted


def test_each_says_what_to_do(reported):
    assert [str(mistake) for mistake in reported if not mistake.fix] == []


def test_no_secret_is_shown(reported):
    assert "hunter2" not in str([str(mistake) for mistake in reported])
