import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveserver.errors import SettingsError
from liveserver.secret import Secret
from liveserver.settings import Settings, flatten, is_origin, load_settings

CONFIG = Path(__file__).parents[2] / "config"


def write(folder: Path, text: str, name: str = "my.toml") -> Path:
    file = folder / name
    file.write_text(text, "utf-8")
    return file


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings([write(tmp_path, text)], {})
    return str(caught.value)


def refused_variable(name: str, value: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings([], {name: value})
    return str(caught.value)


def test_nothing_given_means_the_defaults() -> None:
    assert load_settings([], {}) == Settings()


def test_later_files_then_environment_then_flags_win(tmp_path: Path) -> None:
    first = write(tmp_path, "[http]\nport = 1\nhost = '127.0.0.2'\n", "first.toml")
    second = write(tmp_path, "[http]\nport = 2\n[media]\nudp_port = 2\n", "second.toml")
    variables = {"LIVESERVER__MEDIA__UDP_PORT": "3", "HOME": "/nowhere"}
    settings = load_settings([first, second], variables, {"http": {"port": 4}})
    assert settings.http.host == "127.0.0.2"
    assert settings.media.udp_port == 3
    assert settings.http.port == 4


def test_variables_carry_every_kind_of_value() -> None:
    settings = load_settings(
        [],
        {
            "LIVESERVER__AUTH__DEVELOPMENT_LOGIN": "true",
            "LIVESERVER__AUTH__ISSUER": "123",
            "LIVESERVER__ROOMS__AWAY_GRACE_S": "2.5",
            "LIVESERVER__HTTP__TRUSTED_PROXIES": "10.0.0.1, 10.1.0.0/16",
            "LIVESERVER__HTTP__ALLOWED_ORIGINS": '["https://a.example"]',
            "LIVESERVER__MEDIA__ICE_SERVERS": '[{url = "stun:a.example"}]',
            "LIVESERVER__STORAGE__URL": "postgresql://u:p@h/d",
        },
    )
    assert settings.auth.development_login is True
    assert settings.auth.issuer == "123"
    assert settings.rooms.away_grace_s == 2.5
    assert settings.http.trusted_proxies == ("10.0.0.1", "10.1.0.0/16")
    assert settings.http.allowed_origins == ("https://a.example",)
    assert settings.media.ice_servers[0].url == "stun:a.example"
    assert settings.storage.url == Secret("postgresql://u:p@h/d")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[media]\nudp_prt = 1\n", "media.udp_prt: unknown setting"),
        ("[medea]\nudp_port = 1\n", "medea: unknown setting"),
        ("[media]\nudp_port = 'x'\n", "media.udp_port: Expected `int`"),
        ("[http]\nport = 70000\n", "http.port: Expected `int` <= 65535"),
        ("[rooms]\naway_grace_s = -1\n", "rooms.away_grace_s: Expected `float` >= 0"),
        ("[auth]\nexternal_roles = ['admin']\n", "auth.external_roles[0]: Invalid enum value"),
        ("[storage]\nurl = 5\n", "storage.url: Expected `str`"),
        ("http = 5\n", "http: Expected `object`"),
    ],
)
def test_wrong_file_names_file_and_path(tmp_path: Path, text: str, path: str) -> None:
    assert refusal(tmp_path, text).startswith(f"{tmp_path / 'my.toml'}: {path}")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[http]\ntrusted_proxies = ['nginx']\n", "http.trusted_proxies"),
        ("[http]\nallowed_origins = ['https://a.example/']\n", "http.allowed_origins"),
        ("[http]\nframe_ancestors = ['*']\n", "http.frame_ancestors"),
        ("[http]\ntls_cert = 'a.pem'\n", "http.tls_key"),
        ("[http]\ntls_cert = 'a.pem'\ntls_key = 'b.pem'\n", "http.tls_cert"),
        ("[http]\nhost = '0.0.0.0'\n[auth]\ndevelopment_login = true\n", "auth.development_login"),
        ("[auth]\njwks_url = 'http://a.example'\njwks_issuer = 'a'\n", "auth.jwks_url"),
        ("[auth]\njwks_url = 'https://a.example'\n", "auth.jwks_issuer"),
        ("[storage]\nurl = 'mysql://h/d'\n", "storage.url"),
        ("[media]\nudp_host = 'example.com'\n", "media.udp_host"),
        ("[media]\nadvertised_addresses = ['example.com']\n", "media.advertised_addresses"),
        ("[media]\nudp_port = 65536\n", "media.udp_port"),
        ("[media]\nconsent_timeout_s = 0.0\n", "media.consent_timeout_s"),
        ("[[media.ice_servers]]\nurl = 'https://a.example'\n", "media.ice_servers"),
    ],
)
def test_values_that_make_no_sense_are_refused(tmp_path: Path, text: str, path: str) -> None:
    assert refusal(tmp_path, text).startswith(f"{path}: ")


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml: cannot be read"):
        load_settings([tmp_path / "none.toml"], {})
    assert "is not TOML" in refusal(tmp_path, "[http\n")


def test_wrong_variables_name_themselves_and_the_path() -> None:
    text = refused_variable("LIVESERVER__MEDIA__UDP_PORT", "many")
    assert text.startswith("media.udp_port: Expected `int`")
    assert "LIVESERVER__MEDIA__UDP_PORT" in text
    assert refused_variable("LIVESERVER__MEDIA__UDP", "1").startswith("media.udp: unknown")
    assert refused_variable("LIVESERVER__PORT", "1").startswith("port.: unknown")
    text = refused_variable("LIVESERVER__HTTP__TRUSTED_PROXIES", "[10.0.0.1]")
    assert text.startswith("http.trusted_proxies: is not a TOML list")


def test_passwords_are_in_no_error_and_no_repr() -> None:
    settings = load_settings([], {"LIVESERVER__STORAGE__URL": "postgresql://u:hunter2@h/d"})
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in repr(flatten(settings))
    assert "hunter2" not in refused_variable("LIVESERVER__STORAGE__URL", "my://u:hunter2@h/d")


@given(st.text())
def test_origins_never_fail_to_be_judged(text: str) -> None:
    if is_origin(text):
        assert text.startswith(("http://", "https://"))
        assert not text.endswith("/")


def defaults() -> dict[str, Any]:
    written = msgspec.json.encode(Settings(), enc_hook=lambda url: url.reveal())
    return msgspec.json.decode(written, type=dict[str, Any])


def test_default_file_equals_the_defaults() -> None:
    assert tomllib.loads((CONFIG / "default.toml").read_text("utf-8")) == defaults()


def test_default_file_gives_a_reason_for_every_setting() -> None:
    lines = (CONFIG / "default.toml").read_text("utf-8").splitlines()
    keys = [number for number, line in enumerate(lines) if re.match(r"[a-z_]+ = ", line)]
    alone = [
        lines[number]
        for number in keys
        # A pair like issuer and audience may share its reason.
        if not lines[number - 1].startswith("#") and number - 1 not in keys
    ]
    assert alone == []


@pytest.mark.parametrize("name", ["development.toml", "production.example.toml"])
def test_shipped_files_are_valid_and_say_only_what_differs(name: str) -> None:
    load_settings([CONFIG / name], {})
    same = {
        (table, key)
        for table, values in tomllib.loads((CONFIG / name).read_text("utf-8")).items()
        for key, value in values.items()
        if defaults()[table][key] == value
    }
    # Said again where the reader looks for them.
    assert same <= {("http", "host"), ("http", "port"), ("media", "udp_port")}
