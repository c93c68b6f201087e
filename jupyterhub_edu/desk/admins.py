"""What is for administrators of the site alone, pages and API: one question, asked anew for each request."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from jupyterhub_edu.core import Core, current_core
from jupyterhub_edu.domain.acts import Act, decide_act
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.words import mark

from .base import Desk
from .frame import Page
from .refusals import Code, DeskError

__all__ = ["CAMPUS_PAGES", "AdminPage", "Admins", "CampusPage", "is_admin"]


class CampusPage(NamedTuple):
    """A page of the campus.

    Attributes:
        path: parts of its address below the desk's.
        words: what it is called, marked for translation.
    """

    key: str
    path: tuple[str, ...]
    words: str


CAMPUS_PAGES: Final = (
    CampusPage("campus", ("campus",), mark("Now")),
    CampusPage("courses", ("campus", "courses"), mark("Courses")),
    CampusPage("requests", ("campus", "requests"), mark("Requests")),
    CampusPage("audit", ("campus", "audit"), mark("Audit")),
    CampusPage("configuration", ("campus", "configuration"), mark("Configuration")),
    CampusPage("explain", ("explain",), mark("Explain")),
)
"""In the order in which they stand."""


def is_admin(core: Core, person: Person, act: Act = Act.CONFIGURE) -> bool:
    """Whether somebody may do this at the site as a whole, whatever their course roles."""
    return decide_act(act, None, core.roll.site_role(person))


class Admins(Desk):
    """Mixed in before a handler of the hub."""

    async def admin_for(self, act: Act = Act.CONFIGURE) -> tuple[Core, Person]:
        """The core, and the administrator who asks.

        Raises:
            DeskError: it is not ready, or who asks may not do this at the site as a whole.
        """
        core, person = await self.who_asks()
        if not is_admin(core, person, act):
            raise DeskError(Code.ADMINS_ONLY)
        return core, person


class AdminPage(Admins, Page):
    """A page for administrators; its templates extend ``campus_frame.html``."""

    async def show_campus(self, key: str, template: str, **what: Any) -> None:
        """Render a page of the campus.

        Args:
            key: of its line in ``CAMPUS_PAGES``.
        """
        core = current_core()
        what = {"refused": "", "done": "", **what}
        await self.show(
            template,
            pages=CAMPUS_PAGES,
            page=next(one for one in CAMPUS_PAGES if one.key == key),
            campus_name=core.campus.name,
            waiting=len(core.requests.waiting()),
            **what,
        )
