"""The first day of a course, as its page and the API have it."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.class_starts import Stage
from jupyterhub_edu.core.doorkeeping import Doorkeeper
from jupyterhub_edu.core.joining import Newcomer
from jupyterhub_edu.desk import first_day_api as api
from jupyterhub_edu.desk import first_day_pages as pages
from jupyterhub_edu.desk import links
from jupyterhub_edu.desk.first_day import arrivals
from jupyterhub_edu.desk.links import GoPage, lab_path, qr_code
from jupyterhub_edu.desk.refusals import Code, DeskError
from jupyterhub_edu.domain.courses import Caps, Joining
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.joining import JoinCode
from jupyterhub_edu.domain.people import CourseRef, CourseRole, Member, Roster
from jupyterhub_edu.ports import AuditEntry
from tests.audited import audited
from tests.by_hand import put_by_hand
from tests.fakes.campus import NOW, a_campus, a_core, a_course, an_enrolment, enrol
from tests.fakes.world import AClock

from . import asking
from .asking import ENVIRONMENT, Reply, ask

STUDENT, ASSISTANT, TEACHER = CourseRole.STUDENT, CourseRole.ASSISTANT, CourseRole.TEACHER
HOSTILE = "<img src=x onerror=alert(1)>\"'{{7*7}}"
BOTH = frozenset(Joining)


@pytest.fixture(autouse=True)
def without_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the hub and the spawner give: an address, an account with a folder, the start page's cards."""

    def address(handler: object, path: str) -> str:
        return f"https://hub.example/hub/{path}"

    monkeypatch.setattr(links, "public_address", address)
    monkeypatch.setitem(ENVIRONMENT.globals, "edu_as_student", lambda core, course: course.title)


@pytest.fixture
async def core():
    """Tea teaches ``ml``, Asa assists, Ada studies; Eve and Zoe stand in its roster alone; Bob is in nothing."""
    ends = NOW + timedelta(days=60)
    ml = a_course("ml", title=HOSTILE, joining=BOTH, ends=ends)
    core = a_core(a_campus(courses=[ml, a_course("db")]), clock=AClock(NOW))
    await enrol(core, "tea", ml=TEACHER)
    await enrol(core, "asa", ml=ASSISTANT)
    await enrol(core, "ada", ml=STUDENT)
    await enrol(core, "bob")
    listed = [
        Member(f"id-{login}", login, name, frozenset({STUDENT}), frozenset({"g1"}))
        for login, name in (("zoe", "Zoe"), ("eve", HOSTILE))
    ]
    await core.roll.take_roster("ad", "ml", Roster(CourseRef("ml"), tuple(listed), NOW))
    yield core
    await core.close()


def door(core: Core) -> Doorkeeper:
    tea = core.roll.by_hub_name("tea")
    assert tea is not None
    return Doorkeeper(core, tea, core.campus.courses["ml"])


def its_code(core: Core) -> JoinCode:
    """The code by which one may join now."""
    code = door(core).code
    assert code is not None
    return code


async def asks(core: Core, why: str = "") -> str:
    bob = core.roll.by_hub_name("bob")
    assert bob is not None
    return (await Newcomer(core, bob).ask("ml", why)).id


PAGES: list[tuple[type, str, tuple[str, ...]]] = [
    (pages.FirstDayPage, "get", ()),
    (pages.AnswerPage, "post", ("some-id",)),
    (pages.CodePage, "post", ()),
    (pages.ClassStartPage, "get", ()),
    (pages.ClassStartPage, "post", ()),
    (pages.MissingPage, "get", ()),
    (pages.AsStudentPage, "get", ()),
    (pages.QRCodePage, "get", ()),
    (api.FirstDayAPI, "get", ()),
    (api.MissingAPI, "get", ()),
    (api.LinkAPI, "get", ()),
    (api.QRCodeAPI, "get", ()),
    (api.JoinRequestsAPI, "get", ()),
    (api.JoinCodeAPI, "get", ()),
    (api.JoinCodeAPI, "delete", ()),
    (api.ClassStartAPI, "get", ()),
    (api.ClassStartAPI, "put", ()),
    (api.ClassStartAPI, "delete", ()),
]


