"""The calendar of a course: a week by the clock on the wall, and windows set, changed, dropped and imported."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tornado.httputil import HTTPFile

from jupyterhub_edu.core.exam_wishes import ExamWish
from jupyterhub_edu.core.examining import Examining
from jupyterhub_edu.desk import rates
from jupyterhub_edu.desk.calendar_pages import CalendarPage, WindowPage
from jupyterhub_edu.desk.calendar_upload import UploadPage
from jupyterhub_edu.desk.refusals import Code
from tests.unit.core.test_adjusting import FILE, LAB, World

from .asking import Reply, ask

HOSTILE = "<img src=x onerror=alert(1)>"
TEXT = FILE.replace(
    "terms:\n",
    f'holidays:\n  "{HOSTILE}": {{from: 2026-11-12, until: 2026-11-13}}\nterms:\n',
).replace(
    "    codes: [INF4490]\n",
    "    codes: [INF4490]\n    windows:\n"
    '      - {title: Lab, days: [Thu], from: "10:15", until: "12:00", only: [gpu]}\n'
    f'      - {{title: "{HOSTILE}", days: [Fri], from: "22:00", until: "02:00", reserve: {{t4: 2}}}}\n',
)
CALENDAR = """\
BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
UID:1
SUMMARY:Lecture
DTSTART;TZID=Europe/Oslo:{first}T081500
DTEND;TZID=Europe/Oslo:{first}T100000
RRULE:FREQ=WEEKLY;COUNT={count}
END:VEVENT
END:VCALENDAR
"""
WEEKLY = {"how": "weekly", "day:Tue": "on", "from": "10:15", "until": "12:00", "only:gpu": "on"}


@pytest.fixture
async def world(tmp_path, monkeypatch):
    monkeypatch.setattr(rates.EXPENSIVE, "most", 1_000)
    world = await World(tmp_path, TEXT).open()
    yield world
    await world.core.close()


async def week(world: World, day: str = "", by: str = "tea") -> Reply:
    return await ask(CalendarPage, world.core, by, "ml", query={"week": day} if day else {})


async def post(world: World, handler: Any, *path: str, by: str = "tea", **form: Any) -> Reply:
    seen = form.pop("seen", world.core.adjustments.seen("ml", "windows"))
    form = {name.replace("_", ":", 1): value for name, value in form.items()}
    return await ask(
        handler, world.core, by, "ml", *path, method="post", form={**form, "seen": seen}
    )


def days(reply: Reply) -> dict[str, str]:
    """What each day says, by its date."""
    return {
        day.time["datetime"]: " ".join(day.get_text(" ", strip=True).split())
        for day in reply.page.select(".edu-day")
    }


def windows(world: World) -> list[Any]:
    return list(world.core.adjustments.windows("ml").values())


# -- a week --------------------------------------------------------------------------------------------------------


async def test_a_week_shows_windows_reservations_and_holidays_on_their_days(world: World):
    shown = days(await week(world, "2026-11-04"))
    assert list(shown) == [f"2026-11-{day:02}" for day in range(2, 9)]
    assert "10:15 – 12:00 Window: Lab only then: gpu" in shown["2026-11-05"]
    reserved = f"22:00 – 24:00 Reservation: {HOSTILE} 2 × t4 reserved kept from 21:45"
    assert f"{reserved} goes on until Sat 7 Nov 02:00" in shown["2026-11-06"]
    assert "00:00 – 02:00" in shown["2026-11-07"]
    assert "since Fri 6 Nov 22:00" in shown["2026-11-07"]
    assert "today" in shown["2026-11-03"]
    assert shown["2026-11-08"].endswith("nothing")


async def test_no_window_begins_on_a_holiday_which_is_named(world: World):
    reply = await week(world, "2026-11-12")
    shown = days(reply)
    for day in ("2026-11-12", "2026-11-13"):
        assert "Holiday" in shown[day]
        assert HOSTILE in shown[day]
    assert "Lab" not in shown["2026-11-12"]
    assert not reply.page.select("img")


async def test_the_day_of_the_clock_change_says_so_and_which_of_two_hours_it_is(world: World):
    await world.edit(
        'days: [Fri], from: "22:00", until: "02:00"',
        'days: [Sat], from: "22:00", until: "04:00"',
        text=TEXT,
    )
    shown = days(await week(world, "2026-10-25"))
    assert "The clock changes: this day has 25 hours." in shown["2026-10-25"]
    assert "00:00 CEST – 04:00 CET" in shown["2026-10-25"]
    assert "22:00 – 24:00" in shown["2026-10-24"]


async def test_weeks_before_and_after_are_links_and_nonsense_is_this_week(world: World):
    for day in ("2026-11-04", "", "soon", "9999-12-31"):
        reply = await week(world, day)
        assert next(iter(days(reply))) == "2026-11-02"
        links = [one["href"].rpartition("=")[2] for one in reply.page.select("a[rel]")]
        assert links == ["2026-10-26", "2026-11-09"]


async def test_an_exam_stands_in_the_week_with_its_extra_time(world: World):
    teacher = world.core.roll.by_hub_name("tea")
    assert teacher is not None
    starts = datetime(2026, 11, 4, 8, tzinfo=UTC)
    wish = ExamWish(
        starts,
        starts + timedelta(hours=2),
        "notebook",
        "registry.example/exam:1",
        extra={"ada": timedelta(minutes=30)},
        title=HOSTILE,
    )
    known = await Examining(world.core, teacher, "ml").prepare(wish)
    reply = await week(world)
    entry = reply.page.select_one(".edu-exam")
    assert entry.get_text(" ", strip=True).startswith(
        f"09:00 – 11:30 Exam: {HOSTILE} with notebook"
    )
    assert entry.a["href"] == f"/hub/edu/courses/ml/exams/{known.exam.id}"


async def test_days_outside_the_course_say_so(world: World):
    shown = days(await week(world, "2026-12-18"))
    outside = [day for day, text in shown.items() if "outside the course's dates" in text]
    assert outside == ["2026-12-19", "2026-12-20"]


async def test_who_sets_no_windows_is_shown_none(world: World):
    id = next(iter(world.core.adjustments.windows("ml")))
    for handler, path in ((CalendarPage, []), (WindowPage, [id]), (UploadPage, [])):
        for method in ("get", "post"):
            for who in ("asa", "ada"):
                reply = await ask(handler, world.core, who, "ml", *path, method=method)
                assert (reply.code, reply.text) == (Code.NOT_YOUR_LIMITS, "")
            outside = await ask(handler, world.core, "ina", "ml", *path, method=method)
            nowhere = await ask(handler, world.core, "ina", "none", *path, method=method)
            assert outside.code is nowhere.code is Code.NO_SUCH_COURSE
            assert outside.sentence == nowhere.sentence


# -- windows -------------------------------------------------------------------------------------------------------


async def test_a_window_is_added_in_the_words_of_the_campus_file(world: World):
    form = {
        **WEEKLY,
        "title": "Practice",
        "reserve:t4": "2",
        "lead": "30",
        "except": "2026-11-24\n2026-12-08 to 2026-12-12",
    }
    reply = await ask(
        WindowPage, world.core, "tea", "ml", "new", method="post", form={**form, **seen(world)}
    )
    assert (reply.status, reply.location) == (303, "/hub/edu/courses/ml/calendar")
    assert windows(world)[-1] == {
        "title": "Practice",
        "days": ["Tue"],
        "from": "10:15",
        "until": "12:00",
        "except": ["2026-11-24", {"from": "2026-12-08", "until": "2026-12-12"}],
        "only": ["gpu"],
        "reserve": {"t4": 2},
        "lead_time": "30m",
    }
    shown = await week(world)
    (row,) = [row for row in shown.page.select("tbody tr") if "Practice" in row.th.get_text()]
    text = row.get_text(" ", strip=True)
    assert "Tue, 10:15 to 12:00 except 2026-11-24, 2026-12-08 to 2026-12-12" in text
    assert "2 × t4 from 30 min before the desk" in text


async def test_the_form_shows_a_window_as_it_is_and_saving_it_changes_nothing(world: World):
    await world.by().set_window(
        {
            "title": "Exhibition",
            "dates": ["2026-12-01"],
            "from": "09:00",
            "until": "17:00",
            "reserve": {"t4": 1},
            "lead_time": "45m",
        }
    )
    before = windows(world)
    for id in world.core.adjustments.windows("ml"):
        form = await ask(WindowPage, world.core, "tea", "ml", id)
        reply = await ask(WindowPage, world.core, "tea", "ml", id, method="post", form=typed(form))
        assert reply.status == 303, reply.words
    assert sorted(windows(world), key=json.dumps) == sorted(before, key=json.dumps)


async def test_a_window_is_dropped_from_the_calendar(world: World):
    _, night = world.core.adjustments.windows("ml")
    assert (await post(world, CalendarPage, drop=night)).status == 303
    assert [one["title"] for one in windows(world)] == ["Lab"]
    assert (await post(world, CalendarPage, drop=night)).code is Code.NO_SUCH_WINDOW


async def test_what_the_file_restricts_is_opened_by_an_administrator_alone(world: World):
    lab, _ = world.core.adjustments.windows("ml")
    reply = await post(world, CalendarPage, drop=lab)
    asked = {one["name"]: one.get("value", "") for one in reply.page.select("form.card input")}
    assert (reply.status, asked["kind"]) == (403, "adjust")
    assert [one["title"] for one in json.loads(asked["wish"])["value"]] == [HOSTILE]
    assert len(windows(world)) == 2
    assert (await post(world, CalendarPage, by="kari", drop=lab)).status == 303


REFUSED: dict[str, tuple[dict[str, str], int, str]] = {
    "no day": ({"day:Tue": ""}, 400, "Say on which days of the week."),
    "no dates": ({"how": "dates"}, 400, "Say on which days."),
    "a day that is none": ({"how": "dates", "dates": "31.12."}, 400, "Write a day as"),
    "a time that is none": ({"from": "25:00"}, 400, "Write a time as"),
    "a number that is none": ({"reserve:t4": "two"}, 400, "Write a number"),
    "nothing that it does": ({"only:gpu": ""}, 400, "Say which profiles"),
    "what the loader refuses": ({"lead": "1", "reserve:t4": "1"}, 409, "lead_time"),
    "days outside the course": ({"how": "dates", "dates": "2027-06-01"}, 409, "2027-06-01"),
}


@pytest.mark.parametrize(("changed", "status", "words"), REFUSED.values(), ids=REFUSED)
async def test_what_is_wrong_is_told_and_what_was_typed_stays(
    world: World, changed: dict[str, str], status: int, words: str
):
    before = windows(world)
    form = {**WEEKLY, "title": HOSTILE, **changed, **seen(world)}
    reply = await ask(WindowPage, world.core, "tea", "ml", "new", method="post", form=form)
    alert = reply.page.select_one("[role=alert]").get_text()
    assert (reply.status, words in alert) == (status, True), alert
    assert reply.page.select_one("[name=title]")["value"] == HOSTILE
    assert windows(world) == before


async def test_above_the_own_quota_an_administrator_may_be_asked_for_it_as_typed(world: World):
    form = {**WEEKLY, "title": "Big", "reserve:t4": "4", **seen(world)}
    reply = await ask(WindowPage, world.core, "tea", "ml", "new", method="post", form=form)
    asked = {one["name"]: one.get("value", "") for one in reply.page.select("form.card input")}
    assert (reply.status, asked["kind"]) == (403, "window")
    assert json.loads(asked["wish"])["window"]["reserve"] == {"t4": 4}
    assert "Teachers reserve what is the course's own" in reply.words
    admin = {**form, **seen(world)}
    reply = await ask(WindowPage, world.core, "kari", "ml", "new", method="post", form=admin)
    assert reply.status == 303, reply.words


async def test_a_clash_with_another_course_is_said_before_anything_is_saved(world: World):
    other = (
        'windows: [{title: Theirs, days: [Tue], from: "11:00", until: "13:00", reserve: {t4: 3}}]'
    )
    await world.edit("  intro:\n", f"  intro:\n    {other}\n", text=TEXT)
    before = windows(world)
    form = {**WEEKLY, "title": "Ours", "reserve:t4": "4", **seen(world)}
    reply = await ask(WindowPage, world.core, "kari", "ml", "new", method="post", form=form)
    alert = reply.page.select_one("[role=alert]").get_text()
    assert reply.status == 409
    assert "7 promised on 2026-11-03 11:00" in alert
    reply = await ask(WindowPage, world.core, "tea", "ml", "new", method="post", form=form)
    alert = reply.page.select_one("[role=alert]").get_text()
    assert reply.status == 409
    assert "t4" in alert
    assert not any(theirs in alert for theirs in ("intro", "Theirs"))
    assert windows(world) == before


async def test_a_second_editor_is_told_and_loses_nothing(world: World):
    late = seen(world)
    await world.by().set_window({**LAB, "title": HOSTILE})
    form = {**WEEKLY, "title": "Mine", **late}
    reply = await ask(WindowPage, world.core, "tea", "ml", "new", method="post", form=form)
    alert = reply.page.select_one("[role=alert]").get_text(" ", strip=True)
    assert reply.status == 412
    assert f"{HOSTILE}: Tue, 10:15 to 12:00" in alert
    assert reply.page.select_one("[name=title]")["value"] == "Mine"
    again = await ask(WindowPage, world.core, "tea", "ml", "new", method="post", form=typed(reply))
    assert again.status == 303
    assert [one["title"] for one in windows(world)][-1] == "Mine"
    lab = next(iter(world.core.adjustments.windows("ml")))
    dropped = await post(world, CalendarPage, drop=lab, **late)
    assert dropped.status == 412


# -- iCalendar -----------------------------------------------------------------------------------------------------


async def upload(world: World, content: str | bytes, **form: str) -> Reply:
    body = content.encode() if isinstance(content, str) else content
    form = {"title": "Lectures", "only:gpu": "on", "do": "read", **form}

    class Uploading(UploadPage):
        async def post(self, course_id: str) -> None:
            self.request.files = {"file": [HTTPFile(filename=HOSTILE, body=body)]}
            await inspect.unwrap(UploadPage.post)(self, course_id)

    return await ask(Uploading, world.core, "tea", "ml", method="post", form=form)


async def apply(world: World, reply: Reply) -> Reply:
    return await post(world, UploadPage, do="apply", **typed(reply))


async def test_what_would_change_is_shown_and_then_exactly_that_is_applied(world: World):
    shown = await upload(world, CALENDAR.format(first="20261103", count=3))
    assert "2 added 0 dropped 0 as before" in shown.words
    assert "Tue 10 Nov 2026, 08:15 to 10:00" in shown.words
    assert len(windows(world)) == 2
    assert (await apply(world, shown)).status == 303
    assert windows(world)[-1] == {
        "title": "Lectures",
        "only": ["gpu"],
        "dates": ["2026-11-10", "2026-11-17"],  # the first of them is over
        "from": "08:15",
        "until": "10:00",
    }
    again = await upload(world, CALENDAR.format(first="20261117", count=2))
    assert "1 added 1 dropped 1 as before" in again.words
    assert (await apply(world, again)).status == 303
    assert [one["title"] for one in windows(world)] == ["Lab", HOSTILE, "Lectures"]


async def test_the_same_file_again_changes_nothing(world: World):
    text = CALENDAR.replace("T081500", "").replace("T100000", "").replace(";TZID=Europe/Oslo", "")
    text = text.replace("DTEND:{first}\n", "DTEND:20261105\n").replace("WEEKLY", "DAILY")
    shown = await upload(world, text.format(first="20261104", count=5))
    await apply(world, shown)
    again = await upload(world, text.format(first="20261104", count=5))
    assert "0 added 0 dropped" in again.words


async def test_times_on_holidays_are_counted_and_left_out(world: World):
    shown = await upload(world, CALENDAR.format(first="20261105", count=2))
    assert "1 added 0 dropped 0 as before 1 on holidays, left out" in shown.words


WRONG_FILES: dict[str, tuple[str | bytes, dict[str, str], str]] = {
    "no calendar": ("hello", {}, "no iCalendar file"),
    "nothing": ("", {}, "Choose a file."),
    "too large": (b"x" * (1024 * 1024 + 1), {}, "larger than 1 MiB"),
    "nothing to come": (CALENDAR.format(first="20200107", count=3), {}, "Nothing in the file"),
    "longer than a day": (
        CALENDAR.replace("DTEND;TZID=Europe/Oslo:{first}", "DTEND;TZID=Europe/Oslo:20261106")
        .replace("RRULE:FREQ=WEEKLY;COUNT={count}\n", "")
        .format(first="20261104"),
        {},
        "longer than a day",
    ),
    "hours that no window has": (
        CALENDAR.replace("T081500", "T081530").format(first="20261104", count=1),
        {},
        "within a minute",
    ),
    "no title": (CALENDAR.format(first="20261103", count=3), {"title": ""}, "Say what these"),
}


@pytest.mark.parametrize(("content", "form", "words"), WRONG_FILES.values(), ids=WRONG_FILES)
async def test_a_file_that_is_not_read_whole_is_refused(
    world: World, content: str | bytes, form: dict[str, str], words: str
):
    reply = await upload(world, content, **form)
    assert reply.status == 400
    assert words in reply.page.select_one("[role=alert]").get_text()


UNREAD = {
    "nothing": "",
    "no list": "{}",
    "an empty list": "[]",
    "deep": "[" * 100_000,
    "a file of the hub": '[{"title": "x", "ical": "/etc/passwd", "dates": ["2026-11-03"]}]',
    "without days": '[{"title": "x", "from": "08:15", "until": "10:00", "dates": []}]',
    "days that are none": '[{"title": "x", "from": "08:15", "until": "10:00", "dates": [1]}]',
    "without times": '[{"title": "x", "dates": ["2026-11-03"]}]',
    "two titles": json.dumps(
        [
            {"title": title, "from": "08:15", "until": "10:00", "dates": ["2026-11-03"]}
            for title in "xy"
        ]
    ),
}


@pytest.mark.parametrize("text", UNREAD.values(), ids=UNREAD)
async def test_only_what_the_page_has_handed_out_is_applied(world: World, text: str):
    before = windows(world)
    reply = await post(world, UploadPage, do="apply", windows=text)
    assert reply.code is Code.UNREADABLE
    assert windows(world) == before


async def test_a_second_editor_of_an_import_is_told(world: World):
    shown = await upload(world, CALENDAR.format(first="20261103", count=3))
    await world.by().set_window({**LAB, "title": "New"})
    reply = await apply(world, shown)
    assert reply.status == 412
    assert "Somebody has changed it" in reply.page.select_one("[role=alert]").get_text()
    assert (await apply(world, reply)).status == 303
    assert [one["title"] for one in windows(world)][-2:] == ["New", "Lectures"]


def seen(world: World) -> dict[str, str]:
    return {"seen": world.core.adjustments.seen("ml", "windows")}


def typed(reply: Reply) -> dict[str, str]:
    """What a browser would send of the page's forms."""
    html, found = reply.page, {}
    for one in html.select("input[name]"):
        if one.get("type") not in {"radio", "checkbox"} or one.has_attr("checked"):
            found[one["name"]] = one.get("value", "")
    return found | {one["name"]: one.get_text() for one in html.select("textarea[name]")}
