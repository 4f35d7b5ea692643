import io
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveserver.logs import KeyValueFormatter, configure_logs, fields, redact

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (f"got {TOKEN}!", "got [token]!"),
        (f"Authorization: Bearer {TOKEN}", "Authorization: [token]"),
        ("/studio/demo#token=abc&x=1", "/studio/demo#token=[token]&x=1"),
        ("postgresql://me:secret@db.example/shop", "postgresql://[password]@db.example/shop"),
        ("from 203.0.113.7:4711", "from [address]:4711"),
        ("from ::ffff:203.0.113.7 and 2001:db8::1", "from [address] and [address]"),
        ("from [2001:db8::1]:4711", "from [[address]]:4711"),
        ("at 12:30:45 on 127.0.0.1 and ::1", "at 12:30:45 on 127.0.0.1 and ::1"),
        ("version 1.2.3 of 300.1.1.1", "version 1.2.3 of 300.1.1.1"),
    ],
)
def test_redact_takes_out_what_is_private(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@given(st.ip_addresses(), st.sampled_from([" ", ",", "[", "(", '"']))
def test_redact_takes_out_any_address(address: object, before: str) -> None:
    text = str(address)
    is_own = getattr(address, "is_loopback", False) or getattr(address, "is_unspecified", False)
    assert (text in redact(f"peer{before}{text} left")) is is_own


@given(st.text())
def test_redact_never_fails(text: str) -> None:
    redact(text)


def test_line_has_keys_and_quotes_what_needs_it() -> None:
    record = logging.LogRecord("liveserver.x", logging.INFO, "", 0, "room %s", ("opened",), None)
    record.__dict__.update(fields(room="demo", title='a "b"\nc'))
    line = KeyValueFormatter().format(record)
    assert line.startswith("time=")
    assert 'level=info logger=liveserver.x event="room opened" room=demo' in line
    assert line.endswith(r'title="a \"b\"\nc"')


def test_traceback_is_one_redacted_line() -> None:
    out = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    configure_logs("info", out)
    try:
        raise RuntimeError(f"token {TOKEN}")
    except RuntimeError:
        logging.getLogger("liveserver.test").exception("failed")
    finally:
        root.handlers[:], root.level = before[0], before[1]
    line = out.getvalue()
    assert line.count("\n") == 1
    assert "RuntimeError: token [token]" in line
