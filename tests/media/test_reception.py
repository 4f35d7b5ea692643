"""Receiver reports, beside a plain reading of RFC 3550 appendix A.3."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.reception import ReceptionStatistics
from media.rtcp import ReportBlock


def report(statistics: ReceptionStatistics, now: float = 1.0) -> ReportBlock:
    return statistics.report(7, 90_000, now)


def fed(*indices: int) -> ReceptionStatistics:
    statistics = ReceptionStatistics()
    for index in indices:
        statistics.received(index, 0.0, 0.0)
    return statistics


def test_a_report_of_nothing_tells_nothing() -> None:
    block = report(fed())
    assert (block.fraction_lost, block.packets_lost, block.highest_sequence) == (0, 0, 0)
    assert (block.jitter, block.lsr, block.dlsr) == (0, 0, 0)


def test_losses_are_told_as_share_and_sum() -> None:
    statistics = fed(100, 101, 104, 107)
    block = report(statistics)
    assert (block.ssrc, block.packets_lost, block.highest_sequence) == (7, 4, 107)
    assert block.fraction_lost == 128
    assert statistics.fraction == 0.5


def test_each_report_tells_its_own_interval() -> None:
    statistics = fed(0, 3)
    assert report(statistics).fraction_lost == 128
    statistics.received(4, 0.0, 0.0)
    block = report(statistics)
    assert (block.fraction_lost, block.packets_lost) == (0, 2)


def test_everything_lost_fits_the_field() -> None:
    statistics = fed(0)
    report(statistics)
    statistics.received(100_000, 0.0, 0.0)
    assert report(statistics).fraction_lost == 255


def test_reordered_packets_are_no_losses() -> None:
    block = report(fed(5, 7, 6, 8))
    assert (block.fraction_lost, block.packets_lost) == (0, 0)


def test_what_comes_again_after_its_report_makes_up_for_the_loss() -> None:
    statistics = fed(0, 2)
    assert report(statistics).packets_lost == 1
    statistics.received(1, 0.0, 0.0)
    block = report(statistics)
    assert (block.fraction_lost, block.packets_lost) == (0, 0)


def test_steady_arrivals_have_no_jitter_and_uneven_ones_do() -> None:
    even, uneven = ReceptionStatistics(), ReceptionStatistics()
    for at in range(100):
        even.received(at, at * 0.02, at * 0.02 + 5.0)
        uneven.received(at, at * 0.02, at * 0.02 + 0.004 * (at % 2))
    assert report(even).jitter == pytest.approx(0, abs=1)
    assert report(uneven).jitter == pytest.approx(0.004 * 90_000, rel=0.01)


def test_the_newest_sender_report_is_echoed_with_its_age() -> None:
    statistics = fed(0)
    statistics.sender_report(0x0000_0001_8000_0000, 1.0)
    statistics.sender_report(0x1122_3344_5566_7788, 2.0)
    block = report(statistics, now=2.25)
    assert (block.lsr, block.dlsr) == (0x3344_5566, 16_384)


@given(st.lists(st.tuples(st.integers(0, 1 << 40), st.booleans()), max_size=60))
def test_every_field_fits_whatever_the_numbers(steps: list[tuple[int, bool]]) -> None:
    statistics = ReceptionStatistics()
    for at, (index, is_reported) in enumerate(steps):
        statistics.received(index, float(index), at / 10)
        if is_reported:
            block = report(statistics, at / 10)
            assert 0 <= block.fraction_lost <= 255
            assert -0x800000 <= block.packets_lost <= 0x7FFFFF
            assert 0 <= block.highest_sequence < 1 << 32
            assert 0 <= block.jitter < 1 << 32
            assert 0.0 <= statistics.fraction <= 1.0
