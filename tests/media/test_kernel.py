"""The fan-out: what leaves is what came, sealed once, in as few calls as the kernel allows."""

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pylibsrtp import Error as SrtpError

from media.kernel import FanOut, Lane, derive_gcm_keys
from media.kernel.runs import plan_runs
from media.rtp import parse_packet, write_extensions
from media.train import Forwardable, Train
from tests.support.media_factories import Profile, Wire, make_lane, srtp_session

MASTER = {"gcm": bytes(range(28)), "sha1": bytes(range(30))}
TAG_BYTES = {"gcm": 16, "sha1": 10}
ABS_SEND_TIME = write_extensions({2: b"\x01\x02\x03"})
HEADER_BYTES = 12


@pytest.fixture(params=["gcm", "sha1"])
def profile(request: pytest.FixtureRequest) -> Profile:
    found: Profile = request.param
    return found


def lane_of(profile: Profile, ssrc: int = 0xA0B0C0D0, port: int = 5000) -> Lane:
    if profile == "gcm":
        return make_lane(ssrc, derive_gcm_keys(MASTER["gcm"]), port)
    session = srtp_session(MASTER["sha1"], "sha1", inbound=False)
    return Lane(ssrc, ("192.0.2.1", port), None, session)


def packets_of(sizes: list[int], *, start: int = 100) -> list[Forwardable]:
    return [
        (start + at, 90_000 + 3000 * (at // 3), at % 3 == 2, bytes((at % 251,)) * size)
        for at, size in enumerate(sizes)
    ]


def train_of(sizes: list[int], *lanes: Lane, extensions: bytes = ABS_SEND_TIME) -> Train:
    return Train(packets_of(sizes), 96, extensions, list(lanes))


FRAME = [1100, 1101, 1100, 1101, 1101, 700]


# ---- what a viewer's libsrtp sees ---------------------------------------------------------------


@pytest.mark.parametrize("can_segment", [True, False])
def test_a_viewer_unprotects_what_was_sent(profile: Profile, can_segment: bool) -> None:
    wire, lane = Wire(), lane_of(profile)
    lane.index_offset, lane.timestamp_offset = 1000, 0xFFFFFFF0
    train = train_of([*FRAME, 40, 0, 3], lane)
    FanOut(wire.sendmsg, can_segment=can_segment).forward(train)
    receiver = srtp_session(MASTER[profile], profile, inbound=True)
    received = [parse_packet(receiver.unprotect(data)) for _, data in wire.datagrams]
    assert [(p.sequence, p.timestamp, p.marker, p.payload) for p in received] == [
        (index + 1000, timestamp + 0xFFFFFFF0 & 0xFFFFFFFF, marker, payload)
        for index, timestamp, marker, payload in train.packets
    ]
    assert {(p.payload_type, p.ssrc) for p in received} == {(96, lane.ssrc)}
    assert all(p.extensions == {2: b"\x01\x02\x03"} for p in received)
    assert {to for to, _ in wire.datagrams} == {lane.address}


def test_a_viewer_follows_sequence_numbers_around_their_wrap(profile: Profile) -> None:
    wire, lane = Wire(), lane_of(profile)
    fan_out = FanOut(wire.sendmsg)
    receiver = srtp_session(MASTER[profile], profile, inbound=True)
    lane.index_offset = 30_000
    for at in range(0, 140_000, 500):
        fan_out.forward(Train([(at, at, True, b"%d" % at)], 96, b"", [lane]))
    payloads = [parse_packet(receiver.unprotect(data)).payload for _, data in wire.datagrams]
    assert payloads == [b"%d" % at for at in range(0, 140_000, 500)]


def test_every_lane_gets_its_own_numbers_and_keys() -> None:
    wire = Wire()
    masters = [bytes([at]) * 28 for at in range(3)]
    lanes = [make_lane(at + 1, derive_gcm_keys(master), at) for at, master in enumerate(masters)]
    for at, lane in enumerate(lanes):
        lane.index_offset = 50 * at
    FanOut(wire.sendmsg).forward(train_of(FRAME, *lanes, extensions=b""))
    for at, master in enumerate(masters):
        receiver = srtp_session(master, "gcm", inbound=True)
        mine = [data for to, data in wire.datagrams if to == lanes[at].address]
        plain = [parse_packet(receiver.unprotect(data)) for data in mine]
        assert [p.sequence for p in plain] == [100 + 50 * at + n for n in range(len(FRAME))]
        assert [p.payload for p in plain] == [p[3] for p in packets_of(FRAME)]


def test_libsrtp_seals_alike() -> None:
    wire, lane = Wire(), lane_of("gcm")
    FanOut(wire.sendmsg).forward(train_of([300], lane))
    receiver = srtp_session(MASTER["gcm"], "gcm", inbound=True)
    sender = srtp_session(MASTER["gcm"], "gcm", inbound=False)
    ((_, ours),) = wire.datagrams
    assert sender.protect(receiver.unprotect(ours)) == ours


def test_forged_packets_do_not_unprotect(profile: Profile) -> None:
    wire, lane = Wire(), lane_of(profile)
    FanOut(wire.sendmsg).forward(train_of([300], lane))
    ((_, data),) = wire.datagrams
    receiver = srtp_session(MASTER[profile], profile, inbound=True)
    for at in (4, 13, 40, len(data) - 1):
        forged = data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
        with pytest.raises(SrtpError):
            receiver.unprotect(forged)


@pytest.mark.parametrize("size", [0, 27, 29])
def test_masters_of_another_size_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="28 bytes"):
        derive_gcm_keys(bytes(size))


# ---- counters -----------------------------------------------------------------------------------


def test_sent_packets_and_payload_bytes_are_counted_without_padding(profile: Profile) -> None:
    wire, lane = Wire(), lane_of(profile)
    fan_out = FanOut(wire.sendmsg)
    fan_out.forward(train_of(FRAME, lane))
    assert (lane.packets, lane.octets, lane.lost) == (len(FRAME), sum(FRAME), 0)
    assert (fan_out.packets, fan_out.sends) == (len(FRAME), 1)


def test_a_train_for_nobody_costs_nothing() -> None:
    wire = Wire()
    FanOut(wire.sendmsg).forward(train_of(FRAME))
    assert wire.attempts == []


# ---- when the socket refuses --------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP])
def test_segmentation_found_unsupported_later_is_turned_off_for_good(number: int) -> None:
    wire, lane = Wire(), lane_of("gcm")
    wire.errors.extend([None, OSError(number, "no offload on this route")])
    fan_out = FanOut(wire.sendmsg)
    fan_out.forward(train_of(FRAME, lane))
    fan_out.forward(Train(packets_of(FRAME, start=200), 96, b"", [lane]))
    assert not fan_out.can_segment
    assert (lane.packets, lane.lost) == (2 * len(FRAME), 0)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EMSGSIZE])
