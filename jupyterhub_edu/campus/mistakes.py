"""A mistake in the campus file, with its place, what is wrong and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

from jupyterhub_edu.domain.words import say

__all__ = ["CampusError", "Mistake", "Path", "did_you_mean", "nearest", "show", "show_path"]

Path = tuple[str | int, ...]
"""Where something stands in the campus file: keys, and places in lists from 0."""

_PLAIN_KEY: Final = re.compile(r"[\w-]+")
_SHOWN: Final = 60
_FEW: Final = 10
_SHORT: Final = 3


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong.

    Attributes:
        file: the file's name, or where the settings came from.
        line: line in the file, from 1; None where there are no lines.
        path: such as ``courses.ml.offers.students``; ``""`` is the whole file.
        message: what is wrong, without the values of secrets.
        fix: what to do about it, or ``""``.
        discreet: ``message`` without other courses, where it names some, or ``""``.
    """

    file: str
    line: int | None
    path: str
    message: str
    fix: str = field(default="")
    discreet: str = field(default="", compare=False)

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        what = f"{self.message}; {self.fix}" if self.fix else self.message
        return ": ".join(part for part in (place, self.path, what) if part)


class CampusError(Exception):
    """The campus file has mistakes: all of them, by place."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = list(mistakes)
        super().__init__("\n".join(map(str, self.mistakes)))


def show_path(path: Path) -> str:
    """Write a path as in ``rules[2].group`` or ``courses."6.0001".term``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            key = part if _PLAIN_KEY.fullmatch(part) else show(part)
            text += f".{key}" if text else key
    return text


def show(value: object) -> str:
    """Quote a value for a sentence: one line, no control characters, at most 60 characters."""
    text = str(value)
    text = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
    return f'"{text}"' if len(text) <= _SHOWN else f'"{text[: _SHOWN - 1]}…"'


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The word that was probably meant, in any case, or None if none is near."""
    by_plain = {known.casefold(): known for known in words}
    # One letter of a short word is half of it.
    cutoff = 0.5 if len(word) <= _SHORT else 0.6
    near = get_close_matches(word.casefold(), by_plain, n=1, cutoff=cutoff)
    return by_plain[near[0]] if near else None


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Name the nearest word; where none is near, all of them if they are few."""
    known = list(words)
    near = nearest(word, known)
    if near is not None:
        return say("did you mean {word}?", word=near)
    if not known:
        return say("there is none")
    return say("known: {words}", words=", ".join(known)) if len(known) <= _FEW else ""
