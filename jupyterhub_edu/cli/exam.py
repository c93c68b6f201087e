"""``jupyterhub-edu exam``: exams of a course, asked of the hub that runs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .asking import Impossible, address, all_of, at, clock, finish, named, pairs
from .grant import Course, Json
from .hub import ask_hub
from .output import BAD, DIM, GOOD, HEAD, NOTE, say

__all__ = ["exam"]

exam = typer.Typer(
    help="Exams of a course, by the hub that JUPYTERHUB_API_URL names, with the rights of the token in "
    "JUPYTERHUB_API_TOKEN.",
    no_args_is_help=True,
)

Id = Annotated[str, typer.Argument(metavar="EXAM", help="The exam's id, as list says it.")]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="When it begins, in the campus's time."),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME", help="When it ends for those without extra time."),
]
Profile = Annotated[
    str | None, typer.Option(metavar="PROFILE", help="The one profile that is started in it.")
]
Image = Annotated[
    str | None,
    typer.Option(metavar="IMAGE", help="With its tag or digest; left out: the profile's."),
]
Options = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="KEY=CHOICE", help="An option's choice, fixed; repeatable."),
]
Participants = Annotated[
    list[str] | None,
    typer.Option(
        "--participant",
        metavar="NAME",
        help="Who takes part: account, key, login or number; repeatable; left out: all students.",
    ),
]
Extra = Annotated[
    list[str] | None,
    typer.Option(
        "--extra", metavar="NAME=MINUTES", help="Extra time; repeatable; 0 takes it away."
    ),
]
Title = Annotated[str | None, typer.Option(metavar="TITLE", help="What its course calls it.")]
Section = Annotated[
    str | None,
    typer.Option(metavar="SECTION", help="Instead of names: who is in this section now."),
]
Dry = Annotated[bool, typer.Option("--dry-run", help="Only say what would happen to whom.")]


@exam.command("list")
def list_exams(course: Course, as_json: Json = False) -> None:
    """Say which exams a course has had and will have."""

    def show(found: dict[str, Any]) -> None:
        if not found["exams"]:
            say("none")
        for one in found["exams"]:
            _show(one, found["time_zone"])

    finish(lambda: all_of(address(course, "exams"), "exams"), show, as_json=as_json)


@exam.command("prepare")
def prepare(
    course: Course,
    starts: From = None,
    ends: Until = None,
    profile: Profile = None,
    image: Image = None,
    option: Options = None,
    participant: Participants = None,
    extra: Extra = None,
    title: Title = None,
    section: Section = None,
    dry_run: Dry = False,
    as_json: Json = False,
) -> None:
    """Prepare an exam, and say what will happen to whom."""

    async def ask() -> Any:
        path = address(course, "exams")
        wish = await _wish(path, (starts, ends), profile, image, option, participant, extra)
        wish |= _said(title=title, section=section)
        if dry_run:
            wish["dry_run"] = True
        return await ask_hub("POST", path, wish)

    def show(told: dict[str, Any]) -> None:
        if "id" in told:
            say(("prepared: ", GOOD), told["id"])
        _show_rehearsal(told["rehearsal"])

    finish(ask, show, as_json=as_json)


@exam.command("change")
def change(
    course: Course,
    id: Id,
    starts: From = None,
    ends: Until = None,
    profile: Profile = None,
    image: Image = None,
    option: Options = None,
    participant: Participants = None,
    extra: Extra = None,
    title: Title = None,
    section: Section = None,
    dry_run: Dry = False,
    as_json: Json = False,
) -> None:
    """Change an exam; once it has begun its end, extra time and more participants alone."""

    async def ask() -> Any:
        times = starts, ends
        path = address(course, "exams")
        wish = await _wish(path, times, profile, image, option, participant, extra)
        wish |= _said(title=title, section=section)
        if dry_run:
            wish["dry_run"] = True
        return await ask_hub("PATCH", address(course, "exams", id), wish)

    def show(told: dict[str, Any]) -> None:
        if "rehearsal" in told:
            _show_rehearsal(told["rehearsal"])
        else:
            say(("changed", GOOD))

    finish(ask, show, as_json=as_json)


@exam.command("rehearse")
def rehearse(course: Course, id: Id, as_json: Json = False) -> None:
    """Say what would happen to whom, were an exam to begin as it is prepared."""
    finish(
        lambda: ask_hub("GET", address(course, "exams", id)),
        lambda told: _show_rehearsal(told["rehearsal"]),
        as_json=as_json,
    )


@exam.command("begin")
def begin(course: Course, id: Id, as_json: Json = False) -> None:
    """Begin an exam now that was to begin later."""
    finish(
        lambda: ask_hub("POST", address(course, "exams", id, "begin"), {}),
        lambda _: say(("it has begun", GOOD)),
        as_json=as_json,
    )


@exam.command("end")
def end(course: Course, id: Id, as_json: Json = False) -> None:
    """End an exam for everybody, extra time included, once they have been warned."""
    finish(
        lambda: ask_hub("POST", address(course, "exams", id, "end"), {}),
        lambda _: say(("it ends as soon as everybody has been warned", GOOD)),
        as_json=as_json,
    )


@exam.command("call-off")
def call_off(course: Course, id: Id, as_json: Json = False) -> None:
    """Take an exam back that has not begun."""
    finish(
        lambda: ask_hub("DELETE", address(course, "exams", id)),
        lambda _: say(("called off", GOOD)),
        as_json=as_json,
    )


@exam.command("protocol")
def protocol(course: Course, id: Id, as_json: Json = False) -> None:
    """Say who started when and from where, and who has not."""

    async def ask() -> Any:
        found = await ask_hub("GET", address(course, "exams", id, "protocol"))
        zone = (await ask_hub("GET", address(course, "exams")))["time_zone"]
        return {**found, "time_zone": zone}

    def show(found: dict[str, Any]) -> None:
        for one in found["started"]:
            ended = at(one["ended_at"], found["time_zone"])
            name = f" ({one['name']})" if one["name"] else ""
            say(
                f"{at(one['at'], found['time_zone'])}  {one['user']}{name} from {one['address']}, ended {ended}"
            )
        for one in found["not_started"]:
            say(("not started: ", NOTE), named(one))

    finish(ask, show, as_json=as_json)


async def _wish(
    path: str,
    times: tuple[str | None, str | None],
    profile: str | None,
    image: str | None,
    options: list[str] | None,
    participants: list[str] | None,
    extra: list[str] | None,
) -> dict[str, Any]:
    minutes = pairs(extra, "NAME=MINUTES")
    if not all(text.isdecimal() and text.isascii() for text in minutes.values()):
        raise Impossible("extra time is a number of minutes: --extra NAME=MINUTES")
    chosen = pairs(options, "KEY=CHOICE")
    _, (starts, ends) = await clock(path, *times)
    wish: dict[str, Any] = {
        "starts": starts,
        "ends": ends,
        "profile": profile,
        "image": image,
        "options": chosen or None,
        "participants": participants or None,
        "extra": {name: int(text) for name, text in minutes.items()} or None,
    }
    return _said(**wish)


def _said(**wish: Any) -> dict[str, Any]:
    return {key: value for key, value in wish.items() if value is not None}


def _show(one: dict[str, Any], zone: str) -> None:
    who = "all students"
    if one["participants"] is not None:
        who = f"{len(one['participants'])} people"
    more = f", {len(one['extra'])} with extra time" if one["extra"] else ""
    dates = f"{at(one['starts'], zone)} to {at(one['ends'], zone)}"
    say(
        (f"{one['phase']}: ", HEAD),
        f"{one['title']}, " if one["title"] else "",
        f"{dates}, {one['profile']}, {who}{more}",
        (f"  {one['id']}", DIM),
    )


def _show_rehearsal(found: dict[str, Any]) -> None:
    people = found["people"]
    say(f"{len(people)} take part, with {found['profile']} from {found['image']}")
    if found["devices"]:
        say(f"{found['devices']} devices are kept for them")
    if found["will_not_start"] is None:
        say(("how many will start is not known: the cluster is not heard", NOTE))
    if found["will_not_start"]:
        say((f"{found['will_not_start']} of them will not start: there are too few devices", BAD))
    if recalled := found["recalled"]:
        say(
            f"spare devices that would be called back: {recalled['own']} of the course's own people, "
            f"{recalled['others']} of others"
        )
    for one in people:
        words = [] if one["logged_in"] else ["has never logged in"]
        if one["stopped"]:
            words.append(f"{one['stopped']} of their servers that run now would be stopped")
        words += [reason["sentence"] for reason in one["reasons"]]
        if words:
            say((f"{named(one)}: ", NOTE), "; ".join(words), indent=2)