@pytest.mark.parametrize(
    ("handler", "method", "rest"), PAGES, ids=[f"{h.__name__}-{m}" for h, m, _ in PAGES]
)
async def test_only_teachers_of_the_course_get_anything(core, handler, method, rest):
    for login, course in (("bob", "ml"), ("tea", "db"), ("tea", "nowhere")):
        reply = await ask(handler, core, login, course, *rest, method=method)
        assert reply.code is Code.NO_SUCH_COURSE
    for login in ("asa", "ada"):
        reply = await ask(handler, core, login, "ml", *rest, method=method)
        assert reply.code in {Code.NOT_YOUR_DOOR, Code.NOT_YOURS_TO_START}
    assert await audited(core.store) == []


# -- the page ------------------------------------------------------------------------------------------------------


async def test_the_page_shows_everything_and_nothing_of_it_is_markup(core):
    await asks(core, HOSTILE)
    await door(core).make_code(NOW + timedelta(days=3), 30, HOSTILE)
    reply = await ask(pages.FirstDayPage, core, "tea", "ml")
    assert reply.status == 200
    assert reply.words.count(HOSTILE) >= 4
    assert [one["src"] for one in reply.page.select("img")] == [
        "/hub/edu/courses/ml/first-day/link.svg"
    ]
    assert reply.page.select_one("#edu-link")["value"] == "https://hub.example/hub/edu/go/ml"
    assert "3 of 5 people of the course have ever logged in" in reply.words
    assert its_code(core).text in reply.words
    assert reply.page.select_one(".nav-link.active")["href"].endswith("/first-day")
    labels = {label["for"] for label in reply.page.select("label")}
    fields = reply.page.select("main input:not([type=hidden]), main select")
    assert {field["id"] for field in fields} <= labels
    assert all(form.select_one("[name=_xsrf]") for form in reply.page.select("form[method=post]"))


async def test_a_course_that_nobody_joins_has_neither_requests_nor_a_code(core):
    await enrol(core, "tea", db=TEACHER)
    reply = await ask(pages.FirstDayPage, core, "tea", "db")
    assert "takes no requests to join" in reply.words
    assert "Join code" not in reply.words


async def test_the_link_chooses_a_profile_and_a_file(core):
    wanted = {"profile": "gpu", "path": "/week 1/a&b.ipynb"}
    reply = await ask(pages.FirstDayPage, core, "tea", "ml", query=wanted)
    link = urlsplit(reply.page.select_one("#edu-link")["value"])
    asked = {"profile": ["gpu"], "path": ["week 1/a&b.ipynb"]}
    assert (link.path, parse_qs(link.query)) == ("/hub/edu/go/ml", asked)
    assert parse_qs(urlsplit(reply.page.img["src"]).query) == {**asked, "path": [wanted["path"]]}
    same = await ask(api.LinkAPI, core, "tea", "ml", query=wanted)
    assert same.json == {"url": link.geturl()}


@pytest.mark.parametrize("wanted", [{"profile": "huge"}, {"path": "../x"}])
async def test_a_link_that_cannot_be_is_refused_and_what_was_typed_stays(core, wanted):
    reply = await ask(pages.FirstDayPage, core, "tea", "ml", query=wanted)
    assert reply.status == 400
    assert reply.page.select_one("#edu-link")["value"] == "https://hub.example/hub/edu/go/ml"
    assert reply.page.select_one("#edu-link-path")["value"] == wanted.get("path", "")
    assert (await ask(api.LinkAPI, core, "tea", "ml", query=wanted)).code is Code.UNREADABLE


