import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveserver.http.cross_origin import is_same_host


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://localhost:8080", "localhost:8080", True),
        ("https://Live.example", "live.example", True),
        ("https://live.example", "live.example:443", True),
        ("http://live.example", "live.example:80", True),
        ("http://live.example", "live.example:443", False),
        ("https://live.example:8443", "live.example", False),
        ("https://evil.example", "live.example", False),
        ("https://live.example.evil.example", "live.example", False),
        ("https://live.example@evil.example", "evil.example", False),
        ("https://[::1]:8080", "[::1]:8080", True),
        ("null", "null", False),
        ("chrome-extension://live.example", "live.example", False),
        ("http://[", "[", False),
    ],
)
def test_origin_is_ours_when_it_names_the_host_that_was_asked(
    origin: str, host: str, same: bool
) -> None:
    assert is_same_host(origin, host) is same


@given(st.text(), st.text())
def test_any_headers_can_be_judged(origin: str, host: str) -> None:
    is_same_host(origin, host)
