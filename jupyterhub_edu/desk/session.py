"""One session for the person whose it is: when it stops and why. JupyterLab asks this for its warnings, and for its words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from jupyterhub.user import User

from jupyterhub_edu.core import Core
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.words import join_words, say
from jupyterhub_edu.hub.languages import Reading, told_in
from jupyterhub_edu.wire import session as wire

from . import views
from .api import API
from .operations import operation
from .refusals import Code, DeskError
from .said import said_json
from .scopes import ACCESS

__all__ = ["SessionAPI", "session_routes"]


class SessionAPI(Reading, API):
    """``/hub/api/edu/session/<user>[/<server>]``.

    Always holds:
        - only the server's owner is answered, by a token or cookie that reaches this server; a page of the server has such
          a token, that of a visitor belongs to the visitor;
        - where users have domains of their own, pages of exactly this user's domain may read the answer;
        - its sentences, those of refusals too, are for people: in the language in which they read the desk's pages.
    """

    @operation(
        ACCESS,
        does="When the owner's server stops, and why.",
        answers={200: wire.End},
        refuses={Code.NO_SUCH_SESSION},
    )
    async def get(self, user_name: str, server_name: str = "") -> None:
        """For its owner alone."""
        core = await self.ready_core()
        admission = self._require_own(core, user_name, server_name)
        self.show(_session_json(core, admission))

    @operation(
        ACCESS,
        does="Let the owner's server go on, as far as the rules let them do that now, or the reasons against it.",
        answers={200: wire.End},
        refuses={Code.NO_SUCH_SESSION, Code.NOT_WRITTEN},
        decides=True,
    )
    async def post(self, user_name: str, server_name: str = "") -> None:
        """For its owner alone."""
        core = await self.ready_core()
        admission = self._require_own(core, user_name, server_name)
        asked = core.extending.extend(user_name, admission, self.from_where)
        longer = await self.require_extended(core, admission, asked)
        self.show(_session_json(core, longer))

    def tell(self, answer: object) -> object:
        """In the language of whoever works in the server."""
        self.set_header("Content-Language", self.language)
        return told_in(self.tongue, answer)

    def options(self, *_: Any) -> None:
        """What a browser asks before it lets a page of another domain call."""
        self.set_header("Access-Control-Allow-Headers", "authorization")
        self.set_header("Access-Control-Allow-Methods", "GET, POST")
        self.set_header("Access-Control-Max-Age", "3600")
        self.set_status(204)
        self.finish()

    def finish(self, chunk: Any = None) -> Any:
        """Let the user's own domain read this, refusals too."""
        origin = self.request.headers.get("Origin", "")
        if origin and origin == self._origin_of(self.path_args[0]):
            self.set_header("Access-Control-Allow-Origin", origin)
        self.add_header("Vary", "Origin")
        return super().finish(chunk)

    def _require_own(self, core: Core, hub_name: str, server: str) -> Admission:
        """The session of the asker's own server.

        Raises:
            DeskError: somebody else's, or none: the same answer.
        """
        user = self.current_user
        admission = views.newest(core, hub_name, server)
        if not isinstance(user, User) or user.name != hub_name or admission is None:
            raise DeskError(Code.NO_SUCH_SESSION)
        return admission

    def _origin_of(self, hub_name: str) -> str | None:
        """The origin of a user's servers where it is not the hub's; no account need exist."""
        if not self.settings.get("subdomain_host"):
            return None
        host = urlsplit(self.settings["subdomain_host"])
        domain = self.settings["subdomain_hook"](hub_name, self.settings["domain"], kind="user")
        return f"{host.scheme}://{domain}" + (f":{host.port}" if host.port else "")


def _session_json(core: Core, admission: Admission) -> wire.End:
    return {
        "course": admission.course,
        "profile": admission.granted.profile,
        "now": core.clock().isoformat(),
        "ends_at": admission.ends_at.isoformat() if admission.ends_at else None,
        "ends_by": str(admission.ends_by) if admission.ends_by else None,
        "sentence": views.stop_sentence(core, admission),
        "warn_before": [int(before.total_seconds()) for before in core.campus.warn_at],
        "extend": _extend_json(core, admission),
        "messages": said_json(core, core.roll.by_hub_name(admission.hub_name)),
        "phrases": {
            "stops_in": say("Stops in {time}", time="{time}"),
            "stopping": say("Stopping"),
            "read_all": say("Read it all"),
            "strange": say("The hub did not answer as it should."),
            "away": say("The hub does not answer; nothing has changed."),
        },
    }


def _extend_json(core: Core, admission: Admission) -> wire.Longer | None:
    """What asking for more time would bring now; None where nobody extends."""
    extension = core.extending.may_extend(admission)
    if extension is None or not core.campus.extend_times:
        return None
    if extension.ends_at is None:
        sentence = join_words((reason.sentence for reason in extension.reasons), " ")
        return {"allowed": False, "label": "", "sentence": sentence}
    until = views.instant(extension.ends_at, core)
    return {"allowed": True, "label": say("Go on until {when}", when=until.text), "sentence": ""}


def session_routes() -> Sequence[tuple[str, type]]:
    """Patterns below the hub's base address."""
    # Two patterns: the hub takes an absent group of one for a server named None.
    return (
        (r"/api/edu/session/([^/]+)/?", SessionAPI),
        (r"/api/edu/session/([^/]+)/([^/]+)", SessionAPI),
    )
