"""The part of a spawner that asks before it starts and gives back after it has stopped; for any kind of spawner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from jupyterhub.utils import maybe_future, url_path_join
from tornado import web
from traitlets import HasTraits, default, validate

from jupyterhub_edu import hub
from jupyterhub_edu.core import Core, Refused, current_core, request_of
from jupyterhub_edu.core.asking import nowhere
from jupyterhub_edu.core.choices import Unreadable, Wish, keep, parse_fields, parse_wish, unkept
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.decide import Decision
from jupyterhub_edu.domain.words import say
from jupyterhub_edu.ports import StoreError

from . import page
from .arguments import with_short_memory

__all__ = ["AdmissionMixin", "ready_core"]

_STATE: Final = "edu"
_NOT_OURS: Final = (
    "nothing starts: only EduAuthenticator knows who is enrolled, and the hub's authenticator is %s; "
    "call jupyterhub_edu.setup(c) in the hub's configuration, and set no authenticator_class after it"
)


async def ready_core() -> Core:
    """The core, its book rebuilt.

    Raises:
        web.HTTPError: 503, the store cannot be used.
    """
    core = current_core()
    try:
        await core.ready()
    except StoreError as error:
        raise unavailable(core, error) from error
    return core


def unavailable(core: Core, error: StoreError) -> web.HTTPError:
    """What a person sees when nothing can be written down; the log has the store's own words."""
    answer = web.HTTPError(503, "the store cannot be used: %s", error)
    asked = f" ({core.campus.contact})" if core.campus.contact else ""
    answer.jupyterhub_message = say(  # type: ignore[attr-defined]
        "Nothing can start now: the hub cannot write its records. Ask an administrator{whom}.",
        whom=asked,
    )
    return answer


