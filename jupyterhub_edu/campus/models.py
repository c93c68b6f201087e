"""The shape of the campus file, key by key. The JSON Schema and the reference page come from here."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic.json_schema import SkipJsonSchema

from jupyterhub_edu.domain.line import STARVE_AFTER
from jupyterhub_edu.domain.reclaim import WARNING

from .values import (
    AllowanceText,
    ClockTime,
    Count,
    CourseRoleWord,
    CpuAmount,
    Day,
    Duration,
    GpuHours,
    MemoryAmount,
    Percent,
    SiteRoleWord,
    Text,
    Weekday,
    Weight,
)

__all__ = [
    "CapsModel",
    "ChoiceModel",
    "CourseModel",
    "DaysModel",
    "FileModel",
    "FlavorModel",
    "InventoryKind",
    "LinkModel",
    "Model",
    "OptionModel",
    "PersonModel",
    "ProfileModel",
    "QuotaModel",
    "RuleModel",
    "SourceModel",
    "StoreModel",
    "TermModel",
    "WindowModel",
]

_SOME: Final[dict[str, Any]] = {"minProperties": 1}

InventoryKind = Literal["auto", "cluster", "namespace", "counted"]


class Model(BaseModel):
    """A mapping of the campus file: only these keys, no guessing of types.

    Attributes:
        kind: what a key of it is called in a mistake.
    """

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        arbitrary_types_allowed=True,
        use_attribute_docstrings=True,
        model_title_generator=lambda model: model.__name__.removesuffix("Model"),
    )
    kind: ClassVar[str] = "key"


class SourceModel(Model):
    """What every source has beside the settings of its type."""

    type: Text
    """What kind of source it is."""
    title: Text | SkipJsonSchema[None] = None
    """Shown on the login page and in refusals; left out: the source's own key."""
    adopt: bool = False
    """First login takes over the hub account of the same name. At most one source may."""
    refresh: Duration = dt.timedelta(minutes=5)
    """How often each active person is read again, from 10s to 1d; left out: 5m."""
    courses: list[dict[Text, Text]] = []
    """How the source names our courses, for a source that states courses itself: one entry a way, each with fields of the
    source's course and a pattern (``<course>``, ``<term>``, ``*``) that must match; ``course:`` names a course whose key is
    not in the pattern. Left out: any of the fields is a course's key or code."""
    sync: Duration = dt.timedelta(minutes=15)
    """How often its rosters are read, from 1m to 1d, for a source that has them; left out: 15m."""
    guard: Percent = 30
    """How much of a roster one sync may take away, from 1% to 100%; more, and at least ten people, waits for an admin. Left
    out: 30%."""


class RuleModel(Model):
    """One line: an external group gives a site role, a course role, or both. Rules only add."""

    source: Text
    """The source whose groups it reads."""
    group: Text
    """Pattern over the whole name, any case: ``*`` is any text, ``<course>`` a course's key or code, ``<term>`` a term,
    ``<section>`` a section."""
    site_role: SiteRoleWord | SkipJsonSchema[None] = None
    """Site role that the group gives; admin is never given by a group."""
    course_role: CourseRoleWord | SkipJsonSchema[None] = None
    """Course role that the group gives."""
    course: Text | SkipJsonSchema[None] = None
    """The course's key, for a pattern without ``<course>``."""


class LinkModel(Model):
    """One line: an identity of the source whose attribute equals that of somebody another source knows is the same person."""

    source: Text
    """A source."""
    attribute: Text
    """Attribute of its identities that never changes and that nobody can set for themselves; never an e-mail address."""
    other: Text = Field(alias="is")
    """Another source."""
    other_attribute: Text = Field(alias="of")
    """Attribute of that one's identities."""


class TermModel(Model):
    """A dated teaching period."""

    starts: Day = Field(alias="from")
    """First day."""
    until: Day
    """Last day, inclusive, in the campus's time zone."""


