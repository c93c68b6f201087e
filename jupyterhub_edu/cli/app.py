"""The commands and their options."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from jupyterhub_edu import __version__
from jupyterhub_edu.domain.usage import By

from .exam import exam
from .grant import grant
from .output import Format, say, say_json
from .people import people
from .stop import stop
from .window import window

__all__ = ["main"]

main = typer.Typer(
    name="jupyterhub-edu",
    help="Look at a campus file: what is wrong with it, and what it means.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich" if sys.stdout.isatty() else None,
)
person = typer.Typer(
    help="What is kept of one person: hand it over, or erase it.", no_args_is_help=True
)
main.add_typer(person, name="person")
main.add_typer(grant, name="grant")
main.add_typer(exam, name="exam")
main.add_typer(window, name="window")
main.add_typer(people, name="people")
main.command("stop")(stop)
_FAILED = 2

CampusPath = Annotated[
    Path, typer.Argument(metavar="FILE", help="Campus file, or folder of files.")
]
MaybeCampus = Annotated[
    Path | None,
    typer.Option(
        "--campus",
        metavar="FILE",
        help="Campus file, or folder of files. Left out: the hub that JUPYTERHUB_API_URL names is asked, with the "
        "administrator's token in JUPYTERHUB_API_TOKEN.",
    ),
]
Who = Annotated[
    str, typer.Argument(metavar="NAME|KEY", help="Hub account, or SOURCE:ID of an identity.")
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]


def _version(wanted: bool) -> None:
    if wanted:
        say(f"jupyterhub-edu {__version__}")
        raise typer.Exit


@main.callback()
def _all(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


@main.command()
def check(
    file: CampusPath,
    connect: Annotated[
        bool,
        typer.Option(
            "--connect", help="Also ask the sources, the store, the cluster and the hub."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Find every mistake in a campus file. Exit 0: none; 2: some."""
    from .check import check_file

    if not check_file(file, connect=connect, as_json=as_json):
        raise typer.Exit(_FAILED)


@main.command()
def explain(
    person: Annotated[
        str,
        typer.Option(
            metavar="SOURCE:LOGIN", help="Who; the source may be left out if there is one."
        ),
    ],
    course: Annotated[str, typer.Option(metavar="COURSE", help="The course's key or code.")],
    campus: MaybeCampus = None,
    profile: Annotated[
        str | None, typer.Option(metavar="PROFILE", help="Only this profile; left out: all.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=CHOICE", help="An option chosen; repeatable.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="When, such as 2026-10-01T10:15; left out: now. Of another time every device counts as idle.",
        ),
    ] = None,
    if_grant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GRANT",
            help="As if granted hours=5, offer=PROFILE, cap=2 (servers), cap=FLAVOR:2 or longest=PROFILE:8h; repeatable.",
        ),
    ] = None,
    if_quota: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FLAVOR=N[+M]",
            help="As if the course had N devices of its own, and might borrow M; repeatable.",
        ),
    ] = None,
    course_role: Annotated[
        str | None,
        typer.Option(
            metavar="ROLE",
            help="As if enrolled with this role; the hub's store is then not asked.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what somebody may start in a course, and why not the rest, as the hub decides."""
    from jupyterhub_edu.campus.questions import Asked

    from .explain import Wish, explain_start_of

    lists = (tuple(texts or ()) for texts in (option, if_grant, if_quota))
    wish = Wish(person, Asked(course, profile, at, *lists), course_role)
    if not explain_start_of(campus, wish, as_json=as_json):
        raise typer.Exit(_FAILED)


@main.command()
def sync(
    campus: MaybeCampus = None,
    source: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Only this source; left out: all.")
    ] = None,
    course: Annotated[
        str | None, typer.Option(metavar="COURSE", help="Only this course, by its key or code.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would change; also beside a hub.")
    ] = False,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="Let through what the source's guard holds in this course."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Read whole rosters now and say what changed. Exit 0: all of it; 2: something was not read, or is held."""
    from .sync import Wish
    from .sync import sync as do_sync

    if not do_sync(campus, Wish(source, course, dry_run, accept), as_json=as_json):
        raise typer.Exit(_FAILED)


@main.command()
def usage(
    campus: MaybeCampus = None,
    course: Annotated[
        str | None, typer.Option(metavar="COURSE", help="Only this course, by its key or code.")
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(metavar="NAME|KEY", help="Only this hub account, or the one of SOURCE:ID."),
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="Since this day: 2026-10-01.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--until", metavar="DAY", help="Until this day, inclusive.")
    ] = None,
    by: Annotated[
        list[By] | None,
        typer.Option(
            metavar="day|person|course|flavor|profile",
            help="What the rows are told apart by; repeatable; left out: course.",
        ),
    ] = None,
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            metavar="table|csv|json",
            help="For people, for a spreadsheet, or for programs.",
        ),
    ] = Format.TABLE,
    recount: Annotated[
        bool,
        typer.Option(
            "--recount",
            help="Only make the days anew from the sessions, with --campus; no hub may run.",
        ),
    ] = False,
) -> None:
    """Say what ended sessions used, in hours and in GPU hours; days are those of the campus's time zone."""
    from . import usage as command

    wish = command.Wish(course, person, first, last, tuple(by or (By.COURSE,)))
    if not (command.recount(campus) if recount else command.show_usage(campus, wish, form)):
        raise typer.Exit(_FAILED)


@person.command("export")
def export_person(who: Who, campus: MaybeCampus = None) -> None:
    """Print everything that is kept of somebody, as JSON."""
    from .person import export_person as do_export

    if not do_export(campus, who):
        raise typer.Exit(_FAILED)


@person.command("erase")
def erase_person(
    who: Who,
    campus: MaybeCampus = None,
    sure: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
) -> None:
    """Erase everything that is kept of somebody; sessions and the audit keep a stand-in for their name."""
    from .person import erase_person as do_erase

    if not do_erase(campus, who, sure=sure):
        raise typer.Exit(_FAILED)


@main.command()
def schema() -> None:
    """Print the JSON Schema of the campus file, for editors."""
    from jupyterhub_edu.campus import json_schema
    from jupyterhub_edu.identity import SOURCE_TYPES

    say_json(json_schema(SOURCE_TYPES))


@main.command("hash-password")
def hash_password(
    person: Annotated[
        str | None, typer.Argument(help="Print a whole line for the passwords' file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Hash a password for a roster's passwords' file: asked for on a terminal, else the first line of the input."""
    from jupyterhub_edu.identity.roster import hash_password as make_hash

    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password.strip():
        say("an empty password lets nobody in; give one", error=True)
        raise typer.Exit(_FAILED)
    hashed = make_hash(password)
    if as_json:
        say_json({"person": person, "hash": hashed})
    else:
        say(f"{person}:{hashed}" if person else hashed)
