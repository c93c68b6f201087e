"""Pairs of names that are not the same and look as if they were."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

__all__ = ["pairs"]

_ALPHABETS: Final = (
    "abcdefghijklmnopqrstuvwxyz0123456789",
    "aAäÄa\u0308éÉe\u0301ßſsSkK\u212aiIİı1-–_.@+",
    "асеорху" + "aceopxy",  # Cyrillic beside Latin
    "ΑΒΓαβγςσΣάά\u0345ᾳ",
    "ﬁﬂ①²ⅷＡａ",
    "\u0300\u0301\u0308\u0327\u0345\u200b\u200d\u202e\u00ad\ufeff",
    "李小龍金가각ㄱ\u1100\u1161",
    "/\\?#%<>\"'`{}$()*&;:, \t\n\x00\x7f",
    "-._~!=",
)
_INVISIBLE: Final = "\u200b\u200d\u00ad\ufeff\u202e\u0301\u0345 -_.\x00"


def _text(chance: random.Random) -> str:
    alphabet = "".join(chance.sample(_ALPHABETS, chance.choice((1, 1, 2, 3))))
    length = chance.choice((1, 2, 5, 8, 8, 12, 21, 48, 49, 63, 64, 130))
    return "".join(chance.choices(alphabet, k=length))


def _anything(chance: random.Random) -> str:
    points = (chance.randrange(0x110000) for _ in range(chance.randrange(1, 12)))
    return "".join(chr(point) for point in points if not 0xD800 <= point < 0xE000) or "x"


_CHANGES: Final[tuple[Callable[[str, random.Random], str], ...]] = (
    lambda name, chance: name.upper(),
    lambda name, chance: name.casefold(),
    lambda name, chance: name.swapcase(),
    lambda name, chance: unicodedata.normalize(
        chance.choice(("NFC", "NFD", "NFKC", "NFKD")), name
    ),
    lambda name, chance: unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode(),
    lambda name, chance: name + chance.choice(_INVISIBLE),
    lambda name, chance: chance.choice(_INVISIBLE) + name,
    lambda name, chance: name[: chance.randrange(len(name) + 1)],
    lambda name, chance: name[:-1] + chance.choice("aé1"),
    lambda name, chance: name.replace(".", "-").replace("_", "-").replace("@", "-"),
    lambda name, chance: name.replace("-", "--"),
    lambda name, chance: "".join(f"-{ord(one):x}" if not one.isalnum() else one for one in name),
    lambda name, chance: name[::-1],
    lambda name, chance: _text(chance),
)


def pairs(count: int, seed: int) -> Iterator[tuple[str, str]]:
    """So many pairs of different texts, most of them one text and what a careless hand would make of it."""
    chance = random.Random(seed)  # noqa: S311
    while count:
        one = _text(chance) if chance.random() < 0.7 else _anything(chance)
        other = chance.choice(_CHANGES)(one, chance)
        if one != other:
            count -= 1
            yield one, other
