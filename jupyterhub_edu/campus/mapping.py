"""The models of a file without mistakes to the objects that decisions rest on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from zoneinfo import ZoneInfo

from jupyterhub_edu.domain.adjustments import Adjustable
from jupyterhub_edu.domain.campus import Campus, FilePerson, SourceInfo
from jupyterhub_edu.domain.courses import Allowances, Caps, Course, CourseState, Joining, Quota
from jupyterhub_edu.domain.grants import Ceilings
from jupyterhub_edu.domain.names import make_course_id
from jupyterhub_edu.domain.people import FROM_FILE, CourseRole, Enrolment, LinkRule, SiteRole
from jupyterhub_edu.domain.rules import CourseRule, Rule, map_pattern
from jupyterhub_edu.domain.schedule import Span, local_instant
from jupyterhub_edu.domain.windows import hours

from .catalogue import map_flavor, map_profile
from .models.courses import CapsModel, CourseModel, RoleCapsModel, TermModel
from .models.people import PersonModel, RuleModel, SourceModel
from .models.site import AdjustCeilingsModel, CeilingsModel, FileModel
from .sources import SourceType
from .values import role_of
from .windows import Calendars, days_of, map_windows

__all__ = ["caps_of", "dates_of", "map_campus", "offers_of", "parse_person"]


def parse_person(text: str) -> FilePerson | None:
    """Read ``source:login``; None if it is not that. The login is compared in any case."""
    source, colon, login = text.partition(":")
    source, login = source.strip(), login.strip()
    return FilePerson(source, login.casefold()) if source and colon and login else None


def offers_of(model: FileModel, course: CourseModel) -> dict[CourseRole, tuple[str, ...]]:
    """Profile keys by course role: the course's own where it names the role, else the defaults."""
    offers = {}
    for role in reversed(CourseRole):
        word = str(role)
        own, usual = getattr(course.offers, word), getattr(model.course_defaults.offers, word)
        keys = own if own is not None else usual
        if keys:
            offers[role] = tuple(keys)
    return offers


def caps_of(model: FileModel, course: CourseModel) -> dict[CourseRole, Caps]:
    """Caps by course role, merged like the offers."""
    usual, own = _role_caps(model.course_defaults.caps), _role_caps(course.caps)
    return {**usual, **own}


def dates_of(
    model: FileModel, course: CourseModel, zone: ZoneInfo
) -> tuple[dt.datetime | None, dt.datetime | None]:
    """The first instant of a course and the first one after it; its own days before its term's."""
    first, last = days_of(model, course)
    return _begin(first, zone), _after(last, zone)


def map_campus(
    model: FileModel,
    sources: Mapping[str, SourceModel],
    types: Mapping[str, SourceType],
    digest: str,
    calendars: Calendars,
) -> Campus:
    """Make the campus.

    Args:
        model: without mistakes.
        types: of source, by their word.
    """
    zone = ZoneInfo(model.time_zone)
    flavors = {key: map_flavor(key, flavor) for key, flavor in model.flavors.items()}
    profiles = {key: map_profile(key, p, flavors[p.flavor]) for key, p in model.profiles.items()}
    courses = {
        make_course_id(key): _course(key, c, model, zone, calendars)
        for key, c in model.courses.items()
    }
    return Campus(
        name=model.name,
        zone=zone,
        contact=model.contact,
        language=model.language.lower(),
        stale_after=model.stale_after,
        sources=MappingProxyType(
            {id: _source(id, s, types[s.type], model, courses) for id, s in sources.items()}
        ),
        rules=tuple(_rule(rule, courses.values(), model.terms) for rule in model.rules),
        flavors=MappingProxyType(flavors),
        profiles=MappingProxyType(profiles),
        courses=MappingProxyType(courses),
        caps=_caps(model.caps),
        admins=frozenset(who for text in model.admins if (who := parse_person(text))),
        people=MappingProxyType(_people(model, zone)),
        digest=digest,
        warn_at=tuple(sorted(set(model.warn_at), reverse=True)),
        extend_by=model.extend_by,
        extend_times=model.extend_times,
        idle_after=model.idle_device_after,
        stops_lost=model.lost_enrolment == "stop",
        ceilings=_ceilings(model.ceilings),
        no_course=MappingProxyType(
            {
                role: tuple(keys)
                for role in SiteRole
                if (keys := getattr(model.no_course, str(role)))
            }
        ),
        exams_leave=model.exams.leave,
        reclaim_warning=model.reclaim_warning,
        starve_after=model.starve_after,
        terms=MappingProxyType({key: _span(term, zone) for key, term in model.terms.items()}),
        teachers_copy=model.teachers_copy,
        holidays=MappingProxyType(
            {name: (days.starts, days.until) for name, days in model.holidays.items()}
        ),
        links=tuple(
            LinkRule(link.source, link.attribute, link.other, link.other_attribute)
            for link in model.links
        ),
    )


