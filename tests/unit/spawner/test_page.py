"""What stands on the start page, read as a browser would."""

from datetime import time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bs4 import BeautifulSoup

from jupyterhub_edu.core.choices import Wish, parse_fields, parse_wish
from jupyterhub_edu.domain.allowances import parse_allowance
from jupyterhub_edu.domain.courses import Allowances, Caps, CourseState, Quota
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.windows import Timetable, Weekly
from jupyterhub_edu.hub.refusals import reasons_json
from jupyterhub_edu.spawner import page
from tests.fakes.campus import (
    NOW,
    T4,
    a_campus,
    a_choice,
    a_core,
    a_course,
    a_profile,
    an_option,
    enrol,
    some_amounts,
)
from tests.fakes.world import AClock

STUDENT, TEACHER = CourseRole.STUDENT, CourseRole.TEACHER
EVIL = "<img src=x onerror=alert(1)> {username} {{ 7*7 }} \"quoted\" 'so' & more"
DEVICES = an_option(
    "devices",
    a_choice("one", title="One GPU", devices=1),
    a_choice("two", title="Two GPUs", devices=2, course_roles=frozenset({TEACHER})),
)


def parsed(view) -> Any:
    return BeautifulSoup(page.render(view), "html.parser")


async def show(campus=None, wish=None, *, core=None, **courses):
    core = core or a_core(campus)
    ada = await enrol(core, "ada", **(courses or {"ml": STUDENT}))
    return parsed(page.view(core, ada, wish or Wish()))


def radios(soup):
    return {radio["value"]: radio for radio in soup.select("input[type=radio][name=choice]")}


def checked(soup):
    return [value for value, radio in radios(soup).items() if radio.has_attr("checked")]


def card(soup, value):
    return radios(soup)[value].find_parent(class_="edu-card")


async def test_one_course_is_no_question():
    soup = await show()

    assert not soup.select("details")
    assert soup.select_one("legend").get_text(" ", strip=True) == "Machine Learning as student"
    assert list(radios(soup)) == ["ml/notebook", "ml/gpu"]


async def test_several_courses_share_one_radio_group():
    soup = await show(a_campus(courses=[a_course(), a_course("db")]), ml=STUDENT, db=TEACHER)

    assert list(radios(soup)) == ["ml/notebook", "ml/gpu", "db/notebook", "db/gpu"]
    assert [s.get_text(" ", strip=True) for s in soup.select("summary")] == [
        "Machine Learning as student",
        "Db as teacher",
    ]
    assert all(fieldset["aria-label"] for fieldset in soup.select("fieldset"))


async def test_of_many_courses_only_the_chosen_one_is_unfolded():
    ids = [f"c{n}" for n in range(8)]
    campus = a_campus(courses=[a_course(id) for id in ids])

    soup = await show(campus, Wish("c5", "gpu"), **dict.fromkeys(ids, STUDENT))

    unfolded = [d.summary.h2.get_text() for d in soup.select("details") if d.has_attr("open")]
    assert unfolded == ["C5"]


async def test_a_card_says_what_it_is_and_how_much_is_free():
    soup = await show()

    text = card(soup, "ml/gpu").get_text(" ", strip=True)
    for part in ("Gpu", "2 of 2 free", "2 CPU", "2 GiB memory", "1 × NVIDIA T4", "up to 4 hours"):
        assert part in text
    assert "registry.example/gpu:1" in text
    assert "free" not in card(soup, "ml/notebook").get_text()


def a_course_with_hours(*days: int) -> Any:
    """The GPU notebook starts from 14:00 to 16:00 on these days of the week; it is Tuesday, 11:00."""
    hours = Weekly(frozenset(days), time(14), time(16), ZoneInfo("Europe/Oslo"))
    return a_course(hours={"gpu": Timetable((hours,) if days else ())})


async def test_outside_its_windows_a_card_says_when_the_next_opens():
    soup = await show(a_campus(courses=[a_course_with_hours(1)]))

    text = card(soup, "ml/gpu").get_text(" ", strip=True)
    assert (
        "Machine Learning starts Gpu only at set times; the next begins on 2026-11-03 14:00."
        in text
    )
    assert "Tue 3 Nov 2026, 14:00" in text
    assert "Who can change it: the course's teacher" in text
    assert "set times" not in card(soup, "ml/notebook").get_text()


