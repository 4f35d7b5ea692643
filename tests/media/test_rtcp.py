"""RTCP, with aiortc as the oracle: written by one, read by the other."""

import pytest
from aiortc import rtp as oracle
from hypothesis import given
from hypothesis import strategies as st

from media import rtcp
from media.errors import InvalidState, MalformedPacket
from tests.media.hostile import broken_bytes, packets

u8, u16, u32 = st.integers(0, 2**8 - 1), st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)
ssrcs = st.lists(u32, max_size=31)
blocks = st.lists(
    st.builds(rtcp.ReportBlock, u32, u8, st.integers(-(2**23), 2**23 - 1), u32, u32, u32, u32),
    max_size=31,
)

VALID = [
    rtcp.write_sender_report(1, 2**63 + 5, 3, 4, 5, [rtcp.ReportBlock(6, 7, -8, 9, 10, 11, 12)]),
    rtcp.write_receiver_report(1, [rtcp.ReportBlock(2, 3, 4, 5, 6, 7, 8)] * 2),
    rtcp.write_sdes(1, "a-cname") + rtcp.write_bye([1, 2]),
    rtcp.write_pli(1, 2) + rtcp.write_fir(1, [(2, 3)]),
    rtcp.write_nack(1, 2, [65534, 65535, 0, 15, 40]),
    rtcp.write_remb(1, 2_500_000, [2, 3]),
    rtcp.write_transport_feedback(1, 2, 65530, 3, [(65530 + i & 0xFFFF, 900 * i) for i in (0, 3)]),
    rtcp.write_transport_feedback(1, 2, 0, 3, [(i, 70_000 * (i % 7)) for i in range(60) if i % 5]),
]


def as_block(report: oracle.RtcpReceiverInfo) -> rtcp.ReportBlock:
    return rtcp.ReportBlock(
        report.ssrc,
        report.fraction_lost,
        report.packets_lost,
        report.highest_sequence,
        report.jitter,
        report.lsr,
        report.dlsr,
    )


def as_their_block(block: rtcp.ReportBlock) -> oracle.RtcpReceiverInfo:
    return oracle.RtcpReceiverInfo(
        ssrc=block.ssrc,
        fraction_lost=block.fraction_lost,
        packets_lost=block.packets_lost,
        highest_sequence=block.highest_sequence,
        jitter=block.jitter,
        lsr=block.lsr,
        dlsr=block.dlsr,
    )


@given(u32, st.integers(0, 2**64 - 1), u32, u32, u32, blocks)
def test_a_sender_report_says_the_same_to_the_oracle_and_to_us(
    ssrc: int,
    ntp: int,
    timestamp: int,
    packet_count: int,
    octet_count: int,
    reports: list[rtcp.ReportBlock],
) -> None:
    report = rtcp.SenderReport(ssrc, ntp, timestamp, packet_count, octet_count, tuple(reports))
    theirs = oracle.RtcpSrPacket(
        ssrc=ssrc,
        sender_info=oracle.RtcpSenderInfo(
            ntp_timestamp=ntp,
            rtp_timestamp=timestamp,
            packet_count=packet_count,
            octet_count=octet_count,
        ),
        reports=[as_their_block(block) for block in reports],
    )
    data = rtcp.write_sender_report(ssrc, ntp, timestamp, packet_count, octet_count, reports)
    assert data == bytes(theirs)
    if len(data) <= rtcp.MAX_COMPOUND:
        assert rtcp.parse_compound(data) == [report]


def test_the_counts_of_a_sender_report_wrap() -> None:
    data = rtcp.write_sender_report(1, 2, 2**32 + 3, 2**32 + 4, 2**33 + 5)
    assert rtcp.parse_compound(data) == [rtcp.SenderReport(1, 2, 3, 4, 5)]


@given(u32, blocks)
def test_a_receiver_report_says_the_same_to_the_oracle_and_to_us(
    ssrc: int, reports: list[rtcp.ReportBlock]
) -> None:
    data = rtcp.write_receiver_report(ssrc, reports)
    (theirs,) = oracle.RtcpPacket.parse(data)
    assert isinstance(theirs, oracle.RtcpRrPacket)
    assert [as_block(block) for block in theirs.reports] == reports
    assert rtcp.parse_compound(bytes(theirs)) == [rtcp.ReceiverReport(ssrc, tuple(reports))]


