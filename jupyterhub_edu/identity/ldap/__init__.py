"""People and groups from an LDAP directory: OpenLDAP and its kin, or Active Directory."""

from .settings import LdapSettings
from .source import LdapSource

__all__ = ["LdapSettings", "LdapSource"]
