"""P11: what Moodle's web services cost a log-in, and what a round of 300 rosters costs Moodle.

A FAKE of Moodle stands in (tests/fakes/moodle/): calls are counted there, and nothing here says how fast a Moodle is.
The baseline is a log-in that asks for the person's courses before it lets them in, as a hook after GenericOAuthenticator
does; both sides go through the same plugin.

    python -m benchmarks.p11_moodle
"""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

from jupyterhub_edu.domain.people import Identity, Person
from jupyterhub_edu.identity.moodle import MoodleSettings, MoodleSource
from jupyterhub_edu.ports import CodeGrant, Login, Unavailable, utc_now
from tests.fakes.moodle import Course, Enrolment, FakeMoodle, Site, User, a_site

COURSES, PEOPLE, IN_EACH, PAIRS = 300, 3000, 60, 5
CALLBACK = "https://hub.example.edu/hub/edu/login/moodle/callback"


def run() -> dict[str, Any]:
    """Counts first; milliseconds as medians of alternating pairs."""
    with FakeMoodle(_site()) as moodle:
        return asyncio.run(_measure(moodle))


async def _measure(moodle: FakeMoodle) -> dict[str, Any]:
    keys = {
        "url": moodle.url,
        "client_id": moodle.site.client_id,
        "client_secret": moodle.site.client_secret,
        "token": moodle.site.token,
        "canary": 2,
        "timeout": "2s",
    }
    source = MoodleSource("moodle", MoodleSettings.model_validate(keys), utc_now)
    try:
        logins = [await _logins(moodle, source, state) for state in ("well", "1 s slow", "down")]
        rounds = [await _round(moodle, source, name) for name in ("first", "second", "third")]
    finally:
        await source.close()
    return {
        "fake_moodle": True,
        "baseline": "courses asked for during the log-in",
        "rows": [*logins, *rounds],
    }


async def _logins(moodle: FakeMoodle, source: MoodleSource, state: str) -> dict[str, Any]:
    moodle.slow = 1.0 if state == "1 s slow" else 0.0
    moodle.site.webservices = state != "down"
    raw = [
        (await _timed(moodle, source, courses=True), await _timed(moodle, source, courses=False))
        for _ in range(PAIRS)
    ]
    moodle.slow, moodle.site.webservices = 0.0, True
    before, ours = zip(*raw, strict=True)
    return {
        "what": f"one log-in, web services {state}",
        "calls, baseline": before[0][1],
        "calls, ours": max(calls for _, calls in ours),
        "ms, baseline": statistics.median(ms for ms, _ in before),
        "ms, ours": statistics.median(ms for ms, _ in ours),
        "raw": raw,
    }


async def _timed(moodle: FakeMoodle, source: MoodleSource, *, courses: bool) -> tuple[float, int]:
    """Milliseconds and web-service calls of one log-in."""
    code = moodle.give_code(3)
    moodle.calls.clear()
    began = time.perf_counter()
    login = await source.redeem(CodeGrant(code, CALLBACK))
    assert isinstance(login, Login)
    if courses:
        answer = await source.reread(_person(login.identity))
        assert isinstance(answer, Identity | Unavailable)
    return (time.perf_counter() - began) * 1000, len(moodle.calls)


async def _round(moodle: FakeMoodle, source: MoodleSource, name: str) -> dict[str, Any]:
    """One reading of every roster, one after another."""
    moodle.calls.clear()
    began = time.perf_counter()
    refs = await source.courses()
    assert not isinstance(refs, Unavailable)
    members = 0
    for ref in refs:
        roster = await source.roster(ref)
        assert not isinstance(roster, Unavailable)
        members += len(roster.members)
    seconds = time.perf_counter() - began
    rosters = moodle.calls.count("core_enrol_get_enrolled_users")
    return {
        "what": f"{name} round of {len(refs)} courses, {members} enrolments",
        "calls, ours": len(moodle.calls),
        "calls a course": round(rosters / len(refs), 2),
        "calls for all": len(moodle.calls) - rosters,
        "ms, ours": seconds * 1000,
    }


def _person(identity: Identity) -> Person:
    login, now = identity.login, utc_now()
    return Person(identity.key, login, "moodle", identity.subject, login, login, None, True, now)


def _site() -> Site:
    """A faculty; a teacher has three courses, a student about six."""
    site = a_site()
    site.redirect_uris = [CALLBACK]
    for number in range(PEOPLE):
        id = 10_000 + number
        site.users[id] = User(id, f"u{id}", "Given", "Family")
    for at in range(COURSES):
        id, teacher = 100 + at, 20_000 + at // 3
        site.courses[id] = Course(id, f"C{id}", f"Course {id}", f"2026-C{id}")
        site.users.setdefault(teacher, User(teacher, f"t{teacher}", "Given", "Family"))
        site.enrolments[id, teacher] = Enrolment(["editingteacher"])
        for number in range(IN_EACH):
            site.enrolments[id, 10_000 + (at * 37 + number) % PEOPLE] = Enrolment()
    for course in range(100, 108):
        site.enrolments[course, 3] = Enrolment()
    return site
