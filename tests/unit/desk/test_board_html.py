"""A board as fragments of its page: what is drawn once for many never shows what was, nor more than text of a name."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from bs4 import BeautifulSoup

from jupyterhub_edu.desk.board import BoardRow, DevicesRow
from jupyterhub_edu.desk.board_html import HtmlFace
from jupyterhub_edu.desk.live import Rest, Rights
from jupyterhub_edu.desk.views import Moment, SessionRow
from tests.fakes.campus import NOW

from .asking import ENVIRONMENT

HOSTILE = "<img src=x onerror=alert(1)>\"'{{7*7}}/../%(name)s"
AT = Moment("2026-11-03T10:00:00+00:00", "11:00")
SESSION = SessionRow(
    admission="a" * 32,
    user="stu",
    name="Stu",
    server="",
    profile="gpu",
    profile_title="GPU",
    flavor="t4",
    flavor_title="NVIDIA T4",
    devices=1,
    share="own",
    state="running",
    since=AT,
    until=AT,
    until_why="the course's limit",
    mine=False,
    may_stop=True,
)

T4 = DevicesRow("t4", "NVIDIA T4", own=2, reserved=0, used=1, borrowed=0, lent=0, free=5)
A100 = T4._replace(flavor="a100", title="A100")
BEFORE = Rest(on=1, devices=(T4, A100))
AFTER: dict[str, Rest] = {
    "fewer are free": BEFORE._replace(devices=(T4._replace(free=4), A100)),
    "none is free": BEFORE._replace(devices=(T4, A100._replace(free=0))),
    "it is not known how many are free": BEFORE._replace(devices=(T4._replace(free=None), A100)),
    "more are in use": BEFORE._replace(devices=(T4._replace(used=2, free=4), A100)),
    "some are reserved": BEFORE._replace(devices=(T4._replace(reserved=1), A100)),
    "some are borrowed": BEFORE._replace(devices=(T4, A100._replace(borrowed=1))),
    "some are lent": BEFORE._replace(devices=(T4._replace(lent=1), A100)),
    "the course owns more": BEFORE._replace(devices=(T4._replace(own=3), A100)),
    "one kind is called otherwise": BEFORE._replace(devices=(T4._replace(title="{5}"), A100)),
    "one kind is there no longer": BEFORE._replace(devices=(A100,)),
    "there is nothing of the kind": BEFORE._replace(devices=()),
    "another is on": BEFORE._replace(on=2),
    "somebody waits": BEFORE._replace(waiting=1),
}


def a_face() -> HtmlFace:
    page: Any = SimpleNamespace(
        hub=SimpleNamespace(base_url="/hub/"),
        get_template=lambda name, sync: ENVIRONMENT.get_template(name),
    )
    rights = Rights(stop=True, extend=True, start_for=True, message=True)
    return HtmlFace(page, "ml", rights, ZoneInfo("Europe/Oslo"), "en")


@pytest.mark.parametrize("after", AFTER.values(), ids=AFTER)
def test_the_sums_are_those_of_now_whatever_was_shown_before(after):
    face = a_face()
    before = face.group("sums", BEFORE)
    shown = face.group("sums", after)
    assert shown == a_face().group("sums", after) != before
    assert face.group("sums", BEFORE) == before


def links(**session: Any) -> list[tuple[str, str, str]]:
    """What may be done about a session: words, what is read aloud, and where each leads below the course."""
    shown = a_face().row(BoardRow(replace(SESSION, **session), (), AT, "", None, None, (NOW, "a")))
    found = BeautifulSoup(shown, "html.parser").find_all("a")
    here = "/hub/edu/courses/ml/"
    assert all(set(one.attrs) == {"class", "href", "aria-label"} for one in found)
    return [
        (one.text, str(one["aria-label"]), str(one["href"]).removeprefix(here)) for one in found
    ]


def test_acts_name_the_person_and_lead_to_their_server():
    assert links(server="second") == [
        ("Message", "Message to Stu", "now/message/stu"),
        ("Extend", "Extend the session of Stu", "extend/stu/second"),
        ("Stop", "Stop the session of Stu", "stop/stu/second"),
    ]
    assert [words for words, _, _ in links(state="starting", may_stop=False)] == ["Message"]


def test_hostile_names_are_text_in_each_act():
    quoted = quote(HOSTILE, safe="")
    assert links(name=HOSTILE, user=HOSTILE, server=HOSTILE) == [
        ("Message", f"Message to {HOSTILE}", f"now/message/{quoted}"),
        ("Extend", f"Extend the session of {HOSTILE}", f"extend/{quoted}/{quoted}"),
        ("Stop", f"Stop the session of {HOSTILE}", f"stop/{quoted}/{quoted}"),
    ]


def test_what_is_free_stands_beside_its_own_kind():
    rest = BEFORE._replace(devices=(T4._replace(free=None), A100._replace(free=7)))
    shown = a_face().group("sums", rest)
    cells = [piece.partition("</td>")[0] for piece in shown.split('"Free for all">')[1:]]
    assert cells == ["not known", "7"]
