"""Which simulcast layer a viewer gets: by its bandwidth, its losses and what its page wants.

Down at once, up with care: a viewer's REMB cannot prove more than about 1.5 times what it
receives, so going up is a trial, and an estimate that still grows is no reason to end it. A
trial that fails doubles the wait before the next.
"""

from collections.abc import Iterable, Sequence

import msgspec

AUDIO_ONLY = -1
"Chosen instead of a layer on links too poor for any picture."

_AUDIO_ONLY_BPS = 100_000
_HEADROOM = 0.9
"Share of the estimate that a layer may fill."
_OVERUSE = 0.8
"Below this share of the layer's rate the estimate says that it does not fit."
_HEAVY_LOSS = 0.15
_LIGHT_LOSS = 0.03
_PATIENCE_S = 0.8
"How long trouble must last before going down: one late report is no trouble, but in a trial."
_LOSING_S = 0.5
_LOSING_SHARE = 0.3
"Of a layer's packets, lost within that time: more than an estimate can tell, and sooner."
_LOSING_SPREAD_S = 0.2
"What is lost in one blow is over already."
_MIN_LOSING = 12
_PACKET_BITS = 8800
_COLLAPSE = 0.5
"An estimate below this share of the layer's rate is not waited for."
_HOPE_S = 2.5
"An estimate that grew within this time may grow on: Chrome adds 8 % a second at most."
_MAX_HOPE_S = 30.0
"An estimate that is too low for so long is believed, though it may rise now and then."
_CHANGE = 0.03
"Less is noise. Chrome reports a fall by more than 3 % at once."
_POOR_S = 3.0
"How long the estimate must be that poor: after an outage it recovers within a second or two."
_FIRST_TRIAL_S = 4.0
_LAST_TRIAL_S = 60.0
_TRIAL_FAILED_S = 12.0


class Wish(msgspec.Struct, frozen=True):
    """What the page asks for."""

    rid: str | None = None
    "This layer; None lets the server choose."
    max_height: int | None = None
    "Of the picture on the screen in pixels; larger layers are a waste."
    is_audio_only: bool = False


class Layer(msgspec.Struct, frozen=True):
    """A layer that arrives now, measured."""

    rid: str
    bitrate_bps: float
    height: int | None = None


class LayersShown(msgspec.Struct, frozen=True):
    """What a viewer can be sent and is sent."""

    layers: tuple[Layer, ...] = ()
    "Those that arrive now, the lowest first; one without simulcast."
    current: str | None = None
    "Name of the one it is sent; None while it is sent no picture."
    is_audio_only: bool = False
    "Whether it is sent no picture on purpose: its wish, or its link is too poor."