def test_one_path_that_refuses_segments_costs_the_others_nothing(
    profile: Profile, number: int
) -> None:
    wire, lanes = Wire(), [lane_of(profile, ssrc, ssrc) for ssrc in (1, 2, 3)]
    fan_out = FanOut(wire.sendmsg)
    wire.errors.extend([None, OSError(number, "small MTU"), *[None] * 6, None])
    fan_out.forward(train_of(FRAME, *lanes))
    assert fan_out.can_segment
    assert [len(datagrams) for datagrams in wire.attempts] == [6, 6, *[1] * 6, 6]
    assert [(lane.packets, lane.lost) for lane in lanes] == [(6, 0)] * 3
    wire.attempts.clear()
    fan_out.forward(Train(packets_of(FRAME, start=200), 96, b"", [lanes[0]]))
    assert [len(datagrams) for datagrams in wire.attempts] == [6]


def test_packets_too_large_for_one_path_are_lost_there_alone() -> None:
    wire, lanes = Wire(), [lane_of("gcm", ssrc, ssrc) for ssrc in (1, 2)]
    wire.errors.extend([None, OSError(errno.EMSGSIZE, "")])
    fan_out = FanOut(wire.sendmsg)
    fan_out.forward(train_of([1000], lanes[0]))
    fan_out.forward(Train(packets_of([1000], start=200), 96, b"", lanes))
    assert [(lane.packets, lane.lost) for lane in lanes] == [(1, 1), (1, 0)]


@pytest.mark.parametrize("number", [errno.EIO, errno.EINVAL, errno.ENOPROTOOPT, errno.EOPNOTSUPP])
def test_a_refused_segmentation_sends_the_same_packets_singly(
    profile: Profile, number: int
) -> None:
    wire, lane = Wire(), lane_of(profile)
    wire.errors.append(OSError(number, "no segmentation"))
    fan_out = FanOut(wire.sendmsg)
    fan_out.forward(train_of(FRAME, lane))
    assert not fan_out.can_segment
    assert [data for _, data in wire.datagrams] == wire.attempts[0]
    assert (lane.packets, lane.octets, lane.lost) == (len(FRAME), sum(FRAME), 0)
    assert (fan_out.packets, fan_out.sends) == (len(FRAME), len(FRAME))
    fan_out.forward(Train(packets_of(FRAME, start=200), 96, b"", [lane]))
    assert {len(datagrams) for datagrams in wire.attempts[1:]} == {1}


