"""Transport-wide feedback to a host, and rates."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.bandwidth import ArrivalRecorder, RateMeter
from media.rtcp import TransportFeedback, parse_compound
from tests.support.netem import Link


def read(report: bytes | None) -> TransportFeedback:
    assert report is not None
    (packet,) = parse_compound(report)
    assert isinstance(packet, TransportFeedback)
    return packet


def statuses(report: bytes | None) -> dict[int, bool]:
    """Sequence number to whether it is reported as arrived."""
    return {sequence: delta is not None for sequence, delta in read(report).received}


def test_a_report_is_due_100_ms_after_the_first_packet() -> None:
    recorder = ArrivalRecorder(1)
    assert recorder.get_timer() is None
    assert recorder.report(2, 100.0) is None
    recorder.arrived(7, 10.0)
    assert recorder.get_timer() == pytest.approx(10.1)
    assert recorder.report(2, 10.05) is None
    assert statuses(recorder.report(2, 10.1)) == {7: True}
    assert recorder.get_timer() is None
    assert recorder.report(2, 20.0) is None


def test_reports_name_both_ends_and_are_counted() -> None:
    recorder = ArrivalRecorder(11)
    counts = []
    for at in range(258):
        recorder.arrived(at, at * 1.0)
        report = read(recorder.report(22, at + 0.5))
        assert (report.sender_ssrc, report.media_ssrc) == (11, 22)
        counts.append(report.feedback_count)
    assert counts[:3] == [0, 1, 2]
    assert counts[255:] == [255, 0, 1]


def test_arrival_times_are_told_to_a_quarter_of_a_millisecond() -> None:
    recorder = ArrivalRecorder(1)
    times = [5.0, 5.0102, 5.0104, 5.051]
    for sequence, at in enumerate(times):
        recorder.arrived(sequence, at)
    report = read(recorder.report(2, 6.0))
    at = report.reference_time * 0.064
    for (_, delta), expected in zip(report.received, times, strict=True):
        assert delta is not None
        at += delta / 1e6
        assert at == pytest.approx(expected, abs=0.00026)


def test_a_gap_is_told_as_lost_within_a_report_and_across_two() -> None:
    recorder = ArrivalRecorder(1)
    recorder.arrived(1, 0.0)
    recorder.arrived(3, 0.01)
    assert statuses(recorder.report(2, 1.0)) == {1: True, 2: False, 3: True}
    recorder.arrived(6, 1.0)
    assert statuses(recorder.report(2, 2.0)) == {4: False, 5: False, 6: True}


def test_reordered_packets_are_told_in_their_place() -> None:
    recorder = ArrivalRecorder(1)
    for sequence in (4, 2, 3):
        recorder.arrived(sequence, sequence / 1000)
    assert statuses(recorder.report(2, 1.0)) == {2: True, 3: True, 4: True}


def test_a_latecomer_does_not_make_those_already_told_look_lost() -> None:
    recorder = ArrivalRecorder(1)
    for sequence in (1, 2, 4, 5):
        recorder.arrived(sequence, 0.0)
    assert statuses(recorder.report(2, 1.0))[3] is False
    recorder.arrived(3, 1.0)
    recorder.arrived(6, 1.01)
    found = statuses(recorder.report(2, 2.0))
    assert found[3]
    assert found[6]
    assert all(found.values())


def test_numbers_wrap_between_reports_and_within_one() -> None:
    recorder = ArrivalRecorder(1)
    recorder.arrived(65533, 0.0)
    recorder.report(2, 1.0)
    for sequence in (65534, 65535, 1):
        recorder.arrived(sequence, 1.0)
    assert statuses(recorder.report(2, 2.0)) == {65534: True, 65535: True, 0: False, 1: True}
    recorder.arrived(3, 2.0)
    assert statuses(recorder.report(2, 3.0)) == {2: False, 3: True}


def test_a_copy_counts_once_with_its_first_arrival() -> None:
    recorder = ArrivalRecorder(1)
    recorder.arrived(5, 0.064)
    recorder.arrived(5, 0.094)
    assert read(recorder.report(2, 1.0)).received == ((5, 0),)


def test_a_packet_too_old_to_tell_asks_for_no_report() -> None:
    recorder = ArrivalRecorder(1)
    recorder.arrived(5000, 0.0)
    recorder.report(2, 1.0)
    recorder.arrived(1000, 1.0)
    assert recorder.get_timer() is None
    assert recorder.report(2, 2.0) is None


def test_a_jump_of_numbers_is_bounded_and_recovered_from() -> None:
    recorder = ArrivalRecorder(1)
    for sequence in (10, 11, 20_000, 20_001):
        recorder.arrived(sequence, 0.0)
    assert len(read(recorder.report(2, 1.0)).received) <= 1000
    recorder.arrived(20_002, 1.0)
    assert statuses(recorder.report(2, 2.0)) == {20_002: True}


@given(
    st.lists(
        st.tuples(
            st.one_of(st.integers(0, 65535), st.integers(0, 40)), st.floats(0, 0.3), st.booleans()
        ),
        max_size=120,
    )
)
def test_reports_stay_small_whatever_the_numbers(
    arrivals: list[tuple[int, float, bool]],
) -> None:
    recorder, now = ArrivalRecorder(1), 10.0
    for sequence, step, ask in arrivals:
        now += step
        recorder.arrived(sequence, now)
        report = recorder.report(2, now) if ask else None
        if report is not None:
            assert len(report) <= 1400
            assert len(read(report).received) <= 1000


def test_a_flood_within_one_interval_is_bounded() -> None:
    recorder = ArrivalRecorder(1)
    for sequence in range(5000):
        recorder.arrived(sequence & 0xFFFF, 0.01)
    report = recorder.report(2, 1.0)
    assert report is not None
    assert len(report) < 1400
    recorder.arrived(5000, 1.0)
    assert statuses(recorder.report(2, 2.0))[5000]


@pytest.mark.parametrize("seed", range(5))
def test_a_bad_network_is_told_as_it_was(seed: int) -> None:
    """What the last report says of each number is what became of its packet."""
    recorder, link = ArrivalRecorder(1), Link[int](seed, loss=0.1, delay_s=0.02, jitter_s=0.03)
    told: dict[int, bool] = {}
    arrived: set[int] = set()
    start = Random(seed).randrange(65536)
    for index in range(2000):
        now = 10 + index * 0.005
        link.send(start + index, now)
        for at, number in link.arrived(now):
            recorder.arrived(number & 0xFFFF, at)
            arrived.add(number & 0xFFFF)
        report = recorder.report(2, now)
        if report is not None:
            told.update(statuses(report))
    # The last interval is not yet reported.
    settled = {start + index & 0xFFFF for index in range(1900)} & told.keys()
    assert len(settled) > 1890
    assert {number for number in settled if told[number]} == settled & arrived


def test_a_rate_is_known_after_a_second() -> None:
    meter = RateMeter()
    for at in range(21):
        meter.add(500.0, at / 20)
        assert meter.per_second == (0.0 if at < 20 else 10_000.0)


def test_a_rate_falls_to_nothing_when_nothing_arrives() -> None:
    meter = RateMeter()
    meter.add(500.0, 0.0)
    meter.advance(1.0)
    meter.advance(1.5)
    assert meter.per_second == 500.0
    meter.advance(2.0)
    assert meter.per_second == 0.0


@given(st.lists(st.floats(0.001, 3.0), min_size=2, max_size=80))
def test_rates_never_exceed_what_arrived_in_a_second(steps: list[float]) -> None:
    meter, now = RateMeter(), 0.0
    for step in steps:
        now += step
        meter.add(1.0, now)
        assert 0.0 <= meter.per_second <= len(steps)