# -- who asks ------------------------------------------------------------------------------------------------------


async def test_one_click_lets_somebody_in(core):
    id = await asks(core)
    reply = await ask(
        pages.AnswerPage, core, "tea", "ml", id, method="post", form={"do": "approve"}
    )
    bob = core.roll.by_hub_name("bob")
    there = f"/hub/edu/courses/ml/first-day?{urlencode({'answered': bob.key})}"
    assert (reply.status, reply.location) == (303, there)
    assert core.roll.course_role(bob, "ml", NOW) is STUDENT
    told = await ask(pages.FirstDayPage, core, "tea", "ml", query={"answered": bob.key})
    assert "is in this course as student" in told.page.find(role="status").get_text()
    again = await ask(pages.AnswerPage, core, "tea", "ml", id, method="post")
    assert (again.status, "somebody may have answered it" in again.words) == (404, True)


async def test_whoever_asks_to_join_is_counted_at_the_tab_and_an_address_claims_nothing(core):
    await asks(core)
    bob = core.roll.by_hub_name("bob").key
    page = (await ask(pages.FirstDayPage, core, "tea", "ml", query={"answered": bob})).page
    (tab,) = page.select(".edu-tabs .badge")
    assert tab.get_text() == "1 asks to join"
    assert not page.select(".alert-success")


async def test_with_a_section_and_a_last_day(core):
    form = {"do": "approve", "section": " g2 ", "until": "2026-11-30"}
    await ask(pages.AnswerPage, core, "tea", "ml", await asks(core), method="post", form=form)
    (mine,) = core.roll.enrolments(core.roll.by_hub_name("bob"))
    assert (mine.sections, mine.ends.isoformat()) == ({"g2"}, "2026-11-30T23:00:00+00:00")


async def test_refused_with_words(core):
    id = await asks(core)
    form = {"do": "refuse", "words": "full"}
    await ask(pages.AnswerPage, core, "tea", "ml", id, method="post", form=form)
    asked = Newcomer(core, core.roll.by_hub_name("bob")).asked("ml")
    assert asked is not None
    assert asked.words == "full"
    bob = core.roll.by_hub_name("bob").key
    told = await ask(pages.FirstDayPage, core, "tea", "ml", query={"answered": bob})
    assert "has not been let in" in told.page.find(role="status").get_text()


@pytest.mark.parametrize("form", [{"until": "soon"}, {"words": "x" * 501}, {"section": "a\nb"}])
async def test_what_cannot_be_read_changes_nothing(core, form):
    id = await asks(core)
    reply = await ask(pages.AnswerPage, core, "tea", "ml", id, method="post", form=form)
    assert (reply.status, len(door(core).waiting())) == (400, 1)


async def test_answering_by_the_api(core):
    id = await asks(core, "please")
    (shown,) = (await ask(api.JoinRequestsAPI, core, "tea", "ml")).json["requests"]
    assert shown == {
        "id": id,
        "person": {"person": "ad:id-bob", "user": "bob", "name": "Bob"},
        "at": NOW.isoformat(),
        "why": "please",
    }
    no = {"approve": False, "words": "full"}
    reply = await ask(api.JoinRequestAPI, core, "tea", "ml", id, method="post", body=no)
    assert reply.json == {"person": None}
    core.clock.pass_(days=1)
    id = await asks(core)
    yes = {"approve": True, "ends": "2026-11-30T12:00:00+01:00"}
    reply = await ask(api.JoinRequestAPI, core, "tea", "ml", id, method="post", body=yes)
    assert reply.json == {"person": "ad:id-bob"}
    gone = await ask(api.JoinRequestAPI, core, "tea", "ml", id, method="post", body=yes)
    assert gone.code is Code.NO_SUCH_JOIN


# -- the code ------------------------------------------------------------------------------------------------------


async def code(core: Core, **form: Any) -> Reply:
    return await ask(pages.CodePage, core, "tea", "ml", method="post", form=form)


