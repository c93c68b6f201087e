"""How an explanation is told to a person; it comes as JSON, from a hub or from here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from jupyterhub_edu.domain.reasons import Code

from .output import BAD, DIM, GOOD, HEAD, NOTE, say

__all__ = ["print_story"]

Told = dict[str, Any]
"""An explanation, or a part of it, as ``core.explain`` gives it."""
_STATES: Final = {"later": ", not yet", "ended": ", no longer"}
_CAPACITY: Final = {
    "live": "with the sessions and the devices of this moment",
    "kept": "with the sessions that the store knows; which devices are free only the hub can say",
    "idle": "with every device idle",
    "then": "with every device idle; who is on then, what is free and who waits is not known",
}
_FOR_DEVICES: Final = {Code.COURSE_QUOTA, Code.POOL_RESERVED, Code.NO_CAPACITY}


def print_story(told: Told) -> None:
    """Who, as what, when; then each profile with what it gives or why not."""
    told = {**told, "zone": ZoneInfo(told["time_zone"])}
    say(
        (told["name"], HEAD),
        f" ({told['source']}:{told['login']}) in ",
        (told["course_title"], HEAD),
    )
    _enrolments(told)
    _knowledge(told)
    at = datetime.fromisoformat(told["at"]).astimezone(told["zone"])
    say((f"at {at:%Y-%m-%d %H:%M %Z}, {_CAPACITY[told['capacity']]}", DIM))
    for supposed in told["supposed"]:
        say((f"supposing {supposed}", NOTE))
    if told["standing"]:
        say(told["standing"])
    answers = told["profiles"]
    if all(_is_for_nobody(answer) for answer in answers):
        # It stands alone and is the same for every profile: once is enough.
        say("")
        say(("no   ", BAD), "anything")
        _reasons(told, answers[0])
        return
    for answer in answers:
        say("")
        _answer(told, answer)


def _is_for_nobody(answer: Told) -> bool:
    return not answer["allowed"] and answer["reasons"][0]["code"] == Code.NOT_ENROLLED


def _enrolments(told: Told) -> None:
    if not told["enrolments"]:
        say("has no enrolment in it")
    for e in told["enrolments"]:
        age = f", as it said {_when(told, e['heard_at'])}" if e["heard_at"] else ""
        say(f"is {e['course_role']} by {e['by']}{_STATES.get(e['state'], '')}{age}")


def _knowledge(told: Told) -> None:
    """Where all that comes from, and how old it is."""
    known = told["knowledge"]
    if (out := known["kept_out"]) is not None:
        say(
            "is kept out of it by hand", f" ({out['by']}{': ' + out['why'] if out['why'] else ''})"
        )
    if known["why_not"]:
        say((f"what the hub remembers was not asked: {known['why_not']}", DIM))
    if not known["from_store"]:
        return
    if not known["active"]:
        say(f"{known['source']} says that this account is gone or out of use")
    heard = f"; {known['source']} was last heard of them {_when(told, known['heard_at'])}"
    where = "the hub" if known["live"] else "the hub's store"
    words = {
        "account": f"as {where} has it{heard if known['heard_at'] else ''}",
        "listed": f"as {where} has it: a roster names them, and they have never logged in",
        "nobody": "the hub's store has never heard of them; --course-role asks as if they were in the course",
    }
    say((words[known["known_as"]], DIM))


def _when(told: Told, instant: str | None) -> str:
    """An instant, and how long ago that is."""
    if instant is None:
        return "never"
    age = datetime.fromisoformat(told["now"]) - datetime.fromisoformat(instant)
    return f"{_local(told, instant)} ({_ago(age)} ago)"


def _local(told: Told, instant: str) -> str:
    return f"{datetime.fromisoformat(instant).astimezone(told['zone']):%Y-%m-%d %H:%M}"


def _ago(age: timedelta) -> str:
    minutes = max(0, round(age.total_seconds() / 60))
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


def _answer(told: Told, answer: Told) -> None:
    if not answer["allowed"]:
        say(("no   ", BAD), (answer["profile"], HEAD), f"  {answer['title']}")
        _reasons(told, answer)
        return
    say(("yes  ", GOOD), (answer["profile"], HEAD), f"  {answer['title']}")
    say(_amounts(told, answer), indent=5)
    for option, choices in answer["options"].items():
        for key, choice in choices.items():
            _choice(f"{option}={key}", choice)


def _amounts(told: Told, answer: Told) -> str:
    parts = [answer["cpu"], answer["memory"]]
    if answer["devices"]:
        ground = "the course's own" if answer["own"] else "spare, on loan"
        parts.append(f"{answer['devices']} {answer['flavor_title']} ({ground})")
    if answer["image"]:
        parts.append(answer["image"])
    if answer["ends_at"]:
        parts.append(f"until {_local(told, answer['ends_at'])} ({answer['ends_why']})")
    return ", ".join(parts)


def _reasons(told: Told, answer: Told) -> None:
    pool = answer["pool"]
    for reason in answer["reasons"]:
        say(reason["sentence"], (f"  [{reason['code']}]", NOTE), indent=5)
        again = f"; again {_local(told, reason['retry_at'])}" if reason["retry_at"] else ""
        say((f"who can change it: {reason['who']}{again}", DIM), indent=7)
    if pool and any(reason["code"] in _FOR_DEVICES for reason in answer["reasons"]):
        for line in _numbers(pool):
            say((line, DIM), indent=7)
        if answer["line"]:
            say((f"in line for it: {answer['line']}", DIM), indent=7)


def _numbers(pool: Told) -> Iterator[str]:
    """What rules 9, 10 and 13 were decided on."""
    most = "" if pool["most"] is None else f", may hold {pool['most']}"
    spare = f", {pool['spare']} of them spare" if pool["spare"] else ""
    held = f", {pool['reserved']} more held for its class" if pool["reserved"] else ""
    yield f"the course: owns {pool['own']}{most}, uses {pool['used']}{spare}{held}"
    yield f"others: use {pool['used_by_others']}, {pool['kept_for_others']} more kept for them"
    if pool["free"] is not None:
        coming = (
            f", {pool['on_their_way']} taken but not placed yet" if pool["on_their_way"] else ""
        )
        yield f"free: {pool['free']} ({_by_node(pool['free_by_node'])}{coming})"


def _by_node(free: list[int]) -> str:
    """How many machines have how many: ``2 on one machine, 1 on each of 3, none on 5``."""
    if not free:
        return "no machine has this kind"
    parts = []
    for devices, machines in sorted(Counter(free).items(), reverse=True):
        where = "one machine" if machines == 1 else f"each of {machines} machines"
        parts.append(f"{devices or 'none'} on {where}")
    return ", ".join(parts)


def _choice(name: str, choice: Told) -> None:
    usual = " (default)" if choice["default"] else ""
    if choice["allowed"]:
        say(("yes  ", GOOD), f"{name}  {choice['title']}{usual}", indent=5)
        return
    say(("no   ", BAD), f"{name}  {choice['title']}{usual}", indent=5)
    for reason in choice["reasons"]:
        say(reason["sentence"], (f"  [{reason['code']}]", NOTE), indent=10)
