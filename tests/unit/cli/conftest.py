"""The command line, run in this process.

Fixtures:

    run     run("check", "FILE", ...) -> result with exit_code, stdout, stderr
    file    a small campus in a folder of its own, with a roster
"""

import pytest
from typer.testing import CliRunner

from jupyterhub_edu.cli import main

SMALL = """\
name: Fjord
time_zone: Europe/Oslo
contact: it@fjord.example
sources:
  ad:
    type: ldap
    servers: ["ldaps://ad.example"]
    schema: openldap
    people: "ou=people,dc=example"
    bind: {dn: "cn=hub,dc=example", password: {env: LDAP_PASSWORD}}
  roster: {type: roster, title: Visitors, people: people.csv, passwords: passwords.txt}
terms:
  h26: {from: 2026-08-17, until: 2026-12-18}
flavors:
  cpu: {}
  t4: {title: NVIDIA T4, device: nvidia.com/gpu}
profiles:
  notebook:
    title: Notebook
    flavor: cpu
    cpu: {limit: 2}
    memory: {limit: 2Gi}
    longest: 8h
  gpu:
    title: GPU notebook
    flavor: t4
    devices: 1
    cpu: {limit: 4}
    memory: {limit: 16Gi}
    image: example/torch:2026
    options:
      devices:
        title: GPUs
        default: one
        choices:
          one: {title: One, devices: 1}
          two: {title: Two, devices: 2, course_roles: [teacher]}
courses:
  ml:
    title: Machine Learning
    term: h26
    codes: [INF4490]
    offers: {student: [notebook], assistant: [gpu], teacher: [notebook, gpu]}
    people: {teacher: ["ad:ola"]}
    quota: {t4: {nominal: 1, borrow: 1}}
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LDAP_PASSWORD", raising=False)
    people = "person,name,course,course_role\neva,Eva Næss,ml,student\nliv,Liv Bø,,\n"
    (tmp_path / "people.csv").write_text(people, encoding="utf-8")
    (tmp_path / "passwords.txt").write_text("", encoding="utf-8")
    file = tmp_path / "campus.yaml"
    file.write_text(SMALL, encoding="utf-8")
    return file


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments, **kwargs):
        return CliRunner().invoke(main, [str(a) for a in arguments], **kwargs)

    return run
