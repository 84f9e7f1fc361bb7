"""The load that other programs put on the machine during a measurement."""

import math
import time
from collections.abc import Callable
from types import TracebackType

import psutil


class OtherLoad:
    """Context manager; afterwards `share` (0 to 1) is the part of all cores that other programs used in the block.

    own_seconds: returns the processor time of the programs under measurement, by default this process. Time
    that a host gave to other machines counts as other load. `share` is NaN until the block ends.
    """

    def __init__(self, own_seconds: Callable[[], float] = time.process_time) -> None:
        self._own_seconds = own_seconds
        self.share = math.nan

    def __enter__(self) -> "OtherLoad":
        self._began, self._busy, self._own = time.monotonic(), _busy_seconds(), self._own_seconds()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        available = (time.monotonic() - self._began) * (psutil.cpu_count() or 1)
        others = (_busy_seconds() - self._busy) - (self._own_seconds() - self._own)
        # The system counts in hundredths of a second, so that the difference can be slightly out of range.
        self.share = min(1.0, max(0.0, others / available))


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    # The time of guests is already part of the host's.
    counted_twice = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - idle - counted_twice)