class FlavorModel(Model):
    """A kind of node or device."""

    title: Text | SkipJsonSchema[None] = None
    """Shown to people; left out: its key."""
    device: Text | SkipJsonSchema[None] = None
    """Kubernetes extended resource such as ``nvidia.com/gpu``; left out: plain CPU."""
    nodes: dict[Text, Text] = {}
    """Node labels that its servers ask for."""
    tolerate: list[Text] = []
    """Taint keys that its servers tolerate."""
    count: Count | SkipJsonSchema[None] = None
    """The most devices to use; left out: what the cluster shows."""
    grows_to: Annotated[int, Field(ge=1, le=100_000)] | SkipJsonSchema[None] = None
    """Devices that there may be in all, of nodes that an autoscaler adds when servers wait for them; left out: none is added."""
    per_node: Annotated[int, Field(ge=1, le=1000)] | SkipJsonSchema[None] = None
    """Devices of each node that is added."""
    weight: Weight | SkipJsonSchema[None] = None
    """GPU hours that an hour on one device counts for, at most three decimals; left out: 1."""


class CpuModel(Model):
    """CPU of one server, in cores such as 0.5 or millicores such as 500m."""

    guarantee: CpuAmount | SkipJsonSchema[None] = None
    """Least promised; left out: as much as the limit."""
    limit: CpuAmount | SkipJsonSchema[None] = None
    """Most allowed."""


class MemoryModel(Model):
    """Memory of one server, such as 512Mi or 2Gi (1G is 1,000,000,000 bytes, as in Kubernetes)."""

    guarantee: MemoryAmount | SkipJsonSchema[None] = None
    """Least promised; left out: as much as the limit."""
    limit: MemoryAmount | SkipJsonSchema[None] = None
    """Most allowed."""


class ChoiceModel(Model):
    """One value of an option; what it leaves out stays as the profile has it."""

    title: Text | SkipJsonSchema[None] = None
    """Shown to people; left out: its key."""
    devices: Count | SkipJsonSchema[None] = None
    """Whole devices of the profile's flavor."""
    cpu: CpuModel | SkipJsonSchema[None] = None
    """CPU instead of the profile's."""
    memory: MemoryModel | SkipJsonSchema[None] = None
    """Memory instead of the profile's."""
    image: Text | SkipJsonSchema[None] = None
    """Image instead of the profile's, with its tag."""
    course_roles: list[CourseRoleWord] = []
    """Who may take it (and every stronger role); left out: everybody who has the profile."""


class OptionModel(Model):
    """A question asked beside a profile."""

    title: Text | SkipJsonSchema[None] = None
    """Shown to people; left out: its key."""
    default: Text
    """The choice taken when nothing is chosen."""
    choices: dict[Text, ChoiceModel] = Field(min_length=1)
    """What can be chosen, by key."""


class ProfileModel(Model):
    """A choice shown to people: flavor, amounts, image and longest session."""

    title: Text | SkipJsonSchema[None] = None
    """Shown to people; left out: its key."""
    description: str = Field(default="", max_length=5000)
    """A sentence below the title."""
    flavor: Text
    """The kind of node or device."""
    devices: Count = 0
    """Whole devices of the flavor for each server."""
    cpu: CpuModel = CpuModel()
    """CPU of each server; the limit is required."""
    memory: MemoryModel = MemoryModel()
    """Memory of each server; the limit is required."""
    image: Text | SkipJsonSchema[None] = None
    """Image with its tag or digest; left out: the spawner's own."""
    longest: Duration | SkipJsonSchema[None] = None
    """Longest session, from 5m to 14d; left out: only the course's end."""
    options: dict[Text, OptionModel] = {}
    """Questions asked beside it."""
    kubespawner: dict[str, Any] = {}
    """KubeSpawner settings that the campus file does not govern."""


class OffersModel(Model):
    """Profiles by course role; the first of a list is the role's default. A role left out gets nothing."""

    kind: ClassVar[str] = "course role"
    teacher: list[Text] | SkipJsonSchema[None] = None
    """What teachers may start."""
    assistant: list[Text] | SkipJsonSchema[None] = None
    """What assistants may start."""
    student: list[Text] | SkipJsonSchema[None] = None
    """What students may start."""
    observer: list[Text] | SkipJsonSchema[None] = None
    """What observers may start."""


class CapsModel(Model):
    """The most that one person may hold at a time: servers, and devices by flavor."""

    kind: ClassVar[str] = "flavor"
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Count]
    servers: Annotated[int, Field(ge=1, le=1000)] | SkipJsonSchema[None] = None
    """Servers; left out: no cap."""