class LayerSelector:
    """Chooses for one viewer among layers ordered from low to high. Times are seconds."""

    def __init__(self) -> None:
        self.wish = Wish()
        self._limit: int | None = None
        "Highest layer that the link has room for, or `AUDIO_ONLY`; None while none is known."
        self._estimate = _Estimate()
        self._losses = _Losses()
        self._trouble_since: float | None = None
        self._changed_at = 0.0
        self._rose_at: float | None = None
        self._trial_wait_s = _FIRST_TRIAL_S

    @property
    def is_audio_only(self) -> bool:
        """Whether no picture is to be sent."""
        if self.wish.is_audio_only:
            return True
        return self.wish.rid is None and self._limit == AUDIO_ONLY

    def lost(self, sequences: Iterable[int], now: float) -> None:
        """Note packets that the viewer asks for again, some not for the first time."""
        self._losses.add(sequences, now)

    def choose(
        self, layers: Sequence[Layer], remb_bps: int | None, fraction_lost: float, now: float
    ) -> int:
        """Return the index of the layer to send, or `AUDIO_ONLY`.

        Args:
            layers: What arrives, the lowest first; at least one.
            remb_bps: The viewer's newest estimate, if it made one.
            fraction_lost: Share of video packets it lost lately, 0..1.
            now: Seconds.
        """
        self._estimate.update(remb_bps, now)
        top = self._ceiling(layers)
        if self.wish.is_audio_only:
            return AUDIO_ONLY
        if self.wish.rid is not None:
            return top
        if self._rose_at is not None and now - self._rose_at > 2 * _TRIAL_FAILED_S:
            self._trial_wait_s = _FIRST_TRIAL_S
        current = top if self._limit is None else min(self._limit, top)
        if self._is_in_trouble(layers, current, fraction_lost, now):
            current = self._limit = self._go_down(layers, current, now)
        elif current < top and self._may_rise(layers, current, fraction_lost, now):
            current += 1
            self._limit = current if current < len(layers) - 1 else None
            self._rose_at = self._changed_at = now
            self._estimate.hope(now)
        return current

    def _ceiling(self, layers: Sequence[Layer]) -> int:
        """The highest layer the page has use for."""
        wish = self.wish
        for index, layer in enumerate(layers):
            if wish.rid is not None and layer.rid == wish.rid:
                return index
            is_enough = wish.max_height is not None and (layer.height or 0) >= wish.max_height
            if wish.rid is None and is_enough:
                return index
        return len(layers) - 1

    def _is_in_trouble(
        self, layers: Sequence[Layer], current: int, fraction_lost: float, now: float
    ) -> bool:
        if current == AUDIO_ONLY:
            return False
        needs = layers[current].bitrate_bps
        is_over = self._estimate.is_short_of(needs * _OVERUSE, now)
        is_losing = self._is_losing(needs, now)
        if not is_over and fraction_lost < _HEAVY_LOSS and not is_losing:
            self._trouble_since = None
            return False
        if self._trouble_since is None:
            self._trouble_since = now
        is_sure = is_losing or (is_over and (self._estimate.bps or 0) < needs * _COLLAPSE)
        return is_sure or self._is_on_trial(now) or now - self._trouble_since >= _PATIENCE_S

    def _is_losing(self, needs_bps: float, now: float) -> bool:
        if self._is_on_trial(now):
            return self._losses.is_heavy(needs_bps, 0.0, self._changed_at, now)
        # What the layer before still loses while it is being left does not count.
        since = self._changed_at + 2 * _LOSING_S
        return self._losses.is_heavy(needs_bps, _LOSING_SPREAD_S, since, now)

    def _is_on_trial(self, now: float) -> bool:
        return self._rose_at is not None and now - self._rose_at < _TRIAL_FAILED_S

    def _go_down(self, layers: Sequence[Layer], current: int, now: float) -> int:
        if self._is_on_trial(now):
            self._trial_wait_s = min(2 * self._trial_wait_s, _LAST_TRIAL_S)
        self._rose_at, self._trouble_since, self._changed_at = None, None, now
        remb_bps = self._estimate.bps
        if remb_bps is None:
            return max(0, current - 1)
        if self._estimate.is_poor(now):
            return AUDIO_ONLY
        fitting = [
            index
            for index, layer in enumerate(layers[:current])
            if layer.bitrate_bps <= remb_bps * _HEADROOM
        ]
        return fitting[-1] if fitting else 0

    def _may_rise(
        self, layers: Sequence[Layer], current: int, fraction_lost: float, now: float
    ) -> bool:
        if fraction_lost > _LIGHT_LOSS or now - self._changed_at < self._trial_wait_s:
            return False
        remb_bps = self._estimate.bps
        if remb_bps is None or current == AUDIO_ONLY:
            return True
        return remb_bps > layers[current].bitrate_bps


class _Estimate:
    """A viewer's REMB and whether it grows."""

    def __init__(self) -> None:
        self.bps: int | None = None
        self._level = 0.0
        self._grew_at: float | None = None
        self._short_since: float | None = None
        self._poor_since: float | None = None

    def update(self, bps: int | None, now: float) -> None:
        if bps is None or bps > _AUDIO_ONLY_BPS:
            self._poor_since = None
        elif self._poor_since is None:
            self._poor_since = now
        if bps is None or bps == self.bps:
            return
        if bps > self._level * (1 + _CHANGE):
            # The first estimate of all is no growth.
            self._level, self._grew_at = bps, None if self.bps is None else now
        elif bps < self._level * (1 - _CHANGE):
            self._level, self._grew_at = bps, None
        self.bps = bps

    def hope(self, now: float) -> None:
        """Give a new layer's estimate time to grow."""
        self._grew_at, self._short_since = now, None

    def is_poor(self, now: float) -> bool:
        """Tell whether the link has had no room for any picture for a while."""
        return self._poor_since is not None and now - self._poor_since >= _POOR_S

    def is_short_of(self, bps: float, now: float) -> bool:
        """Tell whether the link has no room for `bps`, nor seems to get it soon."""
        if self.bps is None or self.bps >= bps:
            self._short_since = None
            return False
        if self._short_since is None:
            self._short_since = now
        may_grow = self._grew_at is not None and now - self._grew_at < _HOPE_S
        return not may_grow or now - self._short_since > _MAX_HOPE_S


class _Losses:
    """Packets a viewer lost lately, by when it first asked for them."""

    def __init__(self) -> None:
        self._asked_at: dict[int, float] = {}

    def add(self, sequences: Iterable[int], now: float) -> None:
        if len(self._asked_at) > 1000:
            self._asked_at = {s: at for s, at in self._asked_at.items() if now - at < _LOSING_S}
        for sequence in sequences:
            self._asked_at.setdefault(sequence, now)

    def is_heavy(self, rate_bps: float, spread_s: float, since: float, now: float) -> bool:
        """Tell whether much of a stream of this rate is being lost, and not in one blow."""
        if len(self._asked_at) < _MIN_LOSING:
            return False
        since = max(since, now - _LOSING_S)
        times = [at for at in self._asked_at.values() if at > since]
        least = max(_MIN_LOSING, _LOSING_SHARE * _LOSING_S * rate_bps / _PACKET_BITS)
        return len(times) >= least and times[-1] - times[0] >= spread_s
