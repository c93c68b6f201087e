"""People and groups from an LDAP directory: OpenLDAP and its kin, or Active Directory."""

from .moving import TRAITS, from_ldapauthenticator
from .settings import LdapSettings
from .source import LdapSource

__all__ = ["TRAITS", "LdapSettings", "LdapSource", "from_ldapauthenticator"]
