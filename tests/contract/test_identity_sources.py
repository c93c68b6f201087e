"""What every identity source answers: yes, no, or unknown; never one for the other.

The truth is told once, for all of them, and through a core, so that it is what the hub would do. How each source is made,
and how the world behind it is changed and broken, stands in ``sources/``.
"""

import asyncio
import dataclasses
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from jupyterhub_edu.domain.people import Identity
from jupyterhub_edu.identity import SOURCE_TYPES
from jupyterhub_edu.ports import Denied, Gone, Launch, Unavailable
from tests.contract.sources import SUBJECTS
from tests.contract.sources.roster import RosterSubject
from tests.contract.sources.subject import NotLetIn, School, Subject, said
from tests.directories.campus import Campus, Somebody
from tests.eventually import PATIENCE_SECONDS

pytestmark = pytest.mark.real
shows = pytest.mark.shows

ANSWERS_WITHIN = 3
"""Seconds that a person waits for an answer when something is broken."""

BROWSERS = ("httpx", "httpcore")
"""Who logs here what people's browsers do; the sources call their servers by other means."""

Found = TypeVar("Found")
Any_ = Subject[Any]


@pytest.fixture(params=SUBJECTS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
async def subject(
    kind: str,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
    caplog: pytest.LogCaptureFixture,
) -> AsyncIterator[Any_]:
    """One source; at the end, no secret of it may have been logged."""
    caplog.set_level(logging.DEBUG)
    record_property("source", (kind, SUBJECTS[kind].against))
    async with SUBJECTS[kind].open(request) as subject:
        yield subject
        secrets = subject.secrets()
    records = (*caplog.get_records("setup"), *caplog.get_records("call"))
    logged = "\n".join(_whole(one) for one in records if not one.name.startswith(BROWSERS))
    assert secrets
    told = [secret for secret in secrets if secret in logged]
    assert not told, f"{len(told)} secrets in the log"


def _whole(record: logging.LogRecord) -> str:
    return logging.Formatter().format(record)


def rows(of: Callable[[Any], Any]) -> pytest.MarkDecorator:
    """A row for each source and each thing that its kind names."""
    found = [(name, row) for name, kind in SUBJECTS.items() for row in of(kind)]
    return pytest.mark.parametrize(
        ("kind", "row"), found, ids=[f"{name}, {row}" for name, row in found]
    )


def those(which: Callable[[Any], bool]) -> pytest.MarkDecorator:
    """A row for each source of which this is so."""
    return pytest.mark.parametrize("kind", [name for name, k in SUBJECTS.items() if which(k)])


async def in_time(answer: Awaitable[Found]) -> Found:
    """Wait as long as a person would, in the loop's own time: on a busy machine its ticks are late too."""
    task = asyncio.ensure_future(answer)
    for _ in range(10 * ANSWERS_WITHIN):
        done, _ = await asyncio.wait({task}, timeout=0.1)
        if done:
            return task.result()
    task.cancel()
    pytest.fail(f"no answer within {ANSWERS_WITHIN} s")


def test_every_type_of_source_is_asked():
    asked, found = list(Subject.__subclasses__()), set()
    while asked:
        one = asked.pop()
        found.add(one.source_type)
        asked += one.__subclasses__()
    assert found == set(SOURCE_TYPES)


# --- logging in ---


@shows("login")
async def test_a_source_that_works_has_nothing_to_say(subject: Any_):
    assert await subject.source.check() == []


@shows("login")
async def test_yes_names_the_person(subject: Any_):
    school, before = School(subject), datetime.now(UTC)
    for person in (subject.campus.some("student"), subject.campus.both):
        identity, known = await school.arrive(person)

        assert (identity.login, identity.name) == (person.login, person.name)
        assert identity.at >= before
        again = await school.read(known)
        assert isinstance(again, Identity)
        assert (again.key, again.login, again.name) == (identity.key, person.login, person.name)


@shows("login")
@rows(lambda kind: kind.forgeries)
async def test_who_proves_nothing_is_denied(subject: Any_, row: str):
    answer = await subject.forge(row, subject.campus.some("student"))

    assert isinstance(answer, Denied), answer
    assert not [secret for secret in subject.secrets() if secret in answer.why]


@shows("login")
@rows(lambda kind: kind.spellings)
async def test_any_spelling_of_a_login_is_one_person_of_one_name(
    subject: Any_, kind: str, row: str
):
    school, person = School(subject), subject.campus.some("student")
    identity, _ = await school.arrive(person)
    typed = SUBJECTS[kind].spellings[row](person.login)
    answer = said(await subject.present(await subject.fetch(person, typed=typed)))

    assert isinstance(answer, Identity), answer
    assert (answer.key, answer.login) == (identity.key, person.login)


@shows("login")
@those(lambda kind: kind.renames)
async def test_another_login_name_is_the_same_person_with_the_same_account(subject: Any_):
    school, person = School(subject), subject.campus.some("student", "stat")
    identity, known = await school.arrive(person)
    new = dataclasses.replace(person, login="s-renamed")
    with subject.renamed(person, new.login):
        again, account = await school.enter(new, subject.ways_in(new)[0])
        assert (again.key, again.login) == (identity.key, new.login)
        assert (account.hub_name, account.login) == (person.login, new.login)
        assert isinstance(await school.read(known), Identity)
        assert school.roles(account) == person.roles


# --- roles and courses ---


@shows("roles")
@pytest.mark.parametrize("role", ["student", "assistant", "teacher"])
async def test_a_course_role_is_what_the_source_says(subject: Any_, role: str):
    school = School(subject)
    _, known = await school.arrive(subject.campus.some(role))

    assert school.roles(known) == {"ml": role}


@shows("courses")
async def test_all_courses_count_each_with_its_own_role(subject: Any_):
    school = School(subject)
    _, known = await school.arrive(subject.campus.both)

    assert school.roles(known) == {"ml": "teacher", "stat": "student"}


# --- refresh ---


@shows("refresh")
async def test_out_of_a_course_takes_effect_at_once_and_back_as_well(subject: Any_):
    school, person = School(subject), subject.campus.both
    _, known = await school.arrive(person)
    with subject.without(person, "stat"):
        assert isinstance(await school.read(known), Identity)
        assert school.roles(known) == {"ml": "teacher"}

    assert isinstance(await school.read(known), Identity)
    assert school.roles(known) == person.roles


@shows("refresh")
async def test_the_last_course_is_lost_as_the_first(subject: Any_):
    school, person = School(subject), subject.campus.some("student")
    _, known = await school.arrive(person)
    await school.arrive(subject.campus.both)
    with subject.without(person, "ml"):
        assert isinstance(await school.read(known), Identity)
        assert school.roles(known) == {}


@shows("refresh")
async def test_one_more_course_takes_effect_at_once(subject: Any_):
    school, person = School(subject), subject.campus.some("student")
    _, known = await school.arrive(person)
    more = {**person.roles, "intro": "student"}
    with subject.with_(person, "intro"):
        for way in set(subject.ways_in(dataclasses.replace(person, roles=more))) - {"", "ml"}:
            await school.enter(person, way)
        assert isinstance(await school.read(known), Identity)
        assert school.roles(known) == more


# --- revocation ---


async def refused(subject: Any_, person: Somebody) -> bool:
    """Whether somebody is not let in, by the server or by the source."""
    try:
        answer = said(await subject.present(await subject.fetch(person)))
    except NotLetIn:
        return True
    return isinstance(answer, Gone | Denied)


def shown(answer: object, expected: type, school: School, known: Any) -> None:
    """What a complete negative answer leaves, or what is known where a source gives none."""
    assert isinstance(answer, expected), answer
    person = school.core.roll.person(known.key)
    assert person is not None
    assert person.active == (expected is not Gone)
    if expected is not Unavailable:
        assert school.roles(known) == {}


@shows("revocation")
async def test_a_disabled_account_is_gone_and_lets_nobody_in(subject: Any_):
    school, person = School(subject), subject.campus.some("student")
    _, known = await school.arrive(person)
    with subject.disabled(person):
        shown(await school.read(known), subject.when_disabled, school, known)
        assert subject.when_disabled is not Gone or await refused(subject, person)

    _, known = await school.arrive(person)
    assert school.roles(known) == person.roles


@shows("revocation")
async def test_a_deleted_account_is_gone_or_what_the_source_can_tell(subject: Any_):
    school = School(subject)
    with subject.newcomer() as person:
        _, known = await school.arrive(person)
        with subject.deleted(person):
            shown(await school.read(known), subject.when_deleted, school, known)
            assert subject.when_deleted is not Gone or await refused(subject, person)


# --- who is who, before they ever come ---


@shows("login")
@those(lambda kind: kind.finds)
async def test_a_login_is_somebody_before_they_ever_come(subject: Any_):
    person = subject.campus.some("student")
    identity, _ = await School(subject).arrive(person)
    for name in (person.login, person.login.upper()):
        (found,) = await subject.source.find(name)
        assert (found.key, found.login, found.name) == (identity.key, person.login, person.name)

    with subject.disabled(person):
        assert await subject.source.find(person.login) == []


@shows("login")
@those(lambda kind: kind.finds)
@pytest.mark.parametrize(
    "name", ["no-such-person", "*", "*)(uid=*", "' OR 1=1 --", "名前", "\u202e", "x" * 255, "a b"]
)
async def test_nobody_bears_it(subject: Any_, name: str):
    assert await subject.source.find(name) == []


@shows("outage")
@rows(lambda kind: sorted({"refuse", "silent", "garbage"} & {*kind.faults}) if kind.finds else ())
async def test_who_bears_a_login_is_unknown_while_the_source_does_not_answer(
    subject: Any_, row: str
):
    source = subject.make(patient=False)
    with subject.fault(row):
        subject.forget()
        answer = await in_time(source.find(subject.campus.some("student").login))
        assert isinstance(answer, Unavailable), answer
        assert not [secret for secret in subject.secrets() if secret in answer.why]
    await source.close()
    assert isinstance(await source.find("ola"), Unavailable)


# --- outage ---


@pytest.fixture
async def bystander(fjord: Campus, tmp_path: Path) -> AsyncIterator[RosterSubject]:
    """Another source of the same hub."""
    folder = tmp_path / "bystander"
    folder.mkdir()
    subject = RosterSubject(fjord, folder)
    yield subject
    await subject.close()


async def others_until(bystander: RosterSubject, done: asyncio.Future[Any]) -> int:
    """Log in by another source, again and again; how often."""
    times, ticket = 0, await bystander.fetch(bystander.campus.both)
    while not times or not done.done():
        assert isinstance(await bystander.present(ticket), Identity)
        times += 1
        await asyncio.wait({done}, timeout=0.2)
    return times


@shows("outage")
@rows(lambda kind: kind.faults)
async def test_a_fault_is_unknown_soon_for_those_concerned_alone_and_heals(
    subject: Any_, bystander: RosterSubject, row: str, caplog: pytest.LogCaptureFixture
):
    school = School(subject, subject.make(patient=False))
    person = subject.campus.both
    _, known = await school.arrive(person)
    roles = school.roles(known)
    new, ticket = subject.make(patient=False), await subject.fetch(person)
    caplog.clear()
    with subject.fault(row):
        subject.forget()
        answers = asyncio.gather(
            in_time(subject.present(ticket, new)), in_time(school.core.refresher.reread(known))
        )
        assert await others_until(bystander, answers)
        for answer in await answers:
            assert isinstance(answer, Unavailable), answer
            assert answer.why
            assert "Traceback" not in answer.why
            assert not [secret for secret in subject.secrets() if secret in answer.why]
    assert school.roles(known) == roles == person.roles
    assert school.core.roll.site_role(known) is None
    assert not [record for record in caplog.records if record.exc_info], "a traceback"

    async with asyncio.timeout(PATIENCE_SECONDS):
        while not isinstance(await school.read(known), Identity):  # noqa: ASYNC110 there is no event
            await asyncio.sleep(0.05)
    await school.arrive(person)


@shows("outage")
@those(lambda kind: kind.faults)
async def test_a_source_that_is_not_there_has_something_to_say(subject: Any_):
    with subject.fault("refuse"):
        problems = await subject.make(patient=False).check()
    assert problems
    assert not [s for s in subject.secrets() for problem in problems if s in problem]


@shows("outage")
@those(lambda kind: kind.partial)
async def test_what_is_not_said_stays_as_it_was(subject: Any_):
    school, person = School(subject), subject.campus.both
    _, known = await school.arrive(person)
    await school.arrive(subject.campus.some("student"))
    with subject.partial(person):
        for way in subject.ways_in(person):
            await school.enter(person, way)
        await school.read(known)
        assert school.roles(known) == person.roles
        assert school.core.roll.by_hub_name(person.login) == school.core.roll.person(known.key)

    assert isinstance(await school.read(known), Identity)
    assert school.roles(known) == person.roles


@shows("outage")
async def test_a_closed_source_is_unavailable_and_does_not_raise(subject: Any_):
    school, person = School(subject), subject.campus.some("student")
    _, known = await school.arrive(person)
    ticket = await subject.fetch(person)
    await subject.source.close()
    subject.forget()

    assert isinstance(await subject.source.reread(known), Unavailable)
    # A launch needs nobody but the one who brings it, while the platform's keys are known.
    assert isinstance(await subject.present(ticket), Unavailable | Launch)


# --- secrets ---


async def test_settings_show_no_secret(subject: Any_):
    shown = "\n".join(f"{settings!r} {settings}" for settings in subject.settings)
    assert shown
    assert not [secret for secret in subject.secrets() if secret in shown]


async def test_what_a_login_is_made_of_shows_no_secret(subject: Any_):
    person = subject.campus.some("student")
    ticket = await subject.fetch(person)
    await School(subject).arrive(person)
    shown = f"{ticket!r} {await subject.present(ticket)!r}"
    if not isinstance(ticket, tuple):  # a name and a password as they were typed
        assert not [secret for secret in subject.secrets() if secret in shown]
