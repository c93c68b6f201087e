"""A private Samba as an Active Directory domain controller, filled with a campus.

Its ports cannot be chosen, so it listens on a loopback address of its own; two runs on one machine do not meet.
"""

import contextlib
import random
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import ldap3

from tests.cluster.certificates import Authority
from tests.directories.campus import TERM, Campus, Somebody
from tests.directories.directory import Directory
from tests.directories.process import ServerProcess, answers

REALM, DOMAIN = "AD.FJORD.EXAMPLE", "FJORD"
SUFFIX = "DC=ad,DC=fjord,DC=example"
_ADMIN_PASSWORD = "Administrator-1-Password"
_NORMAL, _DISABLED = 512, 514


def find_samba() -> str | None:
    """Samba and what provisions it, or None."""
    tool = shutil.which("samba-tool")
    return shutil.which("samba", path="/usr/sbin:/usr/local/sbin") if tool else None


class SambaAd(Directory):
    """Samba AD; simple binds need TLS, as on a hardened Windows domain."""

    schema = "active-directory"
    people = f"OU=People,{SUFFIX}"
    groups = f"OU=Courses,{SUFFIX}"
    bind_dn, bind_password = f"CN=hub,OU=Service,{SUFFIX}", "Hub-1-Password"

    def __init__(self, campus: Campus) -> None:
        super().__init__(campus, ServerProcess("samba"))
        self.host = _free_address()
        self.url = f"ldaps://{self.host}"

    def launch(self) -> None:
        configuration = self.process.folder / "etc" / "smb.conf"
        command = [str(find_samba()), "-i", "-M", "prefork", "-s", str(configuration)]
        self.process.launch([*command, "--debug-stdout"], lambda: answers(self.host, 636))

    def person_dn(self, login: str) -> str:
        return f"CN={login},{self.people}"

    def group_dn(self, name: str) -> str:
        return f"CN={name},OU={TERM},{self.groups}"

    def add(self, person: Somebody) -> None:
        with self.administrator() as connection:
            _add_person(connection, self.person_dn(person.login), person)

    def disable(self, login: str) -> None:
        self._control(login, _DISABLED)

    def enable(self, login: str) -> None:
        self._control(login, _NORMAL)

    def rename(self, login: str, new: str) -> None:
        self.modify(self.person_dn(login), {"sAMAccountName": [(ldap3.MODIFY_REPLACE, [new])]})

    @contextlib.contextmanager
    def administrator(self) -> Iterator[ldap3.Connection]:
        server = ldap3.Server(self.url, get_info=ldap3.NONE)
        connection = ldap3.Connection(
            server,
            f"CN=Administrator,CN=Users,{SUFFIX}",
            _ADMIN_PASSWORD,
            auto_bind=True,
            raise_exceptions=True,
        )
        try:
            yield connection
        finally:
            connection.unbind()

    def set(self, login: str, **values: Any) -> None:
        """Replace attributes of a person."""
        changes = {key: [(ldap3.MODIFY_REPLACE, [value])] for key, value in values.items()}
        self.modify(self.person_dn(login), changes)

    def _control(self, login: str, value: int) -> None:
        self.set(login, userAccountControl=value)

    def _provision(self) -> None:
        folder = self.process.folder
        authority = Authority()
        authority.issue("samba", hosts=(self.host,)).write(folder, "server")
        (folder / "ca.crt").write_bytes(authority.certificate)
        self.ca = str(folder / "ca.crt")
        options = {
            "interfaces": f"{self.host}/8",
            "bind interfaces only": "yes",
            "server services": "ldap, kdc, rpc, drepl",
            "tls enabled": "yes",
            "tls keyfile": str(folder / "server.key"),
            "tls certfile": str(folder / "server.crt"),
            "tls cafile": self.ca,
            "ldap server require strong auth": "yes",
            # Two of them may run on one machine at a time.
            "pid directory": str(folder / "run"),
            "ncalrpc dir": str(folder / "ncalrpc"),
        }
        (folder / "run").mkdir()
        # A smb.conf of the machine would be taken for the domain's.
        empty = folder / "none.conf"
        empty.write_text("")
        subprocess.run(
            [
                *("samba-tool", "domain", "provision", "--use-rfc2307"),
                *(f"--realm={REALM}", f"--domain={DOMAIN}", "--server-role=dc"),
                *("--dns-backend=NONE", f"--adminpass={_ADMIN_PASSWORD}", "--host-name=dc1"),
                *(f"--targetdir={folder}", f"--host-ip={self.host}", f"--configfile={empty}"),
                *(f"--option={key}={value}" for key, value in options.items()),
            ],
            check=True,
            capture_output=True,
            cwd=folder,
        )

    def prepare(self) -> None:
        self._provision()

    def fill(self) -> None:
        with self.administrator() as connection:
            for dn in (f"OU=Service,{SUFFIX}", self.people, self.groups):
                connection.add(dn, "organizationalUnit")
            connection.add(f"OU={TERM},{self.groups}", "organizationalUnit")
            hub = Somebody("hub", "The", "Hub", self.bind_password, {})
            _add_person(connection, self.bind_dn, hub)
            for person in self.campus.people.values():
                _add_person(connection, self.person_dn(person.login), person)
            for name in self.campus.members:
                connection.add(self.group_dn(name), "group", {"sAMAccountName": name})
            for name, logins in self.campus.members.items():
                inside = self.campus.inside.get(name, ())
                names = [self.person_dn(login) for login in logins]
                names += [self.group_dn(inner) for inner in inside]
                connection.modify(self.group_dn(name), {"member": [(ldap3.MODIFY_ADD, names)]})


def _add_person(connection: ldap3.Connection, dn: str, person: Somebody) -> None:
    values = {
        "sAMAccountName": person.login,
        "displayName": person.name,
        "givenName": person.given,
        "sn": person.family,
        "userPrincipalName": f"{person.login}@{REALM.lower()}",
        "unicodePwd": f'"{person.password}"'.encode("utf-16-le"),
        "userAccountControl": _NORMAL,
    }
    connection.add(dn, "user", values)


def _free_address() -> str:
    """A loopback address where nobody listens on the ports of LDAP."""
    chance = random.SystemRandom()
    while True:
        host = (
            f"127.{chance.randrange(1, 255)}.{chance.randrange(1, 255)}.{chance.randrange(2, 255)}"
        )
        if not answers(host, 389) and not answers(host, 636):
            return host
