"""What the demo shows at which moment: frames and sound packets, ready to be sent."""

from datetime import datetime

from liveserver.demo import tone
from liveserver.demo.encoders import OPUS_FRAME_SAMPLES, Vp8Encoder, opus_loop
from liveserver.demo.picture import FRAMES_PER_SECOND, HEIGHT, WIDTH, DemoPicture

FRAME_S = 1 / FRAMES_PER_SECOND
SOUND_S = OPUS_FRAME_SAMPLES / tone.SAMPLE_RATE
BITRATE_BPS = 1_200_000
"An upper bound: the calm picture takes about half of it."


class Programme:
    """Picture and sound of one run; both begin at 0 s.

    Making it costs about a second of CPU: the sound repeats and is encoded here, once.
    """

    def __init__(self) -> None:
        self._picture = DemoPicture()
        self._encoder = Vp8Encoder(WIDTH, HEIGHT, FRAMES_PER_SECOND, BITRATE_BPS)
        self._sound = opus_loop(tone.loop())

    def frame(self, index: int, wall: datetime, *, key: bool) -> bytes:
        """Draw and encode frame `index`; `wall` is what the clock shows."""
        media_s = index * FRAME_S
        since_note = tone.since_note_s(media_s % tone.LOOP_S)
        return self._encoder.encode(self._picture.draw(media_s, wall, since_note), key=key)

    def sound(self, index: int) -> bytes:
        """Return the Opus packet of the 20 ms that begin at `index * SOUND_S`."""
        return self._sound[index % len(self._sound)]
