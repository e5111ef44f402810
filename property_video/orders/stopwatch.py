"""What making something took.

Not here: judging it.
"""

import time
from collections.abc import Callable


class Stopwatch:
    """Wall and CPU seconds of this process, all threads, since it was made."""

    def __init__(
        self, wall: Callable[[], float] = time.perf_counter, cpu: Callable[[], float] = time.process_time
    ) -> None:
        self._wall, self._cpu = wall, cpu
        self._since = wall(), cpu()

    def wall_s(self) -> float:
        """Seconds that passed."""
        return round(self._wall() - self._since[0], 3)

    def cpu_s(self) -> float:
        """Seconds of CPU that were used."""
        return round(self._cpu() - self._since[1], 3)
