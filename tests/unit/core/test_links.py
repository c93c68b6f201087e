"""One person with several identities, seen by everything that acts on an account."""

from __future__ import annotations

import pytest

from jupyterhub_edu.core import Core, NameTaken
from jupyterhub_edu.domain.acts import Act
from jupyterhub_edu.domain.campus import SourceInfo
from jupyterhub_edu.domain.courses import Caps
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import (
    CourseClaim,
    CourseRef,
    CourseRole,
    LinkRule,
    Person,
)
from jupyterhub_edu.domain.reasons import Code
from jupyterhub_edu.ports import Gone
from jupyterhub_edu.warden.groups import GroupKeeper
from tests.fakes.campus import NOW, a_campus, a_core, a_course, an_identity
from tests.fakes.world import FakeHub

STUDENT = CourseRole.STUDENT
GONE = Gone(NOW, "disabled")


def in_ml(role: CourseRole = STUDENT) -> frozenset[CourseClaim]:
    return frozenset({CourseClaim(CourseRef("ml"), role)})


async def by_directory(core: Core) -> Person:
    ada = an_identity("ada", attributes={"employeeNumber": "17"}, claims=in_ml(), at=core.clock())
    return await core.sign_in(ada, "ada")


async def by_moodle(core: Core, number: str = "17") -> Person:
    ada = an_identity(
        "al", source="lms", attributes={"idnumber": number}, claims=in_ml(), at=core.clock()
    )
    return await core.sign_in(ada, "al")


@pytest.fixture
def core() -> Core:
    sources = [SourceInfo("ad", "fake", "Directory"), SourceInfo("lms", "fake", "Moodle")]
    campus = a_campus(
        courses=[a_course(caps={STUDENT: Caps(servers=1)})],
        sources=sources,
        links=(LinkRule("lms", "idnumber", "ad", "employeeNumber"),),
    )
    return a_core(campus, hub=FakeHub())


async def test_who_is_linked_signs_in_to_an_account_that_exists_though_the_source_does_not_adopt(
    core,
):
    await by_directory(core)
    core.accounts.accounts.update({"ada", "al"})
    assert (await by_moodle(core)).hub_name == "ada"


async def test_who_is_not_linked_does_not(core):
    await by_directory(core)
    core.accounts.accounts.update({"ada", "al"})
    with pytest.raises(NameTaken):
        await by_moodle(core, number="18")


async def test_what_one_identity_holds_counts_for_the_other(core):
    first, second = await by_directory(core), await by_moodle(core)
    admission = await core.book.admit(StartRequest(first.key, "ml", "notebook"), first, "")

    decision = core.book.decide(StartRequest(second.key, "ml", "notebook"))
    assert [reason.code for reason in decision.reasons] == [Code.PERSON_CAP]
    assert core.book.of_server("ada", "") == [admission]

    await core.book.end(admission.id)
    assert core.book.decide(StartRequest(second.key, "ml", "notebook")).start is not None


async def test_ones_own_server_is_ones_own_by_whichever_identity_it_was_started(core):
    first, second = await by_directory(core), await by_moodle(core)
    assert core.may(Act.STOP, second, "ml", about=first.key)
    assert not core.may(Act.STOP, second, "ml", about="ad:id-bob")


async def test_every_identity_of_an_account_is_read_again(core):
    first, second = await by_directory(core), await by_moodle(core)
    core.clock.pass_(minutes=6)
    await core.refresher.freshen(first)
    asked = [core.refresher.sources[id].asked for id in ("ad", "lms")]
    assert asked == [["ada"], ["al"]]
    assert core.roll.person(second.key).answered_at == core.clock()


async def test_an_account_whose_first_identity_is_gone_is_the_others(core):
    first, second = await by_directory(core), await by_moodle(core)
    core.refresher.sources["ad"].answers[first.subject] = GONE
    core.clock.pass_(minutes=6)
    now = await core.refresher.freshen(first)
    assert (now.key, now.active) == (second.key, True)
    assert (
        core.roll.course_role(now, "ml", NOW) is None
    )  # its source was read anew and names no course


async def test_the_groups_of_an_account_are_those_of_all_its_identities(core):
    keeper = GroupKeeper(core)
    first, second = await by_directory(core), await by_moodle(core)
    await keeper()
    assert core.groups.groups == {"ada": frozenset({"edu:ml:student"})}

    await core.roll.lose(first, GONE)
    await keeper()
    assert core.groups.groups == {"ada": frozenset({"edu:ml:student"})}

    await core.roll.lose(second, GONE)
    await keeper()
    assert core.groups.groups == {"ada": frozenset()}
