"""Counters that wrap."""

from hypothesis import given
from hypothesis import strategies as st

from media.sequence import is_newer, unwrap

bits = st.sampled_from([16, 32])


@given(bits, st.integers(0, 1 << 48), st.integers(-(1 << 31), (1 << 31) - 1))
def test_unwrap_restores_any_number_within_half_a_turn(width: int, true: int, step: int) -> None:
    half = 1 << (width - 1)
    reference = true - max(-half, min(half - 1, step))
    assert unwrap(true % (1 << width), reference, width) in {true, true - (1 << width)}
    if abs(true - reference) < half:
        assert unwrap(true % (1 << width), reference, width) == true


@given(bits, st.integers(0, (1 << 32) - 1), st.integers(0, 1 << 48))
def test_unwrap_stays_congruent_and_near(width: int, value: int, reference: int) -> None:
    value %= 1 << width
    found = unwrap(value, reference, width)
    assert found % (1 << width) == value
    assert -(1 << width) // 2 <= found - reference < (1 << width) // 2


def test_unwrap_goes_below_zero_at_the_start_of_a_stream() -> None:
    assert unwrap(65535, 0, 16) == -1


@given(st.integers(0, 65535), st.integers(1, 32767))
def test_a_number_is_newer_than_those_up_to_half_a_turn_before_it(value: int, step: int) -> None:
    later = (value + step) % 65536
    assert is_newer(later, value)
    assert not is_newer(value, later)


@given(st.integers(0, 65535))
def test_nothing_is_newer_than_itself_or_its_opposite(value: int) -> None:
    assert not is_newer(value, value)
    assert not is_newer((value + 32768) % 65536, value)


def test_timestamps_compare_with_their_own_width() -> None:
    assert is_newer(5, 0xFFFFFFF0, bits=32)
    assert not is_newer(0xFFFFFFF0, 5, bits=32)