def test_a_report_keeps_to_31_blocks() -> None:
    block = rtcp.ReportBlock(2, 3, 4, 5, 6, 7, 8)
    data = rtcp.write_receiver_report(1, [block] * 40)
    assert rtcp.parse_compound(data) == [rtcp.ReceiverReport(1, (block,) * 31)]


@pytest.mark.parametrize(("lost", "told"), [(2**30, 2**23 - 1), (-(2**30), -(2**23))])
def test_a_count_of_lost_packets_is_clamped_to_24_bits(lost: int, told: int) -> None:
    data = rtcp.write_receiver_report(1, [rtcp.ReportBlock(2, 3, lost, 5, 6, 7, 8)])
    (report,) = rtcp.parse_compound(data)
    assert isinstance(report, rtcp.ReceiverReport)
    assert report.reports[0].packets_lost == told


@given(u32, st.text(max_size=63))
def test_a_cname_is_read_by_the_oracle(ssrc: int, cname: str) -> None:
    (theirs,) = oracle.RtcpPacket.parse(rtcp.write_sdes(ssrc, cname))
    assert isinstance(theirs, oracle.RtcpSdesPacket)
    assert [(chunk.ssrc, chunk.items) for chunk in theirs.chunks] == [(ssrc, [(1, cname.encode())])]


@given(ssrcs)
def test_a_bye_says_the_same_to_the_oracle_and_to_us(sources: list[int]) -> None:
    data = rtcp.write_bye(sources)
    assert data == bytes(oracle.RtcpByePacket(sources=sources))
    assert rtcp.parse_compound(data) == [rtcp.Bye(tuple(sources))]


@given(u32, u32)
def test_a_pli_says_the_same_to_the_oracle_and_to_us(sender: int, media: int) -> None:
    data = rtcp.write_pli(sender, media)
    assert data == bytes(oracle.RtcpPsfbPacket(fmt=1, ssrc=sender, media_ssrc=media))
    assert rtcp.parse_compound(data) == [rtcp.PictureLossIndication(sender, media)]


@given(u32, st.lists(st.tuples(u32, u8), max_size=20))
def test_a_fir_is_read_back(sender: int, entries: list[tuple[int, int]]) -> None:
    data = rtcp.write_fir(sender, entries)
    assert rtcp.parse_compound(data) == [rtcp.FullIntraRequest(sender, tuple(entries))]


def test_a_fir_is_laid_out_as_rfc_5104_draws_it() -> None:
    expected = bytes.fromhex("84ce0004 00000001 00000000 0000002a 07000000")
    assert rtcp.write_fir(1, [(42, 256 + 7)]) == expected


@given(u32, u32, st.lists(st.integers(0, 300), min_size=1, unique=True).map(sorted), u16)
def test_a_nack_lists_every_lost_packet_across_the_wrap(
    sender: int, media: int, offsets: list[int], first: int
) -> None:
    lost = [first + offset & 0xFFFF for offset in offsets]
    data = rtcp.write_nack(sender, media, lost)
    assert rtcp.parse_compound(data) == [rtcp.Nack(sender, media, tuple(lost))]
    (theirs,) = oracle.RtcpPacket.parse(data)
    assert isinstance(theirs, oracle.RtcpRtpfbPacket)
    assert [number & 0xFFFF for number in theirs.lost] == lost


@given(u32, u32, st.lists(u16, min_size=1, max_size=300))
def test_a_nack_in_any_order_lists_the_same_packets(
    sender: int, media: int, lost: list[int]
) -> None:
    (parsed, *_) = rtcp.parse_compound(rtcp.write_nack(sender, media, lost))
    assert isinstance(parsed, rtcp.Nack)
    assert set(parsed.lost) == set(lost)


@given(u32, st.integers(0, 2**40), st.lists(u32, max_size=20))
def test_a_remb_says_the_same_to_the_oracle_and_to_us(
    sender: int, bitrate: int, streams: list[int]
) -> None:
    data = rtcp.write_remb(sender, bitrate, streams)
    fci = oracle.pack_remb_fci(bitrate, streams)
    assert data == bytes(oracle.RtcpPsfbPacket(fmt=15, ssrc=sender, media_ssrc=0, fci=fci))
    (parsed,) = rtcp.parse_compound(data)
    assert isinstance(parsed, rtcp.Remb)
    assert (parsed.bitrate_bps, list(parsed.ssrcs)) == oracle.unpack_remb_fci(fci)
    assert bitrate * (1 - 2**-17) <= parsed.bitrate_bps <= bitrate


