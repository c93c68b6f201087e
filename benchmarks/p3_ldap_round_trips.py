"""P3: what one login costs on the wire at 1, 20 and 500 courses, ours against LDAPAuthenticator.

A real slapd answers; LDAP messages and new connections are counted in a relay before it, without TLS so that they can be
read. LDAPAuthenticator runs as it is documented, with look-up by a service account and one allowed group for each course
(it knows of no other way to learn them), and in its leanest form: a DN from a template, and one group. Both sides must
first agree on the groups.

    python -m benchmarks.p3_ldap_round_trips
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from jupyterhub_edu.domain.people import Identity
from jupyterhub_edu.identity.ldap import LdapSettings, LdapSource
from jupyterhub_edu.ports import utc_now
from tests.directories.campus import Somebody, make_campus
from tests.directories.slapd import SUFFIX, Slapd, add_courses
from tests.relay import Relay

COURSES = (1, 20, 500)
PAIRS = 7
_BASE = f"ou=Many,{SUFFIX}"

Login = Callable[[], Awaitable[set[str]]]


@dataclass(frozen=True)
class _Cost:
    """One login: requests that the directory got, connections opened for it, milliseconds."""

    messages: int
    connections: int
    ms: float


def run() -> dict[str, Any]:
    """Measure; counts first, seconds as ratios of alternating pairs."""
    slapd = Slapd(make_campus(seed=3))
    try:
        slapd.open()
        person = slapd.campus.both
        with slapd.administrator() as administrator:
            administrator.add(_BASE, "organizationalUnit")
            add_courses(administrator, _BASE, slapd.person_dn(person.login), COURSES)
        relay = Relay("127.0.0.1", urlsplit(slapd.plain_url).port or 389)
        try:
            rows = [
                row for count in COURSES for row in asyncio.run(_rows(slapd, relay, person, count))
            ]
        finally:
            relay.close()
    finally:
        slapd.process.remove()
    return {
        "name": "p3_ldap_round_trips",
        "baseline": "LDAPAuthenticator 2.0.2",
        "units": {
            "messages": "requests per login",
            "connections": "opened per login",
            "ms": "median per login",
        },
        "pairs": PAIRS,
        "rows": rows,
    }


async def _rows(
    slapd: Slapd, relay: Relay, person: Somebody, courses: int
) -> list[dict[str, Any]]:
    ours, close = _ours(slapd, relay, person, courses, nested=False)
    nested, close_nested = _ours(slapd, relay, person, courses, nested=True)
    sides = {
        "LDAPAuthenticator, a group for each course": _theirs(
            slapd, relay, person, courses, lookup=True
        ),
        "LDAPAuthenticator, leanest: DN template, one group": _theirs(
            slapd, relay, person, 1, lookup=False
        ),
        "jupyterhub-edu": ours,
        "jupyterhub-edu, nested groups": nested,
    }
    found = [await login() for login in sides.values()]
    assert len(found[0]) == courses
    assert found[0] == found[2] == found[3], "both sides read the same groups"
    costs: dict[str, list[_Cost]] = {name: [] for name in sides}
    for _ in range(PAIRS):
        for name, login in sides.items():
            costs[name].append(await _measured(login, relay))
    await close()
    await close_nested()
    baseline = [cost.ms for cost in next(iter(costs.values()))]
    return [_row(courses, name, rows, baseline) for name, rows in costs.items()]


def _row(courses: int, side: str, costs: list[_Cost], baseline: list[float]) -> dict[str, Any]:
    ratios = sorted(cost.ms / base for cost, base in zip(costs, baseline, strict=True))
    return {
        "courses": courses,
        "side": side,
        "messages": max(cost.messages for cost in costs),
        "connections": max(cost.connections for cost in costs),
        "ms": round(median(cost.ms for cost in costs), 2),
        "ratio": round(median(ratios), 3),
        "ratio_range": [round(ratios[0], 3), round(ratios[-1], 3)],
        "raw_ms": [round(cost.ms, 3) for cost in costs],
    }


async def _measured(login: Login, relay: Relay) -> _Cost:
    messages, connections, began = relay.requests, relay.connections, time.perf_counter()
    await login()
    ms = (time.perf_counter() - began) * 1000
    return _Cost(relay.requests - messages, relay.connections - connections, ms)


def _ours(
    slapd: Slapd, relay: Relay, person: Somebody, courses: int, *, nested: bool
) -> tuple[Login, Callable[[], Awaitable[None]]]:
    keys = slapd.settings(
        servers=[relay.url], tls=None, groups=f"ou={courses},{_BASE}", nested=nested, timeout="30s"
    )
    source = LdapSource("bench", LdapSettings.model_validate(keys), utc_now)

    async def login() -> set[str]:
        answer = await source.authenticate(person.login, person.password)
        assert isinstance(answer, Identity), answer
        assert answer.groups is not None
        return {group.lower() for group in answer.groups}

    return login, source.close


def _theirs(slapd: Slapd, relay: Relay, person: Somebody, courses: int, *, lookup: bool) -> Login:
    from ldapauthenticator import LDAPAuthenticator

    allowed = [f"cn=c{number},ou={courses},{_BASE}".lower() for number in range(courses)]
    authenticator = LDAPAuthenticator(
        server_address="127.0.0.1",
        server_port=relay.port,
        tls_strategy="insecure",
        bind_dn_template=[] if lookup else [f"uid={{username}},{slapd.people}"],
        lookup_dn=lookup,
        user_search_base=slapd.people,
        user_attribute="uid",
        lookup_dn_user_dn_attribute="uid",
        lookup_dn_search_user=slapd.bind_dn,
        lookup_dn_search_password=slapd.bind_password,
        allowed_groups=allowed,
    )

    async def login() -> set[str]:
        data = {"username": person.login, "password": person.password}
        model = await authenticator.authenticate(None, data)
        return set(model["auth_state"]["ldap_groups"])

    return login


def show(result: dict[str, Any]) -> None:
    """Print the table."""
    print("One login on a real slapd, steady state; messages and connections counted in a relay")
    print(
        f"{'courses':>8}  {'messages':>8}  {'new conn.':>9}  {'ms':>8}  {'ratio (range)':>22}  side"
    )
    for row in result["rows"]:
        low, high = row["ratio_range"]
        ratio = f"{row['ratio']:.2f} ({low:.2f}-{high:.2f})"
        counts = f"{row['courses']:>8}  {row['messages']:>8}  {row['connections']:>9}"
        print(f"{counts}  {row['ms']:>8.1f}  {ratio:>22}  {row['side']}")
    print(
        "Ours sends its bind and its search for groups at once: three messages, two round trips."
    )


if __name__ == "__main__":
    measured = run()
    show(measured)
    print(json.dumps(measured))
