"""Making courses at the desk, copying them into another term, and archiving them; nothing is done that is not in the audit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from jupyterhub_edu.domain.acts import Act, decide_act
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.people import (
    MANUAL,
    CourseRole,
    Enrolment,
    EnrolmentState,
    Listed,
    Person,
)
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import AuditEntry, CannotArrange, HandChanges

from .adjustments import Weighed
from .named import member_keys
from .own_courses import OwnCourse, record_of
from .slices import in_slices

if TYPE_CHECKING:
    from .app import Core

__all__ = ["CannotFound", "CopyNotYours", "CopyWish", "Founding", "FoundingNotYours", "NotOurs"]

State = Literal["open", "suspended", "archived"]
_MOST: Final = 2_000
"""Courses that the desk keeps."""
_LARGEST: Final = 64 * 1024
"""Characters of one course as JSON."""
_LEFT_OUT: Final = ("people", "state", "from", "until", "term", "title", "codes")
"""What a copy does not have from its original, or only if it is said."""
_STAFF: Final = frozenset({CourseRole.TEACHER, CourseRole.ASSISTANT})


class FoundingNotYours(Exception):
    """Who asks makes and archives no courses."""


class CopyNotYours(Exception):
    """Who asks may not copy this course, or not like this."""


class NotOurs(Exception):
    """The desk made no such course."""


class CannotFound(Exception):
    """Such a course there cannot be; the text says why, for whoever asked."""


class CopyWish(NamedTuple):
    """What a copy is to have of its own; None: as the original has it, or what follows from the term.

    Attributes:
        term: key of the term; None: none, which needs dates.
        starts, ends: first and last day, as the campus file writes them.
        staff: who teaches the original, or assists in it, does so in the copy.
    """

    term: str | None = None
    key: str | None = None
    title: str | None = None
    starts: str | None = None
    ends: str | None = None
    staff: bool = False


class Founding:
    """What one person makes of courses.

    Always holds:
        - an administrator makes, copies and archives any; a teacher copies only a course of theirs, where the campus lets
          teachers, once into each term, and names nothing but the term and the title;
        - a teacher's copy has themselves as its teacher; nobody else becomes one by it;
        - a course in the campus file is never changed, and wins over one of the desk's of the same key;
        - what was in force before is in force after.

    Args:
        address: network address of the actor, for the audit.
    """

    def __init__(self, core: Core, actor: Person, address: str = "") -> None:
        self._core, self._actor, self._address = core, actor, address

    @property
    def is_admin(self) -> bool:
        """Whether the actor is bound by nothing but what the campus file can hold."""
        return decide_act(Act.CONFIGURE, None, self._core.roll.site_role(self._actor))

    def may_copy(self, course: str) -> bool:
        """Whether the actor may copy a course at all."""
        allowed = self._core.campus.teachers_copy
        return self._core.may(Act.COPY, self._actor, course, allowed=allowed)

    async def create(self, key: str, written: Mapping[str, Any]) -> OwnCourse:
        """Make a course.

        Args:
            written: what would stand below its key in the campus file.

        Raises:
            FoundingNotYours, CannotFound: see the classes.
            StoreError: it could not be kept; nothing has changed.
        """
        if not self.is_admin:
            raise FoundingNotYours
        made = OwnCourse(key, written, self._actor.hub_name, self._core.clock())
        return await self._make(made, "create-course", ())

    async def copy(self, course: str, wish: CopyWish) -> OwnCourse:
        """Copy a course of the campus file or of the desk's own, without its people, into another term.

        Raises:
            CopyNotYours, CannotFound: see the classes.
            StoreError: it could not be kept; nothing has changed.
        """
        if not self.may_copy(course):
            raise CopyNotYours
        core, original = self._core, self._core.campus.courses[course]
        is_admin = self.is_admin
        if not is_admin:
            self._require_teachers(original, wish)
        made = OwnCourse(
            wish.key or _next_key(original, wish.term),
            self._copied(original, wish),
            self._actor.hub_name,
            core.clock(),
            course,
        )
        if not is_admin and made.key.casefold() in core.campus.course_index:
            raise CannotFound(say("There is a course {key} already.", key=repr(made.key)))
        staff = await self._staff(original, wish, made.id, is_admin=is_admin)
        return await self._make(made, "copy-course", staff)

    async def set_state(self, course: str, state: State) -> OwnCourse:
        """Archive a course of the desk's own, suspend it, or open it again.

        Raises:
            FoundingNotYours, NotOurs, CannotFound: see the classes.
            StoreError: it could not be kept; nothing has changed.
        """
        if not self.is_admin:
            raise FoundingNotYours
        adjustments = self._core.adjustments
        async with adjustments.turn:
            former = self._core.own_courses.find(course)
            if former is None:
                raise NotOurs(course)
            if former.state == state:
                return former
            changed = replace(former, written={**former.written, "state": state})
            weighed = await self._weigh(changed)
            entry = self._entry("set-course-state", changed, before=former.state, after=state)
            await self._keep(changed, weighed, HandChanges(entries=[entry]))
            return changed

    # -- inside ------------------------------------------------------------------------------------------------

    def _require_teachers(self, original: Course, wish: CopyWish) -> None:
        """What a teacher's copy may be. They choose no key: sources would bring the people of another course of that name."""
        if (wish.key, wish.starts, wish.ends) != (None, None, None):
            raise CopyNotYours
        span = self._core.campus.terms.get(wish.term or "")
        if span is None:
            raise CannotFound(say("Say into which term."))
        if span.ends <= self._core.clock():
            raise CannotFound(say("This term is over."))
        for one in self._family(original.id):
            if one.term == wish.term:
                raise CannotFound(say("It is in this term already, as {key}.", key=repr(one.key)))

    def _family(self, course: str) -> list[Course]:
        """A course with all that it was copied from, and all copies of those."""
        campus, own = self._core.campus, self._core.own_courses
        origins = {one.id: one.copied_from for one in own.all()}

        def first(id: str) -> str:
            seen = {id}
            while (before := origins.get(id, "")) and before not in seen:
                id = before
                seen.add(id)
            return id

        same = {first(course), *(id for id in origins if first(id) == first(course))}
        return [campus.courses[id] for id in same if id in campus.courses]

    def _copied(self, original: Course, wish: CopyWish) -> dict[str, Any]:
        """What the copy would have in the file."""
        written = self._core.adjustments.written(original.id)
        copied = {key: value for key, value in written.items() if key not in _LEFT_OUT}
        # Days of the former term are none of the next one's.
        windows = [one for one in written.get("windows", ()) if not {"dates", "ical"} & one.keys()]
        own = {
            "title": wish.title or original.title,
            "term": wish.term,
            "from": wish.starts,
            "until": wish.ends,
            "windows": windows,
            "codes": written.get("codes") if self._keeps_codes(original, wish) else None,
        }
        return {**copied, **{key: value for key, value in own.items() if value}}

    def _keeps_codes(self, original: Course, wish: CopyWish) -> bool:
        """Whether sources that name a course name its term with it: else one code for two courses means neither."""
        if original.term is None or wish.term is None or original.term == wish.term:
            return False
        campus = self._core.campus
        ways = [[rule.matcher] for rule in campus.rules if rule.course is None]
        ways += [
            [matcher for _, matcher in rule.fields]
            for source in campus.sources.values()
            for rule in source.courses
            if rule.course is None
        ]
        said = [{word for matcher in way for word in matcher.groupindex} for way in ways]
        return all("term" in words for words in said if "course" in words)

    async def _staff(
        self, original: Course, wish: CopyWish, copy: str, *, is_admin: bool
    ) -> list[tuple[Enrolment, Listed | None]]:
        """Who is enrolled in the copy from the start: of an administrator's all staff, of a teacher's no other teacher."""
        roll, by = self._core.roll, self._actor.hub_name
        found: dict[str, tuple[CourseRole, Listed | None]] = {}
        if wish.staff:
            async for key, keys in in_slices((await member_keys(roll, original.id)).items()):
                role = self._role(original, key, keys)
                if role in _STAFF and (is_admin or role is CourseRole.ASSISTANT):
                    found[key] = role, roll.rosters.listed(key)
        if not is_admin:
            found[self._actor.key] = CourseRole.TEACHER, None
        why = f"copied from {original.id}"
        return [
            (Enrolment(key, copy, role, MANUAL, by=by, why=why), listed)
            for key, (role, listed) in found.items()
        ]

    def _role(self, original: Course, key: str, keys: Sequence[str]) -> CourseRole:
        """The strongest role that somebody has in a course, or had to its end."""
        roll, now = self._core.roll, self._core.clock()
        person = roll.person(key)
        told = (
            roll.enrolments_in(person, original.id)
            if person
            else roll.exclusions.without(
                [e for e in roll.told_of(keys) if e.course == original.id], keys
            )
        )
        last = original.ends
        kept = (
            e.role
            for e in told
            if e.state(now) is EnrolmentState.ACTIVE
            or (last is not None and last <= now and e.ends is not None and e.ends >= last)
        )
        return max(kept, default=CourseRole.OBSERVER)

    async def _make(
        self, made: OwnCourse, act: str, staff: Iterable[tuple[Enrolment, Listed | None]]
    ) -> OwnCourse:
        core = self._core
        if len(json.dumps(dict(made.written))) > _LARGEST:
            raise CannotFound(say("That is more than the desk keeps of one course."))
        async with core.adjustments.turn:
            if core.own_courses.find(made.id) is not None or made.id in core.campus.courses:
                raise CannotFound(say("There is a course {key} already.", key=repr(made.key)))
            if len(core.own_courses.all()) >= _MOST:
                raise CannotFound(say("The desk keeps {most} courses already.", most=_MOST))
            weighed = await self._weigh(made)
            enrolled = list(staff)
            entries = [
                self._entry(act, made, copied_from=made.copied_from or None),
                *(self._enrolled(e) for e, _ in enrolled),
            ]
            listed = [one for _, one in enrolled if one is not None]
            await self._keep(
                made,
                weighed,
                HandChanges([e for e, _ in enrolled], listed=listed, entries=entries),
            )
        return made

    async def _weigh(self, changed: OwnCourse) -> Weighed:
        """What would be in force.

        Raises:
            CannotFound: the course would not, or something else no longer would.
        """
        core = self._core
        courses = {**core.own_courses.written(), changed.key: changed.written}
        try:
            weighed = await core.adjustments.weigh(courses=courses)
        except CannotArrange as error:
            raise CannotFound(str(error)) from error
        out, former = weighed.arranged.out_courses, core.adjustments.out_courses
        against = [*out.get(changed.key, ())]
        for key, troubles in out.items():
            if key not in former and key != changed.key:
                against += troubles
        for one in core.adjustments.all():
            if one.id in weighed.out and not core.adjustments.troubles(one):
                against += weighed.out[one.id]
        if against:
            told = dict.fromkeys(one.told(knows_all=self.is_admin) for one in against)
            raise CannotFound("; ".join(told))
        return weighed

    async def _keep(self, course: OwnCourse, weighed: Weighed, changes: HandChanges) -> None:
        core = self._core
        changes = replace(changes, records=[record_of(course)])
        await core.roll.change_by_hand(changes)
        core.own_courses.put(course)
        core.adjustments.put(weighed)

    def _enrolled(self, enrolment: Enrolment) -> AuditEntry:
        person = self._core.roll.person(enrolment.person)
        return AuditEntry(
            self._core.clock(),
            self._actor.hub_name,
            "enrol",
            course=enrolment.course,
            target=person.hub_name if person is not None else enrolment.person,
            address=self._address,
            details={"role": str(enrolment.role), "why": enrolment.why},
        )

    def _entry(self, act: str, course: OwnCourse, **details: str | None) -> AuditEntry:
        return AuditEntry(
            self._core.clock(),
            self._actor.hub_name,
            act,
            course=course.id,
            address=self._address,
            details={"key": course.key, "term": course.written.get("term"), **details},
        )


def _next_key(original: Course, term: str | None) -> str:
    """``ml-h26`` in the term ``v27`` is ``ml-v27``, and so is ``ml``."""
    key, former = original.key, original.term or ""
    if former and key.casefold().endswith(former.casefold()):
        key = key[: len(key) - len(former)].rstrip("-_ .") or original.key
    return f"{key}-{term}" if term else f"{key}-copy"
