"""The keys of a source of type ``oidc`` in the campus file."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from jupyterhub_edu.identity.durations import Duration
from jupyterhub_edu.identity.paths import CampusPath
from jupyterhub_edu.identity.web import require_https

__all__ = ["OidcSettings"]

_OURS: Final = frozenset(
    {
        *("response_type", "client_id", "redirect_uri", "scope", "state", "nonce"),
        *("code_challenge", "code_challenge_method", "response_mode", "request", "request_uri"),
    }
)


def _claim(key: str) -> str:
    if not all(part.strip() for part in key.split(".")):
        raise ValueError(f"{key!r} is no claim; write its name, or names joined by dots")
    return key


Claim = Annotated[str, AfterValidator(_claim)]


class OidcSettings(BaseModel):
    """An OpenID provider that people log in with and whose tokens say in which groups they are."""

    # Inputs stay out of messages: they may be secrets.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    issuer: str = Field(
        description="The provider's own name for itself, letter by letter: https://host/realms/<realm> for Keycloak. "
        "Below it lies .well-known/openid-configuration.",
    )
    client_id: str = Field(min_length=1, description="What the hub is called at the provider.")
    client_secret: SecretStr | None = Field(
        default=None,
        description="The client's secret, best as {env: NAME} or {file: PATH}; never printed. Left out: a public client.",
    )
    scope: list[str] = Field(
        default=["openid", "profile"],
        description="What is asked for; openid must be among it. offline_access lets the hub go on asking about people "
        "after their session at the provider has ended.",
    )
    login_claim: Claim = Field(
        default="preferred_username",
        description="Claim that names the hub account at the first login; a label, people are known by sub. With email, "
        "only an address that the provider has verified.",
    )
    name_claim: Claim = Field(default="name", description="Claim with the name to show.")
    groups_claims: list[Claim] = Field(
        default=["groups"],
        description="Claims that list groups; rules see each entry as it is. Dots lead into nested claims. Empty: no "
        "groups are read.",
    )
    roles_claims: list[Claim] = Field(
        default=[],
        description="Claims that list roles, such as realm_access.roles or resource_access.hub.roles; rules see "
        "<claim>:<role>, so that no role is taken for a group or for another client's role.",
    )
    attributes: dict[str, Claim] = Field(
        default={},
        description="Verified, unchanging attributes for link rules, each with its claim, such as employee: employeeNumber. "
        "Never an e-mail address.",
    )
    ca_file: CampusPath | None = Field(
        default=None,
        description="File with the certificates to trust, PEM. Left out: the machine's own.",
    )
    insecure: Literal["i-know"] | None = Field(
        default=None,
        description="Allows addresses without TLS, so that secrets can be read on the way.",
    )
    pkce: bool = Field(
        default=True, description="Whether a login is bound to the browser by a code challenge."
    )
    extra_authorize_params: dict[str, str] = Field(
        default={}, description="Further parameters of the login's address, such as kc_idp_hint."
    )
    logout: bool = Field(
        default=True,
        description="Whether logging out of the hub ends the session at the provider.",
    )
    lookup: str | None = Field(
        default=None,
        description="keycloak: accounts whose session has ended are looked up with the client's own service account, so "
        "that people who were deleted are seen to be gone. The address of the realm's admin API, such as "
        "https://admin.example.org/admin/realms/uni, where it is not on the issuer's host. Left out: the end of a session "
        "and a deleted account look the same.",
    )
    timeout: Duration = Field(
        default=2.5,
        ge=0.2,
        le=30,
        description="The longest that one login or one reading of a person may take, such as 2.5s.",
    )

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        require_https(self.issuer, self.insecure)
        if "?" in self.issuer or "#" in self.issuer:
            raise ValueError("issuer: no query and no fragment")
        if self.issuer.endswith("/openid-configuration"):
            raise ValueError("issuer: leave out .well-known/openid-configuration and what follows")
        if "openid" not in self.scope:
            raise ValueError(
                "scope: openid is missing, without which there is no ID token; add it"
            )
        if self.ca_file is not None and not self.ca_file.is_file():
            raise ValueError(f"there is no file {self.ca_file}")
        if own := sorted(_OURS & set(self.extra_authorize_params)):
            raise ValueError(f"extra_authorize_params: {own[0]} is set by the hub itself")
        if self.lookup is not None:
            require_https(self.accounts_url, self.insecure)
            if self.secret is None:
                raise ValueError("lookup: the client needs a client_secret for this")
        for name, claim in self.attributes.items():
            if "mail" in (name + claim).casefold():
                raise ValueError(
                    f"attributes: {name} looks like an e-mail address, which can change hands; use a number"
                )
        return self

    @property
    def accounts_url(self) -> str:
        """Where accounts are looked up; meaningful where ``lookup`` is set.

        Raises:
            ValueError: neither the issuer nor ``lookup`` is an address of Keycloak's.
        """
        lookup = self.lookup or ""
        if lookup == "keycloak":
            host, realms, realm = self.issuer.rpartition("/realms/")
            if not realms:
                raise ValueError(
                    "lookup: only Keycloak's accounts can be looked up, and the issuer is not like "
                    "https://host/realms/<realm>"
                )
            lookup = f"{host}/admin/realms/{realm}"
        elif "/admin/realms/" not in lookup:
            raise ValueError(
                "lookup: write keycloak, or an address like https://host/admin/realms/<realm>"
            )
        return f"{lookup.rstrip('/')}/users"

    @property
    def secret(self) -> str | None:
        """The client's secret."""
        return self.client_secret.get_secret_value() if self.client_secret else None
