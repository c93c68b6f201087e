"""What Entra's refusals mean: which of them say that somebody is gone, and what an administrator does about others.

Microsoft publishes the numbers for diagnosis and says that they may change. So a number that is not known here never
ends anything, and where the app has permissions of its own, Graph is asked about the person instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from jupyterhub_edu.domain.words import say
from jupyterhub_edu.identity.web import Reply

__all__ = ["DEAD_TOKENS", "FIXES", "GONE", "Refusal", "parse_refusal"]

GONE: Final[Mapping[int, str]] = {
    50057: say("This account is disabled."),
    50034: say("This account is no longer in the directory."),
    500341: say("This account was deleted from the directory."),
    51004: say("This account is no longer in the directory."),
    50020: say("This account is no longer a guest of the directory."),
    50105: say("This account is not assigned to the hub's application any more."),
}
"""Complete negative answers about a person, of the person's own tenant.

Source:
    reference-error-codes.md; 500341 as Entra words it for deleted accounts.
"""

DEAD_TOKENS: Final = frozenset({50173, 70008, 700082, 700084, 70043})
"""The refresh token will never be good again: sessions revoked, or too long without use. The person may be well."""

FIXES: Final[Mapping[int, str]] = {
    90002: "there is no such tenant here; copy the Directory (tenant) ID, and see that authority is of the same cloud",
    900023: "tenant is no tenant; copy the Directory (tenant) ID",
    700016: "the app is not in this tenant; check client_id (the Application (client) ID) and tenant",
    700011: "the app is not in this tenant; check client_id (the Application (client) ID) and tenant",
    70001: "the app is not in this tenant, or disabled; check client_id and tenant",
    7000112: "the app is disabled; enable it under Enterprise applications, Properties",
    7000215: "the client secret is wrong; put the secret's value, not its ID, where client_secret is read from",
    7000222: "the client secret has expired; make a new one under Certificates & secrets",
    7000218: "no client secret arrived; see that the app is registered for the platform Web",
    700025: "the app is registered as a public client; register the callback for the platform Web",
    700005: "the code is of another tenant; check tenant",
    50194: "the app is for one tenant only; write its Directory (tenant) ID in tenant",
    500011: "the tenant does not know the service named in graph; see that graph and authority are of the same cloud",
    1002012: "graph is not an address of Graph; see that graph and authority are of the same cloud",
    65001: "nobody has consented to what the hub asks for; grant admin consent under API permissions",
    90094: "an administrator must consent; grant admin consent under API permissions",
    650057: "a permission is not registered; add it under API permissions and grant admin consent",
    500112: "the callback's address is another than the one in the browser; see that JupyterHub.public_url is right",
}
"""What an administrator does, as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A complete answer that is a no.

    Attributes:
        error: OAuth's word.
        number: of ``AADSTS<number>``; 0 where there is none.
    """

    error: str
    number: int

    @property
    def why(self) -> str:
        """One sentence's end for the log and ``check``; holds nothing that Entra put into words."""
        told = f"AADSTS{self.number}" if self.number else self.error
        fix = FIXES.get(self.number)
        return f"{fix} ({told})" if fix else f"Entra answers {told}"

    @property
    def is_about_login(self) -> bool:
        """Whether what the browser brought was refused, rather than the hub."""
        return self.number not in FIXES and self.error in _ABOUT_LOGIN


_ABOUT_LOGIN: Final = frozenset(
    {
        "invalid_grant",
        "interaction_required",
        "login_required",
        "consent_required",
        "access_denied",
    }
)


def parse_refusal(reply: Reply) -> Refusal:
    """Read a refusal of the token endpoint or of the authority.

    Raises:
        NoAnswer: it is not JSON.
    """
    content: Any = reply.json()
    if not isinstance(content, dict):
        return Refusal(f"status {reply.status}", 0)
    error, numbers = content.get("error"), content.get("error_codes")
    first = numbers[0] if isinstance(numbers, list) and numbers else 0
    word = error if isinstance(error, str) and error.isidentifier() else f"status {reply.status}"
    return Refusal(word[:60], first if type(first) is int else 0)
