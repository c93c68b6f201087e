"""``jupyterhub-edu people``: who is in a course, asked of the hub that runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from .asking import address, all_of, clock, finish, named
from .grant import Course, Json
from .hub import ask_hub
from .output import DIM, GOOD, NOTE, say

__all__ = ["people"]

people = typer.Typer(
    help="Who is in a course, by the hub that JUPYTERHUB_API_URL names, with the rights of the token in "
    "JUPYTERHUB_API_TOKEN.",
    no_args_is_help=True,
)

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Student number, login, account or key; SOURCE:LOGIN."),
]
Until = Annotated[
    str | None, typer.Option(metavar="TIME", help="Until then, in the campus's time.")
]
Why = Annotated[str, typer.Option(metavar="WORDS", help="For the audit.")]


@people.command("list")
def list_people(
    course: Course,
    search: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Part of a name, login or number.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say who is in a course, who is kept out, and what waits."""

    def show(found: dict[str, Any]) -> None:
        for one in found["people"]:
            say(named(one), f", {one['role'] or 'not in it now'}")
        for one in found["excluded"]:
            say((f"{one['person']}: kept out by {one['by']}", NOTE))
        for one in found["pending"]:
            say(f"{one['typed']} waits: {one['reason']['sentence']}", (f"  {one['id']}", DIM))

    asked = {"q": search} if search else {}
    finish(lambda: all_of(address(course, "people"), "people", **asked), show, as_json=as_json)


@people.command("add")
def add(
    course: Course,
    name: Name,
    role: Annotated[
        str, typer.Option(metavar="ROLE", help="student, observer, assistant or teacher.")
    ] = "student",
    starts: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="From then on; left out: now.")
    ] = None,
    until: Until = None,
    why: Why = "",
    as_json: Json = False,
) -> None:
    """Add somebody to a course by hand."""
    wish = {"person": name, "role": role, "why": why}
    finish(lambda: _put(course, wish, starts, until), _show_done, as_json=as_json)


@people.command("exclude")
def exclude(
    course: Course, name: Name, until: Until = None, why: Why = "", as_json: Json = False
) -> None:
    """Keep somebody out of a course, whatever a source says."""
    wish = {"person": name, "exclude": True, "why": why}
    finish(lambda: _put(course, wish, None, until), _show_done, as_json=as_json)


@people.command("take-back")
def take_back(course: Course, name: Name, as_json: Json = False) -> None:
    """Take back what was done by hand for somebody, or what waits, by its id."""
    finish(
        lambda: ask_hub("DELETE", address(course, "people", name)),
        lambda _: say(("taken back", GOOD)),
        as_json=as_json,
    )


async def _put(course: str, wish: Mapping[str, Any], starts: str | None, until: str | None) -> Any:
    # Grants are told with the campus's zone, and whoever may add people may see them.
    _, times = await clock(address(course, "grants"), starts, until)
    dates = dict(zip(("starts", "ends"), times, strict=True))
    body = {**wish, **{key: at for key, at in dates.items() if at is not None}}
    return await ask_hub("POST", address(course, "people"), body)


def _show_done(done: dict[str, Any]) -> None:
    if done["person"] is not None:
        say(("done: ", GOOD), done["person"])
        return
    waits = done["pending"]
    say(("it waits: ", NOTE), waits["reason"]["sentence"], (f"  {waits['id']}", DIM))
