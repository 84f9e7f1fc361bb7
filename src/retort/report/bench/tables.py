"""The tables of `retort bench`; `result` is the content of bench.json."""

from collections.abc import Mapping
from typing import Any

from retort.report import display
from retort.report.tables import Cell, Column, Table

Result = Mapping[str, Any]
Row = Mapping[str, Any]

PRECISIONS = ("fp32", "bf16", "int8")


def speed_table(result: Result) -> Table:
    """One row per format: latency, throughput, share of the ceiling, memory, parity gate."""
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
        Cell(display.milliseconds(row["latency_ms"]["p50"])),
        Cell(display.milliseconds(row["latency_ms"]["p95"])),
        Cell(display.rate(row["comments_per_second"])),
        *(Cell(display.percent(share, 0), why="" if share is not None else row.get("why", "")) for share in shares),
        Cell(display.size(memory["peak"]), why=memory.get("why", "")),
        Cell(_gate(row["gate"])),
    )


def _gate(gate: Mapping[str, Any] | None) -> str:
    if gate is None:
        return display.NOTHING
    if not gate["passed"]:
        return "out of date"
    rows = "" if gate["rows"] is None else f", {gate['rows']:,} rows"
    return f"passed{rows}{' (weak)' if gate['weak'] else ''}"


def ceilings_table(result: Result) -> Table:
    """One row per precision: the machine's rate with all cores and with one, and the engine that reached it."""
    every, one, gpu = (result["ceilings"].get(which) or {} for which in ("all", "one", "gpu"))
    columns = [
        Column("ceiling", numeric=False),
        Column(display.counted(every["threads"], "core")),
        Column("1 core"),
        Column("engine", numeric=False),
    ]
    rows = [
        (Cell(name), _rate(every[name]), _rate(one[name]), Cell(every[name]["engine"]))
        for name in PRECISIONS
        if name in every
    ]
    rows += [
        (Cell(f"{name}, GPU"), _rate(found), Cell(display.NOTHING), Cell(found["engine"]))
        for name, found in gpu.items()
    ]
    return Table(tuple(columns), tuple(rows))


def _rate(found: Mapping[str, Any]) -> Cell:
    return Cell(operations(found["flop_per_second"]))


def operations(per_second: float) -> str:
    """`142 G/s`: operations per second; a multiply and an add are two."""
    for limit, unit in ((1e12, "T"), (1e9, "G")):
        if per_second >= limit:
            return f"{per_second / limit:.3g} {unit}/s"
    return f"{per_second / 1e6:.3g} M/s"


def measured_on(result: Result) -> str:
    """`64 test comments of the run; 2 threads`: the conditions of the measurement."""
    tokens = next((row["tokens_per_comment"] for row in result["formats"] if row["tokens_per_comment"]), None)
    mean = "" if tokens is None else f", {tokens:.0f} tokens each on average"
    comments = result["comments"]
    return f"{comments['count']:,} {comments['origin']}{mean}; {display.counted(result['threads'], 'thread')}"
