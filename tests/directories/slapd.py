"""A private OpenLDAP, filled with a campus in each style of groups.

Groups stand below ``ou=<style>,dc=fjord,dc=example``: names (groupOfNames), unique (groupOfUniqueNames), posix
(posixGroup with memberUid). With the schema rfc2307bis, posixGroup cannot be structural, so that style has a server of
its own, where groups are groupOfNames and posixGroup at once.
"""

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import ldap3

from tests.cluster.certificates import Authority
from tests.directories.campus import TERM, Campus, Somebody
from tests.directories.directory import Directory
from tests.directories.process import ServerProcess, answers, free_port

Schema = Literal["nis", "rfc2307bis"]
SUFFIX = "dc=fjord,dc=example"
STYLES = {"nis": ("names", "unique", "posix"), "rfc2307bis": ("bis",)}
ROOT_DN, ROOT_PASSWORD = f"cn=root,{SUFFIX}", "root-password"
SHORT_DN = f"cn=short,{SUFFIX}"
"""A service account whose searches the server cuts off after three entries."""
BLIND_DN = f"cn=blind,{SUFFIX}"
"""A service account that may read nothing."""
_LOCKED = "000001010000Z"

_RFC2307BIS = """
attributetype ( 1.3.6.1.1.1.1.3 NAME 'homeDirectory' EQUALITY caseExactIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 SINGLE-VALUE )
attributetype ( 1.3.6.1.1.1.1.12 NAME 'memberUid' EQUALITY caseExactIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )
objectclass ( 1.3.6.1.1.1.2.0 NAME 'posixAccount' SUP top AUXILIARY MUST ( cn $ uid $ uidNumber $ gidNumber $ homeDirectory ) )
objectclass ( 1.3.6.1.1.1.2.2 NAME 'posixGroup' SUP top AUXILIARY MUST gidNumber MAY memberUid )
"""

_CONFIGURATION = """
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload refint
moduleload ppolicy
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include {schema}
include /etc/ldap/schema/inetorgperson.schema
TLSCACertificateFile {folder}/ca.crt
TLSCertificateFile {folder}/server.crt
TLSCertificateKeyFile {folder}/server.key
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{blind}" none by anonymous auth by users read
database mdb
suffix "{suffix}"
rootdn "{root}"
rootpw {password}
directory {folder}/data
maxsize 67108864
dbnosync
index objectClass,uid,entryUUID,member,uniqueMember,memberUid eq
limits dn.exact="{short}" size.soft=3 size.hard=3 size.prtotal=3
overlay memberof
overlay refint
refint_attributes member uniqueMember
overlay ppolicy
"""


def find_slapd() -> str | None:
    return shutil.which("slapd", path="/usr/sbin:/usr/local/sbin:/usr/libexec")


