"""Moving over from LDAPAuthenticator: what each of its options becomes here.

Every trait that LDAPAuthenticator 2.0.2 defines stands in ``TRAITS``; each works, or is refused with its successor.
What changes for the better without being asked for: the server's certificate is verified, the hub name is the
directory's spelling rather than what was typed, and nothing blocks the hub.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from typing import Any, Final

from jupyterhub_edu.identity.former import Refused, Step, translate

from .dn import format_dn, is_below, parse_dn
from .settings import DEFAULT_GROUP_ATTRIBUTES

__all__ = ["TRAITS", "from_ldapauthenticator"]

TRAITS: Final[Mapping[str, str]] = {
    "server_address": "servers",
    "server_port": "the port in servers",
    "use_ssl": "ldaps:// in servers",
    "tls_strategy": "ldaps:// or ldap:// in servers, and tls.start",
    "tls_kwargs": "tls.ca, tls.verify, tls.certificate, tls.key, tls.name",
    "bind_dn_template": "people and user_attribute, for one template such as uid={username},ou=People,dc=example",
    "allowed_groups": "allowed_groups",
    "group_search_filter": "group_attributes",
    "group_attributes": "group_attributes",
    "valid_username_regex": "nothing: the name comes from the directory; person_filter narrows who may log in",
    "lookup_dn": "always so: people are looked up",
    "user_search_base": "people",
    "user_attribute": "user_attribute",
    "lookup_dn_search_filter": "person_filter",
    "lookup_dn_search_user": "bind.dn",
    "lookup_dn_search_password": "bind.password",
    "lookup_dn_user_dn_attribute": "username_attribute, with use_lookup_dn_username",
    "escape_userdn": "nothing, as since 2.0",
    "search_filter": "person_filter",
    "attributes": "nothing: it had no effect on a login",
    "auth_state_attributes": "nothing: auth_state holds no attributes of the directory",
    "use_lookup_dn_username": "username_attribute",
}
"""Each trait with what it becomes in the campus file."""

_DEFAULT_NAMES: Final = r"^[a-z][.a-z0-9_-]*$"
_AD_ATTRIBUTES: Final = frozenset({"samaccountname", "userprincipalname"})
_TLS_KEYS: Final = {
    "ca_certs_file": "ca",
    "local_certificate_file": "certificate",
    "local_private_key_file": "key",
    "sni": "name",
}
_TEMPLATE: Final = re.compile(r"([A-Za-z][A-Za-z0-9-]*)=\{username\},(.+)")
_MEMBERSHIP: Final = re.compile(r"\(([A-Za-z][A-Za-z0-9-]*)=\{(userdn|uid)\}\)")


def from_ldapauthenticator(config: Mapping[str, Any]) -> dict[str, Any] | list[str]:
    """Translate LDAPAuthenticator's options into the keys of a source of type ``ldap``.

    The result is yet to be validated: what was unsafe there (no TLS, no verification) is refused there, with its fix.

    Args:
        config: values by trait, as set under ``c.LDAPAuthenticator`` or ``c.EduAuthenticator``.

    Returns:
        Keys for the campus file; or every refusal, as sentences that begin with the trait's name.
    """
    unknown = (
        f"{name}: LDAPAuthenticator has no such option" for name in config if name not in TRAITS
    )
    return translate(config, _STEPS, unknown)


def _servers(config: Mapping[str, Any]) -> dict[str, Any]:
    address = config.get("server_address")
    if not address:
        raise Refused("server_address: not set; name the server in servers")
    strategy = config.get("tls_strategy", "before_bind")
    strategy = getattr(strategy, "name", strategy)
    if config.get("use_ssl"):
        strategy = "on_connect"
    if strategy not in {"before_bind", "on_connect", "insecure"}:
        raise Refused(f"tls_strategy: {strategy} is none; write ldaps:// or ldap:// in servers")
    scheme, port = ("ldaps", 636) if strategy == "on_connect" else ("ldap", 389)
    host = f"[{address}]" if ":" in address else address
    tls = _tls(config.get("tls_kwargs") or {})
    if strategy != "on_connect":
        tls["start"] = strategy == "before_bind"
    return {
        "servers": [f"{scheme}://{host}:{config.get('server_port') or port}"],
        **({"tls": tls} if tls else {}),
    }


def _tls(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    tls: dict[str, Any] = {}
    for key, value in kwargs.items():
        if key in _TLS_KEYS:
            tls[_TLS_KEYS[key]] = value
        elif key == "validate":
            tls["verify"] = value == ssl.CERT_REQUIRED
        elif key == "valid_names" and (isinstance(value, str) or len(value) == 1):
            tls["name"] = value if isinstance(value, str) else value[0]
        else:
            raise Refused(
                f"tls_kwargs: {key} cannot be set here; tls has ca, verify, certificate, key and name, the rest is the "
                "machine's OpenSSL policy"
            )
    return tls


def _people(config: Mapping[str, Any]) -> dict[str, Any]:
    if config.get("lookup_dn"):
        base, attribute = config.get("user_search_base"), config.get("user_attribute")
        if not base:
            raise Refused(
                "user_search_base: not set; name the entry below which people stand in people"
            )
        if not attribute:
            raise Refused("user_attribute: not set; name the attribute that people type")
    else:
        base, attribute = _from_template(config.get("bind_dn_template"))
    kind = "active-directory" if attribute.lower() in _AD_ATTRIBUTES else "openldap"
    # Its groups were direct ones.
    return {"people": base, "user_attribute": attribute, "schema": kind, "nested": False}


def _from_template(templates: str | list[str] | None) -> tuple[str, str]:
    some = [templates] if isinstance(templates, str) else list(templates or ())
    some = [template for template in some if template]
    found = _TEMPLATE.fullmatch(some[0]) if len(some) == 1 else None
    if found is None:
        raise Refused(
            "bind_dn_template: only one of the form attribute={username},base is understood; otherwise set people to the "
            "entry above all people, user_attribute, and bind to a service account that may look them up"
        )
    return found[2], found[1]


def _bind(config: Mapping[str, Any]) -> dict[str, Any]:
    dn, password = config.get("lookup_dn_search_user"), config.get("lookup_dn_search_password")
    if not dn and not password:
        return {"bind": "anonymous"}
    try:
        parse_dn(dn or "")
    except ValueError:
        dn = None
    if not dn or not password:
        raise Refused(
            "lookup_dn_search_user: set bind.dn to the account's full name, such as CN=hub,OU=Service,DC=example, and "
            "bind.password"
        )
    return {"bind": {"dn": dn, "password": password}}


def _username(config: Mapping[str, Any]) -> dict[str, Any]:
    if not config.get("use_lookup_dn_username"):
        return {}
    attribute = config.get("lookup_dn_user_dn_attribute")
    if not attribute:
        raise Refused(
            "lookup_dn_user_dn_attribute: not set; name the attribute in username_attribute"
        )
    return {"username_attribute": attribute}


def _person_filter(config: Mapping[str, Any]) -> dict[str, Any]:
    parts = []
    for trait, own in (
        ("lookup_dn_search_filter", "({login_attr}={login})"),
        ("search_filter", "({userattr}={username})"),
    ):
        template = config.get(trait)
        if not template or template == own:
            continue
        rest = template.replace(own, "(objectClass=*)")
        if not template.startswith("(&") or "{" in rest:
            raise Refused(
                f"{trait}: only (&{own}...) is understood; write the rest of it into person_filter"
            )
        parts.append(rest)
    if not parts:
        return {}
    return {"person_filter": parts[0] if len(parts) == 1 else f"(&{''.join(parts)})"}


def _groups(config: Mapping[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    attributes = config.get("group_attributes")
    if template := config.get("group_search_filter"):
        attributes = _attributes_of(template)
    if attributes and list(attributes) != DEFAULT_GROUP_ATTRIBUTES:
        settings["group_attributes"] = list(attributes)
    if allowed := config.get("allowed_groups"):
        try:
            names = [parse_dn(name) for name in allowed]
        except ValueError as error:
            raise Refused(f"allowed_groups: {error}; write full names of groups") from None
        common = names[0][1:]
        while not all(is_below(name, common) for name in names):
            common = common[1:]
        if not common:
            raise Refused("allowed_groups: no entry stands above all of them; set groups")
        settings |= {"allowed_groups": list(allowed), "groups": format_dn(common)}
    return settings


def _attributes_of(template: str) -> list[str]:
    found = _MEMBERSHIP.findall(template)
    whole = "".join(f"({name}={{{kind}}})" for name, kind in found)
    fits = all((name.lower() == "memberuid") == (kind == "uid") for name, kind in found)
    if not found or template not in {whole, f"(|{whole})"} or not fits:
        raise Refused(
            "group_search_filter: only (|(attribute={userdn})...(memberUid={uid})) is understood; name the attributes in "
            "group_attributes"
        )
    return [name for name, _ in found]


def _names(config: Mapping[str, Any]) -> dict[str, Any]:
    if config.get("valid_username_regex", _DEFAULT_NAMES) != _DEFAULT_NAMES:
        raise Refused(
            "valid_username_regex: the hub's name comes from the directory; narrow who may log in by person_filter"
        )
    if config.get("auth_state_attributes"):
        raise Refused(
            "auth_state_attributes: auth_state holds no attributes of the directory; groups and name_attribute are read"
        )
    return {}


_STEPS: Final[tuple[Step, ...]] = (
    _servers,
    _people,
    _bind,
    _username,
    _person_filter,
    _groups,
    _names,
)
