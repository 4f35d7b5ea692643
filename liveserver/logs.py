"""Logging: the standard library, one `key=value` line per event, without tokens or addresses.

Shells log; cores emit events. `fields(room="demo")` carries the keys of a line. Whatever a caller
forgets to leave out, `redact` takes out of the finished line.
"""

import ipaddress
import logging
import re
import sys
from datetime import UTC, datetime
from typing import TextIO

_TOKEN = re.compile(r"eyJ[\w-]{5,}\.[\w-]+\.[\w-]*|(?i:bearer)\s+[^\s\"']+|(?<=token=)[^\s&\"']+")
_PASSWORD_IN_URL = re.compile(r"(?<=://)[^/\s@]+@")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:])[0-9a-fA-F:]*:[0-9a-fA-F:]*:[0-9a-fA-F:.]*(?![\w:])")
_PLAIN = re.compile(r"[^\s\"=]+")
_EXTRA = "liveserver_fields"


def fields(**values: object) -> dict[str, dict[str, object]]:
    """Give `logger.info("whip session opened", extra=fields(room=room))` its keys."""
    return {_EXTRA: values}


def redact(text: str) -> str:
    """Replace tokens, passwords in URLs and addresses (but our own loopback) by placeholders."""
    text = _TOKEN.sub("[token]", text)
    text = _PASSWORD_IN_URL.sub("[password]@", text)
    # First, for an IPv4 address may be the tail of an IPv6 one.
    text = _IPV6.sub(_redact_address, text)
    return _IPV4.sub(_redact_address, text)


def _redact_address(match: re.Match[str]) -> str:
    try:
        address = ipaddress.ip_address(match.group())
    except ValueError:
        return match.group()
    harmless = address.is_loopback or address.is_unspecified
    return match.group() if harmless else "[address]"


class KeyValueFormatter(logging.Formatter):
    """`time=… level=… logger=… event="…" key=value`, one line; a traceback is folded in."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the redacted line of `record`."""
        pairs: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        pairs |= getattr(record, _EXTRA, {})
        if record.exc_info:
            pairs["traceback"] = self.formatException(record.exc_info)
        time = f"time={pairs.pop('time')}"
        rest = " ".join(f"{key}={_quote(str(value))}" for key, value in pairs.items())
        return f"{time} {redact(rest)}"


def _quote(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def configure_logs(level: str, stream: TextIO | None = None) -> None:
    """Send the root logger to `stream` (standard error) as `key=value` lines."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(KeyValueFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # These tell every connection and migration step at info level.
    for chatty in ("aioice", "aiortc", "alembic", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
