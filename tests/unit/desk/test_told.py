"""Every page says everything in the language of whoever reads it: shown in one that puts ⟦…⟧ around all it knows.

The language is made from what translators are given. So what stands outside the brackets was not marked, was put together
before it was told, or is not collected. What is left must be data, and is listed here.
"""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from bs4 import BeautifulSoup, Comment

from jupyterhub_edu import desk
from jupyterhub_edu.desk import board_html, frame, line_pages
from jupyterhub_edu.desk.rates import Rate
from jupyterhub_edu.hub import languages
from tests.unit.desk.api_world import ApiWorld
from tests.unit.desk.asking import Reply, ask
from tests.unit.desk.test_languages import READ_ALOUD
from tools import words

KNOWN: Final = {
    one
    for message in words.collect()
    for one in ([message.id] if isinstance(message.id, str) else message.id)
}
PAGES: Final = {
    pattern: handler
    for pattern, handler in desk.desk_routes()
    if issubclass(handler, frame.Page)
    and not re.search(r"\.\(?(csv|json|svg)|\\\.|/stream|/events", pattern)
}

DATA: Final = {
    "logins and names": "tea asa ola stu sue ben bob nils kari Tea Asa Ola Stu Sue Ben Bob Nils Kari somebody-new",
    "keys and titles of the campus file": (
        "Fjord fjord.example it Machine Learning ml Databases db h26 cpu t4 notebook gpu example torch campus.yaml "
        "ad ldap id Directory account"
    ),
    "what somebody wrote": "Hello nobody king soon nothing else person role student",
    "zones": "Europe Oslo CET",
    "signs of units and formats": "CPU GiB MiB GPU CSV JSON XXXX min",
}
"""Words that are the same in every language, by why."""
PLACE: Final = re.compile(r"(windows|dates|reserve|lead_time|t4)(\.t4)?")
"""Of a path in the campus file."""
SAME: Final = frozenset(" ".join(DATA.values()).split())


class Pseudo:
    """A language that has every text that is collected, and no other."""

    def gettext(self, message: str, /) -> str:
        return f"⟦{message}⟧" if message in KNOWN else message

    def ngettext(self, singular: str, plural: str, number: int, /) -> str:
        return self.gettext(singular if number == 1 else plural)


