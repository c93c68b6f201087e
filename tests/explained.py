"""What ``jupyterhub-edu explain`` says for each reason, run against a hub's core in memory.

``docs/reference/explained.md`` is what this prints; a test compares the two.

    python -m tests.explained > docs/reference/explained.md
"""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable, Mapping
from datetime import time, timedelta
from typing import Any, Final, NamedTuple
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from typer.testing import CliRunner

from jupyterhub_edu.campus.questions import Asked, read_question
from jupyterhub_edu.cli import main
from jupyterhub_edu.core import Core
from jupyterhub_edu.core.exam_records import Prepared
from jupyterhub_edu.desk.explain import explain_now
from jupyterhub_edu.domain.allowances import parse_allowance
from jupyterhub_edu.domain.courses import Allowances, Caps, Course, Quota
from jupyterhub_edu.domain.decide import StartRequest
from jupyterhub_edu.domain.exams import Exam
from jupyterhub_edu.domain.people import CourseClaim, CourseRef, CourseRole
from jupyterhub_edu.domain.profiles import Profile
from jupyterhub_edu.domain.reasons import Code
from jupyterhub_edu.domain.windows import Timetable, Weekly, Window
from jupyterhub_edu.ports import AuditEntry, PodSighting
from tests.by_hand import put_by_hand
from tests.fakes.campus import (
    NOW,
    T4,
    a_campus,
    a_choice,
    a_core,
    a_course,
    a_profile,
    an_enrolment,
    an_identity,
    an_option,
    enrol,
)

STUDENT, TEACHER = CourseRole.STUDENT, CourseRole.TEACHER
OSLO: Final = ZoneInfo("Europe/Oslo")
DEVICES: Final = an_option(
    "devices",
    a_choice("one", title="One GPU", devices=1),
    a_choice("two", title="Two GPUs", devices=2),
)


class Scene(NamedTuple):
    """A campus at one moment, and what is asked then.

    Attributes:
        words: what the answer shows.
        asked: the command's options beside person and course.
    """

    words: str
    make: Callable[[], Awaitable[Core]]
    asked: str = "--profile gpu"


async def a_hub(*courses: Course, gpu: Profile | None = None, ada: bool = True) -> Core:
    """One student, ``ada``, in ``ml``; two devices of type T4 on one machine."""
    profiles = [a_profile(), gpu or a_profile("gpu", title="GPU notebook", flavor=T4)]
    core = a_core(a_campus(courses=courses or [a_course()], profiles=profiles))
    await core.ready()
    person = await enrol(core, "ada")
    if ada:
        await put_by_hand(core.roll, an_enrolment(person.key, "ml", by="tea"))
    return core


async def start(core: Core, login: str, course: str = "ml", **options: str) -> None:
    """Somebody starts a GPU notebook, and it runs."""
    person = core.roll.by_hub_name(login) or await enrol(core, login, **{course: STUDENT})
    request = StartRequest(person.key, course, "gpu", options)
    admission = await core.book.admit(request, person, "")
    inventory: Any = core.inventory
    inventory.nodes["t4"][0] -= admission.devices
    inventory.sight(PodSighting(admission.id, "n1", core.clock()))


# -- one scene for each reason -------------------------------------------------------------------------------------


async def outside_the_course() -> Core:
    return await a_hub(ada=False)


async def a_silent_directory() -> Core:
    core = a_core(a_campus(profiles=[a_profile(), a_profile("gpu", flavor=T4)]))
    await core.ready()
    claim = CourseClaim(CourseRef("ml"), STUDENT)
    await core.sign_in(an_identity("ada", claims=frozenset({claim})), "ada")
    core.clock.pass_(hours=13)  # type: ignore[attr-defined]
    return core


async def after_the_last_day() -> Core:
    return await a_hub(a_course(ends=NOW - timedelta(days=4)))


