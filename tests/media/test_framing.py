"""Framing over TCP: datagrams come out as they went in, however the stream was cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.errors import MalformedPacket
from media.framing import MAX_DATAGRAM, Deframer, frame

datagrams = st.lists(st.binary(min_size=1, max_size=300), max_size=20)


@given(datagrams, st.lists(st.integers(1, 400), min_size=1, max_size=50))
def test_datagrams_survive_any_cut_of_the_stream(sent: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(frame, sent))
    deframer, received = Deframer(), []
    at = 0
    while at < len(stream):
        size = cuts[at % len(cuts)]
        received += deframer.feed(stream[at : at + size])
        at += size
    assert received == sent
    assert deframer.pending_bytes == 0


@given(st.lists(st.binary(max_size=100), max_size=30))
def test_any_bytes_give_datagrams_or_are_refused(chunks: list[bytes]) -> None:
    deframer = Deframer()
    for chunk in chunks:
        try:
            received = deframer.feed(chunk)
        except MalformedPacket:
            return
        assert all(0 < len(datagram) <= MAX_DATAGRAM for datagram in received)
        assert deframer.pending_bytes < MAX_DATAGRAM + 2


def test_the_longest_datagram_passes_and_a_longer_one_does_not() -> None:
    assert Deframer().feed(frame(bytes(MAX_DATAGRAM))) == [bytes(MAX_DATAGRAM)]
    with pytest.raises(MalformedPacket):
        Deframer().feed(frame(bytes(MAX_DATAGRAM + 1)))


def test_empty_datagrams_are_left_out() -> None:
    assert Deframer().feed(frame(b"") + frame(b"a") + frame(b"")) == [b"a"]
