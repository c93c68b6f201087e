"""The file itself, and what holds for the whole site."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Final, Literal

from pydantic import Field, SecretStr
from pydantic.json_schema import SkipJsonSchema

from jupyterhub_edu.domain.line import STARVE_AFTER
from jupyterhub_edu.domain.reclaim import WARNING

from ..values import Duration, GpuHours, Text
from .base import Model
from .catalogue import FlavorModel, ProfileModel
from .courses import (
    AllowanceModel,
    CapsModel,
    CourseModel,
    DaysModel,
    DefaultsModel,
    OffersModel,
    RoleCapsModel,
    TermModel,
)
from .people import LinkModel, RuleModel

__all__ = ["FileModel", "InventoryKind", "StoreModel"]

_SOME: Final[dict[str, Any]] = {"minProperties": 1}

InventoryKind = Literal["auto", "cluster", "namespace", "counted"]


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
    ``idle_device_after``. Left out: what NVIDIA's DCGM exporter tells of that time."""


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
