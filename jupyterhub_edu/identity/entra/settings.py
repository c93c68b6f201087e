"""The keys of a source of type ``entra`` in the campus file."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)

from jupyterhub_edu.identity.durations import Duration
from jupyterhub_edu.identity.paths import CampusPath
from jupyterhub_edu.identity.web import require_https

__all__ = ["EntraSettings", "parse_guid"]

_GUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CONSUMERS: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"
_SHARED: Final = frozenset({"common", "organizations", "consumers"})
_CHANGING: Final = frozenset({"upn", "preferred_username", "unique_name", "name", "login_hint"})
_DOMAIN: Final = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_S_TENANT_UNITS: Final = 3_500
"""What Graph grants an app in the smallest tenants, in units per ten seconds (throttling-limits.md)."""


def parse_guid(text: object) -> str | None:
    """A GUID in lower case; None for anything else."""
    found = text.strip().lower() if isinstance(text, str) else ""
    return found if _GUID.fullmatch(found) else None


def _guid(value: object) -> object:
    found = parse_guid(value)
    if found is None:
        raise ValueError(
            "no GUID; copy the Application (client) ID or the Directory (tenant) ID from the app's overview page"
        )
    return found


def _tenant(value: object) -> object:
    if value == "organizations":
        return value
    if value in _SHARED:
        raise ValueError(
            f"{value} would let in people of any organization, and private accounts; write the Directory (tenant) ID, or "
            "organizations with a list of tenants"
        )
    return _guid(value)


def _address(url: str) -> str:
    return url.rstrip("/")


def _domain(value: str | None) -> str | None:
    found = value.strip().lower().removeprefix("@") if value else None
    if found and not _DOMAIN.fullmatch(found):
        raise ValueError("no domain; write it like fjord.example")
    return found


Guid = Annotated[str, BeforeValidator(_guid)]
Address = Annotated[str, AfterValidator(_address)]


class EntraSettings(BaseModel):
    """An Entra tenant that people log in with; app roles, groups and education classes say what they are."""

    # Inputs stay out of messages: they may be secrets.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    tenant: Annotated[str, BeforeValidator(_tenant)] = Field(
        description="The Directory (tenant) ID, a GUID; or organizations, together with tenants."
    )
    tenants: list[Guid] | None = Field(
        default=None,
        min_length=1,
        description="With organizations: the tenants whose people may log in; nobody else's may.",
    )
    client_id: Guid = Field(description="The Application (client) ID of the app registration.")
    client_secret: SecretStr = Field(
        description="The value of a client secret (not its ID), as {env: NAME} or {file: PATH}; never printed."
    )
    login_domain: Annotated[str | None, AfterValidator(_domain)] = Field(
        default=None,
        description="Left off logins of the campus's own people: with fjord.example, ann@fjord.example has the account "
        "ann. Left out: accounts have the whole name. Decide before the first login.",
    )
    login_claim: Literal["preferred_username", "upn", "oid"] = Field(
        default="preferred_username",
        description="Claim that names the account; a label, not what people are known by. upn must be set as an optional "
        "claim of the app; oid makes accounts that are called like 7d1c....",
    )
    groups: Literal["claim", "none"] = Field(
        default="claim",
        description="claim: groups come from the ID token, and from Graph where the token does not hold them; none: only "
        "app roles count and Graph is not asked.",
    )
    attributes: dict[str, str] = Field(
        default={},
        description="Unchanging attributes for link rules, each with its optional claim, such as sid: onprem_sid. Never an "
        "e-mail address or a name.",
    )
    education: bool = Field(
        default=False,
        description="Whether classes of Microsoft 365 Education say who is in which course; needs EduRoster.ReadBasic, or "
        "EduRoster.Read.All where app_permissions is true.",
    )
    app_permissions: bool = Field(
        default=False,
        description="Whether an administrator has granted the app permissions of its own: User.Read.All, and with "
        "education EduRoster.Read.All. Then people who may not be asked about any more by their own login are still seen "
        "to be disabled or deleted, and rosters are known before anybody logs in.",
    )
    logout: bool = Field(
        default=False,
        description="Whether logging out of the hub also ends the session at Entra.",
    )
    graph_units: int = Field(
        default=_S_TENANT_UNITS * 8 // 10,
        ge=100,
        le=6_400,
        description="The most units that are asked of Graph in any ten seconds; 80 % of what the smallest tenants get "
        "(medium: 4000, more than 500 people: 6400).",
    )
    timeout: Duration = Field(
        default=2.6,
        ge=0.2,
        le=60,
        description="The longest that one login or one reading of a person may take, such as 2.6s; browsers are not kept "
        "waiting for more than three seconds.",
    )
    authority: Address = Field(
        default="https://login.microsoftonline.com",
        description="Where people log in; other clouds: https://login.microsoftonline.us, "
        "https://login.partner.microsoftonline.cn.",
    )
    graph: Address = Field(
        default="https://graph.microsoft.com",
        description="Graph of the same cloud: https://graph.microsoft.us, https://microsoftgraph.chinacloudapi.cn.",
    )
    ca_file: CampusPath | None = Field(
        default=None,
        description="File with the certificates to trust, PEM, where a proxy stands between. Left out: the machine's own.",
    )
    insecure: Literal["i-know"] | None = Field(
        default=None, description="Allows http in authority and graph."
    )

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        require_https(self.authority, self.insecure)
        require_https(self.graph, self.insecure)
        if self.ca_file is not None and not self.ca_file.is_file():
            raise ValueError(f"there is no file {self.ca_file}")
        if not self.client_secret.get_secret_value().strip():
            raise ValueError("an empty client_secret; give the value of a client secret")
        if parse_guid(self.client_secret.get_secret_value()):
            raise ValueError(
                "client_secret is a GUID, which is the secret's ID; give its value, shown only when it was made"
            )
        if (self.tenant == "organizations") != (self.tenants is not None):
            raise ValueError(
                "tenant: organizations and the list tenants belong together; otherwise people of any organization could "
                "log in"
            )
        for name, claim in self.attributes.items():
            if "mail" in (name + claim).casefold() or claim in _CHANGING:
                raise ValueError(
                    f"attributes: {claim} can change hands; use a number that a person keeps, such as onprem_sid"
                )
        if _CONSUMERS in self.allowed_tenants:
            raise ValueError(
                "this is the tenant of private Microsoft accounts, which anybody can make; invite such people as guests"
            )
        if self.education and self.app_permissions and self.tenants is not None:
            raise ValueError(
                "rosters of education classes come from one tenant; make a source for each tenant"
            )
        return self

    @property
    def allowed_tenants(self) -> frozenset[str]:
        """Ids of the tenants whose people may log in."""
        return frozenset(self.tenants or (self.tenant,))

    @property
    def scopes(self) -> tuple[str, ...]:
        """What people are asked to consent to."""
        graph = []
        if self.groups == "claim":
            graph.append("User.Read")
        if self.education and not self.app_permissions:
            graph.append("EduRoster.ReadBasic")
        return ("openid", "profile", "offline_access", *(f"{self.graph}/{name}" for name in graph))

    def issuer(self, tenant: str) -> str:
        """What a tenant's ID tokens call their issuer."""
        return f"{self.authority}/{tenant}/v2.0"

    def endpoint(self, name: str, tenant: str = "") -> str:
        """The address of ``authorize``, ``token`` or ``logout``, of the configured tenant if none is named."""
        return f"{self.authority}/{tenant or self.tenant}/oauth2/v2.0/{name}"

    @property
    def keys_url(self) -> str:
        """Where the keys are published that sign ID tokens."""
        return f"{self.authority}/{self.tenant}/discovery/v2.0/keys"
