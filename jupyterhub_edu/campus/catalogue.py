"""Flavors and profiles of a file without mistakes to the objects that decisions rest on."""

from __future__ import annotations

from types import MappingProxyType

from jupyterhub_edu.domain.profiles import Amounts, Choice, Flavor, Option, Profile

from .models.catalogue import ChoiceModel, FlavorModel, OptionModel, ProfileModel
from .values import role_of

__all__ = ["map_flavor", "map_profile"]


def map_flavor(key: str, flavor: FlavorModel) -> Flavor:
    """Make a flavor."""
    return Flavor(
        key=key,
        title=flavor.title or key,
        device=flavor.device,
        count=flavor.count,
        nodes=MappingProxyType(dict(flavor.nodes)),
        tolerate=tuple(flavor.tolerate),
        grows_to=flavor.grows_to,
        per_node=flavor.per_node or 1,
        weight=1000 if flavor.weight is None else flavor.weight,
    )


def map_profile(key: str, profile: ProfileModel, flavor: Flavor) -> Profile:
    """Make a profile; its KubeSpawner settings are read-only outermost, and the spawner copies what it takes."""
    cpu, memory = profile.cpu, profile.memory
    if cpu.limit is None or memory.limit is None:
        raise AssertionError(f"profile {key} has no limits")  # the checks call that a mistake
    return Profile(
        key=key,
        title=profile.title or key,
        description=profile.description,
        flavor=flavor,
        amounts=Amounts(
            cpu_guarantee=cpu.guarantee or cpu.limit,
            cpu_limit=cpu.limit,
            memory_guarantee=memory.guarantee or memory.limit,
            memory_limit=memory.limit,
            devices=profile.devices,
        ),
        image=profile.image,
        longest=profile.longest,
        options=MappingProxyType({k: _option(k, o) for k, o in profile.options.items()}),
        kubespawner=MappingProxyType(dict(profile.kubespawner)),
    )


def _option(key: str, option: OptionModel) -> Option:
    choices = MappingProxyType({k: _choice(k, c) for k, c in option.choices.items()})
    return Option(key, option.title or key, option.default, choices)


def _choice(key: str, choice: ChoiceModel) -> Choice:
    return Choice(
        key=key,
        title=choice.title or key,
        cpu_guarantee=choice.cpu.guarantee if choice.cpu else None,
        cpu_limit=choice.cpu.limit if choice.cpu else None,
        memory_guarantee=choice.memory.guarantee if choice.memory else None,
        memory_limit=choice.memory.limit if choice.memory else None,
        devices=choice.devices,
        image=choice.image,
        course_roles=frozenset(map(role_of, choice.course_roles)),
    )
