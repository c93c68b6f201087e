"""What the pages of exams show, as plain rows; all text is plain: whoever shows it escapes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from jupyterhub_edu.core import Core
from jupyterhub_edu.core.exam_records import Prepared
from jupyterhub_edu.core.examining import Sat
from jupyterhub_edu.core.rehearsing import Rehearsal
from jupyterhub_edu.core.slices import in_slices
from jupyterhub_edu.domain.admissions import Stage
from jupyterhub_edu.domain.exams import Exam, Phase
from jupyterhub_edu.domain.words import mark

from .grants import names_json
from .views import Moment, instant

__all__ = [
    "ExamRow",
    "MemberRow",
    "RehearsalRow",
    "SeatRow",
    "exam_row",
    "protocol_sheet",
    "rehearsal_row",
    "seat_rows",
]

_MINUTE: Final = timedelta(minutes=1)
_PHASES: Final = {
    Phase.BEFORE: mark("to come"),
    Phase.RUNNING: mark("goes on"),
    Phase.EXTRA: mark("extra time"),
    Phase.OVER: mark("over"),
}


class ExamRow(NamedTuple):
    """One exam.

    Attributes:
        phase: as in ``Phase``; ``phase_words`` are for people, marked for translation.
        ends: for those without extra time.
        last: the end for everybody, extra time included.
        participants: how many are listed; None: all students.
        closed: it has been ended for everybody.
        extra: account or key, own name, and minutes of additional time.
        by: the name of whoever prepared it.
    """

    id: str
    title: str
    phase: str
    phase_words: str
    starts: Moment
    ends: Moment
    last: Moment
    profile_title: str
    image: str
    options: Sequence[tuple[str, str]]
    participants: int | None
    closed: bool
    extra: Sequence[tuple[str, str, int]]
    by: str


class MemberRow(NamedTuple):
    """Somebody who takes part, in a rehearsal.

    Attributes:
        user: account or key.
        stopped: other servers of theirs that would be stopped.
        reasons: why they would not be let in.
    """

    user: str
    name: str
    ends: Moment
    stopped: int
    logged_in: bool
    reasons: Sequence[str]


class RehearsalRow(NamedTuple):
    """What would happen.

    Attributes:
        people: those first of whom there is something to say, then by name.
        worth_saying: how many those are.
        warned_at: when whoever has spare devices is warned, or None.
    """

    people: Sequence[MemberRow]
    worth_saying: int
    stopped: int
    refused: int
    stops_at: Moment
    devices: int
    flavor_title: str
    held_from: Moment
    unseated: int | None
    recalled_own: int
    recalled_others: int
    warned_at: Moment | None
    leaves: bool

    @property
    def able(self) -> int | None:
        """How many would start, of whom that is known; None where nothing is."""
        if self.unseated is None:
            return None
        allowed = len(self.people) - self.refused - self.strangers
        return max(0, min(allowed, len(self.people) - self.unseated))

    @property
    def strangers(self) -> int:
        """How many have never logged in."""
        return sum(not one.logged_in for one in self.people)


class SeatRow(NamedTuple):
    """Somebody who takes part, as the exam goes on or when it is over.

    Attributes:
        state: ``absent``, ``starting``, ``on`` or ``ended``.
        started: their first start in it; ``times``: how many there were.
        ends: their own end.
    """

    user: str
    name: str
    state: str
    started: Moment | None
    address: str
    times: int
    ends: Moment | None
    ended: Moment | None


def exam_row(core: Core, prepared: Prepared) -> ExamRow:
    """One exam as its course sees it."""
    exam, campus = prepared.exam, core.campus
    profile = campus.profiles.get(exam.profile)
    phase = exam.phase(core.clock())
    options = []
    for key, choice in exam.options.items():
        option = profile.options.get(key) if profile is not None else None
        options.append((option.title if option is not None else key, choice))
    return ExamRow(
        exam.id,
        exam.title,
        str(phase),
        _PHASES[phase],
        instant(exam.starts, core),
        instant(exam.ends_for(()), core),
        instant(exam.ends_for(exam.extra), core),
        profile.title if profile is not None else exam.profile,
        exam.image,
        options,
        None if exam.participants is None else len(exam.participants),
        exam.closed is not None,
        sorted((*_names(core, key), time // _MINUTE) for key, time in exam.extra.items()),
        core.roll.name_of(prepared.by),
    )


async def rehearsal_row(core: Core, found: Rehearsal) -> RehearsalRow:
    """What would happen; of servers in other courses only how many they are."""
    people = [
        MemberRow(
            *_names(core, one.key),
            instant(one.ends, core),
            len(one.stops),
            one.is_known,
            [reason.sentence for reason in one.reasons],
        )
        async for one in in_slices(found.people)
    ]
    people.sort(key=lambda one: (not _is_worth_saying(one), one.name.casefold(), one.user))
    profile, recalled = core.campus.profiles.get(found.exam.profile), found.recalled
    return RehearsalRow(
        people,
        sum(map(_is_worth_saying, people)),
        found.stopped,
        found.refused,
        instant(found.stops_at, core),
        found.devices,
        profile.flavor.title if profile is not None else "",
        instant(found.held_from, core),
        found.unseated,
        recalled.own if recalled is not None else 0,
        recalled.others if recalled is not None else 0,
        instant(recalled.at, core) if recalled is not None else None,
        found.leaves,
    )


async def seat_rows(core: Core, exam: Exam, sat: Iterable[Sat]) -> list[SeatRow]:
    """Everybody who takes part or has started, those first who have not, then by name."""
    started: dict[str, list[Sat]] = {}
    for one in sat:
        started.setdefault(one.hub_name, []).append(one)
    rows = []
    members = await core.exams.members(exam, max(core.clock(), exam.starts))
    async for key, sitting in in_slices(members.items()):
        person = core.roll.person(key)
        came = started.pop(person.hub_name, []) if person is not None else []
        rows.append(_seat(core, *_names(core, key), came, sitting.ends))
    for hub_name, came in started.items():  # who takes part no more, or is known no more
        person = core.roll.by_hub_name(hub_name)
        rows.append(_seat(core, hub_name, person.name if person is not None else "", came, None))
    return sorted(rows, key=lambda one: (one.state != "absent", one.name.casefold(), one.user))


def protocol_sheet(core: Core, sat: Iterable[Sat], absent: Iterable[str]) -> list[list[object]]:
    """The protocol as a table: every start, oldest first, and then who has not started; times are the campus's."""

    def local(at: datetime | None) -> str | None:
        return at.astimezone(core.campus.zone).isoformat(timespec="seconds") if at else None

    head = ["account", "name", "state", "started", "address", "server", "running", "ended"]
    rows: list[list[object]] = [[*head]]
    for one in sat:
        person, found = core.roll.by_hub_name(one.hub_name), one.admission
        name = person.name if person is not None else None
        where = [found.server, local(found.running_at), local(found.ended_at)] if found else []
        rows.append([one.hub_name, name, _state(one), local(one.at), one.address, *where])
    rows.extend([*_names(core, key), "absent"] for key in absent)
    return [[*row, *[None] * (len(head) - len(row))] for row in rows]


def _seat(core: Core, user: str, name: str, came: Sequence[Sat], ends: datetime | None) -> SeatRow:
    last = came[-1].admission if came else None
    ended = last.ended_at if last is not None else None
    return SeatRow(
        user,
        name,
        _state(came[-1]) if came else "absent",
        instant(came[0].at, core) if came else None,
        came[-1].address if came else "",
        len(came),
        instant(ends, core) if ends is not None else None,
        instant(ended, core) if ended is not None else None,
    )


def _state(sat: Sat) -> str:
    if sat.admission is None or sat.admission.stage is Stage.ENDED:
        return mark("ended")
    return mark("on") if sat.admission.stage is Stage.RUNNING else mark("starting")


def _is_worth_saying(one: MemberRow) -> bool:
    return bool(one.reasons or one.stopped or not one.logged_in)


def _names(core: Core, key: str) -> tuple[str, str]:
    """Account or key, and name or ``""``."""
    known: Mapping[str, str | None] = names_json(core, key)  # type: ignore[assignment]
    return known["user"] or key, known["name"] or ""
