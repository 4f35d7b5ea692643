"""A firewall that lets no UDP through."""

from tests.e2e.impaired.measures import describe, longest_gap_s
from tests.e2e.impaired.show import Show


def test_viewer_without_udp_plays_over_tcp(show: Show) -> None:
    viewer = show.watch("loss=100")
    viewer.wait_for_picture(20)
    began, ended = viewer.watch(5)
    frames, numbers = viewer.frames(), viewer.numbers()
    assert numbers["protocol"] == "tcp"
    assert longest_gap_s(frames, began, ended) <= 0.5, describe(frames, began, ended)