def test_no_nonce_seals_two_contents_when_segmentation_is_refused() -> None:
    wire, lanes = Wire(), [lane_of("gcm", ssrc) for ssrc in (1, 2, 3)]
    wire.errors.extend([None, OSError(errno.EIO, ""), None, OSError(errno.EAGAIN, "")])
    fan_out = FanOut(wire.sendmsg)
    for start in (0, 100, 200):
        sizes = [1100, 1101, 500, 1200, 1200, 80]
        fan_out.forward(Train(packets_of(sizes, start=start), 96, b"", lanes))
    sealed: dict[tuple[int, int], bytes] = {}
    for data in (data for datagrams in wire.attempts for data in datagrams):
        sequence, _, ssrc = struct.unpack_from(">HII", data, 2)
        assert sealed.setdefault((ssrc, sequence), data) == data
    assert len(sealed) == 3 * 3 * 6


def test_a_full_socket_loses_the_run_and_queues_nothing(profile: Profile) -> None:
    wire, lanes = Wire(), [lane_of(profile, 1, 1), lane_of(profile, 2, 2)]
    wire.errors.append(BlockingIOError(errno.EAGAIN, "full"))
    fan_out = FanOut(wire.sendmsg)
    fan_out.forward(train_of(FRAME, *lanes))
    assert (lanes[0].lost, lanes[0].packets, lanes[0].octets) == (len(FRAME), 0, 0)
    assert (lanes[1].lost, lanes[1].packets) == (0, len(FRAME))
    assert fan_out.can_segment
    assert {to for to, _ in wire.datagrams} == {lanes[1].address}
    fan_out.forward(Train(packets_of([50], start=200), 96, b"", lanes))
    assert len(wire.datagrams) == len(FRAME) + 2


def test_packets_lost_one_by_one_after_a_refused_segmentation_are_counted() -> None:
    wire, lane = Wire(), lane_of("gcm")
    full = BlockingIOError(errno.EAGAIN, "full")
    wire.errors.extend([OSError(errno.EIO, ""), None, full, None, full])
    FanOut(wire.sendmsg).forward(train_of([1000] * 5, lane))
    assert (lane.packets, lane.lost, lane.octets) == (3, 2, 3000)


def test_a_lane_with_its_own_way_out_gets_whole_packets_and_loses_what_it_refuses(
    profile: Profile,
) -> None:
    wire, lane = Wire(), lane_of(profile)
    taken: list[bytes] = []

    def take_five(packets: list[bytes]) -> int:
        fitting = packets[: 5 - len(taken)]
        taken.extend(fitting)
        return len(fitting)

    lane.send_packets = take_five
    fan_out = FanOut(wire.sendmsg)
    fan_out.forward(train_of(FRAME, lane))
    receiver = srtp_session(MASTER[profile], profile, inbound=True)
    payloads = [parse_packet(receiver.unprotect(data)).payload for data in taken]
    assert [len(payload) for payload in payloads] == FRAME[:5]
    assert wire.attempts == []
    assert (lane.packets, lane.lost, lane.octets) == (5, 1, sum(FRAME[:5]))
    assert fan_out.packets == 5


def test_lanes_by_tcp_and_by_udp_share_a_train(profile: Profile) -> None:
    wire, by_tcp, by_udp = Wire(), lane_of(profile, 1, 1), lane_of(profile, 2, 2)
    taken: list[bytes] = []

    def take_all(packets: list[bytes]) -> int:
        taken.extend(packets)
        return len(packets)

    by_tcp.send_packets = take_all
    FanOut(wire.sendmsg).forward(train_of(FRAME, by_tcp, by_udp))
    assert {to for to, _ in wire.datagrams} == {by_udp.address}
    for data in ([data for _, data in wire.datagrams], taken):
        receiver = srtp_session(MASTER[profile], profile, inbound=True)
        assert [len(parse_packet(receiver.unprotect(one)).payload) for one in data] == FRAME


