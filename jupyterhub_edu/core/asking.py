"""Who asks for what: a wish, as it came, made into the request that is decided on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub_edu.domain.decide import Decision, StartRequest
from jupyterhub_edu.domain.outside import SITE
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.reasons import Code, Reason

from .book import Refused
from .choices import Unreadable, map_wish, parse_wish

if TYPE_CHECKING:
    from .app import Core

__all__ = ["nowhere", "request_of"]


def _courses_of(core: Core, person: Person) -> dict[str, str]:
    """Titles by id of the courses that a person may mean when none is named: those that are open, else all.

    Somebody who is in none means what they may start outside any.
    """
    now, courses = core.clock(), core.campus.courses
    mine = [courses[id] for id in core.roll.courses(person, now)]
    meant = [course for course in mine if course.is_open(now)] or mine
    if not meant and (outside := core.roll.course(person, SITE)) is not None:
        meant = [outside]
    return {course.id: course.title for course in meant}


def request_of(core: Core, hub_name: str, options: object) -> tuple[Person, StartRequest]:
    """Who asks for what; the decision is always about the server's owner, whoever pressed Start.

    Args:
        options: ``user_options`` as they came; any JSON value.

    Raises:
        Refused: nobody we know, or nothing that can be asked for.
    """
    person = core.roll.by_hub_name(hub_name)
    if person is None:
        raise Refused(nowhere(core.campus.contact))
    try:
        wish = parse_wish(options)
    except Unreadable as unreadable:
        raise Refused(Decision(None, (unreadable.reason,))) from None
    request = map_wish(wish, person.key, _courses_of(core, person), core.campus.contact)
    if isinstance(request, Reason):
        raise Refused(Decision(None, (request,)))
    return person, request


def nowhere(contact: str = "") -> Decision:
    """The refusal of somebody who is in no course."""
    return Decision(None, (Reason(Code.NOT_ENROLLED, "nowhere", contact=contact),))