def _span(term: TermModel, zone: ZoneInfo) -> Span:
    starts = local_instant(term.starts, dt.time(), zone)
    return Span(starts, local_instant(term.until + dt.timedelta(days=1), dt.time(), zone))


def _begin(day: dt.date | None, zone: ZoneInfo) -> dt.datetime | None:
    """The first instant of a day. Midnight that does not exist counts as the first instant after the gap."""
    if day is None:
        return None
    return local_instant(day, dt.time(), zone)


def _after(day: dt.date | None, zone: ZoneInfo) -> dt.datetime | None:
    """The first instant after a day."""
    return None if day is None else _begin(day + dt.timedelta(days=1), zone)


def _source(
    id: str,
    source: SourceModel,
    kind: SourceType,
    model: FileModel,
    courses: Mapping[str, Course],
) -> SourceInfo:
    ways = source.courses or [{field: "<course>"} for field in kind.course_fields]
    return SourceInfo(
        id,
        source.type,
        source.title or kind.title,
        source.adopt,
        source.refresh,
        tuple(_course_rule(way, model, courses.values()) for way in ways),
        source.sync,
        source.guard,
    )


def _course_rule(
    way: Mapping[str, str], model: FileModel, courses: Iterable[Course]
) -> CourseRule:
    fixed = way.get("course")
    return CourseRule(
        tuple(
            (field, map_pattern(pattern, courses, model.terms))
            for field, pattern in way.items()
            if field != "course"
        ),
        make_course_id(fixed) if fixed else None,
    )


def _rule(rule: RuleModel, courses: Iterable[Course], terms: Iterable[str]) -> Rule:
    return Rule(
        source=rule.source,
        group=rule.group,
        matcher=map_pattern(rule.group, courses, terms),
        site_role=SiteRole[rule.site_role.upper()] if rule.site_role else None,
        course_role=role_of(rule.course_role) if rule.course_role else None,
        course=make_course_id(rule.course) if rule.course else None,
    )


def _course(
    key: str, course: CourseModel, model: FileModel, zone: ZoneInfo, calendars: Calendars
) -> Course:
    starts, ends = dates_of(model, course, zone)
    quota = {flavor: Quota(q.nominal, q.borrow) for flavor, q in course.quota.items()}
    windows = map_windows(model, key, zone, calendars)
    return Course(
        id=make_course_id(key),
        key=key,
        title=course.title or key,
        offers=MappingProxyType(offers_of(model, course)),
        codes=tuple(course.codes),
        term=course.term,
        starts=starts,
        ends=ends,
        state=CourseState(course.state),
        caps=MappingProxyType(caps_of(model, course)),
        quota=MappingProxyType(quota),
        windows=windows,
        hours=hours(windows),
        allowances=Allowances(course.allowance.person, course.allowance.course),
        image=course.image,
        kubespawner=MappingProxyType(dict(course.kubespawner)),
        joining=frozenset(map(Joining, course.join)),
        assistants_help=course.assistants_help,
        locked=frozenset([*model.course_defaults.locked, *course.locked]),
    )


def _role_caps(caps: RoleCapsModel) -> dict[CourseRole, Caps]:
    return {role: _caps(found) for role in CourseRole if (found := getattr(caps, str(role)))}


def _ceilings(ceilings: CeilingsModel) -> Ceilings:
    given = ceilings.grant
    caps = _caps(given.caps)
    return Ceilings(
        hours=given.hours,
        longest=ceilings.longest,
        profiles=frozenset(given.profiles),
        servers=caps.servers or 0,
        devices=caps.devices,
        exam=ceilings.exam,
        adjust=_adjustable(ceilings.adjust),
    )


def _adjustable(most: AdjustCeilingsModel) -> Adjustable:
    offers = {r: frozenset(keys) for r in CourseRole if (keys := getattr(most.offers, str(r)))}
    return Adjustable(
        MappingProxyType(offers),
        MappingProxyType(_role_caps(most.caps)),
        Allowances(most.allowance.person, most.allowance.course),
    )


def _caps(caps: CapsModel) -> Caps:
    return Caps(caps.servers, MappingProxyType(dict(caps.model_extra or {})))


def _people(model: FileModel, zone: ZoneInfo) -> dict[FilePerson, tuple[Enrolment, ...]]:
    found: dict[FilePerson, tuple[Enrolment, ...]] = {}
    for key, course in model.courses.items():
        for role, entry in _entries(course):
            who = parse_person(entry.person)
            if who is not None:
                enrolment = Enrolment(
                    person="",
                    course=make_course_id(key),
                    role=role,
                    origin=FROM_FILE,
                    starts=_begin(entry.starts, zone),
                    ends=_after(entry.until, zone),
                )
                found[who] = (*found.get(who, ()), enrolment)
    return found


def _entries(course: CourseModel) -> Iterator[tuple[CourseRole, PersonModel]]:
    for role in CourseRole:
        for entry in getattr(course.people, str(role)):
            yield role, entry
