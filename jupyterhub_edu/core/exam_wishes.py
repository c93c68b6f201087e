"""What somebody wants of an exam, and the exam that it makes; whether they may hold it is not asked here."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.exams import Exam, Phase
from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.domain.profiles import Profile, choose
from jupyterhub_edu.domain.words import say

from .named import find_members, member_sections

if TYPE_CHECKING:
    from .app import Core

__all__ = ["CannotExamine", "ExamWish", "make_exam"]

_IMAGE: Final = re.compile(
    r"[a-z0-9.-]+(:[0-9]+(?=/))?(/[a-z0-9._-]+)*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})",
    re.ASCII,
)
_A_WEEK: Final = timedelta(days=7)
_TITLE: Final = 200


class CannotExamine(Exception):
    """It means nothing here, or comes too late; the text says why, for whoever asked."""


class ExamWish(NamedTuple):
    """What is to be prepared, or changed; in a change None leaves it as it is.

    Attributes:
        image: None: the one that the profile has with these options.
        participants: names of people of the course.
        section: in the place of names: everybody who is in this section when it is wished for.
        everybody: in the place of names: all students, those too who come later; so it is where nobody is named.
        extra: additional time by name, in place of what that person had; nothing takes it away.
    """

    starts: datetime | None = None
    ends: datetime | None = None
    profile: str | None = None
    image: str | None = None
    options: Mapping[str, str] | None = None
    participants: Collection[str] | None = None
    extra: Mapping[str, timedelta] | None = None
    title: str | None = None
    section: str | None = None
    everybody: bool = False


async def make_exam(
    core: Core, course: Course, id: str, wish: ExamWish, former: Exam | None
) -> Exam:
    """The exam that a wish makes, or makes of another.

    Args:
        former: the one that is to be changed.

    Raises:
        CannotExamine: see the class.
        NotNamed: names that mean nobody in the course, or several.
    """
    found = await find_members(
        core.roll, course.id, [*(wish.participants or ()), *(wish.extra or ())]
    )
    profile = _profile(core, course, wish.profile or (former.profile if former else ""))
    options, image = _fixed(profile, course, wish, former)
    extra = dict(former.extra) if former is not None else {}
    extra.update((found[name], time) for name, time in (wish.extra or {}).items())
    starts, ends = _times(wish, former)
    try:
        exam = Exam(
            id=id,
            course=course.id,
            starts=starts,
            ends=ends,
            profile=profile.key,
            image=image,
            options=options,
            participants=await _participants(core, course, wish, former, found),
            extra={key: time for key, time in extra.items() if time},
            closed=former.closed if former is not None else None,
            title=_title(wish, former),
        )
    except ValueError as error:
        raise CannotExamine(str(error)) from error
    _require_sense(exam, course)
    return exam


def _profile(core: Core, course: Course, key: str) -> Profile:
    profile = core.campus.profiles.get(key)
    if profile is None or key not in course.offers.get(CourseRole.STUDENT, ()):
        raise CannotExamine(say("The course offers its students no profile {key}.", key=repr(key)))
    return profile


def _fixed(
    profile: Profile, course: Course, wish: ExamWish, former: Exam | None
) -> tuple[dict[str, str], str]:
    """The options, and the image that goes with them."""
    stays = former if former is not None and former.profile == profile.key else None
    options = dict(wish.options if wish.options is not None else stays.options if stays else {})
    same = former is not None and wish.profile is None and wish.options is None
    image = wish.image or (former.image if same and former is not None else None)
    fixed = {option.key: option.default for option in profile.options.values()}
    chosen = choose(profile, {**fixed, **options}, CourseRole.STUDENT, course.image)
    if isinstance(chosen, list):
        raise CannotExamine(" ".join(reason.sentence for reason in chosen))
    image = image or chosen.image or ""
    if not _IMAGE.fullmatch(image):
        raise CannotExamine(say("Say an image with its tag or digest: registry/name:tag."))
    return options, image


def _times(wish: ExamWish, former: Exam | None) -> tuple[datetime, datetime]:
    starts = wish.starts or (former.starts if former is not None else None)
    ends = wish.ends or (former.ends if former is not None else None)
    if starts is None or ends is None:
        raise CannotExamine(say("Say from when until when."))
    return starts, ends


def _title(wish: ExamWish, former: Exam | None) -> str:
    if wish.title is None:
        return former.title if former is not None else ""
    title = " ".join(wish.title.split())
    if len(title) > _TITLE:
        raise CannotExamine(say("Its title is longer than {title} characters.", title=_TITLE))
    return title


async def _participants(
    core: Core, course: Course, wish: ExamWish, former: Exam | None, found: Mapping[str, str]
) -> frozenset[str] | None:
    """The keys of those who take part; None: all students of the course."""
    ways = [wish.participants is not None, wish.section is not None, wish.everybody]
    if sum(ways) > 1:
        raise CannotExamine(
            say("It is for all students, for a section, or for those who are named.")
        )
    listed = former.participants if former is not None else None
    if wish.participants is not None:
        listed = frozenset(found[name] for name in wish.participants)
    elif wish.section is not None:
        sections = await member_sections(core.roll, course.id)
        listed = frozenset(key for key, own in sections.items() if wish.section in own)
        if not listed:
            raise CannotExamine(say("Nobody of the course is in this section."))
    elif wish.everybody:
        listed = None
    if former is not None and former.phase(core.clock()) is not Phase.BEFORE:
        _require_no_fewer(former.participants, listed)
    return listed


def _require_no_fewer(before: frozenset[str] | None, after: frozenset[str] | None) -> None:
    if before == after:
        return
    if before is None or after is None or not before <= after:
        raise CannotExamine(say("It has begun: participants can be added, and not taken out."))


def _require_sense(exam: Exam, course: Course) -> None:
    if exam.length > _A_WEEK:
        raise CannotExamine(say("It is longer than a week."))
    last = exam.starts + exam.length
    if (course.starts and exam.starts < course.starts) or (course.ends and last > course.ends):
        raise CannotExamine(say("It lies outside the course's dates."))