class RoleCapsModel(Model):
    """Caps of one person by course role; a role left out has no cap of the course."""

    kind: ClassVar[str] = "course role"
    teacher: CapsModel | SkipJsonSchema[None] = None
    """For each teacher."""
    assistant: CapsModel | SkipJsonSchema[None] = None
    """For each assistant."""
    student: CapsModel | SkipJsonSchema[None] = None
    """For each student."""
    observer: CapsModel | SkipJsonSchema[None] = None
    """For each observer."""


class DefaultsModel(Model):
    """What every course has unless it says otherwise; a course replaces only the roles that it names."""

    offers: OffersModel = OffersModel()
    """Profiles by course role."""
    caps: RoleCapsModel = RoleCapsModel()
    """Caps by course role."""
    locked: list[Text] = []
    """Fields that the desk may not change in any course, such as ``windows``, ``offers`` or ``caps.student``; left out:
    none."""


class QuotaModel(Model):
    """What a course may use of one flavor at one moment; a plain number is ``nominal``."""

    nominal: Count = 0
    """Devices of its own while it is open; those that it does not use are lent, and come back when it asks for them."""
    borrow: Count | SkipJsonSchema[None] = None
    """The most devices beyond those; left out: as many as others do not use."""

    @model_validator(mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        return {"nominal": value} if isinstance(value, int) else value


class PersonModel(Model):
    """One enrolment that stands in the file; plain text is ``person``."""

    person: Text
    """``source:login``."""
    starts: Day | SkipJsonSchema[None] = Field(default=None, alias="from")
    """First day; left out: from the beginning."""
    until: Day | SkipJsonSchema[None] = None
    """Last day, inclusive; left out: to the end."""

    @model_validator(mode="before")
    @classmethod
    def _text(cls, value: object) -> object:
        return {"person": value} if isinstance(value, str) else value


class PeopleModel(Model):
    """People by course role, beside what the sources say."""

    kind: ClassVar[str] = "course role"
    teacher: list[PersonModel] = []
    """Teachers."""
    assistant: list[PersonModel] = []
    """Assistants."""
    student: list[PersonModel] = []
    """Students."""
    observer: list[PersonModel] = []
    """Observers."""


class DaysModel(Model):
    """Some days; one day alone may be written plainly."""

    starts: Day = Field(alias="from")
    """First day."""
    until: Day
    """Last day, inclusive, at most a year later."""

    @model_validator(mode="before")
    @classmethod
    def _day(cls, value: object) -> object:
        return value if isinstance(value, dict) else {"from": value, "until": value}


class WindowModel(Model):
    """A weekly or dated time of a course, in the campus's time zone."""

    title: Text | SkipJsonSchema[None] = None
    """For whoever reads the file."""
    days: list[Weekday] = []
    """Days of the week on which it begins, all through the course's dates."""
    dates: list[Day] = []
    """Days on which it begins, instead of days of the week."""
    ical: Text | SkipJsonSchema[None] = None
    """An iCalendar file with its times, instead of days; the path starts from the campus file's folder."""
    starts: ClockTime = Field(default=dt.time(), alias="from")
    """When it begins; left out: midnight."""
    until: ClockTime = dt.time()
    """When it ends, on the next day if that is not later than ``from``; left out: midnight."""
    only: list[Text] = []
    """Profiles that may be started in such windows alone, and end with them; left out: it restricts none."""
    reserve: dict[Text, Count] = {}
    """Devices by flavor that are the course's while the window is open, if it does not own as many; left out: none."""
    lead_time: Duration | SkipJsonSchema[None] = None
    """How long before each beginning they are kept for it, at least ``reclaim_warning`` and 10m; left out: as long as
    that."""
    excluded: list[DaysModel] = Field(default=[], alias="except")
    """Days on which it does not begin, beside the holidays."""


class AllowanceModel(Model):
    """How many GPU hours (devices times hours times weight) there are in each period: ``10h per week``."""

    person: AllowanceText | SkipJsonSchema[None] = None
    """Each person's own in this course, per ``day``, ``week`` or ``term``; left out: without limit."""
    course: AllowanceText | SkipJsonSchema[None] = None
    """Of all people of the course together; left out: without limit."""


class CourseModel(Model):
    """One teaching unit in one term."""

    title: Text | SkipJsonSchema[None] = None
    """Shown to people; left out: its key."""
    term: Text | SkipJsonSchema[None] = None
    """The term whose dates it has; left out: no dates but its own."""
    starts: Day | SkipJsonSchema[None] = Field(default=None, alias="from")
    """First day, instead of the term's."""
    until: Day | SkipJsonSchema[None] = None
    """Last day, inclusive, instead of the term's."""
    state: Literal["open", "suspended", "archived"] = "open"
    """Whether it takes part: suspended for a while, archived for good."""
    codes: list[Text] = []
    """What ``<course>`` may match beside the key."""
    people: PeopleModel = PeopleModel()
    """Enrolments beside what the sources say."""
    offers: OffersModel = OffersModel()
    """Profiles by course role, instead of those of ``course_defaults``."""
    caps: RoleCapsModel = RoleCapsModel()
    """Caps by course role, instead of those of ``course_defaults``."""
    quota: dict[Text, QuotaModel] = {}
    """By flavor; a flavor left out: nothing of its own, borrowing without limit."""
    allowance: AllowanceModel = AllowanceModel()
    """GPU hours that device sessions draw on; left out: without limit."""
    windows: list[WindowModel] = []
    """Times that restrict profiles or reserve devices; left out: profiles may be started at any time."""
    image: Text | SkipJsonSchema[None] = None
    """Image with its tag, instead of the profiles'."""
    join: list[Literal["ask", "code"]] = []
    """How people may join it by themselves, as students: ``ask`` its teacher, or by a join ``code`` of the teacher's; left out:
    not at all."""
    assistants_help: bool = False
    """Whether assistants, like teachers, may open a student's server for half an hour to help; left out: they may not."""
    locked: list[Text] = []
    """Fields that the desk may not change, beside those of ``course_defaults``: ``title``, ``offers`` or ``offers.student``,
    ``windows`` and so on; left out: none more."""
    kubespawner: dict[str, Any] = {}
    """KubeSpawner settings that the campus file does not govern."""


class GrantCeilingsModel(Model):
    """The most that a teacher may grant alone; what is left out only administrators grant."""

    hours: GpuHours = 0
    """GPU hours to one student in the course's term, all grants together; left out: none."""
    profiles: list[Text] = []
    """Profiles that may be offered by a grant; left out: none."""
    caps: CapsModel = CapsModel()
    """Servers, and devices by flavor, that one person may be let have at a time; left out: no more than the course says."""


class AdjustCeilingsModel(Model):
    """How far beyond this file a teacher may adjust a course alone; narrower than the file is always allowed."""

    offers: OffersModel = OffersModel()
    """Profiles that may be offered, by course role; left out: those that the course offers in the file."""
    caps: RoleCapsModel = RoleCapsModel()
    """Caps that may be set, by course role; left out: those of the file."""
    allowance: AllowanceModel = AllowanceModel()
    """Allowances that may be set; left out: those of the file."""


class CeilingsModel(Model):
    """The most that a teacher may give alone; what is left out only administrators give."""

    longest: Duration | SkipJsonSchema[None] = None
    """How long a session may become, from its start, when a teacher or an assistant extends it for somebody; and how long
    a grant may let sessions of a profile last."""
    exam: Duration = dt.timedelta(hours=6)
    """How long an exam may be, extra time included, at most 7d; left out: 6h."""
    grant: GrantCeilingsModel = GrantCeilingsModel()
    """What a grant may give."""
    adjust: AdjustCeilingsModel = AdjustCeilingsModel()
    """How far a course may be adjusted at the desk."""


class ExamsModel(Model):
    """What exams do to others."""

    leave: bool = False
    """Whether other servers of those who take part run on when an exam begins; left out: they are stopped."""


class NoCourseModel(Model):
    """Profiles by site role; the first of a list is the role's default. A role left out gets nothing."""

    kind: ClassVar[str] = "site role"
    guest: list[Text] = []
    """What guests may start."""
    student: list[Text] = []
    """What students of the campus may start."""
    teacher: list[Text] = []
    """What teachers of the campus may start."""
    manager: list[Text] = []
    """What managers may start."""
    admin: list[Text] = []
    """What administrators may start."""


class DeviceMetricsModel(Model):
    """Where the use of devices is measured: a server with Prometheus's HTTP API."""

    url: Text
    """Address of the server; ``/api/v1/query`` is added."""
    query: Text | SkipJsonSchema[None] = None
    """Instant query with one value for each pod, labelled ``namespace`` and ``pod``; above zero is work. ``$idle`` stands for
    ``idle_device_after``. Left out: the highest ``DCGM_FI_DEV_GPU_UTIL`` over that time."""


class StoreModel(Model):
    """Where enrolments, admissions and the audit are kept."""

    url: SecretStr | SkipJsonSchema[None] = None
    """Database address; left out: an SQLite file beside the hub's. One with a password comes from {env: …} or {file: …}."""


class FileModel(Model):
    """Everything that a campus decides."""

    name: Text
    """The campus's name."""
    time_zone: Text
    """IANA name such as Europe/Oslo; days begin and end in it."""
    contact: str = Field(default="", max_length=200)
    """Whom to ask; named in every refusal that only staff can change."""
    language: str = Field(default="", pattern=r"^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$")
    """Language of the pages for everybody, such as en; left out: what each browser asks for, as far as there is a catalog."""
    admins: list[Text] = []
    """Exact people as ``source:login``, pinned to the immutable id at first login; never a pattern."""
    warn_at: list[Duration] = Field(
        default=[dt.timedelta(minutes=10), dt.timedelta(minutes=2)], min_length=1, max_length=5
    )
    """How long before its end a session is warned; left out: 10m and 2m."""
    extend_by: Duration = dt.timedelta(hours=1)
    """How much longer people may let their own session run each time they ask, from the first warning on; left out: 1h."""
    extend_times: int = Field(default=0, ge=0, le=100)
    """How many times they may; left out: not at all."""
    idle_device_after: Duration | SkipJsonSchema[None] = None
    """How long a session may hold a device without work, from 10m to 1d, before it is warned and stopped; left out: as long as
    it lasts."""
    device_metrics: DeviceMetricsModel | SkipJsonSchema[None] = None
    """Where the use of devices is measured; left out: only a server's own word about its kernels and terminals counts."""
    lost_enrolment: Literal["finish", "stop"] = "finish"
    """What becomes of a running session when its person is no longer in the course: it goes on to its end, or it is warned and
    stopped."""
    ceilings: CeilingsModel = CeilingsModel()
    """The most that a teacher may give alone."""
    exams: ExamsModel = ExamsModel()
    """How exams are held."""
    reclaim_warning: Duration = WARNING
    """How long before its stop a session is warned whose borrowed devices its owner asks for, from 1m to 1h; left out:
    5m."""
    starve_after: Duration = STARVE_AFTER
    """How long the first in a line waits before devices of one node are kept for it, from 1m to 1d; left out: 15m."""
    stale_after: Duration = dt.timedelta(hours=12)
    """A roster answer older than this starts nothing new on a device, at most 30d; left out: 12h."""
    sources: dict[Text, dict[str, Any]] = Field(json_schema_extra=_SOME)
    """Where people come from; several may stand on one login page."""
    rules: list[RuleModel] = []
    """What external groups mean."""
    links: list[LinkModel] = []
    """Which identities of several sources are one person with one hub account; left out: none."""
    terms: dict[Text, TermModel] = {}
    """Teaching periods."""
    teachers_copy: bool = False
    """Whether teachers copy a course of theirs into another term by themselves; left out: administrators do."""
    holidays: dict[Text, DaysModel] = {}
    """Days by name on which no window of any course begins."""
    flavors: dict[Text, FlavorModel] = Field(json_schema_extra=_SOME)
    """Kinds of node or device."""
    profiles: dict[Text, ProfileModel] = Field(json_schema_extra=_SOME)
    """What can be started."""
    course_defaults: DefaultsModel = DefaultsModel()
    """What every course has unless it says otherwise."""
    no_course: NoCourseModel = NoCourseModel()
    """What may be started outside any course."""
    caps: CapsModel = CapsModel()
    """The most that one person may hold in all courses together, and outside them."""
    courses: dict[Text, CourseModel] = Field(json_schema_extra=_SOME)
    """The courses, in the order of the start page."""
    store: StoreModel = StoreModel()
    """Where state is kept."""
    inventory: InventoryKind = "auto"
    """How devices are counted: by watching the cluster's nodes, our namespace's pods, or only our own servers."""
