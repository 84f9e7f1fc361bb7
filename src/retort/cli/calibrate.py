"""`retort calibrate`: maps a model's scores to the scale of another scorer, whose thresholds then still work."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retort.cli.options import Json, Model, reads_a_file

if TYPE_CHECKING:
    from retort.evaluation.score_mapping import FittedCurve


@reads_a_file
def calibrate(
    to: Annotated[
        Path, typer.Option("--to", metavar="FILE", help="Comments with the other scorer's scores, from 0 to 1.")
    ],
    model: Model,
    as_json: Json = False,
    *,
    columns: dict[str, str],
) -> None:
    """Map a model's scores to the scale of another scorer, and store the mapping with the model.

    Example: retort calibrate --to old_scores.csv --model runs/NAME/odd
    """
    from retort.recipes.calibrate import calibrate_model

    lines, fitted = calibrate_model(model, to, columns)
    for line in lines:
        typer.echo(line, err=True)
    if as_json:
        typer.echo(json.dumps({"calibrated": {name: one.as_json() for name, one in fitted.items()}}, allow_nan=False))
        return
    for line in _table(fitted):
        typer.echo(line)


def _table(fitted: "Mapping[str, FittedCurve]") -> Iterator[str]:
    yield f"{'':<16} {'fitted on':>9} {'judged on':>9}   {'mean difference':^17}   {'Spearman':^17}"
    for name, one in fitted.items():
        difference = [one.before.mean_absolute_difference, one.after.mean_absolute_difference]
        ranks = [one.before.spearman, one.after.spearman]
        yield f"{name:<16} {one.rows:>9,} {one.held_out:>9,}   {_change(difference)}   {_change(ranks)}"


def _change(values: Sequence[float | None]) -> str:
    before, after = ("–" if value is None else f"{value:.3f}" for value in values)
    return f"{before:>7} → {after:<7}"
