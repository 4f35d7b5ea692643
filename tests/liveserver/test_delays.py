import statistics

from hypothesis import given
from hypothesis import strategies as st

from liveserver.rooms.delays import CACHE_S, KEEP_S, DelayReports, Percentiles


def test_room_without_reports_has_no_delay() -> None:
    assert DelayReports().percentiles("demo", now=0.0) is None


def test_last_report_of_each_viewer_counts() -> None:
    reports = DelayReports()
    reports.report("demo", "s1", 900, now=0.0)
    for number in range(1, 101):
        reports.report("demo", f"s{number}", number, now=1.0)
    reports.report("other", "s1", 5000, now=1.0)
    assert reports.percentiles("demo", now=1.0) == Percentiles(p50=50, p95=95)


def test_old_reports_and_those_of_viewers_who_left_do_not_count() -> None:
    reports = DelayReports()
    reports.report("demo", "s1", 100, now=0.0)
    reports.report("demo", "s2", 200, now=5.0)
    reports.report("demo", "s3", 300, now=5.0)
    reports.forget("demo", "s3")
    assert reports.percentiles("demo", now=KEEP_S + 0.1) == Percentiles(p50=200, p95=200)
    assert reports.percentiles("demo", now=5.1 + KEEP_S) is None


def test_nonsense_is_not_counted() -> None:
    reports = DelayReports()
    reports.report("demo", "s1", -1, now=0.0)
    reports.report("demo", "s2", 60_001, now=0.0)
    assert reports.percentiles("demo", now=0.0) is None


def test_percentiles_are_not_computed_for_each_poll() -> None:
    reports = DelayReports()
    reports.report("demo", "s1", 100, now=0.0)
    first = reports.percentiles("demo", now=0.0)
    reports.report("demo", "s1", 200, now=0.1)
    assert reports.percentiles("demo", now=CACHE_S - 0.1) == first
    assert reports.percentiles("demo", now=CACHE_S) == Percentiles(p50=200, p95=200)


@given(st.lists(st.integers(0, 60_000), min_size=1, max_size=50))
def test_percentiles_are_values_that_were_reported(delays: list[int]) -> None:
    reports = DelayReports()
    for number, delay in enumerate(delays):
        reports.report("demo", str(number), delay, now=0.0)
    found = reports.percentiles("demo", now=0.0)
    assert found is not None
    assert {found.p50, found.p95} <= set(delays)
    assert found.p50 == statistics.median_low(delays)
    assert found.p50 <= found.p95 <= max(delays)
