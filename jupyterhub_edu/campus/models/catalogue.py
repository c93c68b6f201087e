"""Flavors, and the profiles that can be started."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from ..values import Count, CourseRoleWord, CpuAmount, Duration, MemoryAmount, Text, Weight
from .base import Model

__all__ = ["ChoiceModel", "FlavorModel", "OptionModel", "ProfileModel"]


class FlavorModel(Model):
    """A kind of node or device."""

    title: Text | SkipJsonSchema[None] = None
    """Shown to people; left out: its key."""
    device: Text | SkipJsonSchema[None] = None
    """Kubernetes extended resource such as ``nvidia.com/gpu``; left out: plain CPU."""
    nodes: dict[Text, Text] = {}
    """Node labels that its servers ask for."""
    tolerate: list[Text] = []
    """Taint keys that its servers tolerate."""
    count: Count | SkipJsonSchema[None] = None
    """The most devices to use; left out: what the cluster shows."""
    grows_to: Annotated[int, Field(ge=1, le=100_000)] | SkipJsonSchema[None] = None
    """Devices that there may be in all, of nodes that an autoscaler adds when servers wait for them; left out: none is added."""
    per_node: Annotated[int, Field(ge=1, le=1000)] | SkipJsonSchema[None] = None
    """Devices of each node that is added."""
    weight: Weight | SkipJsonSchema[None] = None
    """GPU hours that an hour on one device counts for, at most three decimals; left out: 1."""


class CpuModel(Model):
    """CPU of one server, in cores such as 0.5 or millicores such as 500m."""

    guarantee: CpuAmount | SkipJsonSchema[None] = None
    """Least promised; left out: as much as the limit."""
    limit: CpuAmount | SkipJsonSchema[None] = None
    """Most allowed."""


class MemoryModel(Model):
    """Memory of one server, such as 512Mi or 2Gi (1G is 1,000,000,000 bytes, as in Kubernetes)."""

    guarantee: MemoryAmount | SkipJsonSchema[None] = None
    """Least promised; left out: as much as the limit."""
    limit: MemoryAmount | SkipJsonSchema[None] = None
    """Most allowed."""


class ChoiceModel(Model):
    """One value of an option; what it leaves out stays as the profile has it."""

    title: Text | SkipJsonSchema[None] = None
    """Shown to people; left out: its key."""
    devices: Count | SkipJsonSchema[None] = None
    """Whole devices of the profile's flavor."""
    cpu: CpuModel | SkipJsonSchema[None] = None
    """CPU instead of the profile's."""
    memory: MemoryModel | SkipJsonSchema[None] = None
    """Memory instead of the profile's."""
    image: Text | SkipJsonSchema[None] = None
    """Image instead of the profile's, with its tag."""
    course_roles: list[CourseRoleWord] = []
    """Who may take it (and every stronger role); left out: everybody who has the profile."""


class OptionModel(Model):
    """A question asked beside a profile."""

    title: Text | SkipJsonSchema[None] = None
    """Shown to people; left out: its key."""
    default: Text
    """The choice taken when nothing is chosen."""
    choices: dict[Text, ChoiceModel] = Field(min_length=1)
    """What can be chosen, by key."""


class ProfileModel(Model):
    """A choice shown to people: flavor, amounts, image and longest session."""

    title: Text | SkipJsonSchema[None] = None
    """Shown to people; left out: its key."""
    description: str = Field(default="", max_length=5000)
    """A sentence below the title."""
    flavor: Text
    """The kind of node or device."""
    devices: Count = 0
    """Whole devices of the flavor for each server."""
    cpu: CpuModel = CpuModel()
    """CPU of each server; the limit is required."""
    memory: MemoryModel = MemoryModel()
    """Memory of each server; the limit is required."""
    image: Text | SkipJsonSchema[None] = None
    """Image with its tag or digest; left out: the spawner's own."""
    longest: Duration | SkipJsonSchema[None] = None
    """Longest session, from 5m to 14d; left out: only the course's end."""
    options: dict[Text, OptionModel] = {}
    """Questions asked beside it."""
    kubespawner: dict[str, Any] = {}
    """KubeSpawner settings that the campus file does not govern."""