def test_the_largest_remb_is_read() -> None:
    data = bytes.fromhex("8fce0004 00000001 00000000 52454d42 00ffffff")
    assert rtcp.parse_compound(data) == [rtcp.Remb(1, (2**18 - 1) << 63)]


def test_application_feedback_that_is_not_remb_is_skipped() -> None:
    data = bytes.fromhex("8fce0004 00000001 00000000 41424344 00ffffff")
    assert rtcp.parse_compound(data) == []


def test_a_compound_is_read_in_order_and_unknown_packets_are_skipped() -> None:
    application = bytes.fromhex("80cc0002 00000001 41424344")
    extended = bytes.fromhex("80cf0001 00000001")
    slice_loss = bytes.fromhex("82ce0002 00000001 00000002")
    data = (
        rtcp.write_receiver_report(1)
        + rtcp.write_sdes(1, "x")
        + application
        + extended
        + slice_loss
        + rtcp.write_pli(1, 2)
    )
    assert rtcp.parse_compound(data) == [
        rtcp.ReceiverReport(1),
        rtcp.PictureLossIndication(1, 2),
    ]


def test_reduced_size_rtcp_is_read() -> None:
    assert rtcp.parse_compound(rtcp.write_nack(1, 2, [3])) == [rtcp.Nack(1, 2, (3,))]


def test_profile_extensions_behind_the_blocks_are_ignored() -> None:
    data = bytes.fromhex("80c90003 00000001 01020304 05060708")
    assert rtcp.parse_compound(data) == [rtcp.ReceiverReport(1)]


def test_padding_is_taken_off() -> None:
    data = bytes.fromhex("a1cd0004 00000001 00000002 00030000 00000004")
    assert rtcp.parse_compound(data) == [rtcp.Nack(1, 2, (3,))]


# Chunks of the draft's sections 3.1.3 and 3.1.4: 221 lost packets, and the one-bit vector.
def test_the_draft_s_run_length_chunk_is_read() -> None:
    data = bytes.fromhex("8fcd0005 00000001 00000002 000500dd 00000a03 00dd0000")
    (report,) = rtcp.parse_compound(data)
    assert isinstance(report, rtcp.TransportFeedback)
    assert report.received == tuple((5 + i, None) for i in range(221))
    assert (report.reference_time, report.feedback_count) == (10, 3)


def test_the_draft_s_vector_chunk_is_read() -> None:
    deltas = "01020304050607" + "08"
    data = bytes.fromhex("8fcd0007 00000001 00000002 ffff000e 00000000 9f1c" + deltas + "0000")
    (report,) = rtcp.parse_compound(data)
    assert isinstance(report, rtcp.TransportFeedback)
    arrived = {sequence: delta for sequence, delta in report.received if delta is not None}
    assert arrived == {n: 250 * (i + 1) for i, n in enumerate([0, 1, 2, 3, 4, 8, 9, 10])}
    assert [sequence for sequence, _ in report.received] == [0xFFFF, *range(13)]


def test_a_two_bit_vector_with_long_and_negative_deltas_is_read() -> None:
    chunk = 0xC000 | 1 << 12 | 2 << 10 | 0 << 8 | 2 << 6
    tail = chunk.to_bytes(2) + bytes([255]) + (-2).to_bytes(2, signed=True) + bytes.fromhex("7fff")
    data = bytes.fromhex("afcd0006 00000001 00000002 00000004 00000000") + tail + b"\x01"
    (report,) = rtcp.parse_compound(data)
    assert isinstance(report, rtcp.TransportFeedback)
    assert report.received == ((0, 63_750), (1, -500), (2, None), (3, 8_191_750))


def told_arrivals(report: rtcp.TransportFeedback) -> dict[int, int]:
    """Arrival time in ticks of 250 us, rebuilt from the deltas."""
    ticks, times = report.reference_time * 256, {}
    for sequence, delta_us in report.received:
        if delta_us is not None:
            ticks += delta_us // 250
            times[sequence] = ticks
    return times


arrival_steps = st.lists(
    st.tuples(
        st.sampled_from([1, 1, 1, 1, 2, 3, 40]),
        st.one_of(st.integers(-2000, 20_000), st.integers(-(10**6), 8 * 10**6)),
    ),
    min_size=1,
    max_size=80,
)


