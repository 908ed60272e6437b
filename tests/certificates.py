"""Certificates for tests: an authority, a server on loopback and a client, made anew each time."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A certificate and its key, in PEM."""

    certificate: str
    key: str
    key_object: ec.EllipticCurvePrivateKey
    name: x509.Name


def issue(name: str, authority: Pair | None = None) -> Pair:
    """A certificate for loopback, signed by the authority; without one, an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.name if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(
                (authority.key_object if authority else key).public_key()
            ),
            critical=False,
        )
    )
    if authority is None:
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)
    else:
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        builder = builder.add_extension(names, critical=False)
    signed = builder.sign(authority.key_object if authority else key, hashes.SHA256())
    encoding = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    return Pair(
        certificate=signed.public_bytes(encoding).decode(),
        key=key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain).decode(),
        key_object=key,
        name=subject,
    )


def server_context(server: Pair, folder: Path, clients_of: Pair | None = None) -> ssl.SSLContext:
    """TLS as that server; with `clients_of` a client must show a certificate of that authority."""
    path = folder / "server.pem"
    path.write_text(server.certificate + server.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    if clients_of is not None:
        context.load_verify_locations(cadata=clients_of.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
