"""How numbers and lists are displayed: the same everywhere in the report and on the terminal."""

import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

NOTHING = "–"

_UNITS = ("B", "kB", "MB", "GB", "TB")

METRIC_NAMES = {
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "f1_at_half": "F1 at 0.5",
    "mcc": "MCC",
    "roc_auc": "ROC-AUC",
    "average_precision": "average precision",
    "brier": "Brier",
    "ece": "ECE",
}


def number(value: float | None, decimals: int = 3) -> str:
    """`0.912`; a dash where there is no number. A minus is a true minus sign."""
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{value:.{decimals}f}"
    # -0.000 would suggest a direction.
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "\u2212")


def signed(value: float | None, decimals: int = 3) -> str:
    """As `number`, with a plus before values above 0."""
    text = number(value, decimals)
    return f"+{text}" if value is not None and value > 0 and float(text) > 0 else text


def between(low: float | None, high: float | None, decimals: int = 3, *, sign: bool = False) -> str:
    """`0.871 to 0.940`; empty without an interval. `sign` writes a plus before limits above 0."""
    if low is None or high is None:
        return ""
    write = signed if sign else number
    return f"{write(low, decimals)} to {write(high, decimals)}"


def span(low: float | None, high: float | None) -> str:
    """`0.871–0.940`, the short form in tables; empty without an interval. For limits of 0 or more."""
    return "" if low is None or high is None else f"{number(low)}–{number(high)}"


def spread(value: float | None) -> str:
    """`sd 0.006`, the standard deviation over seeds; empty with one seed."""
    return "" if value is None else f"sd {number(value)}"


def p_value(value: float | None) -> str:
    """`0.034`, `< 0.001`."""
    return "< 0.001" if value is not None and value < 0.001 else number(value)


def whole(value: float | None) -> str:
    """`66,956,546`."""
    return NOTHING if value is None else f"{round(value):,}"


def rounded(value: float | None) -> str:
    """A count that is itself an estimate, to two significant digits: `14,000`."""
    if value is None:
        return NOTHING
    if value < 100:
        return f"{math.ceil(value)}"
    digits = 1 - math.floor(math.log10(value))
    return f"{round(value, digits):,.0f}"


def scientific(value: float | None) -> str:
    """A learning rate in three digits at most: `2.1e-4`, `1e-3`."""
    if value is None:
        return NOTHING
    exponent = math.floor(math.log10(value))
    if float(f"{value / 10**exponent:.3g}") >= 10:
        exponent += 1
    return f"{value / 10**exponent:.3g}e{exponent}"


def percent(share: float | None, decimals: int = 1) -> str:
    """`12.9 %`."""
    return NOTHING if share is None else f"{number(100 * share, decimals)} %"


def size(count: float | None) -> str:
    """Bytes in powers of 1000: `90.9 MB`."""
    if count is None:
        return NOTHING
    power = 0
    while count >= 1000 and power < len(_UNITS) - 1:
        count, power = count / 1000, power + 1
    return f"{count:.0f} {_UNITS[power]}" if power == 0 or count >= 100 else f"{count:.1f} {_UNITS[power]}"


def seconds(value: float | None) -> str:
    """`0.4 s`, `38 s`, `12 min 05 s`, `3 h 20 min`."""
    if value is None:
        return NOTHING
    if value < 10:
        return f"{value:.1f} s"
    if value < 120:
        return f"{value:.0f} s"
    if value < 7200:
        minutes, rest = divmod(round(value), 60)
        return f"{minutes} min {rest:02d} s"
    hours, rest = divmod(round(value / 60), 60)
    return f"{hours} h {rest:02d} min"


def milliseconds(value: float | None) -> str:
    """`8.4 ms`."""
    return NOTHING if value is None else f"{value:.2f} ms" if value < 1 else f"{value:.1f} ms"


def rate(value: float | None) -> str:
    """Comments per second: one decimal below 10, thousands separated."""
    return NOTHING if value is None else f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def layers(indices: list[int] | None) -> str:
    """`0, 2, 4`; consecutive indices as `0–11`."""
    if indices is None:
        return NOTHING
    if len(indices) > 2 and indices == list(range(indices[0], indices[-1] + 1)):
        return f"{indices[0]}–{indices[-1]}"
    return ", ".join(str(index) for index in indices)


def source(comparison: Mapping[str, Any]) -> str:
    """Where the comments came from: a hub name in full, a file by its name without its folder."""
    named = str((comparison.get("data") or {}).get("source") or "")
    if named == "sample":
        return "the embedded sample"
    return PurePath(named).name if PurePath(named).is_absolute() or "\\" in named or named.startswith(".") else named


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """`1 comment`, `3 comments`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def plain(name: str) -> str:
    """A name from a file as words: `spelling_variants` without its dashes."""
    return name.replace("_", " ")


def listed(names: list[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def why(entry: Mapping[str, Any] | None, otherwise: str = "not measured") -> str:
    """The reason recorded with a figure that is missing."""
    return str((entry or {}).get("why") or otherwise)
