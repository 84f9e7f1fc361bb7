"""What `retort bench` found, as tables and in words; `result` is what bench.json holds."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from retort.report import formats
from retort.report.tables import Cell, Column, Table

Result = Mapping[str, Any]
Row = Mapping[str, Any]

PRECISIONS = ("fp32", "bf16", "int8")

# Nearer than this is one speed: noise must not choose between formats that do the same work.
_SAME_SPEED = 1.1


def speed_table(result: Result) -> Table:
    """A row for each arm and format: latency, throughput, how near the ceiling, memory, gate."""
    columns = (
        Column("model", numeric=False),
        Column("format", numeric=False),
        Column("one comment"),
        Column("p95"),
        Column("comments/s"),
        Column("of ceiling, one"),
        Column("many"),
        Column("memory"),
        Column("gate", numeric=False),
    )
    return Table(columns, tuple(_speed_row(row) for row in result["formats"]))


def _speed_row(row: Row) -> tuple[Cell, ...]:
    useful = row["useful"] or {}
    shares = [(useful.get(which) or {}).get("of_ceiling") for which in ("one", "many")]
    memory = row["memory_bytes"]
    return (
        Cell(row["arm"]),
        Cell(row["format"]),
        Cell(formats.milliseconds(row["latency_ms"]["p50"])),
        Cell(formats.milliseconds(row["latency_ms"]["p95"])),
        Cell(formats.rate(row["comments_per_second"])),
        *(Cell(formats.percent(share, 0), why="" if share is not None else row.get("why", "")) for share in shares),
        Cell(formats.size(memory["peak"]), why=memory.get("why", "")),
        Cell(_gate(row["gate"])),
    )


def _gate(gate: Mapping[str, Any] | None) -> str:
    if gate is None:
        return formats.NOTHING
    if not gate["passed"]:
        return "out of date"
    rows = "" if gate["rows"] is None else f", {gate['rows']:,} rows"
    return f"passed{rows}{' (weak)' if gate['weak'] else ''}"


def ceilings_table(result: Result) -> Table:
    """A row for each precision: what the machine reaches with all cores and with one, and by which engine."""
    every, one, gpu = (result["ceilings"].get(which) or {} for which in ("all", "one", "gpu"))
    columns = [
        Column("ceiling", numeric=False),
        Column(formats.counted(every["threads"], "core")),
        Column("1 core"),
        Column("engine", numeric=False),
    ]
    rows = [
        (Cell(name), _rate(every[name]), _rate(one[name]), Cell(every[name]["engine"]))
        for name in PRECISIONS
        if name in every
    ]
    rows += [
        (Cell(f"{name}, GPU"), _rate(found), Cell(formats.NOTHING), Cell(found["engine"]))
        for name, found in gpu.items()
    ]
    return Table(tuple(columns), tuple(rows))


def _rate(found: Mapping[str, Any]) -> Cell:
    return Cell(operations(found["flop_per_second"]))


def operations(per_second: float) -> str:
    """`142 G/s`: operations per second, a multiply and an add being two."""
    for limit, unit in ((1e12, "T"), (1e9, "G")):
        if per_second >= limit:
            return f"{per_second / limit:.3g} {unit}/s"
    return f"{per_second / 1e6:.3g} M/s"


def measured_on(result: Result) -> str:
    """`64 test comments of the run, 2 threads`: what all figures are of."""
    tokens = next((row["tokens_per_comment"] for row in result["formats"] if row["tokens_per_comment"]), None)
    mean = "" if tokens is None else f", {tokens:.0f} tokens each on average"
    comments = result["comments"]
    return f"{comments['count']:,} {comments['origin']}{mean}; {formats.counted(result['threads'], 'thread')}"


def verdict(result: Result) -> list[str]:
    """Sentences: what is fastest for one comment and for many, and which exports passed their gate."""
    neural = [row for row in result["formats"] if row["precision"] is not None]
    others = [row for row in result["formats"] if row["precision"] is None]
    lines = []
    if neural:
        lines.append(_fastest("One comment at a time", neural, _latency, formats.milliseconds))
        lines.append(_fastest("Many comments", neural, _throughput, lambda rate: f"{formats.rate(rate)} comments/s"))
    lines += [
        f"{_name(row)} takes {formats.milliseconds(_latency(row))} for one comment and rates "
        f"{formats.rate(_throughput(row))} a second; it is no neural model."
        for row in others
    ]
    return [*lines, _gates(neural), "Fast is not good: how well each arm judges, the run's report says."]


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
    equals = [row for row in rows if row is not best and times_slower(row) <= _SAME_SPEED]
    said = f"{what}: {_name(best)} is fastest, {written(value(best))}"
    if equals:
        said += f" ({formats.listed([_name(row) for row in equals])} within 10 % of it)"
    if times_slower(slowest) > _SAME_SPEED:
        said += f"; {times_slower(slowest):.1f} × as fast as {_name(slowest)}, {written(value(slowest))}"
    return f"{said}."


def _name(row: Row) -> str:
    return str(row["arm"] if row["arm"] == row["format"] else f"{row['arm']} ({row['format']})")


def _gates(rows: Sequence[Row]) -> str:
    exports = [row for row in rows if row["gate"] is not None]
    if not exports:
        return "None of these is an export; `retort export MODEL --int8` makes one, and checks that it says the same."
    passed = [row for row in exports if row["gate"]["passed"]]
    outdated = [_name(row) for row in exports if not row["gate"]["passed"]]
    said = []
    if passed:
        said.append(f"Passed the parity gate when exported: {formats.listed([_checked(row) for row in passed])}.")
    if any(row["gate"]["weak"] for row in passed):
        said.append("On so few rows the gate is weak: a loss that matters can go unseen.")
    if outdated:
        said.append(f"Made of a model that has changed since, export anew: {formats.listed(outdated)}.")
    return " ".join(said)


def _checked(row: Row) -> str:
    rows = row["gate"]["rows"]
    return _name(row) if rows is None else f"{_name(row)} on {formats.counted(rows, 'row')}"
