"""The newest key frame and what followed it."""

from hypothesis import given
from hypothesis import strategies as st

from media.packet_cache import PacketCache
from media.train import Forwardable


def packet(index: int, *, marker: bool = False) -> Forwardable:
    return (index, 3000 * index, marker, b"%d" % index)


def filled(count: int, *, key_packets: int = 3) -> tuple[PacketCache, list[Forwardable]]:
    """A cache with a key frame and single-packet frames up to `count` packets."""
    packets = [packet(i, marker=i >= key_packets - 1) for i in range(count)]
    cache = PacketCache()
    cache.start(packets[0], 0.0)
    for one in packets[1:]:
        cache.add(one)
    return cache, packets


def test_the_cache_is_empty_before_the_first_key_frame() -> None:
    cache = PacketCache()
    cache.add(packet(1))
    assert cache.since_keyframe(0.0, 1.0) == []
    assert cache.keyframe() == []


def test_everything_since_the_key_frame_is_kept_in_order() -> None:
    cache, packets = filled(40)
    assert cache.since_keyframe(0.5, 1.0) == packets


def test_the_key_frame_alone_ends_at_its_marker() -> None:
    cache, packets = filled(40)
    assert cache.keyframe() == packets[:3]


def test_an_old_key_frame_starts_no_burst_but_stays_a_still() -> None:
    cache, packets = filled(40)
    assert cache.since_keyframe(1.0, 1.0) == packets
    assert cache.since_keyframe(1.1, 1.0) == []
    assert cache.keyframe() == packets[:3]


def test_a_gap_ends_the_burst_until_it_is_filled_or_the_next_key_frame_comes() -> None:
    cache, packets = filled(40)
    cache.add(packet(41))
    assert cache.since_keyframe(0.1, 1.0) == []
    assert cache.keyframe() == packets[:3]
    cache.add(packet(40))
    assert cache.since_keyframe(0.1, 1.0) == [*packets, packet(40), packet(41)]
    cache.add(packet(50))
    assert cache.since_keyframe(0.1, 1.0) == []
    cache.start(packet(60), 0.5)
    assert cache.since_keyframe(0.5, 1.0) == [packet(60)]


def test_a_key_frame_is_whole_once_its_lost_packet_came() -> None:
    cache = PacketCache()
    cache.start(packet(0), 0.0)
    cache.add(packet(2, marker=True))
    cache.add(packet(3, marker=True))
    assert cache.keyframe() == []
    cache.add(packet(1))
    assert cache.keyframe() == [packet(0), packet(1), packet(2, marker=True)]


def test_a_key_frame_whose_first_packet_came_last_ends_at_its_own_marker() -> None:
    cache = PacketCache()
    for one in (packet(1), packet(2, marker=True), packet(3), packet(4, marker=True)):
        cache.add(one)
    cache.start(packet(0), 0.0)
    assert cache.keyframe() == [packet(0), packet(1), packet(2, marker=True)]
    assert len(cache.since_keyframe(0.0, 1.0)) == 5


def test_a_key_frame_that_begins_late_and_lacks_its_marker_waits_for_it() -> None:
    cache = PacketCache()
    for one in (packet(1), packet(3), packet(4, marker=True)):
        cache.add(one)
    cache.start(packet(0), 0.0)
    assert cache.keyframe() == []
    cache.add(packet(2, marker=True))
    assert cache.keyframe() == [packet(0), packet(1), packet(2, marker=True)]


def test_packets_are_found_by_index_while_they_are_young() -> None:
    cache, packets = filled(1500)
    assert cache.find(1499) == packets[1499]
    assert cache.find(1499 - 1023) == packets[1499 - 1023]
    assert cache.find(1499 - 1024) is None
    assert cache.find(1500) is None


def test_jumps_in_the_numbering_leave_nothing_behind() -> None:
    cache = PacketCache()
    for index in range(0, 10_000 * 2000, 2000):
        cache.add(packet(index))
    assert sum(cache.find(index) is not None for index in range(0, 10_000 * 2000, 2000)) <= 2049


def test_a_key_frame_still_arriving_can_start_a_burst_but_is_no_still() -> None:
    cache, packets = filled(2)
    assert cache.since_keyframe(0.0, 1.0) == packets
    assert cache.keyframe() == []


def test_the_last_whole_key_frame_stays_while_the_next_arrives_or_breaks() -> None:
    cache, packets = filled(40)
    cache.start(packet(40), 1.0)
    assert cache.keyframe() == packets[:3]
    cache.add(packet(42, marker=True))
    assert cache.keyframe() == packets[:3]
    cache.start(packet(50), 2.0)
    cache.add(packet(51, marker=True))
    assert cache.keyframe() == [packet(50), packet(51, marker=True)]


def test_a_key_frame_of_one_packet_is_whole_at_once() -> None:
    cache = PacketCache()
    cache.start(packet(0, marker=True), 0.0)
    assert cache.keyframe() == [packet(0, marker=True)]


def test_a_long_group_of_pictures_is_bounded() -> None:
    cache, packets = filled(600)
    assert cache.since_keyframe(0.1, 1.0) == packets
    cache.add(packet(600))
    assert cache.since_keyframe(0.1, 1.0) == []
    assert cache.keyframe() == packets[:3]


def test_a_key_frame_without_end_is_bounded() -> None:
    cache, packets = filled(600, key_packets=2000)
    assert cache.since_keyframe(0.1, 1.0) == packets
    cache.add(packet(600))
    assert cache.since_keyframe(0.1, 1.0) == []
    assert cache.keyframe() == []


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), max_size=80))
def test_bursts_are_gapless_and_stills_whole_whatever_arrives(
    arrivals: list[tuple[int, bool, bool]],
) -> None:
    cache, index = PacketCache(), 100
    for step, marker, is_key in arrivals:
        index += step
        one = packet(index, marker=marker)
        if is_key:
            cache.start(one, 0.0)
        else:
            cache.add(one)
        burst = [p[0] for p in cache.since_keyframe(0.0, 1.0)]
        assert not burst or burst == list(range(burst[0], index + 1))
        still = cache.keyframe()
        assert [p[0] for p in still] == list(range(still[0][0], still[-1][0] + 1)) if still else 1
        assert [p[2] for p in still] == [False] * (len(still) - 1) + [True] if still else 1