async def test_after_the_last_window_a_card_promises_nothing():
    soup = await show(a_campus(courses=[a_course_with_hours()]))

    text = card(soup, "ml/gpu").get_text(" ", strip=True)
    assert "Machine Learning starts Gpu only at set times, and none is left." in text
    assert "next window" not in text


async def test_in_a_window_a_card_says_until_when():
    core = a_core(
        a_campus(courses=[a_course_with_hours(1)]), clock=AClock(NOW + timedelta(hours=4))
    )

    soup = await show(core=core)

    assert "until Tue 3 Nov 2026, 16:00" in card(soup, "ml/gpu").get_text(" ", strip=True)


async def test_a_program_is_told_when_the_next_window_opens():
    core = a_core(a_campus(courses=[a_course_with_hours(1)]))
    ada = await enrol(core, "ada", ml=STUDENT)

    (reason,) = reasons_json(core.book.decide(StartRequest(ada.key, "ml", "gpu")))

    assert (reason["code"], reason["retry_at"]) == ("outside-window", "2026-11-03T13:00:00+00:00")


async def test_every_control_has_a_label_and_every_id_is_its_own():
    profiles = [a_profile(), a_profile("gpu", flavor=T4, options=[DEVICES])]
    soup = await show(
        a_campus(profiles=profiles, courses=[a_course(), a_course("db")]), ml=STUDENT, db=STUDENT
    )

    ids = [tag["id"] for tag in soup.select("[id]")]
    assert len(ids) == len(set(ids))
    labelled = {label["for"] for label in soup.select("label")}
    assert {control["id"] for control in soup.select("input, select")} == labelled
    for radio in soup.select("input"):
        assert set(radio["aria-describedby"].split()) <= set(ids)


async def test_no_script_is_needed_or_sent():
    soup = await show()

    assert not soup.select("script, [onclick], [onchange]")


FROM_OUTSIDE = {
    "a course's title": lambda: a_campus(courses=[a_course(title=EVIL)]),
    "a profile's title": lambda: a_campus(
        profiles=[a_profile(title=EVIL), a_profile("gpu", flavor=T4)]
    ),
    "a profile's description": lambda: a_campus(
        profiles=[a_profile(description=EVIL), a_profile("gpu", flavor=T4)]
    ),
    "an image": lambda: a_campus(profiles=[a_profile(image=EVIL), a_profile("gpu", flavor=T4)]),
    "an option's and a choice's title": lambda: a_campus(
        profiles=[
            a_profile(options=[an_option("o", a_choice("c", title=EVIL), title=EVIL)]),
            a_profile("gpu", flavor=T4),
        ]
    ),
    "a reason": lambda: a_campus(courses=[a_course(title=EVIL, state=CourseState.ARCHIVED)]),
    "the contact": lambda: a_campus(contact=EVIL, courses=[a_course(state=CourseState.SUSPENDED)]),
}


@pytest.mark.parametrize("campus", FROM_OUTSIDE.values(), ids=FROM_OUTSIDE)
async def test_text_from_outside_stays_text(campus):
    soup = await show(campus())

    assert not soup.select("img")
    assert EVIL in soup.get_text()


async def test_what_cannot_be_had_says_why_and_who_and_when():
    core = a_core(a_campus(courses=[a_course(quota={"t4": Quota(1, borrow=0)})]))
    bob = await enrol(core, "bob", ml=STUDENT)
    held_until: Any = (await core.book.admit(request(bob, "gpu"), bob, "")).ends_at

    soup = await show(core=core)

    assert radios(soup)["ml/gpu"].has_attr("disabled")
    assert not radios(soup)["ml/notebook"].has_attr("disabled")
    why = card(soup, "ml/gpu").select_one(".edu-why").get_text(" ", strip=True)
    assert "All NVIDIA T4 that Machine Learning may use now are in use." in why
    assert "the course's teacher, by stopping one" in why
    local = held_until.astimezone(core.campus.zone)
    assert f"{local:%H:%M}" in why


