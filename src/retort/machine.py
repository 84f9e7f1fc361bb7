"""How many cores and threads this process may use."""

import os


def usable_cores() -> int:
    """The number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def usable_threads() -> int:
    """`usable_cores`, or the value of OMP_NUM_THREADS where that is fewer."""
    requested = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    cores = usable_cores()
    return max(1, min(cores, int(requested))) if requested.isdecimal() and int(requested) else cores
