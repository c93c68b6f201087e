"""What each role sees of a course and may do in it; and of a course that is not theirs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jupyterhub_edu.core import Core
from jupyterhub_edu.desk import views
from jupyterhub_edu.desk.models import course_json, session_json
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.campus import FilePerson
from jupyterhub_edu.domain.courses import CourseState, Quota
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import FROM_FILE, CourseRole, Person
from jupyterhub_edu.ports import Gone, PodSighting
from tests.by_hand import put_by_hand
from tests.fakes.campus import (
    NOW,
    T4,
    a_campus,
    a_core,
    a_course,
    a_profile,
    an_enrolment,
    an_identity,
    enrol,
)
from tests.fakes.world import AClock, FakeInventory

TEACHER, ASSISTANT = CourseRole.TEACHER, CourseRole.ASSISTANT
STUDENT, OBSERVER = CourseRole.STUDENT, CourseRole.OBSERVER
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class World:
    """Courses ``a`` and ``b``, a student with a session in each, somebody of every role in ``a``."""

    async def fill(self) -> World:
        self.clock = AClock(NOW)
        self.core: Core = a_core(
            a_campus(
                courses=[
                    a_course("a", title='<script>alert("A")</script>'),
                    a_course("b", quota={"t4": Quota(1)}),
                ],
                admins=frozenset({FilePerson("ad", "root")}),
            ),
            clock=self.clock,
        )
        self.session_a = await self.start(await enrol(self.core, "sa", a=STUDENT), "a")
        self.session_b = await self.start(await enrol(self.core, "sb", b=STUDENT), "b")
        for login, courses in {
            "teacher": {"a": TEACHER},
            "assistant": {"a": ASSISTANT},
            "observer": {"a": OBSERVER},
            "classmate": {"a": STUDENT},
            "both": {"a": TEACHER, "b": STUDENT},
            "outsider": {},
            "root": {},
        }.items():
            await enrol(self.core, login, **courses)
        return self

    async def start(self, person: Person, course: str, profile: str = "notebook") -> Admission:
        admission = await self.core.book.admit(
            StartRequest(person.key, course, profile), person, ""
        )
        await self.core.book.run(admission.id)
        return self.core.book.admission(admission.id) or admission

    def who(self, login: str) -> Person:
        person = self.core.roll.by_hub_name(login)
        assert person is not None
        return person

    async def sees(self, login: str, course: str) -> list[str]:
        rows = await views.sessions(self.core, self.who(login), course, is_idle)
        return [row.user for row in rows]

    async def may_stop(self, login: str, course: str) -> list[str]:
        rows = await views.sessions(self.core, self.who(login), course, is_idle)
        return [row.user for row in rows if row.may_stop]


def is_idle(admission: str) -> bool:
    """No stop is under way."""
    return False


@pytest.fixture
async def world() -> World:
    return await World().fill()


@pytest.mark.parametrize(
    ("who", "course", "takes_part", "sees", "may_stop"),
    [
        pytest.param("teacher", "a", True, ["sa"], ["sa"], id="a teacher sees and stops"),
        pytest.param("assistant", "a", True, ["sa"], ["sa"], id="so does an assistant"),
        pytest.param("observer", "a", True, ["sa"], [], id="an observer looks only"),
        pytest.param("sa", "a", True, ["sa"], ["sa"], id="a student sees and stops their own"),
        pytest.param("classmate", "a", True, [], [], id="and nobody else's"),
        pytest.param("root", "a", True, ["sa"], ["sa"], id="a site admin sees and stops"),
        pytest.param("outsider", "a", False, [], [], id="for others the course does not exist"),
        pytest.param("teacher", "b", False, [], [], id="nor does B for the teacher of A"),
        pytest.param("assistant", "b", False, [], [], id="nor for A's assistant"),
        pytest.param("observer", "b", False, [], [], id="nor for A's observer"),
        pytest.param("sa", "b", False, [], [], id="nor for A's student"),
        pytest.param("both", "a", True, ["sa"], ["sa"], id="a teacher of A who studies B"),
        pytest.param("both", "b", True, [], [], id="is a student in B"),
        pytest.param("teacher", "c", False, [], [], id="nobody takes part in what is not there"),
        pytest.param("root", "c", False, [], [], id="not even an admin"),
    ],
)
async def test_who_sees_whom_and_may_stop_whom(world, who, course, takes_part, sees, may_stop):
    viewer = world.who(who)
    assert views.may_look_in(world.core, viewer, course) is takes_part
    assert await world.sees(who, course) == sees
    assert await world.may_stop(who, course) == may_stop


@pytest.mark.parametrize(
    ("who", "course", "hub_name", "found"),
    [
        pytest.param("teacher", "a", "sa", True, id="the teacher of the course"),
        pytest.param("teacher", "a", "sb", False, id="a session of another course by this one"),
        pytest.param("teacher", "b", "sb", False, id="a session of another course by its own"),
        pytest.param("teacher", "b", "sa", False, id="their student's session by another course"),
        pytest.param("both", "b", "sb", False, id="a fellow student's, teaching elsewhere"),
        pytest.param("sa", "a", "sa", True, id="one's own"),
        pytest.param("classmate", "a", "sa", False, id="a classmate's"),
        pytest.param("teacher", "a", "nobody", False, id="an account that is not there"),
        pytest.param("root", "b", "sa", False, id="an admin by the wrong course"),
        pytest.param("root", "a", "sa", True, id="an admin by the right one"),
    ],
)
async def test_a_session_is_found_only_where_it_belongs(world, who, course, hub_name, found):
    session = views.find_session(world.core, world.who(who), course, hub_name, "")
    assert (session is not None) is found


async def test_a_former_session_of_a_server_is_shown_ending_and_never_meant(world):
    """The student left A for B; A's pod is still ending, and A's teacher must not stop the session in B."""
    await put_by_hand(world.core.roll, an_enrolment(world.who("sa").key, "b"))
    world.clock.pass_(seconds=1)
    session = await world.start(world.who("sa"), "b")
    assert views.find_session(world.core, world.who("teacher"), "a", "sa", "") is None
    (row,) = await views.sessions(world.core, world.who("teacher"), "a", is_idle)
    assert (row.state, row.may_stop) == ("stopping", False)
    own = views.find_session(world.core, world.who("sa"), "b", "sa", "")
    assert own is not None
    assert own.id == session.id


async def test_a_pod_that_nobody_knows_is_shown_to_the_teacher_and_left_to_the_warden():
    inventory = FakeInventory(sees_pods=True)
    core = a_core(inventory=inventory)
    teacher = await enrol(core, "tea", ml=TEACHER)
    labels = {"jupyterhub-edu/course": "ml", "jupyterhub-edu/flavor": "t4"}
    inventory.sight(PodSighting("e" * 32, "node1", NOW, labels=labels, hub_name="ghost"))
    (row,) = await views.sessions(core, teacher, "ml", is_idle)
    assert (row.user, row.may_stop) == ("ghost", False)


async def test_after_a_negative_answer_nothing_is_seen(world):
    await world.core.roll.lose(world.who("teacher"), Gone(NOW, "disabled"))
    teacher = world.who("teacher")
    assert await views.my_courses(world.core, teacher) == []
    assert not views.may_look_in(world.core, teacher, "a")


# -- my courses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "courses"),
    [
        pytest.param(
            "both", {"a": "teacher", "b": "student"}, id="one's own, in the file's order"
        ),
        pytest.param("outsider", {}, id="none"),
        pytest.param("root", {"a": None, "b": None}, id="all of them for a site admin"),
    ],
)
async def test_my_courses(world, who, courses):
    rows = await views.my_courses(world.core, world.who(who))
    assert {row.id: row.role for row in rows} == courses


async def test_only_those_who_see_everybody_learn_what_the_course_uses():
    core = a_core(a_campus(courses=[a_course(quota={"t4": Quota(2)})]))
    teacher, student = await enrol(core, "tea", ml=TEACHER), await enrol(core, "stu", ml=STUDENT)
    await core.book.admit(StartRequest(student.key, "ml", "gpu"), student, "")
    (row,) = await views.my_courses(core, teacher)
    (device,) = row.devices
    assert (row.on, device.title, device.used, device.own) == (1, "NVIDIA T4", 1, 2)
    (row,) = await views.my_courses(core, student)
    assert (row.on, row.devices, row.sees_all) == (1, [], False)


async def test_where_an_enrolment_comes_from_and_until_when():
    core = a_core(
        a_campus(
            people={FilePerson("ad", "ada"): (an_enrolment("", role=OBSERVER, origin=FROM_FILE),)},
            courses=[a_course(starts=NOW - DAY, ends=NOW + DAY)],
        )
    )
    ada = await core.sign_in(an_identity("ada"), "ada")
    await put_by_hand(core.roll, an_enrolment(ada.key, ends=NOW + HOUR, by="tea"))
    await put_by_hand(core.roll, an_enrolment(ada.key, role=TEACHER, starts=NOW + 2 * DAY))
    await put_by_hand(core.roll, an_enrolment(ada.key, role=ASSISTANT, ends=NOW))
    (row,) = await views.my_courses(core, ada)
    assert [(m.role, m.words, m.later) for m in row.memberships] == [
        ("student", "added by tea", False),
        ("teacher", "added by hand", True),
        ("observer", "in the campus file", False),
    ]
    assert row.role == "student"


async def test_an_enrolment_that_begins_later_is_told_and_lets_nobody_in():
    core = a_core()
    ada = await enrol(core, "ada")
    await put_by_hand(core.roll, an_enrolment(ada.key, starts=NOW + DAY))
    (row,) = await views.my_courses(core, ada)
    assert (row.role, row.may_look, row.may_start) == (None, False, False)
    assert row.memberships[0].starts is not None
    assert row.memberships[0].starts.text == "4 Nov 2026"


@pytest.mark.parametrize(
    ("course", "state", "may_start"),
    [
        pytest.param({}, "open", True, id="open"),
        pytest.param({"starts": NOW + DAY}, "later", False, id="it begins later"),
        pytest.param({"ends": NOW}, "ended", False, id="it has ended"),
        pytest.param({"state": CourseState.ARCHIVED}, "archived", False, id="it is archived"),
        pytest.param({"state": CourseState.SUSPENDED}, "suspended", False, id="it is suspended"),
        pytest.param({"offers": {}}, "open", False, id="it offers this role nothing"),
    ],
)
async def test_the_state_of_a_course(course, state, may_start):
    core = a_core(a_campus(courses=[a_course(**course)]))
    (row,) = await views.my_courses(core, await enrol(core, "ada", ml=STUDENT))
    assert (row.state, row.may_start) == (state, may_start)


async def test_the_last_day_is_the_day_before_the_first_instant_after():
    midnight_in_oslo = NOW.replace(month=12, day=18, hour=23)
    core = a_core(a_campus(courses=[a_course(ends=midnight_in_oslo)]))
    (row,) = await views.my_courses(core, await enrol(core, "ada", ml=STUDENT))
    assert row.ends is not None
    assert row.ends.text == "18 Dec 2026"
    assert row.ends.iso == "2026-12-18T23:00:00+00:00"


# -- sessions ------------------------------------------------------------------------------------------------------


async def a_session(core: Core, profile: str = "notebook") -> views.SessionRow:
    ada = await enrol(core, "ada", ml=STUDENT)
    await core.book.admit(StartRequest(ada.key, "ml", profile), ada, "")
    (row,) = await views.sessions(core, ada, "ml", is_idle)
    return row


async def test_times_are_the_campus_zones_and_dates_are_told_where_it_is_not_today():
    late = a_profile(longest=timedelta(hours=20))
    row = await a_session(a_core(a_campus(profiles=[late])))
    assert row.since.text == "11:00"  # 10:00 UTC in Oslo, in winter
    assert row.until is not None
    assert (row.until.text, row.until_why) == ("Wed 4 Nov 07:00", "longest session")


@pytest.mark.parametrize(
    ("profile", "quota", "devices", "share"),
    [
        pytest.param("notebook", {}, 0, "", id="no devices, no share"),
        pytest.param("gpu", {"t4": Quota(1)}, 1, "own", id="the course's own"),
        pytest.param("gpu", {}, 1, "spare", id="spare ones"),
    ],
)
async def test_whose_devices_a_session_holds(profile, quota, devices, share):
    core = a_core(a_campus(courses=[a_course(quota=quota)]))
    row = await a_session(core, profile)
    assert (row.devices, row.share) == (devices, share)
    assert row.flavor_title == (T4.title if devices else "CPU")


async def test_a_session_goes_from_starting_to_running_to_stopping_to_ended():
    core = a_core()
    row = await a_session(core)
    ada = core.roll.by_hub_name("ada")
    assert ada is not None
    states = [row.state]
    await core.book.run(row.admission)
    states += [r.state for r in await views.sessions(core, ada, "ml", is_idle)]
    states += [r.state for r in await views.sessions(core, ada, "ml", lambda _: True)]
    await core.book.end(row.admission)
    ended = await core.store.find_admission(row.admission)
    assert ended is not None
    states.append(views.session_row(core, ada, ended, is_idle).state)
    assert states == ["starting", "running", "stopping", "ended"]


async def test_a_session_whose_profile_has_left_the_file_is_still_shown():
    core = a_core()
    row = await a_session(core)
    core.replace_campus(a_campus(profiles=[a_profile("other")]), core.refresher.sources)
    ada = core.roll.by_hub_name("ada")
    assert ada is not None
    (after,) = await views.sessions(core, ada, "ml", is_idle)
    assert (after.admission, after.profile_title) == (row.admission, "notebook")


async def test_json_holds_the_same_as_the_page(world):
    teacher = world.who("teacher")
    (course,) = await views.my_courses(world.core, teacher)
    assert dict(course_json(course)) == {
        "id": "a",
        "title": '<script>alert("A")</script>',
        "role": "teacher",
        "state": "open",
        "starts": None,
        "ends": None,
        "enrolments": [{"role": "teacher", "origin": "manual", "starts": None, "ends": None}],
        "sees_everybody": True,
        "sessions": 1,
        "devices": [],
    }
    (session,) = await views.sessions(world.core, teacher, "a", is_idle)
    assert session_json(session) == {
        "session": world.session_a.id,
        "user": "sa",
        "name": "Sa",
        "server": "",
        "profile": "notebook",
        "flavor": "cpu",
        "devices": 0,
        "share": "",
        "state": "running",
        "since": "2026-11-03T10:00:00+00:00",
        "until": "2026-11-03T14:00:00+00:00",
        "may_stop": True,
    }