class Slapd(Directory):
    """OpenLDAP; ``plain_url`` is its LDAP port, with StartTLS."""

    schema = "openldap"
    people = f"ou=People,{SUFFIX}"
    bind_dn, bind_password = f"cn=hub,{SUFFIX}", "hub-password"

    def __init__(self, campus: Campus, posix: Schema = "nis") -> None:
        super().__init__(campus, ServerProcess("slapd"))
        folder = self.process.folder
        self._style = STYLES[posix][0]
        self._posix = posix
        self._ports = free_port(), free_port()
        self.plain_url = f"ldap://127.0.0.1:{self._ports[0]}"
        self.url = f"ldaps://127.0.0.1:{self._ports[1]}"
        authority = Authority()
        authority.issue("slapd", hosts=("127.0.0.1", "localhost")).write(folder, "server")
        (folder / "ca.crt").write_bytes(authority.certificate)
        self.ca = str(folder / "ca.crt")
        self.groups = self.groups_of(self._style)
        (folder / "data").mkdir()
        (folder / "slapd.conf").write_text(_configuration(folder, posix))

    @staticmethod
    def groups_of(style: str) -> str:
        """The entry below which groups of this style stand."""
        return f"ou={style},{SUFFIX}"

    def launch(self) -> None:
        folder, (port, _) = self.process.folder, self._ports
        command = [str(find_slapd()), "-d", "0", "-f", str(folder / "slapd.conf"), "-h"]
        self.process.launch(
            [*command, f"{self.plain_url} {self.url}"], lambda: answers("127.0.0.1", port)
        )

    def person_dn(self, login: str) -> str:
        return f"uid={login},{self.people}"

    def group_dn(self, name: str, style: str | None = None) -> str:
        return f"CN={name},OU={TERM},OU={style or self._style},DC=fjord,DC=example"

    def disable(self, login: str) -> None:
        change = {"pwdAccountLockedTime": [(ldap3.MODIFY_REPLACE, [_LOCKED])]}
        self.modify(self.person_dn(login), change)

    def enable(self, login: str) -> None:
        self.modify(self.person_dn(login), {"pwdAccountLockedTime": [(ldap3.MODIFY_REPLACE, [])]})

    def rename(self, login: str, new: str) -> None:
        with self.administrator() as connection:
            connection.modify_dn(self.person_dn(login), f"uid={new}")

    @contextlib.contextmanager
    def administrator(self) -> Iterator[ldap3.Connection]:
        server = ldap3.Server(self.plain_url, get_info=ldap3.NONE)
        connection = ldap3.Connection(
            server, ROOT_DN, ROOT_PASSWORD, auto_bind=True, raise_exceptions=True
        )
        try:
            yield connection
        finally:
            connection.unbind()

    def add(self, person: Somebody) -> None:
        self.add_person(person.login, person.password, person.name)

    def add_person(
        self, login: str, password: str, name: str = "Somebody Else", **more: Any
    ) -> None:
        with self.administrator() as connection:
            _add_person(connection, self.person_dn(login), login, password, name, more)

    def fill(self) -> None:
        with self.administrator() as connection:
            connection.add(SUFFIX, ["dcObject", "organization"], {"o": "Fjord", "dc": "fjord"})
            for dn in (self.bind_dn, SHORT_DN, BLIND_DN):
                account = {"userPassword": self.bind_password}
                connection.add(dn, ["applicationProcess", "simpleSecurityObject"], account)
            connection.add(self.people, "organizationalUnit")
            for person in self.campus.people.values():
                dn = self.person_dn(person.login)
                _add_person(connection, dn, person.login, person.password, person.name, {})
            for style in STYLES[self._posix]:
                connection.add(self.groups_of(style), "organizationalUnit")
                connection.add(f"ou={TERM},{self.groups_of(style)}", "organizationalUnit")
                for number, name in enumerate(self.campus.members, start=1):
                    self._add_group(connection, style, name, number)

    def _add_group(self, connection: ldap3.Connection, style: str, name: str, number: int) -> None:
        logins = self.campus.members[name]
        inside = [self.group_dn(inner, style) for inner in self.campus.inside.get(name, ())]
        names = [self.person_dn(login) for login in logins] + inside
        classes, values = {
            "names": (["groupOfNames"], {"member": names}),
            "unique": (["groupOfUniqueNames"], {"uniqueMember": names}),
            "posix": (["posixGroup"], {"memberUid": logins, "gidNumber": number}),
            "bis": (["groupOfNames", "posixGroup"], {"member": names, "gidNumber": number}),
        }[style]
        connection.add(self.group_dn(name, style), classes, values)


def _add_person(
    connection: ldap3.Connection,
    dn: str,
    login: str,
    password: str,
    name: str,
    more: dict[str, Any],
) -> None:
    values = {"uid": login, "cn": name, "sn": name.split()[-1], "userPassword": password}
    connection.add(dn, "inetOrgPerson", values | more)


def add_courses(
    connection: ldap3.Connection, base: str, member: str, counts: Sequence[int]
) -> list[str]:
    """Make ``ou=<count>`` below an entry for each count, with so many groups that hold somebody; the names of all."""
    dns = []
    for count in counts:
        inner = f"ou={count},{base}"
        connection.add(inner, "organizationalUnit")
        groups = [f"cn=c{number},{inner}" for number in range(count)]
        for dn in groups:
            connection.add(dn, "groupOfNames", {"member": member})
        dns += [inner, *groups]
    return dns


def _configuration(folder: Path, posix: Schema) -> str:
    schema = Path("/etc/ldap/schema/nis.schema")
    if posix == "rfc2307bis":
        schema = folder / "rfc2307bis.schema"
        schema.write_text(_RFC2307BIS)
    return _CONFIGURATION.format(
        folder=folder,
        schema=schema,
        suffix=SUFFIX,
        root=ROOT_DN,
        password=ROOT_PASSWORD,
        short=SHORT_DN,
        blind=BLIND_DN,
    )
