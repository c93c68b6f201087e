"""The commands and their options."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from jupyterhub_edu import __version__

from .output import say, say_json

__all__ = ["main"]

main = typer.Typer(
    name="jupyterhub-edu",
    help="Look at a campus file: what is wrong with it, and what it means.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich" if sys.stdout.isatty() else None,
)
_FAILED = 2

CampusPath = Annotated[
    Path, typer.Argument(metavar="FILE", help="Campus file, or folder of files.")
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
    campus: Annotated[Path, typer.Option(metavar="FILE", help="Campus file, or folder of files.")],
    person: Annotated[
        str,
        typer.Option(
            metavar="SOURCE:LOGIN", help="Who; the source may be left out if there is one."
        ),
    ],
    course: Annotated[str, typer.Option(metavar="COURSE", help="The course's key or code.")],
    profile: Annotated[
        str | None, typer.Option(metavar="PROFILE", help="Only this profile; left out: all.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When, such as 2026-10-01T10:15; left out: now."),
    ] = None,
    course_role: Annotated[
        str | None,
        typer.Option(
            metavar="ROLE", help="As if enrolled with this role, for sources that are not asked."
        ),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=CHOICE", help="An option chosen; repeatable.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what somebody may start in a course, and why not the rest, as the hub would with all devices idle."""
    from .explain import Question, explain_file

    question = Question(person, course, profile, at, course_role, tuple(option or ()))
    if not explain_file(campus, question, as_json=as_json):
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
