"""A board as fragments of its page, in one language and for those who may do the same in the course."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import Template
from jupyterhub.utils import url_path_join
from markupsafe import Markup, escape

from jupyterhub_edu.domain.words import mark, speaking
from jupyterhub_edu.hub.languages import catalog, text_of

from .board import BoardRow
from .frame import Page
from .live import GROUPS, Rest, Rights
from .parts import Change
from .views import SessionRow

__all__ = ["HtmlFace"]

_SWAP: Final = '<hx-partial hx-target="#edu-{}" hx-swap="{}">{}</hx-partial>'
"""How htmx is told of a part of the page: where it stands, and what becomes of it; ``innerMorph`` keeps the focus."""


_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "profile": mark("Profile"),
        "gpus": mark("GPUs"),
        "state": mark("State"),
        "since": mark("Since"),
        "active": mark("Last active"),
        "until": mark("Until"),
        "own": mark("your course's GPUs"),
        "spare": mark("spare GPUs"),
        "working": mark("at work"),
        "idle": mark("idle since"),
        "unopened": mark("never opened"),
        "silent": mark("the server does not answer"),
        "starting": mark("starting"),
        "running": mark("running"),
        "stopping": mark("stopping"),
        "ended": mark("ended"),
        "none": mark("none"),
        "unknown": mark("not known"),
        "endless": mark("no end"),
    }
)
"""What a row says, by what it is about."""
_BADGES: Final = defaultdict(lambda: "secondary", running="success", starting="info")


class _Way(NamedTuple):
    """An act before it is known whom it is about.

    Attributes:
        label: what is read aloud of it.
        named: its address names the server too.
    """

    words: str
    label: str
    path: str
    look: str
    named: bool


_WAYS: Final[Mapping[str, _Way]] = MappingProxyType(
    {
        "message": _Way(
            mark("Message"), mark("Message to %(name)s"), "now/message", "secondary", False
        ),
        "help": _Way(
            mark("Help"), mark("Help %(name)s in their server"), "help", "secondary", True
        ),
        "extend": _Way(
            mark("Extend"), mark("Extend the session of %(name)s"), "extend", "secondary", True
        ),
        "stop": _Way(mark("Stop"), mark("Stop the session of %(name)s"), "stop", "danger", True),
    }
)
"""Acts by the right that they need, in the order in which they stand."""


def _can(act: str, session: SessionRow) -> bool:
    """Whether an act means anything for a session as it is now."""
    if act == "stop":
        return session.may_stop
    if act == "message":
        return True
    return session.state == "running" and (act == "help" or session.until is not None)


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
        self._tongue = words = catalog(language)
        base_url = page.hub.base_url
        self._zone = zone
        self._words = {name: words.gettext(english) for name, english in _WORDS.items()}
        self._server = words.gettext("server %(server)s")
        here = _address(base_url, "courses", course_id)
        # Stand for what differs from session to session in what is drawn once; as nobody's name does.
        self._whom, self._where = secrets.token_hex(8), secrets.token_hex(8)
        link = page.get_template("edu/now_act.html", sync=True)
        self._ways = {
            act: (
                way.named,
                link.render(
                    words=words.gettext(way.words),
                    label=words.gettext(way.label).replace("%(name)s", self._whom),
                    href=f"{here}/{way.path}/{self._where}",
                    look=way.look,
                ).strip(),
            )
            for act, way in _WAYS.items()
            if getattr(rights, act)
        }
        self._common = {
            "course_id": course_id,
            "rights": rights,
            "base_url": base_url,
            "address": partial(_address, base_url),
            "gettext": text_of(words),
            "ngettext": words.ngettext,
        }
        self._row = page.get_template("edu/now_row.html", sync=True)
        self._over = page.get_template("edu/now_over.html", sync=True)
        self._groups: dict[str, Template] = {
            name: page.get_template(f"edu/now_{name}.html", sync=True) for name in GROUPS
        }
        self._free = secrets.randbits(64) | 2**63  # as a number of devices, nobody's
        self._drawn: tuple[Rest, list[str]] | None = None

    def row(self, row: BoardRow) -> str:
        """One row of the table."""
        session = row.session
        below = [session.user]
        if session.server:
            below.append(self._server.replace("%(server)s", session.server))
        if row.sections:
            below.append(", ".join(row.sections))
        return self._rendered(
            self._row,
            row=row,
            session=session,
            w=self._words,
            badges=_BADGES,
            below=" · ".join(below),
            acts=self._acts(session),
        )

    def _acts(self, session: SessionRow) -> Markup:
        name, user = escape(session.name or session.user), quote(session.user, safe="")
        whole = f"{user}/{quote(session.server, safe='')}" if session.server else user
        links = [
            link.replace(self._where, whole if is_named else user).replace(self._whom, name)
            for act, (is_named, link) in self._ways.items()
            if _can(act, session)
        ]
        # A template of ours has drawn each, and what is put into it has been escaped.
        return Markup("".join(links))  # noqa: S704

    def group(self, name: str, rest: Rest) -> str:
        """What stands in one of the groups' places."""
        if name == "sums":
            return self._sums(rest)
        return self._rendered(self._groups[name], **self._common, rest=rest)

    def _sums(self, rest: Rest) -> str:
        """What is free is put in afterwards: it changes on all boards with each start anywhere, and nothing else with it."""
        blank = tuple(row._replace(free=self._free) for row in rest.devices)
        bare = Rest(on=rest.on, devices=blank, waiting=rest.waiting)
        if self._drawn is None or self._drawn[0] != bare:
            html = self._rendered(self._groups["sums"], **self._common, rest=bare)
            self._drawn = bare, html.split(str(self._free))
        first, *others = self._drawn[1]
        free = [self._words["unknown"] if one.free is None else one.free for one in rest.devices]
        return first + "".join(f"{n}{piece}" for n, piece in zip(free, others, strict=True))

    def _rendered(self, template: Template, **what: Any) -> str:
        with speaking(self._tongue):
            return _line(template.render(**what))

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
        said = _SWAP.format("board", "outerHTML", self._rendered(self._over, **self._common))
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
    return html.replace("\r", " ").replace("\n", " ").strip()


def _address(base_url: str, *parts: str) -> str:
    path: str = url_path_join(base_url, "edu", *(quote(part, safe="") for part in parts))
    return path