async def test_a_code_is_made_renewed_and_ended_by_the_page(core):
    reply = await code(core, do="make", until="2026-11-10", most="30", section="g1")
    assert (reply.status, reply.location) == (303, "/hub/edu/courses/ml/first-day")
    first = its_code(core)
    assert (first.ends.isoformat(), first.most) == ("2026-11-10T23:00:00+00:00", 30)

    late = await code(core, do="make", until="2026-11-10", most="30")
    assert (late.status, door(core).code) == (412, first)
    await code(core, do="make", until="2026-11-10", most="30", seen=first.text)
    second = its_code(core)
    assert second.code != first.code
    await code(core, do="end", seen=second.text)
    assert door(core).code is None


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"until": "2027-11-10", "most": "30"}, 409),
        ({"until": "2026-11-10", "most": "0"}, 409),
        ({"until": "2026-11-10", "most": "many"}, 400),
        ({"until": "", "most": "30"}, 400),
    ],
    ids=["after the course", "for nobody", "no number", "without end"],
)
async def test_a_code_that_cannot_be_is_refused_with_its_reason(core, form, status):
    reply = await code(core, do="make", **form)
    assert (reply.status, door(core).code) == (status, None)
    assert reply.page.select_one("[role=alert]").get_text()


async def test_the_code_by_the_api(core):
    assert (await ask(api.JoinCodeAPI, core, "tea", "ml")).json is None
    wish = {"ends": "2026-11-10T12:00:00Z", "most": 5}
    made = (await ask(api.JoinCodeAPI, core, "tea", "ml", method="put", body=wish)).json
    assert made == {
        "code": its_code(core).text,
        "by": "tea",
        "at": NOW.isoformat(),
        "ends": "2026-11-10T12:00:00+00:00",
        "most": 5,
        "uses": 0,
        "section": "",
        "good": True,
    }
    shown = await ask(api.JoinCodeAPI, core, "tea", "ml")
    assert (shown.json, bool(shown.headers["ETag"])) == (made, True)
    seen = {"If-Match": shown.headers["ETag"]}
    await door(core).make_code(NOW + timedelta(days=3), 9)
    for method, body in (("put", wish), ("delete", None)):
        late = await ask(
            api.JoinCodeAPI, core, "tea", "ml", method=method, body=body, headers=seen
        )
        assert (late.code, its_code(core).most) == (Code.STALE, 9)
    now = {"If-Match": (await ask(api.JoinCodeAPI, core, "tea", "ml")).headers["ETag"]}
    gone = await ask(api.JoinCodeAPI, core, "tea", "ml", method="delete", headers=now)
    assert (gone.status, door(core).code) == (204, None)
    assert (await ask(api.JoinCodeAPI, core, "tea", "ml", method="delete")).status == 204
    far = {"ends": "2099-01-01T00:00:00Z", "most": 5}
    reply = await ask(api.JoinCodeAPI, core, "tea", "ml", method="put", body=far)
    assert reply.code is Code.CANNOT_MAKE_CODE
    assert "after the course" in reply.sentence


# -- starting the class --------------------------------------------------------------------------------------------


async def start(core: Core, **form: Any) -> Reply:
    return await ask(pages.ClassStartPage, core, "tea", "ml", method="post", form=form)


