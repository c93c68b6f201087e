"""Hubs that differ in how people log in, all before the same slapd; for benchmarks of logins.

Hubs run on one core; the proxy, slapd, the relays and whoever measures run on another. Everybody is in every course.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import ldap3
import yaml

from benchmarks.delay import __file__ as _DELAY
from tests.directories.campus import make_campus
from tests.directories.process import ServerProcess, answers, free_port
from tests.directories.slapd import SUFFIX, Slapd
from tests.hub.server import Hub

__all__ = [
    "COURSES",
    "DUMMY",
    "HUB_FRAME",
    "OURS",
    "SIDES",
    "on_other_core",
    "open_directory",
    "open_hub",
    "open_line",
    "round_trip",
]

COURSES = 20
DUMMY, OURS = "DummyAuthenticator", "EduAuthenticator"
_HUB_CORE, _OTHER_CORE = 0, 1
_BASE = f"ou=Storm,{SUFFIX}"
_GROUPS = [f"cn=c{number},{_BASE}" for number in range(COURSES)]
_PASSWORD = "STORM_BIND_PASSWORD"  # noqa: S105 - a name in the environment

HUB_FRAME = f"""
import os

from benchmarks.ticker import ROUTE

os.sched_setaffinity(0, {{{_HUB_CORE}}})
c.ConfigurableHTTPProxy.command = ["taskset", "-c", "{_OTHER_CORE}", "configurable-http-proxy"]
c.JupyterHub.extra_handlers = [ROUTE]
c.JupyterHub.log_level = "INFO"
"""
"""For a configuration: the hub on its own core, its ticker, its log as in production."""
_DUMMY = """
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
"""
_LDAP = """
c.JupyterHub.authenticator_class = "ldapauthenticator.LDAPAuthenticator"
c.LDAPAuthenticator.server_address = "127.0.0.1"
c.LDAPAuthenticator.server_port = {port}
c.LDAPAuthenticator.tls_strategy = "insecure"
"""
_DIRECT = """
c.LDAPAuthenticator.bind_dn_template = ["uid={{username}},{people}"]
c.LDAPAuthenticator.allowed_groups = {first}
"""
_LOOKUP = f"""
c.LDAPAuthenticator.lookup_dn = True
c.LDAPAuthenticator.lookup_dn_search_user = {{bind_dn!r}}
c.LDAPAuthenticator.lookup_dn_search_password = os.environ["{_PASSWORD}"]
c.LDAPAuthenticator.lookup_dn_user_dn_attribute = "uid"
c.LDAPAuthenticator.user_search_base = {{people!r}}
c.LDAPAuthenticator.user_attribute = "uid"
c.LDAPAuthenticator.allowed_groups = {{groups}}
"""
_OURS = """
import jupyterhub_edu

jupyterhub_edu.setup(c, "campus.yaml", spawner="local")
"""

SIDES: Mapping[str, str] = {
    DUMMY: _DUMMY,
    "LDAPAuthenticator, best": _LDAP + _DIRECT,
    "LDAPAuthenticator, usual": _LDAP + _LOOKUP,
    OURS: _OURS,
}
"""Configuration by name. LDAPAuthenticator at its best: a DN from a template, one group; usual: look-up, a group a course."""


@contextlib.contextmanager
def on_other_core() -> Iterator[None]:
    """Keep this thread, and what it starts, off the hub's core.

    Raises:
        OSError: the machine has one core.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {_OTHER_CORE})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def open_directory() -> Iterator[Slapd]:
    """A slapd whose sixty people are in a group for each course."""
    slapd = Slapd(make_campus(seed=1))
    try:
        slapd.open()
        everybody = [slapd.person_dn(login) for login in slapd.campus.people]
        with slapd.administrator() as administrator:
            administrator.add(_BASE, "organizationalUnit")
            for group in _GROUPS:
                administrator.add(group, "groupOfNames", {"member": everybody})
        yield slapd
    finally:
        slapd.process.remove()


@contextlib.contextmanager
def open_line(slapd: Slapd, round_trip: float) -> Iterator[int]:
    """A port at which the directory is so many seconds away, there and back."""
    relay, port = ServerProcess("delay"), free_port()
    target = str(urlsplit(slapd.plain_url).port)
    try:
        command = [sys.executable, _DELAY, str(port), target, str(round_trip / 2)]
        relay.launch(command, lambda: answers("127.0.0.1", port))
        yield port
    finally:
        relay.remove()


def round_trip(slapd: Slapd, port: int, times: int = 7) -> float:
    """Milliseconds of one question and its answer, as measured: the median of so many."""
    server = ldap3.Server("127.0.0.1", port, get_info=ldap3.NONE)
    connection = ldap3.Connection(server, slapd.bind_dn, slapd.bind_password)
    took = []
    try:
        connection.open()
        for _ in range(times):
            began = time.perf_counter()
            connection.rebind() if connection.bound else connection.bind()
            took.append((time.perf_counter() - began) * 1000)
    finally:
        connection.unbind()
    return median(took)


@contextlib.contextmanager
def open_hub(name: str, slapd: Slapd, port: int) -> Iterator[Hub]:
    """A hub of one of the sides, with the directory at this port."""
    with tempfile.TemporaryDirectory(prefix="edu-storm-") as folder:
        place = Path(folder)
        (place / "campus.yaml").write_text(yaml.safe_dump(_campus(slapd, port)))
        config = SIDES[name].format(
            port=port,
            people=slapd.people,
            bind_dn=slapd.bind_dn,
            groups=_GROUPS,
            first=_GROUPS[:1],
        )
        hub = Hub(place, HUB_FRAME + config, environ={_PASSWORD: slapd.bind_password})
        try:
            yield hub.start()
        finally:
            hub.stop()


def _campus(slapd: Slapd, port: int) -> dict[str, object]:
    today, half = dt.datetime.now(dt.UTC).date(), dt.timedelta(days=60)
    bind = {"dn": slapd.bind_dn, "password": {"env": _PASSWORD}}
    source = slapd.settings(
        servers=[f"ldap://127.0.0.1:{port}"], tls=None, groups=_BASE, bind=bind
    )
    notebook = {
        "title": "Notebook",
        "flavor": "cpu",
        "longest": "8h",
        "cpu": {"limit": 1},
        "memory": {"limit": "1Gi"},
    }
    return {
        "name": "Storm University",
        "time_zone": "Europe/Oslo",
        "sources": {"directory": {"type": "ldap", "title": "Storm account", **source}},
        "rules": [{"source": "directory", "group": "CN=<course>,*", "course_role": "student"}],
        "terms": {"now": {"from": today - half, "until": today + half}},
        "flavors": {"cpu": {"title": "CPU"}},
        "profiles": {"notebook": notebook},
        "course_defaults": {"offers": {"student": ["notebook"]}},
        "courses": {f"c{n}": {"title": f"Course {n}", "term": "now"} for n in range(COURSES)},
    }