@given(u32, u32, u16, u8, st.integers(8_000_000_000, 2**39), arrival_steps)
def test_a_transport_feedback_tells_every_arrival(
    sender: int,
    media: int,
    base: int,
    count: int,
    start_us: int,
    steps: list[tuple[int, int]],
) -> None:
    arrivals, sequence, now = [], base - 1, start_us
    for advance, elapsed in steps:
        sequence, now = sequence + advance, max(0, now + elapsed)
        arrivals.append((sequence & 0xFFFF, now))
    data = rtcp.write_transport_feedback(sender, media, base, count, arrivals)
    (report,) = rtcp.parse_compound(data)
    assert isinstance(report, rtcp.TransportFeedback)
    assert (report.sender_ssrc, report.media_ssrc) == (sender, media)
    assert (report.base_sequence, report.feedback_count) == (base, count)
    assert [number for number, _ in report.received] == [
        number & 0xFFFF for number in range(base, sequence + 1)
    ]
    wrap = 2**24 * 256
    told = {number: ticks % wrap for number, ticks in told_arrivals(report).items()}
    assert told == {number: us // 250 % wrap for number, us in arrivals}


@given(st.lists(st.booleans(), min_size=1, max_size=400))
def test_chunks_tell_which_packets_were_lost(arrived: list[bool]) -> None:
    arrived[0] = True
    arrivals = [(i, 1000 * i) for i, is_there in enumerate(arrived) if is_there]
    (report,) = rtcp.parse_compound(rtcp.write_transport_feedback(1, 2, 0, 0, arrivals))
    assert isinstance(report, rtcp.TransportFeedback)
    told = [delta is not None for _, delta in report.received]
    assert told == arrived[: arrivals[-1][0] + 1]


def test_packets_in_order_cost_one_run() -> None:
    data = rtcp.write_transport_feedback(1, 2, 0, 0, [(i, 1000 * i) for i in range(100)])
    assert len(data) == 20 + 2 + 100 + 2


def test_arrivals_in_any_order_and_repeated_are_told_once() -> None:
    arrivals = [(2, 3000), (0, 1000), (2, 9000), (1, 2000)]
    (report,) = rtcp.parse_compound(rtcp.write_transport_feedback(1, 2, 0, 0, arrivals))
    assert isinstance(report, rtcp.TransportFeedback)
    assert told_arrivals(report) == {0: 4, 1: 8, 2: 12}


def test_an_arrival_too_far_from_its_neighbour_is_told_as_lost() -> None:
    arrivals = [(0, 0), (1, 9_000_000), (2, 250)]
    (report,) = rtcp.parse_compound(rtcp.write_transport_feedback(1, 2, 0, 0, arrivals))
    assert isinstance(report, rtcp.TransportFeedback)
    assert report.received == ((0, 0), (1, None), (2, 250))


def test_an_arrival_before_the_base_is_left_out() -> None:
    (report,) = rtcp.parse_compound(
        rtcp.write_transport_feedback(1, 2, 100, 0, [(99, 0), (101, 250)])
    )
    assert isinstance(report, rtcp.TransportFeedback)
    assert report.received == ((100, None), (101, 250))


@pytest.mark.parametrize("arrivals", [[], [(99, 0)]])
def test_a_transport_feedback_needs_an_arrival(arrivals: list[tuple[int, int]]) -> None:
    with pytest.raises(InvalidState):
        rtcp.write_transport_feedback(1, 2, 100, 0, arrivals)


@pytest.mark.parametrize("data", [pytest.param(v, id=k) for k, v in packets("rtcp.hex").items()])
def test_a_datagram_of_the_corpus_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedPacket):
        rtcp.parse_compound(data)


def test_a_datagram_larger_than_any_is_refused() -> None:
    with pytest.raises(MalformedPacket):
        rtcp.parse_compound(rtcp.write_pli(1, 2) * 5000)


@given(st.one_of(st.binary(max_size=200), broken_bytes(VALID)))
def test_hostile_bytes_parse_or_are_malformed(data: bytes) -> None:
    try:
        parsed = rtcp.parse_compound(data)
    except MalformedPacket:
        return
    assert len(parsed) <= len(data) // 4


@given(st.sampled_from([205, 206]), st.integers(0, 31), st.binary(min_size=8, max_size=80))
def test_hostile_feedback_parses_or_is_malformed(kind: int, form: int, body: bytes) -> None:
    body = body[: len(body) & ~3]
    data = bytes([0x80 | form, kind]) + (len(body) // 4).to_bytes(2) + body
    try:
        parsed = rtcp.parse_compound(data)
    except MalformedPacket:
        return
    assert len(parsed) <= 1
