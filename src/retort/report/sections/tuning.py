"""The settings that were searched on validation: every trial of every model."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from retort.report import canvas, display
from retort.report.plots import Plot
from retort.report.run_folder import Run
from retort.report.style import Theme, marks
from retort.report.tables import Cell, Column, Table, number_cell

TITLE = "Searched settings"
POSITION = 45

_CHOSEN_SIZE, _SIZE = 10, 5.5


def content(run: Run) -> dict[str, Any] | None:
    """A table of trials for each searched model; nothing where nothing was searched."""
    searches = _searches(run)
    if not searches:
        return None
    tables = [(arm, _table(search)) for arm, search in searches.items()]
    return {"trials": run.comparison.content["tuning"]["trials"], "tables": tables}


def _searches(run: Run) -> Mapping[str, Mapping[str, Any]]:
    return (run.comparison.content.get("tuning") or {}).get("arms") or {}


def _table(search: Mapping[str, Any]) -> Table:
    ranks = "r" in search["range"]
    low, high = search["range"]["learning_rate"]
    caption = f"Learning rates from {display.scientific(low)} to {display.scientific(high)}"
    if ranks:
        caption += f", ranks of {display.listed([str(r) for r in search['range']['r']])} with alpha in proportion"
    return Table(
        (
            Column("trial"),
            Column("learning rate"),
            *([Column("rank")] if ranks else []),
            Column("average precision"),
            Column("epochs"),
            Column("outcome", numeric=False),
        ),
        tuple(_row(search, number, trial) for number, trial in enumerate(search["trials"], 1)),
        f"{caption}. Average precision on validation, of the epoch kept. {display.seconds(search['seconds'])} in all.",
    )


def _row(search: Mapping[str, Any], number: int, trial: Mapping[str, Any]) -> tuple[Cell, ...]:
    return (
        Cell(f"{number}"),
        Cell(display.scientific(trial["learning_rate"]), note="as set" if number == 1 else ""),
        *([Cell(display.whole(trial["r"]))] if "r" in search["range"] else []),
        number_cell(trial["average_precision"], display.why(trial)),
        Cell(display.whole(trial["epochs"])),
        _outcome(search, number, trial),
    )


def _outcome(search: Mapping[str, Any], number: int, trial: Mapping[str, Any]) -> Cell:
    if number == search["chosen"]["trial"]:
        return Cell("chosen", tone="good")
    return Cell({"complete": "", "pruned": "given up", "failed": "failed"}[trial["state"]])


def rates(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """One panel for each searched model: average precision on validation against the learning rate, on a log axis."""
    searches, looks = _searches(run), marks(run.comparison)
    if not searches:
        return None
    figure, axes = canvas.panels(
        len(searches), theme, narrow, columns=4 if len(searches) == 4 else 3, height=1.7, extra=0.8, sharey=True
    )
    for (arm, search), axis in zip(searches.items(), axes, strict=True):
        _points(axis, search, theme, looks[arm].colour)
        low, high = search["range"]["learning_rate"]
        axis.set_xscale("log")
        axis.margins(y=0.15)
        axis.set_xlim(low / 1.5, high * 1.5)
        axis.set_xticks([low, (low * high) ** 0.5, high])
        axis.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: display.scientific(rate)))
        axis.xaxis.set_minor_formatter(NullFormatter())
        canvas.title(axis, arm, theme)
    figure.supxlabel("learning rate", fontsize=8.5, color=theme["muted"])
    figure.supylabel("average precision, validation", fontsize=8.5, color=theme["muted"])
    canvas.legend_above(figure, _legend(theme), theme, narrow)
    return figure


def _points(axis: Axes, search: Mapping[str, Any], theme: Theme, colour: str) -> None:
    for number, trial in enumerate(search["trials"], 1):
        place = trial["learning_rate"], trial["average_precision"]
        if place[1] is None:
            continue
        filled = theme[colour] if trial["state"] == "complete" else theme["paper"]
        style: dict[str, Any] = {"linestyle": "none", "color": theme[colour], "marker": "o"}
        axis.plot(*place, markersize=_SIZE, markerfacecolor=filled, **style)
        if number == search["chosen"]["trial"]:
            axis.plot(*place, markersize=_CHOSEN_SIZE, markerfacecolor="none", **style)
        if "r" in trial:
            axis.annotate(
                f"r {trial['r']}", place, xytext=(0, 6), textcoords="offset points", ha="center", fontsize=7,
                color=theme["muted"],
            )  # fmt: skip


def _legend(theme: Theme) -> list[Line2D]:
    ink: dict[str, Any] = {"color": theme["ink"], "linestyle": "none", "marker": "o"}
    return [
        Line2D([], [], markersize=_SIZE, label="trained to the end", **ink),
        Line2D([], [], markersize=_SIZE, markerfacecolor=theme["paper"], label="given up early", **ink),
        Line2D([], [], markersize=_CHOSEN_SIZE, markerfacecolor="none", label="chosen", **ink),
    ]


PLOTS = (
    Plot(
        "tuning",
        "Average precision by learning rate",
        "Each point is one training. Where neighbours differ as much as the best from the rest, the search shows only "
        "which rates are too low or too high. Failed trials have no point.",
        rates,
    ),
)
