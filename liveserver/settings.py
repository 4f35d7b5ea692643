"""Settings: defaults < files < environment < flags, composed into one frozen value.

Every key has its unit in its name or its docstring; `config/default.toml` says the same with the
reasons, and a test keeps the two equal. Anything wrong raises `SettingsError` whose text starts
with the path (`media.udp_port: …`), so that the command line can end before a port is bound.
"""

import ipaddress
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from liveserver.errors import SettingsError
from liveserver.secret import Secret
from media.settings import MediaSettings

ENVIRONMENT_PREFIX = "LIVESERVER__"

Port = Annotated[int, Meta(ge=0, le=65535)]
PositiveSeconds = Annotated[float, Meta(gt=0, le=31_536_000)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
ExternalRole = Literal["guest", "viewer", "moderator", "host", "merchant"]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of the file."""


class HttpSettings(_Table, frozen=True):
    """The `[http]` table: where pages, API, WHIP and WHEP are served."""

    host: str = "127.0.0.1"
    "Address to bind; `::` is every address, IPv4 too."
    port: Port = 8080
    "TCP port; 0 lets the system choose."
    tls_cert: str = ""
    "PEM file with the certificate chain; empty serves plain HTTP (behind a proxy)."
    tls_key: str = ""
    "PEM file with its key."
    trusted_proxies: tuple[str, ...] = ()
    "Addresses or networks whose X-Forwarded-For is believed."
    allowed_origins: tuple[str, ...] = ()
    "Other origins whose pages may use the API, as `https://shop.example`."
    frame_ancestors: tuple[str, ...] = ()
    "Origins that may show the watch page in a frame; empty forbids framing."
    body_timeout_s: PositiveSeconds = 10.0
    "A request body that has not arrived by then is refused."
    signalling_per_minute: Count = 600
    "POST, PATCH and DELETE to WHIP and WHEP from one IPv4 address or IPv6 /64; not from loopback."
    shutdown_grace_s: Annotated[float, Meta(ge=0, le=600)] = 5.0
    "Time for open requests to end when the server stops."


class AuthSettings(_Table, frozen=True):
    """The `[auth]` table: who is believed, and for how long."""

    secret_file: str = "data/secret"
    "File with our signing secret; made at the first start, mode 0600."
    issuer: str = "liveserver"
    "`iss` of our own tokens."
    audience: str = "liveserver"
    "`aud` of every accepted token."
    leeway_s: Annotated[float, Meta(ge=0, le=300)] = 30.0
    "Clocks of token makers may differ by so much."
    jwks_url: str = ""
    "Public keys of another token maker (RFC 7517); empty accepts only our own tokens."
    jwks_issuer: str = ""
    "`iss` of that token maker; needed with jwks_url."
    jwks_max_age_s: PositiveSeconds = 600.0
    "Keys older than this are fetched again."
    jwks_refresh_s: PositiveSeconds = 30.0
    "An unknown `kid` makes us fetch again, at most once per this time."
    jwks_allow_private_addresses: bool = False
    "Let jwks_url point into private networks, there also over http."
    external_roles: tuple[ExternalRole, ...] = ("viewer",)
    "Roles that tokens of the other maker may carry; others are dropped."
    development_login: bool = False
    "POST /api/v1/tokens gives any role to anyone on this machine; refused off loopback."
    guest_token_s: PositiveSeconds = 86_400.0
    "Lifetime of a guest token."
    guest_tokens_per_minute: Count = 30
    "Guest tokens given per minute to one IPv4 address or IPv6 /64."
    max_login_s: PositiveSeconds = 604_800.0
    "A token can be renewed until so long after its first issue."


class StorageSettings(_Table, frozen=True):
    """The `[storage]` table."""

    url: Secret = Secret("sqlite:///data/liveserver.db")
    "`sqlite:///path` or `postgresql://user:password@host/database`."


class RoomSettings(_Table, frozen=True):
    """The `[rooms]` table."""

    away_grace_s: Annotated[float, Meta(ge=0, le=86_400)] = 60.0
    "A host who vanished counts as away for so long, then as off."
    max_rooms: Count = 10_000
    "Rooms the server keeps, ended ones included."
    max_viewers: Count = 1_000
    "Viewing sessions of one room."
    max_viewers_per_address: Count = 300
    "Viewing sessions from one IPv4 address or IPv6 /64; loopback is not counted."
    retry_after_s: Annotated[float, Meta(ge=1, le=3600)] = 3.0
    "Retry-After given to a viewer who comes before the show."


class LogSettings(_Table, frozen=True):
    """The `[logs]` table."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    "Least serious level that is written."


class Settings(_Table, frozen=True):
    """Everything that can be set."""

    http: HttpSettings = HttpSettings()
    auth: AuthSettings = AuthSettings()
    storage: StorageSettings = StorageSettings()
    rooms: RoomSettings = RoomSettings()
    media: MediaSettings = MediaSettings()
    logs: LogSettings = LogSettings()


def load_settings(
    files: Sequence[Path],
    environment: Mapping[str, str],
    overrides: Mapping[str, Mapping[str, object]] | None = None,
) -> Settings:
    """Compose defaults, `files` in order, `environment` and `overrides` (flags).

    Raises:
        SettingsError: naming the file or variable and the path of the wrong setting.
    """
    merged: dict[str, Any] = {}
    for file in files:
        table = _read_file(file)
        _convert(table, label=f"{file}: ")
        _merge(merged, table)
    _merge(merged, _from_environment(environment))
    _merge(merged, {name: dict(table) for name, table in (overrides or {}).items()})
    settings = _convert(merged, label="")
    for check in _CHECKS:
        check(settings)
    return settings


def flatten(settings: Settings) -> list[tuple[str, object]]:
    """List every setting as (path, value); secrets stay `Secret`."""
    return [
        (f"{table}.{field}", getattr(getattr(settings, table), field))
        for table in Settings.__struct_fields__
        for field in getattr(settings, table).__struct_fields__
    ]


def _read_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: is not TOML ({error})") from error


def _merge(into: dict[str, Any], table: Mapping[str, Any]) -> None:
    for key, value in table.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    tables: dict[str, dict[str, Any]] = {}
    for name, raw in sorted(environment.items()):
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        table, _, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
        field = _field_type(table, key)
        if field is None:
            raise SettingsError(f"{table}.{key}: unknown setting (environment variable {name})")
        tables.setdefault(table, {})[key] = _parse_variable(name, f"{table}.{key}", raw, field)
    return tables


def _field_type(table: str, key: str) -> Any:
    tables = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    if table not in tables:
        return None
    fields = {field.name: field.type for field in msgspec.structs.fields(tables[table])}
    return fields.get(key)


def _parse_variable(name: str, path: str, raw: str, field: Any) -> Any:
    if get_origin(field) in (list, tuple):
        return _parse_list(name, path, raw)
    if field is Secret:
        return raw
    try:
        value = msgspec.convert(raw, field, strict=False)
    except msgspec.ValidationError as error:
        text = _explain(error)[1]
        raise SettingsError(f"{path}: {text} (environment variable {name})") from error
    return value


def _parse_list(name: str, path: str, raw: str) -> list[Any]:
    """Read `["a", "b"]` as TOML does, or a comma-separated list."""
    if not raw.lstrip().startswith("["):
        return [part.strip() for part in raw.split(",") if part.strip()]
    try:
        value = tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: is not a TOML list (environment variable {name})") from error
    return list(value)


def _convert(table: Mapping[str, Any], *, label: str) -> Settings:
    try:
        return msgspec.convert(table, Settings, dec_hook=_decode_secret)
    except msgspec.ValidationError as error:
        path, text = _explain(error)
        raise SettingsError(f"{label}{path}: {text}") from error


def _decode_secret(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError("Expected `str`")


def _explain(error: msgspec.ValidationError) -> tuple[str, str]:
    """Split "Object contains unknown field `x` - at `$.media`" into path and text."""
    text, _, where = str(error).partition(" - at `$")
    path = where.strip("`").removeprefix(".")
    if text.startswith("Object contains unknown field"):
        unknown = text.split("`")[1]
        return ".".join(part for part in (path, unknown) if part), "unknown setting"
    return path or "(top level)", text


def _check_network_addresses(settings: Settings) -> None:
    for proxy in settings.http.trusted_proxies:
        _expect("http.trusted_proxies", proxy, "an address or network", _is_network(proxy))
    host = settings.media.udp_host
    _expect("media.udp_host", host, "an IP address", _is_network(host) and "/" not in host)
    for address in settings.media.advertised_addresses:
        good = _is_network(address) and "/" not in address
        _expect("media.advertised_addresses", address, "an IP address", good)


def _check_origins(settings: Settings) -> None:
    for path, origins in (
        ("http.allowed_origins", settings.http.allowed_origins),
        ("http.frame_ancestors", settings.http.frame_ancestors),
    ):
        for origin in origins:
            _expect(path, origin, "an origin like `https://shop.example`", is_origin(origin))


def is_origin(text: str) -> bool:
    """Whether `text` is scheme, host and port alone, in the form browsers send."""
    try:
        url = urlsplit(text)
        rebuilt = f"{url.scheme}://{url.netloc}"
        return url.scheme in ("http", "https") and bool(url.hostname) and rebuilt == text.lower()
    except ValueError:
        return False


def _check_tls(settings: Settings) -> None:
    http = settings.http
    if bool(http.tls_cert) != bool(http.tls_key):
        raise SettingsError("http.tls_key: tls_cert and tls_key must be set together")
    for path, file in (("http.tls_cert", http.tls_cert), ("http.tls_key", http.tls_key)):
        _expect(path, file, "a readable file", not file or Path(file).is_file())


def _check_auth(settings: Settings) -> None:
    auth = settings.auth
    if auth.development_login and not is_loopback(settings.http.host):
        raise SettingsError("auth.development_login: is refused unless http.host is loopback")
    if not auth.jwks_url:
        return
    url = urlsplit(auth.jwks_url)
    allowed = ("https", "http") if auth.jwks_allow_private_addresses else ("https",)
    _expect("auth.jwks_url", auth.jwks_url, "an https URL", url.scheme in allowed)
    if not auth.jwks_issuer or auth.jwks_issuer == auth.issuer:
        raise SettingsError("auth.jwks_issuer: must be set with jwks_url and differ from issuer")


def _check_storage(settings: Settings) -> None:
    scheme = settings.storage.url.reveal().partition("://")[0]
    known = ("sqlite", "postgresql", "postgresql+psycopg")
    _expect("storage.url", scheme, "sqlite:/// or postgresql://", scheme in known)


def _check_media(settings: Settings) -> None:
    for field, (low, high) in _MEDIA_RANGES.items():
        value = getattr(settings.media, field)
        _expect(f"media.{field}", value, f"between {low} and {high}", low <= value <= high)
    for server in settings.media.ice_servers:
        known = server.url.startswith(("stun:", "stuns:", "turn:", "turns:"))
        _expect("media.ice_servers", server.url, "a stun: or turn: URL", known)
    for url in settings.media.turn_urls:
        _expect("media.turn_urls", url, "a turn: URL", url.startswith(("turn:", "turns:")))
    if settings.media.turn_urls and not settings.media.turn_secret_file:
        raise SettingsError("media.turn_secret_file: must be set with turn_urls")
    transports = settings.media.transports
    _expect("media.transports", list(transports), "udp, tcp or both", bool(transports))


def _expect(path: str, value: object, expected: str, good: bool) -> None:  # noqa: FBT001
    if not good:
        raise SettingsError(f"{path}: expected {expected}, got {value!r}")


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host` (an address or `localhost`)."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


_MEDIA_RANGES: dict[str, tuple[float, float]] = {
    "udp_port": (0, 65535),
    "max_ingests": (1, 100_000),
    "max_egresses": (1, 1_000_000),
    "max_tcp_connections": (1, 1_000_000),
    "max_tcp_connections_per_address": (1, 1_000_000),
    "turn_lifetime_s": (60, 2_592_000),
    "connect_timeout_s": (1, 120),
    "consent_timeout_s": (5, 300),
    "away_after_ms": (200, 60_000),
    "gather_ms": (0, 100),
    "keyframe_interval_ms": (100, 60_000),
}
_CHECKS: tuple[Callable[[Settings], None], ...] = (
    _check_network_addresses,
    _check_origins,
    _check_tls,
    _check_auth,
    _check_storage,
    _check_media,
)
