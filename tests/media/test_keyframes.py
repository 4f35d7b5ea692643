"""Asking for key frames without storms."""

from hypothesis import given
from hypothesis import strategies as st

from media.keyframes import KeyframeRequester

steps = st.lists(
    st.tuples(st.sampled_from(["want", "key", "poll"]), st.floats(0, 0.6, allow_nan=False)),
    max_size=60,
)


def test_a_request_goes_out_at_once() -> None:
    requester = KeyframeRequester(1.0)
    requester.want()
    assert requester.is_due(50.0)


def test_nothing_is_asked_when_nobody_waits() -> None:
    requester = KeyframeRequester(1.0)
    assert requester.get_timer() is None
    assert not requester.is_due(50.0)


def test_many_who_wait_share_one_request() -> None:
    requester = KeyframeRequester(1.0)
    asked = 0
    for _ in range(100):
        requester.want()
        asked += requester.is_due(50.0)
    assert asked == 1


def test_a_request_is_repeated_while_the_key_frame_does_not_come() -> None:
    requester = KeyframeRequester(1.0)
    requester.want()
    asked = [at for at in range(50) if requester.is_due(at / 10)]
    assert asked == [0, 10, 20, 30, 40]


def test_a_key_frame_serves_everybody() -> None:
    requester = KeyframeRequester(1.0)
    requester.want()
    assert requester.is_due(0.0)
    requester.keyframe_started()
    assert requester.get_timer() is None
    assert not requester.is_due(5.0)


def test_who_comes_after_the_key_frame_waits_for_the_interval() -> None:
    requester = KeyframeRequester(1.0)
    requester.want()
    assert requester.is_due(0.0)
    requester.keyframe_started()
    requester.want()
    assert requester.get_timer() == 1.0
    assert not requester.is_due(0.9)
    assert requester.is_due(1.0)


@given(steps)
def test_requests_are_an_interval_apart_and_only_while_wanted(
    schedule: list[tuple[str, float]],
) -> None:
    requester = KeyframeRequester(1.0)
    now, wanted, last = 10.0, False, -1e9
    for action, wait in schedule:
        now += wait
        if action == "want":
            requester.want()
            wanted = True
        elif action == "key":
            requester.keyframe_started()
            wanted = False
        timer = requester.get_timer()
        assert (timer is not None) == wanted
        due = requester.is_due(now)
        assert due == (wanted and now >= last + 1.0)
        assert not due or (timer is not None and timer <= now)
        last = now if due else last
