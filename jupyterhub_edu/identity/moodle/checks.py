"""The self-test of a Moodle's web services: what is wrong, in words that name the fix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from jupyterhub_edu.identity.web import NoAnswer, with_fix

from .catalogue import Catalogue
from .plugin import WAY
from .rows import CategoryRow, CourseRow, Site
from .service import Refused, Service
from .settings import MoodleSettings
from .sight import Sight, read_members

__all__ = ["FUNCTIONS", "find_problems"]

FUNCTIONS: Final = (
    "core_webservice_get_site_info",
    "core_user_get_users_by_field",
    "core_enrol_get_users_courses",
    "core_enrol_get_enrolled_users",
    "core_user_get_course_user_profiles",
    "core_course_get_courses_by_field",
    "core_course_get_categories",
)
"""What the service must offer."""

_MOST_NAMED: Final = 5


async def find_problems(
    service: Service, settings: MoodleSettings, sight: Sight, catalogue: Catalogue
) -> list[str]:
    """Ask each function that is used; stops at what makes further questions useless.

    Returns:
        Problems as sentences; none when all is well.
    """
    problems: list[str] = []
    try:
        site = await service.call(Site, FUNCTIONS[0])
        problems += _site_problems(site, settings)
        offered = {function.name for function in site.functions}
        if missing := [name for name in FUNCTIONS if name not in offered]:
            return [*problems, f"the service lacks functions; add {', '.join(missing)}"]
        if blind := await sight.problems():
            return [*problems, *blind]
        problems += await _role_problems(service, settings)
        rows = await catalogue.read()
        problems += await _category_problems(service, settings.categories, rows)
        problems += _course_problems(rows)
    except NoAnswer as error:
        problems.append(
            error.why if error.status or isinstance(error, Refused) else with_fix(error.why, WAY)
        )
    return problems


def _site_problems(site: Site, settings: MoodleSettings) -> list[str]:
    problems = []
    if site.siteurl.rstrip("/") != settings.root:
        problems.append(f"Moodle calls itself {site.siteurl[:200]}; write that in url")
    if site.userissiteadmin:
        problems.append(
            "the token is a site administrator's, who may change everything; make one for an account that may only read"
        )
    return problems


async def _role_problems(service: Service, settings: MoodleSettings) -> list[str]:
    """Nobody in the canary has a role that counts: the roles are called otherwise here."""
    members = await read_members(service, settings.canary, 0, 200)
    found = {role.shortname for member in members for role in member.roles}
    if not found.isdisjoint(settings.roles):
        return []
    names = ", ".join(sorted(found)[:_MOST_NAMED]) or "none at all"
    return [
        f"nobody in the canary, course {settings.canary}, has a role that roles names; the short names there: {names}; add "
        "one to roles"
    ]


async def _category_problems(
    service: Service, wanted: Sequence[int] | None, rows: Sequence[CourseRow]
) -> list[str]:
    """Categories that are not there, and courses that are counted in one and not shown."""
    told = await service.call(list[CategoryRow], "core_course_get_categories")
    counts = {row.id: row.coursecount for row in told}
    problems = [
        f"there is no category {id}, or the account may not see it; take it out of categories"
        for id in wanted or ()
        if id not in counts
    ]
    kept = counts.keys() if wanted is None else set(wanted) & counts.keys()
    hidden = sum(counts[id] for id in kept) - sum(row.categoryid in kept for row in rows)
    if hidden > 0:
        problems.append(
            f"hidden courses ({hidden}) are not to be seen; the account's role needs moodle/course:viewhiddencourses"
        )
    return problems


def _course_problems(rows: Sequence[CourseRow]) -> list[str]:
    closed = [str(row.id) for row in rows if row.visible is None]
    if not closed:
        return []
    named = ", ".join(closed[:_MOST_NAMED]) + (", …" if len(closed) > _MOST_NAMED else "")
    return [
        f"courses may not be entered ({named}); the account's role needs moodle/course:view in the system "
        "context"
    ]
