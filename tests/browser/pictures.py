"""Pictures of pages for the documentation, each with the words that stand on it.

Pictures of the same page differ from machine to machine and from minute to minute; words do not, but for times and numbers. So
a file beside each picture holds its words, and a test that sees other words says that the picture is out of date.
"""

from __future__ import annotations

import base64
import difflib
import re
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, expect

__all__ = ["LOOK", "Pictures"]

LOOK: Final = {
    "viewport": {"width": 1000, "height": 1800},
    "device_scale_factor": 1.4,
    "color_scheme": "light",
    "reduced_motion": "reduce",
    "locale": "en-GB",
    "timezone_id": "Europe/Oslo",
}
"""Of a browser's context: 1400 pixels wide, with letters that can be read where a page of documentation makes them smaller; so
high that a picture has room in it."""
_MARGIN: Final = 4
_QUALITY: Final = 82
_SEEN: Final = """(part) => [part.innerText,
    ...[...part.querySelectorAll("input:not([type=hidden]), textarea")]
        .filter((one) => one.checkVisibility() && one.labels.length)
        .map((one) => `${one.labels[0].innerText.trim()}: `
            + (["checkbox", "radio"].includes(one.type) ? one.checked : one.value))
].join("\\n")"""
"""Text as it is seen, and what stands in fields."""
_PLACE: Final = """(part) => {
    const box = part.getBoundingClientRect();
    return [box.left + scrollX, box.top + scrollY, box.width, box.height];
}"""
_WEEKDAY: Final = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*"
_MONTH: Final = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_DAY: Final = rf"(?:{_WEEKDAY} )?\d{{1,2}} {_MONTH}(?: \d{{4}})?|\d{{4}}-\d\d-\d\d"
_TIME: Final = r"\d\d:\d\d(?::\d\d)?"
_WHEN: Final = re.compile(rf"(?:(?:{_DAY}),?[ T])?{_TIME}|{_DAY}")
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")


class Pictures:
    """The pictures of one page of the documentation.

    Attributes:
        shown: their names, in the order in which they were shown.
        changed: for each that shows something else than the page by now, how its words have changed.

    Args:
        folder: where they lie.
        make: take them anew; else they are compared.
    """

    def __init__(self, folder: Path, *, make: bool) -> None:
        self._folder, self._make = folder, make
        self.shown: list[str] = []
        self.changed: list[str] = []

    def show(self, page: Page, name: str, part: str = "main") -> None:
        """Take or compare one.

        Args:
            name: of its files, without an ending.
            part: selects the part of the page that it shows.
        """
        self.shown.append(name)
        region = page.locator(part)
        expect(region).to_be_visible()
        words = settled(region.evaluate(_SEEN))
        said = self._folder / f"{name}.txt"
        if self._make:
            self._folder.mkdir(parents=True, exist_ok=True)
            said.write_text(words)
            (self._folder / f"{name}.webp").write_bytes(_taken(page, part))
            return
        before = said.read_text() if said.exists() else ""
        if words != before:
            lines = before.splitlines(), words.splitlines()
            self.changed.append(
                "\n".join(difflib.unified_diff(*lines, f"{name}.webp", "the page", lineterm=""))
            )


def settled(words: str) -> str:
    """Words without what is another at each time: times, days, numbers, blanks."""
    found = _NUMBER.sub("#", _WHEN.sub("…", words))
    lines = (" ".join(line.split()) for line in found.splitlines())
    return "\n".join(line for line in lines if line) + "\n"


def _taken(page: Page, part: str) -> bytes:
    """A part of a page as WebP, a third of the size that PNG would have."""
    left, top, width, height = page.locator(part).evaluate(_PLACE)
    clip = {
        "x": max(0, left - _MARGIN),
        "y": max(0, top - _MARGIN),
        "width": width + 2 * _MARGIN,
        "height": height + 2 * _MARGIN,
        "scale": 1,
    }
    session = page.context.new_cdp_session(page)
    how = {"format": "webp", "quality": _QUALITY, "clip": clip}
    data = session.send("Page.captureScreenshot", how)["data"]
    session.detach()
    return base64.b64decode(data)
