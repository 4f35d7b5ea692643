"""The certificate of `serve --lan`."""

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from liveserver.aio.certificate import ensure_certificate
from liveserver.errors import SettingsError

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def read(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def test_certificate_names_every_address(tmp_path: Path) -> None:
    certificate, key = ensure_certificate(tmp_path / "data", ["192.168.1.20", "fd00::5"], NOW)
    names = read(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    addresses = {str(each) for each in names.value.get_values_for_type(x509.IPAddress)}
    assert addresses == {"127.0.0.1", "::1", "192.168.1.20", "fd00::5"}
    assert names.value.get_values_for_type(x509.DNSName) == ["localhost"]
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)


def test_certificate_is_kept_while_it_is_valid_and_fits(tmp_path: Path) -> None:
    def serial(later_days: int, *addresses: str) -> int:
        now = NOW + timedelta(days=later_days)
        return read(ensure_certificate(tmp_path, list(addresses), now)[0]).serial_number

    first = serial(0, "192.168.1.20", "10.0.0.1")
    assert serial(300, "192.168.1.20") == first
    renewed = serial(395, "192.168.1.20")
    assert renewed != first
    assert serial(395, "172.16.0.9") != renewed


def test_broken_certificate_is_made_anew(tmp_path: Path) -> None:
    certificate, key = ensure_certificate(tmp_path, [], NOW)
    certificate.write_text("broken")
    ensure_certificate(tmp_path, [], NOW)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)


def test_folder_that_cannot_be_written_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="--lan"):
        ensure_certificate(tmp_path / "file", [], NOW)