async def the_only_one_is_taken(**kwargs: Any) -> Any:
    """Bob holds the course's only device."""
    core = a_core(a_campus(courses=[a_course(quota={"t4": Quota(1, borrow=0)})], **kwargs))
    bob = await enrol(core, "bob", ml=STUDENT)
    await core.book.admit(request(bob, "gpu"), bob, "")
    return core


async def test_what_passes_by_itself_can_be_waited_for_with_the_length_of_the_line():
    core = await the_only_one_is_taken()
    soup = await show(core=core)
    assert [button["value"] for button in soup.select("button[name=wait]")] == ["ml/gpu"]
    assert "Nobody waits for NVIDIA T4 yet." in card(soup, "ml/gpu").get_text()

    eve = await enrol(core, "eve", ml=STUDENT)
    await core.line.join(request(eve, "gpu"), eve)
    assert "1 person waits for NVIDIA T4 now." in card(await show(core=core), "ml/gpu").get_text()
    await core.close()


async def test_one_may_wait_for_each_choice_of_an_option():
    devices = an_option("devices", a_choice("one", devices=1), a_choice("two", devices=2))
    profiles = [a_profile(), a_profile("gpu", flavor=T4, options=[devices])]
    core = await the_only_one_is_taken(profiles=profiles)
    waits = card(await show(core=core), "ml/gpu").select_one(".edu-wait")
    assert waits.select_one("select")["name"] == "option:ml/gpu/devices"


async def test_what_does_not_pass_by_itself_cannot_be_waited_for():
    campus = a_campus(courses=[a_course(caps={STUDENT: Caps(devices={"t4": 0})})])
    soup = await show(campus)
    assert card(soup, "ml/gpu").select_one(".edu-why")
    assert not soup.select("button")


async def test_pressing_enter_starts_and_does_not_wait():
    core = await the_only_one_is_taken()
    first = (await show(core=core)).select_one("button")
    assert first["type"] == "submit"
    assert not first.has_attr("name")
    assert not first.has_attr("disabled")


async def test_who_stands_in_line_is_led_to_their_place():
    core = await the_only_one_is_taken()
    ada = await enrol(core, "ada", ml=STUDENT)
    await core.line.join(request(ada, "gpu"), ada)
    soup = parsed(page.view(core, ada, Wish(), line_page="/hub/edu/line/"))
    assert "In line: you are next." in soup.select_one("[role=status]").get_text()
    assert soup.select_one("[role=status] a")["href"] == "/hub/edu/line/"
    await core.close()


def request(person, profile, **options):
    return StartRequest(person.key, "ml", profile, options)


async def test_the_first_that_is_allowed_is_chosen_beforehand():
    campus = a_campus(
        courses=[
            a_course(
                offers={STUDENT: ("gpu", "notebook")}, caps={STUDENT: Caps(devices={"t4": 0})}
            )
        ]
    )

    assert checked(await show(campus)) == ["ml/notebook"]


async def test_the_choice_of_last_time_is_chosen_beforehand():
    assert checked(await show(wish=Wish("ml", "gpu"))) == ["ml/gpu"]


async def test_of_a_course_that_a_link_names_the_first_profile_that_is_allowed_is_chosen():
    campus = a_campus(courses=[a_course(), a_course("db")])
    core = a_core(campus)

    assert checked(await show(core=core, wish=Wish("db"), ml=STUDENT, db=STUDENT)) == [
        "db/notebook"
    ]
    assert checked(await show(core=core, wish=Wish("no such"), ml=STUDENT)) == ["ml/notebook"]


async def test_a_course_that_a_link_names_is_unfolded_even_if_nothing_can_be_started_there():
    ids = [f"c{n}" for n in range(5)]
    courses = [a_course(id, state=CourseState("archived" if id == "c3" else "open")) for id in ids]

    soup = await show(a_campus(courses=courses), Wish("c3"), **dict.fromkeys(ids, STUDENT))

    unfolded = [d.summary.h2.get_text() for d in soup.select("details") if d.has_attr("open")]
    assert unfolded == ["C0", "C3"]


