"""Notebook servers as pods: what was granted, and nothing else, becomes KubeSpawner's settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, Final

from jupyterhub.utils import maybe_future
from kubernetes_asyncio.client.rest import ApiException
from kubespawner import KubeSpawner
from kubespawner.slugs import is_valid_label
from tornado import web
from traitlets import Bool, default

from jupyterhub_edu import hub
from jupyterhub_edu.core import current_core
from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.domain.campus import Campus
from jupyterhub_edu.domain.decide import Decision
from jupyterhub_edu.domain.names import make_course_id
from jupyterhub_edu.domain.reasons import Code, Reason

from .admission import AdmissionMixin
from .lab import Bringer, pod_settings
from .manifest import Expected, breaches, differences, keep_off
from .merging import merge, merge_setting, thaw
from .reflected import lighter

__all__ = ["EduSpawner"]

_LABEL: Final = "jupyterhub-edu/"
_POD_CONTEXT: Final = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
_CONTAINER_CONTEXT: Final = {"capabilities": {"drop": ["ALL"]}}
_FINISHED: Final = frozenset({"Succeeded", "Failed"})


class EduSpawner(AdmissionMixin, KubeSpawner):
    """KubeSpawner that starts what the campus file allows, with the amounts that were granted.

    Every setting of KubeSpawner works as documented there, with these differences:

    - amounts, devices, image and placement come from the campus file; ``profile_list`` and ``load_user_options``
      are not used;
    - pods keep to Pod Security *restricted* unless the configuration says otherwise, and mount no service account's
      token;
    - ``delete_pvc`` is off: deleting a server or an account leaves its home volume;
    - the watched pods and events that a hook is handed or finds carry no ``managedFields``.

    ``pre_spawn_hook``, ``modify_pod_hook`` and ``after_pod_created_hook`` run as ever; what ``modify_pod_hook``
    returns is compared with what was granted.
    """

    lab_extension = Bool(
        True,
        config=True,
        help="""
        Show in JupyterLab and Notebook 7 when the server stops, and warn before.

        The hub makes one Secret in the namespace, and each pod mounts it into Jupyter's folder for extensions; images
        stay as they are.
        """,
    )

    _bringer: ClassVar[Bringer] = Bringer()
    _brings_lab = False
    _warned_of: ClassVar[set[str]] = set()

    @default("delete_pvc")
    def _default_delete_pvc(self) -> bool:
        return False

    async def start(self) -> Any:
        """Admit, make the pod, wait until it runs."""
        self._brings_lab = self.lab_extension and await self._bringer.bring(
            self.namespace, self.api.create_namespaced_secret, self.log
        )
        try:
            return await super().start()
        except ApiException as error:
            if error.status == 403 and "exceeded quota" in str(error.body):
                contact = current_core().campus.contact
                reason = Reason(Code.NO_CAPACITY, "quota", contact=contact)
                raise hub.late_refusal(self, Decision(None, (reason,))) from error
            raise

    async def load_user_options(self) -> None:
        """Nothing: ``start`` has resolved them against the catalogue and applied what was granted."""

    def _apply(self, admission: Admission, campus: Campus) -> None:
        super()._apply(admission, campus)
        self._start_future = None  # progress() would take a former start's for this one's
        self._apply_additions(admission, campus)
        if self._brings_lab:
            for name, value in pod_settings().items():
                self._put(name, merge_setting(name, getattr(self, name), value))
        expected = self._expect(admission, campus)
        ours = {expected.device: str(expected.amounts.devices)} if expected.device else {}
        self._put(
            "extra_resource_limits",
            {**_without(self.extra_resource_limits, expected.devices), **ours},
        )
        self._put(
            "extra_resource_guarantees",
            _without(self.extra_resource_guarantees, expected.devices),
        )
        if expected.image is not None:
            self._put("image", expected.image)
        self._put("node_selector", {**self.node_selector, **expected.nodes})
        self._put("tolerations", _tolerations(self.tolerations, expected.tolerate))
        self._put("extra_labels", {**self.extra_labels, **expected.labels})
        self._put("automount_service_account_token", False)
        self._apply_restricted()
        avoids = current_core().book.avoids(admission.id)
        last_word = partial(self._last_word, self.modify_pod_hook, expected, avoids)
        self._put("modify_pod_hook", last_word)

    def _apply_additions(self, admission: Admission, campus: Campus) -> None:
        """What the campus file does not govern itself: the profile's, and on top of it the course's."""
        course = campus.courses.get(admission.course)  # None outside any course
        for settings in (
            campus.profiles[admission.granted.profile].kubespawner,
            course.kubespawner if course is not None else {},
        ):
            for name, value in settings.items():
                self._put(name, merge_setting(name, getattr(self, name), value))

    def _apply_restricted(self) -> None:
        """Fill in what *restricted* asks for and the configuration leaves open."""
        pod: dict[str, Any] = thaw(_POD_CONTEXT)
        if self.uid == 0:
            del pod["runAsNonRoot"]  # configured so; the pod could not start at all
        self._put("pod_security_context", _beneath(self.pod_security_context, pod))
        self._put(
            "container_security_context",
            _beneath(self.container_security_context, _CONTAINER_CONTEXT),
        )

    def _expect(self, admission: Admission, campus: Campus) -> Expected:
        granted = admission.granted
        flavor = campus.profiles[granted.profile].flavor
        return Expected(
            labels=_labels(admission),
            image=granted.image,
            amounts=granted.amounts,
            device=flavor.device if granted.amounts.devices else None,
            devices=frozenset(f.device for f in campus.flavors.values() if f.device),
            nodes=flavor.nodes,
            tolerate=flavor.tolerate,
            service_account=self._expand_all(self.service_account),
        )

    async def _start_reflector(
        self, kind: str, reflector_class: Any, replace: bool = False, **how: Any
    ) -> Any:
        """Watch as KubeSpawner does, and keep less."""
        return await super()._start_reflector(kind, lighter(reflector_class), replace, **how)

    async def _last_word(
        self,
        hook: Callable[[Any, Any], Any] | None,
        expected: Expected,
        avoids: frozenset[str],
        spawner: Any,
        pod: Any,
    ) -> Any:
        """Run the administrator's own hook, then compare the manifest that will be sent with what was granted.

        Args:
            avoids: nodes that the pod must keep off.
        """
        if hook is not None:
            pod = await maybe_future(hook(spawner, pod))
        raw = self.api.api_client.sanitize_for_serialization(pod)
        if avoids:
            raw["spec"]["affinity"] = pod.spec.affinity = keep_off(
                raw["spec"].get("affinity"), avoids
            )
        wrong = differences(raw, expected)
        if wrong:
            self.log.error(
                "not starting %s: the pod is not what was granted: %s; look at modify_pod_hook, pre_spawn_hook and "
                "the settings of KubeSpawner",
                self._log_name,
                "; ".join(wrong),
            )
            raise _not_as_granted()
        for breach in breaches(raw):
            if breach not in self._warned_of:
                self._warned_of.add(breach)
                self.log.warning(
                    "the hub's configuration breaks Pod Security restricted: %s (told once)",
                    breach,
                )
        return pod

    async def _is_gone(self) -> bool:
        try:
            pod = await asyncio.wait_for(
                self.api.read_namespaced_pod(self.pod_name, self.namespace),
                self.k8s_api_request_timeout,
            )
        except ApiException as error:
            if error.status == 404:
                return True
            raise
        except TimeoutError:
            return False
        other = (pod.metadata.labels or {}).get(f"{_LABEL}admission") != self._held
        return other or pod.status.phase in _FINISHED


def _not_as_granted() -> web.HTTPError:
    error = web.HTTPError(500, "the pod is not what was granted")
    error.jupyterhub_message = (  # type: ignore[attr-defined]
        "The hub's configuration would have made another server than the one that was granted, so none was made. "
        "Please tell an administrator."
    )
    return error


def _labels(admission: Admission) -> dict[str, str]:
    """The admission in the pod's labels; a key that can be no label value gets a distinct one that can."""
    values = {
        "course": admission.course,
        "profile": admission.granted.profile,
        "flavor": admission.flavor,
        "admission": admission.id,
        **({"exam": admission.course} if admission.exam is not None else {}),
    }
    return {
        f"{_LABEL}{name}": value if is_valid_label(value) else make_course_id(value)
        for name, value in values.items()
    }


def _tolerations(configured: Any, keys: tuple[str, ...]) -> Any:
    """The configured ones, a list or a mapping, and one for each key."""
    ours = {f"{_LABEL}{key}": {"key": key, "operator": "Exists"} for key in keys}
    if isinstance(configured, Mapping):
        return merge(configured, ours)
    return [*thaw(configured or []), *ours.values()]


def _beneath(configured: Any, ours: Mapping[str, Any]) -> Any:
    """Our values where the configured ones, which may come from a function, say nothing."""
    if not callable(configured):
        return merge(ours, configured or {})

    async def both(spawner: Any) -> dict[str, Any]:
        merged: dict[str, Any] = merge(ours, await maybe_future(configured(spawner)) or {})
        return merged

    return both


def _without(amounts: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: amount for name, amount in amounts.items() if name not in names}
