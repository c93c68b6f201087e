"""What every page of the desk has: the hub's look, a strict policy for its contents, a language, and tabs in a course."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from jinja2 import Environment, Template
from jupyterhub.handlers import BaseHandler
from jupyterhub.utils import url_path_join
from tornado import web

from jupyterhub_edu.core import Core, current_core
from jupyterhub_edu.core.doorkeeping import Doorkeeper, JoinNotYours
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.words import Tongue, speaking

from .base import Desk
from .dates import dated
from .languages import catalog, choose_language, telling, text_of
from .tabs import tabs_for

__all__ = ["DeskFiles", "Page"]

_STATIC: Final = Path(__file__).parent / "static"
_VERSION: Final = hashlib.sha256(
    b"".join(file.read_bytes() for file in sorted(_STATIC.rglob("*")) if file.is_file())
).hexdigest()[:12]
_INLINE: Final = re.compile(
    r"<script(?![^>]*\ssrc=)[^>]*>.*?</script\s*>", re.DOTALL | re.IGNORECASE
)
_POLICY: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",  # the icons of Bootstrap's style sheet
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
)


class DeskFiles(web.StaticFileHandler):
    """The style sheet and the scripts of our pages, and the libraries that they use."""

    def initialize(self) -> None:  # type: ignore[override]  # the folder is no setting
        """Serve our own folder, nothing else."""
        super().initialize(path=str(_STATIC))


class Page(Desk, BaseHandler):
    """A page in the hub's look, for people who are logged in by cookie."""

    @property
    def content_security_policy(self) -> str:
        """Only files of this hub, nothing inline; in no frame; forms lead here. Reports go where the hub's own go."""
        return "; ".join([super().content_security_policy, *_POLICY])

    def get_template(self, name: str, sync: bool = False) -> Template:
        """A template, ours or the hub's, in which text can be marked for translation."""
        env = _translating(self.settings, "jinja2_env_sync" if sync else "jinja2_env")
        return env.get_template(name)

    def render_template(self, name: str, sync: bool = False, **what: Any) -> Any:
        """Render a page of ours; where the hub would show its own page of an error, ours of the same error."""
        self.set_header("Content-Language", self.language)
        common = {
            "no_spawner_check": True,
            "files": url_path_join(self.hub.base_url, "edu/static"),
            "files_version": _VERSION,
            "address": self.address,
            **self.words,
        }
        ours = name if name.startswith("edu/") else "edu/error.html"
        tongue = catalog(self.language)
        if not sync:
            return _awaited(super().render_template(ours, sync, **{**common, **what}), tongue)
        with speaking(tongue):
            return _from_files(super().render_template(ours, sync, **{**common, **what}))

    @cached_property
    def language(self) -> str:
        """The campus's language, or what the browser asks for."""
        accepted = self.request.headers.get("Accept-Language", "")
        return current_core().campus.language or choose_language(accepted)

    @cached_property
    def words(self) -> dict[str, Any]:
        """What every template needs in which text is marked for translation."""
        found = catalog(self.language)
        return {
            "language": self.language,
            "gettext": text_of(found),
            "ngettext": found.ngettext,
            "edu_text": text_of(found),
            "edu_tell": telling(found),
            "dated": dated,
        }

    async def show(self, template: str, **what: Any) -> None:
        """Render one of our templates."""
        html = await self.render_template(f"edu/{template}", **what)
        self.set_header("Cache-Control", "no-store")
        self.finish(html)

    async def show_tab(self, key: str, template: str, course: Course, **what: Any) -> None:
        """Render a page of a course, which extends ``course_frame.html``.

        Args:
            key: of its line in ``tabs.TABS``.
            course: whatever the page may show of it has been asked for before.
        """
        core = current_core()
        viewer = self.require_person(core)
        role, _ = core.roles(viewer, course.id)
        tabs = tabs_for(core, viewer, course.id)
        await self.show(
            template,
            course=course,
            course_role=str(role) if role is not None else "",
            tabs=tabs,
            tab=next((tab for tab in tabs if tab.key == key), None),
            asking=_asking(core, viewer, course),
            **{"zone": str(core.campus.zone), **what},
        )

    def address(self, *parts: str, **query: str) -> str:
        """Address of a page of the desk; parts and values are quoted, so it never leaves this hub."""
        path = url_path_join(self.hub.base_url, "edu", *(quote(part, safe="") for part in parts))
        path = path if parts else f"{path}/"
        return f"{path}?{urlencode(query)}" if query else path


def _asking(core: Core, viewer: Person, course: Course) -> int:
    """How many wait for this viewer to let them into a course."""
    try:
        return len(Doorkeeper(core, viewer, course).waiting())
    except JoinNotYours:
        return 0


async def _awaited(html: Awaitable[str], tongue: Tongue) -> str:
    with speaking(tongue):
        return _from_files(await html)


def _from_files(html: str) -> str:
    """A page without inline scripts: the hub's frame has one, which only the hub's own pages need.

    What people wrote is escaped, so that every script element comes from a template.
    """
    return _INLINE.sub("", html)


def _translating(settings: dict[str, Any], name: str) -> Environment:
    """The hub's own environment for templates, extended for our pages alone; made once."""
    key = f"edu_{name}"
    if key not in settings:
        env = settings[name].overlay()
        env.globals = dict(env.globals)
        env.add_extension("jinja2.ext.i18n")
        env.newstyle_gettext = False
        settings[key] = env
    found: Environment = settings[key]
    return found
