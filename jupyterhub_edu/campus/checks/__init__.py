"""What a file that is well formed may still have wrong: words that name nothing, things nobody can reach, holes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from ..document import Document
from ..mistakes import Mistake
from ..models.people import SourceModel
from ..models.site import FileModel
from ..windows import Calendars
from .catalogue import check_flavors, check_profiles
from .context import Checker
from .courses import check_courses
from .people import check_admins, check_links, check_rules, check_sources
from .promises import check_quota, check_reservations
from .reach import check_reach
from .site import check_site
from .windows import check_windows

__all__ = ["check"]

_CHECKS = (
    check_site,
    check_admins,
    check_sources,
    check_rules,
    check_links,
    check_flavors,
    check_profiles,
    check_courses,
    check_quota,
    check_reach,
    check_windows,
    check_reservations,
)


def check(
    document: Document,
    model: FileModel,
    sources: Mapping[str, SourceModel],
    written: Mapping[str, Any],
    *,
    fields: Mapping[str, tuple[str, ...]],
    attributes: Mapping[str, Collection[str]],
    calendars: Calendars,
    now: datetime,
    traits: Collection[str] | None,
    at_desk: bool = False,
) -> list[Mistake]:
    """Look for mistakes of meaning and note them in the document.

    Args:
        model: what is right on its own; what was broken has been left out.
        written: the whole as it was written, so that what was left out is still known.
        fields: of the courses that each type of source states.
        calendars: what was read of those that windows name.
        attributes: that link rules may compare, of each source whose settings are right.
        traits: names that ``kubespawner:`` may hold, or None.
        at_desk: this is the file with what the desk has set: what nobody can have any more is no mistake.

    Returns:
        Warnings: what works but deserves a look.
    """
    checker = Checker(
        document, model, sources, written, fields, attributes, calendars, now, traits, at_desk
    )
    for look in _CHECKS:
        look(checker)
    return checker.warnings
