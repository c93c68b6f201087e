"""The keys of a source of type ``lti`` in the campus file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from jupyterhub_edu.identity.paths import CampusPath
from jupyterhub_edu.identity.web import require_https

__all__ = ["LtiSettings", "PlatformSettings", "origin_of"]

Kind = Literal["moodle", "canvas", "other"]

_CANVAS: Final = "https://sso.canvaslms.com"
_LOGIN: Final = r"^(sub|(ext|lis|custom)\.[A-Za-z0-9_]{1,64})$"


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, as browsers write an origin."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _no_mail(value: object) -> object:
    if isinstance(value, str) and "mail" in value.lower():
        raise ValueError(
            "an e-mail address changes hands; name a claim that holds the login, such as ext.user_username"
        )
    return value


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class PlatformSettings(_Model):
    """One registration of the hub as a tool at one learning platform."""

    kind: Kind = Field(
        description="What the platform is: moodle, canvas or other; the first two know most of the addresses below."
    )
    url: str | None = Field(
        default=None,
        description="The platform's address as people see it, such as https://moodle.example.edu; needed for moodle and canvas.",
    )
    client_id: str = Field(
        min_length=1,
        max_length=255,
        description="The client id that the platform gave the hub when it was registered as a tool.",
    )
    deployments: Annotated[list[str], Field(min_length=1)] | Literal["any"] = Field(
        description="The deployment ids that may launch; any only where the client id belongs to one school alone."
    )
    issuer: str = Field(
        default="",
        description="What the platform calls itself, to the letter (moodle: url; canvas: https://canvas.instructure.com).",
    )
    authorize: str = Field(
        default="",
        description="Where browsers are sent to be known: the authentication request URL.",
    )
    keys: str = Field(
        default="", description="Where the platform's public keys are: the keyset URL."
    )
    token: str = Field(
        default="",
        description="Where access tokens come from; needed for rosters. Left out for other: none are read.",
    )
    audience: str = Field(
        default="",
        description="What the place where access tokens come from calls itself. Left out: token, as most do.",
    )
    frames: list[str] = Field(
        default_factory=list,
        description="Further origins whose pages may show a launch in a frame, such as https://lms.example.edu.",
    )
    login: Annotated[str, BeforeValidator(_no_mail), Field(pattern=_LOGIN)] = Field(
        default="",
        description="The claim that names the hub account: sub, ext.NAME, lis.person_sourcedid or custom.NAME "
        "(moodle: ext.user_username; canvas: custom.login).",
    )
    sourcedid_is_locked: bool = Field(
        default=False,
        description="Whether nobody can change their own lis.person_sourcedid at the platform (in Moodle people can change "
        "their ID number unless every authentication method locks it). Only then does it name accounts, and do link rules "
        "get it, as the attribute person_sourcedid.",
    )
    instructor: Literal["teacher", "assistant", "roster"] = Field(
        default="teacher",
        description="What an Instructor of a launch is. Moodle calls teachers and non-editing teachers so: assistant, its "
        "default there, is safe; roster makes a teacher of those whom Names and Roles calls Instructor too.",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: object) -> object:
        """Put what is known of the kind where nothing is given, so that it is checked like given values."""
        if not isinstance(values, Mapping):
            return values
        known = _known(values.get("kind"), str(values.get("url") or "").rstrip("/"))
        return known | {key: value for key, value in values.items() if value is not None}

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.kind != "other" and not self.url:
            raise ValueError(f"url is needed for {self.kind}; write the address that people see")
        for key in ("issuer", "authorize", "keys", "login"):
            if not getattr(self, key):
                raise ValueError(
                    f"{key} is needed; it stands beside the client id where the tool was registered"
                )
        if self.deployments == "any" and self.kind == "canvas":
            raise ValueError(
                "deployments: any would let in every school of that Canvas; list the deployment ids"
            )
        if self.login == "lis.person_sourcedid" and not self.sourcedid_is_locked:
            raise ValueError(
                "login: lis.person_sourcedid is what people may be able to change themselves; lock it at the platform and "
                "say sourcedid_is_locked: true"
            )
        for frame in self.frames:
            if origin_of(frame) != frame.rstrip("/").lower():
                raise ValueError(f"{frame!r} is no origin; write https://host alone")
        return self

    @property
    def origins(self) -> frozenset[str]:
        """Where the platform's own services may stand."""
        named = (self.url, self.issuer, self.authorize, self.keys, self.token)
        return frozenset(origin_of(url) for url in named if url and "://" in url)

    @property
    def framing(self) -> tuple[str, ...]:
        """Origins whose pages may show a launch in a frame."""
        own = [origin_of(url) for url in (self.url, self.authorize) if url]
        return tuple(sorted({*own, *(frame.rstrip("/").lower() for frame in self.frames)}))


def _known(kind: object, url: str) -> dict[str, Any]:
    if kind == "moodle":
        return {
            "issuer": url,
            "authorize": f"{url}/mod/lti/auth.php",
            "keys": f"{url}/mod/lti/certs.php",
            "token": f"{url}/mod/lti/token.php",
            "login": "ext.user_username",
            "instructor": "assistant",
        }
    if kind == "canvas":
        return {
            "issuer": "https://canvas.instructure.com",
            "authorize": f"{_CANVAS}/api/lti/authorize_redirect",
            "keys": f"{_CANVAS}/api/lti/security/jwks",
            "token": f"{url}/login/oauth2/token",
            "login": "custom.login",
        }
    return {}


class LtiSettings(_Model):
    """Learning platforms that launch the hub from a course page, by LTI 1.3."""

    platforms: dict[
        Annotated[str, Field(pattern=r"^[a-z0-9](-?[a-z0-9]){0,31}$")], PlatformSettings
    ] = Field(
        min_length=1,
        description="The platforms by a short name of your own. The name is part of what people are known by: never change it.",
    )
    tool_name: str = Field(
        default="JupyterHub", min_length=1, max_length=100, description="What the tool is called."
    )
    tool_description: str = Field(
        default="Notebooks for this course",
        max_length=500,
        description="What the tool is said to be.",
    )
    rosters: bool = Field(
        default=True,
        description="Whether courses that were launched are read by Names and Roles, where the platform has it.",
    )
    ca: CampusPath | None = Field(
        default=None,
        description="File with the certificates to trust, PEM. Left out: the machine's own.",
    )
    insecure: Literal["i-know"] | None = Field(
        default=None,
        description="Allows plain http, so that logins can be read and forged on the way.",
    )

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        seen: dict[tuple[str, str], str] = {}
        for name, platform in self.platforms.items():
            named = (platform.url, platform.authorize, platform.keys, platform.token)
            for url in (*filter(None, named), *platform.frames):
                require_https(url, self.insecure)
            who = (platform.issuer, platform.client_id)
            if (other := seen.setdefault(who, name)) != name:
                raise ValueError(
                    f"{name} and {other} have the same issuer and client id; keep one of them"
                )
        if self.ca is not None and not self.ca.is_file():
            raise ValueError(f"there is no file {self.ca}")
        return self
