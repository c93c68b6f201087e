"""What must be kept of each person's session at a provider, sealed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace

from jupyterhub_edu.domain.people import person_key
from jupyterhub_edu.ports import Safe

__all__ = ["Session", "Sessions"]

_LONGEST_SID = 200


@dataclass(frozen=True, slots=True)
class Session:
    """One person's latest session.

    Attributes:
        refresh_token: to ask again with; ``""`` where the provider gave none, and once the session is over.
        id_token: the latest, for the logout's hint.
        sid: the provider's id of the session, or ``""``.
        is_over: the provider has ended it.
        is_found: a look-up has found the account under this subject, so that it may also say that it is not there.
    """

    refresh_token: str = field(default="", repr=False)
    id_token: str = field(default="", repr=False)
    sid: str = ""
    is_over: bool = False
    is_found: bool = False


class Sessions:
    """The latest session of everybody, by subject; and whose session a ``sid`` is."""

    def __init__(self, source: str, safe: Safe) -> None:
        self._source, self._safe = source, safe

    async def load(self, subject: str) -> Session | None:
        """What is kept of somebody."""
        kept = await self._safe.load(f"{self._source}:{subject}")
        if kept is None or "id_token" not in kept:
            return None
        return Session(
            refresh_token=kept.get("refresh_token", ""),
            id_token=kept["id_token"],
            sid=kept.get("sid", ""),
            is_over="is_over" in kept,
            is_found="is_found" in kept,
        )

    async def save(self, subject: str, session: Session) -> None:
        """Keep it in the place of what was there; only what is new is written.

        Raises:
            StoreError: it could not be kept.
        """
        before = await self.load(subject)
        if before == session:
            return
        values = {name: "yes" if v is True else v for name, v in asdict(session).items()}
        texts = {name: value for name, value in values.items() if isinstance(value, str)}
        await self._safe.save(f"{self._source}:{subject}", texts)
        if before is not None and before.sid and before.sid != session.sid:
            await self._safe.save(self._sid(before.sid), None)
        if session.sid and (before is None or before.sid != session.sid):
            whose = person_key(self._source, subject)
            await self._safe.save(self._sid(session.sid), {"subject": subject}, whose=whose)

    async def end(self, subject: str, sid: str) -> None:
        """Forget how to ask about somebody, if ``sid`` is their latest session; ``""`` means any.

        Raises:
            StoreError: it could not be forgotten.
        """
        kept = await self.load(subject)
        if kept is not None and sid in {"", kept.sid}:
            await self.save(subject, replace(kept, refresh_token="", is_over=True))

    async def subject_of(self, sid: str) -> str:
        """Whose latest session this is; ``""`` if that is not known."""
        kept = await self._safe.load(self._sid(sid)) if 0 < len(sid) <= _LONGEST_SID else None
        return (kept or {}).get("subject", "")

    def _sid(self, sid: str) -> str:
        return f"{self._source}:sid {sid}"
