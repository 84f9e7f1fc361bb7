"""How much of the machine other programs used while something was measured."""

import math
import time
from collections.abc import Callable
from types import TracebackType

import psutil


class Bystanders:
    """The share of all cores, 0 to 1, that other programs used within the block.

    own_seconds: the processor time of those that are not others, this process's by default. Time that a host gave
    to other machines counts as others'. NaN until the block ends.
    """

    def __init__(self, own_seconds: Callable[[], float] = time.process_time) -> None:
        self._own_seconds = own_seconds
        self.share = math.nan

    def __enter__(self) -> "Bystanders":
        self._began, self._busy, self._own = time.monotonic(), _busy_seconds(), self._own_seconds()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        whole = (time.monotonic() - self._began) * (psutil.cpu_count() or 1)
        others = (_busy_seconds() - self._busy) - (self._own_seconds() - self._own)
        # The system counts in hundredths of a second.
        self.share = min(1.0, max(0.0, others / whole))


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    # A guest's time is in its host's already.
    counted_twice = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - idle - counted_twice)
