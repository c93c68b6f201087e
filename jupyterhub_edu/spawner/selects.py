"""The selects of a card: most of the start page's HTML, and the same for everybody who chose nothing before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from jupyterhub_edu.core.choices import option_field
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.profiles import Option, Profile
from jupyterhub_edu.domain.words import say

__all__ = ["ENVIRONMENT", "Selects"]

ENVIRONMENT: Final = Environment(
    loader=PackageLoader("jupyterhub_edu.spawner"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
"""Compiles each template once; escapes everything. ``_`` is ``say``: texts are in the language of the page."""
ENVIRONMENT.globals["_"] = say
_TEMPLATE: Final = ENVIRONMENT.get_template("selects.html")


@dataclass(frozen=True, slots=True)
class _Choice:
    key: str
    title: str
    selected: bool
    disabled: bool


@dataclass(frozen=True, slots=True)
class _Select:
    id: str
    name: str
    title: str
    choices: tuple[_Choice, ...]


class Selects:
    """Draws selects, those without a former choice once per campus file: it never changes, it is replaced."""

    def __init__(self) -> None:
        self._campus: Campus | None = None
        self._drawn: dict[tuple[str, str, str, CourseRole], Markup] = {}

    def draw(
        self,
        campus: Campus,
        card: str,
        course: str,
        profile: Profile,
        role: CourseRole,
        wished: Mapping[str, str],
    ) -> Markup:
        """The selects of one card as HTML, empty where the profile has no options.

        Args:
            card: the card's id on the page.
            wished: choices to select beforehand where the role may still take them, by option.
        """
        if not profile.options:
            return Markup()
        if wished:
            return _drawing(card, course, profile, role, wished)
        if campus is not self._campus:
            self._campus, self._drawn = campus, {}
        key = (card, course, profile.key, role)
        if key not in self._drawn:
            self._drawn[key] = _drawing(card, course, profile, role, wished)
        return self._drawn[key]


def _drawing(
    card: str, course: str, profile: Profile, role: CourseRole, wished: Mapping[str, str]
) -> Markup:
    selects = [
        _Select(
            f"{card}_{at}",
            option_field(course, profile.key, option.key),
            option.title,
            tuple(_choices(option, role, wished.get(option.key, option.default))),
        )
        for at, option in enumerate(profile.options.values(), 1)
    ]
    # The template escapes; what it gives is HTML.
    return Markup(_TEMPLATE.render(selects=selects))  # noqa: S704


def _choices(option: Option, role: CourseRole, wished: str) -> Iterator[_Choice]:
    choice = option.choices.get(wished)
    if choice is None or not choice.open_to(role):
        choice = option.choices.get(option.default)
    for one in option.choices.values():
        yield _Choice(one.key, one.title, one is choice, not one.open_to(role))
