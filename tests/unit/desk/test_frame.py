"""What every page has: a strict policy, nothing inline, a language, and tabs in a course."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader
from jupyterhub._data import DATA_FILES_PATH
from jupyterhub.handlers import BaseHandler

from jupyterhub_edu.desk import TEMPLATES, compile_templates, frame
from jupyterhub_edu.desk.frame import Page, _from_files
from jupyterhub_edu.hub.languages import choose_language

HUB_PAGE = Path(DATA_FILES_PATH, "templates/page.html").read_text()
STATIC = TEMPLATES.parent / "static"


def test_the_hubs_own_frame_has_no_inline_script_left_and_keeps_its_files():
    before = BeautifulSoup(HUB_PAGE, "html.parser").find_all("script")
    after = BeautifulSoup(_from_files(HUB_PAGE), "html.parser").find_all("script")
    assert [one for one in before if not one.get("src")], "there is nothing to take out any more"
    assert after == [one for one in before if one.get("src")]


@pytest.mark.parametrize(
    "html",
    [
        "<p>a</p><SCRIPT type='text/javascript'>\nalert('</p>')\n</SCRIPT ><p>b</p>",
        '<p>a</p><script data-src="x">1</script><script>2</script><p>b</p>',
    ],
)
def test_an_inline_script_is_taken_out_and_nothing_else(html):
    assert _from_files(html) == "<p>a</p><p>b</p>"


def test_what_is_escaped_and_scripts_in_files_stay():
    html = '<script defer src="/a.js"></script><td>&lt;script&gt;1&lt;/script&gt;</td>'
    assert _from_files(html) == html


def test_the_policy_lets_in_nothing_but_files_of_the_hub(monkeypatch):
    monkeypatch.setattr(BaseHandler, "content_security_policy", "frame-ancestors 'none'")
    page: Any = object.__new__(Page)
    policy = dict(part.split(" ", 1) for part in page.content_security_policy.split("; "))
    assert policy.pop("img-src") == "'self' data:"
    assert {name: set(policy[name].split()) for name in policy} == {
        "frame-ancestors": {"'none'"},
        "default-src": {"'none'"},
        "base-uri": {"'none'"},
        "script-src": {"'self'"},
        "style-src": {"'self'"},
        "font-src": {"'self'"},
        "connect-src": {"'self'"},
        "form-action": {"'self'"},
    }


@pytest.mark.parametrize("template", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_no_template_has_a_script_or_a_style_of_its_own(template):
    page = BeautifulSoup(re.sub(r"\{[{%#].*?[}%#]\}", "", template.read_text()), "html.parser")
    assert all(script.get("src") for script in page.find_all("script"))
    assert not page.find_all("style")
    evaluated = ("on", "style", "hx-on", "data-hx-on")
    for tag in page.find_all(True):
        assert not [name for name in tag.attrs if name.lower().startswith(evaluated)], tag
        assert not [text for text in map(str, tag.attrs.values()) if "js:" in text], tag


def test_the_libraries_of_the_pages_are_packed_with_their_notices():
    packed = {file.name for file in (STATIC / "lib").iterdir()}
    libraries = {name.partition(".")[0] for name in packed if name.endswith(".LICENSE")}
    assert {"htmx.js", "sse.js", "uplot.js", "uplot.css"} <= packed
    assert libraries == {"htmx", "uplot"}
    locked = json.loads((STATIC / "lib/package-lock.json").read_text())["packages"]
    assert not [name for name, one in locked.items() if "resolved" in one]


@pytest.mark.parametrize(
    ("accepted", "language"),
    {
        "nothing was sent": ("", "en"),
        "a language without a catalog": ("tlh", "en"),
        "English of a country": ("en-GB,en;q=0.8", "en"),
        "something else": ("*;q=0.5, ;;, \x00", "en"),
    }.values(),
)
def test_a_page_without_a_catalog_is_english(accepted, language):
    assert choose_language(accepted) == language


def test_every_template_and_what_it_extends_is_compiled_before_anybody_sees_a_page(monkeypatch):
    monkeypatch.setattr(frame, "_PAUSE", 0)
    theirs = FileSystemLoader(Path(DATA_FILES_PATH, "templates"))
    loader = ChoiceLoader(
        [PrefixLoader({"templates": theirs}), FileSystemLoader(TEMPLATES), theirs]
    )
    settings: dict[str, Any] = {"jinja2_env_sync": Environment(loader=loader, autoescape=True)}
    compile_templates(settings).join(120)
    assert settings["edu_jinja2_env"].cache is not None
    compiled = {name for _, name in settings["edu_jinja2_env"].cache}
    ours = {f"edu/{file.name}" for file in (TEMPLATES / "edu").iterdir()}
    assert compiled == {*ours, "page.html", "templates/page.html"}
