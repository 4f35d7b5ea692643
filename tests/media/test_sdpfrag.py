"""Trickle fragments: what browsers send is read, and an old one undoes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.candidates import LocalCandidates
from media.errors import (
    FragmentPreconditionFailed,
    FragmentPreconditionMissing,
    InvalidFragment,
)
from media.sdpfrag import Fragment, RemoteIce, judge, parse_fragment, write_fragment

PWD = "p" * 24
KNOWN = RemoteIce('"tag"', "cur1", PWD, past=("old1", "old2"))
FIRST = RemoteIce('"tag"', "cur1", PWD)

CHROMIUM = """a=ice-ufrag:EsAw
a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1
m=audio 9 UDP/TLS/RTP/SAVPF 0
a=mid:0
a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw
a=candidate:3471623853 1 udp 2122194687 fe80::1 61765 typ host generation 0 ufrag EsAw
a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0 ufrag EsAw
a=candidate:2154773085 1 udp 1 5a2c.local 61764 typ host
a=candidate:1 0 udp 2122260223 192.0.2.1 61764 typ host
a=end-of-candidates
"""


def fragment(ufrag: str = "cur1", pwd: str = PWD) -> Fragment:
    return Fragment(ufrag, pwd, 0, is_last=False)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_browsers_fragment_is_read_whatever_its_candidates(newline: str) -> None:
    read = parse_fragment(CHROMIUM.replace("\n", newline))
    assert read == Fragment("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1", 5, is_last=True)


def test_credentials_in_several_sections_must_be_alike() -> None:
    section = f"m=audio 9 RTP/AVP 0\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:{PWD}\r\n"
    assert parse_fragment(section + section).ice_ufrag == "abcd"
    with pytest.raises(InvalidFragment):
        parse_fragment(section + section.replace("abcd", "abce"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\r\n",
        "m=audio 9 RTP/AVP 0\r\n",
        "candidate:1 1 udp 1 192.0.2.1 1 typ host",
        "a=ice-ufrag:abc\r\n",
        "a=ice-ufrag:ab cd\r\n",
        "a=ice-ufrag:abcd\r\na=ice-pwd:short\r\n",
        "a=ice-ufrag:abcd\x00\r\n",
        "a=ice-ufrag:abcd\ra=x\r\n",
        "{}",
        "a=x\n" * 513,
        "a=" + "x" * 20_000,
    ],
)
def test_a_malformed_fragment_is_refused(text: str) -> None:
    with pytest.raises(InvalidFragment):
        parse_fragment(text)


@given(st.text(max_size=400) | st.lists(st.sampled_from(CHROMIUM.split("\n"))).map("\n".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read = parse_fragment(text)
    except InvalidFragment:
        return
    assert read.candidates <= text.count("a=candidate")


@given(
    st.from_regex(r"[A-Za-z0-9+/]{4,32}", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9+/]{22,64}", fullmatch=True),
)
def test_what_is_written_is_read_again(ufrag: str, pwd: str) -> None:
    local = LocalCandidates((("192.0.2.1", 5), ("2001:db8::1", 5)), ("udp", "tcp"))
    text = write_fragment(ufrag, pwd, local, [("audio", "0"), ("video", "1")])
    assert parse_fragment(text) == Fragment(ufrag, pwd, 4, is_last=True)
    assert text.startswith("a=ice-lite\r\na=group:BUNDLE 0 1\r\nm=audio 9 ")


# ---- what it asks for -------------------------------------------------------------------------


@pytest.mark.parametrize("if_match", ['"tag"', '"other", "tag"', "*", '"*"'])
def test_a_matching_tag_lets_candidates_in_or_restarts(if_match: str) -> None:
    assert judge(fragment(), if_match, FIRST, is_strict=True) == "trickle"
    assert judge(fragment("new1", "n" * 24), if_match, KNOWN, is_strict=True) == "restart"


@pytest.mark.parametrize("if_match", ['"older"', 'W/"tag"', "tag", ""])
def test_another_tag_is_refused(if_match: str) -> None:
    for sent in (fragment(), fragment("new1", "n" * 24), fragment("", "")):
        with pytest.raises(FragmentPreconditionFailed):
            judge(sent, if_match, KNOWN, is_strict=False)


def test_candidates_of_the_current_credentials_need_no_tag_unless_strict() -> None:
    assert judge(fragment(pwd=""), None, KNOWN, is_strict=False) == "trickle"
    with pytest.raises(FragmentPreconditionMissing):
        judge(fragment(), None, KNOWN, is_strict=True)


@pytest.mark.parametrize("sent", [fragment("new1"), fragment("old1"), fragment("", "")])
def test_anything_else_needs_a_tag(sent: Fragment) -> None:
    with pytest.raises(FragmentPreconditionMissing):
        judge(sent, None, KNOWN, is_strict=False)


@pytest.mark.parametrize("if_match", ["*", '"tag"'])
def test_an_overtaken_restart_undoes_nothing(if_match: str) -> None:
    with pytest.raises(FragmentPreconditionFailed):
        judge(fragment("old2", "o" * 24), if_match, KNOWN, is_strict=False)


def test_a_restart_whose_answer_was_lost_may_come_again() -> None:
    assert judge(fragment(), "*", KNOWN, is_strict=False) == "repeat"
    assert judge(fragment(), '"tag"', KNOWN, is_strict=False) == "trickle"


@pytest.mark.parametrize("sent", [fragment("new1", ""), fragment("cur1", "n" * 24)])
def test_half_a_restart_is_refused(sent: Fragment) -> None:
    with pytest.raises(InvalidFragment):
        judge(sent, "*", KNOWN, is_strict=False)
