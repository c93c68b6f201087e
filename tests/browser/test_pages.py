"""The main way through the pages: start, be refused, be stopped by the teacher; with scripts, keyboard and phone."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from playwright.sync_api import Page, Route, expect

from tests.hub.server import Hub

People = Callable[..., Page]
Picture = Callable[[Page, str], None]


def start_gpu(page: Page) -> None:
    page.get_by_role("radio", name=re.compile("GPU notebook")).check()
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/lab", timeout=120_000)


def sees_when_it_stops(page: Page, hub: Hub, picture: Picture) -> None:
    """The hub's own home page and *My use* say when a server stops, and count down."""
    page.goto(f"{hub.url}/hub/home")
    note = page.get_by_role("region", name="When your servers stop")
    expect(note).to_contain_text("GPU notebook (Machine Learning) stops at")
    expect(note.locator("[data-edu-left]")).to_contain_text("left")
    picture(page, "home")
    note.get_by_role("link", name="My use").click()
    row = page.get_by_role("row", name=re.compile("GPU notebook"))
    expect(row.locator("[data-edu-left]")).to_contain_text("left")
    expect(row.get_by_role("link", name=re.compile("Open"))).to_be_visible()
    picture(page, "use")


def test_two_start_the_third_waits_and_the_teacher_makes_room(
    demo_hub: Hub, person: People, picture: Picture
) -> None:
    stu, sue, sam, tea = (person(name) for name in ("stu", "sue", "sam", "tea"))
    sam_saw = sam.get_by_role("radio", name=re.compile("GPU notebook"))
    expect(sam_saw).to_be_enabled()
    picture(sam, "start")
    start_gpu(stu)
    start_gpu(sue)
    expect(stu.locator("#main")).to_be_visible()
    picture(stu, "lab")
    sees_when_it_stops(stu, demo_hub, picture)

    sam_saw.check()
    sam.get_by_role("button", name="Start").click()
    sam.wait_for_url("**/hub/edu/line/")
    full = sam.get_by_text("All Pretend GPU that Machine Learning may use now are in use.")
    expect(full.first).to_be_visible()
    picture(sam, "waits")

    tea.goto(f"{demo_hub.url}/hub/edu/courses/ml")
    expect(tea.get_by_role("row", name=re.compile("Stu Student"))).to_be_visible()
    picture(tea, "course-now")
    row = tea.get_by_role("row", name=re.compile("Stu Student"))
    row.get_by_role("button", name=re.compile("Stop")).or_(
        row.get_by_role("link", name=re.compile("Stop"))
    ).first.click()
    picture(tea, "course-stop")
    tea.get_by_role("button", name=re.compile("Stop")).first.click()
    tea.goto(f"{demo_hub.url}/hub/edu/courses/ml")
    expect(tea.get_by_role("row", name=re.compile("Stu Student"))).to_have_count(
        0, timeout=120_000
    )

    sam.wait_for_url("**/lab", timeout=120_000)

    stu.goto(f"{demo_hub.url}/hub/edu/use")
    past = stu.get_by_role("table", name="Past sessions")
    expect(past.get_by_role("row", name=re.compile("GPU notebook"))).to_be_visible()
    picture(stu, "use-past")


def test_markup_in_a_course_title_is_text(demo_hub: Hub, person: People) -> None:
    sam = person("sam")
    sam.goto(f"{demo_hub.url}/hub/edu/")
    expect(sam.get_by_text('Statistics and "R" <for everybody>').first).to_be_visible()
    assert sam.locator("for").count() == 0


def test_the_start_page_works_without_scripts_and_by_keyboard(person: People) -> None:
    page = person("ina", java_script_enabled=False)
    radio = page.get_by_role("radio", name=re.compile("Notebook"))
    expect(radio).to_be_checked()
    radio.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/hub/spawn-pending/ina|/user/ina"))


def test_a_phone_sees_everything_without_scrolling_sideways(
    person: People, picture: Picture, demo_hub: Hub
) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
    page = person("tea", **phone)
    for path in ("/hub/spawn", "/hub/edu/", "/hub/edu/use", "/hub/edu/courses/ml"):
        page.goto(demo_hub.url + path)
        picture(page, "phone" + path.replace("/", "-"))
        wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, path


def test_somebody_in_no_course_is_told_whom_to_ask(person: People, picture: Picture) -> None:
    nils = person("nils")
    expect(nils.get_by_text("it@demo.example").first).to_be_visible()
    picture(nils, "nowhere")


