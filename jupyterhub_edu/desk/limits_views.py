"""What the page of limits shows, as plain rows; all text is plain: whoever shows it escapes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.adjusting import Adjusting
from jupyterhub_edu.core.ceiling_words import ceiling_words
from jupyterhub_edu.core.giving import words
from jupyterhub_edu.domain.adjustments import Adjustment, Reach, reach_of
from jupyterhub_edu.domain.allowances import gpu_hours
from jupyterhub_edu.domain.grants import Grant, Hours
from jupyterhub_edu.domain.words import mark, say

from .grants import names_json
from .limits_forms import device_flavors, fields_of_value, words_of
from .local_times import local_text
from .views import Moment, instant

__all__ = ["GrantRow", "Group", "LimitRow", "SetRow", "grant_row", "groups_of", "title_of"]

_ROLES: Final = {
    "student": mark("Students"),
    "assistant": mark("Assistants"),
    "teacher": mark("Teachers"),
    "observer": mark("Observers"),
}
_TITLES: Final = {
    "title": mark("Title"),
    "join": mark("How people join"),
    "assistants_help": mark("Assistants help students"),
    "allowance.person": mark("Each person"),
    "allowance.course": mark("All people together"),
    "windows": mark("Windows and reservations"),
    "from": mark("First day"),
    "until": mark("Last day"),
    "state": mark("State"),
    "image": mark("Image"),
}


@dataclass(frozen=True, slots=True)
class SetRow:
    """What the desk has set of a field.

    Attributes:
        words: what it says.
        in_force: whether it is so now.
        troubles: why it is not though its time is not over.
    """

    words: str
    by: str
    at: Moment
    ends: Moment | None
    why: str
    in_force: bool
    has_ended: bool
    troubles: Sequence[str]


@dataclass(frozen=True, slots=True)
class LimitRow:
    """One field.

    Attributes:
        sort: what sort of form it has: the key that it begins with.
        title: what it is called, marked for translation, but for a flavor's.
        now, file: what is in force, and what the campus file says.
        ceiling: how far teachers go alone, or ``""``.
        may: whoever looks may change it.
        seen: the mark of what is shown.
        typed: what stands in its form.
        wrong: why what was typed is not in force, or ``""``.
        is_late: somebody else has changed it since it was looked at.
        until, why: what stands in the form beside that.
    """

    field: str
    sort: str
    title: str
    now: str
    file: str
    set_here: SetRow | None
    ceiling: str
    locked: bool
    may: bool
    seen: str
    typed: Mapping[str, Any]
    wrong: str = ""
    is_late: bool = False
    until: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that belong together."""

    title: str
    about: str
    rows: Sequence[LimitRow] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class GrantRow:
    """One grant; ``state`` is ``holds``, ``comes`` or ``over``."""

    id: str
    what: str
    whom: str
    starts: Moment
    ends: Moment
    by: str
    why: str
    approved: bool
    taken: str
    state: str


def groups_of(
    core: Core, adjusting: Adjusting, course: str, changed: LimitRow | None = None
) -> list[Group]:
    """All fields of a course.

    Args:
        changed: in the place of the row of its field: what was typed there, and what is wrong with it.
    """

    def rows(*fields: str) -> list[LimitRow]:
        return [
            changed
            if changed is not None and changed.field == one
            else limit_row(core, adjusting, course, one)
            for one in fields
        ]

    quota = (f"quota.{flavor.key}" for flavor in device_flavors(core))
    return [
        Group(mark("The course"), "", rows("title", "join", "assistants_help")),
        Group(
            mark("Profiles"),
            mark("What people of each role may start. Servers that run go on."),
            rows(*(f"offers.{role}" for role in _ROLES)),
        ),
        Group(
            mark("At a time"),
            mark(
                "The most that one person may have in this course. The campus's own caps hold as well."
            ),
            rows(*(f"caps.{role}" for role in _ROLES)),
        ),
        Group(
            mark("GPU hours"),
            mark("What sessions on GPUs may use; running ones have reserved theirs."),
            rows("allowance.person", "allowance.course"),
        ),
        Group(mark("Class times"), "", rows("windows")),
        Group(
            mark("The course's GPUs, dates and state"),
            mark("Administrators of the site change these."),
            rows(*quota, "from", "until", "state", "image"),
        ),
    ]


def limit_row(core: Core, adjusting: Adjusting, course: str, field: str) -> LimitRow:
    """One field as it is."""
    adjustments = core.adjustments
    value = adjustments.value(course, field)
    one, held = adjustments.find(course, field), adjustments.in_force(course, field)
    alone = reach_of(field) is Reach.CEILING and not adjusting.is_admin
    return LimitRow(
        field,
        field.partition(".")[0],
        title_of(core, field),
        words_of(core, field, value),
        words_of(core, field, adjustments.file_value(course, field)),
        _set_row(core, adjusting, one) if one is not None else None,
        ceiling_words(field, core.campus, course) if alone else "",
        adjusting.is_locked(field),
        adjusting.may(field),
        adjustments.seen(course, field),
        fields_of_value(core, field, value),
        until=local_text(held.ends, core.campus.zone) if held is not None and held.ends else "",
    )


def title_of(core: Core, field: str) -> str:
    """What a field is called below the title of its group."""
    head, _, key = field.partition(".")
    if head == "quota":
        flavor = core.campus.flavors.get(key)
        return flavor.title if flavor is not None else key
    return _TITLES.get(field) or _ROLES[key]


def _set_row(core: Core, adjusting: Adjusting, one: Adjustment) -> SetRow:
    troubles = core.adjustments.troubles(one)
    return SetRow(
        words_of(core, one.field, core.adjustments.effective(one.field, one.value)),
        one.by,
        instant(one.at, core),
        instant(one.ends, core) if one.ends is not None else None,
        one.why,
        core.adjustments.in_force(one.course, one.field) is not None,
        not one.holds(core.clock()),
        [adjusting.words([trouble]) for trouble in troubles],
    )


def grant_row(core: Core, grant: Grant, taken: Mapping[str, int]) -> GrantRow:
    """One grant.

    Args:
        taken: of hours, by the grant's id.
    """
    now = core.clock()
    state = "holds" if grant.holds(now) else "comes" if now < grant.starts else "over"
    whom = mark("everybody")
    if grant.section is not None:
        whom = say("section {section}", section=grant.section)
    if grant.person is not None:
        named = names_json(core, grant.person)
        name, user = named["name"], named["user"]
        whom = f"{name} ({user})" if name and user else name or user or grant.person
    return GrantRow(
        grant.id,
        words(grant.what),
        whom,
        instant(grant.starts, core),
        instant(grant.ends, core),
        grant.by,
        grant.why,
        grant.approved,
        gpu_hours(taken.get(grant.id, 0)) if isinstance(grant.what, Hours) else "",
        state,
    )