class AdmissionMixin(HasTraits):
    """Mixed in before a spawner class.

    Always holds:
        - nothing starts without an admission, reserved and durable before the server is made;
        - what the server gets is what was granted; nothing of a former start stays on the object;
        - a refused start changes nothing; a failed one gives back what it reserved;
        - an admission ends only when its server is surely gone, and once.
    """

    # The spawner's own.
    authenticator: Any
    cmd: Any
    handler: Any
    hub: Any
    log: Any
    name: str
    orm_spawner: Any
    user: Any
    user_options: Any
    _log_name: str

    enforces_limits: ClassVar[bool] = True
    """Whether the system holds servers to CPU and memory as granted; told on the start page if not."""

    closes_exams: ClassVar[bool] = True
    """Whether servers of an exam get its image and its label for the network; told in the log if not."""

    _held = ""
    """The admission that this server holds until it is surely gone."""
    _granted: Mapping[str, Any] = {}
    """What was granted, as kept in the hub's state of the server."""
    refused_wish: Wish | None = None
    """What was refused a moment ago, for the start page that is shown again."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._before: dict[str, Any] = {}
        super().__init__(*args, **kwargs)

    # -- what the kinds of spawner add -----------------------------------------------------------------------------

    def _apply(self, admission: Admission, campus: Campus) -> None:
        """Set the spawner to exactly what was granted, by ``_put`` alone.

        Args:
            campus: the one in force when it was granted.
        """
        amounts = admission.granted.amounts
        self._put("cpu_limit", amounts.cpu_limit.cores)
        self._put("cpu_guarantee", amounts.cpu_guarantee.cores)
        self._put("mem_limit", amounts.memory_limit.bytes)
        self._put("mem_guarantee", amounts.memory_guarantee.bytes)

    async def _is_gone(self) -> bool:
        """Whether the server is surely gone; False where that is not known."""
        raise NotImplementedError

    # -- the hub's calls -----------------------------------------------------------------------------------------

    async def start(self) -> Any:
        """Decide again, reserve in the same step, keep it durable, then start."""
        self._put_back()
        # Our pages hand the hub what it shall remember; whoever else starts a server does not.
        remembered = self.orm_spawner.user_options if self.orm_spawner is not None else None
        if remembered != keep(remembered):
            hub.remember_options(self, keep(remembered))
        admission, campus = await self._admit()
        self._held, self._granted = admission.id, _describe(admission)
        self._apply(admission, campus)
        return await super().start()  # type: ignore[misc]

    async def run_post_stop_hook(self) -> Any:
        """The hub has let go, for whatever reason: give back, then run the administrator's own hook."""
        await self._let_go()
        return await maybe_future(super().run_post_stop_hook())  # type: ignore[misc]

    def get_state(self) -> dict[str, Any]:
        """The spawner's state, with what was granted."""
        state: dict[str, Any] = super().get_state()  # type: ignore[misc]
        if self._granted:
            state[_STATE] = dict(self._granted)
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up after a restart of the hub."""
        super().load_state(state)  # type: ignore[misc]
        granted = state.get(_STATE)
        if isinstance(granted, dict):
            self._granted = granted
            self._held = str(granted.get("admission", ""))

    def get_args(self) -> list[str]:
        """The server's arguments; it asks the hub about each visitor at least every 30 s."""
        return with_short_memory(self.cmd or (), super().get_args())  # type: ignore[misc]

    def get_env(self) -> dict[str, Any]:
        """The server's environment, with what was granted: keys and instants, no text from outside."""
        env: dict[str, Any] = super().get_env()  # type: ignore[misc]
        for name in ("course", "profile", "ends_at"):
            if self._granted.get(name):
                env[f"JUPYTERHUB_EDU_{name.upper()}"] = self._granted[name]
        return env

    def clear_state(self) -> None:
        """Forget what was granted. The admission itself is held until the server is surely gone."""
        super().clear_state()  # type: ignore[misc]
        self._granted = {}

    @property
    def granted(self) -> Mapping[str, Any]:
        """What the running server was granted: admission, course, profile, amounts, end; empty when none runs."""
        return self._granted

    @property
    def admitted(self) -> bool:
        """Whether it holds an admission: that of the server which runs or starts, or of a former one not surely gone."""
        return bool(self._held)

    # -- the start page --------------------------------------------------------------------------------------------

    @default("options_form")
    def _default_options_form(self) -> Any:
        return self._start_page

    @default("options_from_form")
    def _default_options_from_form(self) -> Any:
        return self._options_of_fields

    @default("apply_user_options")
    def _default_apply_user_options(self) -> Any:
        # start() reads them itself; without a hook of its own the hub would warn of them at every start.
        return lambda spawner, options: None

    @validate("user_options")
    def _plain_options(self, proposal: Any) -> Any:
        # The hub hands on what it remembers; hooks of the administrator's read what was chosen.
        return unkept(proposal["value"])

    def _options_of_fields(self, formdata: dict[str, Any]) -> dict[str, Any]:
        try:
            return parse_fields(formdata)
        except Unreadable as unreadable:
            raise hub.refusal(Decision(None, (unreadable.reason,))) from None

    async def _start_page(self, spawner: Any) -> str:
        if not hub.is_ours(self.authenticator):
            self.log.error(_NOT_OURS, type(self.authenticator).__name__)
            return page.render(page.empty())
        core = await ready_core()
        person = core.roll.by_hub_name(self.user.name)
        courses_page = url_path_join(self.hub.base_url, "edu/")
        if person is None:
            return page.render(page.empty(core.campus, courses_page))
        person = await core.refresher.freshen(person, younger_than=page.FRESH_ENOUGH)
        wish, self.refused_wish = self.refused_wish or self._wish_before(), None
        return page.render(
            page.view(
                core,
                person,
                wish or Wish(),
                enforces_limits=self.enforces_limits,
                line_page=url_path_join(courses_page, "line/"),
                courses_page=courses_page,
            )
        )

    def _wish_before(self) -> Wish | None:
        """What was asked for last time; where a link says the course, and maybe the profile, what that says."""
        try:
            last = parse_wish(self.user_options)
        except Unreadable:
            last = Wish()
        course, profile = getattr(self.handler, "chosen", ("", ""))
        is_last = course in {"", last.course} and profile in {"", last.profile}
        return last if is_last else Wish(course, profile or None)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _put(self, name: str, value: Any) -> None:
        """Set a trait until ``_put_back``; the value it had is kept as it is, never changed in place."""
        self._before.setdefault(name, getattr(self, name))
        setattr(self, name, value)

    def _put_back(self) -> None:
        """Give every trait that ``_put`` has set the value that it had."""
        while self._before:
            setattr(self, *self._before.popitem())

    async def _admit(self) -> tuple[Admission, Campus]:
        if not hub.is_ours(self.authenticator):
            self.log.error(_NOT_OURS, type(self.authenticator).__name__)
            raise hub.late_refusal(self, nowhere())
        core = await ready_core()
        try:
            person, request = request_of(core, self.user.name, self.user_options)
            campus = core.campus
            admission = await core.book.admit(request, person, self.name)
            if admission.exam is not None:
                await self._begin_in_exam(core, admission)
            return admission, campus
        except Refused as refused:
            raise hub.late_refusal(self, refused.decision) from None
        except StoreError as error:
            raise unavailable(core, error) from error

    async def _begin_in_exam(self, core: Core, admission: Admission) -> None:
        """Take back what lets others at the server, and write down who has started; both before there is one."""
        self._held = admission.id
        shared = hub.unshare(self)
        if shared:
            self.log.warning("%s: %d shares taken back for an exam", self._log_name, shared)
        if not self.closes_exams:
            self.log.warning(
                "%s is in an exam: this kind of spawner fixes neither its image nor its network",
                self._log_name,
            )
        request = getattr(self.handler, "request", None)
        address = core.exams.take_address(admission.hub_name)
        await core.note_exam_start(admission, address or getattr(request, "remote_ip", "") or "")

    async def _let_go(self) -> None:
        try:
            self._put_back()
            if self._held and await self._is_gone():
                # Right after a restart of the hub the book may not know of it yet.
                core = await ready_core()
                id, self._held = self._held, ""
                await core.book.end(id)
        except Exception:
            self.log.exception(
                "could not close the admission of %s now; it ends when its server is seen gone",
                self._log_name,
            )


def _describe(admission: Admission) -> dict[str, Any]:
    """What was granted, as JSON."""
    granted, amounts = admission.granted, admission.granted.amounts
    return {
        "admission": admission.id,
        "course": admission.course,
        "profile": granted.profile,
        "options": dict(granted.options),
        "flavor": granted.flavor,
        "devices": amounts.devices,
        "cpu_limit_millicores": amounts.cpu_limit.millicores,
        "memory_limit_bytes": amounts.memory_limit.bytes,
        "image": granted.image,
        "ends_at": admission.ends_at.isoformat() if admission.ends_at else None,
    }
