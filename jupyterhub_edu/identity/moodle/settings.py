"""The keys of a source of type ``moodle`` in the campus file."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from jupyterhub_edu.domain.people import CourseRole
from jupyterhub_edu.identity.durations import Duration
from jupyterhub_edu.identity.paths import CampusPath
from jupyterhub_edu.identity.web import require_https

__all__ = ["DEFAULT_ROLES", "MoodleSettings"]

Word = Literal["teacher", "assistant", "student", "observer"]

DEFAULT_ROLES: Final = MappingProxyType[str, Word](
    {"editingteacher": "teacher", "teacher": "assistant", "student": "student"}
)
"""Moodle calls the assistant ``teacher``."""

_FRONT_PAGE: Final = 1


class MoodleSettings(BaseModel):
    """A Moodle that people log in with and that says who is in which course."""

    # Inputs stay out of messages: they may be secrets.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str = Field(
        description="Moodle's own address, as it stands in its config.php under wwwroot: https://host or https://host/path."
    )
    client_id: str = Field(
        min_length=1,
        description="The client identifier registered at Site administration > Server > OAuth provider settings.",
    )
    client_secret: SecretStr = Field(
        description="Its secret, best as {env: NAME} or {file: PATH}; never printed."
    )
    token: SecretStr = Field(
        description="Token of the web-service account, as {env: NAME} or {file: PATH}; never printed."
    )
    canary: int = Field(
        gt=_FRONT_PAGE,
        description="Id (…/course/view.php?id=) of a course that always has a participant, and separate groups. Moodle says "
        "“nobody” also where the account may not look; what it says of this course tells which.",
    )
    roles: dict[str, Word] = Field(
        default=dict(DEFAULT_ROLES),
        min_length=1,
        description="Course role by the short name of a Moodle role (teacher, assistant, student, observer); roles that "
        "are not named give nothing. Left out: editingteacher is teacher, teacher (“non-editing”) assistant, student student.",
    )
    categories: list[Annotated[int, Field(gt=0)]] | None = Field(
        default=None,
        min_length=1,
        description="Ids of categories; only courses that stand in one of them exist for the hub, and a category below "
        "it must be named too. Left out: every course.",
    )
    idnumber_is_locked: bool = Field(
        default=False,
        description="Whether nobody can change their own ID number in Moodle, since every authentication plugin locks the "
        "field; only then do link rules get it, as the attribute idnumber, and are people found by it who are added by hand.",
    )
    timeout: Duration = Field(
        default=10.0,
        ge=0.2,
        le=60,
        description="The longest that one call of a web service may take, such as 10s; no log-in waits for it.",
    )
    ca: CampusPath | None = Field(
        default=None,
        description="File with the certificates to trust, PEM. Left out: the machine's own.",
    )
    insecure: Literal["i-know"] | None = Field(
        default=None,
        description="Allows an address without TLS, so that secrets and tokens can be read on the way.",
    )

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        require_https(self.url, self.insecure)
        parts = urlsplit(self.url)
        if parts.query or parts.fragment or parts.path.endswith(".php"):
            raise ValueError(f"{self.url} is one page of a Moodle; write its address alone")
        if self.ca is not None and not self.ca.is_file():
            raise ValueError(f"there is no file {self.ca}")
        return self

    @property
    def root(self) -> str:
        """The address without a slash at its end."""
        return self.url.rstrip("/")

    @property
    def course_roles(self) -> dict[str, CourseRole]:
        """Course roles by short name."""
        return {name: CourseRole[word.upper()] for name, word in self.roles.items()}
