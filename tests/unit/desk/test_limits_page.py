"""The page of limits: what is shown, forms without scripts, a second editor, the way to an administrator, grants."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jupyterhub_edu.core.requests import Kind
from jupyterhub_edu.desk.limits import fields_of
from jupyterhub_edu.desk.limits_pages import LimitsPage
from jupyterhub_edu.desk.refusals import Code
from jupyterhub_edu.desk.requests import read_request
from jupyterhub_edu.domain.courses import Caps
from tests.by_hand import put_by_hand
from tests.fakes.campus import an_enrolment, an_identity
from tests.unit.core.test_adjusting import FILE, NOW, STUDENT, World
from tests.unit.desk.asking import Reply, ask

HOSTILE = "<img src=x onerror=alert(1)>\"'{{7*7}}"
TEXT = FILE.replace(
    "    codes: [INF4490]\n", "    codes: [INF4490]\n    locked: [caps.teacher]\n"
).replace("ceilings:\n", "ceilings:\n  grant: {hours: 5}\n")


@pytest.fixture
async def world(tmp_path) -> World:
    return await World(tmp_path, TEXT).open()


async def page(world: World, by: str = "tea", **form: Any) -> Reply:
    method = "post" if form else "get"
    return await ask(LimitsPage, world.core, by, "ml", method=method, form=form)


def the_row(reply: Reply, field: str):
    """The row of a field; it has a form that a person would find in it."""
    (found,) = [
        row
        for row in reply.page.select(".edu-limit")
        if row.select_one(f'input[name="field"][value="{field}"]')
    ]
    return found


def typed(reply: Reply, field: str, **changed: Any) -> dict[str, Any]:
    """What a browser sends for the form of a field."""
    form = the_row(reply, field).select_one("details form")
    sent: dict[str, Any] = {"do": "set"}
    for box in form.select("input, select"):
        name, kind = box["name"], box.get("type", "")
        if kind == "checkbox" and name == "on":
            sent[name] = box["value"] if box.has_attr("checked") else ""
        elif kind == "checkbox":
            ticked = sent.setdefault(name, [])
            if box.has_attr("checked"):
                ticked.append(box["value"])
        elif box.name == "select":
            chosen = box.select_one("option[selected]") or box.select_one("option")
            sent[name] = chosen.get("value", chosen.text)
        elif name != "_xsrf":
            sent[name] = box.get("value", "")
    assert set(changed) <= set(sent), f"the form has {sorted(sent)}"
    return {**sent, **changed}


async def test_everything_can_be_set_as_the_form_has_it(world):
    """Sending a form that was not touched changes nothing of what is in force."""
    shown = await page(world, "kari")
    before = world.course
    fields = {one["value"] for one in shown.page.select('input[name="field"]')}

    for field in sorted(fields):
        reply = await page(world, "kari", **typed(await page(world, "kari"), field))
        assert reply.status == 303, f"{field}: {reply.words}"

    assert fields >= {"offers.student", "caps.student", "allowance.person", "quota.t4", "until"}
    assert "caps.teacher" not in fields
    caps = {role: own for role, own in world.course.caps.items() if own != Caps()}
    assert replace(world.course, caps=caps) == before
    assert len(world.core.adjustments.all()) == len(fields)


async def test_a_teacher_offers_another_profile_and_goes_back(world):
    reply = await page(
        world,
        **typed(
            await page(world),
            "offers.student",
            profiles=["notebook", "gpu"],
            first="gpu",
            until="2026-11-10T12:00",
            why="the project",
        ),
    )
    assert (reply.status, reply.location) == (303, "/hub/edu/courses/ml/limits?set=offers.student")
    assert world.course.offers[STUDENT] == ("gpu", "notebook")

    reply = await ask(LimitsPage, world.core, "tea", "ml", query={"set": "offers.student"})
    words = " ".join(the_row(reply, "offers.student").get_text(" ").split())
    assert "Students: it is so now." in reply.words
    assert words.startswith(
        "Students gpu, notebook Set by tea 11:00 , until Tue 10 Nov 12:00 : the project"
    )
    assert "In the campus file: notebook" in words

    assert typed(reply, "offers.student")["until"] == "2026-11-10T12:00", (
        "it is not lost by a change"
    )
    seen = the_row(reply, "offers.student").select_one('.edu-limit-back [name="seen"]')["value"]
    reply = await page(world, do="back", field="offers.student", seen=seen)
    assert reply.status == 303
    assert world.course.offers[STUDENT] == ("notebook",)


async def test_numbers_are_read(world):
    form = typed(await page(world), "caps.student", servers="2", **{"devices:t4": ""})
    reply = await page(world, **form)
    assert (reply.status, "Teachers set caps up to" in reply.words) == (403, True)

    form = typed(await page(world), "caps.student", servers="2", **{"devices:t4": "2"})
    assert (await page(world, **form)).status == 303
    assert world.course.caps[STUDENT] == Caps(2, {"t4": 2})

    form = typed(await page(world), "allowance.person", hours="2,5", period="week")
    assert (await page(world, **form)).status == 303
    assert world.core.adjustments.value("ml", "allowance.person") == "2.5h per week"


async def test_a_switch_is_put_on_and_off(world):
    for on in ("yes", ""):
        reply = await page(world, **typed(await page(world), "assistants_help", on=on))
        assert reply.status == 303
        assert world.course.assistants_help is bool(on)


async def test_every_field_of_the_table_has_its_row(world):
    shown = await page(world, "kari")
    fields = {one["value"] for one in shown.page.select('input[name="field"]')}

    assert fields == set(fields_of(world.core)) - {"windows", "caps.teacher"}


@pytest.mark.parametrize(
    ("field", "changed", "words"),
    [
        ("caps.student", {"servers": "many"}, "Write a whole number, or leave the field empty."),
        ("allowance.person", {"hours": "-1"}, "Write hours as 10 or 2.5"),
        ("offers.student", {"profiles": ["gone"]}, "There is no such profile any more."),
        ("title", {"until": "tomorrow"}, "Write day and time as"),
        ("title", {"until": "2020-01-01T00:00"}, "It ends after now"),
    ],
)
async def test_what_cannot_be_is_told_beside_what_was_typed(world, field, changed, words):
    reply = await page(world, **typed(await page(world), field, why=HOSTILE, **changed))

    row = the_row(reply, field)
    assert reply.status in (400, 409)
    assert words in row.select_one("details[open] .alert").text
    assert row.select_one('[name="why"]')["value"] == HOSTILE
    assert not reply.page.select("img")
    assert world.core.adjustments.all() == ()


async def test_above_the_ceiling_there_is_a_way_to_an_administrator(world):
    form = typed(await page(world), "allowance.person", hours="50", why="a big one")
    reply = await page(world, **form)

    asking = the_row(reply, "allowance.person").select_one('form[action$="/requests"]')
    kind = asking.select_one('[name="kind"]')["value"]
    wish = json.loads(asking.select_one('[name="wish"]')["value"])
    assert reply.status == 403
    assert wish == {"field": "allowance.person", "value": "50h per week", "why": "a big one"}
    assert read_request(Kind(kind), wish) == wish


async def test_the_second_editor_is_shown_both(world):
    form = typed(await page(world), "title", text="Mine")
    await world.by("kari").set("title", "Theirs")

    reply = await page(world, **form)

    row = the_row(reply, "title")
    assert reply.status == 409
    assert "It is now: Theirs." in row.select_one(".alert").text
    assert row.select_one('[name="text"]')["value"] == "Mine"
    assert world.course.title == "Theirs"
    assert (await page(world, **typed(reply, "title"))).status == 303
    assert world.course.title == "Mine"


async def test_what_is_not_in_force_says_why(world):
    await world.by().set("caps.student", {"servers": 2, "t4": 2}, why=HOSTILE)
    await world.edit("    caps: {student: {servers: 2, t4: 2}}\n", "", text=TEXT)

    reply = await page(world)

    assert "tea has set 2 servers, 2 × t4, and it is not in force." in reply.words
    assert "more than a teacher may set alone" in reply.words
    assert not reply.page.select("img")


async def test_who_sees_it(world):
    assert (await page(world, "ada")).code is Code.NOT_YOUR_LIMITS
    assert (await page(world, "asa")).code is Code.NOT_YOUR_LIMITS
    assert (await page(world, "ina")).code is Code.NO_SUCH_COURSE
    assert (await page(world, "kari")).status == 200
    teacher = await page(world)
    fields = {one["value"] for one in teacher.page.select('input[name="field"]')}
    assert not fields & {"quota.t4", "from", "until", "state", "image"}
    assert (await page(world, do="set", field="people", seen="")).code is Code.NO_SUCH_LIMIT
    assert (await page(world, do="x")).code is Code.UNREADABLE


# -- grants ----------------------------------------------------------------------------------------------------------

GIVE = {"do": "give", "what": "hours", "hours": "2", "who": "person", "person": "ada"}


async def test_hours_are_given_and_taken_back(world):
    reply = await page(world, **GIVE, until="2026-11-10T12:00", reason=HOSTILE)
    assert (reply.status, reply.location) == (303, "/hub/edu/courses/ml/limits?set=grant")

    shown = await page(world)
    assert "2 GPU hours" in shown.words
    assert "Ada (ada)" in shown.words
    assert not shown.page.select("img")
    (grant,) = world.core.grants.of("ml")
    assert (await page(world, do="take-back", grant=grant.id)).status == 303
    assert world.core.grants.of("ml") == ()


async def test_a_grant_above_the_ceiling_may_be_asked_for(world):
    reply = await page(world, **{**GIVE, "hours": "50"}, reason="ill")

    asking = reply.page.select_one('form[action$="/requests"]')
    wish = json.loads(asking.select_one('[name="wish"]')["value"])
    assert reply.status == 403
    assert wish == {"hours": 50, "person": "ada", "why": "ill"}
    assert read_request(Kind(asking.select_one('[name="kind"]')["value"]), wish) == wish


@pytest.mark.parametrize(
    "changed",
    [{"person": "nobody"}, {"hours": "x"}, {"who": ""}, {"what": ""}, {"until": "x"}],
    ids=str,
)
async def test_a_grant_that_cannot_be_keeps_what_was_typed(world, changed):
    reply = await page(world, **{**GIVE, "person": HOSTILE, **changed})

    assert reply.status in (400, 404)
    expected = changed.get("person", HOSTILE)
    assert reply.page.select_one("#edu-for-name")["value"] == expected
    assert world.core.grants.of("ml") == ()


async def test_of_several_of_one_name_whoever_gives_chooses(world):
    for login in ("kim1", "kim2"):
        kim = await world.core.roll.learn(an_identity(login, name="Kim Doe"), login)
        await put_by_hand(world.core.roll, an_enrolment(kim.key, "ml"))
    until = {"until": "2026-11-10T12:00", "reason": ""}
    reply = await page(world, **{**GIVE, **until, "person": "Kim Doe"})
    assert (reply.status, world.core.grants.of("ml")) == (404, ())
    values = [one["value"] for one in reply.page.select("#edu-for-name option")]
    assert values == ["", "ad:id-kim1", "ad:id-kim2"]
    assert (await page(world, **{**GIVE, **until, "person": values[1]})).status == 303
    assert "Kim Doe (kim1)" in (await page(world)).words


async def test_many_grants_come_a_page_at_a_time(world, monkeypatch):
    monkeypatch.setattr("jupyterhub_edu.desk.limits_pages._AT_ONCE", 2)
    for _ in range(3):
        await page(world, **{**GIVE, "hours": "1"})

    shown = await page(world)
    (way,) = shown.page.select('a[rel="next"]')
    rest = await ask(LimitsPage, world.core, "tea", "ml", query={"page": "2"})

    assert way["href"] == "/hub/edu/courses/ml/limits?page=2"
    assert not shown.page.select('a[rel="prev"]')
    assert [len(one.page.select('[name="grant"]')) for one in (shown, rest)] == [2, 1]
    assert rest.page.select('a[rel="prev"]')
    assert not rest.page.select('a[rel="next"]')


async def test_ended_grants_are_listed_apart(world):
    ends = NOW + timedelta(hours=1)
    await page(world, **GIVE, until="2026-11-03T12:00")
    world.core.clock.pass_(hours=2)

    shown = await page(world)

    assert ends < world.core.clock()
    assert "Nothing is granted now." in shown.words
    assert "What was granted before" in shown.words
