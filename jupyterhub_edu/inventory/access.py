"""What the hub may see, asked of Kubernetes itself, and what to do where it may not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from jupyterhub_edu.domain.profiles import Flavor

from .api import FAULTS, Api, NoCluster, words

__all__ = ["Finding", "Kind", "check", "may", "may_see_cluster", "uncounted"]

Kind = Literal["auto", "cluster", "namespace", "counted"]
_GRANT: Final = (
    "kubectl apply -f deploy/z2jh/rbac.yaml (set its namespace and service account first)"
)
_SEES: Final = tuple((verb, what) for what in ("nodes", "pods") for verb in ("list", "watch"))


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of ``jupyterhub-edu check --connect``.

    Attributes:
        good: False for a problem that must be mended.
    """

    good: bool
    sentence: str


async def may(api: Api, verb: str, what: str, namespace: str = "") -> bool:
    """Ask whether we may do this; an empty namespace means all of them, or nodes.

    Raises:
        FAULTS: it could not be asked.

    Source:
        Kubernetes, "Authorization: checking API access", SelfSubjectAccessReview.
    """
    review = await api.send(
        "POST",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {
                "resourceAttributes": {"verb": verb, "resource": what, "namespace": namespace}
            },
        },
    )
    return review.get("status", {}).get("allowed") is True


async def may_see_cluster(api: Api) -> bool:
    """Ask whether we may list and watch all nodes and pods."""
    return all([await may(api, verb, what) for verb, what in _SEES])


def uncounted(kind: str, flavors: Iterable[Flavor]) -> list[str]:
    """Name the flavors that can give nothing because nobody says how many devices there are."""
    if kind == "cluster":
        return []
    return [
        f"flavors.{flavor.key}: the inventory {kind!r} cannot see how many {flavor.device} there are, so nothing "
        f"starts on them; add `count: <number>`"
        + (f", or let the hub see the cluster: {_GRANT}" if kind == "namespace" else "")
        for flavor in flavors
        if flavor.device and not flavor.declared
    ]


async def check(kind: Kind, flavors: Mapping[str, Flavor], namespace: str) -> list[Finding]:
    """Say what the hub may see, which inventory applies, and what is missing. Changes nothing.

    Args:
        kind: as in ``open_inventory``.
        flavors: those of the campus file.
        namespace: that of the hub's pods.
    """
    if kind == "counted":
        return [Finding(True, "inventory: counted"), *_counts(kind, flavors)]
    try:
        api = await Api.connect()
    except NoCluster as error:
        return [Finding(False, f"cluster: {error}")]
    try:
        return await _review(api, kind, flavors, namespace)
    except FAULTS as error:
        return [Finding(False, f"cluster: does not answer: {words(error)}")]
    finally:
        await api.close()


async def _review(
    api: Api, kind: Kind, flavors: Mapping[str, Flavor], namespace: str
) -> list[Finding]:
    found: list[Finding] = []
    sees = []
    for verb, what in _SEES:
        sees.append(await may(api, verb, what))
        where = " of all namespaces" if what == "pods" else ""
        found.append(_right(f"{verb} {what}{where}", sees[-1], needed=kind == "cluster"))
    for verb in ("list", "watch", "delete"):
        allowed = await may(api, verb, "pods", namespace)
        found.append(_right(f"{verb} pods in {namespace}", allowed, needed=True))
    applies = ("cluster" if all(sees) else "namespace") if kind == "auto" else kind
    found.append(Finding(True, f"inventory: {applies}{_because(kind, applies)}"))
    return [*found, *_counts(applies, flavors)]


def _right(what: str, allowed: bool, *, needed: bool) -> Finding:
    fix = f"; grant it: {_GRANT}" if needed and not allowed else ""
    return Finding(
        allowed or not needed, f"cluster: may {what}: {'yes' if allowed else 'no'}{fix}"
    )


def _because(kind: str, applies: str) -> str:
    if kind == "auto" and applies == "namespace":
        return (
            f" (capacity is each flavor's count; to see nodes and other tenants' pods: {_GRANT})"
        )
    return ""


def _counts(kind: str, flavors: Mapping[str, Flavor]) -> Sequence[Finding]:
    return [Finding(False, sentence) for sentence in uncounted(kind, flavors.values())]
