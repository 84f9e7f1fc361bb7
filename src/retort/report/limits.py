"""Limits on what a model may cost (`--limit NAME=NUMBER`): which there are, and which models exceed one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retort.report import display

_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Limit:
    """One cost that can be limited. `keys` lead to it in an arm's "cost"; `unit` is how many of it one of the limit is.

    `what` is its name in sentences, `written` displays a value of the cost.
    """

    keys: tuple[str, ...]
    unit: float
    what: str
    written: Any

    def value(self, cost: Mapping[str, Any]) -> float | None:
        """The cost of an arm, in the unit in which it is recorded; None where it was not measured."""
        found: Any = cost
        for key in self.keys:
            found = (found or {}).get(key)
        return None if found is None else float(found)


LIMITS = {
    "latency_ms": Limit(("latency_ms", "p50"), 1, "one comment", display.milliseconds),
    "size_mb": Limit(("size_bytes",), _MEGABYTE, "on disk", display.size),
    "memory_mb": Limit(("resident_bytes",), _MEGABYTE, "memory", display.size),
}


def why_excluded(cost: Mapping[str, Any], limits: Mapping[Any, float | None]) -> str | None:
    """`one comment 12.1 ms, over 10.0 ms`; None for a model within all limits.

    A cost that was not measured is not shown to be within its limit. Raises KeyError for a limit of another name.
    """
    reasons = []
    for name, wanted in limits.items():
        limit, value = LIMITS[name], LIMITS[name].value(cost)
        if wanted is None:
            continue
        if value is None:
            reasons.append(f"{limit.what} not measured, limit {limit.written(wanted * limit.unit)}")
        elif value > wanted * limit.unit:
            reasons.append(f"{limit.what} {limit.written(value)}, over {limit.written(wanted * limit.unit)}")
    return "; ".join(reasons) or None


def written(limits: Mapping[str, float]) -> list[str]:
    """`one comment at most 10.0 ms`, for each limit."""
    return [f"{LIMITS[name].what} at most {LIMITS[name].written(v * LIMITS[name].unit)}" for name, v in limits.items()]
