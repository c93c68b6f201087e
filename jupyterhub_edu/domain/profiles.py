"""What can be started: flavors, amounts, profiles with options, and the choice that a person made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from .people import CourseRole
from .quantities import Cpu, Memory
from .reasons import Code, Reason

__all__ = ["Amounts", "Choice", "Flavor", "Granted", "Option", "Profile", "choose"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Flavor:
    """A kind of node or device.

    Attributes:
        key: its word in the campus file.
        title: shown to people.
        device: Kubernetes extended resource such as ``nvidia.com/gpu``, or None for plain CPU.
        count: the most devices to use; None: what the inventory shows.
        nodes: node labels that a pod of this flavor asks for.
        tolerate: taint keys that a pod of this flavor tolerates.
        grows_to: devices that there may be in all once an autoscaler has added nodes; None: no node is added.
        per_node: devices of a node that is added.
        weight: what an hour on one device counts for, in thousandths of a GPU hour.
    """

    key: str
    title: str
    device: str | None = None
    count: int | None = None
    nodes: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    tolerate: tuple[str, ...] = ()
    weight: int = 1000
    grows_to: int | None = None
    per_node: int = 1

    @property
    def declared(self) -> int | None:
        """The most devices that the campus file says there may be, or None."""
        return self.grows_to if self.count is None else self.count


class Amounts(NamedTuple):
    """What one server is granted; ``devices`` counts whole devices of the profile's flavor."""

    cpu_guarantee: Cpu
    cpu_limit: Cpu
    memory_guarantee: Memory
    memory_limit: Memory
    devices: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of an option; what it does not set stays as the profile has it.

    Attributes:
        course_roles: who may take it; empty means every course role that the profile is offered to.
    """

    key: str
    title: str
    cpu_guarantee: Cpu | None = None
    cpu_limit: Cpu | None = None
    memory_guarantee: Memory | None = None
    memory_limit: Memory | None = None
    devices: int | None = None
    image: str | None = None
    course_roles: frozenset[CourseRole] = frozenset()

    def open_to(self, role: CourseRole) -> bool:
        """Whether this role may take it. A stronger role may take what a weaker one may."""
        return not self.course_roles or role >= min(self.course_roles)


@dataclass(frozen=True, slots=True)
class Option:
    """A question asked beside a profile, with its default."""

    key: str
    title: str
    default: str
    choices: Mapping[str, Choice]


@dataclass(frozen=True, slots=True)
class Profile:
    """A choice shown to people: flavor, amounts, image, longest session and options.

    Attributes:
        kubespawner: settings that the campus file does not govern, handed to KubeSpawner as they are.
    """

    key: str
    title: str
    description: str
    flavor: Flavor
    amounts: Amounts
    image: str | None
    longest: timedelta | None
    options: Mapping[str, Option] = field(default_factory=lambda: _NOTHING)
    kubespawner: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


class Granted(NamedTuple):
    """A profile with its options chosen: exactly what the server gets.

    Attributes:
        exam: the id of the exam that it is a server of, or None.
    """

    profile: str
    flavor: str
    amounts: Amounts
    image: str | None
    options: Mapping[str, str]
    exam: str | None = None


def choose(
    profile: Profile, options: Mapping[str, str], role: CourseRole, course_image: str | None = None
) -> Granted | list[Reason]:
    """Resolve the options that a person sent against the catalogue.

    Always holds:
        - an option left out takes its default; an unknown one is refused, never ignored;
        - nothing outside the catalogue reaches the result;
        - all invalid options are named at once.

    Args:
        options: option key to choice key, as received; hostile text.
        course_image: the course's own image, used where neither profile choice nor profile names one first.

    Source:
        docs/explanation/policy.md, rule 5.
    """
    wrong: list[Reason] = [
        Reason(Code.OPTION_INVALID, "unknown", {"option": key})
        for key in options
        if key not in profile.options
    ]
    image = course_image or profile.image
    taken: dict[str, str] = {}
    choices: list[Choice] = []
    for option in profile.options.values():
        value = options.get(option.key, option.default)
        choice = option.choices.get(value)
        if choice is None:
            open_ = ", ".join(c.key for c in option.choices.values() if c.open_to(role))
            wrong.append(
                Reason(
                    Code.OPTION_INVALID,
                    "",
                    {"option": option.title, "value": value, "choices": open_},
                )
            )
        elif not choice.open_to(role):
            wrong.append(
                Reason(
                    Code.OPTION_INVALID,
                    "role",
                    {"option": option.title, "value": choice.title, "role": role},
                )
            )
        else:
            taken[option.key] = value
            image = choice.image or image
            choices.append(choice)
    if wrong:
        return wrong
    amounts = _with(profile.amounts, choices) if choices else profile.amounts
    return Granted(profile.key, profile.flavor.key, amounts, image, MappingProxyType(taken))


def _with(amounts: Amounts, choices: Iterable[Choice]) -> Amounts:
    """The amounts with these choices; of two that set the same the later one counts."""
    cpu_guarantee, cpu_limit, memory_guarantee, memory_limit, devices = amounts
    for choice in choices:
        cpu_guarantee = choice.cpu_guarantee or cpu_guarantee
        cpu_limit = choice.cpu_limit or cpu_limit
        memory_guarantee = choice.memory_guarantee or memory_guarantee
        memory_limit = choice.memory_limit or memory_limit
        if choice.devices is not None:
            devices = choice.devices
    return Amounts(cpu_guarantee, cpu_limit, memory_guarantee, memory_limit, devices)
