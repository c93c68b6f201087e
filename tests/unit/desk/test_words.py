"""The desk's refusals, scopes, addresses and templates, without a hub."""

from __future__ import annotations

import re
from datetime import date
from gettext import NullTranslations
from http.client import responses
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import DictLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from jinja2.loaders import ChoiceLoader
from jupyterhub.scopes import scope_definitions

from jupyterhub_edu.core.help_records import Helped, Over
from jupyterhub_edu.core.left import HoursLeft
from jupyterhub_edu.core.messages import Message, Whom
from jupyterhub_edu.core.named import Alike
from jupyterhub_edu.desk import CUSTOM_SCOPES, TEMPLATES, desk_routes
from jupyterhub_edu.desk.board import BoardRow, DevicesRow, LineRow, MessageRow
from jupyterhub_edu.desk.frame import Page
from jupyterhub_edu.desk.helps import HelpedRow
from jupyterhub_edu.desk.line import LineView, Why
from jupyterhub_edu.desk.live import Rest, Rights
from jupyterhub_edu.desk.mine import ExamRow, Mine
from jupyterhub_edu.desk.refusals import ROWS, Code, DeskError
from jupyterhub_edu.desk.said import SaidRow
from jupyterhub_edu.desk.sweeps import SweepRow
from jupyterhub_edu.desk.tabs import TABS
from jupyterhub_edu.desk.usage_days import Span, UsedRow, day_rows, sums
from jupyterhub_edu.desk.use import GrantRow, LeftRow, PastRow, RunningRow, Use, WeekRow
from jupyterhub_edu.desk.views import CourseRow, DeviceRow, Membership, Moment, SessionRow
from jupyterhub_edu.domain.allowances import GPU_HOUR
from jupyterhub_edu.domain.dates import dated
from jupyterhub_edu.domain.schedule import Period
from jupyterhub_edu.domain.usage import Usage
from jupyterhub_edu.hub.languages import telling
from tests.fakes.campus import NOW

PAGE: Any = SimpleNamespace(hub=SimpleNamespace(base_url="/hub/"))
HOSTILE = "<img src=x onerror=alert(1)>\"'{{7*7}}"


@pytest.mark.parametrize("code", list(Code))
def test_each_refusal_is_an_http_error_with_a_sentence_and_somebody_who_can_change_it(code):
    error = DeskError(code)
    assert error.status_code == ROWS[code].status
    assert error.reason == responses[error.status_code]
    as_json: Any = error.as_json()
    (reason,) = as_json["reasons"]
    assert (reason["code"], reason["sentence"]) == (code, error.jupyterhub_message)
    assert reason["who"]
    assert ("Retry-After" in error.headers) is (error.status_code in {429, 503})


def test_the_hub_knows_the_scopes_before_it_reads_its_configuration():
    assert {name: scope_definitions[name] for name in CUSTOM_SCOPES} == CUSTOM_SCOPES


def test_every_address_has_one_handler_and_ends_where_it_should():
    patterns = [pattern for pattern, _ in desk_routes()]
    assert len(set(patterns)) == len(patterns)
    for address, hits in {
        "/edu/": 1,
        "/edu": 1,
        "/edu/courses/ml": 1,
        "/edu/courses/ml/stop/ada": 1,
        "/edu/courses/ml/stop/ada/lab-2": 1,
        "/edu/static/desk.css": 1,
        "/edu/static/lib/htmx.js": 1,
        "/edu/static/lib/../../frame.py": 0,
        "/edu/static/../pages.py": 0,
        "/api/edu/courses": 1,
        "/api/edu/courses/ml/servers/ada": 1,
        "/api/edu/courses/ml/servers/ada/lab-2": 1,
        "/edu/courses/ml/now/stream": 1,
        "/edu/courses/ml/now/stop": 1,
        "/edu/courses/ml/now/start": 1,
        "/edu/courses/ml/now/message": 1,
        "/edu/courses/ml/now/message/ada": 1,
        "/edu/courses/ml/extend/ada": 1,
        "/api/edu/courses/ml/now/stream": 1,
        "/edu/courses/ml/other": 0,
        "/edu/line": 1,
        "/edu/line/": 1,
        "/edu/line/events": 1,
        "/edu/line/other": 0,
        "/api/edu/line": 1,
    }.items():
        assert sum(bool(re.fullmatch(pattern, address)) for pattern in patterns) == hits, address