async def test_the_options_of_last_time_are_chosen_beforehand():
    campus = a_campus(profiles=[a_profile(), a_profile("gpu", flavor=T4, options=[DEVICES])])

    soup = await show(campus, Wish("ml", "gpu", {"devices": "two"}), ml=TEACHER)

    assert soup.select_one("option[selected]")["value"] == "two"


STALE_WISHES = {
    "a profile that is gone": Wish("ml", "old"),
    "a course that is gone": Wish("old", "gpu"),
    "somebody else's course": Wish("db", "gpu"),
    "nothing in particular": Wish(),
}


@pytest.mark.parametrize("wish", STALE_WISHES.values(), ids=STALE_WISHES)
async def test_a_choice_of_last_time_that_is_allowed_no_more_gives_way(wish):
    campus = a_campus(courses=[a_course(), a_course("db")])

    assert checked(await show(campus, wish, ml=STUDENT)) == ["ml/notebook"]


async def test_a_choice_that_is_refused_now_is_not_chosen_beforehand():
    campus = a_campus(courses=[a_course(caps={STUDENT: Caps(devices={"t4": 0})})])

    assert checked(await show(campus, Wish("ml", "gpu"))) == ["ml/notebook"]


async def test_choices_that_are_not_open_to_the_role_are_shown_and_disabled():
    campus = a_campus(profiles=[a_profile(), a_profile("gpu", flavor=T4, options=[DEVICES])])

    student, teacher = await show(campus), await show(campus, ml=TEACHER)

    assert [o.has_attr("disabled") for o in student.select("option")] == [False, True]
    assert [o.has_attr("disabled") for o in teacher.select("option")] == [False, False]


async def test_an_option_of_last_time_that_is_not_open_any_more_falls_back():
    campus = a_campus(profiles=[a_profile(), a_profile("gpu", flavor=T4, options=[DEVICES])])

    soup = await show(campus, Wish("ml", "gpu", {"devices": "two"}))

    assert soup.select_one("option[selected]")["value"] == "one"


async def test_a_profile_whose_default_is_too_much_now_offers_what_there_is():
    two_first = an_option("devices", a_choice("two", devices=2), a_choice("one", devices=1))
    gpu = a_profile("gpu", flavor=T4, amounts=some_amounts(2), options=[two_first])
    core = a_core(a_campus(profiles=[a_profile(), gpu]))
    bob = await enrol(core, "bob", ml=STUDENT)
    await core.book.admit(request(bob, "gpu", devices="one"), bob, "")

    soup = await show(core=core)

    assert not radios(soup)["ml/gpu"].has_attr("disabled")
    assert card(soup, "ml/gpu").select_one("option[selected]")["value"] == "one"
    assert "1 × NVIDIA T4" in card(soup, "ml/gpu").get_text()


async def test_a_page_asks_once_for_what_many_cards_share(monkeypatch):
    two_first = an_option("devices", a_choice("two", devices=2), a_choice("one", devices=1))
    keys = [f"gpu{n}" for n in range(4)]
    gpus = [a_profile(key, flavor=T4, options=[two_first]) for key in keys]
    core = a_core(a_campus(profiles=gpus, courses=[a_course(offers={STUDENT: tuple(keys)})]))
    bob = await enrol(core, "bob", ml=STUDENT)
    await core.book.admit(request(bob, "gpu0", devices="one"), bob, "")
    asked, stock = [], core.inventory.stock

    def count(flavor):
        asked.append(flavor)
        return stock(flavor)

    monkeypatch.setattr(core.inventory, "stock", count)

    soup = await show(core=core)

    assert asked == ["t4"]
    assert [o["value"] for o in soup.select("option[selected]")] == ["one"] * 4