def late(route: Route) -> None:
    """A file that comes a while after the others, as over a slow line."""
    time.sleep(1)
    route.continue_()


def test_the_board_of_a_course_changes_without_being_loaded_again(
    demo_hub: Hub, person: People, picture: Picture
) -> None:
    demo_hub.api("users/ina/server", method="DELETE")
    ian, ina = person("ian"), person("ina")
    board = f"{demo_hub.url}/hub/edu/courses/intro"
    row = ian.locator("#edu-rows").get_by_role("row", name=re.compile("Ina Introduction"))
    ian.route("**/lib/sse.js*", late)
    ian.goto(board)
    expect(row).to_have_count(0)
    ian.evaluate("window.stayed = true")
    picture(ian, "board-nobody")

    ina.goto(f"{demo_hub.url}/hub/spawn")
    ina.get_by_role("button", name="Start").first.click()
    expect(row).to_contain_text("running")
    expect(ian.locator("#edu-sums")).to_contain_text("1 on now")
    assert ian.evaluate("window.stayed")

    ian.get_by_role("link", name="Send a message").click()
    picture(ian, "board-message")
    ian.get_by_label("Message", exact=True).fill("<b>Ten</b> more minutes")
    ian.get_by_role("button", name="Send").click()
    ian.wait_for_url(board)
    expect(ian.get_by_text("<b>Ten</b> more minutes")).to_be_visible()
    picture(ian, "board-said")
    ina.goto(f"{demo_hub.url}/hub/home")
    said = ina.get_by_role("region", name="Messages to you")
    expect(said).to_contain_text("<b>Ten</b> more minutes")
    expect(said).to_contain_text("Ian Introduction")
    picture(ina, "said")

    row.get_by_role("link", name=re.compile("Extend")).click()
    expect(ian.get_by_text("On this hub teachers cannot extend sessions.")).to_be_visible()
    picture(ian, "board-extend")
    ian.get_by_role("link", name="Back").click()
    ian.get_by_role("link", name="Stop several").click()
    expect(ian.get_by_text("1 session would be stopped")).to_be_visible()
    picture(ian, "board-stop")
    ian.get_by_role("button", name="Stop 1 session").click()
    ian.wait_for_url(board)
    expect(ian.locator("#edu-news")).to_contain_text("1 of 1 stopped")
    expect(row).to_have_count(0)
    picture(ian, "board-stopped")


def test_a_teacher_hands_in_a_list_without_scripts_and_undoes_it(
    demo_hub: Hub, person: People, picture: Picture
) -> None:
    ian = person("ian", java_script_enabled=False)
    people = f"{demo_hub.url}/hub/edu/courses/intro/people"
    markup = "<img src=x onerror=alert(1)>"
    ian.goto(people)
    ian.get_by_label("Student number, login or name").fill("nils")
    ian.get_by_label("Reason").fill(markup)
    ian.get_by_role("button", name="Add", exact=True).click()
    expect(ian.get_by_role("status").first).to_contain_text(
        "Nils Nowhere (nils) is in this course"
    )
    expect(ian.get_by_role("row", name=re.compile("Nils Nowhere"))).to_contain_text(markup)
    picture(ian, "people")

    ian.get_by_role("link", name="Hand in a list").click()
    rows = f"Login;Role;Reason\r\nnils;assistant;\r\nsam;;{markup}\r\nnobody;;\r\n"
    file = {"name": "list.csv", "mimeType": "text/csv", "buffer": rows.encode("utf-16")}
    ian.get_by_label("CSV file").set_input_files(file)  # type: ignore[arg-type]
    ian.get_by_role("button", name="Show what it would change").click()
    expect(ian.get_by_role("button", name="Make 3 changes")).to_be_visible()
    expect(ian.get_by_text("Not found: they wait").first).to_be_visible()
    picture(ian, "people-list")
    ian.get_by_role("button", name="Make 3 changes").click()
    expect(ian.get_by_role("row", name=re.compile("Nils Nowhere"))).to_contain_text("assistant")
    expect(ian.get_by_role("row", name=re.compile("Sam Student"))).to_contain_text(markup)

    ian.get_by_role("button", name="Undo this list").click()
    expect(ian.get_by_text("3 changes of the list are undone.")).to_be_visible()
    expect(ian.get_by_role("row", name=re.compile("Sam Student"))).to_have_count(0)
    nils = ian.get_by_role("row", name=re.compile("Nils Nowhere"))
    nils.get_by_role("link").click()
    ian.get_by_role("button", name="Take back all that was done by hand").click()
    expect(nils).to_have_count(0)
