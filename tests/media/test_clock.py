"""Timestamps of publishers in server time: sound and picture stay together."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.clock import NTP_UNIX_OFFSET, PublisherClock, TrackClock, to_ntp

RATES = {"audio": 48000, "video": 90000}


def test_ntp_time_counts_from_1900_in_fractions_of_a_second() -> None:
    assert to_ntp(0.0) == NTP_UNIX_OFFSET << 32
    assert to_ntp(0.5) == (NTP_UNIX_OFFSET << 32) + (1 << 31)


def test_nothing_is_known_before_the_first_packet() -> None:
    publisher = PublisherClock()
    track = TrackClock(90000, publisher)
    assert publisher.server_time(5.0) is None
    assert track.capture_time(90000) is None
    track.sender_report(to_ntp(0.0), 90000, 90000)
    assert track.capture_time(90000) is None


def test_before_a_sender_report_the_fastest_packet_sets_the_clock() -> None:
    track = TrackClock(90000, PublisherClock())
    for frame, delay in enumerate([0.08, 0.02, 0.05]):
        track.arrived(90000 + 3000 * frame, 100 + frame / 30 + delay)
    assert track.capture_time(90000) == pytest.approx(100.02)
    assert track.capture_time(90000 + 9000) == pytest.approx(100.12)


class Host:
    """A publisher whose clock is `offset` away from ours and `drift` too fast.

    Its sound and picture take different ways and carry unrelated timestamps.
    """

    def __init__(self, *, offset: float = 5e8, drift: float = 0.0) -> None:
        self.offset, self.drift = offset, drift
        self.clock = PublisherClock()
        self.tracks = {kind: TrackClock(rate, self.clock) for kind, rate in RATES.items()}
        self.origin = {"audio": 1 << 32, "video": (1 << 32) + 123456}
        self._random = Random(7)

    def timestamp(self, kind: str, captured: float) -> int:
        return self.origin[kind] + round(captured * (1 + self.drift) * RATES[kind])

    def play(self, start: float, end: float, delay: dict[str, float]) -> None:
        at = start
        while at < end:
            for kind, track in self.tracks.items():
                jitter = self._random.random() * 0.03 if round(at * 50) % 25 else 0.0
                track.arrived(self.timestamp(kind, at), at + delay[kind] + jitter)
            at += 0.02

    def report(self, captured: float) -> None:
        for kind, track in self.tracks.items():
            timestamp = self.timestamp(kind, captured)
            ntp = to_ntp(captured * (1 + self.drift) + self.offset)
            track.sender_report(ntp, timestamp & 0xFFFFFFFF, timestamp + 70000)

    def apart(self, captured: float) -> float:
        """By how much the picture is placed later than the sound of the same instant."""
        sound, picture = (
            track.capture_time(self.timestamp(kind, captured))
            for kind, track in self.tracks.items()
        )
        assert sound is not None
        assert picture is not None
        return picture - sound


UNEVEN = {"audio": 0.02, "video": 0.12}


def test_without_sender_reports_each_track_keeps_its_own_delay() -> None:
    host = Host()
    host.play(0, 3, UNEVEN)
    assert host.apart(2.0) == pytest.approx(0.1, abs=1e-4)


def test_sender_reports_put_sound_and_picture_together() -> None:
    host = Host()
    host.play(0, 1, UNEVEN)
    host.report(1.0)
    host.play(1, 3, UNEVEN)
    assert host.apart(2.0) == pytest.approx(0.0, abs=1e-4)
    shown = host.tracks["video"].capture_time(host.timestamp("video", 2.0))
    assert shown == pytest.approx(2.0 + min(UNEVEN.values()), abs=1e-4)


def test_a_drifting_clock_is_followed() -> None:
    host = Host(drift=200e-6)
    for second in range(120):
        host.report(float(second))
        host.play(second, second + 1, UNEVEN)
    shown = host.tracks["video"].capture_time(host.timestamp("video", 120.0))
    assert shown == pytest.approx(120.02, abs=10 * 200e-6 + 1e-3)
    assert host.apart(120.0) == pytest.approx(0.0, abs=1e-3)


def test_a_longer_way_is_noticed_within_ten_seconds() -> None:
    host = Host()
    host.report(0.0)
    host.play(0, 6, UNEVEN)
    longer = {kind: delay + 0.2 for kind, delay in UNEVEN.items()}
    host.play(6, 18, longer)
    shown = host.tracks["audio"].capture_time(host.timestamp("audio", 18.0))
    assert shown == pytest.approx(18.22, abs=1e-3)


def test_a_shorter_way_is_noticed_at_once() -> None:
    host = Host()
    host.report(0.0)
    host.play(0, 3, UNEVEN)
    host.tracks["audio"].arrived(host.timestamp("audio", 3.0), 3.001)
    shown = host.tracks["audio"].capture_time(host.timestamp("audio", 3.0))
    assert shown == pytest.approx(3.001, abs=1e-4)


def test_a_report_whose_timestamp_wrapped_is_placed_near_the_stream() -> None:
    publisher = PublisherClock()
    track = TrackClock(90000, publisher)
    now_at = (2 << 32) + 900
    track.sender_report(to_ntp(50.0), (now_at - 9000) & 0xFFFFFFFF, now_at)
    track.arrived(now_at, 7.0)
    assert track.capture_time(now_at) == pytest.approx(7.0, abs=1e-5)
    assert publisher.server_time(50.1 + NTP_UNIX_OFFSET) == pytest.approx(7.0, abs=1e-5)


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0, 1)), min_size=1, max_size=60))
def test_no_packet_of_the_last_seconds_seems_to_arrive_before_it_was_captured(
    packets: list[tuple[float, float]],
) -> None:
    track = TrackClock(90000, PublisherClock())
    captured, recent = 100.0, list[tuple[float, float]]()
    for step, delay in packets:
        captured += step
        arrival = max(captured + delay, recent[-1][1] if recent else 0.0)
        track.arrived(round(captured * 90000), arrival)
        recent.append((captured, arrival))
        for sent, came in recent:
            mapped = track.capture_time(round(sent * 90000))
            assert mapped is not None
            assert came < arrival - 4.9 or mapped <= came + 1e-4
