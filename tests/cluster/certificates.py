"""The cluster's own certificates and kubeconfig files; nobody else trusts them."""

import base64
import datetime
import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = datetime.timedelta(days=30)
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, as PEM."""

    certificate: bytes
    key: bytes

    def write(self, folder: Path, name: str) -> None:
        """Write ``name.crt`` and ``name.key``; only the owner can read the key."""
        (folder / f"{name}.crt").write_bytes(self.certificate)
        _write_secret(folder / f"{name}.key", self.key)


class Authority:
    """A certificate authority made for one cluster."""

    def __init__(self) -> None:
        """Make a key and a self-signed certificate."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _subject("jupyterhub-edu-tests")
        signing = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = _builder(self._name, self._name, self._key)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        builder = builder.add_extension(signing, True)
        own = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        builder = builder.add_extension(own, False)
        self.certificate = _pem(builder.sign(self._key, hashes.SHA256()))

    def issue(self, name: str, group: str | None = None, hosts: tuple[str, ...] = ()) -> Identity:
        """Issue a certificate for a client, or for a server when hosts are given.

        Args:
            name: the user as Kubernetes sees it (CN).
            group: the user's group as Kubernetes sees it (O).
            hosts: names and addresses of a server.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_subject(name, group), self._name, key)
        purposes = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), False)
        if hosts:
            names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
            builder = builder.add_extension(names, False)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(authority, False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return Identity(_pem(certificate), _key_pem(key))


def write_signing_key(folder: Path, name: str) -> None:
    """Write the key pair that signs service-account tokens: ``name.key`` and ``name.pub``."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    _write_secret(folder / f"{name}.key", _key_pem(key))
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (folder / f"{name}.pub").write_bytes(public)


def write_kubeconfig(
    path: Path, server: str, authority: bytes, user: dict[str, Any], namespace: str = "default"
) -> Path:
    """Write a kubeconfig file of one cluster, one user and one context.

    Args:
        path: where; only the owner can read it.
        server: https address of the API.
        authority: certificate of the authority, PEM.
        user: what kubeconfig's ``user`` holds, e.g. ``{"token": ...}``.
        namespace: the namespace of the context.
    """
    cluster = {"server": server, "certificate-authority-data": _base64(authority)}
    context = {"cluster": "edu", "user": "edu", "namespace": namespace}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "edu", "cluster": cluster}],
        "users": [{"name": "edu", "user": user}],
        "contexts": [{"name": "edu", "context": context}],
        "current-context": "edu",
    }
    _write_secret(path, json.dumps(content, indent=1).encode())
    return path


def client_user(identity: Identity) -> dict[str, str]:
    """Return kubeconfig's ``user`` for a client certificate."""
    return {
        "client-certificate-data": _base64(identity.certificate),
        "client-key-data": _base64(identity.key),
    }


def _write_secret(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_bytes(content)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _subject(name: str, group: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if group is not None:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    return x509.Name(parts)


def _builder(subject: x509.Name, issuer: x509.Name, key: PrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
