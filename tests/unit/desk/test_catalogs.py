"""What translators are given, and what they have written: whole, up to date, and no more than words."""

from __future__ import annotations

import re
import string
from collections import Counter
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo

from jupyterhub_edu.desk.tabs import TABS
from jupyterhub_edu.domain.reasons import ROWS, Code
from jupyterhub_edu.hub import languages
from tools import words

CATALOGS = {path.parent.name: path for path in sorted(words.LOCALE.glob("*/words.po"))}
ANEW = "run `make words`, and translate what is new"


def texts(catalog: Catalog) -> dict[tuple[str, ...], Message]:
    return {_forms(message.id): message for message in catalog if message.id}


def _forms(said: object) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(map(str, said or ()))  # type: ignore[call-overload]


def test_what_is_marked_is_collected() -> None:
    collected = {forms[0] for forms in texts(words.collect())}
    assert {"My courses", "Pages of this course", "student", "Mon"} <= collected
    assert {tab.words for tab in TABS} <= collected
    assert set(ROWS[Code.COURSE_CLOSED].sentences.values()) <= collected


def test_the_template_of_catalogs_is_up_to_date() -> None:
    kept = texts(words.read(words.LOCALE / "words.pot"))
    assert set(kept) == set(texts(words.collect())), ANEW


def test_german_is_there() -> None:
    assert "de" in CATALOGS


@pytest.mark.parametrize("language", CATALOGS)
def test_a_language_says_everything(language: str) -> None:
    catalog = words.read(CATALOGS[language])
    known, template = texts(catalog), texts(words.read(words.LOCALE / "words.pot"))
    assert set(known) == set(template), ANEW
    assert not [one.id for one in catalog if one.id and (one.fuzzy or not words.is_whole(one))]
    many = [message for message in known.values() if message.pluralizable]
    assert {len(_forms(message.string)) for message in many} == {catalog.num_plurals}


@pytest.mark.parametrize("language", CATALOGS)
def test_a_translation_has_the_values_and_the_markup_of_what_it_translates(language: str) -> None:
    wrong = []
    for forms, message in texts(words.read(CATALOGS[language])).items():
        said = _forms(message.string)
        # One thing may be said without its number.
        least, most = _made_of(forms[0]), _made_of(forms[-1])
        pairs = (
            zip((least, *[most] * len(said)), said, strict=False)
            if len(said) > 1
            else [(least, said[0])]
        )
        wrong += [form for wanted, form in pairs if not _same(wanted, _made_of(form), most)]
    assert wrong == []


def _made_of(text: str) -> Counter[str]:
    """Values and markup; what else is in braces cannot be filled."""
    values = [
        f"{{{name}}}" for _, name, _, _ in string.Formatter().parse(text) if name is not None
    ]
    return Counter(values + re.findall(r"%\(\w+\)s|<[^>]*>|&\w+;", text))


def _same(wanted: Counter[str], found: Counter[str], most: Counter[str]) -> bool:
    return set(wanted) <= set(found) <= set(most) and {
        part: n for part, n in found.items() if part[0] in "<&"
    } == {part: n for part, n in most.items() if part[0] in "<&"}


@pytest.mark.parametrize("language", CATALOGS)
def test_a_language_can_be_compiled_and_is_chosen(
    language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / language).mkdir()
    with (tmp_path / language / "words.mo").open("wb") as file:
        write_mo(file, words.read(CATALOGS[language]))
    monkeypatch.setattr(languages, "CATALOGS", tmp_path)
    for cached in (languages.catalog, languages._languages):
        cached.cache_clear()
    try:
        chosen = languages.choose_language(f"{language}-XX,{language};q=0.9,en;q=0.8")
        assert chosen == language
        assert languages.catalog(chosen).gettext("My courses") != "My courses"
    finally:
        for cached in (languages.catalog, languages._languages):
            cached.cache_clear()