@pytest.fixture
def pseudo(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (board_html, line_pages, languages):
        monkeypatch.setattr(module, "catalog", lambda _: Pseudo())
    monkeypatch.setattr(
        Rate, "require", lambda *_: None
    )  # how often one may ask is another test's


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with ApiWorld(tmp_path / "world") as world:
        yield world


def outside(html: str) -> list[str]:
    """What a page says outside the brackets, and that is no data."""
    page = BeautifulSoup(html, "html.parser")
    for tag in page.select("script, style, code, [translate=no]:not(input, textarea)"):
        tag.decompose()
    said = " ".join(str(one) for one in page.find_all(string=True) if not isinstance(one, Comment))
    read = [
        str(value)
        for tag in page.find_all(True)
        if tag.get("translate") != "no"
        for name, value in tag.attrs.items()
        if name in READ_ALOUD
    ]
    return [word for text in (said, *read) for word in _words(_bare(text)) if word not in SAME]


def _bare(text: str) -> str:
    """What no brackets are around; they may lie in each other, and around tags."""
    depth, bare = 0, []
    for sign in text:
        depth += {"⟦": 1, "⟧": -1}.get(sign, 0)
        bare.append(" " if depth or sign == "⟧" else sign)
    assert depth == 0, "a text was cut"
    return "".join(bare)


def _words(text: str) -> Iterator[str]:
    for word in re.split(r"[\s,;:/()·×→@“”\[\]]+", text):
        bare = word.strip(".-=?!'\"…")
        if re.search(r"[^\W\d_]{2}", bare):
            yield bare


async def visit(world: ApiWorld, who: str, path: str, **what: Any) -> Reply:
    """Ask for a page as its address has it."""
    found = [(re.fullmatch(pattern, path), handler) for pattern, handler in PAGES.items()]
    match, handler = next((match, handler) for match, handler in found if match)
    assert match is not None
    parts = [part for part in match.groups() if part is not None]
    return await ask(handler, world.core, who, *parts, **what)


# -- pages -----------------------------------------------------------------------------------------------------------

COURSE: Final = "/edu/courses/ml"
NOT_HERE: Final = {
    "/edu/courses/([^/]+)/first-day/as-student": "mostly the cards of the start page, which have a walk of their own",
    "/edu/campus/sources/([^/]+)/([^/]+)": "needs a roster that is held back",
    "/edu/courses/([^/]+)/people/import/([0-9a-f]{32})": "comes after a form, below",
    "/edu/helps/([^/]+)/end": "is a form alone",
    "/edu/courses/([^/]+)/people/take-back": "is a form alone",
    "/edu/go/([^/]+)": "leads on to the start page",
    "/edu/courses/([^/]+)/first-day/requests/([^/]+)": "needs somebody who has asked to join",
    "/edu/join/([^/]+)": "needs a course that may be asked for",
    "/edu/courses/([^/]+)/first-day/class-start": "leads on to the first day while none is planned",
}


def addresses(own: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Who asks, and for what."""
    for path in (
        "",
        "/stop/stu",
        "/extend/stu",
        "/now/stop",
        "/now/start",
        "/now/message",
        "/now/message/stu",
    ):
        yield "tea", f"{COURSE}{path}"
    for path in (
        "/calendar",
        "/calendar/new",
        "/calendar/import",
        "/exams",
        "/exams/new",
        "/help/stu",
        "/limits",
    ):
        yield "tea", f"{COURSE}{path}"
    for path in (
        "/first-day",
        "/first-day/code",
        "/first-day/missing",
        "/log",
        "/people",
        "/people/import",
    ):
        yield "tea", f"{COURSE}{path}"
    for path in ("/people/ad:id-stu", "/people/sync", "/requests", "/usage", "/explain"):
        yield "tea", f"{COURSE}{path}"
    yield "tea", f"{COURSE}/now/messages/{own['message']}"
    yield "tea", f"{COURSE}/exams/{own['exam']}"
    yield "tea", f"{COURSE}/exams/{own['exam']}/change"
    for path in ("", "/audit", "/configuration", "/courses", "/requests"):
        yield "kari", f"/edu/campus{path}"
    yield "kari", f"{COURSE}/copy"
    for path in ("", "/use", "/line", "/join"):
        yield "stu", f"/edu{path}"
    yield "stu", COURSE
    yield "kari", "/edu/explain"


async def test_a_page_says_nothing_in_another_language(pseudo: None, world: ApiWorld) -> None:
    left, seen = [], set()
    for who, path in addresses(world.own):
        reply = await visit(world, who, path)
        assert reply.status == 200, (who, path, reply.status, reply.sentence)
        assert "⟦" in reply.text, path
        left += [(path, word) for word in outside(reply.text)]
        seen |= {pattern for pattern in PAGES if re.fullmatch(pattern, path)}
    assert left == []
    assert set(PAGES) - seen == set(NOT_HERE)


FORMS: Final[Mapping[str, tuple[str, str, Mapping[str, Any]]]] = {
    "a day that is none": (
        "tea",
        f"{COURSE}/people",
        {"who": "stu", "role": "student", "starts": "soon"},
    ),
    "a role that is none": ("tea", f"{COURSE}/people", {"who": "stu", "role": "king"}),
    "something else stands there by now": (
        "tea",
        f"{COURSE}/people/ad:id-stu",
        {"role": "student", "seen": "x"},
    ),
    "hours that are none": (
        "tea",
        f"{COURSE}/limits",
        {"do": "set", "field": "allowance.person", "hours": "soon"},
    ),
    "a limit that another has set": (
        "tea",
        f"{COURSE}/limits",
        {"do": "set", "field": "allowance.person", "hours": "99", "period": "week"},
    ),
    "a cap that is none": (
        "tea",
        f"{COURSE}/limits",
        {"do": "set", "field": "caps.student", "servers": "x"},
    ),
    "a grant of too much": (
        "tea",
        f"{COURSE}/limits",
        {"do": "give", "what": "hours", "hours": "99", "who": "person", "person": "stu"},
    ),
    "a grant of nothing": ("tea", f"{COURSE}/limits", {"do": "give", "what": ""}),
    "a window without days": ("tea", f"{COURSE}/calendar/new", {}),
    "a window on a day that is none": (
        "tea",
        f"{COURSE}/calendar/new",
        {"title": "ml", "how": "dates", "dates": "soon", "only": ["gpu"]},
    ),
    "a calendar without a name": ("tea", f"{COURSE}/calendar/import", {"title": ""}),
    "an exam without times": ("tea", f"{COURSE}/exams/new", {}),
    "an exam that is too long": (
        "tea",
        f"{COURSE}/exams/new",
        {"starts": "2026-12-02T09:00", "ends": "2026-12-02T18:00", "profile": "notebook"},
    ),
    "extra time that is none": (
        "tea",
        f"{COURSE}/exams/new",
        {
            "starts": "2026-12-02T09:00",
            "ends": "2026-12-02T11:00",
            "profile": "notebook",
            "extra": "king",
        },
    ),
    "an exam tried out": (
        "tea",
        f"{COURSE}/exams/new",
        {"starts": "2026-12-02T09:00", "ends": "2026-12-02T11:00", "profile": "notebook"},
    ),
    "an exam for nobody": (
        "tea",
        f"{COURSE}/exams/new",
        {
            "starts": "2026-12-02T09:00",
            "ends": "2026-12-02T11:00",
            "profile": "notebook",
            "who": "named",
            "people": "nobody",
        },
    ),
    "a list with mistakes": (
        "tea",
        f"{COURSE}/people/import",
        {"text": "person,role\nstu,king\n,student\n"},
    ),
    "a list of other things": ("tea", f"{COURSE}/people/import", {"text": "nothing,else\n1,2"}),
    "an empty list": ("tea", f"{COURSE}/people/import", {"text": ""}),
    "a wrong join code": ("nils", "/edu/join", {"code": "XXXX-XXXX"}),
    "a server for nobody": (
        "tea",
        f"{COURSE}/now/start",
        {"person": "nobody", "profile": "notebook"},
    ),
    "a server that is not offered": (
        "tea",
        f"{COURSE}/now/start",
        {"person": "sue", "profile": "gpu"},
    ),
    "a class start at no time": ("tea", f"{COURSE}/first-day/class-start", {"at": "soon"}),
    "a class start in the past": (
        "tea",
        f"{COURSE}/first-day/class-start",
        {"at": "2026-11-01T09:00"},
    ),
    "a join code for no number of people": ("tea", f"{COURSE}/first-day/code", {"most": "x"}),
    "a copy that is there": ("kari", f"{COURSE}/copy", {"term": "nothing", "key": "ml"}),
    "a course that is there": ("kari", "/edu/campus/courses", {"key": "ml", "title": "ml"}),
    "an answer to no request": ("kari", "/edu/campus/requests", {"request": "x", "answer": "yes"}),
}


async def test_a_form_says_what_is_wrong_in_the_language_of_its_page(
    pseudo: None, world: ApiWorld
) -> None:
    for row, (who, path, form) in FORMS.items():
        reply = await visit(world, who, path, method="post", form=form)
        assert reply.text, (row, reply.status, reply.sentence)
        assert (row, outside(reply.text)) == (row, [])


WINDOWS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "before the course begins": (
        "before the course begins",
        {"how": "dates", "dates": "2026-01-05", "only:gpu": "on"},
    ),
    "too late for what it keeps": (
        "too short for what is lent",
        {"how": "weekly", "day:Tue": "on", "lead": "1", "reserve:t4": "1"},
    ),
    "of more than there is": (
        "promised on",
        {"how": "weekly", "day:Tue": "on", "reserve:t4": "4"},
    ),
}


@pytest.mark.parametrize(("said", "form"), WINDOWS.values(), ids=WINDOWS)
async def test_what_the_campus_file_has_against_a_window_is_said_in_the_language_of_the_page(
    pseudo: None, world: ApiWorld, said: str, form: Mapping[str, str]
) -> None:
    at = f"{COURSE}/calendar/new"
    seen = (await visit(world, "kari", at)).page.select_one("input[name=seen]")["value"]
    typed = {"title": "ml", "from": "10:15", "until": "12:00", "seen": seen, **form}
    reply = await visit(world, "kari", at, method="post", form=typed)
    alert = reply.page.select_one("[role=alert]").get_text()
    assert said in alert
    left = [word for word in outside(reply.text) if not PLACE.fullmatch(word)]
    assert left == []


async def test_what_a_list_would_do_is_said_in_the_language_of_its_page(
    pseudo: None, world: ApiWorld
) -> None:
    text = "person,role,ends\nstu,assistant,2026-12-01\nnobody,student,\n"
    reply = await visit(
        world, "tea", f"{COURSE}/people/import", method="post", form={"text": text}
    )
    listed = reply.location.removeprefix("/hub")
    page = await visit(world, "tea", listed)
    while not page.page.select("tbody tr"):  # its people are looked for in the background
        await asyncio.sleep(0.01)
        page = await visit(world, "tea", listed)
    assert outside(page.text) == []


async def test_jupyterlab_is_told_everything_in_the_language_of_its_page(
    pseudo: None, world: ApiWorld
) -> None:
    told = await world.call("GET", "/edu/session/stu", who="stu")
    assert told.status == 200
    warning = told.json
    texts = [warning["sentence"], *warning["phrases"].values()]
    texts += (
        [warning["extend"]["label"] or warning["extend"]["sentence"]] if warning["extend"] else []
    )
    texts += [message["text"] for message in warning["messages"] if "help" in message["text"]]
    assert len(texts) > 6
    assert [outside(text) for text in texts] == [[]] * len(texts)
    assert warning["phrases"]["stops_in"] == "⟦Stops in {time}⟧"
    refused = await world.call("POST", "/edu/session/stu", who="stu")
    assert refused.status >= 400
    assert outside(refused.json["message"]) == []


@pytest.mark.parametrize(
    ("campus", "asked", "language", "told"),
    [
        pytest.param("", "eo, en;q=0.5", "eo", "⟦<b>My courses⟧", id="what the browser asks for"),
        pytest.param(
            "", "tlh", "en", "My courses", id="English, where it asks for what there is not"
        ),
        pytest.param("eo", "en", "eo", "⟦<b>My courses⟧", id="the campus's, where it has one"),
    ],
)
async def test_a_page_is_in_one_language(
    world: ApiWorld,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    campus: str,
    asked: str,
    language: str,
    told: str,
) -> None:
    made = Catalog(locale="eo")
    made.add("My courses", "⟦<b>My courses⟧")
    (tmp_path / "eo").mkdir()
    with (tmp_path / "eo/words.mo").open("wb") as file:
        write_mo(file, made)
    monkeypatch.setattr(languages, "CATALOGS", tmp_path)
    monkeypatch.setattr(languages, "_languages", lambda: frozenset({"eo"}))
    monkeypatch.setattr(languages, "catalog", languages.catalog.__wrapped__)
    object.__setattr__(world.core.campus, "language", campus)
    reply = await visit(world, "stu", "/edu/", headers={"Accept-Language": asked})
    assert reply.headers["Content-Language"] == language
    assert reply.page.h1.text.strip() == told


# -- sentences in Python ---------------------------------------------------------------------------------------------

UNTOLD: Final = {
    "ValueError": "something is wrong with a program, or a record",
    "TypeError": "the same",
    "KeyError": "the same; its text is a name",
    "LookupError": "the same",
    "RuntimeError": "the same",
    "ServersError": "the hub's own answer: for the log",
    "AssertionError": "a program is wrong",
    "StoreError": "for the log",
    "Undeclared": "a program is wrong",
    "BadRecord": "a record of the store cannot be read: for the log",
    "Unanswerable": "names options of the command line, which are English",
}
"""Exceptions whose text is English, by why."""


@pytest.mark.parametrize("floor", ["core", "desk"])
def test_no_sentence_is_raised_that_cannot_be_told(floor: str) -> None:
    assert [*_bare_raises(words.PACKAGE / floor)] == []


def _bare_raises(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Raise(exc=ast.Call(func=ast.Name(id=name), args=args)) if (
                    name not in UNTOLD
                ):
                    yield from (f"{path.name}:{one.lineno}" for one in args if _is_sentence(one))


def _is_sentence(node: ast.expr) -> bool:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    said = [one.value for one in parts if isinstance(one, ast.Constant)]
    return any(isinstance(one, str) and " " in one.strip() for one in said)
