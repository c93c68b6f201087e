"""``jupyterhub-edu check``: all mistakes of a campus file and, asked to, of the world that it speaks of."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Final

from jupyterhub_edu import campus
from jupyterhub_edu.campus import CampusError, Loaded, Mistake
from jupyterhub_edu.identity import SOURCE_TYPES

from .advisories import find_advisories
from .output import BAD, DIM, GOOD, HEAD, NOTE, say, say_json

__all__ = ["check_file"]

_KEY: Final = "JUPYTERHUB_CRYPT_KEY"


def check_file(path: Path, *, connect: bool, as_json: bool) -> bool:
    """Check a file, print what was found, and say whether all is well; warnings are well."""
    try:
        loaded = campus.load(
            path, SOURCE_TYPES, kubespawner_traits=kubespawner_traits(), need_secrets=connect
        )
    except CampusError as error:
        if as_json:
            _print_json(path, mistakes=error.mistakes)
        else:
            _print_mistakes(path, error.mistakes)
        return False
    warnings = [str(warning) for warning in loaded.warnings]
    warnings += [str(advisory) for advisory in find_advisories()]
    warnings += _without_key(loaded) if connect else []
    if not as_json:
        _print_good(path, loaded, warnings)
    answers = asyncio.run(_ask(loaded, tell=not as_json)) if connect else []
    if as_json:
        _print_json(path, warnings=warnings, answers=answers)
    return not any(problems for _, problems in answers)


def kubespawner_traits() -> Collection[str]:
    """What ``kubespawner:`` may name."""
    from kubespawner import KubeSpawner

    return frozenset(KubeSpawner.class_trait_names(config=True))


def _without_key(loaded: Loaded) -> list[str]:
    """What cannot be asked without the hub's key; no mistake, for the hub may have it where we do not."""
    kinds = loaded.campus.sources.items()
    needing = [id for id, source in kinds if SOURCE_TYPES[source.type].needs_safe]
    if not needing or os.environ.get(_KEY):
        return []
    return [
        f"{_KEY} is not set here; the hub needs it for {', '.join(needing)}, the same at every start (openssl rand -hex 32; the "
        "z2jh chart makes one), and what it has sealed is not asked"
    ]


async def _ask(loaded: Loaded, *, tell: bool) -> list[tuple[str, list[str]]]:
    """Ask the world, and tell each answer as it comes: a silent directory takes its time."""
    from jupyterhub_edu.preset import probe

    answers = []
    async for name, problems in probe(loaded):
        answers.append((name, problems))
        if tell:
            for problem in problems:
                say((f"{name}: ", HEAD), (problem, BAD))
            if not problems:
                say((f"{name}: ", HEAD), ("works", GOOD))
    return answers


def print_mistakes(mistakes: Iterable[Mistake]) -> None:
    """One line each: place, path, what is wrong, what to do."""
    for mistake in mistakes:
        place = mistake.file if mistake.line is None else f"{mistake.file}:{mistake.line}"
        pieces: list[str | tuple[str, str]] = [(place, HEAD), ": "]
        if mistake.path:
            pieces += [(mistake.path, BAD), ": "]
        pieces.append(mistake.message)
        if mistake.fix:
            pieces += ["; ", (mistake.fix, GOOD)]
        say(*pieces)


def _print_mistakes(path: Path, mistakes: list[Mistake]) -> None:
    print_mistakes(mistakes)
    say((_count(len(mistakes), "mistake"), BAD), f" in {path}")


def _print_good(path: Path, loaded: Loaded, warnings: list[str]) -> None:
    for warning in warnings:
        say(("warning: ", NOTE), warning)
    found = loaded.campus
    say((f"{path}: no mistakes", GOOD), f" ({found.name})")
    counts = (
        _count(len(found.courses), "course"),
        _count(len(found.profiles), "profile"),
        _count(len(found.flavors), "flavor"),
        _count(len(found.rules), "rule"),
        _count(len(found.admins), "admin"),
        f"sources: {', '.join(f'{s.id} ({s.type})' for s in found.sources.values())}",
    )
    say((", ".join(counts), DIM), indent=2)
    for id, callback in _callbacks(loaded).items():
        say((f"redirect URI to register for {id}: https://<your hub>{callback}", DIM), indent=2)


def _callbacks(loaded: Loaded) -> dict[str, str]:
    from jupyterhub_edu.preset import callbacks

    return callbacks(loaded)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _as_json(mistake: Mistake) -> dict[str, object]:
    """A mistake for whoever has the file, who may know all that is in it."""
    known = asdict(mistake)
    del known["discreet"]
    return known


def _print_json(
    path: Path,
    *,
    mistakes: Iterable[Mistake] = (),
    warnings: Iterable[str] = (),
    answers: Iterable[tuple[str, list[str]]] = (),
) -> None:
    say_json(
        {
            "file": str(path),
            "mistakes": [_as_json(mistake) for mistake in mistakes],
            "warnings": list(warnings),
            "answers": [{"asked": name, "problems": problems} for name, problems in answers],
        }
    )
