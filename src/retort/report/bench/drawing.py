"""The drawing of `retort bench`: one line per format, next to the limits of the machine."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from retort.report import canvas, display
from retort.report.bench.tables import PRECISIONS, Result, Row
from retort.report.style import ADAPTIVE, Mark, Theme, adapted, standalone

NAME = "bench"

# By the beginning of a format's name; the name of an export's folder may follow.
_MARKS = (
    ("torch, adapter", Mark("purple", "D", "-")),
    ("torch, merged", Mark("sky", "s", "-")),
    ("torch", Mark("blue", "o", "-")),
    ("onnx fp32", Mark("green", "^", "-")),
    ("onnx int8", Mark("vermillion", "v", "-")),
    ("tfidf", Mark("orange", "p", "-")),
)
_UNKNOWN = Mark("muted", "h", "-")
_CEILING_LINES: dict[str, Any] = {"fp32": (0, (1.2, 1.6)), "bf16": (0, (5, 2)), "int8": (0, (5, 1.6, 1.2, 1.6))}
# Inches, in units of one line of marks.
_LINE, _AROUND = 0.21, 1.15
# Space between two arms, in lines.
_GAP = 0.5
_SMALL = 7
# On an axis that spans less than this factor, ticks at powers of ten are too few.
_FEW_DECADES = 30


def write_drawings(result: Result, folder: Path) -> None:
    """Writes bench.svg (follows the reader's colour scheme), bench.png and bench-dark.png into `folder`."""
    with canvas.settings(NAME):
        figure = draw(result, ADAPTIVE)
        (folder / f"{NAME}.svg").write_text(standalone(adapted(canvas.as_svg(figure, NAME))), "utf-8")
        canvas.write_pngs(figure, folder, NAME)


def draw(result: Result, theme: Theme) -> Figure:
    """Latency, throughput, useful work against the ceilings, and memory, on the same lines."""
    rows = list(result["formats"])
    places = _places([row["arm"] for row in rows])
    lines = max(places) + 2.4
    figure, axes = canvas.panels(4, theme, False, columns=2, height=_AROUND + _LINE * lines, extra=0.3, sharey=True)
    latency, throughput, work, memory = axes
    _latency(latency, rows, places, theme, result["ceilings"]["all"])
    _throughput(throughput, rows, places, theme, result["ceilings"]["all"])
    _work(work, rows, places, theme, result["ceilings"]["all"])
    _memory(memory, rows, places, theme)
    for axis in axes:
        axis.set_yticks(places, [_label(row) for row in rows])
        # The first line on top, with room above it for the names of the ceilings.
        axis.set_ylim(max(places) + 0.8, -1.6)
        axis.grid(False, axis="y")
        axis.spines["left"].set_visible(False)
        axis.tick_params(axis="y", length=0)
    canvas.legend_above(figure, _legend(theme), theme, False)
    return figure


def _label(row: Row) -> str:
    return str(row["arm"] if row["arm"] == row["format"] else f"{row['arm']} · {row['format']}")


def _places(arms: Sequence[str]) -> list[float]:
    """Vertical position of each line from the top, with a gap between arms."""
    places, at = [], 0.0
    for index, arm in enumerate(arms):
        if index:
            at += 1 + (_GAP if arm != arms[index - 1] else 0)
        places.append(at)
    return places


def _legend(theme: Theme) -> list[Line2D]:
    muted: dict[str, Any] = {"color": theme["muted"], "linestyle": "none"}
    return [
        Line2D([], [], marker="o", markerfacecolor=theme["paper"], label="one comment at a time", **muted),
        Line2D([], [], marker="o", markerfacecolor=theme["muted"], label="many comments", **muted),
        Line2D([], [], marker="|", markersize=11, markeredgewidth=1.6, label="at the machine's ceiling", **muted),
    ]


def _latency(
    axis: Axes, rows: Sequence[Row], places: Sequence[float], theme: Theme, ceilings: Mapping[str, Any]
) -> None:
    for row, place in zip(rows, places, strict=True):
        look, taken = _mark(row), row["latency_ms"]
        axis.plot([taken["p50"], taken["p95"]], [place, place], color=theme[look.colour], linewidth=2, alpha=0.6)
        _point(axis, taken["p50"], place, look, theme, hollow=True)
        _number(axis, taken["p95"], place, _span(taken["p50"], taken["p95"]), theme)
        if row["useful"]:
            _limit(axis, row["flop_per_comment"] / ceilings[row["precision"]]["flop_per_second"] * 1000, place, theme)
    _logarithmic(axis, right=0.25)
    canvas.title(axis, "Latency of one comment", theme)
    axis.set_xlabel("ms, from median to 95th percentile; left is better")


def _span(low: float, high: float) -> str:
    """`2.9–7.2`, with decimals that fit the larger value."""
    decimals = 2 if high < 1 else 1 if high < 100 else 0
    return "–".join(f"{value:,.{decimals}f}" for value in (low, high))


def _throughput(
    axis: Axes, rows: Sequence[Row], places: Sequence[float], theme: Theme, ceilings: Mapping[str, Any]
) -> None:
    for row, place in zip(rows, places, strict=True):
        rate = row["comments_per_second"]
        _point(axis, rate, place, _mark(row), theme)
        # To the left; the ceiling is on the right.
        _number(axis, rate, place, display.rate(rate), theme, left=True)
        if row["useful"]:
            _limit(axis, ceilings[row["precision"]]["flop_per_second"] / row["flop_per_comment"], place, theme)
    _logarithmic(axis, left=0.1)
    canvas.title(axis, "Throughput", theme)
    axis.set_xlabel("comments per second; right is better")


def _work(axis: Axes, rows: Sequence[Row], places: Sequence[float], theme: Theme, ceilings: Mapping[str, Any]) -> None:
    for number, name in enumerate(kind for kind in PRECISIONS if kind in ceilings):
        rate = ceilings[name]["flop_per_second"] / 1e9
        axis.axvline(rate, color=theme["muted"], linewidth=1.1, linestyle=_CEILING_LINES[name])
        # Ceilings can be close together, so their names alternate in height.
        _number(axis, rate, -1.2 if number % 2 == 0 else -0.6, name, theme, gap=3)
    for row, place in zip(rows, places, strict=True):
        if row["useful"]:
            look = _mark(row)
            one, many = (row["useful"][which]["flop_per_second"] / 1e9 for which in ("one", "many"))
            axis.plot([one, many], [place, place], color=theme[look.colour], linewidth=1.2, alpha=0.6)
            _point(axis, one, place, look, theme, hollow=True)
            _point(axis, many, place, look, theme)
    _logarithmic(axis, right=0.08)
    canvas.title(axis, "Useful work, and the ceilings", theme)
    axis.set_xlabel("10⁹ operations per second; right is better")


def _memory(axis: Axes, rows: Sequence[Row], places: Sequence[float], theme: Theme) -> None:
    for row, place in zip(rows, places, strict=True):
        peak = row["memory_bytes"]["peak"]
        if peak is None:
            _number(axis, 0, place, "not measured", theme)
            continue
        axis.barh([place], [peak / 1e6], height=0.55, color=theme[_mark(row).colour], alpha=0.85)
        _number(axis, peak / 1e6, place, display.whole(peak / 1e6), theme)
    axis.set_xlim(0, 1.18 * max((row["memory_bytes"]["peak"] or 0) / 1e6 for row in rows) or 1)
    canvas.title(axis, "Resident memory", theme)
    axis.set_xlabel("MB at most, in a process of its own; left is better")


def _mark(row: Row) -> Mark:
    return next((mark for name, mark in _MARKS if str(row["format"]).startswith(name)), _UNKNOWN)


def _point(axis: Axes, x: float, y: float, look: Mark, theme: Theme, *, hollow: bool = False) -> None:
    axis.plot(
        [x], [y], marker=look.marker, color=theme[look.colour], linestyle="none", zorder=3,
        markerfacecolor=theme["paper"] if hollow else theme[look.colour],
    )  # fmt: skip


def _limit(axis: Axes, x: float, y: float, theme: Theme) -> None:
    axis.plot([x], [y], marker="|", markersize=11, markeredgewidth=1.6, color=theme["muted"], linestyle="none")


def _number(axis: Axes, x: float, y: float, text: str, theme: Theme, *, left: bool = False, gap: float = 6) -> None:
    """A text beside a mark, `gap` points away."""
    axis.annotate(
        text, (x, y), (-gap if left else gap, 0), textcoords="offset points", ha="right" if left else "left",
        va="center_baseline", fontsize=_SMALL, color=theme["ink"],
    )  # fmt: skip


def _logarithmic(axis: Axes, *, left: float = 0, right: float = 0) -> None:
    """A log axis with these shares of its width left free for numbers."""
    axis.set_xscale("log")
    axis.margins(x=0.06)
    low, high = axis.get_xlim()
    axis.set_xlim(low / (high / low) ** left, high * (high / low) ** right)
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < _FEW_DECADES else (1,)))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}" if x >= 1 else f"{x:g}"))
