"""Keycloak and any other OpenID provider."""

from .settings import OidcSettings
from .source import OidcSource

__all__ = ["OidcSettings", "OidcSource"]
