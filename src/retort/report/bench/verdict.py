"""What a result of `retort bench` shows, in sentences; `result` is the content of bench.json."""

from collections.abc import Callable, Sequence

from retort.report import display
from retort.report.bench.tables import Result, Row
from retort.report.choice import SAME_SPEED

# Above this share of other load, times are unreliable.
_BUSY = 0.05


def verdict(result: Result) -> list[str]:
    """The fastest format for one comment and for many, and which exports passed their gate."""
    neural = [row for row in result["formats"] if row["precision"] is not None]
    others = [row for row in result["formats"] if row["precision"] is None]
    lines = []
    if neural:
        lines.append(_fastest("One comment at a time", neural, _latency, display.milliseconds))
        lines.append(_fastest("Many comments", neural, _throughput, lambda rate: f"{display.rate(rate)} comments/s"))
    lines += [
        f"{_name(row)} takes {display.milliseconds(_latency(row))} for one comment and rates "
        f"{display.rate(_throughput(row))} a second; it is not a neural model."
        for row in others
    ]
    return [*lines, _gates(neural), "Speed says nothing about quality: see the run's report."]


def _latency(row: Row) -> float:
    return float(row["latency_ms"]["p50"])


def _throughput(row: Row) -> float:
    return float(row["comments_per_second"])


def _fastest(what: str, rows: Sequence[Row], value: Callable[[Row], float], written: Callable[[float], str]) -> str:
    less_is_better = value is _latency

    def times_slower(row: Row) -> float:
        return value(row) / value(best) if less_is_better else value(best) / value(row)

    best = (min if less_is_better else max)(rows, key=value)
    slowest = max(rows, key=times_slower)
    equals = [row for row in rows if row is not best and times_slower(row) <= SAME_SPEED]
    sentence = f"{what}: {_name(best)} is fastest, {written(value(best))}"
    if equals:
        sentence += f" ({display.listed([_name(row) for row in equals])} within 10 % of it)"
    if times_slower(slowest) > SAME_SPEED:
        sentence += f"; {times_slower(slowest):.1f} × as fast as {_name(slowest)}, {written(value(slowest))}"
    return f"{sentence}."


def _name(row: Row) -> str:
    return str(row["arm"] if row["arm"] == row["format"] else f"{row['arm']} ({row['format']})")


def _gates(rows: Sequence[Row]) -> str:
    exports = [row for row in rows if row["gate"] is not None]
    if not exports:
        return "None of these is an export; `retort export MODEL --int8` makes one, and compares it with the model."
    passed = [row for row in exports if row["gate"]["passed"]]
    outdated = [_name(row) for row in exports if not row["gate"]["passed"]]
    sentences = []
    if passed:
        sentences.append(f"Passed the parity gate when exported: {display.listed([_checked(row) for row in passed])}.")
    if any(row["gate"]["weak"] for row in passed):
        sentences.append("With so few rows the gate is weak and can miss a relevant loss.")
    if outdated:
        sentences.append(f"The model has changed since the export, export again: {display.listed(outdated)}.")
    return " ".join(sentences)


def _checked(row: Row) -> str:
    rows = row["gate"]["rows"]
    return _name(row) if rows is None else f"{_name(row)} on {display.counted(rows, 'row')}"


def warnings(result: Result) -> list[str]:
    """Reasons to distrust the figures, and which of them are missing."""
    lines = [f"{name} is left out: {why}" for name, why in result["left_out"].items()]
    share = max(result["other_programs"].values())
    if share > _BUSY:
        lines.append(
            f"other programs used {display.percent(share, 0)} of the machine during the measurement; "
            "measure again when it is idle"
        )
    if any((row["useful"] or {}).get("many", {}).get("of_ceiling", 0) > 1 for row in result["formats"]):
        lines.append("a model was faster than the ceiling: the machine was slower while the ceiling was measured")
    if result["int8_instructions"] is False:
        lines.append(f"this processor has no VNNI, without which int8 may not be faster; {_faster_formats(result)}")
    return lines


def _faster_formats(result: Result) -> str:
    """The fastest format, with many comments, of every arm measured in several precisions."""
    found = []
    for arm in dict.fromkeys(row["arm"] for row in result["formats"]):
        rows = [row for row in result["formats"] if row["arm"] == arm and row["precision"] is not None]
        if len({row["precision"] for row in rows}) > 1:
            fastest = max(rows, key=_throughput)["format"]
            found.append(f"of {arm}, {fastest} was faster here")
    return "; ".join(found) or "no arm has both to compare"