async def test_a_class_start_is_planned_shown_and_called_off(core):
    empty = await ask(pages.ClassStartPage, core, "tea", "ml")
    assert empty.location == "/hub/edu/courses/ml/first-day"
    reply = await start(core, profile="notebook", section="", at="2026-11-04T09:50")
    assert reply.location == "/hub/edu/courses/ml/first-day/class-start"
    planned = core.class_starts.of("ml")
    assert planned.at.isoformat() == "2026-11-04T08:50:00+00:00"
    shown = await ask(pages.ClassStartPage, core, "tea", "ml")
    assert "Planned for Wed 4 Nov 09:50 , Notebook, by tea" in shown.words
    assert shown.page.select_one("[hx-get]")
    on_page = await ask(pages.FirstDayPage, core, "tea", "ml")
    assert "It begins at Wed 4 Nov 09:50" in on_page.words
    second = await start(core, profile="notebook")
    assert (second.status, "Call it off first" in second.words) == (409, True)

    await start(core, do="call-off")
    assert core.class_starts.of("ml").stage is Stage.STOPPED
    shown = await ask(pages.ClassStartPage, core, "tea", "ml")
    assert "Stopped: called off" in shown.words
    assert not shown.page.select("[hx-get]")


async def test_each_refusal_is_shown_with_its_reason(core):
    ml = a_course("ml", caps={STUDENT: Caps(servers=0)})
    core.replace_campus(a_campus(courses=[ml, a_course("db")]), core.refresher.sources)
    wish = {"profile": "notebook"}
    begun = await ask(api.ClassStartAPI, core, "tea", "ml", method="put", body=wish)
    assert (begun.status, begun.json["stage"]) == (202, "under-way")
    await core.class_starts.settle()
    told = (await ask(api.ClassStartAPI, core, "tea", "ml")).json
    assert (told["stage"], told["refused"]) == ("done", 1)
    assert told["outcomes"][0]["reasons"][0]["code"] == "person-cap"
    page = await ask(pages.ClassStartPage, core, "tea", "ml")
    assert told["outcomes"][0]["reasons"][0]["sentence"] in page.words
    assert (await ask(api.ClassStartAPI, core, "tea", "ml", method="delete")).status == 204


async def test_a_class_start_that_cannot_be_read_is_refused(core):
    assert (await start(core, at="tomorrow")).status == 400
    assert (await start(core, profile="huge")).status == 409
    assert core.class_starts.of("ml") is None


# -- who has come --------------------------------------------------------------------------------------------------


async def test_who_never_logged_in_is_listed_and_who_is_kept_out_is_not_counted(core):
    came = await arrivals(core, "ml")
    assert (came.enrolled, came.logged_in) == (5, 3)
    assert [row["person"] for row in came.missing] == ["ad:id-eve", "ad:id-zoe"]
    assert came.sections == ["g1"]
    page = await ask(pages.MissingPage, core, "tea", "ml")
    assert HOSTILE in page.words
    assert "1 to 2 of 2" in page.words
    assert (
        "There are no more"
        in (await ask(pages.MissingPage, core, "tea", "ml", query={"from": "100"})).words
    )

    first = (await ask(api.MissingAPI, core, "tea", "ml", query={"limit": "1"})).json
    assert [row["login"] for row in first["items"]] == ["eve"]
    rest = {"cursor": first["next"]}
    second = (await ask(api.MissingAPI, core, "tea", "ml", query=rest)).json
    assert ([row["login"] for row in second["items"]], second["next"]) == (["zoe"], None)

    await put_by_hand(core.roll, an_enrolment("ad:id-max", "ml", ends=NOW))
    sums = (await ask(api.FirstDayAPI, core, "tea", "ml")).json
    assert sums == {"joining": ["ask", "code"], "enrolled": 5, "logged_in": 3, "requests": 0}


async def test_the_view_as_student_is_read_only_and_says_so(core):
    reply = await ask(pages.AsStudentPage, core, "tea", "ml")
    assert reply.page.select_one("fieldset[disabled]").get_text(strip=True) == HOSTILE
    assert "Nothing can be started here" in reply.words
    assert not reply.page.select("form")


# -- the link ------------------------------------------------------------------------------------------------------

PATHS = {
    "nothing": ("", ""),
    "a folder": ("week1/", "lab/tree/week1"),
    "a file": ("week 1/a.ipynb", "lab/tree/week%201/a.ipynb"),
    "what means something in addresses": ("a?b#c&d=%2e", "lab/tree/a%3Fb%23c%26d%3D%252e"),
    "other letters": ("høst/π.ipynb", "lab/tree/h%C3%B8st/%CF%80.ipynb"),
}


