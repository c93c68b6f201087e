"""The language of a page: the catalogs of this package, and which of them somebody reads.

The words in templates and in this package are English and are what a catalog is asked for. Without a catalog they are
shown as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Any, Final

from jupyterhub_edu.core import current_core
from jupyterhub_edu.domain.dates import dated
from jupyterhub_edu.domain.words import Tongue, Words, say, speaking

__all__ = [
    "CATALOGS",
    "ENGLISH",
    "HubPage",
    "Reading",
    "catalog",
    "choose_language",
    "hub_telling",
    "hub_words",
    "in_language",
    "telling",
    "text_of",
    "told_in",
]

CATALOGS: Final = Path(__file__).parent / "locale"
"""Folder of the catalogs: ``<language>/words.mo``, beside each the text file that it is made from."""
ENGLISH: Final = "en"
_RANGE: Final = re.compile(
    r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*", re.ASCII
)
_MOST_RANGES: Final = 20
_HUBS_FRAME: Final = '<html lang="en">'


class Reading:
    """Mixed in before a handler of the hub whose answers people read.

    Always holds:
        - the language is the campus's, or what the browser asks for, or English.
    """

    request: Any

    @cached_property
    def language(self) -> str:
        """As ``<html lang>`` names it."""
        accepted = self.request.headers.get("Accept-Language", "")
        return _campus_language() or choose_language(accepted)

    @property
    def tongue(self) -> NullTranslations:
        """What all is told in."""
        return catalog(self.language)

    @cached_property
    def words(self) -> dict[str, Any]:
        """What every template needs in which text is marked for translation."""
        found = self.tongue
        return {
            "language": self.language,
            "gettext": text_of(found),
            "ngettext": found.ngettext,
            "edu_text": text_of(found),
            "edu_tell": telling(found),
            "dated": dated,
        }


class HubPage(Reading):
    """Mixed in before a handler of the hub's own pages, which the hub's own templates draw, or ours in its environment.

    In ours ``_`` is ``say``: ``{{ _("Sign in with {name}", name=way.title) }}``.
    """

    set_header: Any

    @cached_property
    def words(self) -> dict[str, Any]:
        """What our templates need."""
        return {**super().words, "_": say}

    def render_template(self, name: str, sync: bool = False, **what: Any) -> Any:
        """Render at once or later, as the hub wants it."""
        self.set_header("Content-Language", self.language)
        what = {**self.words, **what}
        if not sync:
            return self._rendered(name, what)
        with speaking(self.tongue):
            html = super().render_template(name, sync=True, **what)  # type: ignore[misc]
        return in_language(html, self.language)

    async def _rendered(self, name: str, what: dict[str, Any]) -> str:
        with speaking(self.tongue):
            html = await super().render_template(name, **what)  # type: ignore[misc]
        return in_language(html, self.language)


def in_language(html: str, language: str) -> str:
    """A page in the hub's frame, which says that all is English, with the language that it is in."""
    return html.replace(_HUBS_FRAME, f'<html lang="{language}">', 1)


@cache
def catalog(language: str) -> NullTranslations:
    """The catalog of a language as ``languages`` names it; an empty one for English and for what there is none for."""
    if language not in _languages():
        return NullTranslations()
    with (CATALOGS / language / "words.mo").open("rb") as file:
        return GNUTranslations(file)


def text_of(tongue: Tongue) -> Callable[[str], str]:
    """What templates call ``_``: a text of ours in a language, be it known by its English or a sentence that was made."""

    def text(words: str) -> str:
        if isinstance(words, Words):
            return words.told(tongue)
        return tongue.gettext(words) if words else ""  # an empty message is the catalog's own head

    return text


def telling(tongue: Tongue) -> Callable[[str], str]:
    """The same for a text that may be somebody else's: that stays as it is, whatever it says."""
    return lambda words: words.told(tongue) if isinstance(words, Words) else words


def told_in(tongue: Tongue, answer: object) -> object:
    """JSON with its sentences in a language; all else stays as it is."""
    match answer:
        case Words():
            return answer.told(tongue)
        case Mapping():
            return {key: told_in(tongue, one) for key, one in answer.items()}
        case list() | tuple():
            return [told_in(tongue, one) for one in answer]
    return answer


def hub_words(_account: object) -> Callable[[str], str]:
    """What translates our part of the hub's own pages: into the campus's language, as those ask no browser."""
    return text_of(catalog(_campus_language() or ENGLISH))


def hub_telling(_account: object) -> Callable[[str], str]:
    """The same for texts that may be somebody else's."""
    return telling(catalog(_campus_language() or ENGLISH))


def _campus_language() -> str:
    try:
        return current_core().campus.language
    except RuntimeError:
        return ""  # a page of a hub that has failed to set us up


def choose_language(accepted: str) -> str:
    """The language of a page for somebody whose browser sent this ``Accept-Language``; English without a better one.

    Source:
        RFC 9110, 12.5.4; a range that no catalog has falls back as in RFC 4647, 3.4 (lookup).
    """
    for language in _ranges(accepted):
        parts = language.split("-")
        for length in range(len(parts), 0, -1):
            shorter = "-".join(parts[:length])
            if shorter == ENGLISH or shorter in _languages():
                return shorter
    return ENGLISH


def _ranges(accepted: str) -> Iterator[str]:
    """Lower-case language tags, the most wanted first; what cannot be read is left out."""
    found = [_RANGE.fullmatch(part) for part in accepted.split(",", _MOST_RANGES)[:_MOST_RANGES]]
    wanted = [(float(match[2] or 1), match[1].lower()) for match in found if match]
    for weight, language in sorted(wanted, key=lambda pair: -pair[0]):
        if weight:
            yield language


@cache
def _languages() -> frozenset[str]:
    return frozenset(file.parent.name for file in CATALOGS.glob("*/words.mo"))
