"""The server's clock."""

import time
from datetime import UTC, datetime


class BootClock:
    """Seconds since the epoch: wall time at boot plus monotonic time since.

    So deadlines neither jump nor run back when the wall clock is set.
    """

    def __init__(self) -> None:
        self._offset_s = datetime.now(UTC).timestamp() - time.monotonic()

    def __call__(self) -> float:
        """Return the present time."""
        return self._offset_s + time.monotonic()
