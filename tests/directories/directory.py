"""What tests see of a real directory, whichever it is."""

import abc
import contextlib
from collections.abc import Iterator
from typing import Any

import ldap3

from tests.directories.campus import Campus, Somebody
from tests.directories.process import ServerProcess


class Directory(abc.ABC):
    """A running directory filled with a campus.

    Attributes:
        url: address of its LDAPS port, as 127.x.y.z; ``ca`` is the file with the authority to trust.
        people, groups: the entries below which they stand.
        bind_dn, bind_password: the service account's; it may read everything that the hub needs and nothing else.
    """

    schema: str
    url: str
    ca: str
    people: str
    groups: str
    bind_dn: str
    bind_password: str

    def __init__(self, campus: Campus, process: ServerProcess) -> None:
        self.campus, self.process = campus, process

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Keys of a source in the campus file that logs in here, ``type`` aside; None takes a key out."""
        keys = {
            "servers": [self.url],
            "schema": self.schema,
            "people": self.people,
            "groups": self.groups,
            "bind": {"dn": self.bind_dn, "password": self.bind_password},
            "tls": {"ca": self.ca},
        } | changes
        return {key: value for key, value in keys.items() if value is not None}

    def open(self) -> None:
        """Start it for the first time and fill it."""
        self.prepare()
        self.start()
        self.fill()

    def start(self) -> None:
        """Start it with the data that it has; nothing happens if it runs."""
        if not self.process.is_running:
            self.launch()

    def prepare(self) -> None:  # noqa: B027
        """Make what has to be there before the first start."""

    @abc.abstractmethod
    def launch(self) -> None:
        """Start the process and wait until it answers."""

    @abc.abstractmethod
    def fill(self) -> None:
        """Put the campus in."""

    @abc.abstractmethod
    def person_dn(self, login: str) -> str: ...

    @abc.abstractmethod
    def group_dn(self, name: str) -> str:
        """The group's name as rules see it: types in upper case, no blanks."""

    @abc.abstractmethod
    def add(self, person: Somebody) -> None:
        """Add somebody, in no group."""

    @abc.abstractmethod
    def disable(self, login: str) -> None: ...

    @abc.abstractmethod
    def enable(self, login: str) -> None: ...

    @abc.abstractmethod
    def rename(self, login: str, new: str) -> None:
        """Give an entry another login name; its stable id stays."""

    @abc.abstractmethod
    def administrator(self) -> contextlib.AbstractContextManager[ldap3.Connection]:
        """A connection that may change everything."""

    def stop(self) -> None:
        self.process.stop()

    def pause(self) -> None:
        self.process.pause()

    def resume(self) -> None:
        self.process.resume()

    def add_to_group(self, login: str, group: str) -> None:
        self.modify(
            self.group_dn(group), {"member": [(ldap3.MODIFY_ADD, [self.person_dn(login)])]}
        )

    def remove_from_group(self, login: str, group: str) -> None:
        change = {"member": [(ldap3.MODIFY_DELETE, [self.person_dn(login)])]}
        self.modify(self.group_dn(group), change)

    def delete(self, login: str) -> None:
        with self.administrator() as connection:
            connection.delete(self.person_dn(login))

    def modify(self, dn: str, changes: dict[str, Any]) -> None:
        with self.administrator() as connection:
            connection.modify(dn, changes)

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """For a while, nobody listens."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """For a while, connections stand and nothing is answered."""
        self.pause()
        try:
            yield
        finally:
            self.resume()
