"""EduAuthenticator: who somebody is comes from a source; what they may do comes from the roll."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from jupyterhub.auth import Authenticator
from traitlets import default

from jupyterhub_edu.core import Core, NameTaken, current_core
from jupyterhub_edu.domain.campus import SourceInfo
from jupyterhub_edu.domain.names import map_username
from jupyterhub_edu.domain.people import Identity, Person, SiteRole
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.hub import added_routes, attach, groups_beside, run_checks
from jupyterhub_edu.ports import Login, StoreError

from . import logout, page, redirect
from .arrivals import LoginRefused, arrived
from .form import FormLogin

__all__ = ["TEMPLATES", "EduAuthenticator"]

TEMPLATES: Final = Path(__file__).parent / "templates"
"""Folder of the login page, for ``JupyterHub.template_paths``."""

_ON_THE_PAGE: Final = frozenset({"form", "redirect"})


class EduAuthenticator(Authenticator):
    """Logs people in from the campus's own sources and keeps their hub groups true.

    What it is told stands in the campus file; the traits of JupyterHub's Authenticator (``blocked_users``,
    ``allowed_users``, ``admin_users``, ``post_auth_hook``, ...) work as documented there.

    Always holds:
        - a source that does not answer changes nobody's groups and logs nobody out;
        - hub groups that are not ours stay as they are;
        - admin comes from exact entries only: ``admins`` of the campus file and ``admin_users``.
    """

    jupyterhub_edu = True

    @default("manage_groups")
    def _manage_groups_default(self) -> bool:
        return True

    @default("any_allow_config")
    def _any_allow_config_default(self) -> bool:
        return True

    @property
    def core(self) -> Core:
        """The core of this process."""
        return current_core()

    @property
    def ways_in(self) -> list[SourceInfo]:
        """Sources by which somebody can log in from the login page, in the campus file's order."""
        return [i for i in self.core.campus.sources.values() if self.shape(i) in _ON_THE_PAGE]

    @property
    def form_sources(self) -> list[SourceInfo]:
        """Those that ask for a name and a password."""
        return [source for source in self.ways_in if self.shape(source) == "form"]

    @property
    def redirect_sources(self) -> list[SourceInfo]:
        """Those to which the browser goes."""
        return [source for source in self.ways_in if self.shape(source) == "redirect"]

    def shape(self, source: SourceInfo) -> str:
        """A source's login shape; ``""`` for one that is not there."""
        return getattr(self.core.refresher.sources.get(source.id), "shape", "")

    # -- what the hub calls ------------------------------------------------------------------------------------

    def check_allow_config(self) -> None:
        """Check the hub's final configuration; a hole ends the hub, naming the fix."""
        holes = [*self._own_holes(), *run_checks(self.parent)]
        for hole in holes:
            self.log.critical("jupyterhub-edu: %s", hole)
        if holes:
            raise SystemExit(1)

    def get_handlers(self, app: Any) -> list[tuple[str, type]]:
        """Our routes, which stand before the hub's own; from here on the core runs."""
        attach(app)
        self.core.begin()
        return [*added_routes(), *page.ROUTES, *redirect.ROUTES, *logout.ROUTES]

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:
        """Take in whoever arrives with a source's Login, else check a login form.

        Returns:
            The auth model; None for a wrong name or password, the same for both.
        """
        login = arrived(handler) or await self._check_form(data)
        if login is None:
            return None
        person = await self._link(login.identity)
        handler.signed_in_as = person.key
        model = self._auth_model(person)
        if self.enable_auth_state:
            model["auth_state"] = dict(login.auth_state)
        return model

    async def refresh_user(self, user: Any, handler: Any = None) -> bool | dict[str, Any]:
        """Bring an account up to date from its source, waiting at most 0.7 s; an error changes nothing.

        Returns:
            The auth model; True for an account that no source knows; False after a complete negative answer, and
            once the person's session at the source has ended: then they are sent to log in there again.
        """
        if handler is not None and not hasattr(handler, "_token_authenticated"):
            handler._token_authenticated = (
                False  # JupyterHub 6.1 reads it without setting it for cookies
            )
        await self.core.ready()
        person = self.core.roll.by_hub_name(user.name)
        if person is None:
            return True
        source = self.core.campus.sources.get(person.source)
        if source is not None:
            person = await self.core.refresher.freshen(person, younger_than=source.refresh)
        if not person.active or self.core.refresher.must_log_in(person):
            return False
        model = self._auth_model(person)
        if self.enable_auth_state:
            model["auth_state"] = await user.get_auth_state()
        return model

    def check_allowed(self, username: str, authentication: dict[str, Any] | None = None) -> bool:
        """Whoever a source vouches for may log in; a list of ``allowed_users`` narrows that."""
        return not self.allowed_users or bool(super().check_allowed(username, authentication))

    # -- inside ------------------------------------------------------------------------------------------------

    async def _check_form(self, data: dict[str, str] | None) -> Login | None:
        sources = [source.id for source in self.form_sources]
        identity = await FormLogin(self.core).check(data or {}, sources)
        return Login(identity) if identity is not None else None

    async def _link(self, identity: Identity) -> Person:
        hub_name = await self._hub_name(identity)
        try:
            return await self.core.sign_in(identity, hub_name)
        except StoreError:
            self.log.exception("the login of %s could not be kept", hub_name)
            raise self._no_records() from None
        except NameTaken:
            self.log.warning("account %s exists and is not linked to %s", hub_name, identity.key)
            contact = self.core.campus.contact
            raise LoginRefused(
                403,
                say(
                    "There is already an account {name} here that is not linked to this login. "
                    "{who}: it must be linked or renamed first.",
                    name=hub_name,
                    who=say("Please write to {contact}", contact=contact)
                    if contact
                    else say("Please ask an administrator"),
                ),
            ) from None

    async def _hub_name(self, identity: Identity) -> str:
        """The account that somebody has, else one made of the login name."""
        try:
            await self.core.ready()
        except StoreError:
            raise self._no_records() from None
        roll = self.core.roll
        known = roll.person(identity.key) or roll.find_linked(identity)
        if known is not None:
            return known.hub_name
        name = map_username(identity.login)
        if name is None:
            self.log.warning(
                "a login of source %s can have no account: %r",
                identity.source,
                identity.login[:64],
            )
            raise LoginRefused(
                403,
                say(
                    "Your login name cannot be an account name here; please tell the administrators."
                ),
            )
        return str(self.normalize_username(name))

    def _no_records(self) -> LoginRefused:
        return LoginRefused(
            503,
            say("The hub cannot write its records at the moment; please try again in a minute."),
        )

    def _auth_model(self, person: Person) -> dict[str, Any]:
        ours = self.core.roll.hub_groups(person, self.core.clock())
        return {
            "name": person.hub_name,
            "admin": self._admin(person),
            "groups": groups_beside(self.core.groups.read(person.hub_name), ours),
        }

    def _admin(self, person: Person) -> bool | None:
        """True by an exact entry; False when our entry is gone; None leaves what the hub itself keeps."""
        if (
            self.core.roll.site_role(person) is SiteRole.ADMIN
            or person.hub_name in self.admin_users
        ):
            return True
        return False if self.core.roll.was_named(person) else None

    def _own_holes(self) -> list[str]:
        holes = []
        if not self.auth_refresh_age:
            holes.append(
                "c.EduAuthenticator.auth_refresh_age is 0, which switches every refresh off; "
                "leave it at 300 or set a large number"
            )
        if not self.manage_groups:
            holes.append(
                "c.EduAuthenticator.manage_groups is False; leave it out: hub groups come from the roll"
            )
        if self.allow_existing_users and not self.allowed_users:
            holes.append(
                "c.EduAuthenticator.allow_existing_users is True, which shuts out whoever is new; leave it out: "
                "whoever a source vouches for may log in"
            )
        if self.manage_roles:
            holes.append(
                "c.EduAuthenticator.manage_roles is True, which strips every hub role that is not listed; leave it out"
            )
        return holes