async def test_what_the_form_sends_is_what_the_hub_reads():
    campus = a_campus(profiles=[a_profile(), a_profile("gpu", flavor=T4, options=[DEVICES])])
    soup = await show(campus, Wish("ml", "gpu"), ml=TEACHER)

    fields = {select["name"]: [select.select("option")[-1]["value"]] for select in soup("select")}
    wish = parse_wish(parse_fields({**fields, "choice": ["ml/gpu"]}))

    assert wish == Wish("ml", "gpu", {"devices": "two"})


async def test_nobody_enrolled_is_told_so_and_whom_to_ask():
    core = a_core()
    ada = await enrol(core, "ada")

    soup = parsed(page.view(core, ada, Wish()))

    assert "You are not enrolled in any course at Test University yet" in soup.get_text()
    assert "it@test.example" in soup.get_text()
    assert not radios(soup)


async def test_when_nothing_can_start_the_page_says_so():
    soup = await show(a_campus(courses=[a_course(state=CourseState.SUSPENDED)]))

    assert "Nothing can be started now" in soup.get_text()
    assert soup.select_one(".edu-start.edu-nothing")
    assert all(radio.has_attr("disabled") for radio in radios(soup).values())


async def test_a_course_that_offers_nothing_says_so():
    soup = await show(a_campus(courses=[a_course(offers={TEACHER: ("gpu",)})]))

    assert "This course offers nothing to you as student." in soup.get_text()
    assert "What you are in this course comes with nothing to start." in soup.get_text()
    assert "beside each choice" not in soup.get_text(), "there is none"


async def test_a_source_that_does_not_answer_is_told_first():
    core = a_core()
    ada = await enrol(core, "ada", ml=STUDENT)
    source: Any = core.refresher.sources["ad"]
    source.down = True
    await core.refresher.reread(ada)

    soup = parsed(page.view(core, ada, Wish()))
    assert soup.select_one(".alert-warning").get_text().startswith("Directory has not answered")


async def test_whose_gpus_they_are_is_said_where_some_course_has_its_own():
    owned = a_course("db", quota={"t4": Quota(1)})

    shared = await show(a_campus())
    lent = await show(a_campus(courses=[a_course(), owned]), ml=STUDENT)
    own = await show(a_campus(courses=[a_course(quota={"t4": Quota(1)})]))

    badges = [[b.get_text() for b in s.select(".text-bg-info")] for s in (shared, lent, own)]
    assert badges == [[], ["spare GPUs"], ["your course's GPUs"]]


async def test_an_end_before_the_longest_session_is_told():
    core = a_core()
    ends = core.clock() + timedelta(hours=1)
    soup = await show(a_campus(courses=[a_course(ends=ends)]))

    assert f"until {ends.astimezone(core.campus.zone):%a %-d %b %Y, %H:%M}" in soup.get_text()


LENGTHS = {
    "a minute": (timedelta(minutes=1), "1 minute"),
    "an hour": (timedelta(hours=1), "1 hour"),
    "ninety minutes": (timedelta(minutes=90), "90 minutes"),
    "two hours and a half": (timedelta(minutes=150), "2 h 30 min"),
    "a day": (timedelta(days=1), "1 day"),
    "ten hours": (timedelta(hours=10), "10 hours"),
}


@pytest.mark.parametrize(("length", "words"), LENGTHS.values(), ids=LENGTHS)
async def test_lengths_in_words(length, words):
    soup = await show(a_campus(profiles=[a_profile(longest=length), a_profile("gpu", flavor=T4)]))

    assert f"up to {words}" in card(soup, "ml/notebook").get_text(" ", strip=True)


async def test_an_unknown_account_sees_a_page_that_is_not_empty():
    # An empty form would make the hub start something by itself.
    assert "not enrolled in any course" in page.render(page.empty())


# -- GPU hours -----------------------------------------------------------------------------------------------------