@pytest.mark.parametrize(("typed", "path"), PATHS.values(), ids=PATHS)
def test_a_path_in_lab(typed, path):
    assert lab_path(typed) == path


@pytest.mark.parametrize(
    "typed", ["..", "a/../b", "a//b", "./a", "a\\b", "a\nb", "a\u202eb", "x" * 501]
)
def test_no_path_in_lab(typed):
    with pytest.raises(DeskError):
        lab_path(typed)


@given(st.text(max_size=40))
def test_a_path_never_leaves_lab(typed):
    try:
        path = lab_path(typed)
    except DeskError:
        return
    read = urlsplit(f"https://hub.example/user/ada/{path}")
    assert read.netloc == "hub.example"
    assert (read.query, read.fragment) == ("", "")
    assert path == "" or read.path.startswith("/user/ada/lab/tree/")
    assert not {".", ".."} & set(read.path.split("/"))


def test_a_qr_code_holds_the_address_and_no_script():
    drawn = qr_code("https://hub.example/hub/edu/go/ml")
    assert drawn.startswith(b"<?xml")
    assert b"<script" not in drawn
    assert b"style" not in drawn
    assert drawn != qr_code("https://hub.example/hub/edu/go/db")


async def go(core: Core, login: str, course: str = "ml", **query: str) -> Reply:
    def account(handler: Any) -> SimpleNamespace:
        return SimpleNamespace(name=handler.login, base_url=f"/user/{handler.login}/")

    with patch.object(asking._WithoutHub, "current_user", property(account)):
        return await ask(GoPage, core, login, course, query=query)


async def test_the_link_leads_to_the_start_page_with_course_profile_and_file(core):
    reply = await go(core, "ada", profile="gpu", path="w 1/a.ipynb")
    there = urlsplit(reply.location)
    assert there.path == "/hub/spawn"
    assert parse_qs(there.query) == {
        "chosen": ["ml/gpu"],
        "next": ["/user/ada/lab/tree/w%201/a.ipynb"],
    }
    plain = urlsplit((await go(core, "ada", profile="huge")).location)
    assert parse_qs(plain.query) == {"chosen": ["ml"]}
    assert (await go(core, "ada", path="../../x")).code is Code.UNREADABLE


async def test_who_is_not_in_the_course_may_ask_or_finds_nothing(core):
    assert (await go(core, "bob")).location == "/hub/edu/join/ml"
    assert (await go(core, "bob", "db")).code is Code.NO_SUCH_COURSE
    assert (await go(core, "bob", "nowhere")).code is Code.NO_SUCH_COURSE


async def test_a_server_of_another_course_is_not_opened_by_the_link(core):
    ada = await enrol(core, "ada", db=STUDENT)
    await core.book.admit(StartRequest(ada.key, "db", "notebook"), ada, "")
    reply = await go(core, "ada", path="a.ipynb")
    assert (reply.location, "Your server runs for Db now" in reply.words) == ("", True)
    assert (await go(core, "ada", "db")).location.startswith("/hub/spawn?chosen=db")


async def test_what_is_done_on_the_first_day_is_in_the_log(core):
    await ask(pages.AnswerPage, core, "tea", "ml", await asks(core), method="post")
    await code(core, do="make", until="2026-11-10", most="30")
    await start(core, at="2026-11-04T09:50")
    found: list[AuditEntry] = list(await audited(core.store, "ml"))
    assert [(e.actor, e.act) for e in found] == [
        ("tea", "start-class"),
        ("tea", "make-join-code"),
        ("tea", "approve-join"),
        ("bob", "ask-to-join"),
    ]
    assert {e.address for e in found if e.actor == "tea"} == {"192.0.2.1"}
