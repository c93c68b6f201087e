"""Login shape "form": a name and a password, checked by one source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.people import Identity
from jupyterhub_edu.ports import Denied, FormSource, Gone, Unavailable

from .arrivals import LoginRefused, silent

__all__ = ["FormLogin", "LoginRefused"]

_LONGEST_NAME: Final = 256
_LONGEST_PASSWORD: Final = 4096


class FormLogin:
    """Takes the login form to the source that the person chose."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def check(self, data: Mapping[str, str], sources: Sequence[str]) -> Identity | None:
        """Check a submitted form.

        Always holds:
            - a password is shown to exactly one source: the chosen one, or the only one;
            - blank or overlong input and NUL never reach a source.

        Args:
            data: ``username``, ``password`` and, with several sources, ``source``; hostile text.
            sources: ids of the sources that take forms.

        Returns:
            The identity, or None for a wrong name or password.

        Raises:
            LoginRefused: the source does not answer, or knows the person and refuses them.
        """
        name, password = data.get("username", ""), data.get("password", "")
        chosen = data.get("source") or (sources[0] if sources else "")
        if (
            chosen not in sources
            or not _is_plausible(name, _LONGEST_NAME)
            or not _is_plausible(password, _LONGEST_PASSWORD)
        ):
            return None
        source = cast(FormSource, self._core.refresher.sources[chosen])
        answer = await source.authenticate(name, password)
        match answer:
            case Identity():
                return answer
            case Denied():
                return None
            case Gone():
                self._core.refresher.heard(chosen, answer)
                await self._lose(answer, chosen, name)
                raise LoginRefused(403, answer.why)
            case Unavailable():
                self._core.refresher.heard(chosen, answer)
                title = self._core.campus.sources[chosen].title
                raise silent(title)

    async def _lose(self, gone: Gone, source: str, login: str) -> None:
        """A login that the source refuses for good also ends what was known of the person."""
        folded = login.strip().casefold()
        for person in list(self._core.roll.people()):
            if person.source == source and person.login.casefold() == folded and person.active:
                await self._core.roll.lose(person, gone)


def _is_plausible(text: str, longest: int) -> bool:
    return 0 < len(text) <= longest and bool(text.strip()) and "\0" not in text