async def for_teachers_only() -> Core:
    return await a_hub(a_course(offers={STUDENT: ("notebook",), TEACHER: ("notebook", "gpu")}))


async def with_options() -> Core:
    return await a_hub(gpu=a_profile("gpu", title="GPU notebook", flavor=T4, options=[DEVICES]))


async def during_an_exam() -> Core:
    core = await a_hub()
    half = timedelta(minutes=30)
    image = "registry.example/exam:1"
    exam = Exam("midterm", "ml", NOW - half, NOW + 3 * half, "notebook", image)
    await core.exams.save(Prepared(exam, "tea", NOW), AuditEntry(NOW, "tea", "prepare-exam", "ml"))
    return core


async def beside_another_class() -> Core:
    tuesday = Weekly(frozenset({1}), time(10, 15), time(12), OSLO)
    return await a_hub(
        a_course(), a_course("db", windows=(Window("Class", tuesday, reserve={"t4": 2}),))
    )


async def between_two_classes() -> Core:
    tuesday = Weekly(frozenset({1}), time(14, 15), time(16), OSLO)
    return await a_hub(a_course(hours={"gpu": Timetable((tuesday,))}))


async def with_a_server() -> Core:
    core = await a_hub(a_course(caps={STUDENT: Caps(servers=1)}))
    await start(core, "ada")
    return core


async def with_all_its_own_in_use() -> Core:
    core = await a_hub(a_course(quota={"t4": Quota(1, 0)}), a_course("db", quota={"t4": Quota(1)}))
    await start(core, "bob")
    return core


async def with_the_week_used_up() -> Core:
    core = await a_hub(
        a_course(allowances=Allowances(person=parse_allowance("4h per week"))),
    )
    await start(core, "ada")
    return core


async def with_the_course_used_up() -> Core:
    core = await a_hub(
        a_course(allowances=Allowances(course=parse_allowance("4h per week"))),
    )
    await start(core, "bob")
    return core


async def with_one_free_on_each_machine() -> Core:
    gpu = a_profile("gpu", title="GPU notebook", flavor=T4, options=[DEVICES])
    core = await a_hub(a_course(quota={"t4": Quota(2)}), gpu=gpu)
    core.inventory.nodes["t4"] = [1, 1]  # type: ignore[attr-defined]
    return core


async def with_others_in_line() -> Core:
    core = await with_options()
    await start(core, "bob")
    kim = await enrol(core, "kim", ml=STUDENT)
    await core.line.join(StartRequest(kim.key, "ml", "gpu", {"devices": "two"}), kim)
    core.clock.pass_(hours=2)  # type: ignore[attr-defined]
    return core


async def without_the_cluster() -> Core:
    core = await a_hub()
    core.inventory.alive_at = core.clock() - timedelta(minutes=3)  # type: ignore[attr-defined]
    return core


SCENES: Final[Mapping[Code, Scene]] = {
    Code.NOT_ENROLLED: Scene("Ada is in no course.", outside_the_course, ""),
    Code.ROSTER_STALE: Scene(
        "The directory has been down for thirteen hours; servers without GPUs start all the same.",
        a_silent_directory,
        "",
    ),
    Code.COURSE_CLOSED: Scene("The course is over.", after_the_last_day),
    Code.PROFILE_NOT_OFFERED: Scene("GPUs are for teachers.", for_teachers_only),
    Code.OPTION_INVALID: Scene(
        "There is no such choice.", with_options, "--profile gpu --option devices=nine"
    ),
    Code.EXAM_RUNNING: Scene(
        "All students of the course sit an exam until 12:30 and start its notebook alone.",
        during_an_exam,
        "",
    ),
    Code.OUTSIDE_WINDOW: Scene("GPUs start on Tuesdays from 14:15 to 16:00.", between_two_classes),
    Code.PERSON_CAP: Scene("Ada has a server; the course lets students have one.", with_a_server),
    Code.COURSE_QUOTA: Scene(
        "The course owns one GPU, which Bob has, and borrows none.",
        with_all_its_own_in_use,
    ),
    Code.POOL_RESERVED: Scene(
        "Another course's class holds both GPUs until noon; nobody uses them.",
        beside_another_class,
    ),
    Code.PERSON_ALLOWANCE: Scene(
        "Ada's four hours of this week are reserved by the session that she has.",
        with_the_week_used_up,
    ),
    Code.COURSE_ALLOWANCE: Scene(
        "Bob's session has reserved the four hours that all have together.",
        with_the_course_used_up,
    ),
    Code.NO_CAPACITY: Scene(
        "The course owns two GPUs, which stand in two machines.",
        with_one_free_on_each_machine,
        "--profile gpu --option devices=two",
    ),
    Code.INVENTORY_STALE: Scene(
        "The cluster has been silent for three minutes.", without_the_cluster
    ),
}