@given(st.lists(st.text(min_size=1), max_size=3), st.text())
def test_no_address_leaves_the_hub(parts, value):
    parts = [part.encode("utf-8", "replace").decode() for part in parts]
    address = Page.address(PAGE, *parts, stopped=value.encode("utf-8", "replace").decode())
    split = urlsplit(address)
    assert (split.scheme, split.netloc) == ("", "")
    assert split.path.startswith("/hub/edu/")
    assert split.path.count("/") == 2 + max(len(parts), 1)
    assert not re.search(r"[\x00-\x20\\]", address)


# -- templates -----------------------------------------------------------------------------------------------------

AT = Moment("2026-11-03T10:00:00+00:00", "11:00")
SESSION = SessionRow(
    admission="a" * 32,
    user=HOSTILE,
    name=HOSTILE,
    server=HOSTILE,
    profile=HOSTILE,
    profile_title=HOSTILE,
    flavor="t4",
    flavor_title=HOSTILE,
    devices=1,
    share="own",
    state="running",
    since=AT,
    until=AT,
    until_why=HOSTILE,
    mine=False,
    may_stop=True,
)
COURSE = CourseRow(
    id="ml",
    title=HOSTILE,
    role="teacher",
    memberships=[Membership("student", "manual", HOSTILE, AT, AT, True)],
    state="later",
    starts=AT,
    ends=AT,
    may_look=True,
    sees_all=True,
    may_start=True,
    on=1,
    devices=[DeviceRow("t4", HOSTILE, 1, 1)],
)


ENDED: Any = SimpleNamespace(devices=1, estimated=True)
GRANT: Any = SimpleNamespace(by=HOSTILE, why=HOSTILE)
LEFT = HoursLeft("person", 10, 3, Period.WEEK, None)
USED = Usage(date(2026, 11, 2), None, HOSTILE, None, None, 1, 0, 0, 3_600_000, GPU_HOUR)
STANDING = LineView(
    phase="struck",
    heading="You are out of the line",
    sentence=HOSTILE,
    what=HOSTILE,
    expected=HOSTILE,
    since=AT,
    reasons=(Why(HOSTILE, HOSTILE, AT),),
    may_leave=True,
)


