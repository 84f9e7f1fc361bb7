"""The rows of a result: figures, goals, and ratios of the medians of two sides."""

import dataclasses
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# As in every command of retort: a goal was missed.
MISSED = 6
NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Side:
    """The measurements of one side of a comparison, all in `unit`."""

    name: str
    values: tuple[float, ...]
    unit: str = "s"

    @property
    def median(self) -> float:
        """NaN without measurements."""
        return median(self.values)

    def __str__(self) -> str:
        return f"{self.name} {quantity(self.median, self.unit)}"


@dataclass(frozen=True)
class Row:
    """One line of the table. met: None for a figure without a goal. value, limit: what was compared, for the plot."""

    what: str
    measured: str
    goal: str = ""
    met: bool | None = None
    value: float | None = None
    limit: float | None = None
    at_least: bool = True
    sides: tuple[Side, ...] = ()

    @property
    def medians(self) -> str:
        """The medians of both sides, in words."""
        return ", ".join(str(side) for side in self.sides)

    def as_json(self) -> dict[str, Any]:
        """For JSON; NaN becomes null."""
        content = dataclasses.asdict(self) | {"medians": [side.median for side in self.sides]}
        return dict(without_nan(content))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Row":
        """The inverse of `as_json`."""
        sides = tuple(
            Side(**side | {"values": tuple(math.nan if one is None else one for one in side["values"])})
            for side in content["sides"]
        )
        return cls(**{key: value for key, value in content.items() if key != "medians"} | {"sides": sides})


def figure(what: str, measured: float | str, unit: str = "", sides: Sequence[Side] = ()) -> Row:
    """A figure without a goal."""
    return Row(what, measured if isinstance(measured, str) else quantity(measured, unit), sides=tuple(sides))


def required(what: str, measured: str, goal: str, met: bool, sides: Sequence[Side] = ()) -> Row:
    """A condition in words, such as equal quality."""
    return Row(what, measured, goal, met, sides=tuple(sides))


def at_most(what: str, value: float, limit: float, unit: str = "") -> Row:
    """A figure that must not exceed `limit`; NaN misses the goal."""
    return _with_goal(what, value, limit, lambda one: quantity(one, unit), at_least=False)


def at_least(what: str, value: float, limit: float, unit: str = "") -> Row:
    """A figure that must reach `limit`; NaN misses the goal."""
    return _with_goal(what, value, limit, lambda one: quantity(one, unit))


def times_faster(what: str, ours: Side, theirs: Side, goal: float | None = None) -> Row:
    """Both sides in seconds: their time divided by ours, at least `goal`."""
    return _with_goal(what, _quotient(theirs, ours), goal, times, ours, theirs)


def times_the_rate(what: str, ours: Side, theirs: Side, goal: float | None = None) -> Row:
    """Both sides in units per second: our rate divided by theirs, at least `goal`."""
    return _with_goal(what, _quotient(ours, theirs), goal, times, ours, theirs)


def share_of_the_time(what: str, ours: Side, theirs: Side, goal: float) -> Row:
    """Both sides in seconds: our time divided by theirs, at most `goal`."""
    return _with_goal(what, _quotient(ours, theirs), goal, times, ours, theirs, at_least=False)


def share_of_the_rate(what: str, ours: Side, ceiling: Side, goal: float) -> Row:
    """The share (0 to 1) of a ceiling that our rate reaches, at least `goal`.

    A ceiling is its highest measurement, not the median: a disturbance only slows a matrix product, and a ceiling
    that is too low would make our share look better.
    """
    name = f"{ceiling.name}, highest of {len(ceiling.values)}"
    highest = Side(name, (max(ceiling.values, default=math.nan),), ceiling.unit)
    return _with_goal(what, _quotient(ours, highest), goal, percent, ours, highest)


def _with_goal(
    what: str, value: float, limit: float | None, write: Callable[[float], str], *sides: Side, at_least: bool = True
) -> Row:
    if limit is None:
        return Row(what, write(value), sides=sides)
    # Comparisons with NaN are false, so NaN misses every goal.
    met = value >= limit if at_least else value <= limit
    return Row(what, write(value), f"{'>=' if at_least else '<='} {write(limit)}", met, value, limit, at_least, sides)


def _quotient(above: Side, below: Side) -> float:
    return above.median / below.median if below.median else math.nan


# ---------------------------------------------------------------------------------------------- numbers


def median(values: Sequence[float]) -> float:
    """NaN without values."""
    return statistics.median(values) if values else math.nan


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of all values do not exceed; NaN without values."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else math.nan


def summary_ms(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and largest in milliseconds, and the count."""
    shares = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "largest_ms": 1.0}
    return {name: percentile(seconds, share) * 1000 for name, share in shares.items()} | {"count": len(seconds)}


def number(value: float) -> str:
    """Three significant digits."""
    if not math.isfinite(value):
        return NOT_MEASURED
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def quantity(value: float, unit: str) -> str:
    """`14.1 ms`."""
    return f"{number(value)} {unit}" if unit and math.isfinite(value) else number(value)


def times(ratio: float) -> str:
    """`5.67 x`."""
    return quantity(ratio, "x")


def percent(share: float) -> str:
    """`72.9 %`, for a share of 0 to 1."""
    return f"{100 * share:.1f} %".replace(".0 %", " %") if math.isfinite(share) else NOT_MEASURED


def without_nan(content: Any) -> Any:
    """Nested JSON content with null in place of NaN and infinity."""
    if isinstance(content, float) and not math.isfinite(content):
        return None
    if isinstance(content, Mapping):
        return {str(key): without_nan(value) for key, value in content.items()}
    return [without_nan(value) for value in content] if isinstance(content, list | tuple) else content


# ------------------------------------------------------------------------------------------------ table


def table(rows: Sequence[Row]) -> str:
    """`what | goal | measured | medians | met`, in columns."""
    words = {True: "yes", False: "NO", None: ""}
    cells = [("what", "goal", "measured", "medians", "met")]
    cells += [(row.what, row.goal, row.measured, row.medians, words[row.met]) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return "\n".join([lines[0], "-+-".join("-" * width for width in widths), *lines[1:]])


def exit_code(rows: Sequence[Row]) -> int:
    """0 when every goal is met."""
    return MISSED if any(row.met is False for row in rows) else 0
