"""``jupyterhub-edu window``: windows of a course, asked of the hub that runs."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
import yaml

from .asking import Impossible, address, finish
from .grant import Course, Json
from .hub import ask_hub
from .output import DIM, GOOD, NOTE, say

__all__ = ["window"]

window = typer.Typer(
    help="Windows of a course, by the hub that JUPYTERHUB_API_URL names, with the rights of the token in "
    "JUPYTERHUB_API_TOKEN.",
    no_args_is_help=True,
)


@window.command("list")
def list_windows(course: Course, as_json: Json = False) -> None:
    """Say which windows of a course are in force."""
    finish(lambda: ask_hub("GET", address(course, "windows")), _show, as_json=as_json)


@window.command("set")
def set_window(
    course: Course,
    wish: Annotated[
        str,
        typer.Argument(
            metavar="WINDOW",
            help='As the campus file would have it: \'{days: [tue], from: "10:15", until: "12:00"}\'.',
        ),
    ],
    instead_of: Annotated[
        str | None,
        typer.Option(metavar="ID", help="In the place of this one; left out: one more."),
    ] = None,
    why: Annotated[str, typer.Option(metavar="WORDS", help="For the audit.")] = "",
    as_json: Json = False,
) -> None:
    """Add a window to a course, or change one."""

    async def ask() -> Any:
        body = {"window": _read(wish), "why": why}
        if instead_of is not None:
            body["instead_of"] = instead_of
        return await ask_hub("POST", address(course, "windows"), body)

    finish(ask, _show, as_json=as_json)


@window.command("drop")
def drop(
    course: Course,
    id: Annotated[str, typer.Argument(metavar="ID", help="The window's id, as list says it.")],
    as_json: Json = False,
) -> None:
    """Take a window away, also one of the campus file."""
    finish(
        lambda: ask_hub("DELETE", address(course, "windows", id)),
        lambda _: say(("taken away", GOOD)),
        as_json=as_json,
    )


def _read(wish: str) -> dict[str, Any]:
    try:
        found = yaml.safe_load(wish)
        # What the file's language has beside JSON, such as dates, is text in a window.
        plain = json.loads(json.dumps(found, default=str))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Impossible(f"not a window: {wish}") from error
    if not isinstance(plain, dict):
        raise Impossible(f"not a window: {wish}")
    return plain


def _show(found: dict[str, Any]) -> None:
    if not found["windows"]:
        say("none")
    for one in found["windows"]:
        text = json.dumps(one["window"], ensure_ascii=False)
        say(
            text,
            (" in the campus file" if one["in_file"] else "", NOTE),
            (f"  {one['id']}", DIM),
        )
