"""A board as fragments of its page, in one language and for those who may do the same in the course."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import Template
from jupyterhub.utils import url_path_join
from markupsafe import Markup

from .board import BoardRow
from .frame import Page
from .languages import catalog
from .live import GROUPS, Rest, Rights
from .parts import Change

__all__ = ["HtmlFace"]

_BREAKS: Final = re.compile(r"\s*[\r\n]\s*")
_SWAP: Final = '<hx-partial hx-target="#edu-{}" hx-swap="{}">{}</hx-partial>'
"""How htmx is told of a part of the page: where it stands, and what becomes of it; ``innerMorph`` keeps the focus."""


class HtmlFace:
    """A board as parts of ``now.html``; ``edu-rows`` has the sessions, ``edu-<group>`` each group.

    Args:
        page: any page of whoever looks; nothing of it is kept.
        rights: what they may do.
        language: as ``choose_language`` names it.
    """

    def __init__(
        self, page: Page, course_id: str, rights: Rights, zone: ZoneInfo, language: str
    ) -> None:
        words = catalog(language)
        base_url = page.hub.base_url
        self._zone = zone
        self._common = {
            "course_id": course_id,
            "rights": rights,
            "base_url": base_url,
            "address": partial(_address, base_url),
            "gettext": words.gettext,
            "ngettext": words.ngettext,
        }
        self._row = page.get_template("edu/now_row.html", sync=True)
        self._over = page.get_template("edu/now_over.html", sync=True)
        self._groups: dict[str, Template] = {
            name: page.get_template(f"edu/now_{name}.html", sync=True) for name in GROUPS
        }

    def row(self, row: BoardRow) -> str:
        """One row of the table."""
        return _line(self._row.render(**self._common, row=row, session=row.session))

    def group(self, name: str, rest: Rest) -> str:
        """What stands in one of the groups' places."""
        return _line(self._groups[name].render(**self._common, rest=rest))

    def page(self, parts: dict[str, str]) -> dict[str, Markup]:
        """What the page begins with, escaped already: ``rows`` and each group."""
        rows = "".join(shown for name, shown in parts.items() if name not in GROUPS)
        # Both come from templates of ours, which have escaped what is in them.
        return {"rows": Markup(rows), **{name: Markup(parts[name]) for name in GROUPS}}  # noqa: S704

    def event(self, change: Change[Any], at: datetime) -> str:
        """A message without a name: htmx puts what is in it into the page."""
        return f"data: {''.join(self._parts(change, at))}\n\n"

    def farewell(self) -> str:
        """The page says that there is nothing more to see, in the place of the board and its stream."""
        said = _SWAP.format("board", "outerHTML", _line(self._over.render(**self._common)))
        return f"data: {said}\n\n"

    def _parts(self, change: Change[Any], at: datetime) -> Iterator[str]:
        for name in change.gone:
            yield _SWAP.format(f"s-{name}", "delete", "")
        rows = _sessions(change.new)
        if change.all:
            yield _SWAP.format("rows", "innerMorph", "".join(shown for _, shown in rows))
        elif rows:
            yield _SWAP.format("rows", "beforeend", "".join(shown for _, shown in rows))
        for name, shown in _sessions(change.other):
            yield _SWAP.format(f"s-{name}", "outerMorph", shown)
        for name, shown in {**change.new, **change.other}.items():
            if name in GROUPS:
                yield _SWAP.format(name, "innerMorph", shown)
        yield _SWAP.format("as-of", "innerHTML", f"{at.astimezone(self._zone):%H:%M:%S}")


def _sessions(parts: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, shown) for name, shown in parts.items() if name not in GROUPS]


def _line(html: str) -> str:
    """In one line, as an event takes it."""
    return _BREAKS.sub(" ", html).strip()


def _address(base_url: str, *parts: str) -> str:
    path: str = url_path_join(base_url, "edu", *(quote(part, safe="") for part in parts))
    return path