def _in_line(phase: str, place: int | None, expected: Any) -> LineRow:
    """Somebody who waits, with hostile text wherever there is text."""
    who, what = (HOSTILE, HOSTILE), (HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    return LineRow(*who, *what, 1, phase, HOSTILE, place, AT, expected)


BOARD: dict[str, Any] = {"course_id": "ml", "rights": Rights(True, True, True, True)}
BOARD_ROW = BoardRow(SESSION, (HOSTILE,), AT, "idle", AT, AT, (NOW, "a"))
SAID = MessageRow(
    Message("m", "ml", Whom.PERSON, HOSTILE, HOSTILE, NOW, NOW),
    *(HOSTILE, HOSTILE, HOSTILE, AT, AT),
)
REST = Rest(
    on=1,
    devices=(DevicesRow("t4", HOSTILE, 2, 1, 1, 0, None, None),),
    line=(
        _in_line("waiting", 1, AT),
        _in_line("soon", None, None),
    ),
    waiting=3,
    messages=(SAID,),
    sweeps=(SweepRow("s", HOSTILE, HOSTILE, AT, 3, 1, 1, False),),
)


class Now:
    """A datetime for the template."""

    def isoformat(self) -> str:
        return AT.iso

    def strftime(self, pattern: str) -> str:
        return AT.text


HELPED = HelpedRow(
    Helped("h", "ml", "ad:x", "x", "", HOSTILE, NOW, NOW, Over.HELPER), HOSTILE, HOSTILE, AT, AT
)
WHAT: dict[str, dict[str, Any]] = {
    "courses.html": {
        "person": True,
        "courses": [COURSE],
        "is_admin": False,
        "may_join": True,
        "helped": [],
        "past_helps": [HELPED],
        "mine": {
            "ml": Mine(
                [RunningRow(SESSION, "ml", HOSTILE, 60, 600, HOSTILE)],
                [LeftRow("ml", HOSTILE, LEFT, AT)],
                [ExamRow(HOSTILE, True, AT, AT), ExamRow(HOSTILE, False, AT, AT)],
                HOSTILE,
            )
        },
    },
    "now.html": {
        "course": COURSE,
        "row": COURSE,
        "sessions": [SESSION],
        "stopped": SESSION,
        "started": (HOSTILE, HOSTILE, HOSTILE),
        "board": None,
        "now": Now(),
        "tab": TABS[0],
    },
    "now_row.html": {
        "session": SESSION,
        "row": BOARD_ROW,
        "w": {**dict.fromkeys(["profile", "gpus", "own", "idle", "state", "running"], HOSTILE)}
        | dict.fromkeys(["since", "active", "until"], HOSTILE),
        "badges": {"running": "success"},
        "below": HOSTILE,
        "acts": HOSTILE,
    },
    "now_act.html": {"look": "danger", "href": "/", "label": HOSTILE, "words": HOSTILE},
    "now_sums.html": {**BOARD, "rest": REST},
    "now_line.html": {**BOARD, "rest": REST},
    "now_news.html": {**BOARD, "rest": REST},
    "now_stop.html": {
        "course": COURSE,
        "section": HOSTILE,
        "sections": [HOSTILE],
        "meant": [SESSION],
        "failed": HOSTILE,
    },
    "now_extend.html": {
        "course": COURSE,
        "session": SESSION,
        "choices": [(60, HOSTILE)],
        "failed": HOSTILE,
    },
    "now_start.html": {
        "course": COURSE,
        "who": HOSTILE,
        "profile": HOSTILE,
        "profiles": [(HOSTILE, HOSTILE)],
        "failed": HOSTILE,
        "alike": [],
    },
    "now_message.html": {
        "course": COURSE,
        "alike": [Alike(HOSTILE, HOSTILE, HOSTILE)],
        "whom": "section",
        "on": 1,
        "person": HOSTILE,
        "section": HOSTILE,
        "sections": [HOSTILE],
        "text": HOSTILE,
        "minutes": 60,
        "lasts": [10, 60],
        "longest": 500,
        "failed": HOSTILE,
    },
    "now_take_back.html": {"course": COURSE, "one": SAID},
    "said.html": {"edu_said": [SaidRow("m", HOSTILE, HOSTILE, HOSTILE, AT)]},
    "stop.html": {"course": COURSE, "session": SESSION, "failed": HOSTILE},
    "use.html": {
        "use": Use(
            [RunningRow(SESSION, "ml", HOSTILE, 60, 600, HOSTILE)],
            [LeftRow("ml", HOSTILE, LEFT, AT)],
            [GrantRow("ml", HOSTILE, GRANT, HOSTILE, AT, AT)],
            [WeekRow(date(2026, 11, 2), HOSTILE, USED)],
            [PastRow(ENDED, HOSTILE, HOSTILE, AT, AT, GPU_HOUR, HOSTILE)],
            [HELPED],
        ),
        "refused": HOSTILE,
    },
    "line.html": {"line": STANDING, "stream": HOSTILE, "here": HOSTILE, "quiet": 1},
    "usage.html": {
        "course": COURSE,
        "tab": TABS[0],
        "span": Span(date(2026, 11, 2), date(2026, 11, 2), is_wrong=True),
        "total": sums([USED], []),
        "days": day_rows(Span(date(2026, 11, 2), date(2026, 11, 2)), [USED], {}),
        "by_person": [UsedRow(HOSTILE, HOSTILE, 1, "1", "1")],
        "people_more": 1,
        "by_profile": [UsedRow(HOSTILE, HOSTILE, 1, "1", "1")],
        "refused": [(HOSTILE, HOSTILE, 1)],
        "files_at": "/hub/edu/courses/ml/usage",
        "asked": "from=2026-11-02",
    },
    "log.html": {
        "course": COURSE,
        "tab": TABS[0],
        "rows": [
            SimpleNamespace(
                at=AT,
                actor=HOSTILE,
                actor_name=HOSTILE,
                act=HOSTILE,
                target=HOSTILE,
                target_name=HOSTILE,
                details=[(HOSTILE, HOSTILE)],
            )
        ],
        "act": HOSTILE,
        "about": HOSTILE,
        "acts": [HOSTILE],
        "newest": "/hub/edu/courses/ml/log",
        "older": "/hub/edu/courses/ml/log?before=1",
    },
    "ends.html": {"edu_ends": [RunningRow(SESSION, "ml", HOSTILE, 60, 600, "")]},
}
FRAME = (
    "<title>{% block title %}{% endblock %}</title>{% block stylesheet %}{% endblock %}"
    "{% block meta %}{% endblock %}"
    "{% block scripts %}{% endblock %}{% block announcement %}{% endblock %}{% block nav_bar_left_items %}{% endblock %}"
    "{% block main %}{% endblock %}"
)


def render(template: str, *, autoescape: bool = True) -> Any:
    """Render one of our templates in a frame like the hub's, and parse it."""
    environment = Environment(
        loader=ChoiceLoader(
            [
                PrefixLoader({"templates": DictLoader({"page.html": FRAME})}),
                FileSystemLoader(TEMPLATES),
            ]
        ),
        autoescape=autoescape,  # noqa: S701 - an administrator may have switched it off
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
    )
    common = {
        "parsed_scopes": {"custom:edu:read": True},
        "base_url": "/hub/",
        "user": SimpleNamespace(server_url=lambda name="": "/user/x/"),
        "files": "/hub/edu/static",
        "files_version": "1",
        "xsrf": "token",
        "address": lambda *parts, **query: Page.address(PAGE, *parts, **query),
        "notice": HOSTILE,
        "campus": HOSTILE,
        "contact": HOSTILE,
        "zone": "Europe/Oslo",
        "language": "en",
        "gettext": NullTranslations().gettext,
        "ngettext": NullTranslations().ngettext,
        "edu_text": NullTranslations().gettext,
        "edu_tell": telling(NullTranslations()),
        "dated": dated,
        "course_role": "teacher",
        "tabs": TABS,
        "asking": 1,
    }
    html = environment.get_template(f"edu/{template}").render(**common, **WHAT[template])
    return BeautifulSoup(html, "html.parser")


@pytest.mark.parametrize("autoescape", [True, False], ids=["escaping on", "escaping off"])
@pytest.mark.parametrize("template", list(WHAT))
def test_what_came_from_outside_is_text_whatever_the_hubs_environment_says(template, autoescape):
    page = render(template, autoescape=autoescape)
    assert page.find("img") is None
    assert HOSTILE in page.get_text()
    assert not [tag for tag in page.find_all(True) if any(a.startswith("on") for a in tag.attrs)]
    assert all(script.get("src") for script in page.find_all("script"))
    assert "49" not in page.get_text()


def test_the_table_of_who_is_on_can_be_read_aloud():
    page = render("now.html")
    table = page.find("table")
    assert table.caption.get_text(strip=True)
    assert all(th["scope"] == "col" for th in table.thead.find_all("th"))
    assert [th["scope"] for th in table.tbody.find_all("th")] == ["row"]
    assert all(th.get_text(strip=True) for th in table.find_all("th"))
    labels = [td.get("data-label") for td in table.tbody.find_all("td")]
    heads = [th.get_text(strip=True) for th in table.thead.find_all("th")]
    assert labels == [*heads[1:-1], None]


def test_the_banner_is_announced_and_the_question_has_a_way_back():
    banner = render("now.html").find(attrs={"role": "status"})
    assert banner.has_attr("autofocus")
    ask = render("stop.html")
    form = ask.find("form")
    assert {field["name"] for field in form.find_all("input")} == {"_xsrf", "session"}
    assert not form.has_attr("action")
    assert form.find("a")["href"] == "/hub/edu/courses/ml"


def test_the_page_of_the_line_needs_no_script():
    page = render("line.html")
    assert page.find("noscript").find("meta")["http-equiv"] == "refresh"
    leave = page.find("form")
    assert leave["method"] == "post"
    assert [field["name"] for field in leave.find_all("input")] == ["_xsrf"]
    assert page.find(attrs={"data-edu-said": True})["role"] == "status"
