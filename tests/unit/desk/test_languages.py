"""Every word of every template can be translated: tried with a language that hides what is marked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from bs4 import BeautifulSoup, Comment, Tag
from jinja2 import Environment, nodes

from jupyterhub_edu.desk import TEMPLATES
from jupyterhub_edu.hub import languages

ALL = sorted(TEMPLATES.rglob("*.html"))
MARKS = frozenset({"_", "gettext", "ngettext", "edu_text"})
READ_ALOUD = frozenset(
    {
        "alt",
        "aria-label",
        "aria-description",
        "data-label",
        "hx-confirm",
        "label",
        "placeholder",
        "title",
    }
)
"""Attributes that people read or hear."""


def environment() -> Environment:
    return Environment(extensions=["jinja2.ext.i18n"], autoescape=True)


def hidden(source: str) -> str:
    """A template's own words with every branch taken, those that are marked left out."""
    return "".join(_written(environment().parse(source)))


def _written(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.TemplateData):
        yield node.data
    elif isinstance(node, nodes.Expr):
        yield from _told(node)
    elif isinstance(node, nodes.Assign | nodes.With):
        # One word that is set may be a machine's; a sentence never is.
        values = [node.node] if isinstance(node, nodes.Assign) else node.values
        yield from (words for one in values for words in _told(one) if " " in words.strip())
        for child in getattr(node, "body", []):
            yield from _written(child)
    else:
        for field, value in node.iter_fields():
            # What is asked is not written.
            if field not in {"template", "test", "iter", "args", "defaults", "target"}:
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, nodes.Node):
                        yield from _written(child)


def _told(node: nodes.Node | None) -> Iterator[str]:
    """The constants that an expression may come to."""
    match node:
        case nodes.TemplateData():
            yield node.data
        case nodes.Const(value=str() as value):
            yield value
        case nodes.CondExpr():
            yield from _told(node.expr1)
            yield from _told(node.expr2)
        case nodes.Or() | nodes.And() | nodes.Add() | nodes.Mod():
            yield from _told(node.left)
            yield from _told(node.right)
        case nodes.Concat():
            for one in node.nodes:
                yield from _told(one)
        case nodes.Filter():
            yield from _told(node.node)
        case nodes.MarkSafe() | nodes.MarkSafeIfAutoescape():
            yield from _told(node.expr)
        case nodes.Call(node=nodes.Name(name=name)) if name in MARKS:
            return


def _is_code(tag: Tag) -> bool:
    """The same in every language: what machines read."""
    return tag.name == "code" or tag.get("translate") == "no"


def bare_words(source: str) -> list[str]:
    """Words of a template that no language can change."""
    page = BeautifulSoup(hidden(source), "html.parser")
    texts = [
        str(text)
        for text in page.find_all(string=True)
        if not isinstance(text, Comment)
        and text.parent is not None
        and text.parent.name not in {"script", "style"}
        and not text.find_parent(_is_code)
    ]
    texts += [
        str(value)
        for tag in page.find_all(True)
        for name, value in tag.attrs.items()
        if name in READ_ALOUD and not _is_code(tag)
    ]
    return [text.strip() for text in texts if re.search("[A-Za-z]", text)]


@pytest.mark.parametrize("template", ALL, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_no_quote_is_escaped_as_in_a_program(template: Path) -> None:
    assert '\\"' not in template.read_text(), "the backslash would be shown"


@pytest.mark.parametrize("template", ALL, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_every_word_of_a_template_can_be_translated(template: Path) -> None:
    assert bare_words(template.read_text()) == []


@pytest.mark.parametrize(
    ("source", "bare"),
    {
        "text": ("<p>Hello</p>", ["Hello"]),
        "text that is marked": ("<p>{{ _('Hello') }} {% trans %}you{% endtrans %}</p>", []),
        "text with a value in it": ("{% trans name=x %}Hello {{ name }}{% endtrans %}", []),
        "one of two texts": ("{{ 'one' if x == 'some' else _('two') }}", ["one"]),
        "what is said where nothing is": ("{{ x or 'Nobody' }}", ["Nobody"]),
        "text in one branch": ("{% if x %}Hello{% endif %}", ["Hello"]),
        "a label": ("<a aria-label='Go' href='to'></a>", ["Go"]),
        "a machine's word": ("<a class=\"{{ 'red' if x else 'green' }}\"></a>", []),
        "a sentence that is set": ("{% set who = 'your session' %}{{ who }}", ["your session"]),
        "what machines read": ("<code>usage</code><input translate=no placeholder='ada'>", []),
        "signs and values": ("{{ x }} × {{ y.z('w') }}: 1", []),
    }.values(),
)
def test_a_word_that_is_not_marked_is_found(source: str, bare: list[str]) -> None:
    assert bare_words(source) == bare


@pytest.fixture
def pseudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A catalog of a language that nobody speaks, for a course page's words."""
    catalog = Catalog(locale="eo")
    catalog.add("My courses", "⟦My courses⟧")
    (tmp_path / "eo").mkdir()
    with (tmp_path / "eo/words.mo").open("wb") as file:
        write_mo(file, catalog)
    monkeypatch.setattr(languages, "CATALOGS", tmp_path)
    for cached in (languages.catalog, languages._languages):
        cached.cache_clear()
    yield
    for cached in (languages.catalog, languages._languages):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        pytest.param("eo", "eo", id="the language that is there"),
        pytest.param(
            "eo-XX;q=0.9, en;q=0.8", "eo", id="of a country where only the language is there"
        ),
        pytest.param("en, eo;q=0.9", "en", id="English first"),
        pytest.param("tlh, eo;q=0.1", "eo", id="the first that is there"),
        pytest.param("eo;q=0", "en", id="never this one"),
    ],
)
def test_a_page_comes_in_the_language_that_the_browser_asks_for(pseudo, accepted, chosen):
    assert languages.choose_language(accepted) == chosen


def test_words_without_a_translation_stay_as_they_are(pseudo) -> None:
    template = environment().from_string(
        "{{ _('My courses') }}, {% trans x=1 %}{{ x }} more{% endtrans %}"
    )
    words = languages.catalog("eo")
    html = template.render(gettext=words.gettext, ngettext=words.ngettext)
    assert html == "⟦My courses⟧, 1 more"
