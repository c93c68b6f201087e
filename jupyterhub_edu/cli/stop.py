"""``jupyterhub-edu stop``: servers of a course, stopped by the hub that runs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .asking import Impossible, address, finish
from .grant import Course, Json
from .hub import ask_hub
from .output import GOOD, say

__all__ = ["stop"]


def stop(
    course: Course,
    account: Annotated[
        str | None, typer.Argument(metavar="ACCOUNT", help="Whose server of this course.")
    ] = None,
    server: Annotated[
        str, typer.Argument(metavar="SERVER", help="Its name; left out: the default one.")
    ] = "",
    section: Annotated[
        str | None, typer.Option(metavar="SECTION", help="Those of everybody in this section.")
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="All of the course.")] = False,
    as_json: Json = False,
) -> None:
    """Stop servers of a course, with the rights of the token in JUPYTERHUB_API_TOKEN."""

    async def ask() -> Any:
        if sum((account is not None, section is not None, everybody)) != 1:
            raise Impossible("say whose: an account, --section or --all")
        if account is not None:
            parts = [account, *filter(None, [server])]
            return await ask_hub("DELETE", address(course, "servers", *parts))
        whose = {"all": True} if section is None else {"section": section}
        return await ask_hub("POST", address(course, "stops"), whose)

    def show(told: dict[str, Any] | None) -> None:
        say(("it stops" if told is None else f"{told['meant']} are being stopped", GOOD))

    finish(ask, show, as_json=as_json)
