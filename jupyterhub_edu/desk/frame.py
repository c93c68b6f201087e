"""What every page of the desk has: the hub's look, a strict policy for its contents, a language, and tabs in a course."""

from __future__ import annotations

import hashlib
import logging
import re
import time
from pathlib import Path
from threading import Thread
from typing import Any, Final
from urllib.parse import quote, urlencode

from jinja2 import Environment, Template, TemplateError
from jupyterhub.handlers import BaseHandler
from jupyterhub.utils import url_path_join
from tornado import web

from jupyterhub_edu.core import Core, current_core
from jupyterhub_edu.core.doorkeeping import Doorkeeper, JoinNotYours
from jupyterhub_edu.domain.courses import Course
from jupyterhub_edu.domain.people import Person
from jupyterhub_edu.domain.words import speaking
from jupyterhub_edu.hub.languages import Reading, in_language

from .base import Desk
from .tabs import tabs_for

__all__ = ["DeskFiles", "Page", "compile_templates"]

_log = logging.getLogger(__name__)
_STATIC: Final = Path(__file__).parent / "static"
_VERSION: Final = hashlib.sha256(
    b"".join(file.read_bytes() for file in sorted(_STATIC.rglob("*")) if file.is_file())
).hexdigest()[:12]
_INLINE: Final = re.compile(
    r"<script(?![^>]*\ssrc=)[^>]*>.*?</script\s*>", re.DOTALL | re.IGNORECASE
)
_ENVIRONMENT: Final = "edu_jinja2_env"
_OURS: Final = ("edu/", "page.html", "templates/page.html")
"""With the frame that ours extend."""
_PAUSE: Final = 0.5
"""Seconds between two templates, so that a hub that has just begun has the processor for those who come."""
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


class Page(Reading, Desk, BaseHandler):
    """A page in the hub's look, for people who are logged in by cookie."""

    @property
    def content_security_policy(self) -> str:
        """Only files of this hub, nothing inline; in no frame; forms lead here. Reports go where the hub's own go."""
        return "; ".join([super().content_security_policy, *_POLICY])

    def get_template(self, name: str, sync: bool = True) -> Template:
        """A template, ours or the hub's, in which text can be marked for translation."""
        return _translating(self.settings).get_template(name)

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
        # Always at once: our templates wait for nothing, and asking at each value whether it must be waited for takes longer
        # than all else about most pages.
        with speaking(self.tongue):
            html = _from_files(super().render_template(ours, True, **{**common, **what}))
        html = in_language(html, self.language)
        return html if sync else _given(html)

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


async def _given(html: str) -> str:
    return html


def _from_files(html: str) -> str:
    """A page without inline scripts: the hub's frame has one, which only the hub's own pages need.

    What people wrote is escaped, so that every script element comes from a template.
    """
    return _INLINE.sub("", html)


def compile_templates(settings: dict[str, Any]) -> Thread:
    """Compile every template of ours on a thread of its own: at the first sight of a page, each would hold the hub up.

    Args:
        settings: the hub's, of its handlers.
    """
    env = _translating(settings)
    thread = Thread(target=_compile, args=(env,), name="edu-templates", daemon=True)
    thread.start()
    return thread


def _compile(env: Environment) -> None:
    for name in env.list_templates(filter_func=lambda name: name.startswith(_OURS)):
        try:
            env.get_template(name)
        except TemplateError:
            _log.exception("the template %s cannot be used", name)
        time.sleep(_PAUSE)


def _translating(settings: dict[str, Any]) -> Environment:
    """The hub's own environment for templates, extended for our pages alone; made once."""
    if _ENVIRONMENT not in settings:
        env = settings["jinja2_env_sync"].overlay()
        env.globals = dict(env.globals)
        env.add_extension("jinja2.ext.i18n")
        env.newstyle_gettext = False
        settings[_ENVIRONMENT] = env
    found: Environment = settings[_ENVIRONMENT]
    return found
