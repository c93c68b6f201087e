"""``jupyterhub-edu grant``: what staff give to people of a course, asked of the hub that runs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .asking import Impossible, address, all_of, at, clock, finish, named
from .hub import ask_hub
from .output import DIM, GOOD, HEAD, say

__all__ = ["grant"]

grant = typer.Typer(
    help="Grants of a course, by the hub that JUPYTERHUB_API_URL names, with the rights of the token in "
    "JUPYTERHUB_API_TOKEN.",
    no_args_is_help=True,
)

Course = Annotated[str, typer.Argument(metavar="COURSE", help="The course's id, as in addresses.")]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]


@grant.command("list")
def list_grants(course: Course, as_json: Json = False) -> None:
    """Say what has been given in a course, and what teachers give alone."""

    def show(found: dict[str, Any]) -> None:
        ceilings, zone = found["ceilings"], found["time_zone"]
        say(("Teachers give alone: ", HEAD), _ceilings(ceilings))
        for one in found["grants"]:
            _show(one, zone)

    finish(lambda: all_of(address(course, "grants"), "grants"), show, as_json=as_json)


@grant.command("give")
def give(
    course: Course,
    person: Annotated[
        str | None, typer.Option(metavar="NAME", help="To this account, key, login or number.")
    ] = None,
    section: Annotated[
        str | None, typer.Option(metavar="SECTION", help="To everybody in this section.")
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="To everybody in the course.")] = False,
    hours: Annotated[
        float | None, typer.Option(metavar="HOURS", help="So many GPU hours, once.")
    ] = None,
    offer: Annotated[
        str | None,
        typer.Option(metavar="PROFILE", help="This profile, which their role is not offered."),
    ] = None,
    servers: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="So many servers at a time.")
    ] = None,
    devices: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", help="So many devices at a time, of --flavor."),
    ] = None,
    flavor: Annotated[
        str | None, typer.Option(metavar="FLAVOR", help="The flavor of --devices.")
    ] = None,
    longest: Annotated[
        int | None,
        typer.Option(metavar="MINUTES", help="Sessions so long, of --profile."),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(metavar="PROFILE", help="The profile of --longest.")
    ] = None,
    starts: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="TIME", help="From then on, in the campus's time; left out: now."
        ),
    ] = None,
    ends: Annotated[
        str | None,
        typer.Option("--until", metavar="TIME", help="Until then; left out: the course's end."),
    ] = None,
    why: Annotated[str, typer.Option(metavar="WORDS", help="For the audit.")] = "",
    as_json: Json = False,
) -> None:
    """Give one thing to a person, a section, or everybody in a course."""
    what = {
        "hours": hours,
        "offer": offer,
        "servers": servers,
        "devices": devices,
        "flavor": flavor,
        "longest": longest,
        "profile": profile,
        "person": person,
        "section": section,
    }

    async def ask() -> Any:
        if sum((person is not None, section is not None, everybody)) != 1:
            raise Impossible("say to whom: --person, --section or --all")
        path = address(course, "grants")
        _, (first, last) = await clock(path, starts, ends)
        wish = {**what, "starts": first, "ends": last, "why": why}
        return await ask_hub("POST", path, {k: v for k, v in wish.items() if v is not None})

    def show(given: dict[str, Any]) -> None:
        say(("given: ", GOOD), given["what"], f" to {_whom(given)}, as {given['id']}")

    finish(ask, show, as_json=as_json)


@grant.command("take-back")
def take_back(
    course: Course,
    id: Annotated[str, typer.Argument(metavar="GRANT", help="The grant's id, as list says it.")],
    as_json: Json = False,
) -> None:
    """Take a grant back; extra hours that have been used stay used."""

    def show(left: dict[str, Any] | None) -> None:
        say(("taken back", GOOD), f", but for {left['what']} that are used" if left else "")

    finish(lambda: ask_hub("DELETE", address(course, "grants", id)), show, as_json=as_json)


def _show(one: dict[str, Any], zone: str) -> None:
    dates = f"{at(one['starts'], zone)} to {at(one['ends'], zone)}"
    taken = f", of which {one['taken']:g} are used or reserved" if "taken" in one else ""
    say(one["what"], taken, f" to {_whom(one)}, {dates}, by {one['by']}", (f"  {one['id']}", DIM))


def _whom(one: dict[str, Any]) -> str:
    return f"section {one['section']}" if one["section"] else named(one["person"])


def _ceilings(ceilings: dict[str, Any]) -> str:
    words = [f"{ceilings['hours']:g} GPU hours to one student a term"] if ceilings["hours"] else []
    words += [f"the profile {profile}" for profile in ceilings["offer"]]
    words += [f"{ceilings['servers']} servers at a time"] if ceilings["servers"] else []
    words += [f"{n} {flavor} at a time" for flavor, n in ceilings["devices"].items()]
    words += [f"sessions of {ceilings['longest']} minutes"] if ceilings["longest"] else []
    return "; ".join(words) or "nothing"
