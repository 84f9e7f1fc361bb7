"""Would other comments have said the same? The comparison repeated on other draws and splits of the data."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from retort.report import canvas, display
from retort.report.comparison import Comparison
from retort.report.comparison_tables import verdict_words
from retort.report.plots import Plot
from retort.report.run_folder import Run
from retort.report.style import Theme, marks
from retort.report.tables import Cell, Column, Table, figure_cell

TITLE = "Other draws of the data"
POSITION = 35

# One entry of "resplits" in comparison.json.
Draw = Mapping[str, Any]


def content(run: Run) -> dict[str, Any] | None:
    """A row for each draw, and how often they agree; nothing without resplits."""
    draws = draws_of(run.comparison)
    if not draws:
        return None
    return {
        "answer": same_answer(draws),
        "draws": draws_table(run.comparison, draws),
        "agreement": agreement_table(draws, run.comparison.constant),
    }


def draws_of(comparison: Comparison) -> list[Draw]:
    """The draws and splits of the data that were judged, the run's own first; empty without resplits."""
    return list(comparison.content.get("resplits") or [])


def same_answer(draws: list[Draw]) -> str:
    """Would another draw have said the same? In two sentences that only count."""
    winners = Counter(winner for draw in draws if (winner := _highest(draw)) is not None)
    advised = Counter((draw.get("recommendation") or {}).get("arm") for draw in draws)
    number = len(draws)
    rows = display.counted(int(draws[0]["rows"]), "test comment")
    text = f"Would another {rows} have said the same?"
    if winners:
        arm, times = winners.most_common(1)[0]
        text += f" The highest average precision was that of {arm} in {times} of {number} draws"
        others = [f"{name} in {count}" for name, count in winners.most_common()[1:]]
        text += f" (of {display.listed(others)})." if others else "."
    said = [f"{arm} in {count}" for arm, count in advised.most_common() if arm is not None]
    if not said:
        return f"{text} None of the draws recommends a model."
    none = f"; none in {advised[None]}" if advised[None] else ""
    return f"{text} Recommended: {display.listed(said)}{none}."


def _highest(draw: Draw) -> str | None:
    values = {arm: _figure(draw, arm).get("value") for arm in draw["arms"]}
    known = {arm: value for arm, value in values.items() if value is not None}
    return max(known, key=lambda arm: known[arm]) if known else None


def _figure(draw: Draw, arm: str) -> Mapping[str, Any]:
    return (draw["arms"].get(arm) or {}).get("average_precision") or {}


def draws_table(comparison: Comparison, draws: list[Draw]) -> Table:
    """Test comments, positives, average precision of every arm, odd − even, and the recommended arm of every draw."""
    arms = [arm for arm in comparison.models if any(arm in draw["arms"] for draw in draws)]
    pair = any(_pair(draw, "odd", "even") for draw in draws)
    columns = (
        Column("data seed", numeric=False),
        Column("test comments"),
        *map(Column, arms),
        *([Column("odd − even")] if pair else []),
        Column("recommended", numeric=False),
    )
    rows = tuple(_row(comparison, draw, arms, with_pair=pair) for draw in draws)
    return Table(columns, rows, "Average precision on each draw's own test split, with 95 % intervals.")


def _row(comparison: Comparison, draw: Draw, arms: list[str], *, with_pair: bool) -> tuple[Cell, ...]:
    positives = f"{draw['positives']:,} {comparison.task.adjective}"
    advice = (draw.get("recommendation") or {}).get("arm")
    return (
        Cell(str(draw["data_seed"])),
        Cell(display.whole(draw["rows"]), note=positives),
        *(figure_cell(_figure(draw, arm)) for arm in arms),
        *([_difference(_pair(draw, "odd", "even"))] if with_pair else []),
        Cell(advice or "none shown", tone="good" if advice else "unsure"),
    )


def _pair(draw: Draw, a: str, b: str) -> Mapping[str, Any] | None:
    """The row of a pair of a draw, if it is there with this order."""
    return next((row for row in draw.get("pairs") or [] if (row["a"], row["b"]) == (a, b)), None)


def _difference(row: Mapping[str, Any] | None) -> Cell:
    if row is None or row["difference"] is None:
        return Cell(display.NOTHING, why=display.why(row, "not computed"))
    return Cell(display.signed(row["difference"]), note=f"{display.between(row['low'], row['high'], sign=True)}")


def agreement_table(draws: list[Draw], constant: str | None) -> Table:
    """Of every pair of models, in how many draws the first had the higher figure, and what the verdicts were."""
    names = dict.fromkeys((row["a"], row["b"]) for draw in draws for row in draw.get("pairs") or [])
    names = dict.fromkeys(pair for pair in names if constant not in pair)
    rows, same_sign, same_verdict = [], 0, 0
    for a, b in names:
        found = [row for draw in draws if (row := _pair(draw, a, b)) is not None and row["difference"] is not None]
        if not found:
            continue
        values = [row["difference"] for row in found]
        verdicts = Counter(verdict_words(row) for row in found)
        ahead = sum(value > 0 for value in values)
        same_sign += ahead in (0, len(found))
        same_verdict += len(verdicts) == 1
        said = ", ".join(
            f"{words} ({count})" if len(verdicts) > 1 else words for words, count in verdicts.most_common()
        )
        rows.append(
            (
                Cell(f"{a} − {b}"),
                Cell(f"{ahead} of {len(found)}"),
                Cell(display.between(min(values), max(values), sign=True)),
                Cell(said, tone="unsure" if len(verdicts) > 1 else ""),
            )
        )
    columns = (
        Column("compared", numeric=False), Column("first is higher"), Column("smallest to largest"),
        Column("verdicts", numeric=False),
    )  # fmt: skip
    caption = (
        f"How the draws agree about each pair, by average precision. Of {display.counted(len(rows), 'pair')}, "
        f"{same_sign} had the same sign in every draw, and {same_verdict} the same verdict."
    )
    return Table(columns, tuple(rows), caption)


def figures_by_draw(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """Average precision of every arm, a mark for each draw; the run's own draw is filled."""
    comparison, looks, draws = run.comparison, marks(run.comparison), draws_of(run.comparison)
    arms = [arm for arm in comparison.arms if any(_figure(draw, arm).get("value") is not None for draw in draws)]
    if not arms:
        return None
    figure, (axis,) = canvas.panels(1, theme, narrow, columns=1, height=0.28 * len(arms) + 0.7)
    for arm, place in zip(arms, canvas.line_places(len(arms)), strict=True):
        colour = theme[looks[arm].colour]
        values = [(index, value) for index, draw in enumerate(draws) if (value := _figure(draw, arm).get("value"))]
        axis.plot(
            [min(value for _, value in values), max(value for _, value in values)], [place, place], color=colour,
            linewidth=1.2, alpha=0.4,
        )  # fmt: skip
        for index, value in values:
            face = colour if index == 0 else theme["paper"]
            axis.plot(
                [value], [place], color=colour, marker=looks[arm].marker, markersize=6, linestyle="none",
                markerfacecolor=face, alpha=0.9,
            )  # fmt: skip
    canvas.name_lines(axis, arms)
    axis.xaxis.set_major_locator(MaxNLocator(5 if narrow else 9))
    axis.set_xlabel("average precision on the draw's test split")
    return figure


PLOTS = (
    Plot(
        "draws",
        "Average precision by draw",
        "Each mark is one draw and split of the data, trained and judged anew; filled is the one that the rest of this "
        "report is about. Where the marks of two models mix, which of them is ahead depends on the draw.",
        figures_by_draw,
    ),
)