OTHERS: Final[Mapping[str, Scene]] = {
    "With others in line": Scene(
        "Bob has one GPU; Kim has waited for two at a time for two hours, and the other one is kept for her.",
        with_others_in_line,
    ),
    "At another time": Scene(
        "The same course as under outside-window, on the afternoon of its class.",
        between_two_classes,
        "--profile gpu --at 2026-11-10T15:00",
    ),
    "At the time of a class": Scene(
        "The same course as under pool-reserved, a week later.",
        beside_another_class,
        "--profile gpu --at 2026-11-10T11:00",
    ),
    "With a grant": Scene(
        "The same student as under person-allowance, if she were given five hours.",
        with_the_week_used_up,
        "--profile gpu --if-grant hours=5",
    ),
    "With another quota": Scene(
        "The same course as under course-quota, if it owned two.",
        with_all_its_own_in_use,
        "--profile gpu --if-quota t4=2",
    ),
}


# -- running them --------------------------------------------------------------------------------------------------


def command(scene: Scene) -> str:
    """What is typed, beside a hub that is named in the environment."""
    return f"jupyterhub-edu explain --person ad:ada --course ml {scene.asked}".rstrip()


def run(scene: Scene) -> str:
    """Run the command, where the hub that it asks is the scene's."""

    async def ask(method: str, path: str) -> Any:
        query = parse_qs(urlsplit(path).query)
        one = {key: values[0] for key, values in query.items()}
        asked = Asked(
            one["course"],
            one.get("profile"),
            one.get("at"),
            *(tuple(query.get(key, ())) for key in ("option", "if_grant", "if_quota")),
        )
        core = await scene.make()
        person = core.roll.by_hub_name("ada")
        assert person is not None
        told = explain_now(core, person, read_question(core.campus, asked)).as_json()
        await core.close()
        return told

    named = {"JUPYTERHUB_API_URL": "http://hub.invalid", "JUPYTERHUB_API_TOKEN": "x"}
    with patch("jupyterhub_edu.cli.explain.ask_hub", ask):
        result = CliRunner().invoke(main, shlex.split(command(scene))[1:], env=named)
    assert result.exit_code == 0, result.exception or result.output
    return result.stdout.rstrip("\n")


HEAD: Final = """\
# What explain says

One answer of `jupyterhub-edu explain` for each [reason code](reasons.md), from a hub with one course, a student Ada and two
T4 devices on one machine. The hub that runs is asked, by `JUPYTERHUB_API_URL` and an administrator's
`JUPYTERHUB_API_TOKEN`; how to ask is told in [find out why a start was refused](../how-to/why-refused.md).
"""


def page() -> str:
    """The whole reference page."""
    parts = [HEAD]
    for title, scene in [*((f"`{code}`", s) for code, s in SCENES.items()), *OTHERS.items()]:
        shown = f"```console\n$ {command(scene)}\n```\n\n```text\n{run(scene)}\n```"
        parts.append(f"## {title}\n\n{scene.words}\n\n{shown}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    print(page(), end="")