def test_a_lane_by_tcp_that_is_full_loses_what_it_does_not_take() -> None:
    wire, lane = Wire(), lane_of("gcm")
    lane.send_packets = lambda _: 0
    fan_out = FanOut(wire.sendmsg)
    fan_out.forward(train_of(FRAME, lane))
    assert (lane.packets, lane.octets, lane.lost) == (0, 0, len(FRAME))
    assert fan_out.can_segment


def test_a_single_packet_that_is_refused_is_lost() -> None:
    wire, lane = Wire(), lane_of("gcm")
    wire.errors.append(OSError(errno.EINVAL, "port 0"))
    fan_out = FanOut(wire.sendmsg)
    fan_out.forward(train_of([1000], lane))
    assert lane.lost == 1
    assert fan_out.can_segment


def test_packets_too_large_for_libsrtp_are_lost_and_the_rest_arrives() -> None:
    wire, lane = Wire(), lane_of("sha1")
    FanOut(wire.sendmsg).forward(train_of([1000, 1450, 900], lane))
    assert (lane.packets, lane.lost) == (2, 1)
    receiver = srtp_session(MASTER["sha1"], "sha1", inbound=True)
    sizes = [len(parse_packet(receiver.unprotect(data)).payload) for _, data in wire.datagrams]
    assert sizes == [1000, 900]


def test_large_packets_of_the_gcm_profile_leave_unsegmented() -> None:
    wire, lane = Wire(), lane_of("gcm")
    FanOut(wire.sendmsg).forward(train_of([1450, 1450], lane))
    assert [len(datagrams) for datagrams in wire.attempts] == [1, 1]


# ---- planning -----------------------------------------------------------------------------------

sizes_lists = st.lists(
    st.one_of(
        st.integers(0, 1500),
        st.integers(1090, 1110),
        st.sampled_from([0, 1, 8, 9, 1100, 1101, 1386, 1387, 1388, 1389, 1400]),
    ),
    max_size=130,
)


@given(
    sizes_lists,
    st.sampled_from([b"", ABS_SEND_TIME]),
    st.sampled_from([10, 16]),
    st.booleans(),
    st.booleans(),
)
def test_runs_hold_the_train_in_order_within_what_the_kernel_takes(
    sizes: list[int], extensions: bytes, tag_bytes: int, can_segment: bool, may_pad: bool
) -> None:
    train = train_of(sizes, extensions=extensions)
    train.may_pad = may_pad
    overhead = HEADER_BYTES + len(extensions) + tag_bytes
    runs = plan_runs(train, tag_bytes, can_segment=can_segment)
    rows = [row for run in runs for row in run.rows]
    assert [(row[1], row[2]) for row in rows] == [(p[0], p[1]) for p in train.packets]
    for (first, *_, payload), packet in zip(rows, train.packets, strict=True):
        padding = payload[-1] if first & 0x2000 else 0
        assert may_pad or not padding
        assert payload[: len(payload) - padding] == packet[3]
        assert bool(first & 0x80) == packet[2]
        assert bool(first & 0x1000) == bool(extensions)
    for run in runs:
        lengths = [overhead + len(row[4]) for row in run.rows]
        assert len(set(lengths[:-1])) <= 1
        assert lengths[-1] <= lengths[0]
        if run.ancillary:
            ((_, _, value),) = run.ancillary
            assert struct.unpack("=H", value) == (lengths[0],)
            assert can_segment
            assert lengths[0] <= 1440
            assert len(lengths) <= 48
            assert sum(lengths) <= 60_000
        else:
            assert len(lengths) == 1
    assert sum(run.octets for run in runs) == sum(sizes)


def test_a_frame_whose_packets_differ_by_a_byte_is_one_run() -> None:
    runs = plan_runs(train_of(FRAME), 16, can_segment=True)
    assert [len(run.rows) for run in runs] == [6]


def test_packets_that_must_not_be_padded_share_a_run_only_with_equals() -> None:
    train = train_of(FRAME)
    train.may_pad = False
    runs = plan_runs(train, 16, can_segment=True)
    assert [[len(row[4]) for row in run.rows] for run in runs] == [
        [1100],
        [1101, 1100],
        [1101, 1101, 700],
    ]


def test_a_larger_packet_begins_another_run() -> None:
    runs = plan_runs(train_of([500, 500, 1100, 1100]), 16, can_segment=True)
    assert [len(run.rows) for run in runs] == [2, 2]


def test_nothing_follows_a_shorter_last_packet_in_its_run() -> None:
    runs = plan_runs(train_of([1100, 1100, 300, 300]), 16, can_segment=True)
    assert [len(run.rows) for run in runs] == [3, 1]
