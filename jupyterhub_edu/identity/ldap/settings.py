"""The keys of a source of type ``ldap`` in the campus file."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from jupyterhub_edu.identity.durations import Duration
from jupyterhub_edu.identity.paths import CampusPath

from .dn import is_below, parse_dn
from .filters import require_filter

__all__ = [
    "DEFAULT_GROUP_ATTRIBUTES",
    "Address",
    "Bind",
    "LdapSettings",
    "Schema",
    "Tls",
    "parse_address",
]

Schema = Literal["openldap", "active-directory"]

DEFAULT_GROUP_ATTRIBUTES: Final = ["member", "uniqueMember", "memberUid"]

_ATTRIBUTE: Final = r"^[A-Za-z][A-Za-z0-9-]*$"
_INSECURE: Final = "or, if you accept that passwords can be read on the way, insecure: i-know"


@dataclass(frozen=True, slots=True)
class Address:
    """Where one server listens."""

    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'ldaps' if self.tls else 'ldap'}://{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether what is sent there never leaves the machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse_address(url: str) -> Address:
    """Parse ``ldap://host[:port]`` or ``ldaps://host[:port]``.

    Raises:
        ValueError: anything else, also an address with a path or a query.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in {"ldap", "ldaps"} or not parts.hostname or parts.username is not None:
        raise ValueError(
            f"{url!r} is no server; write ldaps://host or ldap://host, with :port if need be"
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(
            f"{url!r} says more than a server; say where to search with people and groups"
        )
    tls = parts.scheme == "ldaps"
    return Address(parts.hostname, parts.port or (636 if tls else 389), tls)


def _dn(text: object) -> object:
    if isinstance(text, str):
        if not text.strip():
            raise ValueError(
                "an empty name would mean the whole directory; name the entry to search below"
            )
        parse_dn(text)
    return text


def _filter(text: object) -> object:
    return require_filter(text) if isinstance(text, str) else text


Attribute = Annotated[str, Field(pattern=_ATTRIBUTE)]
DnText = Annotated[str, BeforeValidator(_dn)]
FilterText = Annotated[str, BeforeValidator(_filter)]


class _Model(BaseModel):
    # Inputs stay out of messages: they may be passwords.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Bind(_Model):
    """The service account with which people and groups are read."""

    dn: DnText = Field(description="Full name of the account's entry.")
    password: SecretStr = Field(
        description="Its password, best as {env: NAME} or {file: PATH}; never printed.",
    )

    @model_validator(mode="after")
    def _has_password(self) -> Self:
        if not self.password.get_secret_value().strip("\x00 \t\r\n"):
            raise ValueError(
                "an empty password makes an anonymous bind; give the account's password"
            )
        return self


class Tls(_Model):
    """How the servers prove who they are."""

    start: bool | None = Field(
        default=None,
        description="Whether a connection to ldap:// is encrypted by StartTLS before anything is said on it. Left out: "
        "yes, except to this very machine (loopback).",
    )
    verify: bool = Field(
        default=True,
        description="Whether the server's certificate must be valid; false only with insecure: i-know.",
    )
    ca: CampusPath | None = Field(
        default=None,
        description="File with the certificates to trust, PEM. Left out: the machine's own.",
    )
    certificate: CampusPath | None = Field(
        default=None, description="File with a certificate of ours to show, PEM."
    )
    key: CampusPath | None = Field(
        default=None, description="File with that certificate's key, PEM."
    )
    name: str | None = Field(
        default=None,
        description="The name that the certificate carries, where it is not the one in the server's address.",
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.key is not None and self.certificate is None:
            raise ValueError("key without certificate; name the file of the certificate too")
        for path in (self.ca, self.certificate, self.key):
            if path is not None and not path.is_file():
                raise ValueError(f"there is no file {path}")
        return self


@dataclass(frozen=True, slots=True)
class _Names:
    user: str
    id: str
    name: str
    person_filter: str
    nested: bool


_NAMES: Final[dict[Schema, _Names]] = {
    "openldap": _Names(
        "uid", "entryUUID", "cn", "(|(objectClass=person)(objectClass=posixAccount))", nested=False
    ),
    "active-directory": _Names(
        "sAMAccountName",
        "objectGUID",
        "displayName",
        "(&(objectCategory=person)(objectClass=user))",
        nested=True,
    ),
}


class LdapSettings(_Model):
    """A directory that people log in with and whose groups say who is in which course."""

    servers: list[str] = Field(
        min_length=1,
        description="Addresses, ldaps://host[:port] or ldap://host[:port] (then StartTLS). The first that answers is "
        "used; when it falls silent the next takes over within a second.",
    )
    # The key is `schema`, a name that pydantic keeps for itself.
    kind: Schema = Field(
        alias="schema",
        description="What the directory is; sets the attribute names, each of which may be overridden.",
    )
    people: DnText = Field(description="Entry below which people are searched.")
    groups: DnText | None = Field(
        default=None,
        description="Entry below which groups are searched; groups elsewhere do not count. Left out: none are read.",
    )
    bind: Bind | Literal["anonymous"] = Field(
        description="The service account {dn, password}, or anonymous where the directory may be read without."
    )
    tls: Tls = Field(
        default_factory=Tls, description="Encryption, and how the servers prove who they are."
    )
    insecure: Literal["i-know"] | None = Field(
        default=None,
        description="Allows connections that can be listened to or tampered with: no TLS, or verify: false.",
    )
    timeout: Duration = Field(
        default=3.0,
        ge=0.2,
        le=30,
        description="The longest that one login or one reading of a person may take, such as 3s.",
    )
    connections: int = Field(
        default=32, ge=1, le=64, description="The most calls at one time; each holds a connection."
    )
    user_attribute: Attribute = Field(
        default="",
        description="Attribute that holds what people type (openldap: uid; active-directory: sAMAccountName).",
    )
    username_attribute: Attribute = Field(
        default="",
        description="Attribute whose value names the hub account. Left out: the user_attribute.",
    )
    id_attribute: Attribute = Field(
        default="",
        description="Attribute that never changes (openldap: entryUUID; active-directory: objectGUID; 389-ds: nsUniqueId; "
        "FreeIPA: ipaUniqueID).",
    )
    name_attribute: Attribute = Field(
        default="",
        description="Attribute with the name to show (openldap: cn; active-directory: displayName).",
    )
    attributes: list[Attribute] = Field(
        default=[],
        description="Attributes that links compare and by which people are found who are added by hand, such as "
        "employeeNumber; none that people may change themselves. Kept only where links name them.",
    )
    person_filter: FilterText = Field(
        default="",
        description="Filter that holds for people who may log in; whoever no longer fits it is gone.",
    )
    group_attributes: list[Attribute] = Field(
        default=DEFAULT_GROUP_ATTRIBUTES,
        min_length=1,
        description="openldap: attributes of a group that list its members; memberUid holds login names, every other "
        "one full names of entries.",
    )
    group_name: Literal["dn", "cn"] = Field(
        default="dn",
        description="What rules see of a group: its full name, as in CN=ml,OU=Courses,DC=example, or its first part alone.",
    )
    nested: bool | None = Field(
        default=None,
        description="Whether members of a group inside a group count (active-directory: yes, openldap: no unless set).",
    )
    allowed_groups: list[DnText] | None = Field(
        default=None,
        description="Full names of groups; only members of one of them exist for the hub. Left out: the rules decide alone.",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: object) -> object:
        """Put the schema's names where none are given, so that they are checked like given ones."""
        schema = values.get("schema") if isinstance(values, dict) else None
        names = _NAMES.get(schema) if isinstance(schema, str) else None  # type: ignore[call-overload]
        if names is None or not isinstance(values, dict):
            return values
        user = values.get("user_attribute") or names.user
        return {
            "user_attribute": user,
            "username_attribute": user,
            "id_attribute": names.id,
            "name_attribute": names.name,
            "person_filter": names.person_filter,
            "nested": names.nested,
        } | {key: value for key, value in values.items() if value is not None}

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        for address in self.addresses:
            if not (self.is_encrypted(address) or address.is_loopback or self.insecure):
                raise ValueError(
                    f"{address} without TLS; write ldaps:// or leave tls.start on, {_INSECURE}"
                )
        if not self.tls.verify and not self.insecure:
            raise ValueError(
                f"tls.verify: false accepts any server; name its authority in tls.ca instead, {_INSECURE}"
            )
        if self.allowed_groups is not None and not self.allowed_groups:
            raise ValueError(
                "an empty allowed_groups reads like everyone; leave it out, or name groups"
            )
        for name in self.allowed_groups or ():
            if self.groups is None or not is_below(parse_dn(name), parse_dn(self.groups)):
                raise ValueError(
                    f"allowed_groups: {name} does not lie below groups; set groups to an entry above it"
                )
        return self

    def is_encrypted(self, address: Address) -> bool:
        """Whether passwords go to this server through TLS, either kind."""
        start = not address.is_loopback if self.tls.start is None else self.tls.start
        return address.tls or start

    @property
    def addresses(self) -> list[Address]:
        """The servers, in order of preference."""
        return [parse_address(url) for url in self.servers]
