"""What a tenant holds: people, groups, classes, and the registration of one app."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

_NAMESPACE = uuid.UUID("6f1c1b0e-5b7e-4a1e-9d6e-0d5f4b1f7a11")


def guid(*words: str) -> str:
    """A GUID that is the same each time."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(words)))


@dataclass
class User:
    """A person of a tenant.

    Attributes:
        upn: userPrincipalName; a guest's is ``ann_home.example#EXT#@tenant.onmicrosoft.com``.
        address: what a guest logs in with.
        roles: app roles of the one app.
        assigned: whether the person is assigned to the app, where that is required.
        revoked_at: sessions and refresh tokens from before are void.
    """

    id: str
    upn: str
    name: str
    groups: set[str] = field(default_factory=set)
    roles: list[str] = field(default_factory=list)
    address: str = ""
    home: str = ""
    enabled: bool = True
    assigned: bool = True
    revoked_at: datetime | None = None

    @property
    def is_guest(self) -> bool:
        return bool(self.home)

    @property
    def preferred_username(self) -> str:
        return self.address or self.upn


@dataclass
class Group:
    """A group; ``parents`` are the groups that it is a member of."""

    id: str
    name: str
    parents: set[str] = field(default_factory=set)


@dataclass
class SchoolClass:
    """An education class: one group that holds teachers and students; teachers are its owners too."""

    id: str
    name: str
    code: str = ""
    external_id: str = ""
    members: set[str] = field(default_factory=set)
    teachers: set[str] = field(default_factory=set)


@dataclass
class Application:
    """The registration of the hub.

    Attributes:
        secrets: client secrets with their ends.
        group_claims: ``groupMembershipClaims`` of the manifest; None emits no groups.
        delegated: what people (or an administrator for them) have consented to.
        permissions: application permissions with an administrator's consent.
        account_claim: whether the optional claim ``acct`` is emitted.
    """

    id: str
    secrets: dict[str, datetime]
    redirect_uris: set[str]
    group_claims: str | None = "SecurityGroup"
    delegated: set[str] = field(default_factory=lambda: {"User.Read"})
    permissions: set[str] = field(default_factory=set)
    assignment_required: bool = False
    account_claim: bool = False
    public: bool = False


class Tenant:
    """One directory."""

    def __init__(self, name: str = "fjord") -> None:
        self.id = guid("tenant", name)
        self.domain = f"{name}.example"
        self.initial_domain = f"{name}.onmicrosoft.com"
        self.users: dict[str, User] = {}
        self.groups: dict[str, Group] = {}
        self.classes: dict[str, SchoolClass] = {}

    def add_user(
        self,
        login: str,
        name: str = "",
        *,
        groups: Iterable[str] = (),
        roles: Iterable[str] = (),
        home: str = "",
    ) -> User:
        """Somebody new; a guest if a home domain is named. Groups are made as needed."""
        upn = f"{login}@{self.domain}"
        address = ""
        if home:
            address = f"{login}@{home}"
            upn = f"{login}_{home}#EXT#@{self.initial_domain}"
        user = User(guid(self.id, "user", upn), upn, name or login.title(), set(), list(roles))
        user.address, user.home = address, home
        user.groups = {self.add_group(group).id for group in groups}
        self.users[user.id] = user
        return user

    def add_group(self, name: str, *, inside: Iterable[str] = ()) -> Group:
        """The group of this name, made if need be, as a member of others."""
        id = guid(self.id, "group", name)
        group = self.groups.setdefault(id, Group(id, name))
        group.parents |= {self.add_group(outer).id for outer in inside}
        return group

    def add_class(
        self,
        name: str,
        *,
        code: str = "",
        external_id: str = "",
        teachers: Iterable[User] = (),
        students: Iterable[User] = (),
    ) -> SchoolClass:
        """A class with its group."""
        teachers, students = list(teachers), list(students)
        group = self.add_group(f"class {name}")
        found = SchoolClass(group.id, name, code, external_id)
        found.teachers = {user.id for user in teachers}
        found.members = {user.id for user in (*teachers, *students)}
        for id in found.members:
            self.users[id].groups.add(group.id)
        self.classes[group.id] = found
        return found

    def groups_of(self, user: User) -> set[str]:
        """Direct and transitive groups of a person."""
        found: set[str] = set()
        waiting = list(user.groups)
        while waiting:
            id = waiting.pop()
            if id not in found:
                found.add(id)
                waiting.extend(self.groups[id].parents)
        return found

    def find(self, name: str) -> User | None:
        """Somebody by id, userPrincipalName, address, or the part before the @, in any case."""
        name = name.casefold()
        if name in self.users:
            return self.users[name]
        for user in self.users.values():
            whole = (user.upn.casefold(), user.preferred_username.casefold())
            if name in {*whole, whole[1].partition("@")[0]}:
                return user
        return None

    def delete(self, user: User) -> None:
        del self.users[user.id]
        for found in self.classes.values():
            found.members.discard(user.id)
            found.teachers.discard(user.id)