async def test_what_is_left_of_the_weeks_hours_stands_above_a_courses_cards():
    hours = Allowances(parse_allowance("10h per week"))
    core = a_core(a_campus(courses=[a_course(allowances=hours), a_course("db")]))
    await core.ready()
    courses = {"ml": STUDENT, "db": STUDENT}
    (before,) = (await show(core=core, **courses)).select(".edu-hours")
    assert before.get_text(" ", strip=True) == (
        "10 of 10 GPU hours left this week, new ones from Monday 9 November 100 %"
    )
    ada = core.roll.by_hub_name("ada")
    assert ada is not None
    await core.book.admit(StartRequest(ada.key, "ml", "gpu"), ada, "")

    (after,) = (await show(core=core, **courses)).select(".edu-hours")
    assert after.get_text(" ", strip=True).startswith("6 of 10 GPU hours left this week,")
    assert after.select_one("meter")["value"] == "60"


@pytest.mark.parametrize(
    ("allowance", "words"),
    [
        ("0.5h per day", "0.5 of 0.5 GPU hours left today"),
        ("0h per week", "0 of 0 GPU hours left this week"),
    ],
)
async def test_hours_of_other_periods(allowance, words):
    course = a_course(allowances=Allowances(parse_allowance(allowance)))
    (line,) = (await show(a_campus(courses=[course]))).select(".edu-hours")
    assert line.get_text(" ", strip=True).startswith(f"{words}, new ones from ")


@pytest.mark.parametrize(
    ("borrow", "free"),
    [(0, "0 of 1 free"), (None, "1 of 2 free")],
    ids=["its own are in use", "it may have all"],
)
async def test_what_is_free_is_what_the_course_may_take(borrow: int | None, free: str):
    ml = a_course(quota={T4.key: Quota(1, borrow)}, offers={STUDENT: ("gpu",)})
    core = a_core(a_campus(courses=[ml], profiles=[a_profile("gpu", flavor=T4)]))
    bob, ada = await enrol(core, "bob", ml=STUDENT), await enrol(core, "ada", ml=STUDENT)
    await core.book.admit(StartRequest(bob.key, "ml", "gpu"), bob, "")
    assert free in card(parsed(page.view(core, ada, Wish())), "ml/gpu").get_text(" ")


@pytest.mark.parametrize(
    ("role", "words"),
    [(TEACHER, "Go to the courses that you teach"), (STUDENT, "")],
    ids=["teacher", "student"],
)
async def test_whoever_teaches_is_led_to_their_classes(role: CourseRole, words: str):
    core = a_core(a_campus())
    ada = await enrol(core, "ada", ml=role)
    soup = parsed(page.view(core, ada, Wish(), courses_page="/hub/edu/"))
    assert [link["href"] for link in soup.select("a")] == (["/hub/edu/"] if words else [])
    assert words in " ".join(soup.get_text(" ").split())


async def test_whoever_has_no_course_is_led_to_where_one_can_be_joined():
    soup = parsed(page.empty(courses_page="/hub/edu/"))
    assert soup.select_one("a")["href"] == "/hub/edu/"


async def test_a_teacher_sees_what_a_student_who_has_just_come_would_see():
    half = timedelta(days=90)
    hours = Allowances(parse_allowance("10h per week"))
    ml = a_course(
        allowances=hours,
        starts=NOW - half,
        ends=NOW + half,
        offers={STUDENT: ("gpu",), TEACHER: ("notebook", "gpu")},
        caps={STUDENT: Caps(servers=1)},
    )
    core = a_core(a_campus(courses=[ml], profiles=[a_profile(), a_profile("gpu", flavor=T4)]))
    tea = await enrol(core, "tea", ml=TEACHER)
    await core.book.admit(StartRequest(tea.key, "ml", "gpu"), tea, "")
    soup = BeautifulSoup(page.as_student(core, ml), "html.parser")

    assert checked(soup) == ["ml/gpu"]
    assert "1 of 2 free" in soup.get_text(" ")
    assert "10 of 10 GPU hours left this week" in soup.get_text(" ")
    assert not soup.select("style, script, form")
    assert len(core.book.admissions()) == 1


async def test_a_student_whom_the_course_shows_nothing_sees_nothing():
    core = a_core(a_campus(courses=[a_course(state=CourseState.SUSPENDED)]))
    soup = BeautifulSoup(page.as_student(core, core.campus.courses["ml"]), "html.parser")

    assert checked(soup) == []
    assert "Machine Learning is suspended." in soup.get_text(" ")
