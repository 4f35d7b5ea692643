"""The benchmarks' arithmetic and their packets."""

import os

from hypothesis import given
from hypothesis import strategies as st

from media.payloads import starts_keyframe
from scripts.bench.figures import percentile, read_samples, spread, table
from scripts.bench.process import usage
from scripts.bench.synthetic import frame_payloads
from scripts.bench.viewer import ReceivedStream


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(value) for value in range(1, 21)]
    assert [percentile(values, p) for p in (0, 50, 95, 100)] == [1, 10, 19, 20]
    assert percentile([], 50) is None


def test_a_spread_of_nothing_is_shown_as_such() -> None:
    assert spread([]) == {"n": 0, "p50": None, "p95": None, "max": None}
    assert table({"join": spread([])}) == "join  n 0  p50 -  p95 -  max -"


def test_samples_are_summed_over_their_labels() -> None:
    page = '# HELP a b\na{room="x"} 1\na{room="y"} 2.5\nb_total 7\nb_total{bad} nonsense\n'
    assert read_samples(page) == {"a": 3.5, "b_total": 7.0}


@given(st.lists(st.integers(0, 40), max_size=60))
def test_losses_are_counted_over_the_wrap(gaps: list[int]) -> None:
    stream = ReceivedStream(1, 0xFFF0)
    sequence = 0xFFF0
    stream.add(sequence)
    for gap in gaps:
        sequence += gap + 1
        stream.add(sequence & 0xFFFF)
    assert stream.lost == sum(gaps)
    assert stream.received == len(gaps) + 1


def test_a_late_packet_is_no_loss() -> None:
    stream = ReceivedStream(1, 10)
    for sequence in (10, 12, 11, 13):
        stream.add(sequence)
    assert stream.lost == 0


@given(st.integers(20, 50_000), st.integers(100, 1300))
def test_a_synthetic_frame_is_cut_as_a_browser_cuts_it(size: int, limit: int) -> None:
    payloads = frame_payloads(size, limit, 5, key=True)
    sizes = [len(payload) for payload in payloads]
    assert sum(sizes) == size
    assert max(sizes) <= limit
    assert sizes == sorted(sizes)
    assert max(sizes) - min(sizes) <= 1
    assert starts_keyframe("VP8", payloads[0])
    assert not any(starts_keyframe("VP8", payload) for payload in payloads[1:])
    assert not starts_keyframe("VP8", frame_payloads(size, limit, 5, key=False)[0])


def test_usage_is_that_of_the_process() -> None:
    used = usage(os.getpid())
    assert used.cpu_s > 0
    assert used.rss_bytes > 1_000_000
