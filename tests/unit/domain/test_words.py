"""Sentences that are English as text, and another language where HTML is made of them."""

from __future__ import annotations

import asyncio
import copy
import json
import re
from enum import StrEnum
from typing import Any

import pytest
from markupsafe import Markup, escape

from jupyterhub_edu.domain.words import Words, join_words, say, say_count, speaking


class Loud:
    """A language that is English in capitals, with a mark of its own."""

    def __init__(self, sign: str = "!") -> None:
        self.sign = sign

    def gettext(self, message: str, /) -> str:
        shouted = re.sub(
            r"\{\w+\}|[^{]+",
            lambda part: part[0] if part[0][0] == "{" else part[0].upper(),
            message,
        )
        return f"{shouted}{self.sign}"

    def ngettext(self, singular: str, plural: str, number: int, /) -> str:
        return self.gettext(singular if number == 1 else plural)


class Day(StrEnum):
    WEEK = "week"


TOLD: dict[str, tuple[Words, str, str]] = {
    "a sentence": (say("Not now."), "Not now.", "NOT NOW.!"),
    "with a value": (say("Ask {who}.", who="Ada"), "Ask Ada.", "ASK Ada.!"),
    "with a value of ours": (say("per {period}", period=Day.WEEK), "per week", "PER WEEK!!"),
    "in a sentence": (say("No: {why}", why=say("late")), "No: late", "NO: LATE!!"),
    "one": (say_count(1, "one cat", "{n} cats"), "one cat", "ONE CAT!"),
    "many": (say_count(3, "one cat", "{n} cats"), "3 cats", "3 CATS!"),
    "several": (
        join_words([say("No."), "Ada", say("Yes.")], " "),
        "No. Ada Yes.",
        "NO.! Ada YES.!",
    ),
    "none": (join_words([]), "", ""),
    "a brace without a value": (say("A {brace}"), "A {brace}", "A {brace}!"),
}


@pytest.mark.parametrize(("words", "english", "loud"), TOLD.values(), ids=TOLD)
def test_a_sentence_is_english_as_text_and_another_language_in_html(words, english, loud) -> None:
    same: list[Any] = [words, str(words), copy.deepcopy(words), ValueError(words).args[0]]
    for one in same:
        assert one == english
        assert json.loads(json.dumps(one)) == english
        assert escape(one) == english
        with speaking(Loud()):
            assert escape(one) == loud
            assert Markup("<b>%(it)s</b>") % {"it": one} == f"<b>{loud}</b>"
        assert escape(one) == english


def test_what_an_exception_says_can_still_be_told() -> None:
    assert str(ValueError(say("Not now."))).told(Loud()) == "NOT NOW.!"  # type: ignore[attr-defined]


def test_markup_is_text_in_every_language() -> None:
    words = say("<i>{who}</i>", who="<img src=x>")
    with speaking(Loud()):
        assert escape(words) == "&lt;I&gt;&lt;img src=x&gt;&lt;/I&gt;!"
    assert "<" not in escape(words)


async def test_tasks_on_one_loop_speak_their_own_languages() -> None:
    words, told = say("yes"), []
    ready = [asyncio.Event(), asyncio.Event()]

    async def speak(sign: str, mine: asyncio.Event, other: asyncio.Event) -> None:
        with speaking(Loud(sign)):
            mine.set()
            await other.wait()
            told.append(str(escape(words)))

    await asyncio.gather(speak("!", *ready), speak("?", *ready[::-1]))
    assert sorted(told) == ["YES!", "YES?"]
    assert escape(words) == "yes"
