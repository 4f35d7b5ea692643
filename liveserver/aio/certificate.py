"""A self-signed TLS certificate for the local network (`serve --lan`).

Browsers give camera and microphone only to secure pages. Nobody signs certificates for addresses
like 192.168.1.20, so each device is asked once whether it trusts this one.
"""

import ipaddress
import os
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from liveserver.errors import SettingsError

# Apple refuses certificates that live longer than 398 days.
LIFETIME = timedelta(days=397)
RENEW_BEFORE = timedelta(days=7)
CERTIFICATE_FILE = "lan_certificate.pem"
KEY_FILE = "lan_key.pem"


def ensure_certificate(folder: Path, addresses: list[str], now: datetime) -> tuple[Path, Path]:
    """Return certificate and key files for `addresses` and localhost, made anew if need be.

    Raises:
        SettingsError: the folder cannot be written.
    """
    certificate, key = folder / CERTIFICATE_FILE, folder / KEY_FILE
    wanted = {"127.0.0.1", "::1", *addresses}
    try:
        if not (key.is_file() and _is_still_good(certificate, wanted, now)):
            folder.mkdir(parents=True, exist_ok=True)
            _make(certificate, key, wanted, now)
    except OSError as error:
        raise SettingsError(f"--lan: {folder} cannot be written ({error.strerror})") from error
    return certificate, key


def _is_still_good(file: Path, wanted: set[str], now: datetime) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (FileNotFoundError, ValueError, x509.ExtensionNotFound):
        return False
    covered = {str(address) for address in names.value.get_values_for_type(x509.IPAddress)}
    lasts = certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - RENEW_BEFORE
    return lasts and wanted <= covered


def _make(certificate_file: Path, key_file: Path, addresses: set[str], now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "liveserver on this network")])
    alternatives = [
        x509.DNSName("localhost"),
        *(x509.IPAddress(ipaddress.ip_address(address)) for address in sorted(addresses)),
    ]
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
    )
    for extension, is_critical in (
        (x509.SubjectAlternativeName(alternatives), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    ):
        builder = builder.add_extension(extension, critical=is_critical)
    signed = builder.sign(key, hashes.SHA256())
    _write_private(
        key_file,
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
    certificate_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))


def _write_private(file: Path, content: bytes) -> None:
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
